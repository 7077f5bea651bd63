"""Does the clinical content survive? The same code measures what is printed on a page and what was read of it."""

import json
from collections.abc import Iterable
from dataclasses import asdict

import numpy as np

from ecgseg.alignment import PrintedLead
from ecgseg.evaluation.pwaves import p_waves
from ecgseg.measure import Measurements, measure
from ecgseg.recording import Recording

# Name in the results → key of the measurement; their errors are reading minus print, in the measurement's own unit.
VALUES = {"rate": "heart_rate", "pr": "pr", "qrs": "qrs", "qt": "qt"}
ST = "st"
_ST_KEY = "st_j."


def clinical(printed: Recording, read: Recording | None) -> dict:
    """Return a page's clinical columns: `printed` is NaN where nothing is printed, `read` None where nothing was read.

    <name>_error: reading minus print, /min or ms, NaN unless both are assessed; st_error: median over leads of the size
    of the errors at J in mV; st_errors: these by lead, as JSON; st_leads_lost, st_leads_new: leads whose ST is assessed
    only in print, only in the reading; lost_values, new_values: the same of values, as words (st: of all leads
    together); p_*: see `PWaves`.
    """
    before, after = measure(printed), None if read is None else measure(read)
    pairs = {name: (_value(before, key), _value(after, key)) for name, key in VALUES.items()}
    by_lead = {lead: (_value(before, key), _value(after, key)) for lead, key in _st_keys(before, after).items()}
    errors = {lead: b - a for lead, (a, b) in by_lead.items() if np.isfinite(b - a)}
    told = [{lead for lead, pair in by_lead.items() if np.isfinite(pair[k])} for k in (0, 1)]
    st_error = float(np.median(np.abs(list(errors.values())))) if errors else np.nan
    there = {name: (np.isfinite(a), np.isfinite(b)) for name, (a, b) in pairs.items()}
    # ST of other leads than those that are printed is no ST of this page.
    there[ST] = (bool(told[0]), bool(errors) or bool(told[1] and not told[0]))
    return {
        **{f"{name}_error": b - a for name, (a, b) in pairs.items()},
        "st_error": st_error,
        "st_errors": json.dumps({lead: round(e, 4) for lead, e in errors.items()}),
        "st_leads_lost": len(told[0] - told[1]),
        "st_leads_new": len(told[1] - told[0]),
        "lost_values": " ".join(name for name, (a, b) in there.items() if a and not b),
        "new_values": " ".join(name for name, (a, b) in there.items() if b and not a),
        **{f"p_{name}": n for name, n in asdict(p_waves(printed, before, read, after)).items()},
    }


def _value(found: Measurements | None, key: str) -> float:
    """Return a measurement, NaN where it is missing."""
    value = found.values[key].value if found is not None and key in found.values else None
    return np.nan if value is None else float(value)


def _st_keys(*several: Measurements | None) -> dict[str, str]:
    return {
        key.removeprefix(_ST_KEY): key
        for found in several
        if found is not None
        for key in found.values
        if key.startswith(_ST_KEY)
    }


def as_recording(leads: Iterable[PrintedLead], name: str) -> Recording:
    """Return printed leads as one recording on the page's time line, NaN where nothing is printed.

    Raises ValueError where there is no lead or they are sampled at different rates.
    """
    leads = tuple(leads)
    rates = {lead.fs for lead in leads}
    if len(rates) != 1:
        raise ValueError(f"{name}: {len(leads)} printed leads at {sorted(rates)} Hz; expected some at one rate")
    fs = rates.pop()
    starts = [round(lead.t0 * fs) for lead in leads]
    n = max(start + len(lead.signal) for start, lead in zip(starts, leads, strict=True))
    signal = np.full((len(leads), n), np.nan, np.float32)
    for row, start, lead in zip(signal, starts, leads, strict=True):
        row[start : start + len(lead.signal)] = lead.signal
    return Recording(name, signal, fs, tuple(lead.lead for lead in leads))
