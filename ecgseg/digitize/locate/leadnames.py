"""Printed lead names → what they say about a strip: where names stand, and how they are misread."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ecgseg.digitize.locate.findings import LeadName
from ecgseg.digitize.locate.rows import Row
from ecgseg.layout import LEADS

# mm from the strip's start to the name's left edge: names begin with the strip, a little before or after it.
NEAR_START = (-3.5, 7.0)
IN_MARGIN = 22.0  # left of the first strip a name may end, before a calibration pulse
SURE, UNSURE = 0.95, 0.5  # how often a name is read right whose finder gives 1, and 0
MISSED = 0.25  # share of printed names that are not found
STROKE, MANY_STROKES = "I", 3  # no page has its short strip and a rhythm strip of it and one more
ANOTHER = 2.5  # mm: heights of names above their rows that differ by more are two ways to write them
WORD, NAME_AFTER_WORD = 0.8, 0.5  # "Lead" may be read as a name of a score below the first; its name has the second
HAVE_WORDS = 0.5  # of a page's names, where any has
WORD_GAP = (-1.0, 4.0)  # mm between a word and its name; between large letters their height
SAME_PLACE = 1.0  # mm: names whose boxes' middles are nearer than their height and this are one, read twice

_ALIKE = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3", "V4", "V5", "V6"))


def confusion() -> np.ndarray:
    """Return P(read | printed) of misread names, (12 printed, 12 read), 0 on the diagonal, rows adding up to 1.

    Names that look alike are mistaken for each other three times as often as others.
    """
    weight = np.ones((len(LEADS), len(LEADS)))
    for group in _ALIKE:
        k = [LEADS.index(lead) for lead in group]
        weight[np.ix_(k, k)] = 3.0
    np.fill_diagonal(weight, 0.0)
    return weight / weight.sum(axis=1, keepdims=True)


_CONFUSION = confusion()


def reading(lead: str, score: float) -> np.ndarray:
    """Return per lead (12,) the log of how much more likely than by chance it is to be read as `lead`."""
    right = UNSURE + (SURE - UNSURE) * float(np.clip(score, 0, 1))
    k = LEADS.index(lead)
    p = (1 - right) * _CONFUSION[:, k]
    p[k] = right
    return np.log(len(LEADS) * p)


@dataclass(frozen=True)
class Names:
    """The lead names of a page in mm: left and right edge, middle height, height (n,) each, and the names."""

    left: np.ndarray
    right: np.ndarray
    y: np.ndarray
    height: np.ndarray
    names: tuple[LeadName, ...]
    says: np.ndarray  # (n, 12): `reading` of each

    def __len__(self) -> int:
        return len(self.names)


def page_names(names: list[LeadName], px_per_mm: float) -> Names:
    """Return the names of a page, of those in one place the surest. Raises ValueError for a lead that is none."""
    unknown = [n.lead for n in names if n.lead not in LEADS]
    if unknown:
        raise ValueError(f"lead names {unknown} found; expected names out of {LEADS}")
    kept: list[LeadName] = []
    for n in sorted(names, key=lambda n: -n.score):
        reach = SAME_PLACE * px_per_mm + 0.5 * (n.y1 - n.y0)
        if all(max(abs(n.x - k.x), abs(n.y - k.y)) > reach for k in kept):
            kept.append(n)
    kept = sorted(kept, key=lambda n: (n.y, n.x))
    edges = np.array([(n.x0, n.x1, n.y, n.y1 - n.y0) for n in kept], float).reshape(-1, 4) / px_per_mm
    says = np.array([reading(n.lead, n.score) for n in kept]).reshape(-1, len(LEADS))
    return Names(edges[:, 0], edges[:, 1], edges[:, 2], edges[:, 3], tuple(kept), says)


def without_words_before(names: list[LeadName], px_per_mm: float) -> list[LeadName]:
    """Return names without words that stand before them, as in "Lead I": such a name begins where its word does.

    Nowhere do two names follow each other so closely: the one read with less certainty is the word, or a piece of it.
    Where one name has a word, most have. Names of score 0 are pieces in which no name was read; they are not returned.
    """
    left = sorted(names, key=lambda n: -n.x0)
    kept, taken, after_words = [], set(), 0
    for name in left:
        if id(name) in taken or name.score < NAME_AFTER_WORD:
            continue
        joined = name
        for word in left:
            high = joined.y1 - joined.y0
            gap, level = joined.x0 - word.x1, abs(word.y - joined.y) <= 0.5 * high
            widest = max(WORD_GAP[1] * px_per_mm, high)
            if word.score < min(WORD, name.score) and level and WORD_GAP[0] * px_per_mm <= gap <= widest:
                joined = replace(joined, x0=word.x0)
                taken.add(id(word))
        taken.add(id(name))
        kept.append(joined)
        after_words += joined is not name
    if after_words < HAVE_WORDS * len(kept):
        return [n for n in names if n.score > 0]
    return kept + [n for n in names if id(n) not in taken and n.score > 0]


def name_offsets(names: Names, rows: list[Row], pitch: float) -> list[float]:
    """Return how far below its row's baseline a page's names stand (mm, above: negative), at most two guesses.

    All names of a page stand alike, but those in the margin may be level with their rows. Between close rows a name may
    belong to the one above or to the one below. Where there are two such ways, both are returned.
    """
    if not len(names) or not rows:
        return [0.0]
    reach = 0.75 * pitch
    offsets = names.y[:, None] - np.array([r.baseline for r in rows])[None, :]
    within = np.abs(offsets) <= reach
    each, weight = offsets[within], np.broadcast_to(_weights(names)[:, None], offsets.shape)[within]
    if not len(each):
        return [0.0]
    near = (weight * np.exp(-(((each[:, None] - each[None, :]) / 1.2) ** 2) / 2)).sum(axis=1)
    near *= weight * np.exp(-((each / reach) ** 2))
    best = each[np.argmax(near)]
    guesses = [float(np.median(each[np.abs(each - best) <= 1.5]))]
    rest = np.where(np.abs(each - best) > ANOTHER, near, 0.0)
    if rest.max() > 0.5 * near.max():
        guesses.append(float(each[np.argmax(rest)]))
    return guesses


def likely_strokes(names: Sequence[LeadName]) -> set[int]:
    """Return which names are single strokes where so many are read as lead I that they are ticks, edges and waves."""
    strokes = {k for k, name in enumerate(names) if name.lead == STROKE}
    return strokes if len(strokes) >= MANY_STROKES else set()


def _weights(names: Names) -> np.ndarray:
    """Return how much each name (n,) tells of where names stand."""
    weights = np.array([name.score for name in names.names])
    strokes = likely_strokes(names.names)
    if 0 < len(strokes) < len(names):
        weights[list(strokes)] = 0.0
    return weights


def rows_of_names(names: Names, rows: list[Row], pitch: float, offset: float, x0: float) -> np.ndarray:
    """Return the index of each name's row (n,), -1 where it stands beside none; `offset` as from `name_offsets`.

    Names in the margin left of `x0` (mm) may also stand level with their row.
    """
    if not len(names) or not rows:
        return np.full(len(names), -1)
    baselines = np.array([r.baseline for r in rows])
    reach = min(6.0, 0.45 * pitch)
    level = np.abs(names.y[:, None] - baselines)
    usual = np.abs(names.y[:, None] - offset - baselines)
    margin = (names.right < x0 + 0.5)[:, None]
    distance = np.where(margin, np.minimum(level, usual + 1.0), usual)
    row = distance.argmin(axis=1)
    return np.where(distance.min(axis=1) <= reach, row, -1)


def strips_of_names(names: Names, x0: float, columns: int, step: float) -> np.ndarray:
    """Return the column (n,) of a row of `columns` strips, one each `step` mm from x0, that each name begins, or -1."""
    starts = x0 + step * np.arange(columns)
    dx = names.left[:, None] - starts[None, :]
    # A name that begins left of the strip's start counts from its right edge at the latest.
    near = (dx >= NEAR_START[0]) & (dx <= NEAR_START[1])
    column = np.where(near.any(axis=1), near.argmax(axis=1), -1)
    margin = (names.right <= x0 + 2.0) & (names.right >= x0 - IN_MARGIN)
    return np.where((column < 0) & margin, 0, column)
