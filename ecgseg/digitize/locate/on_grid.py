"""Rows of trace are where the page's grid is: what looks like one on a table or on other paper is none."""

from dataclasses import replace
from functools import partial

import numpy as np

from ecgseg.digitize.flat.grid import FlatPage
from ecgseg.digitize.locate.findings import Findings, Stretch
from ecgseg.digitize.locate.locate import Located, locate
from ecgseg.errors import LayoutError
from ecgseg.layout import Layout

OFF_GRID_MM = 0.4  # a map that is off by more has no grid there: of 771 rows of 79 known pages none, 30 of 187 others
ABOUT_MM = 5.0  # above and below a row
# Of seven photographed sheets, three of them on other graph paper, the area of three was plain: 2 to 4 mm within the
# sheet's edge. Of pale grids, which fade in places, it is not.
IN_STEP, ASTRAY = 0.9, 0.1  # cells inside the grid's area that show it at least, and outside of it at most
BESIDE_MM = 4.0  # beside the area a row may go on so far
MOSTLY = 0.7  # of all trace lies within; where a pale grid is seen between the rows alone, it does not


def on_grid(findings: Findings, flat: FlatPage) -> Findings:
    """Return findings without the rows that lie where a flat page shows no grid."""
    reach = ABOUT_MM * flat.px_per_mm
    kept = [s for s in findings.stretches if not flat.error_along(s.x0, s.x1, s.baseline, reach) > OFF_GRID_MM]
    return replace(findings, stretches=kept)


def grid_area(there: np.ndarray) -> tuple[int, int, int, int] | None:
    """Return the cells (first row, last + 1, first column, last + 1) of the upright rectangle that holds a page's grid.

    there (ny, nx) bool: where the grid is seen. The rectangle is that with the most such cells less others. None where
    it is not seen in too many cells inside, or is in too many outside: then it has no plain edge.
    """
    gain = np.where(there, 1, -1)
    above = np.concatenate([np.zeros_like(gain[:1]), np.cumsum(gain, axis=0)])
    most, area = 0, None
    for top in range(len(gain)):
        columns = above[top + 1 :] - above[top]
        total = np.concatenate([np.zeros_like(columns[:, :1]), np.cumsum(columns, axis=1)], axis=1)
        over = total - np.minimum.accumulate(total, axis=1)
        rows, right = np.unravel_index(over.argmax(), over.shape)
        if over[rows, right] > most:
            most = over[rows, right]
            area = top, int(top + rows + 1), int(total[rows, : right + 1].argmin()), int(right)
    if area is None:
        return None
    inside = np.zeros_like(there)
    inside[area[0] : area[1], area[2] : area[3]] = True
    plain = there[inside].mean() >= IN_STEP and (inside.all() or there[~inside].mean() <= ASTRAY)
    return area if plain else None


def within_grid(findings: Findings, flat: FlatPage) -> Findings:
    """Return findings without the parts of rows, and the starts and ends of strips, that lie beside the area of a flat
    page's grid; as they are where that has no plain edge, or does not hold most of the trace."""
    area = None if flat.lines_there is None else grid_area(flat.lines_there)
    if area is None:
        return findings
    (ny, nx), (h, w) = flat.lines_there.shape, flat.image.shape[:2]
    beside = BESIDE_MM * flat.px_per_mm
    top, bottom = area[0] * h / ny - beside, area[1] * h / ny + beside
    left, right = area[2] * w / nx - beside, area[3] * w / nx + beside
    cut = [
        replace(s, x0=max(s.x0, left), x1=min(s.x1, right)) for s in findings.stretches if top <= s.baseline <= bottom
    ]
    cut = [s for s in cut if s.x1 > s.x0]
    if _length(cut) < MOSTLY * _length(findings.stretches):
        return findings
    starts, ends = (
        [p for p in points if left <= p.x <= right and top <= p.y <= bottom]
        for points in (findings.starts, findings.ends)
    )
    return replace(findings, stretches=cut, starts=starts, ends=ends)


def _length(stretches: list[Stretch]) -> float:
    return sum(s.x1 - s.x0 for s in stretches)


def locate_on(
    flat: FlatPage,
    findings: Findings,
    speed: float,
    layout: str | Layout | None,
    trace: np.ndarray | None,
    speed_told: bool = True,
    named: bool = True,
) -> Located:
    """Locate the strips of a flat page as `locate` does, of what lies within its grid's area; where nothing is named,
    only the rows on its grid count.

    A grid may fade under a flash: names are believed rather than it. Raises LayoutError.
    """
    place = partial(
        locate,
        px_per_mm=flat.px_per_mm,
        speed=speed,
        layout=layout,
        trace=trace,
        speed_told=speed_told,
        named=named,
    )
    findings = within_grid(findings, flat)
    located = place(findings)
    if located.named:
        return located
    kept = on_grid(findings, flat)
    if len(kept.stretches) in (0, len(findings.stretches)):
        return located
    try:
        return place(kept)
    except LayoutError:
        return located
