"""A page of no known layout: rows of equal strips, without names or with those that are printed there."""

from dataclasses import replace

import numpy as np

from ecgseg.digitize.locate.fit import NAME_FOUND, RARE_GAP, Evidence, Fit, Placement
from ecgseg.digitize.locate.rows import Row
from ecgseg.layout import LEADS, Layout, Strip, with_gap

COLUMNS = (1, 2, 3, 4, 6)
USUAL_SECONDS = (10.0, 7.5, 5.0, 6.0, 2.5, 12.0, 8.0, 9.0, 15.0, 16.0, 20.0)
USUAL_STRIP = (2.5, 3.0, 5.0, 6.0, 10.0)  # s of one strip
SNAP = 0.04  # a row, or a strip, this near to a usual length has it
PRIOR = -6.0  # nats: how much rarer a page of no known layout is than one of a given layout
TWICE = 2.5  # nats: two short strips of one name
MOST_FILLED = 4  # strips of twelve whose names the others' order tells
MIN_SCORE = 0.5  # a name read with less is no ground for naming a strip that nothing else names


def usual_seconds(rows: list[Row], speed: float) -> float:
    """Return the length of the found rows in seconds of paper, a usual one where it is near one.

    Half of all trace lies in rows of at least this length: short pieces of something else beside few rows do not count.
    """
    lengths = np.sort([r.x1 - r.x0 for r in rows if not r.missed])
    seconds = float(lengths[np.searchsorted(np.cumsum(lengths), lengths.sum() / 2)]) / speed
    near = [s for s in USUAL_SECONDS if abs(seconds / s - 1) <= SNAP]
    return near[0] if near else round(seconds, 1)


def usual_strip(width: float, speed: float) -> float:
    """Return the width in mm of a strip, that of a usual one where it is near one."""
    near = [s * speed for s in USUAL_STRIP if abs(width / (s * speed) - 1) <= SNAP]
    return near[0] if near else width


def fit_apart(place: Placement, columns: int) -> Fit:
    """Return the page as rows of `columns` strips that stand apart, with what that rarity costs."""
    fit = _fit(place, columns)
    return replace(fit, score=fit.score - RARE_GAP, parts={**fit.parts, "rare": -RARE_GAP})


def fit_unnamed(place: Placement) -> list[Fit]:
    """Return the page as rows of 1, 2, … equal strips called R1, R2S1, …, one fit for each number of strips.

    The last rows may be rhythm strips. Names count as far as each is there once, whichever they are.
    """
    return [_fit(place, c) for c in COLUMNS]


def _fit(place: Placement, c: int) -> Fit:
    evidence = place.evidence
    short, single = place.columns(c), place.columns(1)
    real = [i for i, r in enumerate(evidence.rows) if not r.missed]
    use = {i: max(short[0][i], single[0][i]) for i in real}
    kept = [i for i in real if use[i] >= -place.spare[i]] or real
    rhythm = 0
    while c > 1 and rhythm < min(3, len(kept) - 1) and single[0][kept[-1 - rhythm]] > short[0][kept[-1 - rhythm]]:
        rhythm += 1
    layout = _layout(evidence, place, len(kept), c, rhythm)
    tables = [short if k < len(kept) - rhythm else single for k in range(len(kept))]
    rows = sum(table[0][i] for i, table in zip(kept, tables, strict=True))
    rows -= float(sum(place.spare[i] for i in real if i not in kept))
    names = tuple(int(tables[s.row][2][kept[s.row], column]) for s, column in _with_columns(layout))
    spelled = _spelled(layout, names, place, kept, tables)
    parts = {"rows": float(rows), "names": spelled, "prior": PRIOR}
    return Fit(layout, evidence, place.x0, tuple(kept), float(rows) + spelled + PRIOR, parts, names)


def _layout(evidence: Evidence, place: Placement, n: int, c: int, rhythm: int) -> Layout:
    seconds = place.length / evidence.speed
    strips = []
    for row in range(n):
        count = c if row < n - rhythm else 1
        width = seconds / count
        for k in range(count):
            label = f"R{row + 1}" if count == 1 else f"R{row + 1}S{k + 1}"
            strips.append(Strip(label, row, k * width, (k + 1) * width, k * width, rhythm=row >= n - rhythm))
    pitch = evidence.pitch
    layout = Layout("unnamed", tuple(strips), seconds, (pitch, pitch), rhythm, told_by="names")
    return with_gap(layout, place.gap / evidence.speed)


def _with_columns(layout: Layout) -> list[tuple[Strip, int]]:
    return [(s, layout.row(s.row).index(s)) for s in layout.strips]


def _spelled(layout: Layout, names: tuple[int, ...], place: Placement, kept: list[int], tables: list) -> float:
    """Return the nats of the names: each of twelve leads once, in any order."""
    read = place.evidence.names.names
    seen: set[str] = set()
    total = sum(float(table[3][i]) for i, table in zip(kept, tables, strict=True))
    for (s, column), k in zip(_with_columns(layout), names, strict=True):
        if k < 0:
            total += float(tables[s.row][1][kept[s.row], column, 0])  # the same for all leads: a name not found
            continue
        total += NAME_FOUND
        if s.rhythm:
            continue
        if read[k].lead in seen:
            total -= TWICE
        else:
            total += float(np.log(len(LEADS) / (len(LEADS) - len(seen))))
            seen.add(read[k].lead)
    return total


def named_by_print(fit: Fit) -> Fit | None:
    """Return an unnamed fit with its strips called as their names say, its layout `custom`.

    Of twelve short strips a few may lack their names where the others leave one choice, or stand in the leads' usual
    order by rows or by columns. None where strips cannot be named so, two short ones have one name, or a row has none:
    names half-way between two rows would then be those of either. None, too, where more names stand at no strip.
    """
    names = fit.evidence.names.names
    read = [names[k] if k >= 0 and names[k].score >= MIN_SCORE else None for k in fit.names]
    if 2 * sum(name is not None for name in read) < sum(name.score >= MIN_SCORE for name in names):
        return None
    short = [(s, name) for s, name in zip(fit.layout.strips, read, strict=True) if not s.rhythm]
    rows = {s.row for s, name in zip(fit.layout.strips, read, strict=True) if name}
    filled = _filled(fit.layout, [name and name.lead for _, name in short])
    if filled is None or len(rows) < fit.layout.n_rows:
        return None
    leads = iter(filled)
    strips = tuple(
        replace(s, lead=name.lead if s.rhythm else next(leads), sign=name.sign if name else 1)
        for s, name in zip(fit.layout.strips, read, strict=True)
    )
    return replace(fit, layout=replace(fit.layout, name="custom", strips=strips))


def _filled(layout: Layout, leads: list[str | None]) -> list[str] | None:
    """Return the leads of a layout's short strips with those filled in that the others tell; None if not all are."""
    told = [lead for lead in leads if lead is not None]
    missing = len(leads) - len(told)
    if len(set(told)) < len(told):
        return None
    if not missing:
        return leads
    if len(leads) != len(LEADS) or missing > MOST_FILLED:
        return None
    if missing == 1:
        left = next(lead for lead in LEADS if lead not in told)
        return [lead or left for lead in leads]
    columns = len(layout.row(0))
    by_columns = np.array(LEADS).reshape(columns, -1).T.ravel() if len(LEADS) % columns == 0 else LEADS
    for order in (list(LEADS), [str(lead) for lead in by_columns]):
        if all(lead in (None, usual) for lead, usual in zip(leads, order, strict=True)):
            return order
    return None
