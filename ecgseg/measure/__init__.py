"""Recording → Measurements: rate, intervals, axes, amplitudes and findings, each with what it rests on.

Research tool, not a medical device. What cannot be told is missing with a reason, never filled in.
"""

import math

from ecgseg.measure.analyse import analyse
from ecgseg.measure.model import Finding, Measurement, Measurements, Reference
from ecgseg.measure.options import load_options
from ecgseg.measure.rules import all_findings
from ecgseg.measure.values import all_values
from ecgseg.recording import Recording

__all__ = ["Finding", "Measurement", "Measurements", "Reference", "load_options", "measure"]

SEXES = ("male", "female")


def measure(
    recording: Recording, sex: str | None = None, age: float | None = None, options: dict | None = None
) -> Measurements:
    """Return all measurements and findings of a recording.

    sex (male or female) and age (years) choose limits that depend on them; None: not known, and a finding that turns
    on them is not assessable. options: as `load_options` returns them. Raises ValueError on another sex or an age
    outside 0 to 130.
    """
    if sex not in (None, *SEXES):
        raise ValueError(f"sex is '{sex}'; expected {' or '.join(SEXES)}, or None if it is not known")
    if age is not None and not 0 <= age <= 130:
        raise ValueError(f"age is {age}; expected years from 0 to 130, or None if it is not known")
    options = load_options() if options is None else options
    analysis = analyse(recording, options)
    values = all_values(analysis, sex, age, options)
    beat = analysis.beat
    return Measurements(
        name=recording.name,
        values=values,
        findings=all_findings(values, sex, age),
        leads={} if beat is None else {x: int(n) for x, n in zip(beat.leads, beat.count, strict=True) if n},
        dropped=analysis.signals.dropped,
        beats_s=tuple(analysis.beats.at.tolist()),
        usual=tuple(analysis.beats.usual.tolist()),
        bounds_s={k: round(v, 4) if math.isfinite(v) else None for k, v in analysis.bounds.items()},
        patient={"sex": sex, "age": age},
    )
