"""Where strips lie to some hundredths of a millimetre: by bars between them, by rows' ends, and by where leads meet.

A millimetre is 40 ms. Rows start with pulses and names, but nothing stands where they end, and where two leads meet
the trace jumps from one's last value to the other's first. Bars between leads are more exact than both.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ecgseg.digitize.locate.locate import LocatedStrip
from ecgseg.digitize.trace.confidence import Evidence
from ecgseg.digitize.trace.separators import bar_shift
from ecgseg.runs import runs
from ecgseg.subcolumns import SUBCOLUMNS, subcolumn_x

_PX = 8.0  # px/mm of the flat page
HALF_STROKE_MM = 0.2  # a line's ink goes about half its width beyond its last point
SEARCH_MM = 1.5  # a row's end is looked for this far from where it was located
FAR_MM, FAR_SHARE = 6.0, 0.8  # … or so far, where no rows have one nearer and such a share of them have one there
SAME_MM = 0.15  # ends of rows that agree
STEADY_MM = 3.0  # of ink before an end, none of it missing
JUMP_MM = 0.5  # between two leads, over JUMP_WIDTH_MM; less may be noise
JUMP_WIDTH_MM = 0.125
SHARP = 0.3  # of a jump's size: what the trace may change as far again on either side, where a QRS flank goes on
MEETS_MM = 0.3  # a jump this near to where the ends say that leads meet
MIN_JUMPS, MIN_ROWS = 3, 3
SAME_JUMP_MM = 0.12
MANY_JUMPS, MANY_SHARE = 5, 0.6  # jumps, and their share of the places where leads meet, that tell with two columns
GAP_MM, PAPER_MM = 0.25, 1.5  # of paper before a lead begins within a row, and before a row does
INKED = 0.8  # of what a row located too far right has left of it
SHORT_MM = 0.2  # of rows whose ends are blank
MOST = 0.6  # of the places where leads meet, or of the rows, that show it
BEGIN_MM, FALL_MM = 1.0, 3.0  # of a row in which a pulse's falling edge may be read, and how far that falls at least
RESTS_MM = 2.0
INK = 0.5


def place_strips(
    strips: Sequence[LocatedStrip], evidence: Evidence, image: np.ndarray | None = None
) -> tuple[list[LocatedStrip], float]:
    """Return the strips shifted together to where bars between them or their trace say they lie, and the shift in mm.

    strips: as located, to within FAR_MM; evidence: of their rows, from the top; image (H, W, 3) uint8: the flat
    page, None to look at the traces alone. Nothing moves where there are no bars that agree, leads do not plainly meet,
    and fewer than two rows, or than half of the rows, end at the same place.
    """
    shift = None if image is None else bar_shift(strips, image)
    if shift is None:
        shift = _shift(strips, evidence, np.inf if image is None else image.shape[1])
    moved = [replace(s, x0=s.x0 + shift * _PX, x1=s.x1 + shift * _PX) for s in strips]
    return moved, shift


def meeting(evidence: Evidence, row: int, x: float) -> tuple[float, float] | None:
    """Return from where to where (px) the trace jumps from one lead to the next near x (px), None where it does not.

    What is read there belongs to neither lead: the line may be drawn through, and the network reads it slanted.
    """
    jump = _jump(evidence, row, x)
    if jump is None:
        return None
    half = (JUMP_WIDTH_MM / 2) * _PX + 0.5 / SUBCOLUMNS
    return x + jump * _PX - half, x + jump * _PX + half


def ink_length(evidence: Evidence, row: int, x0: float, x1: float) -> float:
    """Return how many mm a row's line reaches between x0 and x1 (px), NaN where it does not end between them.

    From the first STEADY_MM of ink to the last, of which a tenth may be missing, less the stroke's two halves.
    """
    x = evidence.left[row] + subcolumn_x(evidence.ink.shape[1] // SUBCOLUMNS)
    ink = (evidence.ink[row] > INK) & (x >= x0) & (x < x1)
    steady = round(STEADY_MM * _PX * SUBCOLUMNS)
    share = np.convolve(ink, np.ones(steady), "valid")
    whole = np.flatnonzero(share >= 0.9 * steady)
    if not len(whole):
        return float("nan")
    first, last = whole[0], whole[-1] + steady - 1
    first, last = first + int(ink[first:].argmax()), last - int(ink[: last + 1][::-1].argmax())
    if x[first] <= x0 + 1 or x[last] >= x1 - 1:
        return float("nan")
    return float((x[last] - x[first]) / _PX - 2 * HALF_STROKE_MM)


def after_pulse(evidence: Evidence, row: int, x: float) -> float | None:
    """Return the x (px) up to which a row that starts at x (px) shows the falling edge of the calibration pulse before
    it, None where it does not: the trace falls by FALL_MM at once within the first BEGIN_MM.

    Unlike a complex, a pulse is high until then, and the trace stays low for RESTS_MM after it.
    """
    y, width = evidence.y[row], round(JUMP_WIDTH_MM * _PX * SUBCOLUMNS)
    first = max(0, round((x - evidence.left[row] + 0.5) * SUBCOLUMNS - 0.5))
    near = y[first : first + round(BEGIN_MM * _PX * SUBCOLUMNS)]
    falls = np.flatnonzero(near[width:] - near[:-width] >= FALL_MM * _PX)
    if not len(falls):
        return None
    low = first + int(falls[-1]) + width
    high, rest = y[first : first + int(falls[0]) + 1], y[low : low + round(RESTS_MM * _PX * SUBCOLUMNS)]
    if high.max() > y[low] - FALL_MM * _PX or rest.min() < (high.max() + y[low]) / 2:
        return None
    return float(evidence.left[row] + (low + 0.5) / SUBCOLUMNS - 0.5)


def _shift(strips: Sequence[LocatedStrip], evidence: Evidence, width: float) -> float:
    """Return by how many mm strips of a page `width` px wide lie to the right of where they were located."""
    rows = sorted({s.row for s in strips})
    groups = [sorted((s for s in strips if s.row == row), key=lambda s: s.x0) for row in rows]
    meets = [(i, s.x0) for i, group in enumerate(groups) for s in group[1:]]
    begin = _agreed([_begins(evidence, i, x, GAP_MM) for i, x in meets], max(2, MOST * len(meets)))
    if begin is not None:
        return begin + HALF_STROKE_MM
    found = [_edges(evidence, i, group[-1].x1, FAR_MM, 1) - HALF_STROKE_MM for i, group in enumerate(groups)]
    ends = [e[np.abs(e + HALF_STROKE_MM) <= SEARCH_MM] for e in found]
    agreed = _agreed(ends, max(2, len(rows) / 2))
    met = _met(evidence, meets)
    if met is not None and (agreed is None or abs(met - agreed) > MEETS_MM):
        return met
    if agreed is None:
        agreed = _agreed(found, max(MIN_ROWS, FAR_SHARE * len(rows)))
        right = max(s.x1 for s in strips)
        # Rows that leave the picture end where it does, and those that leave their sheet at its edge.
        if agreed is None or right + agreed * _PX > width - 1 - STEADY_MM * _PX:
            return 0.0
        begun = [_inked(evidence, i, g[0].x0 + agreed * _PX, g[0].x0) for i, g in enumerate(groups)]
        return agreed if np.mean(begun) >= MOST else 0.0
    if not meets:
        begin = _agreed([_begins(evidence, i, g[0].x0, PAPER_MM) for i, g in enumerate(groups)], MOST * len(rows))
        # Rows shorter than they must be: their last samples are blank. What is longer began before its row.
        if begin is not None and begin + HALF_STROKE_MM > agreed + SHORT_MM:
            return begin + HALF_STROKE_MM
    jumps = [_jump(evidence, i, x + agreed * _PX) for i, x in meets]
    jumps = [agreed + j for j in jumps if j is not None]
    near = [e for row in ends for e in row if abs(e - agreed) <= SAME_MM]
    return float(np.median([*near, *jumps] if len(jumps) >= MIN_JUMPS else near))


def _met(evidence: Evidence, meets: list[tuple[int, float]]) -> float | None:
    """Return the shift in mm at which the trace jumps where leads meet, None where it does so at too few of `meets`,
    (row, x in px) each: beats that come in the leads' step jump at one place of each row, but in few columns."""
    jumps = [_jumps(evidence, i, x, SEARCH_MM) for i, x in meets]
    every = np.concatenate(jumps) if jumps else np.zeros(0)
    if not len(every):
        return None
    near = np.array([[bool((np.abs(j - v) <= SAME_JUMP_MM).any()) for j in jumps] for v in every])
    best = int(near.sum(axis=1).argmax())
    columns = np.round([x for _, x in meets])
    count, seen, there = near[best].sum(), len(set(columns[near[best]])), len(set(columns))
    plain = seen == there >= MIN_JUMPS or (seen > 1 and count >= max(MANY_JUMPS, MANY_SHARE * len(meets)))
    if count < MIN_JUMPS or not plain:
        return None
    return float(np.median(every[np.abs(every - every[best]) <= SAME_JUMP_MM]))


