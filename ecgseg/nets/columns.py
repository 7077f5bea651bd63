"""Network output → trace position without torch: what `digitize.trace.decode.read_columns` does, a row at a time.

A row at a time keeps its distribution, some 15 MB, in the cache's reach and the memory of a page small.
"""

from dataclasses import dataclass

import cv2
import numpy as np

WINDOW = 6  # px on either side of a peak that belong to it: 0.75 mm at 8 px/mm, more than a line's width
JUMP_PX = 6.0  # from one sub-column to the next; where it is more, ink must be seen on the way
INK = 0.1  # probability of ink below which a jump breaks the trace
PARTS = (0.2, 0.35, 0.5, 0.65, 0.8)  # of a jump where ink is looked for


@dataclass
class Columns:
    """What the network says of the trace in every sub-column, each (B, S·W).

    y: position in px; mass: share of the distribution within ±WINDOW px of it; spread: its standard deviation
    there in px; ink: probability that ink of this strip is there; piece: sub-columns of the piece of trace that ink
    connects with it.
    """

    y: np.ndarray
    mass: np.ndarray
    spread: np.ndarray
    ink: np.ndarray
    piece: np.ndarray


def row_columns(line: np.ndarray, mask: np.ndarray, ends: np.ndarray) -> Columns:
    """Return position and evidence in every sub-column of one row, arrays (N,).

    line (N, H): logits whose softmax over H is the position's distribution; mask (H, W): logits of the strip's ink;
    ends (2,): the row's first and last sub-column: what lies outside does not lengthen a piece inside.
    """
    n, h = line.shape
    peak = line.argmax(axis=1)
    at = np.arange(n)
    top = line[at, peak]
    whole = np.exp(line - top[:, None]).sum(axis=1)
    rows = peak[:, None] + np.arange(-WINDOW, WINDOW + 1)
    inside = (rows >= 0) & (rows < h)
    near = np.exp(line[at[:, None], rows.clip(0, h - 1)] - top[:, None]) / whole[:, None] * inside
    mass = near.sum(axis=1)
    total = np.maximum(mass, 1e-6)
    y = (near * rows).sum(axis=1) / total
    spread = np.sqrt((near * (rows - y[:, None]) ** 2).sum(axis=1) / total)
    # The mask is the trace drawn 2 px wide, whose edge y may touch: the largest value within a pixel.
    ink = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    column = at * mask.shape[1] // n
    found = 1 / (1 + np.exp(-ink[np.rint(y).astype(int).clip(0, h - 1), column].astype(np.float64)))
    columns = (y, mass, spread, found, _pieces(y, ink, column, ends))
    return Columns(*(values.astype(np.float32) for values in columns))


def stacked(rows: list[Columns]) -> Columns:
    """Return the rows of a page as one."""
    return Columns(*(np.stack([getattr(row, k) for row in rows]) for k in Columns.__dataclass_fields__))


def _pieces(y: np.ndarray, ink: np.ndarray, column: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the length in sub-columns of the piece of trace that ink connects with each sub-column."""
    step = np.diff(y)
    broken = np.abs(step) > JUMP_PX
    jumps = np.flatnonzero(broken)
    least = np.full(jumps.size, np.inf)
    for part in PARTS:
        row = np.rint(y[jumps] + step[jumps] * part).astype(int).clip(0, len(ink) - 1)
        least = np.minimum(least, ink[row, column[jumps]])
    broken[jumps] = least < np.log(INK / (1 - INK))
    first, last = (int(end) for end in ends)
    broken[[at for at in (first - 1, last) if 0 <= at < broken.size]] = True
    piece = np.concatenate([[0], np.cumsum(broken)])
    return np.bincount(piece)[piece]
