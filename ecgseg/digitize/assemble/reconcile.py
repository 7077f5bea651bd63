"""Two prints of one lead over the same seconds, as a rhythm strip and as a short strip → one signal."""

import numpy as np
from scipy.ndimage import uniform_filter1d

MIN_COMMON_S = 0.5  # with less in common, two prints are not compared
MAX_SHIFT_S = 0.02  # strips start where they start to a fraction of a mm; half a mm is 20 ms
AGREE_MV = 0.1  # two prints this close say the same
MIN_R = 0.9  # prints that correlate less are not of the same lead, or one of them is wrong
_ABOUT_S = 0.1  # the confidence that decides is that of a wave, not of a sample


def merge_prints(
    kept: np.ndarray, kept_confidence: np.ndarray, other: np.ndarray, confidence: np.ndarray, fs: float
) -> tuple[np.ndarray, np.ndarray, dict[str, float] | None]:
    """Merge a second print of a lead into the first one: all (n,), mV and confidence 0..1, NaN where not read.

    The second print is brought to the first one's time (at most 20 ms) and zero. Where both were read and agree to
    0.1 mV, the result is their mean, weighted by confidence; where they do not, it is the one that is surer about
    there, and its confidence falls to the odds between the two. Prints that do not correlate are not mixed: the second
    only fills the first one's gaps, and takes from its confidence where they differ. Returns signal, confidence, and
    how the two agree {r, rms_mv, shift_s, disagree} (None where they share less than 0.5 s).
    """
    both = np.isfinite(kept) & np.isfinite(other)
    if both.sum() < MIN_COMMON_S * fs:
        return *_filled(kept, kept_confidence, other, confidence), None
    shift = _best_shift(kept, other, round(MAX_SHIFT_S * fs))
    other, confidence = _shifted(other, shift, np.nan), _shifted(confidence, shift, 0.0)
    both = np.isfinite(kept) & np.isfinite(other)
    other = other + np.median(kept[both] - other[both])
    a, b = kept[both].astype(float), other[both].astype(float)
    flat = min(np.std(a), np.std(b)) < 1e-6
    r = 0.0 if flat else float(np.corrcoef(a, b)[0, 1])
    apart = both & (np.abs(kept - other) > AGREE_MV)
    report = {
        "r": r,
        "rms_mv": float(np.sqrt(np.mean((a - b) ** 2))),
        "shift_s": shift / fs,
        "disagree": float(apart.sum() / both.sum()),
    }
    weight = kept_confidence.astype(float), confidence.astype(float)
    total = np.maximum(weight[0] + weight[1], 1e-9)
    if r < MIN_R:
        signal, sure = _filled(kept, kept_confidence, other, confidence)
        return signal, np.where(apart, odds_against(*weight), sure), report
    mean = (np.nan_to_num(kept) * weight[0] + np.nan_to_num(other) * weight[1]) / total
    size = max(1, round(_ABOUT_S * fs))
    first = uniform_filter1d(weight[0], size) >= uniform_filter1d(weight[1], size)
    signal, sure = _filled(kept, kept_confidence, other, confidence)
    signal = np.where(both & ~apart & (total > 1e-9), mean, np.where(apart, np.where(first, kept, other), signal))
    # Agreeing, two prints are at least as sure as the surer one; where they contradict, one of them is wrong.
    best = np.maximum(*weight)
    sure = np.where(both & ~apart, best, np.where(apart, np.where(first, *weight) ** 2 / total, sure))
    return signal, sure, report


def odds_against(sure: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the confidence (n,) of a print that another one, of confidence `other`, contradicts."""
    return sure**2 / np.maximum(sure + other, 1e-9)


def _filled(kept, kept_confidence, other, confidence) -> tuple[np.ndarray, np.ndarray]:
    """Return the first print with its gaps filled from the second."""
    gap = np.isnan(kept) & np.isfinite(other)
    return np.where(gap, other, kept), np.where(gap, confidence, kept_confidence)


def _best_shift(kept: np.ndarray, other: np.ndarray, most: int) -> int:
    """Return by how many samples the second print must be moved for the least mean absolute difference."""
    found = []
    for shift in range(-most, most + 1):
        off = kept - _shifted(other, shift, np.nan)
        off = off[np.isfinite(off)]
        if len(off) > 1:
            found.append((float(np.mean(np.abs(off - np.median(off)))), abs(shift), shift))
    return min(found)[2]


def _shifted(values: np.ndarray, by: int, empty: float) -> np.ndarray:
    """Return values moved later by a number of samples, `empty` where there are none."""
    out = np.full(len(values), empty, float)
    out[max(0, by) : len(values) + min(0, by)] = values[max(0, -by) : len(values) - max(0, by)]
    return out
