"""A flat page without its grid, for what a dark grid hides: names and captions between its lines."""

import cv2
import numpy as np

LINE_PX = 41  # 5 mm at 8 px/mm: strokes of letters are shorter, lines of a grid longer
DARK = 0.4  # darkness of the grid's lines, of that of what is left without them, from which they hide letters
GRID_SHARE, INK_SHARE = 0.95, 0.997  # quantiles of darkness that lines, and what is left, are judged by
FAINT = 0.15  # of the darkness of what is left: remains of the grid


def without_grid(image: np.ndarray) -> np.ndarray | None:
    """Return a flat page (H, W, 3) uint8 at 8 px/mm without its straight level and upright lines, black on white; None
    where its grid is pale, or coloured, and hides nothing.

    Level and upright parts of the trace go with the grid: it is for letters alone. A quarter of a second.
    """
    dark = 255 - image.max(axis=2)
    lines = np.zeros_like(dark)
    for kernel in (np.ones((1, LINE_PX), np.uint8), np.ones((LINE_PX, 1), np.uint8)):
        np.maximum(lines, cv2.morphologyEx(dark, cv2.MORPH_OPEN, kernel), out=lines)
    left = cv2.subtract(dark, lines)
    ink = float(np.quantile(left[::2, ::2], INK_SHARE))
    if np.quantile(lines[::2, ::2], GRID_SHARE) < DARK * max(ink, 1.0):
        return None
    shown = np.clip((left.astype(np.float32) / ink - FAINT) / (1 - FAINT), 0, 1)
    return np.repeat((255 * (1 - shown)).astype(np.uint8)[..., None], 3, axis=2)
