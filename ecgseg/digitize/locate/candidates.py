"""Rows and names → all ways to understand a page: layouts, speeds, starts, places of names, distances of rows."""

from dataclasses import replace

import numpy as np

from ecgseg.digitize.locate.fit import Evidence, Fit, Placement, fit_layout, row_heights, start_votes
from ecgseg.digitize.locate.gaps import column_gaps, strips_apart
from ecgseg.digitize.locate.leadnames import Names, name_offsets
from ecgseg.digitize.locate.records import with_second
from ecgseg.digitize.locate.rows import Row, row_pitches, rows_by_names, with_missed_rows
from ecgseg.digitize.locate.unnamed import COLUMNS, fit_apart, fit_unnamed, usual_seconds, usual_strip
from ecgseg.layout import Layout, with_gap, with_seconds

START_STEP = 20.0  # mm: two starts that differ by less say the same
OTHER_STEP = 0.2  # share by which the distance of lines of names differs from that of rows
SURE = 0.8  # probability of a name that may tell where rows are
LEFT_OUT = 1.5  # nats: trace as long as a row that lies between those that names tell
OTHER_LENGTH = (
    0.12  # share by which a page's rows differ from a layout's: it may be printed with fewer seconds, or more
)
SHORTEST, LONGEST = 0.45, 1.6  # the longest row found, in lengths of the layout's rows


def all_fits(
    rows: list[Row],
    names: Names,
    size: tuple[float | None, float | None],
    speeds: tuple[float, ...],
    tried: list[Layout],
    unnamed: bool,
) -> list[Fit]:
    """Return the fits of each layout, and of a page of no layout, best first, of those that agree the best one.

    rows and names in mm; `size` is the page's width and height in mm where known, `speeds` are in mm/s. Unless it is
    the only one, a layout much longer or shorter than the rows is left out.
    """
    longest = max(r.x1 - r.x0 for r in rows)
    found: list[Fit] = []
    for evidence in _evidences(rows, names, size, speeds):
        places: dict[tuple[int, float], list[Placement]] = {}

        def placements(columns: int, length: float, evidence=evidence, places=places) -> list[Placement]:
            key = (columns, round(length, 3))
            if key not in places:
                gaps = [0.0, *column_gaps(evidence.rows, names, columns, length)]
                starts = [(x0, gap) for gap in gaps for x0 in start_votes(evidence.rows, columns, length, gap)]
                places[key] = [Placement(evidence, x0, length, gap) for x0, gap in starts]
            return places[key]

        fits = [
            with_second(fit)
            for one in _of_length(tried, usual_seconds(evidence.rows, evidence.speed))
            if len(tried) == 1 or SHORTEST < longest / (one.seconds * evidence.speed) < LONGEST
            for place in placements(max(len(one.row(k)) for k in range(one.n_rows)), one.seconds * evidence.speed)
            for fit in fit_layout(with_gap(one, place.gap / evidence.speed) if place.gap else one, place)
        ]
        if unnamed:
            length = usual_seconds(evidence.rows, evidence.speed) * evidence.speed
            fits += [fit for place in placements(1, length)[:1] for fit in fit_unnamed(place)]
            fits += _unnamed_apart(evidence, length)
        found += [_with_left_out(fit) for fit in fits] if evidence.left_out else fits
    return _distinct(found)


def _of_length(layouts: list[Layout], seconds: float) -> list[Layout]:
    """Return layouts with those that have rows of another length than the page's also with rows of that length."""
    other = [one for one in layouts if one.n_rows > 1 and abs(seconds / one.seconds - 1) > OTHER_LENGTH]
    return layouts + [with_seconds(one, seconds) for one in other if len(layouts) > 1]


def _unnamed_apart(evidence: Evidence, whole: float) -> list[Fit]:
    """Return the fits of a page of no layout whose rows of `whole` mm have strips that stand apart, as names tell."""
    fits = []
    for columns in COLUMNS:
        apart = strips_apart(evidence.names, columns, whole)
        if apart is None:
            continue
        width, gap = usual_strip(apart[0], evidence.speed), apart[1]
        gap += apart[0] - width
        starts = start_votes(evidence.rows, columns, columns * width, gap)[:1]
        fits += [fit_apart(Placement(evidence, x0, columns * width, gap), columns) for x0 in starts]
    return fits


def _with_left_out(fit: Fit) -> Fit:
    """Return a fit less what the trace costs that it takes for none."""
    nats = -LEFT_OUT * fit.evidence.left_out / fit.length
    return replace(fit, score=fit.score + nats, parts={**fit.parts, "left out": nats})


def _distinct(fits: list[Fit]) -> list[Fit]:
    """Return the fits, best first, without those that say the same as a better one: the same leads, rows and start."""
    kept: dict[tuple, Fit] = {}
    for fit in sorted(fits, key=lambda f: (-f.score, f.layout.told_by)):
        told = [replace(s, offset_s=0.0) for s in fit.layout.strips]  # how far strips lie apart is no other reading
        leads = fit.layout.name if fit.layout.name == "unnamed" else tuple(told)
        at = () if fit.layout.name == "unnamed" else _place(fit)
        kept.setdefault((leads, at, fit.evidence.speed), fit)
    return list(kept.values())


def _place(fit: Fit) -> tuple:
    """Return what tells two ways to put a layout on a page: which row is the first, and where it starts, in steps."""
    return round(fit.x0 / START_STEP), round(float(row_heights(fit)[0]) / (0.5 * fit.evidence.pitch))


def _evidences(rows: list[Row], names: Names, size: tuple, speeds: tuple[float, ...]) -> list[Evidence]:
    """Return what the page shows for each speed, distance of rows and guess of where its names stand."""
    out = []
    for pitch in row_pitches(rows):
        for offset in name_offsets(names, rows, pitch):
            asked = with_missed_rows(rows, pitch, [float(y) - offset for y in names.y])
            out += [Evidence(asked, pitch, names, offset, *size, speed) for speed in speeds]
    sure = [float(y) for y, name in zip(names.y, names.names, strict=True) if name.score >= SURE]
    for offset in {0.0, *name_offsets(names, rows, row_pitches(rows)[0])} if sure else ():
        told, step, between = rows_by_names(rows, [y - offset for y in sure])
        if between > 0 or (told and OTHER_STEP < abs(np.log(step / row_pitches(rows)[0]))):
            out += [Evidence(told, step, names, offset, *size, speed, between) for speed in speeds]
    return out
