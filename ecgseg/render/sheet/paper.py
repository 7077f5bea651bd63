"""The sheet of paper as a picture, and what its damage is drawn with.

An effect draws its random numbers for the whole page first, and then draws the part that falls into the window: the
same generator state damages a page and a window of it alike.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ecgseg.render.fields import lay

COARSE_MM = 0.4  # between the points at which stains and fields are worked out
_SHIFT = 4  # fractional bits of cv2's coordinates


@dataclass
class Sheet:
    """A flat sheet or a window of it: image (H, W, 3) uint8 RGB; alpha (H, W) uint8, 0 where the paper is torn away,
    None while it is whole; px_per_mm; origin: the mm on the page at the centre of pixel (0, 0); size: the whole
    page's width and height in mm."""

    image: np.ndarray
    px_per_mm: float
    origin: tuple[float, float] = (0.0, 0.0)
    size: tuple[float, float] = (297.0, 210.0)
    alpha: np.ndarray | None = None


def coarse_mm(sheet: Sheet, step: float = COARSE_MM) -> tuple[np.ndarray, np.ndarray]:
    """Return the page's x (1, w) and y (h, 1) float32 in mm on a coarse grid of the window's own extent."""
    axes = []
    for n, start in ((sheet.image.shape[1], sheet.origin[0]), (sheet.image.shape[0], sheet.origin[1])):
        m = min(n, max(8, int(np.ceil(n / sheet.px_per_mm / step))))
        axes.append((start + ((np.arange(m) + 0.5) * n / m - 0.5) / sheet.px_per_mm).astype(np.float32))
    return axes[0][None], axes[1][:, None]


def to_px(sheet: Sheet, mm: np.ndarray) -> np.ndarray:
    """Return pixels of the window (…, 2) of points in mm."""
    return (np.asarray(mm, float) - sheet.origin) * sheet.px_per_mm


def _weights(at: np.ndarray, nodes: int) -> np.ndarray:
    """Return the weights (n, nodes) of a cubic spline's nodes at positions in cells."""
    t = np.abs(at[:, None] - np.arange(nodes))
    near = 2 / 3 - t**2 + t**3 / 2
    return np.where(t < 1, near, np.clip(2 - t, 0, None) ** 3 / 6).astype(np.float32)


