"""Page and Reading → one line of the results: what was read right, how exactly, how surely, in how many seconds."""

import json

import numpy as np

from ecgseg.evaluation.clinical import clinical
from ecgseg.evaluation.conditions import Job
from ecgseg.evaluation.geometry import MapError, StripMatch, map_error, match_strips
from ecgseg.evaluation.overlap import touching_share
from ecgseg.evaluation.results import UNDRAWN
from ecgseg.layout import LEADS, LIMB_LEADS
from ecgseg.metrics import PageScore, score_page, to_db
from ecgseg.testpages import printed_leads

WRONG_MV = 0.1  # one small square at 10 mm/mV: more is a wrong number, not an inexact one
SAME_TIME_S = 0.2  # what the alignment of the score forgives
STYLE_FIELDS = ("grid", "names", "pulse", "caption", "sheet", "separator", "trace_kind", "crowding", "chest_gain")
NOT_READ = (MapError(), StripMatch({}, (), ()))


def measure(job: Job, page, reading, status: str, message: str, seconds: float, max_shift_s: float = 0.2) -> dict:
    """Return the line of a page: `reading` is what Digitizer.read returned, None where it raised.

    `status` is read, refused (an error that says why) or failed (anything else); a reading whose strips have no names
    is unnamed, one without any printed lead nothing. Shares are 0..1, NaN where there is nothing to tell.
    """
    printed = printed_leads(page.printed)
    lies, match = NOT_READ if reading is None else _placed(page, reading)
    named, by_place, claimed = _readings(page, reading, match)
    fs = 1.0 if reading is None else reading.recording.fs
    score = score_page(printed, named, fs, max_shift_s)
    placed = score_page(printed, by_place, fs, max_shift_s)
    if status == "read":
        found = {s.lead for s in reading.located.strips}
        status = "unnamed" if not found & set(LEADS) else "nothing" if score.read_nothing else "read"
    quality = {} if reading is None else _quality(reading.recording, claimed, {p.lead for p in printed})
    leads = score_page(printed, {k: v for k, (_, v) in claimed.items()}, fs, max_shift_s).leads
    about = {} if reading is None else reading.recording.provenance
    return {
        "page": job.key,
        **job.condition.row(),
        "number": job.number,
        "seed": job.seed,
        "status": status,
        "message": " ".join(message.split()),
        **_what_it_was(page, reading, match, about),
        "turned_right": np.nan if reading is None else float(lies.upright),
        "turn_deg": float(page.warp.turn_deg),
        "map_rms_mm": lies.rms_mm,
        "snr_db": score.snr_db,
        "ratio": score.ratio,
        "snr_db_by_place": placed.snr_db,
        **_samples(score, printed),
        "quality": float(np.mean(list(quality.values()))) if quality else np.nan,
        "leads": json.dumps(
            {
                s.lead: [_short(s.snr_db), _short(db_of_read([s], [p])), _short(quality.get(s.lead))]
                for s, p in zip(leads, printed, strict=True)
            }
        ),
        "warnings": 0 if reading is None else len(reading.recording.warnings),
        "seconds": seconds,
        "step_seconds": json.dumps({k: round(float(v), 3) for k, v in (about.get("step_seconds") or {}).items()}),
        "recording": page.printed.name,
        "drawn_as": page.noise,
        "px_per_mm": float(page.px_per_mm),
        "touching": touching_share(page.scene),
        "style": " ".join(f"{k}={_plain(getattr(page.scene.style, k))}" for k in STYLE_FIELDS),
        **clinical(page.printed, None if reading is None else reading.recording),
    }


def undrawn(job: Job, message: str) -> dict:
    """Return the line of a page that could not be drawn, which no table counts."""
    return {"page": job.key, **job.condition.row(), "number": job.number, "seed": job.seed} | {
        "status": UNDRAWN,
        "message": " ".join(message.split()),
    }


def _placed(page, reading) -> tuple[MapError, StripMatch]:
    return map_error(page, reading.flat), match_strips(page, reading.flat, reading.located.strips)


def _readings(page, reading, match: StripMatch) -> tuple[dict, dict, dict]:
    """Return lead → samples by the names that were read, and by the places of the strips alone; and what the recording
    claims: lead → (its name there, samples), by name where strips have names, else by place."""
    if reading is None:
        return {}, {}, {}
    recording = reading.recording
    named = {lead: recording.lead(lead) for lead in recording.leads if lead in LEADS}
    by_place, claimed = {}, {lead: (lead, samples) for lead, samples in named.items()}
    # Where a lead is printed twice the longer strip, which its truth is taken from, comes last.
    for i, j in sorted(match.pairs.items(), key=lambda pair: page.scene.traces[pair[0]].strip.seconds):
        true, read = page.scene.traces[i].strip, reading.located.strips[j]
        if read.lead not in recording.leads:
            continue
        samples = recording.lead(read.lead) * (true.sign * getattr(read, "sign", 1) if read.lead not in LEADS else 1)
        by_place[true.lead] = samples
        if read.lead not in LEADS:
            claimed[true.lead] = (read.lead, samples)
    return named, by_place, claimed


