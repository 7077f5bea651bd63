"""Stretches of trace → rows: which stretches lie on one line, how far apart rows are, where one was missed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from ecgseg.digitize.locate.findings import Findings, Point, Stretch

# All lengths in mm of paper.
SAME_LINE = 1.5  # stretches this near in height are one row: no page has rows closer than 4 mm
OWN_ZERO = 12.0  # a strip with a zero line of its own stands this far off its row's at most …
OWN_SHARE = 0.42  # … or this share of the rows' distance: panels leave room
MIN_STRETCH = 4.0
MIN_ROW = 12.0  # a row with less trace than this is a frame, a text or a blot
MIN_SHARE = 0.2  # and so is one with less than this share of what the longest row has
FULL = 0.5  # of what the longest row has: a row that counts for the rows' distance
CLOSEST = 9.0  # rows nearer than this are crowded
ALONE = 25.0  # the distance assumed where there is one row only: names stand nearer
MIN_LINES, LINE_STEP = 3, 0.2  # lines of names whose distances differ by no more than this share of it tell the rows
MIN_LINED = 4  # names on them
NAMED_REACH = 0.3  # of the rows' distance: a row of trace this near to where its name asks for one is that row
FOUND_BY_NAMES = 0.5  # of the rows that names ask for
SAME_COLUMN = 4.0  # names of one column begin within so much
ABOUT_NAME = (-6.0, 12.0)  # a row begins so far right of where its first name does
POINT_REACH = 5.0  # a strip's start is marked at its baseline, give or take a wave


@dataclass(frozen=True)
class Row:
    """A row of trace, in mm of the page: its height, first and last x, its pieces (x0, x1, baseline), and the starts
    and ends of strips (x, score) on it. `missed` is one where nothing was found but the rows' distance asks for it."""

    baseline: float
    x0: float
    x1: float
    pieces: tuple[tuple[float, float, float], ...] = ()
    starts: tuple[tuple[float, float], ...] = ()
    ends: tuple[tuple[float, float], ...] = ()
    missed: bool = field(default=False)

    @property
    def covered(self) -> float:
        """The length of trace, in mm."""
        return sum(b - a for a, b in union(self.pieces))

    def covered_in(self, x0: float, x1: float) -> float:
        """Return how much of the row between x0 and x1 is trace, in mm."""
        return sum(max(0.0, min(b, x1) - max(a, x0)) for a, b in union(self.pieces))

    def baseline_in(self, x0: float, x1: float) -> float:
        """Return the height of the trace between x0 and x1, by its longest piece there; else the row's."""
        parts = [(min(b, x1) - max(a, x0), y) for a, b, y in self.pieces]
        length, y = max(parts, default=(0.0, self.baseline))
        return y if length > 0 else self.baseline


def union(pieces) -> list[tuple[float, float]]:
    """Return the intervals (x0, x1, …) of `pieces` without overlaps, from the left."""
    out: list[tuple[float, float]] = []
    for x0, x1, *_ in sorted(pieces):
        if out and x0 <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], x1))
        else:
            out.append((x0, x1))
    return out


def find_rows(findings: Findings, px_per_mm: float) -> list[Row]:
    """Return the rows of the stretches found on a page (flat px), in mm, from the top; [] if there are none.

    Stretches at one height are a row, and so are stretches side by side that differ by less than half the distance
    of the rows, as strips do that have a zero line of their own. Short rows are left out.
    """
    groups = _level_groups([s for s in findings.stretches if s.x1 - s.x0 >= MIN_STRETCH * px_per_mm], px_per_mm)
    groups = _side_by_side(groups)
    longest = max((_length(g) for g in groups), default=0.0)
    groups = [g for g in groups if _length(g) >= max(MIN_ROW, MIN_SHARE * longest)]
    rows = sorted((_row(g) for g in groups), key=lambda r: r.baseline)
    reach = min(POINT_REACH, 0.4 * row_pitches(rows)[0])
    starts, ends = (_of_rows(p, rows, reach, px_per_mm) for p in (findings.starts, findings.ends))
    return [
        Row(r.baseline, r.x0, r.x1, r.pieces, tuple(s), tuple(e)) for r, s, e in zip(rows, starts, ends, strict=True)
    ]


