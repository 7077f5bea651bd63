"""The coverage of pixels by lines of a round pen that may run any way, and by filled polygons, each in its own box."""

from math import ceil, floor

import numpy as np

from ecgseg.render.draw.ink import rise

_PIECE = 32.0  # px of a line that are worked out together

Box = tuple[int, int, np.ndarray]


def line_cover(points: np.ndarray, width: float, shape: tuple[int, int]) -> Box | None:
    """Return first row, first column and coverage (h, w) float32 of a polyline (n, 2), `width` wide, in px.

    The pen is round; a pixel's coverage follows from its distance to the line, exact along straight lines.
    None where the picture of shape (H, W) shows nothing of it.
    """
    radius = width / 2
    box = _box(points, radius + 0.75, shape)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    cover = np.zeros((y1 - y0, x1 - x0), np.float32)
    start, step = _pieces(points - np.array([x0, y0]))
    walked = np.cumsum(np.hypot(*step.T))
    group = np.floor((walked - np.hypot(*step.T)) / _PIECE)
    for part in np.split(np.arange(len(step)), np.flatnonzero(np.diff(group)) + 1):
        ends = np.concatenate([start[part], start[part] + step[part]])
        if (inner := _box(ends, radius + 0.75, cover.shape)) is None:
            continue
        left, top, right, bottom = inner
        away, nearest = _distance(start[part], step[part], np.arange(left, right), np.arange(top, bottom))
        normal = np.abs(step[part]) / np.maximum(np.hypot(*step[part].T), 1e-9)[:, None]
        wide, slim = (np.maximum(n, 0.01).astype(np.float32)[nearest] for n in (normal.max(axis=1), normal.min(axis=1)))
        share = _before(radius - away, wide, slim) + _before(radius + away, wide, slim) - 1
        window = cover[top:bottom, left:right]
        np.maximum(window, share, out=window)
    return y0, x0, cover


def polygon_cover(points: np.ndarray, shape: tuple[int, int]) -> Box | None:
    """Return first row, first column and coverage (h, w) float32 of a filled polygon (n, 2) px; None if not shown."""
    box = _box(points, 0.5, shape)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    closed = np.vstack([points, points[:1]]) - np.array([x0, y0])
    column, y_left, y_right, width = _slices(closed, x1 - x0)
    # Rows above and below the box count too until the sum is made.
    first, last = min(np.floor(closed[:, 1].min() + 0.5), 0), np.floor(closed[:, 1].max() + 0.5) + 2
    first, rows = int(first), int(last - first)
    place, gain = rise(y_left, y_right, column * rows - first, width)
    change = np.bincount(place, gain, (x1 - x0) * rows).reshape(x1 - x0, rows)
    cover = np.minimum(np.abs(np.cumsum(change, axis=1)), 1).T[-first : y1 - y0 - first]
    return y0, x0, np.ascontiguousarray(cover, np.float32)


def _slices(points: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cut a line (n, 2) px at the columns' sides, leaving out what is in none of them.

    Returns each slice's column, its y at its left and right side, and its width, negative where the line runs left.
    """
    a, b = points[:-1], points[1:]
    forth = b[:, 0] >= a[:, 0]
    left, right = np.where(forth[:, None], a, b), np.where(forth[:, None], b, a)
    first = np.maximum(np.floor(left[:, 0] + 0.5), 0).astype(np.int64)
    last = np.minimum(np.floor(right[:, 0] + 0.5), columns - 1).astype(np.int64)
    count = np.where(left[:, 0] == right[:, 0], 0, np.maximum(last - first + 1, 0))
    edge = np.repeat(np.arange(len(a)), count)
    column = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    x0, y0, x1, y1 = left[edge, 0], left[edge, 1], right[edge, 0], right[edge, 1]
    from_x, to_x = np.maximum(x0, column - 0.5), np.minimum(x1, column + 0.5)
    slope = (y1 - y0) / (x1 - x0)
    width = np.where(forth[edge], 1, -1) * (to_x - from_x)
    return column, y0 + (from_x - x0) * slope, y0 + (to_x - x0) * slope, width


def _box(points: np.ndarray, margin: float, shape: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return x0, y0, x1, y1 of the picture's pixels within `margin` of the points' box, None if there are none."""
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    x0, y0 = max(0, ceil(left - margin)), max(0, ceil(top - margin))
    x1, y1 = min(shape[1], floor(right + margin) + 1), min(shape[0], floor(bottom + margin) + 1)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _pieces(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and steps (n, 2) of a line's segments, slanting ones cut so that their boxes stay small."""
    if len(points) == 1:
        return points.astype(float), np.zeros((1, 2))
    step = np.diff(points, axis=0)
    count = np.maximum(1, np.ceil(np.abs(step).min(axis=1) / (_PIECE / 2))).astype(int)
    segment = np.repeat(np.arange(len(step)), count)
    number = np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count)
    step = (step / count[:, None])[segment]
    return points[segment] + step * number[:, None], step


def _distance(start: np.ndarray, step: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far (h, w) pixels at columns x and rows y are from the nearest of some segments, and which it is."""
    start, step = start.astype(np.float32), step.astype(np.float32)
    dx = x.astype(np.float32) - start[:, :1]
    dy = y.astype(np.float32) - start[:, 1:]
    length = np.maximum((step**2).sum(axis=1), np.float32(1e-12))
    along = step / length[:, None]
    t = np.clip((dy * along[:, 1:])[:, :, None] + (dx * along[:, :1])[:, None], 0, 1)
    off_x = dx[:, None] - t * step[:, 0, None, None]
    off_y = dy[:, :, None] - t * step[:, 1, None, None]
    away = off_x**2 + off_y**2
    nearest = away.argmin(axis=0)
    return np.sqrt(np.take_along_axis(away, nearest[None], axis=0)[0]), nearest


def _before(u: np.ndarray, wide: np.ndarray, slim: np.ndarray) -> np.ndarray:
    """Return the share of a pixel that lies before a straight edge at distance u from its centre, in px.

    wide, slim: the larger and the smaller part of the edge's unit normal along the pixel's sides.
    """
    reach, core = (wide + slim) / 2, (wide - slim) / 2
    u = np.clip(u, -reach, reach)
    corners = [np.maximum(u + side, 0) ** 2 for side in (reach, core, -core)]
    return (corners[0] - corners[1] - corners[2]) / (2 * wide * slim)
