"""Pieces of trace: what ink connects."""

import numpy as np

from ecgseg.subcolumns import SUBCOLUMNS

_PX_PER_MM = 8.0
# Sub-columns; a shorter piece of trace that no ink connects is a grid line or a letter more often than not.
LONG = round(5.0 * _PX_PER_MM * SUBCOLUMNS)


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
