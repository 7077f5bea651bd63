"""Rows and names → how much paper some machines leave between the strips of a row."""

import numpy as np

from ecgseg.digitize.locate.leadnames import Names
from ecgseg.digitize.locate.rows import Row

LEAST, MOST = 1.5, 20.0  # mm between two strips: less is a separator's, more is another record's
ALIKE = 1.0  # mm: gaps of a page agree
ON_LINE = 1.5  # mm of height between names of one line
MIN_VOTES = 2


def column_gaps(rows: list[Row], names: Names, columns: int, length: float) -> list[float]:
    """Return the gaps (mm) that rows of `columns` strips, `length` mm together, may have between them, at most one.

    Names tell it by how far they stand apart, rows by where their trace ends and goes on; two must agree.
    """
    if columns < 2:
        return []
    width = length / columns
    apart = [x - width for x in _between_names(names)] + [
        b - a for row in rows for a, b in _breaks(row) if not row.missed
    ]
    votes = np.array([gap for gap in apart if LEAST <= gap <= MOST])
    near = np.abs(votes[:, None] - votes[None, :]) <= ALIKE
    if not len(votes) or near.sum(axis=1).max() < MIN_VOTES:
        return []
    return [float(np.median(votes[near[near.sum(axis=1).argmax()]]))]


def strips_apart(names: Names, columns: int, whole: float) -> tuple[float, float] | None:
    """Return the width (mm) of a strip and the gap to the next in rows of `whole` mm, by their names' distances.

    None where fewer than two names tell, or where they leave no gap.
    """
    steps = np.array(_between_names(names))
    near = np.abs(steps[:, None] - steps[None, :]) <= ALIKE
    if columns < 2 or not len(steps) or near.sum(axis=1).max() < MIN_VOTES:
        return None
    step = float(np.median(steps[near[near.sum(axis=1).argmax()]]))
    width = whole - (columns - 1) * step
    return (width, step - width) if width > MOST and LEAST <= step - width <= MOST else None


def _between_names(names: Names) -> list[float]:
    """Return the distances (mm) of each name's left edge to that of the next one on its line."""
    apart = []
    for x, y in zip(names.left, names.y, strict=True):
        right = names.left[(np.abs(names.y - y) <= ON_LINE) & (names.left > x)]
        apart += [float(right.min() - x)] if len(right) else []
    return apart


def _breaks(row: Row) -> list[tuple[float, float]]:
    """Return (end, start) of the places where a row's strips end and the next one starts a little further on."""
    starts = [x for x, _ in row.starts]
    return [(end, min(later)) for end, _ in row.ends if (later := [x for x in starts if x > end])]
