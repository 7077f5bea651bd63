"""Several records on one page: which rows and names are of a second one below the first or beside it, and the parts
of what was found that belong to one record and to the others."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ecgseg.digitize.locate.findings import Box, Findings, Point
from ecgseg.digitize.locate.fit import Fit, Placement, fit_layout, row_heights
from ecgseg.digitize.locate.leadnames import Names
from ecgseg.digitize.locate.rows import Row, union
from ecgseg.errors import LayoutError

TWO_RECORDS = -4.0  # nats: how much rarer two records on a page are than one
SHARE_OF_ROWS = 0.6  # of a layout's rows must be there for a second record
APART = 3.0  # mm of empty paper at least between two records side by side
SAME_NAMES = 0.6  # of the names of the one occur in the other too, where there are two records
SURE = 0.5  # score of the names that tell of two records side by side: blots read as names have less
MIN_NAMES = 3
MIN_ROWS = 2  # of a record below another: a single row may be a frame
SPARE = 0.6  # of the rows' length: what a row has at least that may be another record's
SURE_RECORD = 0.8  # confidence of each of two records in different layouts
CUTS = 2  # places at which a page of no layout is cut into two records
NO_LAYOUT = ("unnamed", "custom")


def with_second(fit: Fit) -> Fit:
    """Return a fit that takes the rows it leaves over for a second record of its layout, where that explains more.

    The fit returned is the upper of the two; `parts` then has "second", the nats won.
    """
    evidence, layout = fit.evidence, fit.layout
    over = [i for i, r in enumerate(evidence.rows) if i not in fit.rows and not r.missed]
    if len(over) < max(2, SHARE_OF_ROWS * layout.n_rows):
        return fit
    place = Placement(evidence, fit.x0, fit.length, fit.gap)
    rest = replace(evidence, rows=[evidence.rows[i] for i in over])
    other = fit_layout(layout, Placement(rest, fit.x0, fit.length, fit.gap))[0]
    spared = float(sum(place.spare[i] for i in over))
    won = spared + other.score + TWO_RECORDS
    if other.found_rows < SHARE_OF_ROWS * layout.n_rows or won <= 0:
        return fit
    own = np.array([-1 if i < 0 else over[i] for i in other.rows])
    first = fit
    if _top(own) < _top(np.array(fit.rows)):
        first = replace(other, evidence=evidence, rows=tuple(int(i) for i in own))
    rows = min(fit.parts["rows"] + spared, other.parts["rows"])
    return replace(first, score=fit.score + won, parts={**first.parts, "rows": rows, "second": won})


def _top(rows: np.ndarray) -> int:
    return int(rows[rows >= 0].min())


def side_by_side(rows: list[Row], names: Names) -> float | None:
    """Return the x (mm) where the left one of two records side by side ends, None where there is one record.

    Two records have empty paper between them in nearly all rows and the same names on both sides.
    """
    if len(names) < 2 * MIN_NAMES:
        return None
    x = np.arange(min(r.x0 for r in rows), max(r.x1 for r in rows), 0.5)
    held = np.zeros(len(x))
    for row in rows:
        for x0, x1 in union(row.pieces):
            held += (x >= x0) & (x <= x1)
    empty = np.flatnonzero(np.diff(np.r_[0, (held <= 0.15 * len(rows)).astype(int), 0]))
    for first, last in empty.reshape(-1, 2):
        if (last - first) * 0.5 < APART or not first or last == len(x):  # there are rows on both sides
            continue
        sure = [(n.lead, edge < x[first]) for n, edge in zip(names.names, names.left, strict=True) if n.score >= SURE]
        if _alike({lead for lead, on_left in sure if on_left}, {lead for lead, on_left in sure if not on_left}):
            return float(x[first])
    return None


def left_of(rows: list[Row], names: Names, end: float) -> tuple[list[Row], Names]:
    """Return the rows and names left of x = `end` mm."""
    kept = []
    for r in rows:
        pieces = tuple((a, min(b, end), y) for a, b, y in r.pieces if a < end)
        if pieces:
            starts, ends = (tuple(p for p in points if p[0] <= end + 1) for points in (r.starts, r.ends))
            kept.append(replace(r, x1=max(p[1] for p in pieces), pieces=pieces, starts=starts, ends=ends))
    return kept, _chosen(names, lambda edge: edge < end)


def parts_of(
    findings: Findings,
    fit: Fit,
    beside: float | None,
    read: tuple[list[Row], Names],
    px_per_mm: float,
    alone: Callable | None,
) -> tuple[Findings, Findings] | None:
    """Return what was found of the record that a fit explains and what of the others, None where there is one record.

    `beside` is as from `side_by_side`, `read` the page's rows and names. `alone(findings)` locates one record: with it
    records in other layouts are looked for too, where enough rows are left over or no layout explains the page.
    """
    if beside is not None or "second" in fit.parts:
        below = _edges(fit, px_per_mm) if "second" in fit.parts else (-np.inf, np.inf)
        return _parted(findings, (np.inf if beside is None else beside * px_per_mm, *below))
    if alone is None:
        return None
    if fit.layout.name in NO_LAYOUT:
        cuts = [(np.inf, -np.inf, y * px_per_mm) for y in _cuts(*read)[:CUTS]]
    else:
        cuts = [(np.inf, *_edges(fit, px_per_mm))] if len(_spare_rows(fit)) >= MIN_ROWS else []
    tried = (_parted(findings, edges) for edges in cuts)
    return next((parts for parts in tried if _are_records(parts, alone)), None)


def _are_records(parts: tuple[Findings, Findings], alone: Callable) -> bool:
    """Return whether both parts of a page are records by themselves: their names the same, their layouts sure."""
    if not _same_names(*parts):
        return False
    try:
        read = [alone(part) for part in parts]
    except LayoutError:
        return False
    sure = [r.layout is not None and r.layout.name not in NO_LAYOUT and r.confidence >= SURE_RECORD for r in read]
    return all(sure) and all(r.names_agreeing > 2 * r.names_contradicting for r in read)


def _cuts(rows: list[Row], names: Names) -> list[float]:
    """Return the heights (mm) at which a page may be cut into two records one above the other, likeliest first.

    The names below a cut are those above it again. Cuts lie between rows, the widest gaps first.
    """
    heights = [r.baseline for r in rows]
    cuts = []
    for above, below in pairwise(range(len(rows))):
        if above + 1 < MIN_ROWS or len(rows) - below < MIN_ROWS:
            continue
        # Names may stand above their row or below it.
        cut = (heights[above] + heights[below]) / 2
        upper = {n.lead for n, y in zip(names.names, names.y, strict=True) if y < cut}
        lower = [n.lead for n, y in zip(names.names, names.y, strict=True) if y >= cut]
        if min(len(upper), len(set(lower))) >= MIN_NAMES and np.mean([lead in upper for lead in lower]) >= SAME_NAMES:
            cuts.append((heights[above] - heights[below], cut))
    return [cut for _, cut in sorted(cuts)]


def _same_names(first: Findings, second: Findings) -> bool:
    """Return whether two parts of a page have enough names, and most of one part's are among the other's."""
    return _alike(*({n.lead for n in part.names} for part in (first, second)))


def _alike(one: set[str], other: set[str]) -> bool:
    fewer, more = sorted((one, other), key=len)
    return len(fewer) >= MIN_NAMES and len(fewer & more) >= SAME_NAMES * len(fewer)


def _spare_rows(fit: Fit) -> list[Row]:
    """Return the long rows that a fit does not use."""
    used = {i for i in fit.rows if i >= 0}
    rows = [r for i, r in enumerate(fit.evidence.rows) if i not in used and not r.missed]
    return [r for r in rows if r.covered > SPARE * fit.length]


def _edges(fit: Fit, px_per_mm: float) -> tuple[float, float]:
    """Return from where to where down the page (flat px) a fit's record reaches: halfway to the rows of others."""
    rows, used = fit.evidence.rows, {i for i in fit.rows if i >= 0}
    own = [h for h, i in zip(row_heights(fit), fit.rows, strict=True) if i >= 0]
    spare = [r.baseline for i, r in enumerate(rows) if i not in used and not r.missed]
    above = [y for y in spare if y < own[0]]
    under = [y for y in spare if y > own[-1]]
    top = (own[0] + max(above)) / 2 if above else -np.inf
    bottom = (own[-1] + min(under)) / 2 if under else np.inf
    return top * px_per_mm, bottom * px_per_mm


