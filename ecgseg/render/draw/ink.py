"""The exact coverage of pixels by traces: polylines drawn with a round pen, as a plotter draws them.

A pen of radius r along a line whose x only grows covers in each column one interval of y, between two curves:
top(x) = min over |d| <= r of y(x + d) - sqrt(r^2 - d^2), and bottom(x) likewise. The curves are worked out at the
bounds of slices of a column, run straight in between, and the area under them in each pixel is exact. Everything
is done for all traces at once: they stand behind one another on one long x axis, cut into slots of a slice's width.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

SLICES = 8  # slices a pixel: between their bounds the pen's outline runs straight
_PEN_POINTS = 8  # points of the line tried along the pen's radius, at least
_TIP = 0.01  # px a vertex must stand out from its neighbours to be a tip of the line


@dataclass
class _Axis:
    """The traces on one long x axis in px: points x, y (n,), first and last slot of each; its pixel columns."""

    x: np.ndarray
    y: np.ndarray
    start: np.ndarray  # (runs,) x where the ink of a run starts and ends on the axis
    end: np.ndarray
    owner: np.ndarray  # (slots,) the run of each slot
    left: np.ndarray  # (columns,) first slot of each pixel column
    column: np.ndarray  # (columns,) its x in the picture


def traces_ink(traces: list[np.ndarray], width: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return flat pixel indices (n,) and their coverage (n,) float32 by traces `width` px wide, drawn one by one.

    traces: (n, 2) points in px, pixel centres at whole numbers, in a picture of shape (H, W). A line may run any
    way, fastest where its x only grows. A pixel that two traces touch is there twice.
    """
    along, across = [], []
    for points in traces:
        if len(points) > 1:
            turned = _turns(points[:, 0]) > _turns(points[:, 1])
            (across if turned else along).extend(_runs(points[:, ::-1] if turned else points))
    index, cover = _ink(along, width, shape)
    if across:
        turned_index, more = _ink(across, width, shape[::-1])
        column, row = np.divmod(turned_index, shape[0])
        index = np.concatenate([index, row * shape[1] + column])
        cover = np.concatenate([cover, more])
    return index, cover


