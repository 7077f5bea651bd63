"""What a report says of the page and of contradictions: always in the template's words, never given to a model."""

import math
from statistics import median

import numpy as np

from ecgseg.measure.model import ABSENT, NOT_ASSESSABLE, PRESENT, Measurements
from ecgseg.recording import Recording
from ecgseg.report.slots import NA, Slot
from ecgseg.report.wording import COMMON, FINDINGS, listed, name_of, reason, shown, upper

_LOW_QUALITY = 0.5  # quality and confidence that promise about 10 dB, see docs/model-card.md
# What commercial carts differ by at the 75th percentile (ms): so near to a limit, either side may be right.
_NEAR = {"pr": 6.0, "qrs": 8.0, "qtc_fridericia": 10.0}
_QRS_LIMITS = (110.0, 120.0)
_ELECTRODES = ("limb_leads_disagree", "arm_electrodes")
_APART = "two halves of the beats"
NOT_LOOKED_FOR = (
    "Not looked for: atrial flutter, P waves that are not conducted, pre-excitation, and whatever is not listed in "
    "docs/measurements.md; no finding does not mean a normal ECG. A physician has to read the ECG itself"
)


def context_slots(m: Measurements, recording: Recording | None) -> list[Slot]:
    """Return the fixed statements on quality, on contradictions, and the closing one."""
    return [*_quality(m, recording), *_disagreements(m), *_closing(recording)]


def weights_of(recording: Recording | None) -> dict[str, str]:
    """Return file -> SHA-256 of the networks that read the page; empty where none did."""
    found = {} if recording is None else recording.provenance.get("weights") or {}
    parts = [found, *(v for v in found.values() if isinstance(v, dict))]
    return {p["file"]: p["sha256"] for p in parts if "file" in p and "sha256" in p}


def _fixed(section: str, name: str, text: str, *evidence: str) -> Slot:
    return Slot(section, name, f"{upper(text).rstrip('.')}.", tuple(evidence), (), True)


def _quality(m: Measurements, recording: Recording | None) -> list[Slot]:
    slots = [] if recording is None else [*_page(recording), *_read(recording)]
    if m.dropped:
        text = ", ".join(f"{lead} ({why})" for lead, why in m.dropped.items())
        slots.append(_fixed("quality", "dropped", f"not used for measuring: {text}", "recording:leads"))
    if m.leads:
        counts = ", ".join(f"{lead} {n}" for lead, n in m.leads.items())
        slots.append(_fixed("quality", "beats", f"beats behind the values of each lead: {counts}", "recording:leads"))
    else:
        slots.append(_fixed("quality", "beats", "no lead could be measured", "recording:leads"))
    for k, warning in enumerate([] if recording is None else recording.warnings, 1):
        slots.append(_fixed("quality", f"warning_{k}", f"warning of the digitizer: {warning}", "recording:warnings"))
    return slots


def _page(recording: Recording) -> list[Slot]:
    about = recording.provenance
    if "software" not in about:
        text = "the recording is a file of samples; no picture was read"
        return [_fixed("quality", "page", text, "recording:provenance")]
    parts = []
    if "layout" in about:
        parts.append(f"layout {about['layout']['name']}")
    if "speed_mm_s" in about and "gain_mm_mv" in about:
        parts.append(f"{about['speed_mm_s']:g} mm/s and {about['gain_mm_mv']:g} mm/mV")
    how = about.get("calibration", {}).get("how", {})
    parts += [f"{what} from {how[what]}" for what in ("speed", "gain") if isinstance(how.get(what), str)]
    if "how" in about.get("scale", {}):
        parts.append(f"scale {about['scale']['how']}")
    return [_fixed("quality", "page", f"read from a picture: {', '.join(parts)}", "recording:provenance")]


def _read(recording: Recording) -> list[Slot]:
    shown_leads = dict(zip(recording.leads, np.isfinite(recording.signal).any(axis=1), strict=True))
    slots = []
    unread = [lead for lead, there in shown_leads.items() if not there]
    if unread:
        text = f"no samples of {listed(unread)}: not printed or not read"
        slots.append(_fixed("quality", "unread", text, *(f"recording:signal.{lead}" for lead in unread)))
    quality = _qualities(recording)
    if quality:
        worst = min(quality, key=quality.get)
        text = f"quality from 0 to 1: median {median(quality.values()):.2f}, lowest {quality[worst]:.2f} in {worst}"
        slots.append(_fixed("quality", "quality", text, *(f"recording:quality.{x}" for x in quality)))
    return slots


def _qualities(recording: Recording) -> dict[str, float]:
    """Return the quality of each lead that has samples."""
    there = {lead for lead, x in zip(recording.leads, recording.signal, strict=True) if np.isfinite(x).any()}
    return {x: q for x, q in recording.quality.items() if x in there and q is not None and math.isfinite(q)}


