"""The positions within a pixel column at which a trace is read and drawn."""

import numpy as np

SUBCOLUMNS = 4  # positions per pixel column: 32 per mm at 8 px/mm, 800 per second at 25 mm/s


def subcolumn_x(width: int) -> np.ndarray:
    """Return the x in pixels of the sub-columns of `width` columns, (4·width,)."""
    return (np.arange(width * SUBCOLUMNS) + 0.5) / SUBCOLUMNS - 0.5
