"""Textures that a sheet may lie on, drawn coarsely: wood, cloth, desks, metal, tiles, other sheets, clutter.

Each is f(rng, shape (h, w)) → (h, w, 3) float32 in 0..255; sizes are shares of the larger side.
"""

import cv2
import numpy as np

from ecgseg.render.fields import smooth_field
from ecgseg.render.shapes import thick_line, turned


def shades(field: np.ndarray, dark, light) -> np.ndarray:
    """Return colours (h, w, 3) float32 between two RGB colours where a field (h, w) goes from 0 to 1."""
    dark, light = np.float32(dark), np.float32(light)
    return dark + np.clip(field, 0, 1)[..., None].astype(np.float32) * (light - dark)


def _stretched(rng: np.random.Generator, shape: tuple[int, int], across: int, along: int) -> np.ndarray:
    """Return noise (h, w) float32 of 0..1 with `across` swells down and `along` swells across the picture."""
    nodes = rng.random((max(2, across), max(2, along)), np.float32)
    return cv2.resize(nodes, shape[::-1], interpolation=cv2.INTER_CUBIC)


def wood(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Boards with grain along one side, pale to dark brown."""
    upright = rng.random() < 0.4
    h, w = shape[::-1] if upright else shape
    waves = _stretched(rng, (h, w), 6, 3)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (waves * rng.uniform(2, 7) + np.linspace(0, rng.uniform(4, 20), h)[:, None]))
    fibre = _stretched(rng, (h, w), max(8, h // 2), 12)
    boards = int(rng.integers(1, 7))
    edges = np.sort(rng.uniform(0, 1, boards))
    row = np.searchsorted(edges, np.linspace(0, 1, h))
    shade = rng.uniform(-0.15, 0.15, boards + 1)[row][:, None]
    gap = np.exp(-(((np.linspace(0, 1, h)[:, None] - edges[None]) * h / 0.8) ** 2)).max(axis=1)[:, None]
    field = 0.4 * rings + 0.45 * fibre + shade - 0.6 * gap * (boards > 1)
    dark = rng.uniform(0.25, 0.75) * np.array([150, 105, 65]) * rng.uniform(0.85, 1.15, 3)
    out = shades(field, dark, np.minimum(dark * rng.uniform(1.3, 1.8) + 20, 250))
    return out.transpose(1, 0, 2) if upright else out


def cloth(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Cloth in soft folds, plain or striped."""
    color = rng.uniform(20, 235, 3) if rng.random() < 0.5 else np.full(3, rng.uniform(30, 240))
    field = 0.6 + 0.4 * smooth_field(rng, shape, int(rng.integers(2, 7)))
    out = shades(field, color * 0.55, color)
    if rng.random() < 0.4:
        x = np.linspace(0, rng.uniform(8, 60), shape[1])
        out *= np.float32(1 - rng.uniform(0.1, 0.5) * (x % 1 < rng.uniform(0.2, 0.6)))[None, :, None]
    return out


def desk(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A plain table top: white, grey, beige or coloured, a little mottled."""
    color = rng.uniform(120, 245) * rng.uniform([0.95, 0.92, 0.8], [1, 1, 1.0])
    if rng.random() < 0.25:
        color = rng.uniform(40, 220, 3)
    return shades(0.7 + 0.3 * smooth_field(rng, shape, 2) + 0.08 * smooth_field(rng, shape, 40), color * 0.8, color)


def dark(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A dark table or a dark room."""
    color = rng.uniform(8, 55) * rng.uniform(0.85, 1.1, 3)
    return shades(0.5 + 0.5 * smooth_field(rng, shape, 3), color * 0.5, color * 1.3)


def metal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Brushed metal of a trolley, with long mirrored lights."""
    brushed = _stretched(rng, shape, shape[0], 5)
    lights = _stretched(rng, shape, 2, int(rng.integers(3, 9)))
    color = rng.uniform(150, 235) * rng.uniform(0.94, 1.0, 3)
    out = shades(0.25 * brushed + 0.75 * lights, color * 0.45, np.minimum(color * 1.15, 255))
    return out


def patterned(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Tiles, checks, dots or stripes: a floor, a tablecloth, a blanket."""
    n = int(rng.integers(8, 36))  # points of the coarse grid to a repeat
    colors = rng.uniform(50, 240, (3, 1)) * rng.uniform(0.5, 1.0, (3, 3))
    tile = np.empty((n, n, 3), np.float32)
    tile[:] = colors[0]
    kind = rng.integers(4)
    if kind == 0:
        tile[: n // 2] = 0.5 * (colors[0] + colors[1])
        tile[:, : n // 2] += 0.5 * (colors[1] - colors[0])
    elif kind == 1:
        cv2.circle(
            tile, (n // 2, n // 2), max(1, round(n * rng.uniform(0.12, 0.4))), colors[1].tolist(), -1, cv2.LINE_AA
        )
    elif kind == 2:
        tile[: max(1, n // 12)] = tile[:, : max(1, n // 12)] = colors[0] * 0.6
    else:
        tile[:, : round(n * rng.uniform(0.2, 0.6))] = colors[1]
        tile[:, : max(1, n // 10)] = colors[2]
    out = np.tile(tile, (-(-shape[0] // n), -(-shape[1] // n), 1))[: shape[0], : shape[1]]
    return out * (0.85 + 0.15 * smooth_field(rng, shape, 3))[..., None]


def _sheet_corners(rng: np.random.Generator, shape: tuple[int, int], size: tuple[float, float]) -> np.ndarray:
    side = max(shape)
    half = np.array(size) * side / 2
    body = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    return turned(body, rng.uniform(0, np.pi), rng.uniform(0, 1, 2) * shape[::-1])


def papers(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Other sheets on a table, with lines of text or with a grid of their own."""
    out = np.ascontiguousarray((desk, wood, dark)[rng.integers(3)](rng, shape), np.float32)
    for _ in range(int(rng.integers(2, 6))):
        corners = _sheet_corners(rng, shape, (rng.uniform(0.5, 1.0), rng.uniform(0.4, 0.7)))
        white = rng.uniform(205, 250) * rng.uniform([1, 0.97, 0.9], [1, 1, 1])
        for offset, color in ((3, out.mean(axis=(0, 1)) * 0.6), (0, white)):
            cv2.fillConvexPoly(out, np.round((corners + offset) * 16).astype(np.int32), color.tolist(), cv2.LINE_AA, 4)
        grid, n = rng.random() < 0.4, int(rng.integers(14, 40))
        ink = (np.array([225, 160, 160]) if grid else np.array([110, 110, 115])).tolist()
        lines = []
        for t in np.linspace(0.06, 0.94, n):
            reach = (0.0, 1.0) if grid else (0.08, rng.uniform(0.3, 0.95))
            lines.append([_inner(corners, s, t) for s in reach])
            if grid:
                lines.append([_inner(corners, t, s) for s in reach])
        cv2.polylines(out, list(np.round(np.array(lines) * 16).astype(np.int32)), False, ink, 1, cv2.LINE_AA, 4)
    return out


def _inner(corners: np.ndarray, s: float, t: float) -> np.ndarray:
    """Return the point at shares (s, t) of the two sides of a parallelogram."""
    return corners[0] + s * (corners[1] - corners[0]) + t * (corners[3] - corners[0])


def clutter(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A desk with a keyboard, pens, cables and round things on it."""
    out = np.ascontiguousarray((desk, wood, dark)[rng.integers(3)](rng, shape), np.float32)
    side = max(shape)
    key, at, angle = side * rng.uniform(0.025, 0.04), rng.uniform(0, 1, 2) * shape[::-1], rng.uniform(0, 2 * np.pi)
    base, cap = rng.uniform(15, 70), rng.uniform(30, 235)
    body = np.array([[-0.8, -0.8], [15, -0.8], [15, 5], [-0.8, 5]]) * key
    cv2.fillConvexPoly(out, np.round(turned(body, angle, at) * 16).astype(np.int32), [base] * 3, cv2.LINE_AA, 4)
    square = np.array([[0, 0], [0.85, 0], [0.85, 0.85], [0, 0.85]]) * key
    for row in range(5):
        for column in range(14):
            place = square + np.array([column + 0.25 * row % 1, row]) * key
            cv2.fillConvexPoly(out, np.round(turned(place, angle, at) * 16).astype(np.int32), [cap] * 3, cv2.LINE_AA, 4)
    for _ in range(int(rng.integers(1, 5))):
        color = rng.uniform(10, 240, 3).tolist()
        start, turn = rng.uniform(0, 1, 2) * shape[::-1], rng.uniform(0, 2 * np.pi)
        kind = rng.integers(3)
        if kind == 0:  # a mug or a roll of tape
            for share, c in ((1.0, color), (0.8, (np.array(color) * 0.4).tolist())):
                cv2.circle(out, np.round(start).astype(int).tolist(), round(side * 0.06 * share), c, -1, cv2.LINE_AA)
            continue
        turns = turn + (rng.normal(0, 0.4, 20).cumsum() if kind == 1 else np.zeros(20))
        steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * side * (0.04 if kind == 1 else 0.015)
        cover = np.zeros(shape, np.float32)
        thick_line(cover, start + steps.cumsum(axis=0), side * (0.006 if kind == 1 else 0.012))
        out += cover[..., None] * (np.float32(color) - out)
    return out


TABLES = {f.__name__: f for f in (wood, cloth, desk, dark, metal, patterned, papers, clutter)}
