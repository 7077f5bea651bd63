"""Windows of a flat page, for the networks."""

import numpy as np


def cut(image: np.ndarray, x: int, y: int, width: int, height: int) -> np.ndarray:
    """Return the window (height, width, 3) whose first pixel is x, y; outside the page it is paper-coloured."""
    h, w = image.shape[:2]
    window = np.empty((height, width, 3), np.uint8)
    window[:] = np.median(image[::8, ::8], axis=(0, 1)).astype(np.uint8)
    y0, y1, x0, x1 = max(0, y), min(h, y + height), max(0, x), min(w, x + width)
    if y1 > y0 and x1 > x0:
        window[y0 - y : y1 - y, x0 - x : x1 - x] = image[y0:y1, x0:x1]
    return window
