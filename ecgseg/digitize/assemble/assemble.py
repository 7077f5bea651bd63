"""Traces in px -> Recording in mV and seconds: scale, zero level, page timeline, repeated leads."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import firwin

from ecgseg.digitize.assemble.reconcile import merge_prints, odds_against
from ecgseg.digitize.assemble.verify import IDENTITIES, identity_residual
from ecgseg.digitize.locate.locate import LocatedStrip
from ecgseg.digitize.trace.confidence import Calibration, lead_quality
from ecgseg.layout import LEADS, Layout
from ecgseg.recording import Recording

MIN_CONFIDENCE = 0.05  # what is likelier something else than trace is left out before; see confidence.Calibration
BRIDGE_S = 0.02  # a QRS flank may be faint for this long and still be known from both sides
PEAK_MM, SLOPE_SAMPLES = 1.0, 4  # of a peak that a bridge would cut off; sub-columns on either side that tell of it
UNLIKE_R = 0.5  # correlation with the short strip below which a rhythm strip is something else
MIN_REPEAT_R = 0.9  # two prints of one lead over the same seconds correlate better than this
USUAL_GAIN = 10.0  # mm/mV

Trace = tuple[np.ndarray, np.ndarray, np.ndarray]


def assemble(
    strips: Sequence[LocatedStrip],
    traces: Sequence[Trace],
    px_per_mm: float,
    speed: float = 25.0,
    gain: float | Mapping[str, float] = USUAL_GAIN,
    fs: float = 500.0,
    seconds: float | None = None,
    provenance: dict | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    calibration: Calibration | None = None,
) -> Recording:
    """Put traced strips on one timeline as mV.

    `traces` holds per strip x, y (flat px, any number of samples a column) and confidence (0..1);
    `speed` is in mm/s, `gain` in mm/mV, one for all or one per lead, `seconds` the recording's length (None: the last
    strip's end). Samples outside a strip's window, and where nothing was read for longer than 20 ms, are NaN.
    The recording's leads are the twelve, and after them the strips' names that are not among those (R1, R2S1 …); the
    twelve are left out where no strip has one of their names.

    Paper does not say where 0 mV is: each strip's zero is its own most frequent height, which is the
    isoelectric line unless the strip wanders. A lead printed both as a rhythm strip and as a short strip
    is taken from both, see `reconcile.merge_prints`, but for a rhythm strip that is nothing like the short one: that is
    left out.
    Raises ValueError if strips and traces do not match in number, or a lead has no gain.
    """
    if len(strips) != len(traces):
        raise ValueError(f"{len(strips)} strips but {len(traces)} traces: give one trace per strip, in order")
    leads = lead_order(strips)
    gains = _gains(leads, strips, gain)
    seconds = max(s.t1 for s in strips) if seconds is None else seconds
    n = round(seconds * fs)
    signal = np.full((len(leads), n), np.nan, np.float32)
    confidence = np.zeros((len(leads), n), np.float32)
    windows: dict[str, tuple[float, float]] = {}
    repeats: dict[str, dict[str, float]] = {}
    zeros: list[float] = [float("nan")] * len(strips)
    # Rhythm strips first: the lead's zero and time are theirs.
    for k in sorted(range(len(strips)), key=lambda k: not strips[k].rhythm):
        strip, i = strips[k], leads.index(strips[k].lead)
        zeros[k], first, mv, conf = strip_signal(
            strip, traces[k], px_per_mm, speed, gains[strip.lead], fs, n, min_confidence
        )
        here = slice(first, first + len(mv))
        if strip.lead in windows:
            merged, sure, repeat = merge_prints(signal[i, here], confidence[i, here], mv, conf, fs)
            if repeat:
                repeats[strip.lead] = repeat
            t0, t1 = windows[strip.lead]
            windows[strip.lead] = (min(t0, strip.t0), max(t1, strip.t1))
            if repeat and repeat["r"] < UNLIKE_R and not strip.rhythm:
                # What lies in a column of leads is surely a lead; what lies below may be a sheet's edge.
                merged, sure = mv, odds_against(conf, confidence[i, here])
                signal[i], confidence[i] = np.nan, 0.0
                windows[strip.lead] = (strip.t0, strip.t1)
            signal[i, here], confidence[i, here] = merged, sure
        else:
            signal[i, here], confidence[i, here] = mv, conf
            windows[strip.lead] = (strip.t0, strip.t1)
    recording = Recording(
        name="",
        signal=signal,
        fs=fs,
        leads=leads,
        confidence=confidence,
        windows=windows,
        provenance={
            **(provenance or {}),
            "strips": [_strip_record(s, z) for s, z in zip(strips, zeros, strict=True)],
            "repeats": repeats,
            "gains_mm_mv": gains,
            "speed_mm_s": float(speed),
        },
    )
    recording.quality = lead_quality(recording, calibration)
    recording.warnings = repeat_warnings(repeats)
    return recording


def lead_order(strips: Sequence[LocatedStrip]) -> tuple[str, ...]:
    """Return the leads of a recording: the twelve if any strip is one of them, then other names as they come."""
    others = tuple(dict.fromkeys(s.lead for s in strips if s.lead not in LEADS))
    return (LEADS if len(others) < len({s.lead for s in strips}) else ()) + others


def _gains(leads: Sequence[str], strips: Sequence[LocatedStrip], gain: float | Mapping[str, float]) -> dict[str, float]:
    """Return the gain in mm/mV of each lead; a lead that is not printed may be missing in a mapping."""
    if not isinstance(gain, Mapping):
        return dict.fromkeys(leads, float(gain))
    missing = sorted({s.lead for s in strips} - set(gain))
    if missing:
        raise ValueError(f"no gain for {', '.join(missing)}; give one in mm/mV for each lead, or one for all")
    return {lead: float(gain[lead]) for lead in leads if lead in gain}


def strip_signal(
    strip: LocatedStrip,
    trace: Trace,
    px_per_mm: float,
    speed: float,
    gain: float,
    fs: float,
    n: int,
    min_confidence: float = MIN_CONFIDENCE,
) -> tuple[float, int, np.ndarray, np.ndarray]:
    """Return a strip's zero level (px, NaN if unread), its first sample's page index (of `n`), mV, confidence."""
    first = min(int(np.ceil(strip.t0 * fs - 1e-6)), n)
    t = np.arange(first, min(int(np.ceil(strip.t1 * fs - 1e-6)), n)) / fs
    x, y, conf = (np.asarray(a, float) for a in trace)
    conf = np.where(np.isfinite(conf) & np.isfinite(y), conf, 0.0)
    sure = conf >= min_confidence
    if sure.sum() < 2:
        return float("nan"), first, np.full(len(t), np.nan), np.zeros(len(t))
    zero = zero_level(y[sure], px_per_mm)
    when = strip.t0 + (x - strip.x0) / (px_per_mm * speed)
    rate = (len(x) - 1) / (when[-1] - when[0])
    known = _bridge(sure, round(BRIDGE_S * rate), y / px_per_mm)
    read = np.isfinite(y)
    y = np.interp(x, x[read], y[read])
    # What lies in a gap must not leak into the signal beside it.
    y = np.where(known, y, np.interp(x, x[known], y[known]))
    mv = _low_pass(strip.sign * (zero - y) / (px_per_mm * gain), rate, fs)
    # The first and last columns' centres lie up to a column inside the strip's window.
    column = 1.5 / (px_per_mm * speed)
    inside = (t >= when[0] - column) & (t <= when[-1] + column)
    present = inside & (np.interp(t, when, known.astype(float)) >= 0.5)
    mv = np.where(present, np.interp(t, when, mv), np.nan)
    return zero, first, mv, np.where(present, np.interp(t, when, np.clip(conf, 0, 1)), 0.0)


def zero_level(y: np.ndarray, px_per_mm: float) -> float:
    """Return the most frequent height (px) of a trace, smoothed over 0.4 mm: where the ECG rests."""
    step = 0.05 * px_per_mm
    low = y.min() - 20 * step
    count = np.bincount(((y - low) / step).astype(int), minlength=40)
    density = gaussian_filter1d(np.pad(count.astype(float), (0, 20)), 8, mode="constant")
    return float(low + (np.argmax(density) + 0.5) * step)


def verify_layout(recording: Recording, layout: Layout) -> tuple[float, list[str]]:
    """Score 0..1 how a recording assembled with `layout` obeys what holds for any 12-lead ECG; also warn.

    Checked are Einthoven's and Goldberger's sums over the leads printed at the same time (1 minus residual
    over largest lead, by RMS) and rhythm strips against short strips of the same lead (correlation). The
    score is the mean of those that can be checked, 0.5 where nothing can.
    """
    found, warnings = [], []
    for law, factors in IDENTITIES.items():
        residual = identity_residual(recording, factors)
        if residual is not None:
            found.append(float(np.clip(1 - residual[1], 0, 1)))
            if found[-1] < 0.3:
                warnings.append(f"{law} does not hold with layout {layout.name}: the leads may be elsewhere")
    repeats = recording.provenance.get("repeats", {})
    found += [float(np.clip(r["r"], 0, 1)) for r in repeats.values()]
    warnings += repeat_warnings(repeats)
    return (float(np.mean(found)) if found else 0.5), warnings


def repeat_warnings(repeats: dict[str, dict[str, float]]) -> list[str]:
    """Return a sentence for each lead whose two prints disagree."""
    return [
        f"{lead}: the rhythm strip and the short strip disagree (r {r['r']:.2f}, {r['rms_mv']:.2f} mV RMS): "
        + ("the rhythm strip is left out, and " if r["r"] < UNLIKE_R else "")
        + "the layout or one of the two traces may be wrong"
        for lead, r in repeats.items()
        if r["r"] < MIN_REPEAT_R
    ]


def _bridge(sure: np.ndarray, longest: int, y: np.ndarray) -> np.ndarray:
    """Return `sure` with the inner gaps of at most `longest` samples closed, but for those that cut off a peak.

    y: the trace's height in mm. Where it rises into a gap and falls out of it, or the other way round, and its slopes
    meet more than PEAK_MM beyond the gap's ends, a bridge would make a lower wave of it.
    """
    known = sure.copy()
    at = np.flatnonzero(sure)
    step = np.diff(at)
    for k in np.flatnonzero((step > 1) & (step <= longest + 1)):
        a, b = at[max(0, k - SLOPE_SAMPLES)], at[k]
        c, d = at[k + 1], at[min(len(at) - 1, k + 1 + SLOPE_SAMPLES)]
        into, out = (y[b] - y[a]) / max(b - a, 1), (y[d] - y[c]) / max(d - c, 1)
        meet = min(abs(into), abs(out)) * (c - b) / 2
        known[b + 1 : c] = into * out >= 0 or meet <= PEAK_MM
    return known


def _low_pass(signal: np.ndarray, rate: float, fs: float) -> np.ndarray:
    """Remove what `fs` samples/s cannot carry from a signal of `rate` samples/s (windowed sinc)."""
    cutoff = 0.45 * fs
    if cutoff >= 0.45 * rate:
        return signal
    half = min(int(np.ceil(3 * rate / cutoff)), len(signal) - 1)
    kernel = firwin(2 * half + 1, cutoff, fs=rate)
    # Odd reflection keeps level and slope at the ends, where the next strip continues.
    return np.convolve(np.pad(signal, half, mode="reflect", reflect_type="odd"), kernel, mode="valid")


def _strip_record(strip: LocatedStrip, zero: float) -> dict:
    return {
        "lead": strip.lead,
        "row": int(strip.row),
        "t0": float(strip.t0),
        "t1": float(strip.t1),
        "x0": float(strip.x0),
        "x1": float(strip.x1),
        "baseline": float(strip.baseline),
        "zero_level": None if np.isnan(zero) else float(zero),
    }
