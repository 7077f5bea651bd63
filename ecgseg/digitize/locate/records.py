"""Two records on one page: rows of a second one below the first, or beside it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ecgseg.digitize.locate.fit import Fit, Placement, fit_layout
from ecgseg.digitize.locate.leadnames import Names
from ecgseg.digitize.locate.rows import Row, union

TWO_RECORDS = -4.0  # nats: how much rarer two records on a page are than one
SHARE_OF_ROWS = 0.6  # of a layout's rows must be there for a second record
APART = 3.0  # mm of empty paper at least between two records side by side
SAME_NAMES = 0.6  # of the names on the right occur on the left too, where there are two records
MIN_NAMES = 3


def with_second(fit: Fit) -> Fit:
    """Return a fit that takes the rows it leaves over for a second record of its layout, where that explains more.

    The fit returned is the upper of the two; `parts` then has "second", the nats won.
    """
    evidence, layout = fit.evidence, fit.layout
    over = [i for i, r in enumerate(evidence.rows) if i not in fit.rows and not r.missed]
    if len(over) < max(2, SHARE_OF_ROWS * layout.n_rows):
        return fit
    place = Placement(evidence, fit.x0, fit.length)
    rest = replace(evidence, rows=[evidence.rows[i] for i in over])
    other = fit_layout(layout, Placement(rest, fit.x0, fit.length))[0]
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
        if (last - first) * 0.5 < APART:
            continue
        left = {n.lead for n, edge in zip(names.names, names.left, strict=True) if edge < x[first]}
        right = [n.lead for n, edge in zip(names.names, names.left, strict=True) if edge >= x[first]]
        if min(len(left), len(right)) >= MIN_NAMES and np.mean([lead in left for lead in right]) >= SAME_NAMES:
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


def _chosen(names: Names, wanted: Callable) -> Names:
    keep = wanted(names.left)
    read = tuple(n for n, k in zip(names.names, keep, strict=True) if k)
    return Names(names.left[keep], names.right[keep], names.y[keep], names.height[keep], read, names.says[keep])