def _disagreements(m: Measurements) -> list[Slot]:
    slots = []
    for key, text in (
        ("limb_leads_disagree", "the limb leads contradict each other: misnamed, misplaced or misread"),
        ("arm_electrodes", "P and QRS are negative in I but positive in V6: the arm electrodes may be exchanged"),
    ):
        if m.findings[key].status == PRESENT:
            slots.append(_fixed("disagreements", key, text, f"finding:{key}", *m.findings[key].evidence))
        elif m.findings[key].status == NOT_ASSESSABLE:
            what = f"{FINDINGS[key]}: {NA}: {reason(m, f'finding:{key}')}"
            slots.append(_fixed("disagreements", key, what, f"finding:{key}"))
    slots += [s for s in (_corrections(m), _voltages(m)) if s is not None]
    apart = [k for k in COMMON if m.values[k].value is None and (m.values[k].reason or "").startswith(_APART)]
    if apart:
        text = "; ".join(f"{name_of(k)}: {m.values[k].reason}" for k in apart)
        slots.append(_fixed("disagreements", "halves", text, *apart))
    doubtful = [k for k in COMMON if m.values[k].value is not None and m.values[k].confidence < _LOW_QUALITY]
    doubtful = [k for k in doubtful if k != "spikes"]
    if doubtful:
        text = ", ".join(f"{name_of(k)} {m.values[k].confidence:.2f}" for k in doubtful)
        slots.append(_fixed("disagreements", "confidence", f"low confidence (0 to 1): {text}", *doubtful))
    slots += _near_limits(m)
    if any(s.name not in (*_ELECTRODES, "near") for s in slots) or any(
        m.findings[k].status == PRESENT for k in _ELECTRODES
    ):
        return slots
    text = "nothing else that was compared disagrees" if slots else "nothing that was compared disagrees"
    compared = [f"finding:{k}" for k in _ELECTRODES if m.findings[k].status == ABSENT]
    return [*slots, _fixed("disagreements", "none", text, *compared)]


def _near_limits(m: Measurements) -> list[Slot]:
    """Name the intervals that lie so close to a limit that another reader may find them on its other side."""
    near = []
    for key, within in _NEAR.items():
        one = m.values[key]
        if one.value is None or one.reference is None or one.flag is None:
            continue
        limits = _QRS_LIMITS if key == "qrs" else (one.reference.low, one.reference.high)
        near += [(key, limit) for limit in limits if limit is not None and abs(one.value - limit) <= within]
    if not near:
        return []
    text = "; ".join(f"{name_of(k)} {shown(m.values[k])} (limit {limit:g} ms)" for k, limit in near)
    said = f"so near to a limit that another reading may lie on its other side: {text}"
    return [_fixed("disagreements", "near", said, *dict.fromkeys(k for k, _ in near))]


def _corrections(m: Measurements) -> Slot | None:
    one, other = m.values["qtc_fridericia"], m.values["qtc_bazett"]
    if None in (one.flag, other.flag) or one.flag == other.flag:
        return None
    text = (
        f"{name_of(one.key)} {shown(one)} is {one.flag}, {name_of(other.key)} {shown(other)} is {other.flag}: "
        "the corrections disagree; Fridericia's is graded"
    )
    return _fixed("disagreements", "corrections", text, one.key, other.key)


def _voltages(m: Measurements) -> Slot | None:
    keys = ("sokolow_lyon", "cornell")
    by = {m.findings[k].status: k for k in keys}
    if set(by) != {PRESENT, ABSENT}:
        return None
    names = {"sokolow_lyon": "Sokolow–Lyon", "cornell": "Cornell"}
    text = f"left ventricular hypertrophy by voltage: {names[by[PRESENT]]} is met, {names[by[ABSENT]]} is not"
    return _fixed("disagreements", "voltages", text, *(f"finding:{k}" for k in keys))


def _closing(recording: Recording | None) -> list[Slot]:
    """What stands under every summary: how far the page can be trusted, what was given, what was not looked for."""
    slots = []
    if recording is not None:
        doubtful = [x for x, q in _qualities(recording).items() if q < _LOW_QUALITY]
        if doubtful:
            text = f"read with low quality and not to be relied on: {listed(doubtful)}"
            slots.append(_fixed("summary", "doubtful", text, *(f"recording:quality.{x}" for x in doubtful)))
        if recording.warnings:
            text = "the page was read with warnings, see the quality of the digitization"
            slots.append(_fixed("summary", "warned", text, "recording:warnings"))
        diagnosis = recording.clinical.get("diagnosis")
        if diagnosis and "software" not in recording.provenance:
            text = f"given with the recording, not used and not judged here: '{diagnosis}'"
            slots.append(_fixed("summary", "given", text, "recording:clinical.diagnosis"))
    return [*slots, _fixed("summary", "scope", NOT_LOOKED_FOR)]
