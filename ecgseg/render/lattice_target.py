"""Page → what the grid network learns from a piece of its picture: paper, grid, and the grid's size and turn."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from ecgseg.render.page import Page

LATTICE_MM = 5.0  # between the points at which the page's map is known
BORDER_MM = 2.0  # of a printed grid: nearer to its edge a cell may have it or not


@dataclass
class LatticePage:
    """A picture (H, W, 3) uint8 with the lattice of its page.

    points (n, 2) px and axes (n, 2, 2), whose columns are px per 5 mm along the page's x and y; printed (n,), whether a
    grid is printed there; outline (k, 2) px of the sheet.
    """

    image: np.ndarray
    points: np.ndarray
    axes: np.ndarray
    printed: np.ndarray
    outline: np.ndarray


@dataclass
class LatticeCrop:
    """A piece of a picture, image (side, side, 3) uint8, and per cell of `stride` px (h, w): paper and grid in 0..1,
    size (3, h, w) and turn (2, h, w) as GridNet says them, and whether they are known."""

    image: np.ndarray
    paper: np.ndarray
    grid: np.ndarray
    size: np.ndarray
    turn: np.ndarray
    known: np.ndarray


def lattice_page(page: Page) -> LatticePage:
    """Return the picture of a page with its lattice, by central differences over 5 mm."""
    scene = page.scene
    x, y = (np.arange(LATTICE_MM / 2, side, LATTICE_MM) for side in (scene.width, scene.height))
    mm = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    half = np.array([LATTICE_MM / 2, 0.0])
    axes = [page.warp.forward(mm + d) - page.warp.forward(mm - d) for d in (half, half[::-1])]
    x0, y0, x1, y1 = scene.style.grid_box or (0.0, 0.0, scene.width, scene.height)
    printed = (mm > (x0, y0)).all(axis=1) & (mm < (x1, y1)).all(axis=1) & (scene.style.grid != "none")
    return LatticePage(page.image, page.warp.forward(mm), np.stack(axes, axis=-1), printed, page.outline)


def cut_crop(page: LatticePage, matrix: np.ndarray, side: int, stride: int) -> LatticeCrop:
    """Cut what a similarity `matrix` (2, 3), px of the picture → px of the crop, shows."""
    linear = matrix[:, :2]
    points = page.points @ linear.T + matrix[:, 2]
    axes = linear @ page.axes
    n = side // stride
    at = (np.arange(n) + 0.5) * stride - 0.5
    centres = np.stack(np.meshgrid(at, at), axis=-1)
    distance, nearest = cKDTree(points).query(centres.reshape(-1, 2))
    reach = np.linalg.norm(axes[nearest], axis=1).max(axis=1)
    known = ((distance < reach) & page.printed[nearest]).reshape(n, n)
    paper = np.zeros((n * 4, n * 4), np.float32)
    outline = (page.outline @ linear.T + matrix[:, 2]) * 4 / stride
    cv2.fillPoly(paper, [np.rint(outline).astype(np.int32)], 1.0)
    paper = cv2.resize(paper, (n, n), interpolation=cv2.INTER_AREA)
    size, turn = polar(axes[nearest])
    return LatticeCrop(
        _seen(page.image, matrix, side),
        paper,
        known.astype(np.float32),
        size.T.reshape(3, n, n).astype(np.float32),
        turn.T.reshape(2, n, n).astype(np.float32),
        known,
    )


def polar(axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return size (n, 3), the logarithm of P as xx, xy, yy, and turn (n, 2), cosine and sine of 4θ, of P·R(θ) = axes.

    Which axis is the first, and which way each points, changes neither: mirrored axes are the same lattice.
    """
    u, s, vt = np.linalg.svd(axes)
    log = u * np.log(s)[:, None, :] @ u.transpose(0, 2, 1)
    rotation = u @ vt
    theta = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return log[:, [0, 0, 1], [0, 1, 1]], np.stack([np.cos(4 * theta), np.sin(4 * theta)], axis=1)


def _seen(image: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """Resample what the crop shows: first its surroundings made smaller by areas, as a digitizer does, then turned."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    corners = np.array([[x, y] for x in (-2.0, side + 1.0) for y in (-2.0, side + 1.0)])
    corners = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    h, w = image.shape[:2]
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (w - 2, h - 2))
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, low + 2, (w, h))
    piece = image[low[1] : high[1], low[0] : high[0]]
    factor = np.ones(2)
    if scale < 1:
        size = np.maximum(np.rint((high - low) * scale).astype(int), 2)
        piece = cv2.resize(piece, tuple(int(v) for v in size), interpolation=cv2.INTER_AREA)
        factor = size / (high - low)
    # centres at whole pixels: small + 0.5 = (picture − low + 0.5) · factor
    linear = matrix[:, :2] / factor
    shift = matrix[:, 2] + matrix[:, :2] @ low + linear @ (0.5 - 0.5 * factor)
    affine = np.column_stack([linear, shift])
    return cv2.warpAffine(piece, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
