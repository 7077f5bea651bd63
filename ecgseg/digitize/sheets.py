"""Separate sheets of paper in one picture: where each lies, and whether they are two sheets or parts of one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage

from ecgseg.digitize.flat.field import PAPER, Field, looks
from ecgseg.digitize.flat.grid import FlatPage
from ecgseg.digitize.locate.locate import Located
from ecgseg.nets.runtime import usable

MIN_CORE = 4  # cells of a sheet that are a cell or more from its edge
MIN_WIDE_MM = 20.0  # of a sheet: what is narrower holds no row of trace
NECK = 0.25  # of the line between two sheets may look like grid: they may nearly touch in a corner
SQUARE_MM = 5.0
NEAR_MM = 60.0  # from the gap: the part of a sheet's lattice that is continued over it
ACROSS_MM = 30.0  # a wider gap is too wide to continue a lattice over
OTHER_MM = 0.8  # between a lattice and its neighbour's continued: less may be one sheet with something lying on it
OTHER_DEG = 2.0
_CELLS = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Sheet:
    """A piece of a picture with one sheet in it: `pixels` (h, w, 3) uint8, all else painted over, and where its upper
    left corner lies in the picture (px: x, y)."""

    pixels: np.ndarray
    corner: tuple[int, int]


@dataclass(frozen=True)
class Sheets:
    """The sheets of a picture, in reading order, and points (n, 2) px between each two neighbours."""

    sheets: list[Sheet]
    between: dict[tuple[int, int], np.ndarray]


class LooksOnce:
    """A grid network that looks at each size of a picture once, however often it is asked."""

    def __init__(self, net):
        self._net, self.about, self._seen = usable(net), getattr(net, "about", {}), {}

    def cells(self, picture: np.ndarray):
        """Return what the network says of a picture's cells."""
        key = picture.shape, hash(picture.tobytes())
        if key not in self._seen:
            self._seen[key] = self._net.cells(picture)
        return self._seen[key]


def separate_sheets(image: np.ndarray, grid_net) -> Sheets | None:
    """Return the separate sheets with a grid in a picture (H, W, 3) uint8, None where there is one or none.

    `grid_net`: as `open_net` gives it, or a GridNet. Sheets are taken for separate where a gap without a grid runs all
    the way between them; whether they are parts of one sheet under a pen is told by `of_one_sheet`.
    """
    field = next(looks(image, grid_net), None)
    if field is None:
        return None
    labels, count = ndimage.label(ndimage.binary_erosion(_with_grid(field), _CELLS, border_value=0))
    sizes = ndimage.sum_labels(np.ones(labels.shape), labels, np.arange(1, count + 1))
    cores = np.zeros_like(labels)
    for number, label in enumerate(1 + np.flatnonzero(sizes >= MIN_CORE), 1):
        cores[labels == label] = number
    if cores.max() < 2:
        return None
    nearest = ndimage.distance_transform_edt(cores == 0, return_distances=False, return_indices=True)
    share = cores[tuple(nearest)]  # each cell is the nearest sheet's
    whole = [_with_grid(field) & (share == n) for n in range(1, cores.max() + 1)]
    cell_mm = SQUARE_MM * (field.x[1] - field.x[0]) / field.period
    if any(_width(one) * cell_mm < MIN_WIDE_MM for one in whole):
        return None
    between = {}
    for a in range(len(whole)):
        for b in range(a + 1, len(whole)):
            points, neck = _border(share, whole, a + 1, b + 1)
            if neck > NECK:
                return None
            if len(points):
                between[a, b] = np.stack([field.x[0], field.y[0]]) + points * (
                    field.x[1] - field.x[0],
                    field.y[1] - field.y[0],
                )
    order = reading_order([_box(one) for one in whole])
    place = {old: new for new, old in enumerate(order)}
    return Sheets(
        [_cut_out(image, field, share == n + 1, whole[n]) for n in order],
        {(place[a], place[b]): points for (a, b), points in between.items()},
    )


def reading_order(boxes: Sequence[tuple[float, float, float, float]]) -> list[int]:
    """Return the indices of boxes (x0, y0, x1, y1) from top left to bottom right: side by side from the left."""
    lines: list[list[int]] = []
    for k in sorted(range(len(boxes)), key=lambda k: boxes[k][1] + boxes[k][3]):
        middle = (boxes[k][1] + boxes[k][3]) / 2
        if lines and middle < boxes[lines[-1][0]][3]:
            lines[-1].append(k)
        else:
            lines.append([k])
    return [k for line in lines for k in sorted(line, key=lambda k: boxes[k][0])]


def of_one_sheet(one: FlatPage, other: FlatPage, between: np.ndarray) -> bool:
    """Return whether two flat pages continue each other's grid at points (n, 2) px between them.

    Two sheets do so by chance only; the parts of one sheet do so whatever lies between them.
    """
    centre = between.mean(axis=0)
    maps = [_lattice_near(flat, centre) for flat in (one, other)]
    if any(m is None for m in maps):
        return False
    first, second = maps
    turn = np.degrees([np.arctan2(m[0, 1], m[0, 0]) for m in maps])
    if abs((turn[0] - turn[1] + 45) % 90 - 45) > OTHER_DEG:
        return False
    to_picture = cv2.invertAffineTransform(first)
    at = _apply(first, centre)
    squares = SQUARE_MM * (np.round(at / SQUARE_MM) + np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), -1).reshape(-1, 2))
    off = _apply(second, _apply(to_picture, squares)) / SQUARE_MM
    off = SQUARE_MM * np.abs(off - np.round(off))
    return bool(np.sqrt((off**2).mean(axis=0)).max() < OTHER_MM)


