"""One beat for each lead: the median of its usual beats, laid on each other and on one time axis for all leads."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ecgseg.measure.beats import Beats
from ecgseg.measure.prepare import Signals

BEFORE_S, AFTER_S = 0.7, 0.9
_EARLY = 0.85  # a beat that comes before this share of the usual interval may have another P wave, or cut off a T wave


@dataclass(frozen=True)
class MedianBeat:
    """A beat of each lead on one time axis.

    t (n,) in s, 0 at the beats' common instant; leads; single (beats, leads, n): every usual beat in mV with its PR
    level at 0, NaN where it cannot be used; x (leads, n): their median; count (leads,): the beats behind the QRS;
    trust (leads,): mean confidence of the samples in these; rr: median interval in s.
    """

    t: np.ndarray
    leads: tuple[str, ...]
    single: np.ndarray
    x: np.ndarray
    count: np.ndarray
    trust: np.ndarray
    rr: float

    @property
    def fs(self) -> float:
        return (len(self.t) - 1) / (self.t[-1] - self.t[0])

    def part(self, first: float, last: float) -> slice:
        """Return the samples from `first` to `last` s, at least one."""
        a, b = np.searchsorted(self.t, [first - 1e-9, last + 1e-9])
        return slice(int(a), max(int(b), int(a) + 1))

    def subset(self, beats: np.ndarray) -> "MedianBeat":
        """Return the median beat of some of the beats (bool or numbers)."""
        return _of(self.t, self.leads, self.single[beats], self.trust, self.rr)


def cut_beats(signals: Signals, beats: Beats, onset_s: float) -> MedianBeat:
    """Return the median beat of each lead.

    onset_s: where the QRS begins against the beats' instant (negative). Each lead's zero is its level in the 20 ms
    before the QRS, drawn as a straight line from beat to beat, which takes out wander without bending ST. P waves of
    early beats and T waves that an early beat cuts off are left out.
    """
    fs = signals.fs
    t = np.arange(-round(BEFORE_S * fs), round(AFTER_S * fs) + 1) / fs
    at = np.round(beats.at * fs).astype(int)
    zero = np.stack([_pr_levels(x, at, onset_s, fs) for x in signals.x]) if len(at) else np.zeros((len(signals.x), 0))
    index = np.arange(signals.x.shape[1])
    single = np.full((int(beats.usual.sum()), len(signals.x), len(t)), np.nan)
    before, after = np.concatenate([[np.nan], beats.rr]), np.concatenate([beats.rr, [np.nan]])
    early_before, early_after = (r < _EARLY * beats.median_rr for r in (before, after))
    for lead, (x, level) in enumerate(zip(signals.x, zero, strict=True)):
        known = np.isfinite(level)
        if not known.any():
            continue
        flat = x - np.interp(index, at[known] + onset_s * fs, level[known])
        for k, beat in enumerate(np.flatnonzero(beats.usual)):
            if not np.isfinite(level[beat]):
                continue
            first = at[beat] + round(t[0] * fs)
            a, b = max(first, 0), min(first + len(t), len(flat))
            single[k, lead, a - first : b - first] = flat[a:b]
    mine = np.flatnonzero(beats.usual)
    qrs_start = np.searchsorted(t, onset_s - 0.03)
    for k, beat in enumerate(mine):
        if early_before[beat]:
            single[k, :, :qrs_start] = np.nan
        if early_after[beat] or (np.isfinite(after[beat]) and after[beat] < t[-1]):
            cut = after[beat] + (onset_s - 0.03)
            single[k, :, np.searchsorted(t, cut) :] = np.nan
        if np.isfinite(before[beat]):
            # What lies before the last QRS's end belongs to that beat.
            single[k, :, : np.searchsorted(t, -before[beat] + 0.1)] = np.nan
    return _of(t, signals.leads, single, _trust(signals, at[mine], t), beats.median_rr)


def rough_beats(signals: Signals, beats: Beats) -> MedianBeat:
    """Return a first median beat, each single beat about its own median: good enough to see where the QRS begins."""
    fs = signals.fs
    t = np.arange(-round(BEFORE_S * fs), round(AFTER_S * fs) + 1) / fs
    at = np.round(beats.at[beats.usual] * fs).astype(int)
    padded = np.pad(signals.x, ((0, 0), (len(t), len(t))), constant_values=np.nan)
    single = np.stack([padded[:, p + len(t) + round(t[0] * fs) :][:, : len(t)] for p in at])
    near = single[:, :, np.abs(t) < 0.3]
    whole = np.isfinite(near).mean(axis=2) > 0.6
    level = _median(np.moveaxis(near, 2, 0))
    single = np.where(whole[:, :, None], single - level[:, :, None], np.nan)
    return _of(t, signals.leads, single, np.ones(len(signals.leads)), beats.median_rr)


def noise(beat: MedianBeat, smooth_s: float = 0.0) -> np.ndarray:
    """Return the standard error (leads,) in mV of a median beat's samples: how the single beats lie about it.

    smooth_s: the same for what is left after a running mean of this length.

    A lead of one beat alone gets the median deviation of the others; 1.25 is the median's standard error against the
    mean's, 1.48 turns a median deviation into a standard one.
    """
    part = beat.single - beat.x
    if smooth_s:
        part = running_mean(part, smooth_s, beat.fs)
    part = np.abs(part)[:, :, np.abs(beat.t) < 0.4]
    off = np.array([1.48 * _middle(part[:, k]) if c > 1 else np.nan for k, c in enumerate(beat.count)])
    # The median of n lies closer to each of them than the truth does.
    off *= np.sqrt(beat.count / np.maximum(beat.count - 1, 1))
    usual = np.nanmedian(off) if np.isfinite(off).any() else 0.05
    return 1.25 * np.where(np.isfinite(off), off, usual) / np.sqrt(np.maximum(beat.count, 1))


def running_mean(x: np.ndarray, seconds: float, fs: float) -> np.ndarray:
    """Return the mean over a time along the last axis; a NaN stays where it is and counts as 0 for its neighbours."""
    return uniform_filter1d(np.nan_to_num(x), max(1, round(seconds * fs)), axis=-1) + 0 * x


def _middle(x: np.ndarray) -> float:
    known = x[np.isfinite(x)]
    return float(np.median(known)) if len(known) else float("nan")


def _of(t, leads, single, trust, rr) -> MedianBeat:
    at_qrs = np.isfinite(single[:, :, np.abs(t) < 0.05]).mean(axis=2) > 0.8
    return MedianBeat(t, leads, single, _median(single), at_qrs.sum(axis=0), trust, rr)


def _median(x: np.ndarray) -> np.ndarray:
    """Return the median over the first axis without NaN, NaN where there is nothing."""
    none = ~np.isfinite(x).any(axis=0)
    return np.where(none, np.nan, np.nanmedian(np.where(none, 0.0, x), axis=0))


def _pr_levels(x: np.ndarray, at: np.ndarray, onset_s: float, fs: float) -> np.ndarray:
    """Return a lead's level in the 20 ms before each QRS (beats,), NaN where it cannot be read."""
    first, last = round((onset_s - 0.022) * fs), round((onset_s - 0.002) * fs)
    out = np.full(len(at), np.nan)
    for k, p in enumerate(at):
        a, b = p + first, p + last
        if a >= 0 and b < len(x) and np.isfinite(x[a : b + 1]).mean() > 0.5:
            out[k] = np.nanmean(x[a : b + 1])
    return out


def _trust(signals: Signals, at: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the mean confidence (leads,) of the known samples about the beats."""
    seen = np.zeros(signals.x.shape[1], bool)
    for p in at:
        seen[max(0, p + round(-0.3 * signals.fs)) : p + round(0.5 * signals.fs)] = True
    use = np.isfinite(signals.x) & seen
    return np.where(use.any(axis=1), (signals.trust * use).sum(axis=1) / np.maximum(use.sum(axis=1), 1), 0.0)
