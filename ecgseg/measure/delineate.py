"""Where the QRS begins and ends on the median beat, over all leads together.

First a rough stretch from the spatial velocity (root mean square over the leads of the slope, Macfarlane and Lawrie's
detection function), then each bound where a broken curve fits all leads best: a line on one side, a curve that
leaves it without a corner on the other (least squares; one instant for all leads, an own curve for each).
"""

import numpy as np
from scipy.signal import savgol_filter

from ecgseg.measure.median_beat import MedianBeat

_SLOPE_S = 0.014  # over this long a slope is taken: under it noise rules, over it a bound moves outwards
_START, _END = 0.10, 0.04  # shares of the largest velocity that count as QRS, at its start and at its end
_SLUR_S, _SLUR_JOIN_S = 0.06, 0.012
_JOIN_S = 0.026  # a wide QRS may stand still for this long in the middle


def rough_qrs(beat: MedianBeat) -> tuple[float, float] | None:
    """Return about where the QRS begins and ends in s, or None if nothing stands out."""
    speed = spatial_velocity(beat)
    middle = beat.part(-0.09, 0.09)
    if not np.isfinite(speed[middle]).any():
        return None
    top = middle.start + int(np.nanargmax(speed[middle]))
    quiet = speed[beat.part(-0.45, 0.55)]
    noise = 2.5 * float(np.nanpercentile(quiet, 40))
    if not speed[top] > 2 * max(_START * speed[top], noise):
        return None
    first, last = (
        _walk(np.nan_to_num(speed) > max(share * speed[top], noise), top, step, round(_JOIN_S * beat.fs))
        for share, step in ((_START, -1), (_START, 1))
    )
    # A QRS may end in a small slow slur, which the P wave before it would look like: it is followed at the end only.
    slur = np.nan_to_num(speed) > max(_END * speed[top], noise)
    slur[min(last + round(_SLUR_S * beat.fs), len(slur)) :] = False
    last = _walk(slur, last, 1, round(_SLUR_JOIN_S * beat.fs))
    return beat.t[first], beat.t[last]


def spatial_velocity(beat: MedianBeat) -> np.ndarray:
    """Return the root mean square over leads of the slope (n,) in mV/s, NaN where no lead is known."""
    slope = _slope(beat.x, beat.fs)
    known = np.isfinite(slope)
    total = np.where(known, slope, 0.0) ** 2
    return np.where(known.any(axis=0), np.sqrt(total.sum(axis=0) / np.maximum(known.sum(axis=0), 1)), np.nan)


def qrs_bounds(beat: MedianBeat, rough: tuple[float, float]) -> tuple[float, float]:
    """Return where the QRS begins and ends in s."""
    first, last = rough
    on = broken_curve(beat, first - 0.045, first + 0.02, first - 0.025, first + 0.012, rising=True)
    off = broken_curve(beat, last - 0.024, last + 0.05, last - 0.014, last + 0.03, rising=False)
    return on, off


def _walk(on: np.ndarray, at: int, step: int, longest: int) -> int:
    """Return the last sample of the stretch around `at`, in one direction, over holes up to `longest` samples."""
    last, k = at, at
    while 0 < k + step < len(on) and abs(k - last) <= longest:
        k += step
        if on[k]:
            last = k
    return last


def _slope(x: np.ndarray, fs: float) -> np.ndarray:
    """Return the slope per s along the last axis; NaN spreads to its neighbours."""
    width = round(_SLOPE_S * fs) | 1
    known = np.isfinite(x)
    smooth = savgol_filter(np.where(known, x, 0.0), width, 2, deriv=1, delta=1 / fs, axis=-1)
    spoilt = _all_known(known, width)
    return np.where(spoilt, smooth, np.nan)


def _all_known(known: np.ndarray, width: int) -> np.ndarray:
    """Return where all `width` samples about one are known."""
    half = width // 2
    padded = np.pad(known, ((0, 0), (half, half)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1).all(axis=-1)


def broken_curve(beat: MedianBeat, first: float, last: float, earliest: float, latest: float, rising: bool) -> float:
    """Return the instant (s) at which a curve leaves (rising) or reaches a straight line, best for all leads together.

    The model of a lead is a line everywhere plus, on the curve's side, a square and a cube of the time from the bound.
    The window is from first to last, the bound from earliest to latest. NaN if no lead is whole in the window.
    """
    window = beat.part(first, last)
    t = beat.t[window]
    x = beat.x[:, window]
    whole = np.isfinite(x).all(axis=1) & (beat.count > 0)
    if not whole.any():
        return float("nan")
    # A lead of few beats is noisier: its squares count by its beats.
    x = x[whole] * np.sqrt(np.maximum(beat.count[whole], 1))[:, None]
    candidates = beat.t[beat.part(earliest, latest)]
    errors = []
    for c in candidates:
        side = np.maximum(t - c, 0) if rising else np.maximum(c - t, 0)
        basis, _ = np.linalg.qr(np.stack([np.ones_like(t), t - c, side**2, side**3], axis=1))
        errors.append(float((x**2).sum() - ((x @ basis) ** 2).sum()))
    return float(candidates[int(np.argmin(errors))])
