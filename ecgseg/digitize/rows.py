"""Rows of trace on a flat page: their baselines and where their ink starts and ends."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

# All lengths in mm of paper.
MIN_PIECE = 4.0  # narrower pieces of ink are letters and specks: printed lead names are 2 to 3 mm high
VOTE_HEIGHT = 1.0  # a run of ink higher than this is a steep flank and counts less towards the baseline
MAX_RUN = 5.0  # a higher one is an R wave, an upright or a blot and tells nothing about the baseline
PEAK_DISTANCE = 3.0  # wander and T waves closer than this to the baseline need no peak of their own
MERGE_DISTANCE = 12.0  # largest distance of a wandering piece from its row's baseline
BAND = 8.0  # ink this far from the baseline still belongs to the row; a 10 mm pulse top does not
MAX_GAP = 3.0  # a hollow calibration pulse is 5 mm wide; a gap in a trace should be less
MIN_SEGMENT = 8.0  # a continuous trace is at least this long
PULSE_HEIGHT = 10.0
RULED_BAND = 3.0  # runs this near to a row tell how straight it is
RULED_WANDER = 0.3  # a trace, even one of low voltage, wanders further than this; a printed line does not


@dataclass(frozen=True)
class Runs:
    """Vertical runs of ink: column, centre row and length of each, in px."""

    x: np.ndarray
    y: np.ndarray
    length: np.ndarray


@dataclass(frozen=True)
class Row:
    """One row of trace: baseline, first and last x (flat px), and the share of its columns with ink."""

    baseline: float
    x0: float
    x1: float
    coverage: float


def ink_mask(mask: np.ndarray, px_per_mm: float, threshold: float = 0.5) -> np.ndarray:
    """Return the bool ink (H, W) of a probability mask without the pieces too narrow to be trace."""
    ink = (np.asarray(mask) > threshold).astype(np.uint8)
    # One or two missing columns should not turn a trace into letters.
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    keep = stats[:, cv2.CC_STAT_WIDTH] >= MIN_PIECE * px_per_mm
    keep[0] = False
    return keep[labels] & (ink > 0)


def column_runs(ink: np.ndarray) -> Runs:
    """Return the vertical runs of a bool image (H, W), column by column."""
    columns = np.zeros((ink.shape[1], ink.shape[0] + 2), np.int8)
    columns[:, 1:-1] = ink.T
    change = np.diff(columns, axis=1)
    x, top = np.nonzero(change == 1)
    _, end = np.nonzero(change == -1)
    return Runs(x, (top + end - 1) / 2, end - top)


def find_rows(ink: np.ndarray, px_per_mm: float) -> list[Row]:
    """Return the rows of trace in the bool ink (H, W), from the top; an empty list if there are none.

    A baseline is a peak of the height distribution of all short runs. Peaks of one row (wander, T waves,
    a lead with another zero) hold different columns, two rows hold the same ones: that tells them apart.
    """
    runs = column_runs(ink)
    height, width = ink.shape
    if not len(runs.x):
        return []
    flat = runs.length <= MAX_RUN * px_per_mm
    votes = np.bincount(
        np.round(runs.y[flat]).astype(int),
        weights=np.minimum(1.0, VOTE_HEIGHT * px_per_mm / runs.length[flat]),
        minlength=height,
    )
    profile = gaussian_filter1d(votes, 0.8 * px_per_mm, mode="constant")
    peaks, _ = find_peaks(profile, distance=PEAK_DISTANCE * px_per_mm, height=0.03 * profile.max())
    # A straight frame or the edge of a scan is no trace; nobody prints one within 3 mm of the edge.
    peaks = peaks[(peaks > 3 * px_per_mm) & (peaks < height - 3 * px_per_mm)]
    clusters = _merge(runs, peaks, width, px_per_mm)
    if not clusters:
        return []
    strongest = max(c[1].sum() for c in clusters)
    baselines = np.sort([y for y, columns in clusters if columns.sum() >= 0.4 * strongest])
    pitch = np.min(np.diff(baselines)) if len(baselines) > 1 else height
    band = min(BAND * px_per_mm, 0.45 * pitch)
    # Slopes make runs longer than the stroke is wide; the flat quarter of the columns shows its width.
    stroke = float(np.percentile(runs.length, 25))
    rows = [_extent(ink, runs, y, band, stroke, px_per_mm) for y in baselines]
    return _without_ruled_lines([r for r in rows if r is not None], runs, px_per_mm)


def _without_ruled_lines(rows: list[Row], runs: Runs, px_per_mm: float) -> list[Row]:
    """Leave out rows as straight as a ruler, a dark grid line taken for trace, unless the whole page is flat.

    A row's wander is the 2nd to 98th percentile of its runs' ends about a straight line.
    """
    wander = []
    for row in rows:
        near = (np.abs(runs.y - row.baseline) < RULED_BAND * px_per_mm) & (runs.x >= row.x0) & (runs.x <= row.x1)
        x, y, half = runs.x[near], runs.y[near], runs.length[near] / 2
        y = y - np.polyval(np.polyfit(x, y, 1), x) if len(x) > 2 else y
        wander.append(np.percentile(y + half, 98) - np.percentile(y - half, 2) - np.median(2 * half))
    limit = RULED_WANDER * px_per_mm
    if not wander or np.median(wander) < 3 * limit:
        return rows
    return [r for r, w in zip(rows, wander, strict=True) if w >= limit]


def _merge(runs: Runs, peaks: np.ndarray, width: int, px_per_mm: float) -> list[tuple[float, np.ndarray]]:
    """Group peaks into rows: (baseline of the strongest peak, bool columns that hold ink)."""
    if not len(peaks):
        return []
    nearest = np.argmin(np.abs(runs.y[:, None] - peaks[None, :]), axis=1)
    near = (np.abs(runs.y - peaks[nearest]) <= PEAK_DISTANCE * px_per_mm) & (runs.length <= MAX_RUN * px_per_mm)
    held = np.zeros((len(peaks), width), bool)
    held[nearest[near], runs.x[near]] = True
    clusters: list[tuple[float, np.ndarray]] = []
    for k in np.argsort(-held.sum(axis=1), kind="stable"):
        columns, size = held[k], max(held[k].sum(), 1)
        close = [
            (abs(peaks[k] - y), i)
            for i, (y, other) in enumerate(clusters)
            if abs(peaks[k] - y) <= MERGE_DISTANCE * px_per_mm
            and (columns & other).sum() < 0.35 * min(size, other.sum())
        ]
        if close:
            i = min(close)[1]
            clusters[i] = (clusters[i][0], clusters[i][1] | columns)
        else:
            clusters.append((float(peaks[k]), columns))
    return clusters


def _extent(ink: np.ndarray, runs: Runs, y: float, band: float, stroke: float, px_per_mm: float) -> Row | None:
    """Find the start and end of the trace around baseline `y`, or None if nothing there is continuous."""
    inside = np.abs(runs.y - y) <= band
    # The upright of a pulse or a tall R has its centre out of the band but crosses it.
    inside |= (runs.y - runs.length / 2 < y + band) & (runs.y + runs.length / 2 > y - band)
    columns = np.unique(runs.x[inside])
    cuts = np.flatnonzero(np.diff(columns) > MAX_GAP * px_per_mm)
    first, last = columns[np.r_[0, cuts + 1]], columns[np.r_[cuts, len(columns) - 1]]
    long = last - first >= MIN_SEGMENT * px_per_mm
    if not long.any():
        return None
    x0, x1 = int(first[long][0]), int(last[long][-1])
    coverage = np.count_nonzero((columns >= x0) & (columns <= x1)) / (x1 - x0 + 1)
    # A stroke is as wide as it is high, so its first column lies half a stroke before its first point.
    half = (stroke - 1) / 2
    pulse = _pulse_edge(ink, runs, x0, y, px_per_mm)
    return Row(y, x0 + half if pulse is None else pulse, x1 - half, float(coverage))


def _pulse_edge(ink: np.ndarray, runs: Runs, x0: int, y: float, px_per_mm: float) -> float | None:
    """Return the middle of the right upright of a calibration pulse that ends where the trace begins."""
    start = (runs.x >= x0) & (runs.x <= x0 + 0.75 * px_per_mm)
    bottom, top = runs.y + runs.length / 2, runs.y - runs.length / 2
    tall = start & (runs.length > 0.6 * PULSE_HEIGHT * px_per_mm) & (bottom > y - 2 * px_per_mm)
    if not tall.any():
        return None
    level = round(np.median(top[tall]))
    roof = ink[max(level - 4, 0) : level + 5, max(x0 - int(3 * px_per_mm), 0) : x0]
    if not roof.size or roof.any(axis=0).mean() < 0.6:
        return None
    return float(runs.x[tall].mean())
