"""Taking a trace out of a picture: the reader takes out what is known to be another row's, training does the same."""

import cv2
import numpy as np

_REACH_PX = 3.0  # of the surroundings from which a pixel is filled in: a grid line and paper beside it


def erased(image: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Return the image (H, W, 3) uint8 with the pixels where `ink` (H, W) bool is true filled in from around them.

    Filled in by the fast marching of Telea (2004), which goes on with the lines of the grid.
    """
    return cv2.inpaint(np.ascontiguousarray(image), ink.astype(np.uint8), _REACH_PX, cv2.INPAINT_TELEA)
