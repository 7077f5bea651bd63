"""Analysis → measurements: each a number with what it rests on, or missing with the reason."""

import math
from dataclasses import replace

import numpy as np

from ecgseg.measure.analyse import Analysis
from ecgseg.measure.axis import LEAST_MV_MS, frontal_axis
from ecgseg.measure.leadwaves import NO_WAVE, LeadWaves, lead_waves
from ecgseg.measure.model import Measurement, number
from ecgseg.measure.reference import ADULT, reference

INTERVALS = {
    "p_duration": ("p_on", "p_off"),
    "pr": ("p_on", "qrs_on"),
    "qrs": ("qrs_on", "qrs_off"),
    "qt": ("qrs_on", "t_end"),
}
_WHOSE = {"p_duration": "p", "pr": "p", "qrs": "qrs", "qt": "t"}
_METHOD = {
    "p_duration": "median beat, all leads together: P from broken-curve fits",
    "pr": "median beat, all leads together: P onset to QRS onset",
    "qrs": "median beat, all leads together: broken-curve fits to QRS onset and end",
    "qt": "median beat, all leads together: QRS onset to the tangent's end of T",
}
_LAWS = ({"I": 1, "III": 1, "II": -1}, {"aVR": 1, "aVL": 1, "aVF": 1})
_AMPLITUDES = {"p": "P", "q": "Q", "r": "R", "s": "S", "t": "T"}


def all_values(analysis: Analysis, sex: str | None, age: float | None, options: dict) -> dict[str, Measurement]:
    """Return every measurement by key; those that cannot be had are missing, with the reason, not left out."""
    shown = lead_waves(analysis.beat, analysis.bounds, options["lead"]) if _delineated(analysis) else {}
    values = _rhythm(analysis, options) | _intervals(analysis, options["gates"])
    values |= _corrected(values, options["gates"])
    values |= _axes(analysis, shown, values) | {"limb_residual": _limb_residual(analysis, shown)}
    for lead in (*analysis.signals.leads, *analysis.signals.dropped):
        values |= _of_lead(lead, analysis, shown.get(lead), values, options["gates"])
    return {key: _graded(m, sex, age, options["gates"], values) for key, m in values.items()}


def _delineated(analysis: Analysis) -> bool:
    return analysis.beat is not None and math.isfinite(analysis.bounds["qrs_off"])


def missing(key: str, unit: str, reason: str, **known) -> Measurement:
    """Return a measurement without a number."""
    return Measurement(key, None, unit, reason=reason, **known)


def confidence(trust: float, beats: int, spread: float | None, limit: float) -> float:
    """Return 0 to 1: the recording's own confidence, less with few beats, and halved where the spread is `limit`."""
    apart = 1.0 if spread is None else 1 / (1 + (spread / limit) ** 2)
    return round(float(trust) * beats / (beats + 1) * apart, 3)


def _rhythm(analysis: Analysis, options: dict) -> dict[str, Measurement]:
    """Rate from the mean of all RR intervals; variability from those between usual beats alone."""
    signals, beats = analysis.signals, analysis.beats
    units = {"heart_rate": "1/min", "rr_mean": "ms", "rr_sd": "ms", "rr_rmssd": "ms", "rr_range": "ms"}
    if analysis.why:
        gone = {key: missing(key, unit, analysis.why) for key, unit in units.items()}
        return gone | {"other_beats": missing("other_beats", "beats", analysis.why), "spikes": _spikes(analysis)}
    known = beats.rr[np.isfinite(beats.rr)]
    pair = beats.usual[:-1] & beats.usual[1:] & np.isfinite(beats.rr)
    normal = 1000 * beats.rr[pair]
    trust = float(analysis.beat.trust.max())
    made = {"leads": signals.leads, "beats": len(beats.at), "confidence": confidence(trust, len(known), None, 1)}
    out = {}
    if len(known) < options["beats"]["least_intervals"]:
        reason = f"few beats: {len(known)} RR intervals, {options['beats']['least_intervals']} are needed"
        out = {key: missing(key, units[key], reason) for key in ("heart_rate", "rr_mean")}
    else:
        rate = {"heart_rate": 60 / known.mean(), "rr_mean": 1000 * known.mean()}
        spread = {"heart_rate": 60 * known.std() / known.mean() ** 2, "rr_mean": 1000 * known.std()}
        for key, value in rate.items():
            method = "mean of all RR intervals, R peaks over all leads together"
            out[key] = Measurement(
                key,
                number(value, units[key]),
                units[key],
                method=method,
                spread=number(spread[key], units[key]),
                **made,
            )
        low, high = options["gates"]["heart_rate"]
        if not low <= rate["heart_rate"] <= high:
            out["heart_rate"] = missing(
                "heart_rate", "1/min", f"{rate['heart_rate']:.0f} is outside {low} to {high} per minute"
            )
    least = options["beats"]["least_intervals_variability"]
    variable = (
        {"rr_sd": normal.std(ddof=1), "rr_rmssd": _rmssd(beats, pair), "rr_range": np.ptp(normal)}
        if len(normal) >= least
        else {}
    )
    for key in ("rr_sd", "rr_rmssd", "rr_range"):
        if key in variable and math.isfinite(variable[key]):
            out[key] = Measurement(
                key,
                number(variable[key], "ms"),
                "ms",
                method="RR intervals between usual beats of this strip",
                **{**made, "beats": len(normal) + 1},
            )
        else:
            out[key] = missing(
                key, "ms", f"few beats: {len(normal)} RR intervals between usual beats, {least} are needed"
            )
    count = int(beats.other.sum())
    out["other_beats"] = Measurement("other_beats", count, "beats", method="beats whose QRS is of another form", **made)
    return out | {"spikes": _spikes(analysis)}