def _what_it_was(page, reading, match: StripMatch, about: dict) -> dict:
    """Return what the page was taken for, and whether that is right."""
    traces = page.scene.traces
    nothing = dict.fromkeys(("layout_right", "names_right", "times_right"), np.nan)
    if reading is None:
        empty = {"read_as": "", **nothing, "strips": len(traces), "strips_named": 0, "strips_extra": 0}
        return {**empty, "speed_right": np.nan, "gain_right": np.nan}
    layout = reading.located.layout
    same = [
        (traces[i].strip, reading.located.strips[match.pairs[i]] if i in match.pairs else None) for i in match.asked
    ]
    right = [read is not None and read.lead == true.lead for true, read in same]
    timed = [read is not None and abs(read.t0 - true.t0) < SAME_TIME_S for true, read in same]
    return {
        "read_as": "" if layout is None else layout.name,
        # Layouts of the same strips differ in the paper that is left empty below them, which makes no reading wrong.
        "layout_right": float(layout is not None and layout.strips == page.layout.strips),
        "names_right": float(all(right) and not match.extra),
        "times_right": float(all(timed)),
        "strips": len(same),
        "strips_named": sum(right),
        "strips_extra": len(match.extra),
        "speed_right": _equal(told_speed(about), page.scene.speed),
        "gain_right": _all_equal([(told_gain(about, t.strip.lead), page.scene.gain_of(t.strip.lead)) for t in traces]),
    }


def told_speed(about: dict) -> float | None:
    """Return the mm/s that a recording's provenance tells, None where it tells none."""
    value = about.get("speed_mm_s")
    return None if value is None else float(value)


def told_gain(about: dict, lead: str) -> float | None:
    """Return the mm/mV that a recording's provenance tells for a lead, None where it tells none.

    `gains_mm_mv` (by lead, or by limb and precordial) goes before `gain_mm_mv`, which is one number or such a table.
    """
    group = "limb" if lead in LIMB_LEADS else "precordial"
    for key in ("gains_mm_mv", "gain_mm_mv"):
        value = about.get(key)
        if isinstance(value, dict):
            value = value.get(lead, value.get(group))
        if value is not None:
            return float(value)
    return None


def _equal(told: float | None, true: float) -> float:
    return np.nan if told is None else float(abs(told - true) < 0.01 * true)


def _all_equal(pairs: list[tuple[float | None, float]]) -> float:
    found = [_equal(told, true) for told, true in pairs]
    return np.nan if np.isnan(found).any() else float(all(found))


def db_of_read(scores, printed) -> float:
    """Return the dB of leads over those of their samples that were read; NaN where none was.

    In the challenge's score a sample that is left out counts as 0 mV, so that a gap may cost more than a wrong value.
    """
    power = noise = 0.0
    for score, true in zip(scores, printed, strict=True):
        if score.estimate is not None:
            read = np.isfinite(score.estimate)
            power += float((true.signal[read] ** 2).sum())
            noise += float(((true.signal - score.estimate)[read] ** 2).sum())
    return float(to_db(power / max(noise, power * 1e-9))) if power > 0 else np.nan


def _samples(score: PageScore, printed) -> dict:
    """Return the shares of printed samples that were not read and of those read that are wrong; medians of leads."""
    total = sum(len(p.signal) for p in printed)
    off = np.concatenate(
        [np.zeros(0)]
        + [np.abs(s.estimate - p.signal) for s, p in zip(score.leads, printed, strict=True) if s.estimate is not None]
    )
    kept = off[np.isfinite(off)]
    found = [s for s in score.leads if s.found]
    return {
        "snr_db_read": db_of_read(score.leads, printed),
        "nan_share": 1 - len(kept) / total,
        "wrong_share": float((kept > WRONG_MV).mean()) if len(kept) else np.nan,
        "leads_found": len(found) / len(score.leads),
        "r": float(np.nanmedian([s.r for s in found])) if any(np.isfinite(s.r) for s in found) else np.nan,
        "rmse_mv": float(np.nanmedian([s.rmse_mv for s in found])) if found else np.nan,
    }


def _quality(recording, claimed: dict, printed: set[str]) -> dict[str, float]:
    """Return the predicted quality of each printed lead, by the name that the recording has for it."""
    known = ((lead, recording.quality.get(name)) for lead, (name, _) in claimed.items() if lead in printed)
    return {lead: float(q) for lead, q in known if q is not None and np.isfinite(q)}


def _short(value) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 3)


def _plain(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