def page_field(sheet: Sheet, rng: np.random.Generator, cell: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a smooth random field of the page (h, w) float32, about −1..1, with swells of `cell` mm, at x and y."""
    nx, ny = (int(np.ceil(n / cell)) + 5 for n in sheet.size)
    nodes = rng.uniform(-1.7, 1.7, (ny, nx)).astype(np.float32)
    columns, rows = x.ravel() / cell + 2, y.ravel() / cell + 2
    c0, c1 = (int(np.clip(v, 0, nx)) for v in (np.floor(columns[0]) - 1, np.ceil(columns[-1]) + 2))
    r0, r1 = (int(np.clip(v, 0, ny)) for v in (np.floor(rows[0]) - 1, np.ceil(rows[-1]) + 2))
    return _weights(rows - r0, r1 - r0) @ nodes[r0:r1, c0:c1] @ _weights(columns - c0, c1 - c0).T


def page_speckle(sheet: Sheet, rng: np.random.Generator, cell: float) -> np.ndarray:
    """Return fine noise of the page (H, W) uint8 at the picture's own resolution, with grains of `cell` mm."""
    nx, ny = (int(np.ceil(n / cell)) + 3 for n in sheet.size)
    nodes = np.frombuffer(rng.bytes(nx * ny), np.uint8).reshape(ny, nx)
    pitch = 1 / (sheet.px_per_mm * cell)
    matrix = np.array([[pitch, 0, sheet.origin[0] / cell + 1], [0, pitch, sheet.origin[1] / cell + 1]])
    h, w = sheet.image.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(nodes, matrix, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE)


class Layer:
    """Marks drawn in mm on a window of the page, antialiased: `cover` (H, W) uint8."""

    def __init__(self, sheet: Sheet):
        self.sheet, self.cover, self.empty = sheet, np.zeros(sheet.image.shape[:2], np.uint8), True

    def _seen(self, mm: np.ndarray, margin: float) -> bool:
        (w, h), m = self.cover.shape[::-1], margin * self.sheet.px_per_mm + 2
        low, high = to_px(self.sheet, mm.min(axis=0)), to_px(self.sheet, mm.max(axis=0))
        seen = bool((high > -m).all() and (low < np.array([w, h]) + m).all())
        self.empty &= not seen
        return seen

    def _fixed(self, mm: np.ndarray) -> np.ndarray:
        return np.round(to_px(self.sheet, mm) * (1 << _SHIFT)).astype(np.int32)

    def line(self, mm: np.ndarray, width: float, level: float = 1.0) -> None:
        """Draw a polyline (n, 2) mm, `width` mm wide; one thinner than a pixel is paler instead."""
        if self._seen(mm, width):
            self._strokes([self._fixed(mm).reshape(-1, 1, 2)], width, level)

    def strokes(self, mm: np.ndarray, width: float, level: float = 1.0) -> None:
        """Draw many short polylines (k, n, 2) mm at once."""
        px, margin = to_px(self.sheet, mm), 2 + width * self.sheet.px_per_mm
        size = np.array(self.cover.shape[::-1])
        near = ((px.max(axis=1) > -margin) & (px.min(axis=1) < size + margin)).all(axis=1)
        if near.any():
            self.empty = False
            self._strokes(list(self._fixed(mm[near])[:, :, None]), width, level)

    def _strokes(self, points: list[np.ndarray], width: float, level: float) -> None:
        px = width * self.sheet.px_per_mm
        # An antialiased cv2 line comes out 1.4 px wide where 1 is asked for, else 2.4 px too wide at most.
        value = round(255 * level * min(1.0, px / 1.4))
        thickness = 1 if px < 2.4 else 2 if px < 4.4 else round(px - 2.4)
        cv2.polylines(self.cover, points, False, value, thickness, cv2.LINE_AA, _SHIFT)

    def disc(self, mm: np.ndarray, radius: float, level: float = 1.0) -> None:
        """Draw a disc about (2,) mm with a radius in mm; one smaller than a pixel is paler instead."""
        if self._seen(mm[None], radius):
            px = radius * self.sheet.px_per_mm
            value = round(255 * level * min(1.0, (2 * px) ** 2))
            size = round(max(px - 0.6, 0.5) * (1 << _SHIFT))  # cv2's antialiased rim is 0.6 px wide
            cv2.circle(self.cover, self._fixed(mm).tolist(), size, value, -1, cv2.LINE_AA, _SHIFT)

    def polygon(self, mm: np.ndarray, level: float = 1.0) -> None:
        """Fill a polygon (n, 2) mm."""
        if self._seen(mm, 0.5):
            cv2.fillPoly(self.cover, [self._fixed(mm)], round(255 * level), cv2.LINE_AA, _SHIFT)

    def soften(self, sigma: float) -> None:
        """Blur the marks by sigma mm."""
        px = sigma * self.sheet.px_per_mm
        if px > 0.2 and not self.empty:
            cv2.GaussianBlur(self.cover, (0, 0), px, dst=self.cover)

    def lay(self, color) -> None:
        """Lay the marks on the sheet in a colour (RGB, 0..255), in place."""
        if not self.empty:
            self.sheet.image = lay(self.sheet.image, self.cover, color)


def ragged(rng: np.random.Generator, n: int, rough: float = 0.6) -> np.ndarray:
    """Return a fractal line (n,) of about −1..1, as torn paper has it; `rough` of each octave is in the next finer."""
    out, size, total = np.zeros(n), 1.0, 0.0
    nodes = 4
    while nodes < 2 * n:
        out += size * np.interp(np.linspace(0, nodes, n), np.arange(nodes + 1), rng.uniform(-1, 1, nodes + 1))
        total += size
        size, nodes = size * rough, nodes * 2
    return out / total * 1.6
