"""Traces in px -> Recording in mV and seconds: scale, zero level, page timeline, repeated leads."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import firwin

from ecgseg.digitize.locate import LocatedStrip
from ecgseg.digitize.verify import IDENTITIES, identity_residual, lead_quality
from ecgseg.layout import LEADS, Layout
from ecgseg.recording import Recording

MIN_CONFIDENCE = 0.2  # below this the trace is a guess
BRIDGE_S = 0.02  # a QRS flank may be faint for this long and still be known from both sides
MIN_REPEAT_R = 0.9  # two prints of one lead over the same seconds correlate better than this
MIN_REPEAT_S = 0.5  # with less in common, two prints are not compared

Trace = tuple[np.ndarray, np.ndarray, np.ndarray]


def assemble(
    strips: Sequence[LocatedStrip],
    traces: Sequence[Trace],
    px_per_mm: float,
    speed: float = 25.0,
    gain: float = 10.0,
    fs: float = 500.0,
    seconds: float | None = None,
    provenance: dict | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> Recording:
    """Put traced strips on one timeline as mV.

    `traces` holds per strip x, y (flat px, any number of samples a column) and confidence (0..1);
    `speed` is in mm/s, `gain` in mm/mV, `seconds` the recording's length (None: the last strip's end).
    Samples outside a strip's window, and where nothing was read for longer than 20 ms, are NaN.

    Paper does not say where 0 mV is: each strip's zero is its own most frequent height, which is the
    isoelectric line unless the strip wanders. A lead printed both as a rhythm strip and as a short strip
    is taken from the rhythm strip, and from the short one where the rhythm strip could not be read.
    Raises ValueError if strips and traces do not match in number.
    """
    if len(strips) != len(traces):
        raise ValueError(f"{len(strips)} strips but {len(traces)} traces: give one trace per strip, in order")
    seconds = max(s.t1 for s in strips) if seconds is None else seconds
    n = round(seconds * fs)
    signal = np.full((len(LEADS), n), np.nan, np.float32)
    confidence = np.zeros((len(LEADS), n), np.float32)
    windows: dict[str, tuple[float, float]] = {}
    repeats: dict[str, dict[str, float]] = {}
    zeros: list[float] = [float("nan")] * len(strips)
    # Rhythm strips first: what they hold is kept, short strips only fill their gaps.
    for k in sorted(range(len(strips)), key=lambda k: not strips[k].rhythm):
        strip, i = strips[k], LEADS.index(strips[k].lead)
        y_zero, first, mv, conf = strip_signal(strip, traces[k], px_per_mm, speed, gain, fs, n, min_confidence)
        zeros[k] = y_zero
        here = slice(first, first + len(mv))
        if strip.lead in windows:
            mv, repeat = _same_zero(signal[i, here], mv, fs)
            if repeat:
                repeats[strip.lead] = repeat
            t0, t1 = windows[strip.lead]
            windows[strip.lead] = (min(t0, strip.t0), max(t1, strip.t1))
        else:
            windows[strip.lead] = (strip.t0, strip.t1)
        fill = np.isnan(signal[i, here]) & np.isfinite(mv)
        signal[i, here][fill] = mv[fill]
        confidence[i, here][fill] = conf[fill]
    recording = Recording(
        name="",
        signal=signal,
        fs=fs,
        confidence=confidence,
        windows=windows,
        provenance={
            **(provenance or {}),
            "strips": [_strip_record(s, z) for s, z in zip(strips, zeros, strict=True)],
            "repeats": repeats,
        },
    )
    recording.quality = lead_quality(recording)
    recording.warnings = repeat_warnings(repeats)
    return recording


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
    known = _bridge(sure, round(BRIDGE_S * rate))
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
        "the layout or one of the two traces may be wrong"
        for lead, r in repeats.items()
        if r["r"] < MIN_REPEAT_R
    ]


def _same_zero(kept: np.ndarray, other: np.ndarray, fs: float) -> tuple[np.ndarray, dict[str, float] | None]:
    """Shift a second print of a lead to the first one's zero; return it and how the two agree, or None."""
    both = np.isfinite(kept) & np.isfinite(other)
    if both.sum() < MIN_REPEAT_S * fs:
        return other, None
    other = other + np.median(kept[both] - other[both])
    a, b = kept[both].astype(float), other[both]
    flat = min(np.std(a), np.std(b)) < 1e-6
    r = 0.0 if flat else float(np.corrcoef(a, b)[0, 1])
    return other, {"r": r, "rms_mv": float(np.sqrt(np.mean((a - b) ** 2)))}


def _bridge(sure: np.ndarray, longest: int) -> np.ndarray:
    """Return `sure` with the inner gaps of at most `longest` samples closed."""
    known = sure.copy()
    at = np.flatnonzero(sure)
    step = np.diff(at)
    for k in np.flatnonzero((step > 1) & (step <= longest + 1)):
        known[at[k] : at[k + 1]] = True
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
