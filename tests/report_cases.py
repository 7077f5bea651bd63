"""Measurements to report on, made once for all tests of the report."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from ecgseg.measure import measure
from ecgseg.measure.judge import as_page
from ecgseg.measure.model import Measurements
from ecgseg.recording import Recording
from ecgseg.simulate import KINDS, add_artefacts, simulate


@lru_cache
def simulated(kind: str, seed: int = 0, page: bool = False) -> Recording:
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    recording = add_artefacts(simulate(rng, kind), rng, ["wander", "muscle"])
    return as_page(recording) if page else recording


@lru_cache
def measured(
    kind: str, seed: int = 0, sex: str | None = "male", age: float | None = 60, page: bool = False
) -> Measurements:
    return measure(simulated(kind, seed, page), sex, age)


def with_values(m: Measurements, **changed) -> Measurements:
    """The same with other numbers; flags and findings stay."""
    values = dict(m.values)
    for key, value in changed.items():
        values[key] = replace(values[key], value=value)
    return replace(m, values=values)


def with_status(m: Measurements, status: str, *keys: str, leads: tuple[str, ...] = ()) -> Measurements:
    findings = dict(m.findings)
    for key in keys:
        findings[key] = replace(findings[key], status=status, leads=leads, reason=None)
    return replace(m, findings=findings)
