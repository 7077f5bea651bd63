"""Pieces of trace: what ink connects, and what goes on beside ink that is taken for another's."""

from itertools import pairwise

import numpy as np

from ecgseg.subcolumns import SUBCOLUMNS

_PX_PER_MM = 8.0
# Sub-columns; a shorter piece of trace that no ink connects is a grid line or a letter more often than not.
LONG = round(5.0 * _PX_PER_MM * SUBCOLUMNS)
_ISLAND = round(1.25 * _PX_PER_MM * SUBCOLUMNS)  # sub-columns: 50 ms, the tip of a wave
_STEP_PX = 24.0  # from one sub-column to the next, as the steepest flanks have
_SURE = 0.7  # mean mass of an island


def mended(joined: np.ndarray, y: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return `joined` (rows, n), whether ink connects each sub-column with the next, with sure islands joined.

    Beside a printed name the ink of a wave's tip may be taken for the letter's though the tip's place (y in px, mass;
    (rows, n)) is sure: where it stands between two long pieces and goes on from both in steps of a trace, it is theirs.
    A letter or a grid line taken for trace stands apart.
    """
    joined = joined.copy()
    for i, row in enumerate(joined):
        ends = np.r_[0, np.flatnonzero(~row[:-1]) + 1, row.size]
        long = np.flatnonzero(np.diff(ends) >= LONG)
        for before, after in pairwise(long):
            first, last = ends[before + 1], ends[after]
            if 0 < last - first <= _ISLAND and mass[i, first:last].mean() >= _SURE:
                if np.abs(np.diff(y[i, first - 1 : last + 1])).max() <= _STEP_PX:
                    row[first - 1 : last] = True
    return joined


def piece_lengths(joined: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the length in sub-columns of the piece of trace that each sub-column is part of, (rows, n).

    joined (rows, n): whether ink connects it with the next; ends (rows, 2): the row's first and last sub-column: what
    lies outside does not lengthen a piece inside. Short pieces are often a grid line or a letter taken for trace.
    """
    broken = ~joined[:, :-1]
    lengths = np.empty(joined.shape, np.float32)
    for row, (first, last) in enumerate(ends):
        broken[row, [at for at in (first - 1, last) if 0 <= at < broken.shape[1]]] = True
        piece = np.concatenate([[0], np.cumsum(broken[row])])
        lengths[row] = np.bincount(piece)[piece]
    return lengths