def united(index: np.ndarray, cover: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the coverage (n,) with a pixel that is there more than once given its largest one each time."""
    layer = np.zeros(shape[0] * shape[1], np.float32)
    np.maximum.at(layer, index, cover)
    return layer[index]


def traces_coverage(traces: list[np.ndarray], width: float, shape: tuple[int, int]) -> np.ndarray:
    """Return the share (H, W) float32 of each pixel that traces (n, 2) in px, `width` px wide, cover."""
    out = np.zeros(shape, np.float32)
    index, cover = traces_ink(traces, width, shape)
    np.maximum.at(out.reshape(-1), index, cover)
    return out


def page_mask(traces: list[np.ndarray], width: float, shape: tuple[int, int]) -> np.ndarray:
    """Return the mask (H, W) uint8 of traces (n, 2) in px, `width` px wide: 255 where they cover a pixel wholly."""
    out = np.zeros(shape, np.uint8)
    index, cover = traces_ink(traces, width, shape)
    out.reshape(-1)[index] = np.rint(united(index, cover, shape) * np.float32(255)).astype(np.uint8)
    return out


def _turns(x: np.ndarray) -> int:
    """Return how often a line turns back."""
    step = np.diff(x)
    if (step >= 0).all():
        return 0
    sign = np.sign(step[step != 0])
    return int(np.count_nonzero(sign[1:] != sign[:-1]))


def _runs(points: np.ndarray) -> list[np.ndarray]:
    """Split a line where it turns back, so that x only grows along each run."""
    step = np.diff(points[:, 0])
    if (step >= 0).all():
        return [points]
    forth = step >= 0
    at = np.flatnonzero(forth[1:] != forth[:-1]) + 1
    bounds = [0, *at, len(step)]
    runs = [points[i : j + 1] for i, j in pairwise(bounds)]
    return [run if run[0, 0] <= run[-1, 0] else run[::-1] for run in runs]


def _ink(runs: list[np.ndarray], width: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return flat indices and coverage of lines along each of which x only grows."""
    axis = _lay_out(runs, width / 2, shape)
    if axis is None:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    top, bottom = _outline(axis, width / 2)
    slot = (axis.left[:, None] + np.arange(SLICES)).ravel()
    edges = _closed(top[slot], top[slot + 1], bottom[slot], bottom[slot + 1])
    return _fill(*edges, axis.column, shape)


def _lay_out(runs: list[np.ndarray], radius: float, shape: tuple[int, int]) -> _Axis | None:
    """Put the parts of the lines that the picture can show behind one another; None if there are none."""
    h, w = shape
    pad = int(np.ceil(radius * SLICES)) + 1
    base = pad
    xs, ys, start, end, slots, left, column = [], [], [], [], [pad], [], []
    for points in runs:
        c0 = max(0, int(np.floor(points[0, 0] - radius + 0.5)))
        c1 = min(w - 1, int(np.floor(points[-1, 0] + radius + 0.5)))
        if c1 < c0:
            continue
        low, high = c0 - 0.5 - pad / SLICES, c1 + 0.5 + pad / SLICES
        x, y = points[:, 0], points[:, 1]
        i, j = max(0, np.searchsorted(x, low, "right") - 1), np.searchsorted(x, high) + 1
        x, y = x[i:j].astype(float), y[i:j].astype(float)
        if y.max() < -radius - 1 or y.min() > h + radius:
            continue
        # The line goes on beyond its stretch of the axis: cut it there.
        if x[0] < low:
            x[0], y[0] = low, np.interp(low, x[:2], y[:2])
        if x[-1] > high:
            x[-1], y[-1] = high, np.interp(high, x[-2:], y[-2:])
        x += base / SLICES - low
        n = (c1 - c0 + 1) * SLICES + 1 + 2 * pad
        xs.append(x)
        ys.append(y)
        start.append(x[0])
        end.append(x[-1])
        slots.append(n)
        left.append(base + pad + SLICES * np.arange(c1 - c0 + 1))
        column.append(np.arange(c0, c1 + 1))
        base += n
    if not xs:
        return None
    slots[-1] += pad
    owner = np.repeat([0, *range(len(xs))], slots)
    joined = [np.concatenate(part) for part in (xs, ys, left, column)]
    return _Axis(joined[0], joined[1], np.array(start), np.array(end), owner, joined[2], joined[3])


def _outline(axis: _Axis, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the pen's outline at each slot: top (slots,), +inf where there is no ink, and bottom, -inf there."""
    # Points of the line are tried at a finer step than the slots where the pen is thin.
    parts = 1 << max(0, int(np.ceil(np.log2(_PEN_POINTS / (radius * SLICES)))))
    fine = parts * SLICES
    n = len(axis.owner)
    high = _heights(axis, np.arange(n * parts) / fine, parts).reshape(n, parts)
    high = np.ascontiguousarray(high.T)
    low = np.where(np.isfinite(high), high, -np.inf)
    top, bottom = np.full(n, np.inf), np.full(n, -np.inf)
    reach = int(radius * fine)
    for k in range(-reach, reach + 1):
        half = np.sqrt(max(0.0, radius**2 - (k / fine) ** 2))
        ahead, part = divmod(k, parts)
        to = slice(max(0, -ahead), n - max(0, ahead))
        of = slice(max(0, ahead), n - max(0, -ahead))
        np.minimum(top[to], high[part, of] - half, out=top[to])
        np.maximum(bottom[to], low[part, of] + half, out=bottom[to])
    for d in (-radius, radius):
        y = _heights(axis, np.arange(n) / SLICES + d, 1)
        np.minimum(top, y, out=top)
        np.maximum(bottom, np.where(np.isfinite(y), y, -np.inf), out=bottom)
    _round_tips(axis, radius, top, -1)
    _round_tips(axis, radius, bottom, 1)
    return top, bottom


def _heights(axis: _Axis, x: np.ndarray, parts: int) -> np.ndarray:
    """Return the lines' y at x, `parts` to a slot; +inf where x is beyond the ends of the slot's own line."""
    y = np.interp(x, axis.x, axis.y)
    starts, ends = np.repeat(axis.start[axis.owner], parts), np.repeat(axis.end[axis.owner], parts)
    y[(x < starts) | (x > ends)] = np.inf
    return y


def _round_tips(axis: _Axis, radius: float, outline: np.ndarray, side: int) -> None:
    """Put the pen itself on the lines' ends and tips, which lie between the slots; side -1 is the top, 1 the bottom."""
    y = side * axis.y
    inner = y[1:-1]
    tip = np.ones(len(y), bool)
    tip[1:-1] = (inner > y[:-2] + _TIP) & (inner > y[2:] + _TIP)
    tip[np.searchsorted(axis.x, axis.start)] = True
    tip[np.searchsorted(axis.x, axis.end, "right") - 1] = True
    x, y = axis.x[tip][:, None], axis.y[tip][:, None]
    slot = np.ceil((x - radius) * SLICES).astype(np.int64) + np.arange(int(2 * radius * SLICES) + 1)
    half = radius**2 - (slot / SLICES - x) ** 2
    on = half >= 0
    value = (y + side * np.sqrt(np.maximum(half, 0)))[on]
    (np.maximum if side > 0 else np.minimum).at(outline, slot[on], value)


def _closed(*corners: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return top left, top right, bottom left, bottom right of slices; one with ink at one bound closes to a point."""
    tl, tr, bl, br = corners
    left, right = np.isfinite(tl), np.isfinite(tr)
    with np.errstate(invalid="ignore"):
        at_left, at_right = (tl + bl) / 2, (tr + br) / 2
    inked = left | right
    only_left, only_right = left & ~right, right & ~left
    tr, br = np.where(only_left, at_left, tr), np.where(only_left, at_left, br)
    tl, bl = np.where(only_right, at_right, tl), np.where(only_right, at_right, bl)
    # At the pen's very rim rounding may turn the two about.
    return tl, tr, np.maximum(bl, tl, where=inked, out=bl), np.maximum(br, tr, where=inked, out=br)


def _fill(tl, tr, bl, br, column: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return flat indices and coverage of the area between the slices' tops and bottoms.

    Each column of the ink keeps the rows it needs, one column behind the other. How much a row is covered more than
    the row above it is summed up in place; the running sum is the coverage, and is back at 0 at a column's end.
    """
    h, w = shape
    inked = np.isfinite(tl)
    first = np.minimum(tl, tr).reshape(-1, SLICES).min(axis=1)
    last = np.maximum(bl, br).reshape(-1, SLICES).max(axis=1)
    used = np.isfinite(first)
    r0 = np.floor(np.where(used, first, 0) + 0.5).astype(np.int64)
    r1 = np.floor(np.where(used, last, 0) + 0.5).astype(np.int64) + 1
    height = np.where(used, r1 - r0 + 1, 0)
    base = np.cumsum(height) - height
    of = np.repeat(np.arange(len(column)), SLICES)[inked]
    # base − r0 + row is where a row of a column is kept.
    lift = (base - r0)[of]
    at_top, from_top = rise(tl[inked], tr[inked], lift, 1 / SLICES)
    at_bottom, to_bottom = rise(bl[inked], br[inked], lift, 1 / SLICES)
    size = int(height.sum())
    change = np.bincount(at_top, from_top, size) - np.bincount(at_bottom, to_bottom, size)
    cover = np.cumsum(change)
    owner = np.repeat(np.arange(len(column)), height)
    row = np.arange(size) - (base - r0)[owner]
    keep = (cover > 1e-6) & (row >= 0) & (row < h)
    return row[keep] * w + column[owner[keep]], np.minimum(cover[keep], 1).astype(np.float32)


def rise(
    left: np.ndarray, right: np.ndarray, lift: np.ndarray, width: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return where, and by how much, the share of pixels that lies below an edge grows from row to row.

    left, right (n,) are the edge's y in px at the sides of a slice of a column, width (n,) the slice's in px; lift
    (n,) is added to a row's number. Returns (m,) places, row + lift, and (m,) gains of the pixel's share.
    """
    low, high = np.minimum(left, right), np.maximum(left, right)
    # A rise too small to be divided by is none.
    first, last = (np.floor(y + 0.5).astype(np.int64) for y in (low, np.maximum(low, high - 1e-6)))
    width = np.broadcast_to(width, low.shape)
    # Most edges stay within one row: they cover a part of it and all below.
    flat = first == last
    row = first[flat]
    part = (row + 0.5 - (low[flat] + high[flat]) / 2) * width[flat]
    row = row + lift[flat]
    steep = ~flat
    low, high, first, count = low[steep], high[steep], first[steep], (last - first)[steep] + 2
    edge = np.repeat(np.arange(len(low)), count)
    begin = np.cumsum(count) - count
    down = first[edge] + np.arange(len(edge)) - begin[edge]
    share = _ramp(down + 0.5 - low[edge]) - _ramp(down + 0.5 - high[edge])
    grown = share.copy()
    grown[1:] -= share[:-1]
    grown[begin] = share[begin]
    grown *= (width[steep] / (high - low))[edge]
    return np.concatenate([row, row + 1, down + lift[steep][edge]]), np.concatenate([part, width[flat] - part, grown])


def _ramp(u: np.ndarray) -> np.ndarray:
    """Return the integral of clip(u, 0, 1) up to u."""
    c = np.clip(u, 0, 1)
    return c * c / 2 + np.maximum(u - 1, 0)
