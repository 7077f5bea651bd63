"""Pages of light lines on a dark ground, as monitors and programs show them: these are read as their negative."""

import cv2
import numpy as np

DARK = 0.45  # of white: the middle of such a picture is darker; so is that of a sheet on a dark table
LIGHTER = 1.5  # … but by so much more are its pixels lighter than what lies around them than darker
_SIDE, _AROUND = 1600, 21  # px to which a larger picture is shrunk, and of which there the middle is taken


def is_negative(pixels: np.ndarray) -> bool:
    """Return whether a picture (H, W, 3) uint8 shows light lines on a dark ground.

    Rendered photographs of sheets on dark tables have 0.1 to 0.9 for LIGHTER, five dark pages 2.8 to 6.6.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if np.median(grey) > 255 * DARK:
        return False
    shrink = _SIDE / max(grey.shape)
    if shrink < 1:
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    off = grey.astype(np.int16) - cv2.medianBlur(grey, _AROUND)
    return bool(np.maximum(off, 0).sum() > LIGHTER * np.maximum(-off, 0).sum())
