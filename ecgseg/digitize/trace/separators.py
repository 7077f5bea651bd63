"""Where strips lie by the bars printed between them: each stands where one lead ends and the next begins."""

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from ecgseg.digitize.locate.locate import LocatedStrip
from ecgseg.runs import runs

_PX = 8.0  # px/mm of the flat page
BEFORE_MM = 2.0  # a bar is looked for this far on both sides of where two strips meet
REACH_MM = 9.0  # above and below the strips' zero line; what goes on beyond is a line of the grid or a frame
PAPER_MM = 3.0  # nothing printed is as wide: the brightest of so much is paper
LEAST_DARK = 0.15  # of the paper's brightness: the darkest thing there, else nothing is printed
DARK = 0.5  # of the darkest thing
LEAST_LENGTH_MM = 2.0
SAME_END_MM = 1.0  # columns of one bar, and the two lines of a double one, begin and end alike
FAINT = 0.2  # of a bar's darkness
_END_PX = SAME_END_MM * _PX
MOST_WIDE_MM = 3.0  # from edge to edge, of a double one too
MIN_BARS, MIN_SHARE = 3, 0.5  # bars that agree, and their share of the places where strips meet
MIN_AGREEING = 0.65  # of what looks like a bar: flanks of beats that stand in all rows agree less
MOST_MM = 1.2  # strips are located within less
AGREE_MM = 0.08
CROSSES_MM = 1.5  # of the zero line: a bar stands across the trace, a letter above or below it
EVEN_MM = 0.8  # zero lines are known to within so much
TICK_MM, TICK_FROM_MM, TICK_REACH_MM = 0.9, 1.2, 11.0  # ticks are at least so long, and lie so far from the zero line
FAR_MM, FAR_SHARE = 5.0, 0.8  # a second look goes so far, and such a share of all places must agree
STRAIGHT_MM, SAME_WIDTH = 0.08, 1.5  # between the quarters of a bar's length


def bar_shift(strips: Sequence[LocatedStrip], image: np.ndarray) -> float | None:
    """Return by how many mm the places where strips meet lie to the right of where they were located.

    strips: as located; image (H, W, 3) uint8: the flat page. None where there are no bars between the strips, or
    where they do not agree. Marks that stand evenly about the zero line, as flanks of beats rarely do, are also looked
    for further away: a whole page may have been located beside its strips, with beats where bars are expected.
    """
    meets = [s for s in strips if any(o.row == s.row and abs(o.x1 - s.x0) < _PX for o in strips)]
    near = _agreed([_marks(image, s.x0, s.baseline, BEFORE_MM)[:1] for s in meets], MIN_SHARE, MOST_MM)
    far = _agreed([_marks(image, s.x0, s.baseline, FAR_MM, even=True) for s in meets], FAR_SHARE, FAR_MM)
    if far[1] > near[1] and abs(far[0]) > MOST_MM:
        return far[0]
    return near[0] if near[1] else None


def _agreed(marks: list[list[float]], share: float, most: float) -> tuple[float, int]:
    """Return the shift in mm that at least a share of the places with their marks have in common, and at how many there
    is a mark so: 0 if they do not agree."""
    found = [np.array(m) for m in marks if m]
    enough = max(MIN_BARS, share * len(marks), MIN_AGREEING * len(found))
    if len(found) < enough:
        return 0.0, 0
    every = np.concatenate(found)
    near = np.stack([(np.abs(m[None] - every[:, None]) <= AGREE_MM).any(axis=1) for m in found])
    best = every[near.sum(axis=0).argmax()]
    shift, count = float(np.median(every[np.abs(every - best) <= AGREE_MM])), int(near.sum(axis=0).max())
    return (shift, count) if count >= enough and abs(shift) <= most else (0.0, 0)


def _marks(image: np.ndarray, x: float, y: float, before: float, even: bool = False) -> list[float]:
    """Return by how many mm the middles of upright bars within `before` mm of (x, y) px lie to the right of x, the
    longest first, and of two ticks, one above and one below y. even: only what is as long above as below."""
    first = round(x - before * _PX)
    found = []
    for marks, reach in ((partial(_bars, even=even), REACH_MM), (_ticks, TICK_REACH_MM)):
        around = _around(image, first, round(x + before * _PX) + 1, y, reach)
        found += [] if around is None else marks(*around)
    return [(first + middle - x) / _PX for middle in found]


def _around(image: np.ndarray, first: int, last: int, y: float, reach: float) -> tuple | None:
    """Return the darkness (h, w) of the columns from `first` to `last` within `reach` mm of y (px), where that is of
    something printed, and the row of y; None where nothing is, or the page ends."""
    top, low, margin = round(y - reach * _PX), round(y + reach * _PX) + 1, round(PAPER_MM * _PX)
    part = image[max(0, top) : low, max(0, first - margin) : last + margin]
    if first < margin or last + margin > image.shape[1] or part.shape[0] < 2 * LEAST_LENGTH_MM * _PX:
        return None
    dark = _darkness(part)[:, margin : margin + last - first]
    peak = float(np.quantile(dark, 0.995))
    return None if peak < LEAST_DARK else (dark, dark > DARK * peak, round(y) - max(0, top))