def row_pitches(rows: list[Row]) -> list[float]:
    """Return the usual distance of neighbouring rows in mm: the one that most distances, or their halves, have.

    Two rows may have a missed one between them: then half their distance is returned too. ALONE for a single row.
    Rows with little trace do not count: they may be none.
    """
    longest = max((r.covered for r in rows), default=0.0)
    gaps = np.diff([r.baseline for r in rows if r.covered >= FULL * longest])
    if not len(gaps):
        return [ALONE]
    if len(gaps) == 1:
        gap = float(gaps[0])
        return [gap, gap / 2] if gap >= 2 * CLOSEST else [gap]
    ratio = gaps[None, :] / gaps[:, None]
    whole = np.abs(ratio - 1) < 0.2
    support = whole.sum(axis=1) + 0.4 * (np.abs(ratio - 2) < 0.3).sum(axis=1)
    # Between distances of equal support the larger: a false row halves a distance, a missed one must double it. Where
    # no two agree the largest may be that to a false row far off, such as the sheet's edge.
    usual = np.median(gaps) if support.max() == 1 and len(gaps) > 2 else np.inf
    best = max(range(len(gaps)), key=lambda k: (round(support[k], 3), min(gaps[k], usual)))
    return [float(np.median(gaps[whole[best]]))]


def with_missed_rows(rows: list[Row], pitch: float, heights: list[float]) -> list[Row]:
    """Return the rows with those that seem missed, marked so: in gaps of two or three row distances, and above the
    first and below the last where one of `heights` (mm, where names ask for a row) lies."""
    if len(rows) < 2:
        return rows
    asked = list(rows)
    for above, below in pairwise(rows):
        gap = below.baseline - above.baseline
        count = round(gap / pitch)
        if 2 <= count <= 3 and abs(gap / count - pitch) < 0.2 * pitch:
            asked += [_missed(above.baseline + k * gap / count) for k in range(1, count)]
    for start, step in ((rows[0].baseline, -pitch), (rows[-1].baseline, pitch)):
        for k in (1, 2):
            y = start + k * step
            if y > 0 and any(abs(h - y) < 0.3 * pitch for h in heights):
                asked.append(_missed(y))
    return sorted(asked, key=lambda r: r.baseline)


def rows_by_names(rows: list[Row], heights: list[float]) -> tuple[list[Row], float, float]:
    """Return the rows that lines of names ask for, their distance, and how much trace (mm) of other rows lies between.

    heights: where (mm) names ask for a row, those of one line alike. Where traces cross each other what is found of
    them lies anywhere, while names stand in line. Rows above and below all names are kept. Returns no rows where the
    lines are few or not in step, or trace is found in the place of too few.
    """
    lines: list[list[float]] = []
    for y in sorted(heights):
        if lines and y - lines[-1][-1] <= SAME_LINE:
            lines[-1].append(y)
        else:
            lines.append([y])
    at = np.array([np.median(line) for line in lines])
    if len(at) < MIN_LINES or len(heights) < MIN_LINED:
        return [], 0.0, 0.0
    steps = np.diff(at)
    pitch = float(np.median(steps))
    count = np.rint(steps / pitch)
    if count.min() < 1 or (np.abs(steps / pitch / np.maximum(count, 1) - 1) > LINE_STEP).any():
        return [], 0.0, 0.0
    at = np.interp(np.arange(count.sum() + 1), np.r_[0, np.cumsum(count)], at)
    kept, left_out = [], 0.0
    claimed: dict[int, Row] = {}
    for r in rows:
        k = int(np.abs(at - r.baseline).argmin())
        if not at[0] - 0.5 * pitch < r.baseline < at[-1] + 0.5 * pitch:
            kept.append(r)
        elif abs(at[k] - r.baseline) <= NAMED_REACH * pitch and r.covered > (claimed[k].covered if k in claimed else 0):
            left_out += claimed[k].covered if k in claimed else 0.0
            claimed[k] = r
        else:
            left_out += r.covered
    if len(claimed) < FOUND_BY_NAMES * len(at):
        return [], 0.0, 0.0
    kept += [claimed.get(k, _missed(float(y))) for k, y in enumerate(at)]
    return sorted(kept, key=lambda r: r.baseline), pitch, left_out


