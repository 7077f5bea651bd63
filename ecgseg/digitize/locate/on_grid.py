"""Rows of trace are where the grid is: what looks like one on a table or on other paper is none."""

from dataclasses import replace
from functools import partial

import numpy as np

from ecgseg.digitize.flat.grid import FlatPage
from ecgseg.digitize.locate.findings import Findings
from ecgseg.digitize.locate.locate import Located, locate
from ecgseg.errors import LayoutError
from ecgseg.layout import Layout

OFF_GRID_MM = 0.4  # a map that is off by more has no grid there: of 771 rows of 79 known pages none, 30 of 187 others
ABOUT_MM = 5.0  # above and below a row


def on_grid(findings: Findings, flat: FlatPage) -> Findings:
    """Return findings without the rows that lie where a flat page shows no grid."""
    reach = ABOUT_MM * flat.px_per_mm
    kept = [s for s in findings.stretches if not flat.error_along(s.x0, s.x1, s.baseline, reach) > OFF_GRID_MM]
    return replace(findings, stretches=kept)


def locate_on(
    flat: FlatPage,
    findings: Findings,
    speed: float,
    layout: str | Layout | None,
    trace: np.ndarray | None,
    speed_told: bool = True,
    named: bool = True,
) -> Located:
    """Locate the strips of a flat page as `locate` does; where nothing is named, only the rows on its grid count.

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
