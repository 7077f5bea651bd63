"""What measuring gives: measurements, findings, checks, and their JSON. No free text, no number without its unit."""

import json
import math
from dataclasses import asdict, dataclass, field

import numpy as np

NOTICE = "Research tool, not a medical device: not for diagnosis."
PRESENT, ABSENT, NOT_ASSESSABLE = "present", "absent", "not_assessable"


@dataclass(frozen=True)
class Reference:
    """The usual range of a value (either end may be open) and where it is published."""

    low: float | None
    high: float | None
    source: str


@dataclass(frozen=True)
class Measurement:
    """One value, or why there is none.

    key: "pr", or with a lead "st_j.V3"; value None where missing, then `reason` says why; unit: ms, mV, mV·ms, deg,
    1/min, s, or % ; leads, method, beats: what it is from; spread: how far two halves of the beats (or, for RR, the
    beats themselves) lie apart, in the unit, None where there is too little for two halves; confidence: 0 to 1, the
    recording's own confidence lowered by few beats and by spread: an order, not a probability; flag: low, normal,
    high, or None where there is no range or it does not apply (`reason` then says why).
    """

    key: str
    value: float | None
    unit: str
    leads: tuple[str, ...] = ()
    method: str = ""
    beats: int = 0
    spread: float | None = None
    confidence: float = 0.0
    reference: Reference | None = None
    flag: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Finding:
    """The outcome of one rule.

    key names the rule; status: present, absent or not_assessable (`reason` says why); leads: where it is seen;
    evidence: keys of the measurements it rests on; criterion and source: the published rule.
    """

    key: str
    name: str
    status: str
    criterion: str
    source: str
    evidence: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Measurements:
    """All that was measured on one recording.

    values: key -> Measurement; findings: key -> Finding; leads: lead -> beats behind it; dropped: lead -> why it is
    not used; beats_s: instants of the beats in s; usual: which of them are of the commonest form; bounds_s: P, QRS and
    T bounds of the median beat in s about these instants; patient: sex and age as given.
    """

    name: str
    values: dict[str, Measurement]
    findings: dict[str, Finding]
    leads: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    beats_s: tuple[float, ...] = ()
    usual: tuple[bool, ...] = ()
    bounds_s: dict[str, float | None] = field(default_factory=dict)
    patient: dict[str, str | float | None] = field(default_factory=dict)

    def value(self, key: str) -> float | None:
        """Return the number of a measurement, None where it is missing; KeyError on a key that does not exist."""
        return self.values[key].value

    def present(self) -> list[Finding]:
        """Return the findings that are there."""
        return [f for f in self.findings.values() if f.status == PRESENT]

    def to_dict(self) -> dict:
        """Return everything as dicts, lists, strings, finite numbers, booleans and None: what JSON holds."""
        return {
            "format": "ecgseg.measurements/1",
            "notice": NOTICE,
            "name": self.name,
            "patient": dict(self.patient),
            "leads": dict(self.leads),
            "dropped": dict(self.dropped),
            "beats_s": [round(t, 4) for t in self.beats_s],
            "usual": list(self.usual),
            "bounds_s": dict(self.bounds_s),
            "measurements": {k: _plain(asdict(m)) for k, m in self.values.items()},
            "findings": {k: _plain(asdict(f)) for k, f in self.findings.items()},
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def table(self) -> list[dict]:
        """Return the per-lead table of the original study; see `ecgseg.measure.table`."""
        from ecgseg.measure.table import lead_table

        return lead_table(self)


def number(value: float, unit: str) -> float | None:
    """Return a value rounded to what its unit is worth (ms, deg, 1/min: 0.1; mV: 0.001), None for NaN."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), {"mV": 4, "s": 4, "mV·ms": 2}.get(unit, 1))


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value