def begun_at_names(rows: list[Row], lefts: Sequence[float]) -> list[Row]:
    """Return the rows without what lies left of where the others begin, beside the first column of names: a pattern of
    the table.

    lefts: x (mm) at which names begin. Most rows must have a name in that column, and MIN_LINES must begin at it.
    """
    x = np.sort(np.asarray(lefts, float))
    columns = [x[(x >= left) & (x <= left + SAME_COLUMN)] for left in x]
    column = next((c for c in columns if len(c) >= max(MIN_LINES, FOUND_BY_NAMES * len(rows))), None)
    if column is None or (x < column[0]).sum() > 1:
        return rows
    near = [r.x0 for r in rows if not r.missed and ABOUT_NAME[0] <= r.x0 - np.median(column) <= ABOUT_NAME[1]]
    if len(near) < MIN_LINES:
        return rows
    return [_from(r, min(near)) if r.x0 < min(near) else r for r in rows]


def _from(row: Row, left: float) -> Row:
    """Return what of a row lies right of x = left (mm)."""
    pieces = tuple((max(x0, left), x1, y) for x0, x1, y in row.pieces if x1 > left)
    starts, ends = (tuple(p for p in points if p[0] >= left) for points in (row.starts, row.ends))
    return replace(row, x0=max(row.x0, left), pieces=pieces, starts=starts, ends=ends)


def _missed(y: float) -> Row:
    return Row(float(y), 0.0, 0.0, missed=True)


def _length(pieces: list[tuple[float, float, float]]) -> float:
    return sum(b - a for a, b in union(pieces))


def _row(pieces: list[tuple[float, float, float]]) -> Row:
    order = sorted(pieces, key=lambda p: p[2])
    weight = np.cumsum([x1 - x0 for x0, x1, _ in order])
    middle = order[int(np.searchsorted(weight, weight[-1] / 2))][2]
    return Row(middle, min(p[0] for p in pieces), max(p[1] for p in pieces), tuple(sorted(pieces)))


def _level_groups(stretches: list[Stretch], px_per_mm: float) -> list[list[tuple[float, float, float]]]:
    """Group stretches whose heights follow each other closely; pieces in mm."""
    pieces = sorted(
        ((s.x0 / px_per_mm, s.x1 / px_per_mm, s.baseline / px_per_mm) for s in stretches), key=lambda p: p[2]
    )
    groups: list[list[tuple[float, float, float]]] = []
    for piece in pieces:
        if groups and piece[2] - groups[-1][-1][2] <= SAME_LINE:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return groups


def _side_by_side(groups: list[list[tuple[float, float, float]]]) -> list[list[tuple[float, float, float]]]:
    """Join groups that lie beside each other, nearest in height first, never two that share a part of the paper."""
    groups = [list(g) for g in groups]

    def height(group) -> float:
        return float(np.average([p[2] for p in group], weights=[p[1] - p[0] for p in group]))

    def shared(a, b) -> float:
        pieces = union(b)
        return sum(max(0.0, min(x1, v) - max(x0, u)) for x0, x1 in union(a) for u, v in pieces)

    def overlap(a, b) -> bool:
        return shared(a, b) > 0.1 * min(_length(a), _length(b))

    distances = [
        abs(height(a) - height(b)) for k, a in enumerate(groups) for b in groups[k + 1 : k + 3] if overlap(a, b)
    ]
    reach = OWN_ZERO
    if distances:
        usual = float(np.median(distances))
        reach = min(max(OWN_ZERO, OWN_SHARE * usual), 0.45 * usual)
    while True:
        near = [
            (height(b) - height(a), k)
            for k, (a, b) in enumerate(pairwise(groups))
            if height(b) - height(a) <= reach and not overlap(a, b)
        ]
        if not near:
            return groups
        k = min(near)[1]
        groups[k : k + 2] = [groups[k] + groups[k + 1]]


def _of_rows(points: list[Point], rows: list[Row], reach: float, px_per_mm: float) -> list[list[tuple[float, float]]]:
    """Return per row the points (x in mm, score) nearest to it and within `reach` mm."""
    out: list[list[tuple[float, float]]] = [[] for _ in rows]
    for p in points:
        x, y = p.x / px_per_mm, p.y / px_per_mm
        distance, k = min(
            ((abs(r.baseline_in(x - 3, x + 3) - y), k) for k, r in enumerate(rows)), default=(reach + 1, 0)
        )
        if distance <= reach:
            out[k].append((x, p.score))
    return [sorted(of_row) for of_row in out]
