"""Runs of true values."""

import numpy as np


def runs(true: np.ndarray) -> np.ndarray:
    """Return the first place and the last + 1 of each run of true (n,) bool, (k, 2) int."""
    return np.flatnonzero(np.diff(np.r_[False, true, False].astype(np.int8))).reshape(-1, 2)
