"""How far a flat page's map is off, told by the flat page itself: its lines must be straight, even, and in place.

The phase of the lines is measured again in windows of the resampled page, which the map has made regular. A window's
error is noise and ink; what windows share that have no pixel in common is the map's error, so their covariance
estimates its square. A count of 1 mm lines that slipped leaves these lines in step and shows in those of 5 mm.
Where the lines fade, under a flash or a cover, the map is only what goes on from where they are seen: that is told
place by place.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from scipy import ndimage

from ecgseg.digitize.flat import lattice
from ecgseg.digitize.flat.grid import FlatPage

PX_PER_MM = 4.0  # at which the page is looked at
SIDE_MM = {1.0: 8.0, 5.0: 20.0}  # of windows; their neighbours lie half a side away
LEAST_SHARE = 0.08  # of a window's contrast in step with the lines: less, and it says nothing
IN_STEP = 0.6  # coherence of 1 mm lines that are there and counted rightly
USUAL = 0.9  # coherence on good pages: less costs confidence
FLOOR_MM = 0.015  # what this estimate cannot see: errors of less than a window's size, and of the whole page's scale
LAG = 2  # windows: those two apart share no pixel
CELL_MM = 4.0  # of the page for which an error is told
BLUR = 2.0  # windows over which their phases are compared
# ln(mm) of a place's error from its windows of 1 mm lines: share of contrast in step, the same where there is hardly
# any, agreement with the windows around, mm off. Fitted to 33,000 places of 83 rendered pages, most of them
# photographed or damaged, whose maps are known (r² 0.36; the page's error alone explains 0.03). What falls into a
# place's class is about twice as far off in the mean as in the middle.
LN_ERROR, LN_SHARE, LN_LITTLE, LN_AGREE, LN_OFF = -2.72, -2.78, -8.28, -0.84, 6.52
MUCH, LITTLE, FAR_MM, MEAN = 0.2, 0.02, 0.3, 2.0
WITH_OTHERS = 0.5  # cosine of a window's phase against those around
NONE = 3e-3  # mean weight of windows that say nothing


@dataclass(frozen=True)
class Check:
    """What windows say of lines of one period: how far (2, ny, nx) mm they are off for each family, weights, and the
    coherence (2,) of the phase, 0..1."""

    off: np.ndarray
    weight: np.ndarray
    coherence: np.ndarray

    @cached_property
    def around(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean phase (2, ny, nx) complex of the windows around each, and their weights."""
        phase = self.weight * np.exp(2j * np.pi * self.off)
        return _blurred(phase), _blurred(self.weight)

    def shared(self) -> float:
        """Return the mean square in mm² that windows without a common pixel share, both families together."""
        total = 0.0
        for off, w in zip(self.off, self.weight, strict=True):
            pairs = (
                (off[:, LAG:], off[:, :-LAG], w[:, LAG:] * w[:, :-LAG]),
                (off[LAG:], off[:-LAG], w[LAG:] * w[:-LAG]),
            )
            weights = sum(float(p[2].sum()) for p in pairs)
            total += sum(float((a * b * ww).sum()) for a, b, ww in pairs) / max(weights, 1e-9)
        return max(total, 0.0)


def local_errors(fine: Check, size_mm: np.ndarray) -> np.ndarray:
    """Return by how many mm a page's map is probably off in equal cells (ny, nx) of about CELL_MM, from its 1 mm lines.

    size_mm (2,): width and height of the page, over which the windows of `fine` are spread evenly.
    """
    share = np.minimum(fine.weight, MUCH).min(axis=0)
    mean, total = fine.around
    agree = (np.abs(mean) / np.maximum(total, 1e-3)).min(axis=0)
    off = np.hypot(*(np.angle(mean) / (2 * np.pi)))
    off[total.min(axis=0) < NONE] = FAR_MM
    ln = LN_ERROR + LN_SHARE * share + LN_LITTLE * np.minimum(share, LITTLE)
    return _in_cells(MEAN * np.exp(ln + LN_AGREE * agree + LN_OFF * np.minimum(off, FAR_MM)), size_mm)


def lines_there(fine: Check, size_mm: np.ndarray) -> np.ndarray:
    """Return where a page shows its own 1 mm lines, in the cells (ny, nx) of `local_errors`: in step with those around,
    as those of another sheet are not."""
    mean, _ = fine.around
    in_step = np.cos(2 * np.pi * fine.off - np.angle(mean)) > WITH_OTHERS
    there = (in_step & (fine.weight > 0)).all(axis=0)
    # Ink upsets single windows.
    return _in_cells(ndimage.uniform_filter(there.astype(float), 3), size_mm) >= 0.5


