"""Where paper is gone: torn corners and edges, cuts, rips, punched holes; and staples. Sizes in mm."""

import cv2
import numpy as np

from ecgseg.render.fields import Span, draw, draw_count, paper_color
from ecgseg.render.sheet.paper import Layer, Sheet, ragged

# Distances between punched holes and their diameter, mm: ISO 838 (two, four), North American three.
_PUNCHES = ((6.0, (-40, 40)), (6.0, (-120, -40, 40, 120)), (8.0, (-108, 0, 108)))
_HOLE_MM = 12.0  # from the edge to the holes' middle


def _remove(sheet: Sheet, gone: Layer) -> None:
    """Take the paper away where a layer covers it."""
    if gone.empty:
        return
    left = cv2.bitwise_not(gone.cover)
    sheet.alpha = left if sheet.alpha is None else cv2.min(sheet.alpha, left)


def _corners(sheet: Sheet) -> np.ndarray:
    w, h = sheet.size
    return np.array([[0, 0], [w, 0], [w, h], [0, h]], float)


def _torn_line(rng: np.random.Generator, start: np.ndarray, end: np.ndarray, rough: float) -> np.ndarray:
    """Return a torn line (n, 2) between two points that strays by about `rough` mm."""
    n = max(8, int(np.hypot(*(end - start)) * 3))
    along = (end - start) / np.hypot(*(end - start))
    t = np.linspace(0, 1, n)
    stray = rough * ragged(rng, n) + 0.25 * rng.normal(0, 0.5, n)
    return start + t[:, None] * (end - start) + stray[:, None] * np.array([-along[1], along[0]])


def _tear(sheet: Sheet, rng: np.random.Generator, line: np.ndarray, outside: np.ndarray) -> None:
    """Tear away what lies between a line (n, 2) and the points `outside`, and bare the fibres along it."""
    rim = Layer(sheet)
    inward = line.mean(axis=0) - outside.mean(axis=0)
    inward = inward / np.hypot(*inward)
    width = np.maximum(rng.uniform(0.3, 1.5) * (1 + 0.8 * ragged(rng, len(line), 0.7)), 0.1)
    rim.polygon(np.concatenate([line + width[:, None] * inward, outside]))
    rim.soften(0.08)
    rim.lay(np.minimum(paper_color(sheet.image) + 10, 252))
    gone = Layer(sheet)
    gone.polygon(np.concatenate([line, outside]))
    _remove(sheet, gone)


def torn_corner(sheet: Sheet, rng: np.random.Generator, mm: Span, count: Span = (1, 2)) -> None:
    """Corners torn off, up to `mm` along each edge."""
    for corner in rng.permutation(4)[: draw_count(rng, count)]:
        at = _corners(sheet)[corner]
        inward = np.sign(np.array(sheet.size) / 2 - at)
        start, end = at + [inward[0] * draw(rng, mm), 0], at + [0, inward[1] * draw(rng, mm)]
        out = -3 * inward
        line = _torn_line(rng, start + [0, out[1]], end + [out[0], 0], 2.0)
        _tear(sheet, rng, line, np.array([at + out]))


def torn_edge(sheet: Sheet, rng: np.random.Generator, mm: Span) -> None:
    """An edge torn along its whole length, as from a roll or a block, `mm` deep."""
    edge = int(rng.integers(4))
    corners = _corners(sheet)
    start, end = corners[edge], corners[(edge + 1) % 4]
    along = (end - start) / np.hypot(*(end - start))
    inward = np.array([-along[1], along[0]])
    line = _torn_line(rng, start + inward * draw(rng, mm) - 4 * along, end + inward * draw(rng, mm) + 4 * along, 1.2)
    _tear(sheet, rng, line, np.array([end + 4 * along - 8 * inward, start - 4 * along - 8 * inward]))


def cut_strip(sheet: Sheet, rng: np.random.Generator, mm: Span) -> None:
    """A strip cut off along an edge with scissors, a little askew."""
    edge = int(rng.integers(4))
    corners = _corners(sheet)
    start, end = corners[edge], corners[(edge + 1) % 4]
    along = (end - start) / np.hypot(*(end - start))
    inward = np.array([-along[1], along[0]])
    deep = draw(rng, mm) + rng.normal(0, 1.0, 3)
    line = np.stack([start - 4 * along, (start + end) / 2 + 9 * rng.normal() * along, end + 4 * along])
    line = line + np.maximum(deep, 0.2)[:, None] * inward
    gone = Layer(sheet)
    gone.polygon(np.concatenate([line, [end + 4 * along - 8 * inward, start - 4 * along - 8 * inward]]))
    _remove(sheet, gone)


