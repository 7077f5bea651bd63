"""Where a page's rows start, to a fraction of a millimetre: from their ink, and a row that is shifted on its own."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ecgseg.digitize.locate.echoes import BAND, Echoes
from ecgseg.digitize.locate.fit import Fit, row_heights
from ecgseg.layout import with_gap

TOLD_MM = 1.5  # between the rows' start and what single strips tell of it
MIN_TOLD = 3
SEARCH = 4.0  # mm beside the start that the strips' places give
STEADY = 8.0  # mm that a trace goes on for at least
AGREE = 0.5  # mm
HALF_STROKE = 0.2  # a line's ink, and what a network calls so, goes about half its width beyond its last point
SHIFT_MM = 7.5  # a row this far off is shifted; less may be a 5 mm calibration pulse or a faint beginning
WHOLE = 2.5  # mm: a row of the layout's length, give or take this, is all there


def told_start(fit: Fit, points: Iterable[tuple[float, bool]]) -> float | None:
    """Return the x (mm) at which the rows start, from where single strips start and end; None if too few tell.

    points: (x in mm, whether a strip starts there). Each tells the rows' start by where its strip lies in the row.
    """
    speed = fit.evidence.speed
    starts = {s.offset_s * speed for s in fit.layout.strips}
    ends = {(s.offset_s + s.seconds) * speed for s in fit.layout.strips}
    told = [x - offset for x, begins in points for offset in (starts if begins else ends)]
    near = [x for x in told if abs(x - fit.x0) < TOLD_MM]
    return float(np.median(near)) if len(near) >= MIN_TOLD else None


def refined_start(fit: Fit, echoes: Echoes | None, told: float | None = None) -> float:
    """Return the x (mm) at which the rows start, `told` being what single strips tell of it.

    Best is where most rows' ink ends, less their length: nothing stands there, while a start has a pulse, a name or
    a separator beside it. It is believed near what is told, or else near `fit.x0`.
    """
    near = fit.x0 if told is None else told
    if echoes is None:
        return near
    half = min(BAND, 0.5 * fit.evidence.pitch)
    rows = [(y, fit.row_length(k)) for k, y in enumerate(row_heights(fit)) if fit.row(k) is not None]
    # Each row's end, less its length: rows of one strip are shorter where there are gaps between the others'.
    end = _agreed(np.array([_edge(echoes, fit.x0 + length, y, half, -1) - length for y, length in rows]))
    if end is not None and abs(end - HALF_STROKE - near) < TOLD_MM:
        return end - HALF_STROKE
    if told is not None:
        return told
    begin = _agreed(np.array([_edge(echoes, fit.x0, y, half, 1) for y, _ in rows]))
    return fit.x0 if begin is None else begin + HALF_STROKE


def with_refined_gap(fit: Fit, echoes: Echoes | None) -> Fit:
    """Return a fit whose strips stand apart with its start and its gap as the ends of the strips' ink tell them.

    Nothing stands between such strips: both ends of each column are seen, those of all its rows alike.
    """
    if echoes is None or not fit.gap:
        return fit
    half = min(BAND, 0.5 * fit.evidence.pitch)
    width, step = fit.length / _columns(fit), fit.length / _columns(fit) + fit.gap
    rows = [
        y for k, y in enumerate(row_heights(fit)) if fit.row(k) is not None and len(fit.layout.row(k)) == _columns(fit)
    ]
    told = []
    for column in range(_columns(fit)):
        for side, way in ((0.0, 1), (width, -1)):
            x = fit.x0 + column * step + side
            edge = _agreed(np.array([_edge(echoes, x, y, half, way) for y in rows]))
            if edge is not None:
                told.append((column, edge + way * HALF_STROKE - side - column * width))
    if len({column for column, _ in told}) < 2 or len(told) < MIN_TOLD:
        return fit
    column, at = np.array(told).T
    gap, x0 = np.polyfit(column, at, 1)
    if np.abs(at - x0 - gap * column).max() > AGREE or gap < 0:
        return fit
    return replace(fit, x0=float(x0), layout=with_gap(fit.layout, float(gap) / fit.evidence.speed))


def _columns(fit: Fit) -> int:
    return max(len(fit.layout.row(k)) for k in range(fit.layout.n_rows))


def _edge(echoes: Echoes, x: float, baseline: float, half: float, way: int) -> float:
    """Return where the ink of a row begins (way 1) or ends (-1) within SEARCH mm of x; NaN where it does not."""
    scale = echoes.px_per_mm / 2
    left, right = (x - SEARCH, x + SEARCH + STEADY) if way > 0 else (x - SEARCH - STEADY, x + SEARCH)
    ink = np.isfinite(echoes.strip(left, right, baseline, half))[::way]
    need = round(STEADY * scale)
    filled = np.convolve(ink, np.ones(need), "valid") >= 0.9 * need
    start = np.flatnonzero(filled & ink[: len(filled)])
    # Ink from the window's edge on may begin anywhere.
    if not len(start) or start[0] == 0:
        return float("nan")
    first = (round(left * scale) + (start[0] if way > 0 else len(ink) - 1 - start[0])) + 0.25
    return float((first - way * 0.5) / scale)


def _agreed(x: np.ndarray) -> float | None:
    """Return the median of the largest group of values that agree; None where fewer than half, or than two, do."""
    x = x[np.isfinite(x)]
    if not len(x):
        return None
    near = np.abs(x[:, None] - x[None, :]) <= AGREE
    best = near[near.sum(axis=1).argmax()]
    enough = best.sum() >= max(2, 0.5 * len(x)) or len(x) == 1
    return float(np.median(x[best])) if enough else None


def own_starts(fit: Fit) -> tuple[list[float], list[str]]:
    """Return by how much (mm) each of the layout's rows starts later than the page's rows do, and what to say of it.

    Only a row of full length that lies plainly elsewhere is shifted; another may have lost a piece of its trace.
    """
    shifts, said = [0.0] * fit.layout.n_rows, []
    for k in range(fit.layout.n_rows):
        row = fit.row(k)
        if row is None or row.missed:
            continue
        shift = row.x0 - fit.x0
        if abs(shift) > SHIFT_MM and abs(row.x1 - row.x0 - fit.row_length(k)) <= WHOLE:
            shifts[k] = shift
            said.append(f"row {k + 1} starts {shift:+.1f} mm from the other rows; its own start is used")
    return shifts, said
