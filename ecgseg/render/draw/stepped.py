"""Traces in whole pixels, without soft edges, as the original study and many simple programs draw them."""

import cv2
import numpy as np

_BEYOND = (256, 16)  # px: a line that is cut off at a picture's border has its steps elsewhere than the whole line
_TIE = 1e-6  # px


def draw_stepped(image: np.ndarray, points: np.ndarray, color, width_px: int) -> None:
    """Draw the open polyline `points` (n,2) px into `image` by the study's rule, broken at NaN samples.

    The points are rounded to whole pixels and drawn as a contour. `cv2.drawContours` closes a contour, which
    would join the trace's end to its start; so the contour runs forth and back along the same points.
    """
    for run in _finite_runs(points):
        whole = np.rint(run).astype(np.int32)
        contour = np.concatenate([whole, whole[-2:0:-1]])
        cv2.drawContours(image, [contour[:, None]], -1, color, width_px)


def stepped_ink(traces: list[np.ndarray], width: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return flat pixel indices (n,) and their coverage (n,) float32, all 1, by traces (n, 2) px in a picture (H, W).

    Lines are a whole number of pixels wide, at least one.
    """
    (down, right), (h, w) = _BEYOND, shape
    mask = np.zeros((h + 2 * down, w + 2 * right), np.uint8)
    for points in traces:
        # A little more, for what lies halfway between two pixels must be rounded alike in each window.
        draw_stepped(mask, points + [right + _TIE, down + _TIE], 1, max(1, round(width)))
    index = np.flatnonzero(mask[down : down + h, right : right + w])
    return index, np.ones(len(index), np.float32)


def _finite_runs(points: np.ndarray) -> list[np.ndarray]:
    finite = np.isfinite(points).all(axis=1)
    edges = np.flatnonzero(np.diff(finite)) + 1
    return [run for run in np.split(points, edges) if len(run) and np.isfinite(run[0]).all()]
