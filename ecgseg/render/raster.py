"""Scene → pixels: antialiased ink drawn to a fraction of a pixel, on paper with a grid."""

import cv2
import numpy as np

from ecgseg.render.scene import Scene
from ecgseg.render.style import Style
from ecgseg.render.text import draw_texts

_SHIFT = 8  # fractional bits of cv2's drawing coordinates


def draw_polylines(canvas: np.ndarray, polylines: list[np.ndarray], width: float, oversample: int) -> None:
    """Add polylines of one width to a coverage canvas in place.

    canvas: (H·oversample, W·oversample) uint8. Points (n, 2) and width are in final pixels, centres at
    integer coordinates.
    """
    scale = oversample * (1 << _SHIFT)
    offset = (oversample - 1) / 2 * (1 << _SHIFT)
    fixed = [np.round(p * scale + offset).astype(np.int32).reshape(-1, 1, 2) for p in polylines if len(p) > 1]
    if fixed:
        # An antialiased cv2 line comes out about 1.4 px wider than asked.
        thickness = max(1, round(width * oversample - 1.4))
        cv2.polylines(canvas, fixed, False, 255, thickness, cv2.LINE_AA, _SHIFT)


def coverage(polylines: list[np.ndarray], width: float, shape: tuple[int, int], oversample: int = 3) -> np.ndarray:
    """Return the share (H, W) float32 of each pixel that polylines `width` pixels wide cover."""
    h, w = shape
    canvas = np.zeros((h * oversample, w * oversample), np.uint8)
    draw_polylines(canvas, polylines, width, oversample)
    if oversample > 1:
        canvas = cv2.resize(canvas, (w, h), interpolation=cv2.INTER_AREA)
    return canvas.astype(np.float32) / 255


def trace_coverage(points: np.ndarray, width: float, out: np.ndarray, slices: int = 4) -> None:
    """Draw one trace, a polyline whose x only grows, into a coverage layer in place (maximum with what is there).

    points (n, 2) and width in pixels, centres at integer coordinates; out (H, W) float32. A round pen of radius
    r at (x + d, y) covers the column x from y − √(r² − d²) to y + √(r² − d²), and since the trace is continuous
    the union over |d| ≤ r is one interval: exact in y, `slices` slices a pixel in x.
    """
    h, w = out.shape
    first = max(0, int(np.floor(points[0, 0] - width)))
    last = min(w, int(np.ceil(points[-1, 0] + width)) + 1)
    if last <= first or len(points) < 2:
        return
    radius = width / 2
    x = first - 0.5 + (np.arange((last - first) * slices) + 0.5) / slices
    top, bottom = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    for d in np.linspace(-radius, radius, 2 * max(2, round(radius * slices)) + 1):
        half = np.sqrt(max(0.0, radius**2 - d**2))
        # Beyond the ends there is no ink: NaN there, which fmin and fmax pass over.
        y = np.interp(x + d, points[:, 0], points[:, 1], np.nan, np.nan)
        top, bottom = np.fmin(top, y - half), np.fmax(bottom, y + half)
    seen = top < bottom
    if not seen.any():
        return
    r0 = max(0, int(np.floor(top[seen].min())))
    r1 = min(h, int(np.ceil(bottom[seen].max())) + 2)
    if r1 <= r0:
        return
    top, bottom = np.where(seen, top, 0).astype(np.float32), np.where(seen, bottom, 0).astype(np.float32)
    rows = np.arange(r0, r1, dtype=np.float32)[:, None] - np.float32(0.5)
    cover = np.clip(bottom[None] - rows, 0, 1) - np.clip(top[None] - rows, 0, 1)
    cover = cover.reshape(r1 - r0, last - first, slices).mean(axis=2)
    window = out[r0:r1, first:last]
    np.maximum(window, cover, out=window)


def traces_coverage(traces: list[np.ndarray], width: float, shape: tuple[int, int]) -> np.ndarray:
    """Return the coverage (H, W) float32 of several traces `width` pixels wide."""
    out = np.zeros(shape, np.float32)
    for points in traces:
        # In pieces, so that one tall complex does not make every column tall.
        x, block = points[:, 0], 96.0
        for left in np.arange(max(-block, x[0]), min(shape[1] + block, x[-1]), block):
            i, j = np.searchsorted(x, [left, left + block])
            trace_coverage(points[max(0, i - 1) : j + 1], width, out)
    return out


