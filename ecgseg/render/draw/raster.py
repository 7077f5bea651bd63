"""Scene → pixels: every primitive drawn to a fraction of a pixel, laid on gridded paper in the order of printing."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ecgseg.layout import LEADS
from ecgseg.render.draw.grid import paint_paper
from ecgseg.render.draw.ink import page_mask, traces_coverage, traces_ink, united
from ecgseg.render.draw.place import hashed, smooth_noise, style_seed
from ecgseg.render.draw.stepped import stepped_ink
from ecgseg.render.draw.strokes import line_cover, polygon_cover
from ecgseg.render.draw.text import draw_texts, text_box
from ecgseg.render.printed.scene import Area, Line, Scene, Text, Trace
from ecgseg.render.printed.style import Style

__all__ = ["page_mask", "paint_paper", "rasterize", "traces_coverage"]

_COPY_MM = (0.15, 0.4)  # how far a trace printed twice stands from itself
_COPY_STRENGTH = (0.35, 0.75)
_FADE_MM = (45.0, 9.0)  # the swells of a fading print
_HASTE_SLOPE = 3.0  # from about this slope on a pen in haste leaves less ink
_BREAK_MM = 0.9  # the pattern that a broken trace is cut by
_BREAK_BELOW, _BREAK_SOFT = 0.22, 0.06  # of the pattern's 0..1: no ink below this at worst, all from a little above


class _Canvas:
    """A window of the page being drawn: image (H, W, 3) uint8, and where it lies."""

    def __init__(self, image: np.ndarray, origin: tuple[float, float], px_per_mm: float):
        self.image, self.origin, self.px_per_mm = image, np.asarray(origin, float), px_per_mm
        self.shape = image.shape[:2]

    def px(self, mm: np.ndarray) -> np.ndarray:
        return (np.asarray(mm, float) - self.origin) * self.px_per_mm

    def blend(self, index: np.ndarray, cover: np.ndarray, color: np.ndarray) -> None:
        """Lay ink of one colour (RGB in 0..1) on the pixels at flat indices (n,), which it covers by (n,) in 0..1."""
        flat = self.image.reshape(-1, 3)
        under = flat[index].astype(np.float32)
        color = np.asarray(color, np.float32) * 255
        flat[index] = np.rint(under + np.clip(cover, 0, 1)[:, None] * (color - under)).astype(np.uint8)

    def lay(self, box: tuple[int, int, np.ndarray] | None, color: np.ndarray, strength: float = 1.0) -> None:
        """Lay ink on a box of the window: first row, first column, coverage (h, w)."""
        if box is not None:
            y, x, cover = box
            rows, columns = np.nonzero(cover > 0.5 / 255)
            self.blend((rows + y) * self.shape[1] + columns + x, cover[rows, columns] * np.float32(strength), color)

    def draw(self, item: Line | Area | Text, default: np.ndarray) -> None:
        """Draw one primitive in its own colour, or the default."""
        color = default if item.color is None else item.color
        if isinstance(item, Line):
            self.lay(line_cover(self.px(item.points), item.width * self.px_per_mm, self.shape), color)
        elif isinstance(item, Area):
            self.lay(polygon_cover(self.px(item.points), self.shape), color, item.strength)
        elif (box := self._text(item)) is not None:
            self.lay(box, color)

    def _text(self, text: Text) -> tuple[int, int, np.ndarray] | None:
        """Return the box and coverage of a text, None if the window shows nothing of it."""
        reach = text.height * (len(text.text) + 2)  # no letter is wider than its height
        (x, y), (h, w) = self.origin, self.shape
        if not (x - reach < text.x < x + w / self.px_per_mm + reach and abs(text.y - y) < h / self.px_per_mm + reach):
            return None
        corners = self.px(text_box(text))
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 3, self.shape[::-1])
        if (high <= low).any():
            return None
        cover = np.zeros((high - low)[::-1], np.float32)
        draw_texts(cover, [text], tuple(self.origin + low / self.px_per_mm), self.px_per_mm)
        return low[1], low[0], cover


def rasterize(scene: Scene, origin: tuple[float, float], px_per_mm: float, shape: tuple[int, int]) -> np.ndarray:
    """Draw a window of the scene: (H, W, 3) uint8 RGB, pixel (0, 0) centred at `origin` mm.

    Drawn in this order: paper and grid, areas, lines and pulses, texts, traces, what lies over them. A window whose
    origin is a pixel of another window shows the same there.
    """
    style = scene.style
    canvas = _Canvas(paint_paper(style, origin, px_per_mm, shape), origin, px_per_mm)
    for item in (*scene.areas, *scene.lines):
        canvas.draw(item, style.text_color)
    width = style.trace_width * px_per_mm
    pulses = [canvas.px(pulse.points) for pulse in scene.pulses]
    outlines, ink = (stepped_ink, stepped_ink) if style.trace_kind == "pixels" else (_outlines, traces_ink)
    _print(canvas, lambda shift: outlines([p + shift for p in pulses], width, shape), style, style.trace_color)
    for item in scene.texts:
        canvas.draw(item, style.text_color)
    for color, traces in _by_color(scene).items():
        near = [canvas.px(p) for p in (_near(t.points, canvas, style) for t in traces) if p is not None]
        pen = partial(_hasty, ink, style.trace_haste) if style.trace_haste else ink
        _print(canvas, lambda shift, parts=near, pen=pen: pen([p + shift for p in parts], width, shape), style, color)
    for item in scene.over:
        canvas.draw(item, style.text_color)
    return canvas.image


def _by_color(scene: Scene) -> dict[tuple, list[Trace]]:
    """Return the traces of each colour."""
    groups: dict[tuple, list[Trace]] = {}
    for trace in scene.traces:
        color = scene.style.trace_color
        if scene.style.trace_colors is not None:
            color = scene.style.trace_colors[LEADS.index(trace.strip.lead)]
        groups.setdefault(tuple(color), []).append(trace)
    return groups


def _print(canvas: _Canvas, draw: Callable, style: Style, color: np.ndarray) -> None:
    """Print what the machine draws, shifted by (2,) px: flat indices and cover, broken, doubled or faded by style."""
    index, cover = draw(np.zeros(2))
    seed = style_seed(style)
    if style.trace_kind == "double":
        shift, strength = _copy(seed)
        copy_index, copy = draw(shift * canvas.px_per_mm)
        index, cover = np.concatenate([index, copy_index]), np.concatenate([cover, copy * strength])
    if len(index) == 0:
        return
    # Where lines meet the ink is laid on once.
    cover = united(index, cover, canvas.shape)
    if style.trace_kind == "broken" or style.trace_fade > 0:
        cover = cover * _evenness(index, canvas, style, seed)
    canvas.blend(index, cover * np.float32(style.trace_strength), color)


def _outlines(pulses: list[np.ndarray], width: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return flat indices and coverage of calibration pulses (n, 2) px."""
    index, cover = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for y, x, part in filter(None, (line_cover(points, width, shape) for points in pulses)):
        rows, columns = np.nonzero(part)
        index.append((rows + y) * shape[1] + columns + x)
        cover.append(part[rows, columns])
    return np.concatenate(index), np.concatenate(cover)


