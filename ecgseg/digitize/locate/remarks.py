"""What a person should know about how the strips of a page were found, in one sentence each."""

import numpy as np

from ecgseg.digitize.locate.fit import Fit, of_other_length, row_heights, strip_windows
from ecgseg.digitize.locate.rows import Row
from ecgseg.layout import Layout, layout_names, load_layout

HARDLY = 0.2  # of a strip's length
OFF_MM = 2.0
WORTH_A_LOOK = 0.6  # of a row's length


def remarks(fit: Fit, named: bool) -> list[str]:
    """Return what is odd about a fit: names that contradict it, rows and strips that are missing or left over."""
    spoken = [*_second(fit), *_partial(fit), *_missing_rows(fit), *_spare_rows(fit), *_empty_strips(fit)]
    return spoken + [*_length(fit), *_contradictions(fit)] if named else spoken


def unnamed_remark(fit: Fit, rivals: list[Layout]) -> str:
    """Say why the leads of a page are not known, and what to do."""
    rows = fit.layout.n_rows
    found = f"{rows} row{'s' if rows > 1 else ''} of trace found, {fit.length:.0f} mm long, with {_spelled(fit)}"
    if rivals:
        fits = f"which may be {' or '.join(sorted({r.name for r in rivals}))}"
    else:
        fits = "which fits no known layout"
    choices = "" if rivals else f" ({', '.join(layout_names())})"
    return (
        f"{found}, {fits}: the strips are given without lead names; name the layout with digitize.layout=…{choices}, "
        f"or check the paper speed ({fit.evidence.speed:g} mm/s)"
    )


def too_few_rows(rows: list[Row], layout: Layout, speed: float) -> str:
    """Say that a layout that was asked for cannot be that of the page."""
    length = float(np.median([r.x1 - r.x0 for r in rows]))
    return (
        f"{len(rows)} rows of trace found, {length:.0f} mm long, but layout {layout.name} ({layout.n_rows} rows of "
        f"{layout.seconds * speed:g} mm) was asked for: choose another of {', '.join(layout_names())}"
    )


def _spelled(fit: Fit) -> str:
    read = [fit.evidence.names.names[k].lead for k in fit.names if k >= 0]
    return f"the names {', '.join(read)}" if read else "no lead name"


def _length(fit: Fit) -> list[str]:
    """Say that rows are not as long as their layout's usually are: the speed may be another."""
    layout, speed = fit.layout, fit.evidence.speed
    if not of_other_length(layout):
        return []
    usual = load_layout(layout.name).seconds
    return [
        f"the rows are {layout.seconds:.3g} s long at {speed:g} mm/s, those of layout {layout.name} usually "
        f"{usual:g} s: check the paper speed (at {speed * layout.seconds / usual:.3g} mm/s they would have those)"
    ]


def _second(fit: Fit) -> list[str]:
    if "second" not in fit.parts:
        return []
    return ["there are two records on the page, one above the other: the upper one is read, the other left out"]


def _partial(fit: Fit) -> list[str]:
    """Say which part of the layout lies off the picture."""
    width, height = fit.evidence.width, fit.evidence.height
    heights = row_heights(fit)
    off = [
        side
        for side, is_off in (
            ("left", fit.x0 < -OFF_MM),
            ("right", width is not None and fit.x0 + fit.length > width + OFF_MM),
            ("upper", heights[0] < 0),
            ("lower", height is not None and heights[-1] > height),
        )
        if is_off
    ]
    if not off:
        return []
    return [f"part of the record lies off the {' and the '.join(off)} edge of the picture: what is there is read"]


def _missing_rows(fit: Fit) -> list[str]:
    heights, limit = row_heights(fit), fit.evidence.height
    out = []
    for k in range(fit.layout.n_rows):
        row = fit.row(k)
        if (row is None or row.missed) and heights[k] >= 0 and (limit is None or heights[k] <= limit):
            leads = ", ".join(s.lead for s in fit.layout.row(k))
            out.append(f"row {k + 1} ({leads}) was not found; it is looked for where it should be")
    return out


def _spare_rows(fit: Fit) -> list[str]:
    if "second" in fit.parts:
        return []
    used = {i for i in fit.rows if i >= 0}
    # Half a row and less is a frame or a line of text more often than leads.
    long = [r for i, r in enumerate(fit.evidence.rows) if r.covered > WORTH_A_LOOK * fit.length and i not in used]
    spare = [r for r in long if not r.missed]
    if not spare:
        return []
    return [
        f"{len(spare) + fit.found_rows} rows of trace found, {fit.found_rows} used: check that no row of leads was "
        "taken for text"
    ]


def _empty_strips(fit: Fit) -> list[str]:
    out = []
    for s, x0, x1, _ in strip_windows(fit):
        row, width = fit.row(s.row), fit.evidence.width
        right = x1 if width is None else min(x1, width)
        there = right - max(x0, 0.0)
        if row is not None and not row.missed and there > 0 and row.covered_in(x0, x1) < HARDLY * there:
            out.append(f"hardly any trace where lead {s.lead} (row {s.row + 1}) should be")
    return out


def _contradictions(fit: Fit) -> list[str]:
    read, out = [fit.evidence.names.names[k].lead for k in fit.astray], []
    if read:
        what = f"name{'s' if len(read) > 1 else ''} {', '.join(read)}"
        out.append(
            f"the {what} stand{'' if len(read) > 1 else 's'} where layout {fit.layout.name} has no strip's start"
        )
    for s, k in zip(fit.layout.strips, fit.names, strict=True):
        if k < 0:
            continue
        name = fit.evidence.names.names[k]
        where = f"in row {s.row + 1}, {s.offset_s:g} s from its start,"
        if name.lead != s.lead:
            out.append(f"the name {where} was read as {name.lead}, but layout {fit.layout.name} has {s.lead} there")
        elif name.lead == "aVR" and name.sign != s.sign:
            upside = "upside down (-aVR)" if s.sign < 0 else "upright"
            out.append(f"the name aVR {where} and layout {fit.layout.name}, which has it {upside}, differ in the sign")
    return out