def _line_coverage(position: np.ndarray, period: float, width: float, pixel: float) -> np.ndarray:
    """Return the coverage of one-dimensional pixels at `position` (mm) by lines every `period` mm."""
    distance = np.abs((position + period / 2) % period - period / 2)
    return np.clip((width / 2 - distance) / pixel + 0.5, 0, min(1.0, width / pixel)).astype(np.float32)


def _grid_layer(style: Style, x: np.ndarray, y: np.ndarray, pixel: float, period: float, width: float) -> np.ndarray:
    """Return the coverage (H, W) of one family of grid lines, dashed if the style says so."""
    vertical = _line_coverage(x - style.grid_x, period, width, pixel)
    horizontal = _line_coverage(y - style.grid_y, period, width, pixel)
    if style.dash_mm:
        on_x = ((x / style.dash_mm) % 1 < style.dash_duty).astype(np.float32)
        on_y = ((y / style.dash_mm) % 1 < style.dash_duty).astype(np.float32)
        return np.maximum(vertical[None] * on_y[:, None], horizontal[:, None] * on_x[None])
    return np.maximum(vertical[None], horizontal[:, None])


def paint_paper(style: Style, origin: tuple[float, float], px_per_mm: float, shape: tuple[int, int]) -> np.ndarray:
    """Return paper with its grid as (H, W, 3) float32 in 0..1; pixel (0, 0) is centred at `origin` mm."""
    h, w = shape
    pixel = 1.0 / px_per_mm
    x = origin[0] + np.arange(w) * pixel
    y = origin[1] + np.arange(h) * pixel
    image = np.empty((h, w, 3), np.float32)
    image[:] = style.paper
    if style.grid in ("full", "minor"):
        cover = _grid_layer(style, x, y, pixel, 1.0, style.minor_width) * style.minor_strength
        blend(image, cover, style.minor_color)
    if style.grid in ("full", "major"):
        cover = _grid_layer(style, x, y, pixel, 5.0, style.major_width) * style.major_strength
        blend(image, cover, style.major_color)
    return image


def blend(image: np.ndarray, cover: np.ndarray, color: np.ndarray) -> None:
    """Lay ink of one colour over the image in place; cover (H, W) in 0..1."""
    for c in range(3):
        image[..., c] += cover * (np.float32(color[c]) - image[..., c])


def _inside(points: np.ndarray, shape: tuple[int, int], margin: float) -> np.ndarray | None:
    """Return the part of an x-ordered polyline near the window, or None if it stays outside."""
    h, w = shape
    if points[:, 1].max() < -margin or points[:, 1].min() > h + margin:
        return None
    near = np.flatnonzero((points[:, 0] > -margin) & (points[:, 0] < w + margin))
    if len(near) == 0:
        return None
    return points[max(0, near[0] - 1) : near[-1] + 2]


def rasterize(
    scene: Scene, origin: tuple[float, float], px_per_mm: float, shape: tuple[int, int], oversample: int = 3
) -> np.ndarray:
    """Draw a window of the scene: (H, W, 3) uint8 RGB, pixel (0, 0) centred at `origin` mm."""
    style = scene.style
    image = paint_paper(style, origin, px_per_mm, shape)

    def window(points: np.ndarray) -> np.ndarray | None:
        return _inside((points - origin) * px_per_mm, shape, 4 * px_per_mm)

    texts = np.zeros(shape, np.float32)
    draw_texts(texts, scene.texts, origin, px_per_mm)
    by_width: dict[float, list[np.ndarray]] = {}
    pulses = [(p.points, style.trace_width) for p in scene.pulses]
    for points, width in [*((n.points, n.width) for n in scene.lines), *pulses]:
        part = window(points)
        if part is not None:
            by_width.setdefault(width, []).append(part)
    for width, parts in by_width.items():
        np.maximum(texts, coverage(parts, width * px_per_mm, shape, oversample), out=texts)
    if texts.any():
        blend(image, texts, style.text_color)
    parts = [p for p in (window(t.points) for t in scene.traces) if p is not None]
    if parts:
        blend(image, traces_coverage(parts, style.trace_width * px_per_mm, shape), style.trace_color)
    return np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)
