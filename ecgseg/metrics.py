"""How close a digitized recording is to the printed one: signal, image and mask metrics in plain numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from ecgseg.alignment import MIN_SAMPLES, PrintedLead, align, place

SNR_CAP = 384.0  # ratio at which the PhysioNet digitization challenge stops rewarding a page: 25.84 dB
_MAX_RATIO = 1e9  # a perfect reading is reported as 90 dB, not as infinity
_CONSTANT_MV = 1e-12  # a span below this is rounding error, not a signal
_FOUND_COVERAGE = 0.5  # share of a printed window that must be read for the lead to count as found


@dataclass(frozen=True)
class LeadScore:
    """One lead against its truth.

    `power` and `noise` are sums of squares in mV²; `estimate` (n,) is the aligned reading in mV on the
    truth's samples, NaN where nothing was read (None for a missing lead); `shift_s` and `offset_mv` are what
    the alignment added; `coverage` is the share of the window that was read.
    """

    lead: str
    power: float
    noise: float
    estimate: np.ndarray | None = None
    shift_s: float = np.nan
    offset_mv: float = np.nan
    coverage: float = 0.0
    r: float = np.nan
    rmse_mv: float = np.nan

    @property
    def snr_db(self) -> float:
        return to_db(_ratio(self.power, self.noise))

    @property
    def found(self) -> bool:
        return self.coverage >= _FOUND_COVERAGE


@dataclass(frozen=True)
class PageScore:
    """All leads of a page; `ratio` pools them: the summed power over the summed noise, not capped."""

    leads: tuple[LeadScore, ...]

    @property
    def ratio(self) -> float:
        return _ratio(sum(s.power for s in self.leads), sum(s.noise for s in self.leads))

    @property
    def snr_db(self) -> float:
        return to_db(self.ratio)

    @property
    def read_nothing(self) -> bool:
        return all(s.estimate is None for s in self.leads)


def to_db(ratio):
    """Return 10 log10 of a power ratio (scalar or array); NaN stays NaN."""
    return 10 * np.log10(ratio)


def _ratio(power: float, noise: float) -> float:
    """Return power / noise, at most 1e9; NaN for a truth without power, where SNR has no meaning."""
    return power / max(noise, power / _MAX_RATIO) if power > 0 else np.nan


def snr_db(ref: np.ndarray, est: np.ndarray) -> float:
    """Return 10 log10(Σ ref² / Σ (ref-est)²) of two (n,) signals as they are; NaN in est counts as 0."""
    ref, est = _same_shape(ref, est)
    return float(to_db(_ratio((ref**2).sum(), ((ref - np.nan_to_num(est)) ** 2).sum())))


def pearson_r(ref: np.ndarray, est: np.ndarray) -> float:
    """Return Pearson's correlation of two (n,) signals over samples finite in both; NaN if constant."""
    a, b = finite_pairs(ref, est)
    if a.size < 2:
        return np.nan
    if min(np.ptp(a), np.ptp(b)) < _CONSTANT_MV:
        return np.nan
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1, 1))


def rmse_mv(ref: np.ndarray, est: np.ndarray) -> float:
    """Return the root mean square difference of two (n,) signals in mV over the samples finite in both."""
    a, b = finite_pairs(ref, est)
    return float(np.sqrt(np.mean((a - b) ** 2))) if a.size else np.nan


