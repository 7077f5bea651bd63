"""Blank ECG paper: sheet and grid, each line antialiased by its exact share of every pixel.

Where two lines cross the darker ink shows: the grid is printed in one pass, and no ink makes paper lighter. A family
of lines is then an outer product, so that most rows of the picture are copies of a few.
"""

import cv2
import numpy as np

from ecgseg.render.draw.place import hashed, style_seed
from ecgseg.render.printed.style import Style

MAJOR_MM, MINOR_MM = 5.0, 1.0
_DOT = 2.0  # a dot is twice as wide as a line, or it would not be seen
_GAP_MM = 12.0  # a line has at most one missing stretch in each of these pieces
_LEVELS = 255


def stripes(at: np.ndarray, pixel: float, period: float, width: float, phase: float) -> np.ndarray:
    """Return the exact share (n,) of pixels centred at `at`, all in mm, that stripes cover.

    The stripes are `width` wide, their middles at phase + k·period.
    """

    def before(t: np.ndarray) -> np.ndarray:
        whole, part = np.divmod((t - phase) / period + width / period / 2, 1.0)
        return whole * width + np.minimum(part * period, width)

    return (before(at + pixel / 2) - before(at - pixel / 2)) / pixel


def _within(at: np.ndarray, pixel: float, low: float, high: float) -> np.ndarray:
    """Return the share (n,) of pixels centred at `at` that lies between low and high, all in mm."""
    return np.clip((np.minimum(at + pixel / 2, high) - np.maximum(at - pixel / 2, low)) / pixel, 0, 1)


