"""Randomness that belongs to a place on the paper: the same in every window that shows the place."""

import zlib

import numpy as np

from ecgseg.render.printed.style import Style


def style_seed(style: Style) -> int:
    """Return a seed that depends on nothing but the style's own numbers."""
    values = (style.grid_x, style.grid_y, style.minor_width, style.trace_width, style.text_height, style.dash_duty)
    return zlib.crc32(np.array(values, np.float64).tobytes())


def hashed(seed: int, *numbers: np.ndarray) -> np.ndarray:
    """Return uniform numbers in 0..1 (float32) that whole `numbers` (broadcast, any sign) and the seed decide."""
    state = np.uint64(seed)
    with np.errstate(over="ignore"):
        for n in numbers:
            state = state + np.asarray(n).astype(np.int64).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return ((state >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2**-24)


def smooth_noise(seed: int, x: np.ndarray, y: np.ndarray, cell: float) -> np.ndarray:
    """Return smooth noise in 0..1 (n,) float32 at points x, y (n,), all in mm, with features of about `cell` mm."""
    u, v = x / cell, y / cell
    i, j = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    i0, j0 = i.min(), j.min()
    columns, rows = np.arange(i0, i.max() + 2), np.arange(j0, j.max() + 2)
    knots = hashed(seed, rows[:, None], columns[None]).ravel()
    a, b = (u - i).astype(np.float32), (v - j).astype(np.float32)
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    at = (j - j0) * len(columns) + (i - i0)
    top = knots[at] + a * (knots[at + 1] - knots[at])
    below = at + len(columns)
    bottom = knots[below] + a * (knots[below + 1] - knots[below])
    return top + b * (bottom - top)
