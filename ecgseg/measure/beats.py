"""Where the heart beats: R peaks over all leads together, which beats are alike, and the RR intervals."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import find_peaks, savgol_filter

from ecgseg.measure.prepare import Signals, band_pass, bridged

_BAND_HZ = (5.0, 25.0)  # where QRS complexes have most of their energy and P, T and muscle little
_SMOOTH_S = 0.08  # about a QRS: one hump for each
_REFRACTORY_S = 0.2
_T_WITHIN_S = 0.36  # a T wave peaks this soon after its R
_WINDOW_S = (0.10, 0.14)  # what of a beat is compared, before and after R
_SHIFT_S = 0.04  # how far a beat may be moved to lie on the others


@dataclass(frozen=True)
class Beats:
    """All beats of a recording.

    at (beats,): common instant of each in s, the same point of the QRS in all that are alike; usual (beats,) bool:
    those of the commonest form; other (beats,) bool: those of another form (a beat cut by an edge is neither);
    rr (beats - 1,): intervals in s, NaN where nothing could be read in between;
    alike: mean correlation of the usual beats with each other.
    """

    at: np.ndarray
    usual: np.ndarray
    other: np.ndarray
    rr: np.ndarray
    alike: float

    @property
    def median_rr(self) -> float:
        """Return the median RR interval in s, NaN if there is none."""
        known = self.rr[np.isfinite(self.rr)]
        return float(np.median(known)) if len(known) else float("nan")


def find_beats(signals: Signals, options: dict) -> Beats:
    """Return the beats, found over all leads together and aligned on each other."""
    band = band_pass(signals.x, signals.fs, *_BAND_HZ) if len(signals.x) else signals.x
    energy = qrs_energy(band, signals.fs)
    peaks = _peaks(energy, signals.fs)
    if options["least_qrs_mv"] > _height(band, peaks, signals.fs):
        peaks = peaks[:0]
    steep = _steepness(signals.x, peaks, signals.fs)
    usual, alike = _alike(band, peaks, steep, signals.fs, options["alike"])
    # What is neither like the others nor strong and steep is a T wave or noise.
    if usual.any():
        steep, strong = steep / np.median(steep[usual]), energy[peaks] / np.median(energy[peaks[usual]])
        least, sharp = options["least_other_slope"]
        real = usual | (steep > sharp) | ((steep > least) & (strong > options["least_other_energy"]))
    else:
        real = np.zeros(len(peaks), bool)
    peaks, usual = peaks[real], usual[real]
    seen = (np.abs(_windows(band, peaks, signals.fs)) > 0).any(axis=(1, 2)) if len(peaks) else usual
    at = _aligned(band, peaks, usual, signals.fs)
    order = np.argsort(at)
    at, usual, other = at[order], usual[order], (seen & ~usual)[order]
    return Beats(at / signals.fs, usual, other, _intervals(at, energy, signals.fs, options["longest_gap_s"]), alike)


def qrs_energy(band: np.ndarray, fs: float) -> np.ndarray:
    """Return the size of QRS-like activity over all leads (samples,), about 1 at a usual QRS, NaN without any lead."""
    if not len(band):
        return np.zeros(0)
    known = np.isfinite(band)
    top = np.array([np.percentile(np.abs(row[k]), 98) for row, k in zip(band, known, strict=True)])
    # A short strip may hold no QRS at all: it must not be blown up to the size of one.
    scale = np.maximum(np.maximum(top, 0.3 * np.median(top)), 0.02)
    weight = known.sum(axis=1)[:, None] * known
    squares = np.where(known, band / scale[:, None], 0.0) ** 2
    total = weight.sum(axis=0)
    mean = (weight * squares).sum(axis=0) / np.maximum(total, 1)
    kernel = np.hanning(round(_SMOOTH_S * fs) + 2)
    smooth = np.sqrt(np.convolve(mean, kernel / kernel.sum(), mode="same"))
    return np.where(total > 0, smooth, np.nan)


def _peaks(energy: np.ndarray, fs: float) -> np.ndarray:
    """Return the samples of the QRS complexes."""
    known = np.nan_to_num(energy)
    # A peak at the very edge may be half a QRS; a QRS is taken only if it is whole.
    peaks, _ = find_peaks(known, distance=max(1, round(_REFRACTORY_S * fs)))
    if not len(peaks):
        return peaks
    spans = np.array_split(known, max(1, int(len(known) / (3 * fs))))
    usual = np.median([s.max() for s in spans])
    peaks = peaks[known[peaks] > 0.35 * usual]
    kept: list[int] = []
    for p in peaks:
        behind = bool(kept) and p - kept[-1] < _T_WITHIN_S * fs
        if behind and known[p] < 0.55 * known[kept[-1]]:
            continue
        if behind and known[kept[-1]] < 0.5 * known[p]:
            kept[-1] = p  # what came before was a large P wave
            continue
        kept.append(p)
    return np.array(kept, int)


def _height(band: np.ndarray, peaks: np.ndarray, fs: float) -> float:
    """Return the largest lead's swing (mV, 5 to 25 Hz) at a usual beat."""
    if not len(peaks):
        return 0.0
    half = round(0.06 * fs)
    return float(np.median([np.nanmax(np.ptp(_around(band, p, half, half), axis=1), initial=0.0) for p in peaks]))