def _spikes(analysis: Analysis) -> Measurement:
    """How many beats have a pacemaker spike before them: not later than the QRS onset, where that is known."""
    at, spikes = analysis.beats.at, analysis.signals.spikes
    if analysis.why:
        return missing("spikes", "beats", analysis.why)
    onset = analysis.bounds.get("qrs_on", math.nan)
    before = at[:, None] + (onset if math.isfinite(onset) else 0.0) - spikes[None, :]
    count = int(((before > -0.01) & (before < 0.35)).any(axis=1).sum()) if len(spikes) else 0
    made = {"leads": analysis.signals.leads, "method": "beats with a spike narrower than 5 ms before the QRS"}
    return Measurement("spikes", count, "beats", beats=len(at), confidence=0.5, **made)


def _rmssd(beats, pair: np.ndarray) -> float:
    both = pair[:-1] & pair[1:]
    steps = 1000 * np.diff(beats.rr)[both]
    return float(np.sqrt((steps**2).mean())) if len(steps) >= 3 else float("nan")


def _intervals(analysis: Analysis, gates: dict) -> dict[str, Measurement]:
    """Each within its gate and with both halves of the beats in agreement, else missing."""
    out = {}
    for key, (first, last) in INTERVALS.items():
        if analysis.why:
            out[key] = missing(key, "ms", analysis.why)
            continue
        beat = analysis.beat
        leads = tuple(lead for lead, n in zip(beat.leads, beat.count, strict=True) if n)
        value = 1000 * (analysis.bounds[last] - analysis.bounds[first])
        reason = analysis.reasons.get(_WHOSE[key]) or analysis.reasons.get("qrs")
        if key in ("p_duration", "pr") and not reason:
            reason = _paced_reason(analysis)
        if key == "qt" and not reason and value > 1000 * gates["longest_qt_share"] * analysis.beats.median_rr:
            reason = "T reaches into the next beat's P wave: its end cannot be told"
        halves = [1000 * (h[last] - h[first]) for h in analysis.halves]
        apart = abs(halves[0] - halves[1]) if len(halves) == 2 and np.isfinite(halves).all() else None
        low, high = gates[key]
        if reason or not math.isfinite(value):
            out[key] = missing(key, "ms", reason or "its bounds cannot be told", leads=leads, beats=len(beat.single))
        elif not low <= value <= high:
            out[key] = missing(
                key,
                "ms",
                f"{value:.0f} ms is outside {low} to {high}: not plausible, read by eye",
                leads=leads,
                beats=len(beat.single),
            )
        elif apart is not None and apart > gates["most_spread"][key]:
            out[key] = missing(
                key,
                "ms",
                f"two halves of the beats are {apart:.0f} ms apart",
                leads=leads,
                beats=len(beat.single),
                spread=number(apart, "ms"),
            )
        else:
            trust = confidence(float(beat.trust.max()), len(beat.single), apart, gates["most_spread"][key])
            out[key] = Measurement(
                key,
                number(value, "ms"),
                "ms",
                leads,
                _METHOD[key],
                len(beat.single),
                None if apart is None else number(apart, "ms"),
                trust,
            )
    return out


def _paced_reason(analysis: Analysis) -> str:
    """Say why PR is not graded where the ventricle is paced; '' otherwise."""
    spikes = _spikes(analysis)
    at_qrs = analysis.beats.at[:, None] + analysis.bounds["qrs_on"] - analysis.signals.spikes[None, :]
    paced = ((at_qrs > -0.02) & (at_qrs < 0.05)).any(axis=1).mean() if len(analysis.signals.spikes) else 0.0
    return "the ventricle is paced: PR is the pacemaker's" if paced > 0.5 and spikes.value else ""