def _hasty(ink: Callable, haste: float, traces: list, width: float, shape: tuple[int, int]):
    """Return flat indices and coverage of traces (n, 2) px by `ink`, paler where a trace is steep.

    A pen or a heated stylus leaves less on each mm the faster it runs: beyond _HASTE_SLOPE the ink falls off as the
    slope grows, `haste` of it at most.
    """
    drawn = [(np.zeros(0, np.int64), np.zeros(0, np.float32))]
    # The slope over the width of the pen, which wets all that it passes over.
    left = np.arange(shape[1]) - 0.5 - width / 2
    for points in traces:
        index, cover = ink([points], width, shape)
        way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(points[:, 1])))])
        slope = (np.interp(left + 1 + width, points[:, 0], way) - np.interp(left, points[:, 0], way)) / (1 + width)
        taken = 1 - haste * (1 - 1 / np.hypot(1, slope / _HASTE_SLOPE))
        drawn.append((index, cover * taken.astype(np.float32)[index % shape[1]]))
    index, cover = zip(*drawn, strict=True)
    return np.concatenate(index), np.concatenate(cover)


def _near(points: np.ndarray, canvas: _Canvas, style: Style) -> np.ndarray | None:
    """Return the part of a trace (n, 2) mm that the window may show, None if there is none."""
    margin = style.trace_width + _COPY_MM[1] + 1 / canvas.px_per_mm
    low, high = canvas.origin - margin, canvas.origin + np.array(canvas.shape[::-1]) / canvas.px_per_mm + margin
    i, j = np.searchsorted(points[:, 0], [low[0], high[0]])
    part = points[max(0, i - 1) : j + 1]
    if len(part) < 2 or part[:, 1].max() < low[1] or part[:, 1].min() > high[1]:
        return None
    return part


def _copy(seed: int) -> tuple[np.ndarray, np.float32]:
    """Return how far (2,) in mm a second print stands from the first, and how strong it is."""
    u, v, w = (float(hashed(seed, np.array(k))) for k in range(3))
    size, angle = _COPY_MM[0] + u * (_COPY_MM[1] - _COPY_MM[0]), 2 * np.pi * v
    strength = _COPY_STRENGTH[0] + w * (_COPY_STRENGTH[1] - _COPY_STRENGTH[0])
    return size * np.array([np.cos(angle), np.sin(angle)]), np.float32(strength)


def _evenness(index: np.ndarray, canvas: _Canvas, style: Style, seed: int) -> np.ndarray:
    """Return how much ink (n,) float32 in 0..1 the paper took at the pixels with flat indices (n,)."""
    row, column = np.divmod(index, canvas.shape[1])
    x, y = canvas.origin[0] + column / canvas.px_per_mm, canvas.origin[1] + row / canvas.px_per_mm
    taken = np.ones(len(index), np.float32)
    if style.trace_fade > 0:
        swell = 0.7 * smooth_noise(seed + 10, x, y, _FADE_MM[0]) + 0.3 * smooth_noise(seed + 11, x, y, _FADE_MM[1])
        taken = 1 - np.float32(style.trace_fade) * np.clip(1.6 * swell - 0.3, 0, 1)
    if style.trace_kind == "broken":
        pattern = smooth_noise(seed + 12, x, y, max(_BREAK_MM, 2 * style.trace_width))
        # Some places of the page break more than others.
        below = _BREAK_BELOW * smooth_noise(seed + 13, x, y, _FADE_MM[0] / 2)
        taken = taken * np.clip((pattern - below) / _BREAK_SOFT, 0, 1)
    return taken