def finite_pairs(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples of two signals of one shape at which both are finite, as two (k,) arrays."""
    a, b = _same_shape(a, b)
    keep = np.isfinite(a) & np.isfinite(b)
    return a[keep], b[keep]


def _same_shape(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ; resample both to one length first")
    return a, b


def max_cross_correlation(a: np.ndarray, b: np.ndarray, max_lag: int | None = None) -> float:
    """Return the largest normalised cross-correlation of two mean-removed signals within ±max_lag samples.

    `a` (n,) and `b` (m,); the norm is that of the whole signals, so 1 means equal up to lag 0, offset and
    scale. NaN samples count as the signal's mean. All lags if `max_lag` is None; NaN if either is constant.
    """
    a, b = (np.nan_to_num(x - np.nanmean(x)) for x in (np.asarray(a, np.float64), np.asarray(b, np.float64)))
    if min(np.ptp(a), np.ptp(b)) < _CONSTANT_MV:
        return np.nan
    c = signal.correlate(a, b, mode="full")
    lags = signal.correlation_lags(a.size, b.size, mode="full")
    return float(
        c[np.abs(lags) <= (a.size + b.size if max_lag is None else max_lag)].max() / np.sqrt((a @ a) * (b @ b))
    )


def dtw_distance(a: np.ndarray, b: np.ndarray, band: int | None = None) -> float:
    """Return the dynamic time warping distance: the least Σ|a_i - b_j| over monotone paths with unit steps.

    `a` (n,), `b` (m,), finite. `band` limits the path to |i - j| ≤ max(band, |n - m|) samples (Sakoe and
    Chiba 1978); None leaves it free. The recursion runs along anti-diagonals, each one vector operation.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    n, m = a.size, b.size
    if not (n and m and np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("dtw_distance needs two signals that are not empty and have no NaN; drop the gaps first")
    width = max(n, m) if band is None else max(band, abs(n - m))
    # last[i + 1] is the cost of cell (i, d - 1 - i) of the last diagonal, before[i + 1] of the one before.
    last, before, now = (np.full(n + 2, np.inf) for _ in range(3))
    before[0] = 0.0  # the virtual cell (-1, -1) that the path starts from
    for d in range(n + m - 1):
        lo = max(0, d - m + 1, (d - width + 1) // 2)
        hi = min(n - 1, d, (d + width) // 2) + 1
        if lo < hi:
            cost = np.abs(a[lo:hi] - b[d - hi + 1 : d - lo + 1][::-1])
            step = np.minimum(last[lo:hi], last[lo + 1 : hi + 1])
            now[lo + 1 : hi + 1] = cost + np.minimum(step, before[lo:hi])
        # The buffers are used in turn; what the next two diagonals read beside this one must not be stale.
        now[lo], now[hi + 1] = np.inf, np.inf
        last, before, now = now, last, before
    return float(last[n])


def score_lead(printed: PrintedLead, est: np.ndarray | None, fs: float, max_shift_s: float = 0.2) -> LeadScore:
    """Return the score of one lead's reading `est` (n,) in mV at `fs` Hz from page time 0 (None: missing).

    Samples that were not read count as 0 mV. A missing lead counts as a flat line at the truth's mean.
    """
    ref = np.asarray(printed.signal, np.float64)
    power = float((ref**2).sum())
    missing = LeadScore(printed.lead, power, float(((ref - ref.mean()) ** 2).sum()))
    pad = int(max_shift_s * printed.fs + 1e-9)
    padded = None if est is None else place(est, fs, printed, pad)
    if padded is None or np.isfinite(padded).sum() < MIN_SAMPLES:
        return missing
    aligned, shift, offset = align(ref, padded)
    if not np.isfinite(aligned).any():
        return missing
    return LeadScore(
        printed.lead,
        power,
        noise=float(((ref - np.nan_to_num(aligned)) ** 2).sum()),
        estimate=aligned,
        shift_s=shift / printed.fs,
        offset_mv=offset,
        coverage=float(np.isfinite(aligned).mean()),
        r=pearson_r(ref, aligned),
        rmse_mv=rmse_mv(ref, aligned),
    )


def score_page(
    printed: Sequence[PrintedLead], reading: Mapping[str, np.ndarray], fs: float, max_shift_s: float = 0.2
) -> PageScore:
    """Return the scores of all printed leads against `reading` (lead → (n,) mV at `fs`, NaN: not read).

    Each lead is aligned on its own by at most `max_shift_s` seconds (the challenge allows 0.2).
    """
    if not printed:
        raise ValueError("the page has no printed lead to score against")
    return PageScore(tuple(score_lead(p, reading.get(p.lead), fs, max_shift_s) for p in printed))


def summary(ratios: Sequence[float], failed: Sequence[bool] | None = None, cap: float | None = SNR_CAP) -> dict:
    """Return n, score, mean, median, p10 (dB) and failed (share) over the pages' power ratios.

    `score` is the challenge's 10 log10(mean of min(ratio, cap)), which one good page can carry; mean, median
    and 10th percentile are of the pages' uncapped dB, which a bad page pulls down.
    """
    ratios = np.asarray(ratios, np.float64)
    if ratios.size == 0:
        raise ValueError("no page to summarise")
    db = to_db(ratios)
    return {
        "n": int(ratios.size),
        "score": float(to_db(np.mean(ratios if cap is None else np.minimum(ratios, cap)))),
        "mean": float(db.mean()),
        "median": float(np.median(db)),
        "p10": float(np.percentile(db, 10)),
        "failed": float(np.mean(failed)) if failed is not None else 0.0,
    }


def ssim(a: np.ndarray, b: np.ndarray, data_range: float | None = None) -> float:
    """Return the mean structural similarity of two grey (H,W) images (Wang et al. 2004).

    11×11 Gaussian window with σ 1.5 px, K1 = 0.01, K2 = 0.03, only windows that lie wholly inside.
    `data_range` is the span of the values: 255 for integer images and 1 for float ones unless given.
    """
    if a.ndim != 2 or a.shape != b.shape or min(a.shape) < 11:
        raise ValueError(f"ssim needs two grey images of one size, at least 11×11; got {a.shape} and {b.shape}")
    if data_range is None:
        data_range = 255.0 if np.issubdtype(a.dtype, np.integer) else 1.0
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    a, b = a.astype(np.float64), b.astype(np.float64)

    def window(x: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(x, 1.5, radius=5)[5:-5, 5:-5]

    mean_a, mean_b = window(a), window(b)
    var_a, var_b = window(a * a) - mean_a**2, window(b * b) - mean_b**2
    covariance = window(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (var_a + var_b + c2)
    return float(np.mean(luminance * structure))


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Return 2|A∩B| / (|A|+|B|) of two binary masks of one shape; 1 if both are empty."""
    a, b = _masks(a, b)
    total = a.sum() + b.sum()
    return float(2 * (a & b).sum() / total) if total else 1.0


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Return |A∩B| / |A∪B| of two binary masks of one shape; 1 if both are empty."""
    a, b = _masks(a, b)
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0


def _masks(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"mask shapes {a.shape} and {b.shape} differ")
    for mask in (a, b):
        # A probability map cast to bool would be "ink" nearly everywhere.
        if np.issubdtype(mask.dtype, np.floating) and not np.isin(mask, (0, 1)).all():
            raise ValueError("a float mask must hold only 0 and 1; threshold the probabilities first")
    return a.astype(bool), b.astype(bool)