def placed(flat: FlatPage, corner: tuple[int, int]) -> FlatPage:
    """Return the flat page of a piece of a picture as one of the picture, in which the piece lies at `corner` px."""
    shift = np.array(corner, float)

    def moved(matrix: np.ndarray) -> np.ndarray:
        return np.column_stack([matrix[:, :2], matrix[:, 2] + shift])

    lattice = None if flat.lattice is None else flat.lattice + shift
    grid = replace(flat.grid, matrix=moved(flat.grid.matrix))
    return replace(flat, matrix=moved(flat.matrix), lattice=lattice, grid=grid)


def _with_grid(field: Field) -> np.ndarray:
    return field.grid > PAPER


def _width(cells: np.ndarray) -> float:
    """Return how many cells wide a sheet is across, by the largest circle in it."""
    return 2 * float(ndimage.distance_transform_edt(np.pad(cells, 1)).max())


def _box(cells: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1.0, rows[-1] + 1.0


def _border(share: np.ndarray, whole: list[np.ndarray], a: int, b: int) -> tuple[np.ndarray, float]:
    """Return the places (n, 2) in cells (x, y) where the shares of two sheets meet between them, and the part of these
    where grid meets grid."""
    both = np.argwhere(whole[a - 1] | whole[b - 1])[:, ::-1].astype(np.int32)
    hull = cv2.fillConvexPoly(np.zeros(share.shape, np.uint8), cv2.convexHull(both), 1) > 0
    places, grid = [], []
    for dy, dx in ((0, 1), (1, 0)):
        here = (slice(None, -dy or None), slice(None, -dx or None))
        there = (slice(dy, None), slice(dx, None))
        meets = ((share[here] == a) & (share[there] == b)) | ((share[here] == b) & (share[there] == a))
        meets &= hull[here] & hull[there]
        y, x = np.nonzero(meets)
        places.append(np.stack([x + dx / 2, y + dy / 2], axis=1))
        touching = whole[a - 1] | whole[b - 1]
        grid.append((touching[here] & touching[there])[meets])
    grid = np.concatenate(grid)
    return np.concatenate(places), float(grid.mean()) if len(grid) else 0.0


def _cut_out(image: np.ndarray, field: Field, share: np.ndarray, cells: np.ndarray) -> Sheet:
    """Return a sheet's piece of a picture, with a cell about it and what belongs to other sheets painted over."""
    h, w = image.shape[:2]
    step = np.array([field.x[1] - field.x[0], field.y[1] - field.y[0]])
    box = np.array(_box(cells))
    low = np.maximum(np.floor((box[:2] - 1) * step), 0).astype(int)
    high = np.minimum(np.ceil((box[2:] + 1) * step), (w, h)).astype(int)
    x = np.clip((np.arange(low[0], high[0]) + 0.5) // step[0], 0, share.shape[1] - 1).astype(int)
    y = np.clip((np.arange(low[1], high[1]) + 0.5) // step[1], 0, share.shape[0] - 1).astype(int)
    piece = image[low[1] : high[1], low[0] : high[0]].copy()
    theirs = ~share[np.ix_(y, x)]
    # As what lies about the sheet: no new edge runs along it.
    about = ~theirs & (field.paper[np.ix_(y, x)] < PAPER)
    piece[theirs] = np.median(piece[about], axis=0) if about.any() else 255
    return Sheet(piece, (int(low[0]), int(low[1])))


def _lattice_near(flat: FlatPage, at: np.ndarray) -> np.ndarray | None:
    """Return the affine map (2, 3) picture px → mm on the lattice of a flat page, as it is nearest to a place in the
    picture; None where the page is further away than a lattice can be continued over."""
    h, w = flat.image.shape[:2]
    px = np.stack(np.meshgrid(np.linspace(0, w - 1, 60), np.linspace(0, h - 1, 60)), axis=-1).reshape(-1, 2)
    there = flat.to_image(px)
    px_per_mm = float(np.sqrt(abs(np.linalg.det(flat.matrix[:, :2])))) * flat.px_per_mm
    distance = np.hypot(*(there - at).T) / px_per_mm
    if distance.min() > ACROSS_MM:
        return None
    near = distance < max(NEAR_MM, distance.min() + NEAR_MM)
    mm = flat.grid.to_mm(_apply(flat.matrix, px[near]))
    return np.linalg.lstsq(np.column_stack([there[near], np.ones(near.sum())]), mm, rcond=None)[0].T


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def with_records(sheets: Sequence[Located]) -> list[int]:
    """Return which of the sheets in a picture show a record.

    Beside one with names or several strips, a single nameless row on another is the edge or the heading of paper.
    """
    kept = [k for k, located in enumerate(sheets) if located.named or len(located.strips) > 1]
    return kept or list(range(len(sheets)))
