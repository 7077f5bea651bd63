"""How measurements and findings are called and written: one place for the template, the facts and the PDF."""

import re

from ecgseg.measure.model import Finding, Measurement, Measurements

COMMON = {
    "heart_rate": "heart rate",
    "rr_mean": "mean RR interval",
    "rr_sd": "standard deviation of RR",
    "rr_rmssd": "RMSSD of RR",
    "rr_range": "range of RR",
    "other_beats": "beats of another form",
    "spikes": "beats with pacemaker spikes",
    "p_duration": "P duration",
    "pr": "PR interval",
    "qrs": "QRS duration",
    "qt": "QT interval",
    "qtc_fridericia": "QTc (Fridericia)",
    "qtc_bazett": "QTc (Bazett)",
    "p_axis": "P axis",
    "qrs_axis": "QRS axis",
    "t_axis": "T axis",
    "limb_residual": "disagreement of the limb leads",
}
UNITS = {
    **dict.fromkeys(COMMON, "ms"),
    **dict.fromkeys(("p_axis", "qrs_axis", "t_axis"), "deg"),
    **dict.fromkeys(("other_beats", "spikes"), "beats"),
    "heart_rate": "1/min",
    "limb_residual": "%",
}
IN_A_LEAD = {
    "p_amplitude": "P amplitude",
    "q_amplitude": "Q amplitude",
    "r_amplitude": "R amplitude",
    "s_amplitude": "S amplitude",
    "t_amplitude": "T amplitude",
    "p_duration": "P duration",
    "q_duration": "Q duration",
    "r_duration": "R duration",
    "s_duration": "S duration",
    "t_duration": "T duration",
    "qrs_duration": "QRS duration",
    "st_duration": "ST duration",
    "qrs_area": "QRS area",
    "st_j": "J point",
    "st_j60": "ST 60 ms after the J point",
}
TERRITORIES = {"anterior": "chest leads", "inferior": "inferior leads", "lateral": "high lateral leads"}
KINDS = {
    "st_elevation": "ST elevation",
    "st_depression": "ST depression",
    "t_inversion": "T inversion",
    "q_waves": "pathological Q waves",
}
FINDINGS = {
    "tachycardia": "tachycardia",
    "bradycardia": "bradycardia",
    "sinus_rhythm": "P waves as in sinus rhythm",
    "irregular": "irregular rhythm",
    "irregular_without_p": "irregular rhythm without P waves, as in atrial fibrillation",
    "other_beats": "beats of another form (ventricular, aberrant or fused)",
    "pacing": "pacemaker spikes",
    "first_degree_block": "long PR interval, as in first-degree atrioventricular block",
    "short_pr": "short PR interval",
    "wide_qrs": "wide QRS",
    "long_qtc": "long QTc",
    "short_qtc": "short QTc",
    "limb_leads_disagree": "limb leads that contradict each other",
    "arm_electrodes": "arm electrodes possibly exchanged",
    "left_bundle_branch_block": "left bundle branch block pattern",
    "right_bundle_branch_block": "right bundle branch block pattern",
    "left_axis": "left axis deviation",
    "right_axis": "right axis deviation",
    "extreme_axis": "extreme axis",
    "sokolow_lyon": "left ventricular hypertrophy by voltage (Sokolow–Lyon)",
    "cornell": "left ventricular hypertrophy by voltage (Cornell)",
    "low_voltage": "low voltage",
}
_DECIMALS = {"mV": 2, "s": 2, "mV·ms": 1}
_SIGNS = {"1/min": "/min", "deg": "°", "beats": ""}


def shown(m: Measurement) -> str:
    """Return value and unit as a person reads them: 72/min, 160 ms, −0.12 mV, 45°; beats are a bare count."""
    decimals = _DECIMALS.get(m.unit, 0)
    number = f"{round(m.value, decimals) + 0.0:.{decimals}f}".replace("-", "−")
    unit = _SIGNS.get(m.unit, f" {m.unit}")
    return f"{number}{unit}"


def name_of(key: str) -> str:
    """Return what a measurement or `finding:KEY` is called; KeyError on a key that has no name."""
    if key.startswith("finding:"):
        return finding_name(key.removeprefix("finding:"))
    name, _, lead = key.partition(".")
    return f"{IN_A_LEAD[name]} in {lead}" if lead else COMMON[name]


def finding_name(key: str) -> str:
    """Return what a finding is called, with its leads where it is one of a territory."""
    kind, _, group = key.rpartition("_")
    return f"{KINDS[kind]} in the {TERRITORIES[group]}" if group in TERRITORIES and kind in KINDS else FINDINGS[key]


def lead_of(key: str) -> str:
    """Return the lead of a measurement's key, '' for those of all leads."""
    return key.partition(".")[2]


def reason(measurements: Measurements, key: str) -> str:
    """Return why a measurement or a finding is missing, to its root, in words."""
    item: Finding | Measurement = (
        measurements.findings[key.removeprefix("finding:")] if key.startswith("finding:") else measurements.values[key]
    )
    text = item.reason or "no reason was given"
    # "qt is missing: T is too flat": the root says enough where its name is not needed.
    return re.sub(r"\b[a-z]+(?:_[a-z0-9]+)*(?:\.[A-Za-z0-9]+)?(?= is (?:missing|not graded))", _called, text)


def listed(items, last: str = "and") -> str:
    """Return `a, b and c`."""
    items = list(items)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def upper(text: str) -> str:
    """Return the text with its first letter large, unless that would make another name of it."""
    return text[:1].upper() + text[1:]


def _called(match: re.Match) -> str:
    try:
        return name_of(match.group())
    except KeyError:
        return match.group()
