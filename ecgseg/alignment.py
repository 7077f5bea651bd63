"""A reading brought onto the samples of its truth: in time, then in height. Plain numpy."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

MIN_SAMPLES = 8  # fewer finite samples than this cannot be placed in time: the lead counts as missing


@dataclass(frozen=True)
class PrintedLead:
    """The truth of one lead: `signal` (n,) in mV at `fs` Hz, finite, printed from second `t0` on."""

    lead: str
    signal: np.ndarray
    fs: float
    t0: float = 0.0

    @property
    def t1(self) -> float:
        return self.t0 + len(self.signal) / self.fs


def place(est: np.ndarray, fs: float, printed: PrintedLead, pad: int = 0) -> np.ndarray | None:
    """Return a reading (n,) at `fs`, page time from 0, on the truth's samples with `pad` more at each end.

    Linear interpolation; NaN outside what was read and inside gaps, except that a sample next to a finite one
    is bridged (else resampling would widen every gap). A reading that overlaps the printed window by less
    than half of the shorter of both was not written on the page's time line: it is moved to the window's
    start. None if fewer than 8 samples are finite.
    """
    est = np.asarray(est, np.float64)
    finite = np.isfinite(est)
    index = np.flatnonzero(finite)
    if index.size < MIN_SAMPLES:
        return None
    begin, end = index[0] / fs, (index[-1] + 1) / fs
    overlap = min(end, printed.t1) - max(begin, printed.t0)
    move = 0.0 if overlap >= 0.5 * min(end - begin, printed.t1 - printed.t0) else printed.t0 - begin
    at = (printed.t0 - move + np.arange(-pad, len(printed.signal) + pad) / printed.fs) * fs
    at = np.round(at, 6)  # else rounding error pushes the last sample of the page just outside the reading
    values = np.interp(at, index, est[index], left=np.nan, right=np.nan)
    bridged = ndimage.binary_dilation(finite, np.ones(3, bool))
    nearest = np.clip(np.rint(at).astype(int), 0, est.size - 1)
    return np.where(bridged[nearest], values, np.nan)


def align(ref: np.ndarray, padded: np.ndarray) -> tuple[np.ndarray, int, float]:
    """Return a reading shifted in time and height onto `ref` (n,), the samples it was late, the mV added.

    `ref` (n,), `padded` (n + 2 pad,) on the same samples. The time shift maximises the cross-correlation of
    the mean-removed signals within ±pad (the smallest such shift on a tie), the vertical shift is the least
    squares one: the mean difference over finite samples (both as in the PhysioNet digitization challenge).
    """
    n = len(ref)
    pad = (len(padded) - n) // 2
    centred = np.nan_to_num(padded - np.nanmean(padded))
    c = np.correlate(centred, ref - ref.mean(), mode="valid")
    ties = np.flatnonzero(c >= c.max() - 1e-12 * abs(c.max())) - pad
    shift = int(ties[np.abs(ties).argmin()])
    moved = padded[pad + shift : pad + shift + n]
    error = ref - moved
    offset = float(np.nanmean(error)) if np.isfinite(error).any() else np.nan
    return moved + offset, shift, offset
