"""How much a page without a grid is turned: the angle at which its rows and its upright strokes are thinnest."""

import cv2
import numpy as np

_SIDE = 1200  # px of the picture's longer side that are looked at
_INK = 15  # px: ink is darker than what is this near
_MOST, _STEP, _FINE = 8.0, 0.5, 0.05  # degrees
_LEVEL = 0.3  # degrees: rows that drift look as much turned
_PLAIN = 0.1  # nats by which the best angle stands out from the usual one, else nothing is level on the page


def skew_deg(pixels: np.ndarray) -> float:
    """Return by how many degrees rows run downwards in a picture (H, W, 3) uint8, from -8 to 8; 0 where hardly.

    The angle is that at which the picture's ink, added up along and across it, has the sharpest profiles.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    factor = _SIDE / max(grey.shape)
    if factor < 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    ink = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((_INK, _INK), np.uint8))
    y, x = np.nonzero(ink > max(30, int(ink.max()) // 3))
    if not len(x):
        return 0.0
    coarse = np.arange(-_MOST, _MOST + _STEP / 2, _STEP)
    merit = _merit(x, y, coarse)
    if merit.max() < _PLAIN + np.median(merit):
        return 0.0
    best = coarse[merit.argmax()]
    fine = np.arange(best - _STEP, best + _STEP + _FINE / 2, _FINE)
    angle = float(fine[_merit(x, y, fine).argmax()])
    return angle if abs(angle) > _LEVEL else 0.0


def _merit(x: np.ndarray, y: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return how uneven the profiles of points are along and across each of some angles in degrees.

    A row that drifts looks turned along it, but the complexes of all rows stand upright one below the other.
    """
    slopes = np.tan(np.radians(angles))
    return np.log([_unevenness(y - t * x) * _unevenness(x + t * y) for t in slopes])


def _unevenness(at: np.ndarray) -> float:
    count = np.bincount(np.rint(at - at.min()).astype(int))
    return float(np.square(count, dtype=float).sum())
