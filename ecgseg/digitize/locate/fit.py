"""Rows and names → how well a layout fits them: the best way to put its rows on the page, and its log likelihood."""

from dataclasses import dataclass, field

import numpy as np

from ecgseg.digitize.locate.align import OFF_PAGE, ROW_MISSED, align
from ecgseg.digitize.locate.leadnames import MISSED, Names, rows_of_names, strips_of_names
from ecgseg.digitize.locate.rows import Row
from ecgseg.layout import LEADS, Layout, Strip, layout_names, load_layout

# Log likelihoods (nats), each of one observation against its usual state.
ROW_SPARE = 5.0  # a whole row that is found is none of the layout's
SPARE_IN_STEP, IN_STEP = 8.0, 0.15  # … though it stands in their distance, give or take a share of it
OUTSIDE = 6.0  # trace as long as the row lies outside of it
START_HIT, START_MISSED, START_FALSE = 1.2, 1.0, 2.0
MOST_FALSE = 5.0  # of a row's false starts together
NAME_ASTRAY = 3.0  # a name in a row where no strip begins
NAME_SPARE = 1.5  # a name in a row that is none of the layout's
NAME_MISSED, NAME_FOUND = -float(np.log(MISSED)), float(np.log(1 - MISSED))
SIGN_DIFFERS = 0.7  # the minus of -aVR is easily missed
PITCH_LIMIT = 2.5
RARE_GAP = 2.0  # strips of a row stand apart on few pages
RARE_LENGTH = 3.0  # rows of other than their layout's usual seconds
RARE_LAYOUT = 4.0  # layouts marked as rare, where no name tells: the usual one of the same shape is likelier
MOST_ABSENT = 2  # rows missing at the top that are looked into where any are missing
# Geometry says nothing for sure: crowded pages are printed closer than their layout's closest.
PITCH_SPREAD = 0.35
# Which leads machines print as rhythm strips, beside the one that the layout file names.
RHYTHM_USUAL = 0.8
RHYTHM_ODDS = {"II": 6.0, "V1": 4.0, "V5": 2.0, "I": 1.0, "III": 0.5, "aVF": 0.5, "V2": 1.0, "V3": 0.5}

NEAR_MM = 2.0  # a strip starts within this of where its start was found
END_MM = 3.0  # rows may begin or end this much off without anything being wrong


@dataclass(frozen=True)
class Evidence:
    """What a page shows, in mm: its rows from the top (missed ones too), their distance, its names and where they
    stand (`offset` below their row's baseline), its size (None where unknown), the paper speed in mm/s, and how much
    trace (mm) was found between the rows and counts for none of them."""

    rows: list[Row]
    pitch: float
    names: Names
    offset: float
    width: float | None
    height: float | None
    speed: float
    left_out: float = 0.0


@dataclass(frozen=True)
class Fit:
    """A layout put on a page: x of the rows' start (mm), the found row of each of its rows (-1: none), the score in
    nats with its parts, the name (index, or -1) at each of its strips, and those in its rows where no strip begins."""

    layout: Layout
    evidence: Evidence
    x0: float
    rows: tuple[int, ...]
    score: float
    parts: dict[str, float] = field(default_factory=dict)
    names: tuple[int, ...] = ()
    astray: tuple[int, ...] = ()

    @property
    def length(self) -> float:
        """The rows' length in mm, without gaps between their strips."""
        return self.layout.seconds * self.evidence.speed

    @property
    def gap(self) -> float:
        """The mm between the strips of a row."""
        return self.layout.gap_s * self.evidence.speed

    def row_length(self, k: int) -> float:
        """Return the mm of paper that the layout's row k takes."""
        return self.layout.row_seconds(k) * self.evidence.speed

    def row(self, k: int) -> Row | None:
        """Return the found row of the layout's row k, None where there is none."""
        return None if self.rows[k] < 0 else self.evidence.rows[self.rows[k]]

    @property
    def found_rows(self) -> int:
        """How many of the layout's rows were found."""
        return sum(i >= 0 and not self.evidence.rows[i].missed for i in self.rows)


