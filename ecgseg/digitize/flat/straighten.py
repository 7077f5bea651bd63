"""A rough map of a grid made straight enough to count its lines, and checked: are there lines where it says?

The grid network tells one size and one turn per cell, so of a tilted page, whose squares are oblong and oblique, its
map is some percent off. Windows in which the darkness is in step with a wave are compared with windows some way off:
if they are in step with each other, there are lines; how their phase changes on the way tells how far the map is off.
"""

from dataclasses import dataclass

import cv2
import numpy as np

WINDOW = {
    True: 1.0,
    False: 1.5,
}  # standard deviation of windows in periods, of lines of 5 mm and more and of finer ones
APART = 3.2  # standard deviations between windows that share no pixels
NEAR = 1.6  # between windows that bear lines further off the map
AROUND = 1.5  # of the distance between windows: over which what they say is put together
FAINT = 0.06  # share of a window's contrast in step with the lines at which it has half its say
# How far apart windows are and the degree of the polynomial in each round: tilt first, a gentle bend, then folds.
ROUNDS = ((NEAR, 2), (NEAR, 2), (NEAR, 3), (APART, 3), (APART, 5))
LEAST_STEPS = 60  # a page has thousands
FINEST = 0.45  # cycles per px: finer lines are lost between the pixels
# Coherence of windows without lines, as measured on pictures of them: few windows of coarse lines fit on a page.
CHANCE = {True: 0.6, False: 0.45}
LEAST = 0.1  # of what is beyond chance: less, and nothing is to be learnt from the lines
PLAIN = 0.3  # of it: there are lines


@dataclass(frozen=True)
class Lines:
    """What is seen of lines of one period: per family how coherent (2,), 0..1, and the steps between windows.

    steps: per family and way (right, down) the phase over `lag` nodes in cycles, and its weight, arrays of nodes.
    """

    coherence: np.ndarray
    chance: float
    steps: list[list[tuple[np.ndarray, np.ndarray, int]]]

    @property
    def plain(self) -> float:
        """Return how plain the lines of the less plain family are, 0 (none) to 1."""
        return float((self.coherence.min() - self.chance) / (1 - self.chance))


def see_lines(
    raster, mm: np.ndarray, grid: np.ndarray, period: float, node_mm: float, apart: float = APART
) -> Lines | None:
    """Look for lines of a period (mm of the map mm (2, ny, nx)); None where the page or the pixels are too few."""
    sigma = WINDOW[period >= 2.5] * period / node_mm
    lag = max(1, round(apart * sigma))
    if period * raster.px_per_node / node_mm * FINEST < 1 or 2 * lag > min(grid.shape):
        return None
    coherence, steps = [], []
    for family in mm:
        z, share = raster.in_step(family / period, sigma)
        unit = z / np.maximum(np.abs(z), 1e-12) * np.sqrt(share**2 / (share**2 + FAINT**2) * grid)
        both, of_family = [0.0, 0.0], []
        for axis in (1, 0):
            last = unit.shape[axis]
            here, there = (np.take(unit, np.arange(*r), axis=axis) for r in ((0, last - lag), (lag, last)))
            product, weight = there * here.conj(), np.abs(there) * np.abs(here)
            mean, total = (_blurred(v, AROUND * lag) for v in (product, weight))
            both[0] += float((np.abs(mean) * (weight > 0)).sum())
            both[1] += float((total * (weight > 0)).sum())
            of_family.append((np.angle(mean) / (2 * np.pi), np.abs(mean) ** 2 / np.maximum(total, 1e-6), lag))
        coherence.append(both[0] / max(both[1], 1e-9))
        steps.append(of_family)
    return Lines(np.array(coherence), CHANCE[period >= 2.5], steps)


def _blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    if np.iscomplexobj(values):
        return _blurred(values.real, sigma) + 1j * _blurred(values.imag, sigma)
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)


def straightened(mm: np.ndarray, lines: Lines, period: float, degree: int) -> np.ndarray:
    """Return the map mm (2, ny, nx) with a polynomial added whose slope is what the lines' steps ask for."""
    ny, nx = mm.shape[1:]
    out = []
    for family, steps in zip(mm, lines.steps, strict=True):
        rows, values, weights = [], [], []
        for axis, (phase, weight, lag) in zip((1, 0), steps, strict=True):
            y, x = np.nonzero(weight > 0.02)
            if not len(y):
                continue
            ends = _basis(y + (lag if axis == 0 else 0), x + (lag if axis == 1 else 0), ny, nx, degree)
            rows.append(ends - _basis(y, x, ny, nx, degree))
            values.append(phase[y, x])
            weights.append(weight[y, x])
        if sum(map(len, values)) < LEAST_STEPS:
            out.append(family)
            continue
        design, target, given = (np.concatenate(v) for v in (rows, values, weights))
        weight = given
        for _ in range(6):
            weighted = design * weight[:, None]
            ridge = 1e-6 * len(target) * np.eye(design.shape[1])
            solution = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ target)
            off = np.abs(target - design @ solution)
            weight = given / (1 + (off / max(2 * float(np.median(off)), 0.03)) ** 2)
        y, x = np.mgrid[0:ny, 0:nx]
        out.append(family + period * (_basis(y.ravel(), x.ravel(), ny, nx, degree) @ solution).reshape(ny, nx))
    return np.stack(out)


def _basis(y: np.ndarray, x: np.ndarray, ny: int, nx: int, degree: int) -> np.ndarray:
    """Return polynomials (n, k) without the constant at nodes."""
    products = np.polynomial.legendre.legvander2d(2 * y / ny - 1, 2 * x / nx - 1, [degree, degree])
    orders = np.add.outer(np.arange(degree + 1), np.arange(degree + 1)).ravel()
    return products[:, (orders > 0) & (orders <= degree)]


def straighten(raster, mm: np.ndarray, grid: np.ndarray, node_mm: float) -> np.ndarray:
    """Return a rough map made straight: by windows near each other, then by windows apart, of the plainer lines."""
    for apart, degree in ROUNDS:
        seen = [(p, see_lines(raster, mm, grid, p, node_mm, apart)) for p in (5.0, 1.0)]
        seen = [(p, lines) for p, lines in seen if lines is not None]
        if not seen:
            return mm
        period, lines = max(seen, key=lambda pair: pair[1].plain)
        if lines.plain < LEAST:
            return mm
        mm = straightened(mm, lines, period, degree)
    return mm