def _corrected(values: dict[str, Measurement], gates: dict) -> dict[str, Measurement]:
    """QTc after Fridericia (QT / RR^(1/3)) and Bazett (QT / RR^(1/2)), RR in s.

    Fridericia, Acta Med Scand 53 (1920) 469–486; Bazett, Heart 7 (1920) 353–370.
    """
    out = {}
    qt, rr = values["qt"], values["rr_mean"]
    for key, power, how in (("qtc_fridericia", 1 / 3, "QT / RR^(1/3)"), ("qtc_bazett", 1 / 2, "QT / RR^(1/2)")):
        if qt.value is None or rr.value is None:
            out[key] = missing(
                key,
                "ms",
                f"{'qt' if qt.value is None else 'rr_mean'} is missing: {(qt if qt.value is None else rr).reason}",
            )
            continue
        factor = (rr.value / 1000) ** -power
        spread = None if qt.spread is None else number(qt.spread * factor, "ms")
        out[key] = replace(
            qt, key=key, value=number(qt.value * factor, "ms"), method=f"{how}, RR the mean in s", spread=spread
        )
    return out


def _axes(analysis: Analysis, shown: dict[str, LeadWaves], values) -> dict[str, Measurement]:
    out = {}
    spans = {
        "p_axis": ("p", "p_on", "p_off", "p_duration"),
        "qrs_axis": ("qrs", "qrs_on", "qrs_off", "qrs"),
        "t_axis": ("t", "t_peak", "t_end", "qt"),
    }
    for key, (wave, first, last, needs) in spans.items():
        if analysis.why or values[needs].value is None:
            out[key] = missing(key, "deg", analysis.why or f"{needs} is missing: {values[needs].reason}")
            continue
        beat, b = analysis.beat, analysis.bounds
        start = max(b["qrs_off"] + 0.04, 2 * b["t_peak"] - b["t_end"]) if wave == "t" else b[first]
        areas = {lead: _area(beat, lead, start, b[last], wave == "p") for lead in shown}
        areas = {lead: a for lead, a in areas.items() if math.isfinite(a)}
        axis, length = frontal_axis(areas)
        used = tuple(lead for lead in areas if lead in ("I", "II", "III", "aVR", "aVL", "aVF"))
        if not math.isfinite(axis):
            out[key] = missing(key, "deg", "fewer than two limb leads can be measured")
        elif length < LEAST_MV_MS[wave]:
            out[key] = missing(
                key, "deg", f"indeterminate: only {length:.1f} mV·ms are left in the frontal plane", leads=used
            )
        else:
            count = int(min(beat.count[beat.leads.index(lead)] for lead in used))
            trust = confidence(min(beat.trust[beat.leads.index(lead)] for lead in used), count, None, 1)
            out[key] = Measurement(
                key,
                number(axis, "deg"),
                "deg",
                used,
                "areas in the limb leads, least squares in Einthoven's triangle",
                count,
                None,
                trust,
            )
    return out


def _limb_residual(analysis: Analysis, shown: dict[str, LeadWaves]) -> Measurement:
    """Return how far the limb leads' median beats break Einthoven's and Goldberger's laws over the QRS, in %."""
    key, beat = "limb_residual", analysis.beat
    sums = [law for law in _LAWS if all(lead in shown for lead in law)]
    if not sums:
        return missing(key, "%", analysis.why or "neither I, II, III nor aVR, aVL, aVF were all measured")
    part = beat.part(analysis.bounds["qrs_on"], analysis.bounds["qrs_off"])
    used = tuple(lead for law in sums for lead in law)
    qrs = {lead: beat.x[beat.leads.index(lead), part] for lead in used}
    largest = max(float(np.sqrt((y**2).mean())) for y in qrs.values())
    worst = max(float(np.sqrt((sum(sign * qrs[x] for x, sign in law.items()) ** 2).mean())) for law in sums)
    count = int(min(beat.count[beat.leads.index(lead)] for lead in used))
    method = "root mean square of I + III - II and aVR + aVL + aVF over the QRS, against the largest limb lead"
    trust = confidence(min(beat.trust[beat.leads.index(lead)] for lead in used), count, None, 1)
    return Measurement(key, number(100 * worst / largest, "%"), "%", used, method, count, None, trust)


def _area(beat, lead: str, first: float, last: float, levelled: bool) -> float:
    part = beat.part(first, last)
    y = beat.x[beat.leads.index(lead), part]
    if levelled and len(y):
        y = y - np.linspace(y[0], y[-1], len(y))
    return float(np.trapezoid(y, 1000 * beat.t[part])) if np.isfinite(y).all() else float("nan")


