"""P on the median beat: is there one, does it keep its distance from the QRS, and where does it begin and end."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import argrelmax, savgol_filter

from ecgseg.measure.delineate import broken_curve
from ecgseg.measure.median_beat import MedianBeat, noise, running_mean

_BEFORE_P_S = 0.12  # a flutter wave fills this; a U wave does not reach into it
_FLUTTER_STEP_S = (0.17, 0.29)  # 207 to 353 per minute
_SMOOTH_S = 0.03  # a P wave's steepest part is longer than this


@dataclass(frozen=True)
class Atria:
    """P's bounds in s on the median beat's axis (NaN without), and why it cannot be told ('' if it can).

    spread: of its distance to the QRS between beats, in s; snr: its height over noise.
    """

    on: float
    off: float
    spread: float
    snr: float
    why: str


def find_p(
    beat: MedianBeat, qrs_on: float, t_end: float, options: dict, rr: float, within: tuple[float, float] | None = None
) -> Atria:
    """Return the P wave before the QRS.

    It must stand over the noise, come at the same distance in most beats, and have quiet before it: f waves fail the
    second test, dissociated P waves too, flutter waves the third. t_end and rr (s) say where the last beat's T ends.
    within: bounds of a P wave known to be there (a half of the beats need not prove it again).
    """
    nan = float("nan")
    first = max(qrs_on - options["longest_pr_s"], beat.t[0])
    behind_t = t_end - rr + 0.01 if np.isfinite(t_end) and np.isfinite(rr) else -np.inf
    window = beat.part(max(first, behind_t), qrs_on - 0.004)
    usable = np.isfinite(beat.x[:, window]).all(axis=1) & (beat.count > 0)
    if not usable.any():
        return Atria(nan, nan, nan, nan, "the stretch before the QRS cannot be read")
    t = beat.t[window]
    if len(t) < options["shortest_search_s"] * beat.fs:
        return Atria(nan, nan, nan, nan, "no room between T and the next QRS: a P wave would lie in T")
    height = _height(_levelled(beat.x[usable][:, window], beat), beat.count[usable])
    peaks = argrelmax(height, order=max(1, round(0.01 * beat.fs)))[0]
    peaks = [k for k in peaks if t[k] < qrs_on - 0.03 and (within is None or within[0] < t[k] < within[1])]
    if not peaks:
        return Atria(nan, nan, nan, nan, "nothing like a P wave before the QRS")
    top = peaks[int(np.argmax(height[peaks]))]
    spread = float(np.sqrt(np.average(noise(beat, _SMOOTH_S)[usable] ** 2, weights=beat.count[usable])))
    snr = height[top] / max(spread, 1e-6)
    if height[top] < options["least_p_mv"] or snr < options["least_p_snr"]:
        return Atria(nan, nan, nan, snr, "no P wave stands out of the noise")
    low, high = _half_points(height, top)
    on = broken_curve(beat, t[low] - 0.055, t[low] + 0.014, t[low] - 0.045, t[low] + 0.002, True)
    last = min(t[high] + 0.055, qrs_on)
    off = broken_curve(beat, t[high] - 0.014, last, t[high] - 0.002, min(t[high] + 0.045, qrs_on), False)
    if not (np.isfinite(on) and np.isfinite(off)):
        return Atria(nan, nan, nan, snr, "the bounds of the P wave cannot be read")
    if within is not None:
        return Atria(on, off, nan, snr, "")
    lags, like = _lags(beat, on, off)
    locked = (np.abs(lags - np.median(lags)) <= options["locked_s"]) & (like >= options["least_p_alike"])
    if len(lags) < options["least_p_beats"]:
        return Atria(nan, nan, nan, snr, f"only {len(lags)} beats show what comes before the QRS")
    if locked.mean() < options["locked_share"]:
        return Atria(
            nan, nan, float(lags.std()), snr, "P waves do not keep one distance from the QRS, or there are none"
        )
    unrest = _unrest(beat, on, off, t_end, rr)
    if unrest > options["most_unrest"] or _again(beat, on, off, qrs_on, rr) > options["most_again"]:
        return Atria(nan, nan, nan, snr, "waves as large as the P wave go on between the beats (flutter, or noise)")
    if np.isnan(unrest) and rr < options["shortest_rr_s"]:
        return Atria(nan, nan, nan, snr, "too fast: P cannot be told from a flutter wave without a rest before it")
    return Atria(on, off, float(lags[locked].std()), snr, "")


def _levelled(x: np.ndarray, beat: MedianBeat) -> np.ndarray:
    """Return leads smoothed less the straight line between the ends of the stretch."""
    width = min(round(_SMOOTH_S * beat.fs) | 1, (x.shape[1] - 1) | 1)
    smooth = savgol_filter(x, width, 2, axis=1)
    share = np.linspace(0, 1, x.shape[1])
    return smooth - (smooth[:, :1] * (1 - share) + smooth[:, -1:] * share)


def _height(x: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the root mean square over leads (n,), leads of many beats counting more."""
    return np.sqrt(np.average(x**2, axis=0, weights=count))


