"""Rows that run into each other: where a row is doubted, it is read again with the traces known to be other rows' gone.

Where two rows cross, what is seen is not enough to tell whose flank is whose; but mostly one of the two is known from
both sides, and what is left without it is the other's. Training takes other rows out of a share of its crops, too.
"""

from collections.abc import Callable

import cv2
import numpy as np

from ecgseg.digitize.trace.confidence import Calibration, Evidence
from ecgseg.erase import erased
from ecgseg.runs import runs
from ecgseg.subcolumns import SUBCOLUMNS, subcolumn_x

_PX_PER_MM = 8.0
KNOWN = 0.4  # probability from which a row's trace is taken out of the others' crops; crossing flanks have no more
DOUBTED = 0.8  # … and below which a row is read again
NEAR_MM = 3.0  # of another row's trace, or of what was taken for it: further away it is no reason to doubt
BESIDE_MM = 1.0  # along the row
AROUND_MM = 12.0  # of row on either side of a doubted place that is read with it
APART_MM = 1.0  # doubted places closer than this are one
LEAST_MM = 0.2  # of doubt in a place, which is its length times how unlikely it is, for it to be read again
MOST = 0.4  # of a row: where more is doubted it is not for single complexes of others
SURER = 0.1  # mean probability by which a doubted place must gain
ROUNDS = 2  # what one round has told may tell more in the next
_FLAT = 0.3  # px per sub-column; where a trace is flatter its pen is measured
_PROFILE = 6  # px on either side of a trace in which its pen is seen
_USUAL_PEN = 3.0  # px
_RIM = 2.0  # px beyond the pen's own width that are taken out with it

# What reads part of a row on a page: (page (H, W, 3), row, first px, last px) → Evidence of that row alone, of which no
# more than REACH_MM above and below its level was looked at.
Reader = Callable[[np.ndarray, int, float, float], Evidence]
REACH_MM = 60.0


def read_apart(
    image: np.ndarray, evidence: Evidence, inside: np.ndarray, calibration: Calibration, read: Reader
) -> Evidence:
    """Return the evidence with the places that are doubted beside other rows' traces as they are read without these.

    image (H, W, 3) uint8: the flat page; inside (rows, n): the sub-columns in which each row is printed. A place's new
    reading is taken where it is plainly surer.
    """
    if len(evidence.y) < 2:
        return evidence
    pen, seen = None, {}
    for _ in range(ROUNDS):
        gained = False
        sure = _sure(evidence, calibration)
        for i in np.argsort(((sure < DOUBTED) & inside).sum(axis=1)):
            places = _doubted(evidence, sure, inside, i)
            if not places or sum(last - first for first, last in places) > MOST * inside[i].sum():
                continue
            pen = pen or _pen(image, evidence, sure)
            known, before = _others(image.shape[:2], evidence, sure, i, pen + _RIM), seen.get(i)
            seen[i], other = known, evidence
            for first, last in _windows(places, AROUND_MM):
                part = _around(image.shape, evidence, i, first, last)
                # What is known of the others has not changed since: nor would what is read.
                if known[part].any() and not (before is not None and np.array_equal(known[part], before[part])):
                    page = image.copy()
                    page[part] = erased(image[part], known[part])
                    x = _x(evidence, i)
                    other = _merged(other, i, first, last, read(page, i, x[first], x[min(last, len(x)) - 1]))
            surer = _sure(other, calibration)[i]
            taken = np.zeros(len(surer), bool)
            for first, last in places:
                part = slice(first, last)
                taken[part] = surer[part].mean() > sure[i, part].mean() + SURER
            if taken.any():
                gained = True
                evidence = evidence.taking((i, taken), other, (i, taken))
                sure = _sure(evidence, calibration)
        if not gained:
            break
    return evidence


def _sure(evidence: Evidence, calibration: Calibration) -> np.ndarray:
    confidence, kept = calibration(evidence)
    return confidence * kept