def rip(sheet: Sheet, rng: np.random.Generator, mm: Span) -> None:
    """A tear from an edge inwards, `mm` long, its white lips gaping by a millimetre or two."""
    corners = _corners(sheet)
    edge = int(rng.integers(4))
    start, end = corners[edge], corners[(edge + 1) % 4]
    along = (end - start) / np.hypot(*(end - start))
    inward = np.array([-along[1], along[0]])
    mouth = start + rng.uniform(0.1, 0.9) * (end - start)
    tip = mouth + draw(rng, mm) * (inward + rng.normal(0, 0.4) * along)
    line = _torn_line(rng, mouth - 3 * inward, tip, 1.5)
    gape = np.linspace(rng.uniform(0.4, 2.0), 0.02, len(line))[:, None] * along
    lips, gone = Layer(sheet), Layer(sheet)
    lip = gape * rng.uniform(1.3, 2.0) + 0.15 * along
    lips.polygon(np.concatenate([line - lip * 0.4, (line + lip)[::-1]]))
    lips.soften(0.08)
    lips.lay(np.minimum(paper_color(sheet.image) + 10, 252))
    gone.polygon(np.concatenate([line, (line + gape)[::-1]]))
    _remove(sheet, gone)


def punch_holes(sheet: Sheet, rng: np.random.Generator) -> None:
    """Holes for a binder along one edge, the left or the top one as a rule."""
    edge = rng.choice(4, p=[0.5, 0.3, 0.1, 0.1])
    w, h = sheet.size
    side = h if edge in (0, 2) else w
    fits = [p for p in _PUNCHES if p[1][-1] < side / 2 - 8]
    if not fits:
        return
    diameter, places = fits[rng.integers(len(fits))]
    middle, deep = side / 2 + rng.normal(0, 2), _HOLE_MM + rng.normal(0, 1.0)
    gone, rim = Layer(sheet), Layer(sheet)
    for place in places:
        along = middle + place
        at = np.array([(deep, along), (along, deep), (w - deep, along), (along, h - deep)][edge])
        rim.disc(at, diameter / 2 + 0.25, 0.35)
        gone.disc(at, diameter / 2)
    rim.lay((90, 86, 80))
    _remove(sheet, gone)


def staples(sheet: Sheet, rng: np.random.Generator, removed: float = 0.4) -> None:
    """A staple in a corner, or (with odds `removed`) the two holes and the rust that it left."""
    corner = _corners(sheet)[rng.integers(4)]
    at = corner + np.sign(np.array(sheet.size) / 2 - corner) * rng.uniform(4, 12, 2)
    angle = rng.choice([0.0, np.pi / 4, -np.pi / 4, np.pi / 2]) + rng.normal(0, 0.15)
    half = 6 * np.array([np.cos(angle), np.sin(angle)])
    ends = np.stack([at - half, at + half])
    if rng.random() < removed:
        rust, holes = Layer(sheet), Layer(sheet)
        for end in ends:
            rust.disc(end, rng.uniform(0.5, 1.2), 0.5)
            holes.disc(end, rng.uniform(0.25, 0.45), 0.9)
        rust.soften(0.3)
        rust.lay((150, 100, 60))
        holes.lay((40, 32, 28))
        return
    shade, wire, shine = Layer(sheet), Layer(sheet), Layer(sheet)
    shade.line(ends + [0.35, 0.45], 0.6, 0.5)
    shade.soften(0.15)
    shade.lay((30, 28, 26))
    wire.line(ends, 0.55)
    wire.lay(np.array([135, 135, 140]) * rng.uniform(0.8, 1.1))
    shine.line(ends - [0.08, 0.1], 0.18, 0.8)
    shine.lay((235, 235, 240))


EFFECTS = {f.__name__: f for f in (torn_corner, torn_edge, cut_strip, rip, punch_holes, staples)}
