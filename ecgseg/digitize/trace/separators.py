"""Where strips lie by the bars printed between them: each stands where one lead ends and the next begins."""

from collections.abc import Sequence

import cv2
import numpy as np

from ecgseg.digitize.locate.locate import LocatedStrip

_PX = 8.0  # px/mm of the flat page
BEFORE_MM = 1.5  # a bar is looked for this far on both sides of where two strips meet
REACH_MM = 9.0  # above and below the strips' zero line; what goes on beyond is a line of the grid or a frame
PAPER_MM = 3.0  # nothing printed is as wide: the brightest of so much is paper
LEAST_DARK = 0.15  # of the paper's brightness: the darkest thing there, else nothing is printed
DARK = 0.5  # of the darkest thing
LEAST_LENGTH_MM = 2.0
SAME_END_MM = 0.5  # columns of one bar, and the two lines of a double one, begin and end alike
FAINT = 0.2  # of a bar's darkness
MOST_WIDE_MM = 3.0  # from edge to edge, of a double one too
MIN_BARS, MIN_SHARE = 3, 0.5  # bars that agree, and their share of the places where strips meet
AGREE_MM = 0.08


def bar_shift(strips: Sequence[LocatedStrip], image: np.ndarray) -> float | None:
    """Return by how many mm the places where strips meet lie to the right of where they were located.

    strips: as located; image (H, W, 3) uint8: the flat page. None where there are no bars between the strips, or
    where they do not agree.
    """
    meets = [s for s in strips if any(o.row == s.row and abs(o.x1 - s.x0) < _PX for o in strips)]
    found = np.array([x for s in meets if (x := _bar(image, s.x0, s.baseline)) is not None])
    if len(found) < max(MIN_BARS, MIN_SHARE * len(meets)):
        return None
    near = np.abs(found[:, None] - found[None, :]) <= AGREE_MM
    best = near[near.sum(axis=1).argmax()]
    return float(np.median(found[best])) if best.sum() >= max(MIN_BARS, MIN_SHARE * len(meets)) else None


def _bar(image: np.ndarray, x: float, y: float) -> float | None:
    """Return by how many mm the middle of an upright bar near (x, y) px lies to the right of x, None without one."""
    first, top = round(x - BEFORE_MM * _PX), round(y - REACH_MM * _PX)
    last, low = round(x + BEFORE_MM * _PX) + 1, round(y + REACH_MM * _PX) + 1
    margin = round(PAPER_MM * _PX)
    around = image[max(0, top) : low, max(0, first - margin) : last + margin]
    if first < margin or last + margin > image.shape[1] or around.shape[0] < 2 * LEAST_LENGTH_MM * _PX:
        return None
    dark = _darkness(around)[:, margin : margin + last - first]
    peak = float(np.quantile(dark, 0.995))
    if peak < LEAST_DARK:
        return None
    begins, ends = _longest_runs(dark > DARK * peak)
    length, end_px = ends - begins, SAME_END_MM * _PX
    k = int(length.argmax())
    inside = begins[k] > 0 and ends[k] < len(dark)
    if length[k] < LEAST_LENGTH_MM * _PX or not inside:
        return None
    alike = np.flatnonzero((np.abs(begins - begins[k]) <= end_px) & (np.abs(ends - ends[k]) <= end_px))
    # The trace crosses a few rows of the bar only; lines of the grid go on above and below it.
    profile = np.median(dark[begins[k] + 2 : ends[k] - 2], axis=0)
    beyond = np.median(np.delete(dark, np.s_[max(0, begins[k] - 2) : ends[k] + 2], axis=0), axis=0)
    faint = FAINT * profile[k]
    profile = np.where((profile > faint) & (profile - beyond > faint), profile - faint, 0.0)
    left, right = alike[0], alike[-1]
    while left > 0 and 0 < profile[left - 1]:
        left -= 1
    while right < len(profile) - 1 and 0 < profile[right + 1]:
        right += 1
    # What reaches the edge of what was looked at is no bar, or only a part of one.
    if left == 0 or right == len(profile) - 1 or right - left > MOST_WIDE_MM * _PX:
        return None
    at = np.arange(left, right + 1)
    middle = float((profile[at] * at).sum() / profile[at].sum())
    return (first + middle - x) / _PX


def _darkness(image: np.ndarray) -> np.ndarray:
    """Return how much darker than the paper around them pixels are, 0..1."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    paper = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((round(PAPER_MM * _PX),) * 2))
    return 1 - grey / np.maximum(paper, 1.0)


def _longest_runs(on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the longest run of each column (h, w) begins and where it ends, (w,) each; equal where none is."""
    begins, ends = np.zeros(on.shape[1], int), np.zeros(on.shape[1], int)
    for k, column in enumerate(on.T):
        edges = np.flatnonzero(np.diff(np.r_[False, column, False].astype(np.int8)))
        if len(edges):
            longest = int(np.argmax(edges[1::2] - edges[::2]))
            begins[k], ends[k] = edges[2 * longest], edges[2 * longest + 1]
    return begins, ends
