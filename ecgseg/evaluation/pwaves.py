"""Are the P waves still there? The same question about the same places of what is printed and of what was read."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ecgseg.measure import Measurements, load_options
from ecgseg.measure.prepare import Signals, prepare
from ecgseg.recording import Recording

P_MV = 0.1  # one small square at 10 mm/mV: a P wave that anyone can see
NO_P_MV = P_MV / 2  # below it there is none; what lies between is neither, or each decision would turn on noise
SMOOTH_S = 0.03  # P's steepest part is longer than this, muscle and hum are shorter
USUAL_PLACE_S = (-0.2, -0.04)  # before the QRS, where no P wave was found that tells the place
REACH_S = 0.2  # how far the reading's time may be off, what the alignment of the score forgives
SAME_BEAT_S = 0.06  # a beat further away, after the common shift, is another one


@dataclass(frozen=True)
class PWaves:
    """Counts of beats. beats: with a P wave in print; lost: it is gone in the reading; unread: no lead shows the place
    there; free: without one in print, and read; invented: the reading shows one there."""

    beats: int = 0
    lost: int = 0
    unread: int = 0
    free: int = 0
    invented: int = 0


def p_waves(printed: Recording, before: Measurements, read: Recording | None, after: Measurements | None) -> PWaves:
    """Return how presence of P agrees between what is printed and what was read (None: nothing was).

    A beat has a P wave where measuring found P waves in print and `heights` there is P_MV or more, none where it is
    below NO_P_MV; others are not counted. In the reading it is lost below NO_P_MV, invented from P_MV on.
    """
    options = load_options()["signal"]
    onsets, (first, last) = qrs_onsets(before), _place(before)
    height = heights(prepare(printed, options), onsets + first, onsets + last)
    has = np.array(before.usual, bool) & (before.bounds_s.get("p_on") is not None) & (height >= P_MV)
    lacks = height < NO_P_MV
    if read is None:
        return PWaves(int(has.sum()), 0, int(has.sum()))
    there = onsets + moves(onsets, qrs_onsets(after))
    again = heights(prepare(read, options), there + first, there + last)
    return PWaves(
        int(has.sum()),
        int((has & (again < NO_P_MV)).sum()),
        int((has & np.isnan(again)).sum()),
        int((lacks & np.isfinite(again)).sum()),
        int((lacks & (again >= P_MV)).sum()),
    )


def qrs_onsets(found: Measurements) -> np.ndarray:
    """Return where each beat's QRS begins in s, its common instant where no onset was found."""
    return np.array(found.beats_s, float) + (found.bounds_s.get("qrs_on") or 0.0)


def _place(found: Measurements) -> tuple[float, float]:
    """Return from where to where before the QRS onset P is asked for, in s."""
    on, off, qrs = (found.bounds_s.get(k) for k in ("p_on", "p_off", "qrs_on"))
    return USUAL_PLACE_S if None in (on, off, qrs) else (on - qrs, off - qrs)


def moves(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return by how many s each beat (n,) comes later among the beats of the reading (m,).

    A beat that was not found there comes as much later as beats usually do; 0 where none was found.
    """
    if not (len(before) and len(after)):
        return np.zeros(len(before))
    off = _nearest(before, after)
    common = float(np.median(off[np.abs(off) < REACH_S])) if (np.abs(off) < REACH_S).any() else 0.0
    off = common + _nearest(before + common, after)
    return np.where(np.abs(off - common) < SAME_BEAT_S, off, common)


def _nearest(at: np.ndarray, others: np.ndarray) -> np.ndarray:
    return others[np.abs(others[None] - at[:, None]).argmin(axis=1)] - at


def heights(signals: Signals, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the height in mV of the largest wave of any lead between the instants `first` and `last` (n,) in s.

    Leads are smoothed over 0.03 s; a wave's height is over the straight line between its window's ends, up or down.
    NaN where no lead shows the whole window.
    """
    out = np.full(len(first), np.nan)
    reach = round(SMOOTH_S * signals.fs / 2)
    for k, (a, b) in enumerate(zip(np.rint(first * signals.fs), np.rint(last * signals.fs), strict=True)):
        a, b = int(a) - reach, int(b) + reach + 1
        if a < 0 or b > signals.x.shape[1]:
            continue
        part = signals.x[:, a:b]
        part = part[np.isfinite(part).all(axis=1)]
        if len(part):
            smooth = uniform_filter1d(part, 2 * reach + 1, axis=1)[:, reach:-reach]
            share = np.linspace(0, 1, smooth.shape[1])
            out[k] = np.abs(smooth - smooth[:, :1] * (1 - share) - smooth[:, -1:] * share).max()
    return out