def _inked(evidence: Evidence, row: int, x0: float, x1: float) -> bool:
    """Return whether a row has ink from x0 to x1 (px), as far as its evidence reaches; also where x0 is the larger."""
    x = evidence.left[row] + subcolumn_x(evidence.ink.shape[1] // SUBCOLUMNS)
    between = (x >= x0) & (x < x1)
    return not between.any() or float((evidence.ink[row, between] > INK).mean()) >= INKED


def _edges(evidence: Evidence, row: int, x: float, reach: float, way: int, paper: float = 0.0) -> np.ndarray:
    """Return where steady ink of a row ends (way 1), or begins (-1), within `reach` mm of x (px), in mm from it.

    There must be `paper` mm without ink beyond.
    """
    ink = (evidence.ink[row] > INK)[::way]
    at = (evidence.left[row] + subcolumn_x(len(ink) // SUBCOLUMNS))[::way]
    steady = round(STEADY_MM * _PX * SUBCOLUMNS)
    since = np.concatenate([[0], np.cumsum(ink)])
    last = np.flatnonzero(ink[:-1] & ~ink[1:])
    last = last[last >= steady]
    # A gap of a tenth is a faint stretch, more is something that stands beside the row.
    last = last[since[last + 1] - since[last + 1 - steady] >= 0.9 * steady]
    beyond = np.minimum(last + 1 + round(paper * _PX * SUBCOLUMNS), len(ink))
    last = last[since[beyond] == since[last + 1]]
    edge = (at[last] + way * 0.5 / SUBCOLUMNS - x) / _PX
    return edge[np.abs(edge) <= reach]


def _begins(evidence: Evidence, row: int, x0: float, paper: float) -> np.ndarray:
    """Return where the row's ink begins after so many mm of paper within SEARCH_MM of x0 (px), in mm from it."""
    return _edges(evidence, row, x0, SEARCH_MM, -1, paper)


def _agreed(ends: list[np.ndarray], least: float) -> float | None:
    """Return the middle of the values that most rows have in common, None where fewer than `least` rows have one."""
    values = np.concatenate(ends) if ends else np.zeros(0)
    if not len(values):
        return None
    rows = np.array([sum(bool((np.abs(row - v) <= SAME_MM).any()) for row in ends) for v in values])
    best = rows.max()
    if best < least:
        return None
    # Of several such places the middle of the one that the first of them begins.
    first = values[rows == best].min()
    return float(np.median(values[np.abs(values - first) <= 2 * SAME_MM]))


def _jump(evidence: Evidence, row: int, x: float) -> float | None:
    """Return by how many mm the trace's jump near x (px) lies to the right of it; None where there is none."""
    jumps = _jumps(evidence, row, x, MEETS_MM, largest=True)
    return float(jumps[0]) if len(jumps) else None


def _jumps(evidence: Evidence, row: int, x: float, reach_mm: float, largest: bool = False) -> np.ndarray:
    """Return by how many mm the jumps of the trace within `reach_mm` of x (px) lie to the right of it; with `largest`
    only the largest step is looked at."""
    y = evidence.y[row]
    at = (x - evidence.left[row] + 0.5) * SUBCOLUMNS - 0.5
    width, reach = round(JUMP_WIDTH_MM * _PX * SUBCOLUMNS), round(reach_mm * _PX * SUBCOLUMNS)
    first = int(np.ceil(at)) - reach - width // 2
    if first < width or first + 2 * (reach + width) >= len(y):
        return np.zeros(0)
    near = y[first - width : first + 2 * (reach + width) + 1]
    step = np.abs(near[width:] - near[:-width])
    size, beside = step[width:-width], np.maximum(step[: -2 * width], step[2 * width :])
    sharp = (size >= JUMP_MM * _PX) & (beside <= SHARP * size)
    if largest:
        best = int(size.argmax())
        # A jump is as large over any width that holds it: its middle is that of all such places.
        found = [np.flatnonzero(size >= 0.9 * size[best])] if sharp[best] else []
    else:
        found = [run[size[run] >= 0.9 * size[run].max()] for run in (np.arange(*ends) for ends in runs(sharp))]
    return np.array([(first + places.mean() + width / 2 - at) / (SUBCOLUMNS * _PX) for places in found])