def _missing(at: np.ndarray, pixel: float, lines: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return how much (n, lines) float32 of pixels centred at `at` mm along the numbered lines is missing."""
    often = min(1.0, 2 * share)
    first = int(np.floor((at[0] - pixel) / _GAP_MM))
    cells = np.arange(first, int(np.floor((at[-1] + pixel) / _GAP_MM)) + 1)[:, None]
    u, v, there = (hashed(seed + k, cells, lines[None]) for k in range(3))
    # The mean length is share/often of the piece, and none is longer than the piece.
    size = np.where(there < often, max(0.0, 2 * share - 1) + u * min(1.0, 2 - 2 * share), 0)
    start = cells + v * (1 - size)
    start, size = ((m * _GAP_MM).astype(np.float32) for m in (start, size))

    def upto(t: np.ndarray, cell: np.ndarray) -> np.ndarray:
        return np.clip(t[:, None] - start[cell], 0, size[cell])

    low, high = (at - pixel / 2).astype(np.float32), (at + pixel / 2).astype(np.float32)
    of_low, of_high = (np.floor(t / _GAP_MM).astype(np.int64) - first for t in (low, high))
    gap = upto(high, of_high) - upto(low, of_low)
    over = np.flatnonzero(of_low != of_high)
    gap[over] += size[of_low[over]]
    return gap / np.float32(pixel)


class _Side:
    """One direction of the window: pixel centres in mm, and what the grid's lines across it and along it cover."""

    def __init__(self, style: Style, at: np.ndarray, pixel: float, axis: int):
        self.style, self.at, self.pixel, self.axis = style, at, pixel, axis
        self.phase = (style.grid_x, style.grid_y)[axis]
        self.inside = np.ones(len(at))
        if style.grid_box is not None:
            self.inside = _within(at, pixel, style.grid_box[axis], style.grid_box[axis + 2])

    def across(self, period: float, width: float) -> np.ndarray:
        """Return the cover (n,) of this direction's pixels by lines that run across it, inside the grid's box."""
        cover = stripes(self.at, self.pixel, period, width, self.phase)
        if self.style.grid_box is not None:
            low, high = self.style.grid_box[self.axis], self.style.grid_box[self.axis + 2]
            middle = self._line(period) * period + self.phase
            cover = cover * ((middle > low - 1e-6) & (middle < high + 1e-6))
        return cover

    def along(self) -> np.ndarray:
        """Return the share (n,) of this direction's pixels that a dashed line along it inks."""
        if not self.style.dash_mm:
            return self.inside
        width = self.style.dash_mm * self.style.dash_duty
        return self.inside * stripes(self.at, self.pixel, self.style.dash_mm, width, self.phase)

    def missing(self, lines: np.ndarray, seed: int) -> np.ndarray:
        return _missing(self.at, self.pixel, lines, self.style.grid_gaps, seed)

    def _line(self, period: float) -> np.ndarray:
        return np.rint((self.at - self.phase) / period)

    def line(self, period: float) -> np.ndarray:
        """Return the number (n,) of the line across this direction that is nearest to each pixel."""
        return self._line(period).astype(np.int64)


def paint_paper(style: Style, origin: tuple[float, float], px_per_mm: float, shape: tuple[int, int]) -> np.ndarray:
    """Return paper with its grid (H, W, 3) uint8 RGB; pixel (0, 0) is centred at `origin` mm.

    The grid depends on the place on the page alone: a window shows what the whole page shows there.
    """
    h, w = shape
    pixel = 1.0 / px_per_mm
    x = _Side(style, origin[0] + np.arange(w) * pixel, pixel, 0)
    y = _Side(style, origin[1] + np.arange(h) * pixel, pixel, 1)
    image = np.empty((h, w, 3), np.uint8)
    flat = image.reshape(h, -1)
    image[0] = _levels(style.paper)
    flat[1:] = flat[0]
    if style.grid in ("full", "minor"):
        ink = _ink(style, style.minor_color, style.minor_strength)
        _draw_lines(image, x, y, MINOR_MM, style.minor_width, ink)
    elif style.grid == "dots":
        ink = _ink(style, style.minor_color, style.minor_strength)
        size = _DOT * style.minor_width
        _darken(image, y.across(MINOR_MM, size), x.across(MINOR_MM, size), ink)
    if style.grid in ("full", "major", "dots"):
        ink = _ink(style, style.major_color, style.major_strength)
        _draw_lines(image, x, y, MAJOR_MM, style.major_width, ink)
    if style.grid_panels is not None:
        _keep_panels(image, x, y)
    return image


def _keep_panels(image: np.ndarray, x: _Side, y: _Side) -> None:
    """Take the grid away from an image in place where no panel is."""
    kept = np.zeros(image.shape[:2], bool)
    for x0, y0, x1, y1 in x.style.grid_panels:
        rows, columns = (_within(side.at, side.pixel, *ends) > 0.5 for side, ends in ((y, (y0, y1)), (x, (x0, x1))))
        kept |= rows[:, None] & columns[None, :]
    image[~kept] = _levels(x.style.paper)


def _levels(color: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(color, 0, 1) * 255).astype(np.uint8)


def _ink(style: Style, color: np.ndarray, strength: float) -> np.ndarray:
    """Return the colours (256, 3) uint8 of paper covered by 0..255 parts of ink."""
    cover = np.arange(_LEVELS + 1)[:, None] / _LEVELS
    return _levels(style.paper + cover * strength * (np.minimum(color, style.paper) - style.paper))


def _draw_lines(image: np.ndarray, x: _Side, y: _Side, period: float, width: float, ink: np.ndarray) -> None:
    """Draw the vertical and the horizontal lines of one family in place."""
    vertical, horizontal = x.across(period, width), y.across(period, width)
    if not x.style.grid_gaps:
        _darken(image, y.along(), vertical, ink)
        _darken(image, horizontal, x.along(), ink)
        return
    seed = style_seed(x.style) + round(period) * 16
    level = np.zeros(image.shape[:2], np.uint8)
    columns, lines = _gappy(y, x, period, vertical, seed)
    level[:, columns] = lines
    rows, lines = _gappy(x, y, period, horizontal, seed + 8)
    level[rows] = np.maximum(level[rows], lines.T)
    np.minimum(image, cv2.LUT(cv2.merge([level] * 3), ink[:, None]), out=image)


def _darken(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, ink: np.ndarray) -> None:
    """Lay ink on the image in place where rows and columns are covered: (H,) times (W,), in 0..1."""
    h, w = len(rows), len(columns)
    level = np.rint(rows * _LEVELS).astype(np.uint8)
    used = np.flatnonzero(level)
    if len(used) == 0:
        return
    levels, of = np.unique(level[used], return_inverse=True)
    if columns.min() > 1 - 0.5 / _LEVELS:
        table = np.repeat(ink[levels][:, None], w, axis=1)
    else:
        cover = np.rint(levels[:, None] * columns.astype(np.float32)).astype(np.uint8)
        table = ink[cover]
    table, flat = table.reshape(len(levels), -1), image.reshape(h, -1)
    if len(levels) == 1 and len(used) == h:
        np.minimum(flat, table, out=flat)
        return
    # One row of each kind is worked out; a plain loop is faster than an index over whole rows.
    for row, kind in zip(used, of, strict=True):
        np.minimum(flat[row], table[kind], out=flat[row])


def _gappy(along: _Side, across: _Side, period: float, cover: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels (m,) across the lines they touch, and their cover (n along, m) uint8 with gaps in it."""
    at = np.flatnonzero(cover * _LEVELS >= 0.5)
    lines, of = np.unique(across.line(period)[at], return_inverse=True)
    if len(at) == 0:
        return at, np.zeros((len(along.at), 0), np.uint8)
    present = (1 - along.missing(lines, seed)) * along.along().astype(np.float32)[:, None]
    return at, (present[:, of] * (cover[at] * _LEVELS).astype(np.float32) + np.float32(0.5)).astype(np.uint8)