def _parted(findings: Findings, edges: tuple[float, float, float]) -> tuple[Findings, Findings]:
    """Return what was found within the edges (flat px: right, top, bottom) of a record, and all else.

    Where one of the two has no calibration text or no pulse of its own, those of the page hold for it too.
    """
    right, top, bottom = edges

    def inside(thing: Box | Point) -> bool:
        return thing.x < right and top <= thing.y < bottom

    def both(things: list) -> tuple[list, list]:
        return [t for t in things if inside(t)], [t for t in things if not inside(t)]

    def shared(things: list) -> tuple[list, list]:
        own, rest = both(things)
        return own or rest, rest or own

    own, rest = [], []
    for s in findings.stretches:
        if not top <= s.baseline < bottom or s.x0 >= right:
            rest.append(s)
        elif s.x1 <= right:
            own.append(s)
        else:
            own.append(replace(s, x1=right))
            rest.append(replace(s, x0=right))
    halves = zip(
        both(findings.names),
        shared(findings.pulses),
        shared(findings.texts),
        (own, rest),
        both(findings.starts),
        both(findings.ends),
        strict=True,
    )
    first, second = (Findings(*half) for half in halves)
    return first, second


def _chosen(names: Names, wanted: Callable) -> Names:
    keep = wanted(names.left)
    read = tuple(n for n, k in zip(names.names, keep, strict=True) if k)
    return Names(names.left[keep], names.right[keep], names.y[keep], names.height[keep], read, names.says[keep])
