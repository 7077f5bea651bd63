"""Network output → trace position without torch: what `digitize.trace.decode.read_columns` does, a row at a time.

A row at a time keeps its distribution, some 15 MB, in the cache's reach and the memory of a page small.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ecgseg.runs import runs

WINDOW = 6  # px on either side of a peak that belong to it: 0.75 mm at 8 px/mm, more than a line's width
PEAKS = 3  # of a sub-column's distribution that may be the trace
PLAIN = 0.9  # a peak of this mass is it
STEP_COST, FREE_STEP = 0.02, 3.0  # nats for each px by which a step from one sub-column to the next is longer
LEAST_MASS = 0.01
JUMP_PX = 6.0  # from one sub-column to the next; where it is more, ink must be seen on the way
INK = 0.1  # probability of ink below which a jump breaks the trace
PARTS = (0.2, 0.35, 0.5, 0.65, 0.8)  # of a jump where ink is looked for


@dataclass
class Columns:
    """What the network says of the trace in every sub-column, each (B, S·W).

    y: position in px; mass: share of the distribution within ±WINDOW px of it; spread: its standard deviation
    there in px; ink: probability that ink of this strip is there; joined: 1 where ink connects it with the next
    sub-column, else 0.
    """

    y: np.ndarray
    mass: np.ndarray
    spread: np.ndarray
    ink: np.ndarray
    joined: np.ndarray


def row_columns(line: np.ndarray, mask: np.ndarray) -> Columns:
    """Return position and evidence in every sub-column of one row, arrays (N,).

    line (N, H): logits whose softmax over H is the position's distribution; mask (H, W): logits of the strip's ink.
    The position is the mean about one of the distribution's peaks, chosen by `steadiest`.
    """
    n, h = line.shape
    p = np.exp(line - line.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    at = np.arange(n)[:, None]
    left = cv2.boxFilter(p, -1, (2 * WINDOW + 1, 1), normalize=False, borderType=cv2.BORDER_CONSTANT)
    peaks = np.empty((n, PEAKS), int)
    for k in range(PEAKS):
        peaks[:, k] = left.argmax(axis=1)
        left[at, (peaks[:, k, None] + np.arange(-2 * WINDOW, 2 * WINDOW + 1)).clip(0, h - 1)] = 0
    rows = peaks[:, :, None] + np.arange(-WINDOW, WINDOW + 1)
    near = p[at[:, :, None], rows.clip(0, h - 1)] * ((rows >= 0) & (rows < h))
    mass = near.sum(axis=2)
    total = np.maximum(mass, 1e-6)
    y = (near * rows).sum(axis=2) / total
    spread = np.sqrt((near * (rows - y[:, :, None]) ** 2).sum(axis=2) / total)
    chosen = steadiest(y, mass)
    y, mass, spread = (values[np.arange(n), chosen] for values in (y, mass, spread))
    # The mask is the trace drawn 2 px wide, whose edge y may touch: the largest value within a pixel.
    ink = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    column = np.arange(n) * mask.shape[1] // n
    found = 1 / (1 + np.exp(-ink[np.rint(y).astype(int).clip(0, h - 1), column].astype(np.float64)))
    columns = (y, mass, spread, found, _joined(y, ink, column))
    return Columns(*(values.astype(np.float32) for values in columns))


def steadiest(y: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return which of K peaks is the trace in each of N sub-columns (N,), given their y (px) and mass, (N, K).

    The first peak, the one with the most mass, where it is plain. Where it is not, the way from peak to peak of the
    highest sum of log mass less STEP_COST for each px of a step beyond FREE_STEP, by dynamic programming.
    """
    n, count = y.shape
    chosen = np.zeros(n, int)
    nats = np.log(mass + LEAST_MASS)
    for first, stop in runs(mass[:, 0] < PLAIN):
        best, came = nats[first].copy(), np.zeros((stop - first, count), int)
        if first:
            best -= _step_cost(y[first - 1, 0], y[first])
        for t in range(first + 1, stop):
            ways = best[:, None] - _step_cost(y[t - 1, :, None], y[t])
            came[t - first] = ways.argmax(axis=0)
            best = ways.max(axis=0) + nats[t]
        if stop < n:
            best -= _step_cost(y[stop - 1], y[stop, 0])
        k = int(best.argmax())
        for t in range(stop - 1, first - 1, -1):
            chosen[t] = k
            k = came[t - first, k]
    return chosen


def _step_cost(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    return STEP_COST * np.maximum(np.abs(end - start) - FREE_STEP, 0)


def stacked(rows: list[Columns]) -> Columns:
    """Return the rows of a page as one."""
    return Columns(*(np.stack([getattr(row, k) for row in rows]) for k in Columns.__dataclass_fields__))


def _joined(y: np.ndarray, ink: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return whether ink connects each sub-column with the next (N,): a pen leaves ink on its way."""
    step = np.diff(y)
    broken = np.abs(step) > JUMP_PX
    jumps = np.flatnonzero(broken)
    least = np.full(jumps.size, np.inf)
    for part in PARTS:
        row = np.rint(y[jumps] + step[jumps] * part).astype(int).clip(0, len(ink) - 1)
        least = np.minimum(least, ink[row, column[jumps]])
    broken[jumps] = least < np.log(INK / (1 - INK))
    return np.append(~broken, True)
