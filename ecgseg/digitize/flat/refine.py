"""A flat scan is never quite flat: rollers, paper and printer stretch it by parts of a mm, smoothly. Take that out.

A scan's grid is measured as one plane. What its lines are off that plane, a few tenths of a mm over the page, is a
percent of a strip's length: it shifts a QRS at the end of a strip by several ms. The phase of the lines in windows all
over the page tells it. A gentle polynomial over the page and a curve along each of its sides, as a sheet is fed, go
through the phases, deaf to what ink does to single windows: two scans on one flat bed are curved so by ±0.15 mm, alike.
"""

from collections.abc import Callable

import cv2
import numpy as np

from ecgseg.digitize.flat import lattice
from ecgseg.digitize.flat.bent import nearest_affine, place_lattice, resampled
from ecgseg.digitize.flat.grid import MAX_FLAT_PIXELS, FlatPage, Grid, flatten
from ecgseg.errors import GridError

IN_PLANE_MM = 0.01  # rms of the lines about the plane: pages that were never on paper
DEGREE = 3  # of the polynomial over the page; degree 5 followed ink instead
WAVE_MM = 12.0  # of a side for each degree of the curve along it: waves of 40 mm are followed
MOST_DEGREES = 24
PLAIN = 0.4  # of the median window's contrast in step with the lines: less, and there is no grid
LEAST_MM = 0.02  # a misfit that costs a window nothing
PERIODS_MM = (1.0, 5.0)  # the fine lines if they can be seen, else the coarse ones
WINDOW_PERIODS = {1.0: 8.0, 5.0: 4.0}
MIN_IN_STEP = 0.5  # share of the lines' amplitude in step with the plane: less, and it is not nearly flat
FINEST = 0.45  # cycles per working px: finer lines are lost between the pixels
MIN_WINDOWS = 60


def flatten_nearly_flat(image: np.ndarray, grid: Grid, px_per_mm: float = 8.0) -> FlatPage:
    """Resample a nearly flat page (H, W, 3) uint8 once to `px_per_mm`, its smooth stretch taken out.

    `grid` is the plane measured; where its lines are as good as in it, or their phase cannot be measured, the page is
    flattened by the plane alone. Raises GridError for a page too large.
    """
    correct = None if grid.residual_mm < IN_PLANE_MM else smooth_correction(image, grid)
    if correct is None:
        return flatten(image, grid, px_per_mm)
    h, w = image.shape[:2]
    corners = grid.to_mm(np.array([[x, y] for x in (-0.5, w - 0.5) for y in (-0.5, h - 0.5)]))
    start = corners.min(axis=0)
    size = np.maximum(1, np.rint((corners.max(axis=0) - start) * px_per_mm)).astype(int)
    if size.max() > 32_000 or size.prod() > MAX_FLAT_PIXELS:
        raise GridError(f"no grid found: flattened, the page would have {size[0]}×{size[1]} pixels")
    at = place_lattice(lambda px: grid.to_image(correct(start + (px + 0.5) / px_per_mm)), size)
    flat = resampled(image, at, size)
    return FlatPage(flat, px_per_mm, nearest_affine(at, np.full(2, -0.5), 1.0), grid, {}, at)


def smooth_correction(image: np.ndarray, grid: Grid) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return where on the plane a place on the paper is found, points (n, 2) in mm; None if that cannot be told."""
    dark, pixel = lattice.gridness(image)
    seen = [_phases(dark, pixel, grid, axis) for axis in (0, 1)]
    if any(phases is None for phases in seen):
        return None
    basis = _Basis(np.concatenate([nodes for nodes, _, _ in seen]), np.array([grid.px_per_mm_x, grid.px_per_mm_y]))
    fits = [_robust_fit(basis(nodes), off, strength) for nodes, off, strength in seen]

    def correct(mm: np.ndarray) -> np.ndarray:
        place = mm
        for _ in range(3):
            values = basis(grid.to_image(place))
            place = mm - np.stack([values @ coefficients for coefficients in fits], axis=1)
        return place

    return correct


def _phases(
    dark: np.ndarray, pixel: np.ndarray, grid: Grid, axis: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return where (n, 2) px, how far (n,) mm lines across an axis are off the plane, and how plain (n,) they are."""
    to_mm = cv2.invertAffineTransform(grid.matrix)
    for period in PERIODS_MM:
        frequency = to_mm[axis, :2] * pixel / period
        side = int(WINDOW_PERIODS[period] * period * grid.px_per_mm_x / pixel[0])
        if np.hypot(*frequency) > FINEST or side > min(dark.shape):
            continue
        x, y, z = lattice.demodulate(dark, frequency, side)
        strength = np.abs(z) / max(float(np.median(np.abs(z))), 1e-9)
        # Where there is no grid, letters and the sheet's edge have phases too, alike along a whole side.
        plain = strength > PLAIN
        nodes = (np.stack(np.meshgrid(x, y), axis=-1)[plain] + 0.5) * pixel - 0.5
        z = z[plain]
        if len(z) < MIN_WINDOWS or np.abs(z.sum()) < MIN_IN_STEP * np.abs(z).sum():
            continue
        return nodes, np.angle(z * np.conj(z.sum())) / (2 * np.pi) * period, strength[plain]
    return None


def _robust_fit(basis: np.ndarray, values: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Return the coefficients of a weighted fit in which windows far off lose their say."""
    given = np.minimum(strength, 1.5)
    weight = given
    ridge = 1e-6 * len(values) * np.eye(basis.shape[1])
    for _ in range(8):
        weighted = basis * weight[:, None]
        coefficients = np.linalg.solve(weighted.T @ basis + ridge, weighted.T @ values)
        misfit = np.abs(values - basis @ coefficients)
        weight = given / (1 + (misfit / max(2 * float(np.median(misfit)), LEAST_MM)) ** 2)
    return coefficients


class _Basis:
    """Smooth functions (n, k) of points (n, 2) in px over the box of `nodes` (m, 2): Legendre polynomials, products of
    them up to DEGREE and single ones up to a degree for every WAVE_MM; constant outside the box."""

    def __init__(self, nodes: np.ndarray, px_per_mm: np.ndarray):
        self.low, self.high = np.quantile(nodes, [0.005, 0.995], axis=0)
        self.degrees = np.clip(((self.high - self.low) / px_per_mm / WAVE_MM).astype(int), DEGREE, MOST_DEGREES)

    def __call__(self, px: np.ndarray) -> np.ndarray:
        u = 2 * (np.clip(px, self.low, self.high) - self.low) / (self.high - self.low) - 1
        x, y = (np.polynomial.legendre.legvander(u[:, k], self.degrees[k]) for k in (0, 1))
        products = [x[:, i] * y[:, j] for i in range(1, DEGREE) for j in range(1, DEGREE + 1 - i)]
        return np.column_stack([x, y[:, 1:], *products])
