"""Windows of a flat page, for the networks."""

import cv2
import numpy as np


def cut(image: np.ndarray, x: int, y: int, width: int, height: int) -> np.ndarray:
    """Return the window (height, width, 3) whose first pixel is x, y; outside the page it is paper-coloured."""
    h, w = image.shape[:2]
    window = np.empty((height, width, 3), np.uint8)
    window[:] = _paper(image)
    y0, y1, x0, x1 = max(0, y), min(h, y + height), max(0, x), min(w, x + width)
    if y1 > y0 and x1 > x0:
        window[y0 - y : y1 - y, x0 - x : x1 - x] = image[y0:y1, x0:x1]
    return window


def cut_along(image: np.ndarray, x: int, middle: np.ndarray, height: int) -> np.ndarray:
    """Return the window (height, w, 3) from column x on whose columns lie about the rows `middle` (w,) px of the page.

    Outside the page it is paper-coloured.
    """
    h, w = image.shape[:2]
    across = np.broadcast_to(np.float32(x) + np.arange(len(middle), dtype=np.float32), (height, len(middle)))
    down = (np.arange(height) - (height - 1) / 2)[:, None] + middle
    # Across, columns stay whole: only heights are between pixels.
    window = cv2.remap(image, np.ascontiguousarray(across), down.astype(np.float32), cv2.INTER_CUBIC)
    window[(across < 0) | (across > w - 1) | (down < 0) | (down > h - 1)] = _paper(image)
    return window


def _paper(image: np.ndarray) -> np.ndarray:
    return np.median(image[::8, ::8], axis=(0, 1)).astype(np.uint8)