def _x(evidence: Evidence, i: int) -> np.ndarray:
    """Return where (px of the page) the sub-columns of a row are."""
    return evidence.left[i] + subcolumn_x(evidence.y.shape[1] // SUBCOLUMNS)


def _doubted(evidence: Evidence, sure: np.ndarray, inside: np.ndarray, i: int) -> list[tuple[int, int]]:
    """Return the places (first sub-column, last + 1) of a row that are doubted and lie at another row's trace."""
    beside = np.zeros(sure.shape[1], bool)
    reach = round(BESIDE_MM * _PX_PER_MM * SUBCOLUMNS)
    kernel = np.ones((1, 2 * reach + 1), np.uint8)
    for j in np.flatnonzero(np.arange(len(sure)) != i):
        at, there = evidence.beside(i, j)
        y = np.where(there, evidence.y[j, at], np.nan).astype(np.float32)
        high, low = (cv2.dilate(np.where(np.isnan(y), -1e6, s * y)[None], kernel)[0] for s in (1, -1))
        own, near = evidence.y[i], NEAR_MM * _PX_PER_MM
        beside |= (own < high + near) & (own > -low - near)
    doubt, least = np.r_[0, np.cumsum(1 - sure[i])], LEAST_MM * _PX_PER_MM * SUBCOLUMNS
    places = _runs(inside[i] & beside & (sure[i] < DOUBTED), APART_MM)
    return [(first, last) for first, last in places if doubt[last] - doubt[first] > least]


def _runs(wanted: np.ndarray, apart_mm: float) -> list[tuple[int, int]]:
    """Return the stretches in which `wanted` (n,) is true, those closer than `apart_mm` as one."""
    joined: list[tuple[int, int]] = []
    for first, last in runs(wanted).tolist():
        if joined and first - joined[-1][1] < apart_mm * _PX_PER_MM * SUBCOLUMNS:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _windows(places: list[tuple[int, int]], around_mm: float) -> list[tuple[int, int]]:
    """Return the stretches to be read for these places, with row around them."""
    around = round(around_mm * _PX_PER_MM * SUBCOLUMNS)
    wanted = np.zeros(places[-1][1] + around, bool)
    for first, last in places:
        wanted[max(0, first - around) : last + around] = True
    return _runs(wanted, 0.0)


def _others(shape: tuple[int, int], evidence: Evidence, sure: np.ndarray, i: int, width: float) -> np.ndarray:
    """Return where (H, W) bool ink is known to be other rows' than `i`, and not known to be its own as well."""
    others, own = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for j in range(len(sure)):
        x, y, known = _x(evidence, j), evidence.y[j], sure[j] >= KNOWN
        for first, last in _runs(known, 0.0):
            points = np.stack([x[first:last], y[first:last]], axis=1)
            thick = round(width - 1 if j == i else width)
            cv2.polylines(
                own if j == i else others, [np.rint(points * 16).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 4
            )
    return (others > 60) & (own < 128)


def _around(shape, evidence: Evidence, i: int, first: int, last: int) -> tuple[slice, slice]:
    """Return the rows and columns of a page of `shape` that are looked at to read a row from `first` to `last`."""
    x, level = _x(evidence, i)[[first, min(last, evidence.y.shape[1]) - 1]], evidence.level[i, first:last]
    low, high, margin = level.min() - REACH_MM * _PX_PER_MM, level.max() + REACH_MM * _PX_PER_MM, AROUND_MM * _PX_PER_MM
    return tuple(
        slice(int(np.clip(a, 0, n)), int(np.clip(b, 0, n)))
        for a, b, n in ((low, high, shape[0]), (x[0] - margin, x[1] + margin, shape[1]))
    )


def _merged(evidence: Evidence, i: int, first: int, last: int, again: Evidence) -> Evidence:
    """Return the evidence with sub-columns `first` to `last` of row `i` as in `again`, a reading of that row alone."""
    at = np.arange(first, min(last, evidence.y.shape[1]))
    there = at + int(evidence.left[i] - again.left[0]) * SUBCOLUMNS
    known = (there >= 0) & (there < again.y.shape[1])
    return evidence.taking((i, at[known]), again, (0, there[known]))


def _pen(image: np.ndarray, evidence: Evidence, sure: np.ndarray) -> float:
    """Return how wide (px) the page's traces are: the area of their profile over its depth, where they are flat."""
    widths = []
    reach = np.arange(-_PROFILE, _PROFILE + 1)
    for i in range(len(sure)):
        x, y = _x(evidence, i), evidence.y[i]
        flat = (np.abs(np.diff(y, append=y[-1:])) < _FLAT) & (sure[i] > KNOWN)
        at = np.flatnonzero(flat)[:: 8 * SUBCOLUMNS]
        column, row = np.rint(x[at]).astype(int), np.rint(y[at]).astype(int)
        fits = (column >= 0) & (column < image.shape[1]) & (row >= _PROFILE) & (row < image.shape[0] - _PROFILE)
        profile = image[row[fits, None] + reach, column[fits, None]].astype(float).mean(axis=2)
        paper = np.median(profile[:, np.abs(reach) > _PROFILE - 2], axis=1, keepdims=True)
        dark = np.maximum(paper - profile, 0)[:, np.abs(reach) <= _PROFILE - 2]
        deep = dark.max(axis=1)
        widths += list((dark.sum(axis=1) / np.maximum(deep, 1))[deep > 20])
    return float(np.median(widths)) if widths else _USUAL_PEN
