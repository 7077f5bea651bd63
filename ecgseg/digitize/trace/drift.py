"""Rows that drift off their zero line: the level about which each is read, found step by step along the row.

About a straight zero line a row that has drifted away is taken for its neighbour, or leaves the crop. So the way on is
read in short windows about what is known of the row's level so far, from where it lies on its zero line.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ecgseg.runs import runs
from ecgseg.subcolumns import SUBCOLUMNS

_SUB_PER_MM = 8 * SUBCOLUMNS
KNOT_MM = 4.0  # between places at which a level is known
ABOUT_MM = 12.5  # of row to either side of a place tell its level: one heart beat in all
NARROW_MM = 7.5  # the same within a window, where the trace may be steep
DRIFTS_MM = 5.0  # off the zero line a row drifts; waves alone do not move a beat's middle so far
HOME_MM = 2.5  # nearer than this it is read well as it is
STEADY_MM = 20.0  # of row at home, from which on it is followed
BEHIND_MM, AHEAD_MM = 28.0, 20.0  # of row in a window before and beyond what is known
STEP_MM = 12.0  # by which what is known grows
STEEPEST = 0.8  # mm of level per mm of row
SEEN = 0.3  # of the row about a place must be read to tell its level

Read = Callable[[int, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Row:
    """A row as it was read: y (n,) px of the page and weight (n,) 0..1 (how surely) at four positions a column, 0
    beyond the row; `zero`: its zero line in px."""

    y: np.ndarray
    weight: np.ndarray
    zero: float

    @property
    def knots(self) -> np.ndarray:
        """Return the sub-columns (k,) of the places at which a level is known."""
        inside = np.flatnonzero(self.weight > 0)
        return np.arange(inside[0], inside[-1] + 1, KNOT_MM * _SUB_PER_MM) if inside.size else np.zeros(0)


def levels(rows: list[Row], px_per_mm: float, read: list[Read]) -> list[np.ndarray | None]:
    """Return for each row of a page its level (n // 4,) px at each pixel column, None where it keeps to its zero line.

    `read`: for each row, from the window whose first column is given and whose middle is (w,) px of the page at each
    of its columns, y (4·w,) px of the page and weight (4·w,). Of a row that does not drift nothing is read.
    """
    found = []
    for row, read_row in zip(rows, read, strict=True):
        offset = _offsets(row, px_per_mm)
        drifts = np.count_nonzero(np.abs(offset) > DRIFTS_MM) > 1
        found.append(_follow(row, offset, px_per_mm, read_row) if drifts else None)
    return found


def _offsets(row: Row, px_per_mm: float) -> np.ndarray:
    """Return by how many mm a row's level is off its zero line at its knots, NaN where it is not seen."""
    level, seen = _level(row.y, row.weight, row.knots, ABOUT_MM)
    return np.where(seen > SEEN, (level - row.zero) / px_per_mm, np.nan)


def _level(y: np.ndarray, weight: np.ndarray, at: np.ndarray, reach_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the level (k,) of a trace about sub-columns `at` (k,), its weighted median, and its mean weight there."""
    level, seen = np.full(len(at), np.nan), np.zeros(len(at))
    for k, place in enumerate(at):
        low, high = max(0, round(place - reach_mm * _SUB_PER_MM)), round(place + reach_mm * _SUB_PER_MM) + 1
        w = weight[low:high]
        if w.sum() > 0:
            order = np.argsort(y[low:high])
            total = np.cumsum(w[order])
            level[k] = y[low:high][order[np.searchsorted(total, total[-1] / 2)]]
            seen[k] = w.sum() / max(1, np.count_nonzero(w))
    return level, seen


def _follow(row: Row, offset: np.ndarray, px_per_mm: float, read: Read) -> np.ndarray | None:
    """Return a row's level (n // 4,) px, followed from its longest stretch at home, None where it has none."""
    knots = row.knots
    at_home = np.abs(offset) < HOME_MM
    home = _longest(at_home)
    if home is None or (home.stop - home.start) * KNOT_MM < STEADY_MM:
        return None
    known = np.full(len(knots), np.nan)
    known[home] = offset[home] * px_per_mm + row.zero
    steps = round(STEP_MM / KNOT_MM)
    for onward, first in ((1, home.stop - 1), (-1, home.start)):
        k = first
        while 0 <= k + onward < len(knots):
            ahead = [j for j in range(k + onward, k + onward * (steps + 1), onward) if 0 <= j < len(knots)]
            if at_home[[k, *ahead]].all() and abs(known[k] - row.zero) < HOME_MM * px_per_mm:
                known[ahead] = offset[ahead] * px_per_mm + row.zero
            else:
                _extend(known, k, ahead, row, px_per_mm, read)
            k = ahead[-1]
    column = np.arange(len(row.y) // SUBCOLUMNS) * SUBCOLUMNS
    return np.interp(column, knots, known)


def _extend(known: np.ndarray, last: int, ahead: list[int], row: Row, px_per_mm: float, read: Read) -> None:
    """Make the level known at the knots `ahead` of `last`, from a window about it."""
    knots, onward = row.knots, 1 if ahead[0] > last else -1
    sides = (BEHIND_MM, AHEAD_MM)[::onward]
    start, stop = knots[last] - sides[0] * _SUB_PER_MM, knots[last] + sides[1] * _SUB_PER_MM
    left = round(start / SUBCOLUMNS)
    width = round((stop - start) / SUBCOLUMNS)
    there = np.isfinite(known)
    middle = np.interp((left + np.arange(width)) * SUBCOLUMNS, knots[there], known[there])
    y, weight = read(left, middle)
    at = np.arange(len(y)) + left * SUBCOLUMNS
    weight = np.where((at >= knots[0]) & (at <= knots[-1]), weight, 0.0)
    level, seen = _level(y, weight, knots[ahead] - left * SUBCOLUMNS, NARROW_MM)
    most = STEEPEST * KNOT_MM * px_per_mm
    for k, value, share in zip(ahead, level, seen, strict=True):
        before = known[k - onward]
        known[k] = before + (np.clip(value - before, -most, most) if share > SEEN else 0.0)


def _longest(true: np.ndarray) -> slice | None:
    """Return the longest run of true (n,), None if there is none."""
    bounds = runs(true)
    if not len(bounds):
        return None
    first, stop = bounds[np.argmax(bounds[:, 1] - bounds[:, 0])]
    return slice(int(first), int(stop))