def _half_points(height: np.ndarray, top: int) -> tuple[int, int]:
    """Return the samples on both sides of a peak where it has fallen to half; the two atria may make two peaks."""
    over = height > 0.5 * height[top]
    low = top
    while low > 0 and over[max(low - 10, 0) : low].any():
        low -= 1
    high = top
    while high < len(height) - 1 and over[high + 1 : high + 11].any():
        high += 1
    return low, high


def _lags(beat: MedianBeat, on: float, off: float) -> tuple[np.ndarray, np.ndarray]:
    """Return for each beat how far its P lies from that of the others (s), and the correlation there."""
    fs = beat.fs
    reach = round(0.06 * fs)
    window = beat.part(on - 0.02, off + 0.02)
    a, b = window.start, window.stop
    # Muscle noise is quicker than any P wave.
    smooth = running_mean(beat.single, _SMOOTH_S, fs)
    shifts = [s for s in range(-reach, reach + 1, 2) if a + s >= 0]
    lags, like = [], []
    for k, one in enumerate(smooth):
        rest = np.delete(smooth, k, axis=0)
        wide = slice(max(a - reach, 0), b + reach)
        known = np.isfinite(one[:, wide]).all(axis=1) & np.isfinite(rest[:, :, window]).all(axis=2).any(axis=0)
        if not known.any():
            continue
        template = _steady(np.nanmedian(rest[:, known][:, :, window], axis=0))
        scores = [_correlation(template, _steady(one[known, a + s : b + s])) for s in shifts]
        best = int(np.argmax(scores))
        lags.append(shifts[best] / fs)
        like.append(scores[best])
    return np.array(lags), np.array(like)


def _steady(x: np.ndarray) -> np.ndarray:
    """Return leads less their own straight line."""
    share = np.linspace(-1, 1, x.shape[1])
    slope = (x * share).sum(axis=1, keepdims=True) / (share**2).sum()
    return x - x.mean(axis=1, keepdims=True) - slope * share


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt(max((a**2).sum() * (b**2).sum(), 1e-18)))


def _unrest(beat: MedianBeat, on: float, off: float, t_end: float, rr: float) -> float:
    """Return the size of what goes on between T and P against the P wave; NaN where there is no such stretch."""
    if not (np.isfinite(t_end) and np.isfinite(rr)):
        return float("nan")
    smooth = running_mean(beat.x, _SMOOTH_S, beat.fs)
    p = _steady(smooth[:, beat.part(on, off)])
    error = noise(beat, _SMOOTH_S)
    sizes = []
    for first, last in ((t_end + 0.03, on + rr - 0.015), (t_end - rr + 0.03, on - 0.015)):
        # U waves are further away.
        first, last = max(first, last - _BEFORE_P_S, beat.t[0]), min(last, beat.t[-1])
        if last - first < 0.03:
            continue
        x = smooth[:, beat.part(first, last)]
        whole = np.isfinite(x).all(axis=1) & np.isfinite(p).all(axis=1)
        if whole.any():
            # Noise alone is no wave that goes on.
            going_on = max(
                float(((x[whole] - x[whole].mean(axis=1, keepdims=True)) ** 2).mean() - (error[whole] ** 2).mean()), 0.0
            )
            sizes.append(np.sqrt(going_on / max(float((p[whole] ** 2).mean()), 1e-12)))
    return float(min(sizes)) if sizes else float("nan")


def _again(beat: MedianBeat, on: float, off: float, qrs_on: float, rr: float) -> float:
    """Return how well the P wave comes again at a flutter's steps (0.17 to 0.29 s, a whole share of RR), 0 to 1.

    Compared is what the QRS does not cover: the least correlation over the steps between two P waves.
    """
    best = 0.0
    if not np.isfinite(rr):
        return best
    smooth = running_mean(beat.x, _SMOOTH_S, beat.fs)
    window = beat.part(on, off)
    whole = np.isfinite(smooth[:, window]).all(axis=1)
    template, n = _steady(smooth[whole][:, window]), window.stop - window.start
    covered = (qrs_on - 0.01, -qrs_on + 0.05)
    for count in range(2, 7):
        step = rr / count
        if not _FLUTTER_STEP_S[0] <= step <= _FLUTTER_STEP_S[1]:
            continue
        scores = []
        for first in (on + base - k * step for base in (0.0, rr) for k in range(1, count)):
            part = smooth[whole][:, beat.part(first, first).start :][:, :n]
            free = first > covered[1] or first + off - on < covered[0]
            if free and first >= beat.t[0] and part.shape == template.shape and np.isfinite(part).all():
                scores.append(_correlation(template, _steady(part)))
        best = max(best, min(scores, default=0.0))
    return best