def _blurred(windows: np.ndarray) -> np.ndarray:
    return np.stack([ndimage.gaussian_filter(family, BLUR) for family in windows])


def _in_cells(values: np.ndarray, size_mm: np.ndarray) -> np.ndarray:
    """Return values of windows of 1 mm lines in equal cells (ny, nx) of about CELL_MM over a page of `size_mm`."""
    cells = np.maximum(1, np.rint(size_mm / CELL_MM)).astype(int)
    at = []
    for n, mm, windows in zip(cells, size_mm, values.shape[::-1], strict=True):
        side = min(SIDE_MM[1.0], mm)
        at.append(((np.arange(n) + 0.5) * mm / n - side / 2) / max(mm - side, 1e-9) * (windows - 1))
    return ndimage.map_coordinates(values, np.meshgrid(*at[::-1], indexing="ij"), order=1, mode="nearest")


def check_lines(dark: np.ndarray, period: float) -> Check:
    """Measure lines of a period in the darkness of a flat page at PX_PER_MM."""
    side = round(SIDE_MM[period] * PX_PER_MM)
    level = None
    offs, weights, coherence = [], [], []
    for axis in (0, 1):
        frequency = np.array([1.0, 0.0] if axis == 0 else [0.0, 1.0]) / (period * PX_PER_MM)
        x, y, z = lattice.demodulate(dark, frequency, side, step=0.5)
        if level is None:
            power = np.maximum(cv2.blur(dark * dark, (side, side)), 0.0)
            level = np.sqrt(power[np.ix_(np.rint(y).astype(int), np.rint(x).astype(int))]) + 0.3
        share = np.abs(z) / level
        w = np.where(share > LEAST_SHARE, np.minimum(share, 0.3), 0.0)
        unit = z / np.maximum(np.abs(z), 1e-9)
        mean = (w * unit).sum()
        offs.append(np.angle(unit * np.conj(mean)) / (2 * np.pi) * period)
        weights.append(w)
        coherence.append(abs(mean) / max(w.sum(), 1e-9))
    return Check(np.array(offs), np.array(weights), np.array(coherence))


def judged(flat: FlatPage, by_crossings: float = float("nan")) -> FlatPage:
    """Return a flat page with the estimated errors of its map in mm, and the confidence that its lines deserve.

    by_crossings: error in mm about crossings of 5 mm lines that were found in the picture, NaN where there are none.
    """
    dark = flat_darkness(flat.image, flat.px_per_mm)
    fine, thick = (check_lines(dark, period) for period in (1.0, 5.0))
    in_step = fine.coherence.min() > IN_STEP
    errors = [by_crossings, np.sqrt(fine.shared()) if in_step else np.nan]
    # Lines too pale for a window were in step over the whole of a plane that was measured.
    by_plane = flat.grid.residual_mm if flat.grid.source == "measured" else np.nan
    if np.isnan(errors).all():
        errors = [np.sqrt(thick.shared()) if np.isnan(by_plane) else by_plane]
    seen = fine if in_step else thick
    # Without 1 mm lines those of 5 mm, which ink and panels of their own upset, say little of a map that crossings or
    # the whole page's lines agree with.
    doubted = in_step or (np.isnan(by_crossings) and np.isnan(by_plane))
    factor = min(1.0, float(seen.coherence.min()) / USUAL) if doubted else 1.0
    error = float(np.hypot(np.nanmax(errors), FLOOR_MM))
    grid = replace(flat.grid, error_mm=error, confidence=flat.grid.confidence * factor)
    if not in_step:
        return replace(flat, grid=grid)
    size_mm = np.array(dark.shape[::-1]) / PX_PER_MM
    return replace(flat, grid=grid, errors=local_errors(fine, size_mm), lines_there=lines_there(fine, size_mm))


def flat_darkness(image: np.ndarray, px_per_mm: float) -> np.ndarray:
    """Return how much darker than around each pixel of a flat page (H, W, 3) uint8 is, at PX_PER_MM."""
    size = [max(8, round(n * PX_PER_MM / px_per_mm)) for n in image.shape[1::-1]]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    # All of it is paper: what is darker than any line of the grid counts as nothing.
    return lattice.gridness(small, np.ones((2, 2)))[0]