def _steepness(x: np.ndarray, peaks: np.ndarray, fs: float) -> np.ndarray:
    """Return the largest slope over all leads (root mean square, mV/s) within 60 ms of each peak."""
    if not len(peaks):
        return np.zeros(0)
    slope = savgol_filter(bridged(x), round(0.014 * fs) | 1, 2, deriv=1, delta=1 / fs, axis=1)
    known = np.isfinite(x)
    speed = np.sqrt((np.where(known, slope, 0.0) ** 2).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    half = round(0.06 * fs)
    return np.array([np.max(speed[max(p - half, 0) : p + half + 1]) for p in peaks])


def _around(x: np.ndarray, centre: int, before: int, after: int) -> np.ndarray:
    """Return x (leads, samples) from `before` before to `after` after a sample, NaN outside the recording."""
    first, last = centre - before, centre + after + 1
    inner = x[:, max(first, 0) : max(min(last, x.shape[1]), 0)]
    return np.pad(inner, ((0, 0), (max(-first, 0), max(last - x.shape[1], 0))), constant_values=np.nan)


def _windows(band: np.ndarray, at: np.ndarray, fs: float) -> np.ndarray:
    """Return beats x leads x samples about each instant, 0 in the leads that are not whole there."""
    before, after = (round(s * fs) for s in _WINDOW_S)
    out = np.stack([_around(band, p, before, after) for p in at])
    return np.where(np.isfinite(out).all(axis=2, keepdims=True), out, 0.0)


def _alike(band: np.ndarray, peaks: np.ndarray, steep: np.ndarray, fs: float, least: float) -> tuple[np.ndarray, float]:
    """Return which beats are of the commonest form, and how alike those are.

    Beats that share no lead with these (a page without a rhythm strip) are judged among themselves.
    """
    usual = np.zeros(len(peaks), bool)
    if len(peaks) < 2:
        return ~usual, float("nan")
    like = np.full((len(peaks), len(peaks)), -1.0)
    still = _windows(band, peaks, fs)
    there = (np.abs(still) > 0).any(axis=2)
    common = np.einsum("il,jl->ij", there.astype(int), there.astype(int)) > 0
    own = np.einsum("ilt,ilt->il", still, still)
    for shift in range(-round(0.02 * fs), round(0.02 * fs) + 1, 2):
        moved = _windows(band, peaks + shift, fs)
        size = np.einsum("ilt,ilt->il", moved, moved)
        both = own @ (size > 0).T.astype(float) * ((there.astype(float)) @ size.T)
        like = np.maximum(like, np.einsum("ilt,jlt->ij", still, moved) / np.sqrt(np.maximum(both, 1e-12)))
    like = np.where(common, np.maximum(like, like.T), np.nan)
    left = np.ones(len(peaks), bool)
    # Of two forms that are as frequent, the steeper is the conducted beat, and the other ventricular or no beat at all.
    sharp = np.sqrt(steep / max(steep.max(), 1e-9))
    early = _prematurity(peaks)
    while left.any():
        partners = sharp * (((like > least) & left).sum(axis=1) - 0.5 * early)
        seed = int(np.argmax(np.where(left, partners, -np.inf)))
        mine = left & (like[seed] > least)
        usual |= mine
        # Only beats that cannot be compared with any of these may found another group.
        left &= ~common[mine].any(axis=0)
        left[seed] = False
    pairs = like[np.ix_(usual, usual)]
    return usual, float(np.nanmean(pairs)) if usual.any() else 0.0


def _prematurity(peaks: np.ndarray) -> np.ndarray:
    """Return 1 for beats that come much earlier than usual, else 0."""
    rr = np.diff(peaks)
    return np.concatenate([[0.0], (rr < 0.85 * np.median(rr)).astype(float)])


def _aligned(band: np.ndarray, peaks: np.ndarray, usual: np.ndarray, fs: float) -> np.ndarray:
    """Return the beats' samples, the usual ones moved so that their QRS complexes lie on each other."""
    at = peaks.copy()
    reach = round(_SHIFT_S * fs)
    if usual.sum() < 2:
        return at
    for _ in range(2):
        beats = _windows(band, at[usual], fs)
        beats[~(np.abs(beats) > 0).any(axis=2)] = np.nan
        template = np.nan_to_num(_nanmedian(beats))
        shifts = np.arange(-reach, reach + 1)
        match = np.stack([np.einsum("ilt,lt->i", _windows(band, at[usual] + s, fs), template) for s in shifts])
        at[usual] += shifts[match.argmax(axis=0)]
    return at


def _nanmedian(x: np.ndarray) -> np.ndarray:
    """Return the median over the first axis without NaN, NaN where all are."""
    none = np.isnan(x).all(axis=0)
    return np.where(none, np.nan, np.nanmedian(np.where(none, 0.0, x), axis=0))


def _intervals(at: np.ndarray, energy: np.ndarray, fs: float, longest_gap_s: float) -> np.ndarray:
    """Return RR in s, NaN across a stretch in which a beat could have been missed."""
    unread = np.concatenate([[0], np.cumsum(np.isnan(energy))])
    rr = np.diff(at) / fs
    # A gap shorter than a QRS is wide hides none.
    gaps = [(unread[b] - unread[a]) / fs for a, b in pairwise(at)]
    return np.where(np.array(gaps) > longest_gap_s, np.nan, rr) if len(rr) else rr