def start_votes(rows: list[Row], columns: int, length: float, gap: float = 0.0, most: int = 5) -> list[float]:
    """Return the x (mm) at which rows of `columns` strips and `length` mm may start, best first, at most `most`.

    `gap` mm are between the strips, beyond their `length`.
    """
    step = length / columns + gap
    whole = length + (columns - 1) * gap
    votes: list[tuple[float, float]] = []
    for r in rows:
        if r.missed:
            continue
        votes += [(r.x0, 1.0), (r.x1 - whole, 0.9)]
        votes += [(x - k * step, s) for x, s in r.starts for k in range(columns)]
        votes += [(x - k * step + gap, 0.8 * s) for x, s in r.ends for k in range(1, columns + 1)]
    if not votes:
        return []
    at, weight = np.array(votes).T
    density = (np.maximum(1 - np.abs(at[:, None] - at[None, :]) / NEAR_MM, 0) * weight[None, :]).sum(axis=1)
    found: list[float] = []
    highest = density.max()
    while len(found) < most and density.max() > 0.35 * highest:
        best = at[density.argmax()]
        near = np.abs(at - best) <= 1.2
        found.append(float(np.average(at[near], weights=weight[near])))
        density = np.where(np.abs(at - best) < NEAR_MM, 0.0, density)
    return found


