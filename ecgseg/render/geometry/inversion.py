"""The inverse of a smooth map of the plane at every pixel: searched for on a coarse lattice, polished on a fine one."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

Map = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]  # x, y (m,) → px x, px y (m,)

TAPS = 6  # nodes that a value between them depends on; before and after a lattice's own there are so many more
COARSER = 4  # the search is on a lattice so many times as coarse
CLOSE = 0.02  # px off where a polishing step is the last: it leaves less than a third of that
OUTSIDE_MM = 60.0  # nothing is searched for farther off the sheet
EXACT_MM = 20.0  # off the sheet to which nodes must be exact, as those on its edge lean on them


def invert(
    forward: Map, guess: Map, size: tuple[float, float], window: tuple[int, int, int, int], step: int
) -> np.ndarray:
    """Return where forward(x, y) is each pixel of a window (x0, y0, w, h), (h, w, 2) float32.

    guess maps pixels to about the right place; the map is followed up to 60 mm beyond the box (0, 0)–size. `step` px
    is the lattice that is exact; between its nodes the inverse is interpolated by polynomials of degree five.
    """
    x0, y0, w, h = window
    low, high = np.array([-OUTSIDE_MM] * 2)[:, None], np.array(size)[:, None] + OUTSIDE_MM
    px = _lattice(x0, y0, w, h, step)
    shape = px.shape[1:]
    wide = step * COARSER
    coarse = _lattice(x0 - step * (TAPS // 2 - 1), y0 - step * (TAPS // 2 - 1), *(step * n for n in shape[::-1]), wide)
    place = np.stack(guess(coarse[0].ravel(), coarse[1].ravel()))
    found = _search(forward, np.clip(place, low, high), coarse.reshape(2, -1), low, high)
    rough = upsample(np.moveaxis(found.reshape(coarse.shape), 0, -1), COARSER, shape, np.float64)
    rough = np.clip(np.moveaxis(rough, -1, 0), low[..., None], high[..., None])
    fine = _polish(forward, rough, px, step, low, high)
    return upsample(np.moveaxis(fine, 0, -1), step, (h, w))


def sampled(back: Map, window: tuple[int, int, int, int], step: int) -> np.ndarray:
    """Return a known inverse back(px x, px y) at each pixel of a window (x0, y0, w, h), exact at every `step`-th."""
    x0, y0, w, h = window
    px = _lattice(x0, y0, w, h, step)
    nodes = np.stack(back(px[0].ravel(), px[1].ravel()), axis=-1)
    return upsample(nodes.reshape(*px.shape[1:], 2), step, (h, w))


def upsample(nodes: np.ndarray, step: int, shape: tuple[int, int], kind: type = np.float32) -> np.ndarray:
    """Return values (h, w, c) at every `step`-th part between nodes (rows, columns, c); TAPS − 1 of them lie around.

    Node TAPS/2 − 1 of each axis is the first value.
    """
    h, w = shape
    rows, columns, c = nodes.shape
    nodes = np.ascontiguousarray(nodes, kind)
    weights, block = _weights(step, c, kind)
    by_rows = np.lib.stride_tricks.as_strided(
        nodes, (rows - TAPS + 1, TAPS, columns * c), (nodes.strides[0], nodes.strides[0], nodes.itemsize)
    )
    tall = np.matmul(weights, by_rows).reshape(-1, columns, c)[:h]
    near = np.lib.stride_tricks.as_strided(tall, (h, columns - TAPS + 1, TAPS * c), tall.strides)
    full = np.ascontiguousarray(near).reshape(-1, TAPS * c) @ block
    return full.reshape(h, -1, c)[:, :w]


@lru_cache(maxsize=64)
def _weights(step: int, channels: int, kind: type) -> tuple[np.ndarray, np.ndarray]:
    """Return Lagrange's weights (step, TAPS) of the nodes, and the same for values side by side with their channels."""
    nodes, at = np.arange(TAPS) - (TAPS // 2 - 1), np.arange(step)[:, None] / step
    weights = np.ones((step, TAPS))
    for i in range(TAPS):
        others = np.delete(nodes, i)
        weights[:, i] = ((at - others) / (nodes[i] - others)).prod(axis=1)
    block = np.einsum("sk,cd->kcsd", weights, np.eye(channels)).reshape(TAPS * channels, step * channels)
    return weights.astype(kind), block.astype(kind)


def _lattice(x0: int, y0: int, w: int, h: int, step: int) -> np.ndarray:
    """Return the nodes (2, rows, columns) that `upsample` needs for a window, x and y in pixels."""
    columns, rows = (np.arange(-(-n // step) + TAPS - 1) - (TAPS // 2 - 1) for n in (w, h))
    return np.stack(np.meshgrid(x0 + columns * float(step), y0 + rows * float(step)))


def _search(forward: Map, place: np.ndarray, px: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the places (2, m) of pixels (2, m) to some tenths of a pixel, by Newton's method from a guess."""
    m, e = place.shape[1], 0.02
    for _ in range(12):
        x, y = place
        fx, fy = forward(np.concatenate([x, x + e, x]), np.concatenate([y, y, y + e]))
        off_x, off_y = px[0] - fx[:m], px[1] - fy[:m]
        a, b, c, d = (
            (v[k * m : (k + 1) * m] - v[:m]) / e for v, k in ((fx, 1), (fx, 2), (fy, 1), (fy, 2))
        )  # fmt: skip
        det = a * d - b * c
        move = np.stack([d * off_x - b * off_y, a * off_y - c * off_x]) / np.where(np.abs(det) > 0.01, det, 0.01)
        before, place = place, np.clip(place + np.clip(move, -40, 40), low, high)
        if np.hypot(*(place - before)).max() < 0.02:
            break
    return place


def _polish(
    forward: Map, place: np.ndarray, px: np.ndarray, step: int, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Return the places (2, rows, columns) to 0.01 px by Newton's method, its slopes taken from the lattice itself."""
    shape = place.shape
    # slopes[i][j]: ∂place_i / ∂px_j
    slopes = [[np.gradient(p, step, axis=1).ravel(), np.gradient(p, step, axis=0).ravel()] for p in place]
    place, px = place.reshape(2, -1).copy(), px.reshape(2, -1)
    open_ = slice(None)
    for _ in range(10):
        fx, fy = forward(place[0, open_], place[1, open_])
        off_x, off_y = px[0, open_] - fx, px[1, open_] - fy
        for i, (along_x, along_y) in enumerate(slopes):
            moved = place[i, open_] + along_x[open_] * off_x + along_y[open_] * off_y
            place[i, open_] = np.clip(moved, low[i], high[i])
        far = off_x * off_x + off_y * off_y > CLOSE * CLOSE
        here, spare = place[:, open_], OUTSIDE_MM - EXACT_MM
        far &= ((here > low + spare) & (here < high - spare)).all(axis=0)
        open_ = np.flatnonzero(far) if isinstance(open_, slice) else open_[far]
        if not len(open_):
            break
    return place.reshape(shape)