def _bars(dark: np.ndarray, on: np.ndarray, zero: int, even: bool) -> list[float]:
    """Return the columns at which bars stand across the row `zero`, the longest first."""
    begins, ends = _longest_runs(on)
    left = (ends - begins >= LEAST_LENGTH_MM * _PX) & (begins > 0) & (ends < len(dark))
    left &= (begins < zero + CROSSES_MM * _PX) & (ends > zero - CROSSES_MM * _PX)
    if even:
        left &= np.abs(begins + ends - 2 * zero) <= 2 * EVEN_MM * _PX
    found = []
    while left.any():
        k = int(np.where(left, ends - begins, 0).argmax())
        alike = left & (np.abs(begins - begins[k]) <= _END_PX) & (np.abs(ends - ends[k]) <= _END_PX)
        middle = _middle(dark, begins[k], ends[k], alike)
        if middle is not None:
            found.append(middle)
        left &= ~alike
    return found


def _ticks(dark: np.ndarray, on: np.ndarray, zero: int) -> list[float]:
    """Return the columns at which two upright ticks stand, one as far above the row `zero` as the other is below."""
    gap = round(TICK_FROM_MM * _PX)
    (top, above), (below, low) = _longest_runs(on[: zero - gap]), _longest_runs(on[zero + gap :])
    below, low = below + zero + gap, low + zero + gap
    least = TICK_MM * _PX
    left = (above - top >= least) & (low - below >= least) & (top > 0) & (low < len(dark))
    left &= np.maximum(np.abs(top + low - 2 * zero), np.abs(above + below - 2 * zero)) <= 2 * EVEN_MM * _PX
    left &= np.abs((above - top) - (low - below)) <= _END_PX
    found = []
    while left.any():
        k = int(np.where(left, above - top, 0).argmax())
        alike = left & (np.abs(top - top[k]) <= _END_PX) & (np.abs(low - low[k]) <= _END_PX)
        middles = [_middle(dark, *ends, alike) for ends in ((top[k], above[k]), (below[k], low[k]))]
        if None not in middles and abs(middles[0] - middles[1]) <= STRAIGHT_MM * _PX:
            found.append(float(np.mean(middles)))
        left &= ~alike
    return found


def _middle(dark: np.ndarray, begin: int, end: int, alike: np.ndarray) -> float | None:
    """Return the column at which the bar's middle is whose columns `alike` (w,) run from `begin` to `end`, None where
    it is no bar."""
    # The trace crosses a few rows of the bar only; lines of the grid go on above and below it.
    profile = np.median(dark[begin + 2 : end - 2], axis=0)
    beyond = np.median(np.delete(dark, np.s_[max(0, begin - 2) : end + 2], axis=0), axis=0)
    faint = FAINT * profile[alike].max()
    profile = np.where((profile > faint) & (profile - beyond > faint), profile - faint, 0.0)
    left, right = np.flatnonzero(alike)[[0, -1]]
    while left > 0 and 0 < profile[left - 1]:
        left -= 1
    while right < len(profile) - 1 and 0 < profile[right + 1]:
        right += 1
    at = np.arange(left, right + 1)
    # What reaches the edge of what was looked at is no bar, or only a part of one.
    cut = left == 0 or right == len(profile) - 1 or right - left > MOST_WIDE_MM * _PX
    rows = dark[begin + 2 : end - 2, at]
    if cut or not profile[at].any() or not _straight(np.where(rows > faint, rows, 0.0)):
        return None
    return float((profile[at] * at).sum() / profile[at].sum())


def _straight(rows: np.ndarray) -> bool:
    """Return whether ink (h, w) stands upright and is as wide above as below: the flanks of a beat are slanted, and
    though they stand at one place in all rows they are wider towards the zero line."""
    total = rows.sum(axis=1)
    middle = (rows @ np.arange(rows.shape[1])) / np.maximum(total, 1e-6)
    low, high = np.quantile(middle, (0.25, 0.75))
    narrow, wide = np.quantile(total, (0.25, 0.75))
    return high - low <= STRAIGHT_MM * _PX and wide <= SAME_WIDTH * narrow


def _darkness(image: np.ndarray) -> np.ndarray:
    """Return how much darker than the paper around them pixels are, 0..1."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    paper = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((round(PAPER_MM * _PX),) * 2))
    return 1 - grey / np.maximum(paper, 1.0)


def _longest_runs(on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the longest run of each column (h, w) begins and where it ends, (w,) each; equal where none is."""
    begins, ends = np.zeros(on.shape[1], int), np.zeros(on.shape[1], int)
    for k, column in enumerate(on.T):
        found = runs(column)
        if len(found):
            begins[k], ends[k] = found[np.argmax(found[:, 1] - found[:, 0])]
    return begins, ends
