"""The report in fixed words: the same measurements give the same text, and no model is needed."""

from importlib.metadata import PackageNotFoundError, version

from ecgseg.measure.model import Measurement, Measurements
from ecgseg.output.about import software
from ecgseg.recording import Recording
from ecgseg.report.context import context_slots, weights_of
from ecgseg.report.model import SECTIONS, Report, Sentence
from ecgseg.report.slots import Slot, measured_slots
from ecgseg.report.wording import COMMON, name_of, reason, shown


def all_slots(measurements: Measurements, recording: Recording | None = None) -> list[Slot]:
    """Return every statement of the report, section by section."""
    slots = [*measured_slots(measurements), *context_slots(measurements, recording)]
    return [s for key in SECTIONS for s in slots if s.section == key]


def template_report(measurements: Measurements, recording: Recording | None = None) -> Report:
    """Return the report in the template's words; the recording adds what is known of the page."""
    sentences = tuple(as_sentence(slot) for slot in all_slots(measurements, recording))
    return Report(name=measurements.name, sentences=sentences, **about(measurements, recording))


def as_sentence(slot: Slot) -> Sentence:
    """Return the template's sentence of a slot."""
    return Sentence(slot.section, slot.name, slot.text, slot.evidence)


def about(measurements: Measurements, recording: Recording | None) -> dict:
    """Return the fields of a Report that do not depend on who words it."""
    return {
        "weights": weights_of(recording),
        "software": _software() if recording is None else software(recording),
        "patient": dict(measurements.patient),
        "table": tuple(_row(measurements, key) for key in COMMON if key not in ("spikes", "other_beats")),
    }


def _row(measurements: Measurements, key: str) -> dict:
    """Return a measurement as a row of the report's table; a dash is what is not there."""
    m = measurements.values[key]
    return {
        "measurement": name_of(m.key),
        "value": "–" if m.value is None else shown(m),
        "usual": _range(m),
        "flag": m.flag if m.flag in ("low", "high") else "",
        "spread": "–" if m.spread is None else f"{m.spread:g}",
        "confidence": "–" if m.value is None else f"{m.confidence:.2f}",
        "note": reason(measurements, key) if m.reason else "",
    }


def _range(m: Measurement) -> str:
    if m.reference is None:
        return ""
    low, high = m.reference.low, m.reference.high
    return f"up to {high:g}" if low is None else f"{low:g} to {high:g}".replace("-", "−")


def _software() -> str:
    try:
        return f"ecgseg {version('ecgseg')}"
    except PackageNotFoundError:  # run from its folder
        return "ecgseg, not installed"