class Placement:
    """What rows and names say about rows of 1, 2, … strips that start at one x: scores that layouts share.

    `length` mm of each row are strips, `gap` mm are between two.
    """

    def __init__(self, evidence: Evidence, x0: float, length: float, gap: float = 0.0):
        self.evidence, self.x0, self.length, self.gap = evidence, x0, length, gap
        rows = evidence.rows
        self.row_of_name = rows_of_names(evidence.names, rows, evidence.pitch, evidence.offset, x0)
        named = np.bincount(self.row_of_name[self.row_of_name >= 0], minlength=len(rows))
        spare = np.where(in_step(rows, evidence.pitch), SPARE_IN_STEP, ROW_SPARE)
        self.spare = spare * [min(1.0, r.covered / length) for r in rows] + NAME_SPARE * named
        self._columns: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = {}

    def columns(self, c: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return what the page says about rows of c strips.

        geometry (rows,): nats; says (rows, c, 12): nats of each lead at each strip; name (rows, c): the index of the
        name at each strip or -1; astray (rows,): nats of names where no strip begins.
        """
        if c not in self._columns:
            geometry = np.array([self._cover(r, c) + self._boundaries(r, c) for r in self.evidence.rows])
            self._columns[c] = (geometry, *self._names(c))
        return self._columns[c]

    def column(self, c: int) -> np.ndarray:
        """Return which of a row's c strips each name begins, -1 for none."""
        return strips_of_names(self.evidence.names, self.x0, c, self.length / c + self.gap)

    def _span(self, c: int) -> tuple[float, float]:
        """Return from where to where a row of c strips can be on the paper."""
        width = self.evidence.width
        right = self.x0 + self.length + (c - 1) * self.gap
        return max(self.x0, 0.0), right if width is None else min(right, width)

    def _cover(self, row: Row, c: int) -> float:
        """Return the nats for what of a row of c strips is missing, and for trace outside of it."""
        left, right = self._span(c)
        gaps = (c - 1) * self.gap
        visible = max(right - left - gaps, 1e-6)
        missing = max(0.0, visible - row.covered_in(left, right) - END_MM)
        outside = max(0.0, row.covered - row.covered_in(self.x0 - END_MM, self.x0 + self.length + gaps + END_MM))
        off = 1 - visible / self.length
        return -ROW_MISSED * missing / visible - OUTSIDE * min(1.0, outside / self.length) - OFF_PAGE * min(1, 3 * off)

    def _boundaries(self, row: Row, c: int) -> float:
        """Return the nats of the starts and ends found in a row and of those not found."""
        if row.missed:
            return 0.0
        width, (left, right) = self.length / c, self._span(c)
        total = 0.0
        for points, first, weight in ((row.starts, 0, 1.0), (row.ends, 1, 0.6)):
            expected = self.x0 + width * first + (width + self.gap) * np.arange(c)
            # What lies off the paper, or where the trace is missing, cannot be found.
            there = np.array([left - 1 <= x <= right + 1 and row.covered_in(x - 8, x + 8) > 0 for x in expected])
            expected = expected[there]
            if not points:
                total -= weight * START_MISSED * len(expected)
                continue
            x, score = np.array(points).T
            distance = np.abs(x[:, None] - expected[None, :])
            hit = distance.min(axis=0) <= NEAR_MM if len(x) else np.zeros(len(expected), bool)
            astray = distance.min(axis=1) > NEAR_MM if len(expected) else np.ones(len(x), bool)
            # Where one wave of a row is taken for a start, so are those of the other beats.
            false = min(START_FALSE * score[astray].sum(), MOST_FALSE)
            total += weight * (START_HIT * hit.sum() - START_MISSED * (~hit).sum() - false)
        return total

    def _names(self, c: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        names, m = self.evidence.names, len(self.evidence.rows)
        # Few names in all, or doubtful ones: perhaps none are printed, and one that is not there says little.
        missed = NAME_MISSED * min(1.0, sum(n.score for n in names.names) / 4)
        says = np.full((m, c, len(LEADS)), -missed)
        at = np.full((m, c), -1)
        astray = np.zeros(m)
        column = self.column(c)
        for k, (row, col) in enumerate(zip(self.row_of_name, column, strict=True)):
            if row < 0:
                continue
            if col < 0:
                astray[row] -= NAME_ASTRAY * names.names[k].score
            elif at[row, col] < 0 or names.names[k].score > names.names[at[row, col]].score:
                at[row, col] = k
                says[row, col] = names.says[k] + NAME_FOUND
        return says, at, astray


def in_step(rows: list[Row], pitch: float) -> np.ndarray:
    """Return which rows (n,) stand in the rows' usual distance from the one above or below."""
    y = np.array([r.baseline for r in rows])
    usual = np.abs(np.diff(y) / pitch - 1) < IN_STEP
    return np.r_[False, usual] | np.r_[usual, False]


def rhythm_prior(lead: str) -> np.ndarray:
    """Return log P (12,) of each lead as the rhythm strip that a layout file calls `lead`."""
    odds = np.array([RHYTHM_ODDS.get(one, 0.25) for one in LEADS])
    odds[LEADS.index(lead)] = 0.0
    p = (1 - RHYTHM_USUAL) * odds / odds.sum()
    p[LEADS.index(lead)] = RHYTHM_USUAL
    return np.log(p)


def of_other_length(layout: Layout) -> bool:
    """Return whether a layout has rows of other than the seconds that its file says."""
    return layout.name in layout_names() and layout.seconds != load_layout(layout.name).seconds


def is_free(strip: Strip, layout: Layout) -> bool:
    """Return whether a strip's lead differs from machine to machine: a rhythm strip's, and that of a single strip."""
    return strip.rhythm or len(layout.strips) == 1


def fit_layout(layout: Layout, place: Placement) -> list[Fit]:
    """Return the best ways to put a layout's rows on those found, whose start and length `place` gives, best first.

    There are several where rows of the layout were not found: they may be the first ones or the last ones.
    """
    emission = np.stack([_row_scores(layout, k, place) for k in range(layout.n_rows)], axis=1)
    page = place.evidence
    y = np.array([r.baseline for r in page.rows])

    def way(first: int | None = None) -> tuple[list[int], float, float]:
        return align(emission, place.spare, y, page.pitch, page.height, layout.rhythm_rows, first)

    ways = [way()]
    if min(ways[0][0]) < 0:
        ways += [way(first) for first in range(MOST_ABSENT + 1)]
    fits = {tuple(rows): _fit(layout, place, rows, score, regular) for rows, score, regular in ways}
    return sorted(fits.values(), key=lambda f: -f.score)


def _fit(layout: Layout, place: Placement, chosen: list[int], score: float, regular: float) -> Fit:
    names = []
    for s in layout.strips:
        row, strips = chosen[s.row], layout.row(s.row)
        names.append(-1 if row < 0 else int(place.columns(len(strips))[2][row, strips.index(s)]))
    spelled = float(sum(_names_score(layout, k, place)[i] for k, i in enumerate(chosen) if i >= 0))
    pitch = _pitch_score(place.evidence, layout, chosen)
    read = place.evidence.names.names
    untold = layout.rare and not any(
        k >= 0 and read[k].lead == s.lead for s, k in zip(layout.strips, names, strict=True)
    )
    odd = ((place.gap, RARE_GAP), (of_other_length(layout), RARE_LENGTH), (untold, RARE_LAYOUT))
    rare = -sum(nats for is_odd, nats in odd if is_odd)
    parts = {"names": spelled, "rows": score - spelled, "steps": regular, "pitch": pitch, "rare": rare}
    astray = tuple(
        k
        for k, i in enumerate(place.row_of_name)
        if i in chosen and i >= 0 and place.column(len(layout.row(chosen.index(i))))[k] < 0
    )
    return Fit(layout, place.evidence, place.x0, tuple(chosen), score + pitch + rare, parts, tuple(names), astray)


def strip_windows(fit: Fit) -> list[tuple[Strip, float, float, float]]:
    """Return each strip with its first and last x and its baseline in mm; rows not found are where they should be."""
    speed, out = fit.evidence.speed, []
    heights = row_heights(fit)
    for s in fit.layout.strips:
        x0 = fit.x0 + s.offset_s * speed
        x1 = x0 + s.seconds * speed
        row = fit.row(s.row)
        out.append((s, x0, x1, heights[s.row] if row is None else row.baseline_in(x0, x1)))
    return out


def row_heights(fit: Fit) -> np.ndarray:
    """Return the baseline (mm) of each of the layout's rows: as found, else by the rows' distance."""
    known = [(k, fit.row(k).baseline) for k in range(fit.layout.n_rows) if fit.row(k) is not None]
    heights = []
    for k in range(fit.layout.n_rows):
        nearest, y = min(known, key=lambda row: abs(row[0] - k))
        heights.append(y if nearest == k else y + (k - nearest) * fit.evidence.pitch)
    return np.array(heights)


def _names_score(layout: Layout, k: int, place: Placement) -> np.ndarray:
    """Return per found row the nats of its names where it is row k of the layout."""
    strips = layout.row(k)
    _, says, at, astray = place.columns(len(strips))
    if is_free(strips[0], layout):
        prior = rhythm_prior(strips[0].lead)
        return astray + np.logaddexp.reduce(says[:, 0] + prior, axis=1)
    leads = [LEADS.index(s.lead) for s in strips]
    total = astray + says[:, np.arange(len(strips)), leads].sum(axis=1)
    read = place.evidence.names.names
    for c, s in enumerate(strips):
        if s.lead == "aVR":
            differs = np.array([n >= 0 and read[n].lead == "aVR" and read[n].sign != s.sign for n in at[:, c]])
            total = total - SIGN_DIFFERS * differs
    return total


def _row_scores(layout: Layout, k: int, place: Placement) -> np.ndarray:
    return place.columns(len(layout.row(k)))[0] + _names_score(layout, k, place)


def _pitch_score(evidence: Evidence, layout: Layout, chosen: list[int]) -> float:
    """Return the nats of the rows' distance, and of the paper below them where a layout leaves rows empty."""
    pitch, blank = evidence.pitch, 0.0
    if layout.blank_rows:
        last = evidence.rows[max(chosen)].baseline
        below = None if evidence.height is None else (evidence.height - last) / pitch
        blank = -0.5 if below is None else 0.5 if below > layout.blank_rows + 0.3 else -2.0
    if layout.n_rows == 1:
        return blank
    low, high = layout.row_pitch_mm
    off = max(float(np.log(low / pitch)), float(np.log(pitch / high)), 0.0)
    return blank - min((off / PITCH_SPREAD) ** 2 / 2, PITCH_LIMIT)
