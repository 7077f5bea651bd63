"""What the grid network sees of a picture: paper, and the size and turn of its grid, put together to a first map."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from ecgseg.digitize.flat.surface import Steps, through_steps
from ecgseg.errors import GridError
from ecgseg.nets.gridbins import GRID_STRIDE, LARGEST_PX, SMALLEST_PX
from ecgseg.nets.runtime import usable

LATTICE_MM = 5.0
SIDES = (1024, 1792, 560)  # px of the long side at which a picture is looked at, until one is plain
FINE_ENOUGH = 1.2 * SMALLEST_PX  # px per 5 mm: coarser grids are looked at again, larger
COARSE_ENOUGH = 0.9 * LARGEST_PX
PLAIN = 0.45  # mean weight of the cells with a grid: such a look needs no other
PAPER = 0.5
MIN_CELLS = 6  # with a grid: fewer are no page
MIN_WEIGHT = 0.15
BEND = 0.3  # weight of bending against a cell's steps: paper bends little from cell to cell
SCATTER = 0.02  # periods a cell


@dataclass(frozen=True)
class Field:
    """Per cell (h, w) of a picture: centres `x` (w,) and `y` (h,) in px, `gradient` (h, w, 2, 2), whose rows are
    periods of 5 mm per px along the picture's x and y; `weight` 0..1 of what is said of it; `grid` and `paper`, 0..1.

    The first family of lines is the one whose gradient is within ±45° of the picture's x axis. `scale`: px looked at
    per px of the picture.
    """

    x: np.ndarray
    y: np.ndarray
    gradient: np.ndarray
    weight: np.ndarray
    grid: np.ndarray
    paper: np.ndarray
    scale: float = 1.0

    @property
    def period(self) -> float:
        """Return px per 5 mm, the median where a grid is seen."""
        seen = self.weight > MIN_WEIGHT
        if not seen.any():
            return float("nan")
        return float(np.median(np.abs(np.linalg.det(self.gradient[seen])) ** -0.5))

    @property
    def plain(self) -> float:
        """Return the mean weight where a grid is."""
        grid = self.grid > PAPER
        return float(self.weight[grid].mean()) if grid.any() else 0.0


def see_field(image: np.ndarray, net) -> Field:
    """Let a GridNet look at a picture (H, W, 3) uint8, and return the plainest look.

    `net`: as `open_net` gives it, or a GridNet. Raises GridError where it sees no paper with a grid.
    """
    seen: list[Field] = []
    for field in looks(image, net):
        seen.append(field)
        if field.plain > PLAIN and FINE_ENOUGH < field.period * field.scale < COARSE_ENOUGH:
            break
    if not seen:
        raise GridError(
            "no grid found: nowhere in the picture is paper with a grid on it to be seen; "
            "give the scale of a flat page with digitize.px_per_mm=…"
        )
    return max(seen, key=lambda f: f.plain)


def looks(image: np.ndarray, net) -> Iterator[Field]:
    """Yield what a GridNet sees of a picture (H, W, 3) uint8 at one size after the other, where it sees a grid."""
    longest = max(image.shape[:2])
    for side in SIDES:
        if side > SIDES[0] and longest < 1.2 * SIDES[0]:
            continue
        field = _look(image, net, min(1.0, side / longest))
        if (field.weight > MIN_WEIGHT).sum() >= MIN_CELLS:
            yield field


def _look(image: np.ndarray, net, scale: float) -> Field:
    height, width = image.shape[:2]
    size = np.maximum(np.rint(np.array([width, height]) * scale).astype(int), 2 * GRID_STRIDE)
    small = cv2.resize(image, tuple(int(v) for v in size), interpolation=cv2.INTER_AREA)
    below, right = (-n % GRID_STRIDE for n in (size[1], size[0]))
    small = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_REPLICATE)
    paper, grid, size_px, turn, share = usable(net).cells(small)
    weight = grid * paper * share
    factor = size / (width, height)
    gradient = gradients(size_px, turn, weight) * factor
    y, x = ((np.arange(n) + 0.5) * GRID_STRIDE / f - 0.5 for n, f in zip(paper.shape, factor[::-1], strict=True))
    return Field(x, y, gradient, weight, grid * paper, paper, scale)


def gradients(size: np.ndarray, turn: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return gradients (h, w, 2, 2) in periods per px from the logarithm of px per 5 mm and the turn in radians (h, w).

    A turn is known up to quarters: that of the whole picture is taken within ±45°, a cell's next to it.
    """
    whole = float(np.angle(np.sum(weight * np.exp(4j * turn)))) / 4
    turn = whole + np.angle(np.exp(4j * (turn - whole))) / 4
    c, s = np.cos(turn) * np.exp(-size), np.sin(turn) * np.exp(-size)
    return np.stack([np.stack([c, s], axis=-1), np.stack([-s, c], axis=-1)], axis=-2)


def first_map(field: Field) -> np.ndarray:
    """Return the map (2, h, w) at a field's cells, in mm along the page's lines, known but for where it begins."""
    w = field.weight + 1e-6
    dx, dy = field.x[1] - field.x[0], field.y[1] - field.y[0]
    g = field.gradient
    surfaces = []
    for k in (0, 1):
        steps = Steps(
            (g[:, 1:, k, 0] + g[:, :-1, k, 0]) / 2 * dx,
            (g[1:, :, k, 1] + g[:-1, :, k, 1]) / 2 * dy,
            np.sqrt(w[:, 1:] * w[:, :-1]),
            np.sqrt(w[1:] * w[:-1]),
        )
        surfaces.append(through_steps(steps, BEND, SCATTER) * LATTICE_MM)
    return np.stack(surfaces)