def _of_lead(lead: str, analysis: Analysis, shown: LeadWaves | None, values, gates: dict) -> dict[str, Measurement]:
    """Amplitudes over the PR level, ST, area and durations of one lead."""
    keys = {f"{w}_amplitude": "mV" for w in _AMPLITUDES} | {"st_j": "mV", "st_j60": "mV", "qrs_area": "mV·ms"}
    keys |= {f"{w}_duration": "ms" for w in ("p", "q", "r", "s", "t", "qrs", "st")}
    if shown is None:
        return {
            f"{k}.{lead}": missing(f"{k}.{lead}", unit, _why_not(lead, analysis), leads=(lead,))
            for k, unit in keys.items()
        }
    beat = analysis.beat
    k = beat.leads.index(lead)
    count = int(beat.count[k])
    out = {}

    def put(name: str, value: float, unit: str, method: str, reason: str = "", at: float | None = None):
        key = f"{name}.{lead}"
        spread = _spread(beat, k, at) if unit == "mV" else None
        if unit == "mV" and math.isfinite(value) and not gates["amplitude"][0] <= value <= gates["amplitude"][1]:
            reason = f"{value:.1f} mV is outside {gates['amplitude'][0]} to {gates['amplitude'][1]}: not plausible"
        if reason or not math.isfinite(value):
            out[key] = missing(key, unit, reason or "it cannot be read here", leads=(lead,), beats=count)
            return
        trust = confidence(beat.trust[k], count, spread, 0.1 + abs(value) / 2 if unit == "mV" else 1)
        out[key] = Measurement(
            key,
            number(value, unit),
            unit,
            (lead,),
            method,
            count,
            None if spread is None else number(spread, "mV"),
            trust,
        )

    needs = {"p": "p_duration", "t": "qt"}
    for name, wave in _AMPLITUDES.items():
        found = shown.waves.get(wave)
        gap = values[needs[name]].reason if name in needs and values[needs[name]].value is None else ""
        reason = gap or ("" if found else NO_WAVE)
        height, length, at = (found.height, found.ms, found.at) if found else (math.nan, math.nan, None)
        put(f"{name}_amplitude", height, "mV", "median beat, over the PR level", reason, at)
        put(f"{name}_duration", length, "ms", "median beat, this lead's own bounds inside the common ones", reason)
    off = analysis.bounds["qrs_off"]
    gap = "" if values["qrs"].value is not None else f"qrs is missing: {values['qrs'].reason}"
    put("st_j", shown.st_j, "mV", "median beat at the common J point, over the PR level", gap, off)
    put("st_j60", shown.st_j60, "mV", "median beat 60 ms after the common J point, over the PR level", gap, off + 0.06)
    put("qrs_area", shown.area, "mV·ms", "median beat from QRS onset to end, over the PR level", gap)
    put(
        "qrs_duration",
        1000 * (shown.qrs[1] - shown.qrs[0]),
        "ms",
        "median beat, this lead's own bounds inside the common ones",
        gap,
    )
    wave = shown.waves.get("T")
    gap = gap or (values["qt"].reason or "" if values["qt"].value is None else "") or ("" if wave else NO_WAVE)
    put(
        "st_duration",
        1000 * (wave.on - off) if wave else math.nan,
        "ms",
        "common J point to this lead's T onset (10 % of T's height)",
        gap,
    )
    return out


def _why_not(lead: str, analysis: Analysis) -> str:
    if lead in analysis.signals.dropped:
        return analysis.signals.dropped[lead]
    if analysis.why:
        return analysis.why
    if "qrs" in analysis.reasons:
        return analysis.reasons["qrs"]
    return "no whole QRS of the usual form in this lead, or too much noise"


def _spread(beat, k: int, at: float | None) -> float | None:
    """Return the standard deviation (mV, from the median deviation) of single beats about an instant, None with one."""
    if at is None:
        return None
    values = beat.single[:, k, beat.part(at, at)][:, 0]
    values = values[np.isfinite(values)]
    return float(1.48 * np.median(np.abs(values - np.median(values)))) if len(values) > 1 else None


def _graded(m: Measurement, sex: str | None, age: float | None, gates: dict, values) -> Measurement:
    """Return the measurement with its usual range and flag."""
    usual = reference(m.key, sex)
    if usual is None:
        return m
    m = replace(m, reference=usual)
    if m.value is None:
        return m
    if age is not None and age < ADULT:
        return replace(m, reason="not graded: the range is for adults")
    if m.key.startswith("qtc"):
        rate, (low, high) = values["heart_rate"].value, gates["qtc_rate"]
        if rate is None or not low <= rate <= high:
            return replace(m, reason=f"not graded: correction is unsafe outside {low} to {high} per minute")
        if (values["qrs"].value or 0) >= 120:
            return replace(m, reason="not graded: a wide QRS lengthens QT by itself")
    too_low = usual.low is not None and m.value < usual.low
    too_high = usual.high is not None and m.value > usual.high
    return replace(m, flag="low" if too_low else "high" if too_high else "normal")
