"""T on the median beat: its peak and its end, on the combination of leads that shows it largest."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import argrelmax, savgol_filter

from ecgseg.measure.median_beat import MedianBeat, noise

_SMOOTH_S = 0.044
_PHASE_S = 0.18  # the second phase of a T wave peaks within this time of the first


@dataclass(frozen=True)
class Recovery:
    """T's peak and end in s (NaN without), its height over noise, and why it cannot be told ('' if it can)."""

    peak: float
    end: float
    snr: float
    why: str


def find_t(beat: MedianBeat, qrs: tuple[float, float], options: dict, rr: float) -> Recovery:
    """Return the T wave: its end is where the tangent at its last limb's steepest point meets the level behind.

    The tangent: Lepeschkin and Surawicz, Circulation 6 (1952) 378–388. The combination of leads is the first principal
    component from J on, so that a lead with a flat T does not shorten QT; where the second is nearly as large, the
    later of the two ends counts. rr: the usual interval in s.
    """
    first = _end_in(beat, qrs, options, rr, 0)
    if first.why:
        return first
    second = _end_in(beat, qrs, options, rr, 1)
    return second if not second.why and first.end < second.end < first.end + _PHASE_S / 2 else first


def _end_in(beat: MedianBeat, qrs: tuple[float, float], options: dict, rr: float, order: int) -> Recovery:
    """Return the T wave in one of the principal components."""
    nothing = float("nan")
    limit = min(qrs[0] + rr - 0.04, beat.t[-1]) if np.isfinite(rr) else beat.t[-1]
    window = beat.part(qrs[1] + 0.03, limit)
    t, y, spread = _combination(beat, window, order, options["second_component"])
    if len(t) < 0.15 * beat.fs:
        return Recovery(nothing, nothing, nothing, "too little is known between one QRS and the next")
    share, late = options["latest_t_peak"]
    last_peak = qrs[0] + min(share * rr, late * np.cbrt(rr)) if np.isfinite(rr) else qrs[0] + late
    extremes = np.sort(np.concatenate([argrelmax(s * y, order=round(0.02 * beat.fs))[0] for s in (1, -1)]))
    extremes = [k for k in extremes if qrs[1] + 0.05 < t[k] < last_peak]
    if not extremes:
        return Recovery(nothing, nothing, nothing, "no T wave stands out")
    rest = _rest_level(y, t, beat.fs, t[extremes[-1]] + 0.06)
    height = np.abs(y[extremes] - rest)
    # Of a T with two phases, the last limb counts if the second phase is no ripple.
    main = extremes[int(np.argmax(height))]
    peak = main
    for k, h in zip(extremes, height, strict=True):
        opposite = (y[k] - rest) * (y[main] - rest) < 0
        if main < k and t[k] - t[main] < _PHASE_S and opposite and h >= options["second_phase"] * height.max():
            peak = k
    rest = _rest_level(y, t, beat.fs, t[peak] + 0.06)
    snr = abs(y[peak] - rest) / max(spread, 1e-6)
    if abs(y[peak] - rest) < options["least_t_mv"] or snr < options["least_t_snr"]:
        return Recovery(t[peak], nothing, snr, "the T wave is too flat for its end to be told")
    slope = np.gradient(y, t) * np.sign(y[peak] - rest)
    down = np.flatnonzero((y[peak:] - rest) * np.sign(y[peak] - rest) < 0.15 * abs(y[peak] - rest))
    # Behind that, or behind a dip before it, lies the next P wave, which may be steeper.
    signed = (y[peak:] - rest) * np.sign(y[peak] - rest)
    dips = argrelmax(-signed, order=round(0.01 * beat.fs))[0]
    if len(dips) and (not len(down) or dips[0] < down[0]):
        if signed[dips[0]] > 0.5 * signed[0]:
            return Recovery(t[peak], nothing, snr, "the T wave runs into the next wave")
        down = dips
    last = peak + 1 + (int(down[0]) if len(down) else np.searchsorted(t, t[peak] + 0.25) - peak)
    steepest = peak + int(np.argmin(slope[peak:last]))
    if not slope[steepest] < 0:
        return Recovery(t[peak], nothing, snr, "the T wave does not come back before the next beat")
    end = t[steepest] + abs(y[steepest] - rest) / -slope[steepest]
    if end > limit or (y[steepest] - rest) * (y[peak] - rest) < 0:
        return Recovery(t[peak], nothing, snr, "the T wave does not come back before the next beat")
    return Recovery(float(t[peak]), float(end), float(snr), "")


def _combination(beat: MedianBeat, window: slice, order: int, least: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return t, a principal component of the leads in the window (mV), and its noise in mV.

    Nothing if the component has less than the share `least` of the first one's size.
    """
    x = beat.x[:, window]
    usable = np.isfinite(x).mean(axis=1) > 0.9
    x = x[usable]
    known = np.isfinite(x).all(axis=0)
    if not usable.any() or known.sum() < 10:
        return np.zeros(0), np.zeros(0), float("nan")
    t, x = beat.t[window][known], x[:, known]
    weight = np.sqrt(beat.count[usable] / beat.count[usable].max())[:, None]
    u, size, _ = np.linalg.svd(x * weight, full_matrices=False)
    if order >= len(size) or size[order] < least * size[0]:
        return np.zeros(0), np.zeros(0), float("nan")
    direction = u[:, order] * weight[:, 0]
    direction /= np.linalg.norm(direction)
    width = min(round(_SMOOTH_S * beat.fs) | 1, (len(t) - 1) | 1)
    y = savgol_filter(direction @ x, width, 2) if len(t) > width else direction @ x
    # Seen as one lead's height: the root mean square over leads.
    scale = 1 / np.sqrt(len(x))
    return t, y * scale, float(np.sqrt(((direction * noise(beat, _SMOOTH_S)[usable]) ** 2).sum()) * scale)


def _rest_level(y: np.ndarray, t: np.ndarray, fs: float, after: float) -> float:
    """Return the level of the 40 ms in which a curve moves least after an instant; 0, the PR level, if none is left."""
    width = round(0.04 * fs)
    tail = y[np.searchsorted(t, after) :]
    if len(tail) < width + 2:
        return 0.0
    parts = np.lib.stride_tricks.sliding_window_view(tail, width)
    return float(parts[int(np.argmin(np.ptp(parts, axis=1)))].mean())
