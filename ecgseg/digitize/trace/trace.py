"""Flat page and strips → trace positions: every row is one crop of one batch through the network."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import binary_dilation, label, uniform_filter1d

from ecgseg.digitize.trace.confidence import CLAIM, SAME_INK_MM, Calibration, Evidence, shipped
from ecgseg.digitize.trace.drift import Row, levels
from ecgseg.digitize.trace.exchange import exchanged
from ecgseg.digitize.trace.neighbours import read_apart
from ecgseg.digitize.trace.pieces import LONG, piece_lengths
from ecgseg.digitize.trace.place import SEARCH_MM, after_pulse, ink_length, meeting, place_strips
from ecgseg.digitize.trace.windows import cut, cut_along
from ecgseg.nets.plain import STRIDE
from ecgseg.nets.runtime import usable
from ecgseg.subcolumns import SUBCOLUMNS, subcolumn_x

_PX_PER_MM = 8.0  # what the network reads
_SIDE = 32  # px of page kept left and right of a row, so that its ends are seen in their surroundings
TALLER_MM = (80.0, 112.0)  # heights of the further readings of a row that leaves the one before
FAR_MM = 33.0  # a row that goes further from its level somewhere is read 112 mm high without the others, else 80 mm
NEAR_MM = 4.0  # a trace closer than this to the crop's border is looked at again
EDGE_MM = 1.0
COMPLEX_MM = 10.0  # what stays outside the first crop for longer is no complex, but another row
OUTSIDE_MM = 1.5  # of row on either side of a place near the border that is not believed: 60 ms, half a wide QRS
MEET_PX = 1.0  # strips that end and begin as close as this share a jump
UNSURE = 0.8  # the probability of another row's ink beyond which a reading along it is that row's
BEYOND_MM = 8.0  # beyond where a row was found its ends are looked for, where its length is measured
AWAY_MM = 1.5  # off its zero line a row that drifts is read about its level
_ALONG = ("level", "y", "mass", "spread", "ink", "piece")
AROUND_MM = 20.0  # of row on either side of such a place: half a heart beat, and more than the network sees


@dataclass(frozen=True)
class Span:
    """Where a row is on the flat page, in px: its zero line, and from where to where its strips reach."""

    centre: float
    x0: float
    x1: float

    @property
    def left(self) -> int:
        return int(np.floor(self.x0)) - _SIDE


def trace_strips(
    net,
    image: np.ndarray,
    strips: list,
    height: int = 448,
    calibration: Calibration | None = None,
    again: bool = True,
    apart: bool = True,
) -> tuple[list, list[tuple]]:
    """Read the trace of every strip; return the strips where their trace says they lie, and the traces.

    net: a strip network as `open_net` gives it, or a StripNet; image (H, W, 3) uint8 at its 8 px/mm; strips have row,
    x0, x1 and baseline in pixels of it; height: rows of pixels read about the baseline, 56 mm: more than the crops of
    the training have. Where a trace comes near their border, the row is read `again` in a higher crop, or else left
    out there; `apart`: rows that run into each other are read once more, each without the others. `calibration`
    makes evidence into confidence (None: the shipped one). The traces
    are one (x, y, confidence) per strip, each (n,) float with four positions a pixel column, x and y in pixels of the
    flat page; confidence is the probability that y is within 0.5 mm of the truth, and y is NaN where it is likelier
    that something else was read than the trace.
    """
    calibration = calibration or shipped()
    evidence = read_rows(net, image, list(row_spans(strips).values()), height, again)
    strips, shift = place_strips(strips, evidence, image)
    if abs(shift) > SEARCH_MM:
        evidence = read_rows(net, image, list(row_spans(strips).values()), height, again)
    # Once rows lie where they are: a row beside its place is doubted for that.
    evidence = rows_told_apart(net, image, list(row_spans(strips).values()), evidence, calibration, height, apart)
    return strips, strip_traces(strips, evidence, calibration)


def strip_traces(strips: list, evidence: Evidence, calibration: Calibration) -> list[tuple]:
    """Return one (x, y, confidence) per strip, as `trace_strips` does, of the evidence about the strips' rows."""
    rows = sorted({s.row for s in strips})
    confidence, kept = calibration(evidence)
    # Neither value nor confidence: what is left out must not be bridged with what was wrongly read.
    y, confidence = np.where(kept, evidence.y, np.nan), confidence * kept
    x = subcolumn_x(y.shape[1] // SUBCOLUMNS)
    traces = []
    for strip in strips:
        i = rows.index(strip.row)
        at = x + evidence.left[i]
        inside = (at >= strip.x0) & (at < strip.x1)
        row = [s for s in strips if s.row == strip.row]
        own = inside & _own(at, strip, row, lambda x, i=i: meeting(evidence, i, x))
        held, sure = _held(y[i], own), _held(confidence[i], own)
        if not any(abs(other.x1 - strip.x0) < MEET_PX for other in row) and (end := after_pulse(evidence, i, strip.x0)):
            held, sure = np.where(at > end, held, np.nan), np.where(at > end, sure, 0.0)
        traces.append((at[inside], held[inside], sure[inside]))
    return traces


def _own(at: np.ndarray, strip, row: list, meeting_near: Callable) -> np.ndarray:
    """Return which of the places `at` (px) do not lie where the trace jumps from or to a strip that `strip` meets."""
    own = np.ones(at.shape, bool)
    if any(abs(other.x1 - strip.x0) < MEET_PX for other in row) and (jump := meeting_near(strip.x0)):
        own &= at >= jump[1]
    if any(abs(other.x0 - strip.x1) < MEET_PX for other in row) and (jump := meeting_near(strip.x1)):
        own &= at < jump[0]
    return own


def _held(values: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return values (n,) with those before the first own sample, and after the last, as there."""
    at = np.flatnonzero(own)
    return values[np.clip(np.arange(values.size), at[0], at[-1])] if at.size else values


def read_rows(net, image: np.ndarray, spans: list[Span], height: int = 448, again: bool = True) -> Evidence:
    """Return what the network says about each row, its columns counted from the row's `left`; y in px of the page."""
    width = _up(max(s.x1 - s.left for s in spans) + _SIDE)
    first = _read(net, image, spans, width, height)
    if not again:
        return _without_outside(first, height)
    rows = [_one(first, i) for i in range(len(spans))]
    heights = [height, *(_up(mm * _PX_PER_MM) for mm in TALLER_MM)]
    for lower, taller in pairwise(heights):
        rows = [_read_again(net, image, span, row, lower, taller) for span, row in zip(spans, rows, strict=True)]
    return _followed(net, image, spans, _stacked(rows), height)


def row_lengths(net, image: np.ndarray, strips: list, height: int = 448) -> np.ndarray:
    """Return how many mm the ink of each row (rows,) reaches, up to BEYOND_MM beyond where its strips lie.

    NaN where its ends are not seen. Takes what `trace_strips` does.
    """
    beyond = BEYOND_MM * _PX_PER_MM
    spans = [Span(s.centre, s.x0 - beyond, s.x1 + beyond) for s in row_spans(strips).values()]
    evidence = read_rows(net, image, spans, height, again=False)
    return np.array([ink_length(evidence, i, span.x0, span.x1) for i, span in enumerate(spans)])


def row_spans(strips: list) -> dict[int, Span]:
    """Return where each row of strips is, from the top; the strips of a row share one crop."""
    spans = {}
    for row in sorted({s.row for s in strips}):
        group = [s for s in strips if s.row == row]
        centre = float(np.median([s.baseline for s in group]))
        spans[row] = Span(centre, min(s.x0 for s in group), max(s.x1 for s in group))
    return spans


def _up(n: float) -> int:
    return int(np.ceil(n / STRIDE)) * STRIDE


def _one(evidence: Evidence, i: int) -> Evidence:
    return Evidence(**{f.name: getattr(evidence, f.name)[i : i + 1] for f in fields(Evidence)})


def _stacked(rows: list[Evidence]) -> Evidence:
    return Evidence(**{f.name: np.concatenate([getattr(row, f.name) for row in rows]) for f in fields(Evidence)})


def _without_outside(evidence: Evidence, height: int) -> Evidence:
    """Return the evidence without what is near the border of a crop of `height` px about its level."""
    near = np.abs(evidence.y - evidence.level) > height / 2 - NEAR_MM * _PX_PER_MM
    # Where a complex is outside, something inside is read between the columns in which it leaves and comes back.
    out = binary_dilation(near, np.ones((1, 2 * round(OUTSIDE_MM * _PX_PER_MM * SUBCOLUMNS) + 1)))
    return replace(evidence, mass=np.where(out, 0.0, evidence.mass))


def _followed(net, image: np.ndarray, spans: list[Span], evidence: Evidence, height: int) -> Evidence:
    """Return the evidence with rows that drift off their zero line read about their level, where they do."""

    def reader(span: Span):
        def read(left: int, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            part = _read_along(net, image, span, span.left + left, middle, height)
            return part.y[0], part.mass[0] * part.ink[0]

        return read

    rows = []
    for i, span in enumerate(spans):
        at = np.arange(evidence.y.shape[1]) / SUBCOLUMNS + span.left
        weight = evidence.mass[i] * evidence.ink[i] * ((at >= span.x0) & (at < span.x1))
        rows.append(Row(evidence.y[i], weight, span.centre))
    found = []
    for i, level in enumerate(levels(rows, _PX_PER_MM, [reader(span) for span in spans])):
        as_read = _one(evidence, i)
        if level is not None:
            along = _without_outside(_read_along(net, image, spans[i], spans[i].left, level, height), height)
            drifts = np.abs(along.level - spans[i].centre) > AWAY_MM * _PX_PER_MM
            drifts &= ~_taken_over(along, evidence, i)
            values = {n: np.where(drifts, getattr(along, n), getattr(as_read, n)) for n in _ALONG}
            as_read = replace(as_read, **values)
        found.append(as_read)
    return _stacked(found)


def rows_told_apart(
    net,
    image: np.ndarray,
    spans: list[Span],
    evidence: Evidence,
    calibration: Calibration,
    height: int = 448,
    again: bool = True,
) -> Evidence:
    """Return the evidence with what rows that cross have of each other exchanged, and, with `again`, rows that run into
    each other read one without the other, where they are doubted."""
    at = evidence.left[:, None] + np.arange(evidence.y.shape[1]) / SUBCOLUMNS
    inside = np.array([(x >= s.x0) & (x < s.x1) for x, s in zip(at, spans, strict=True)])
    evidence = exchanged(evidence, inside)
    if not again:
        return evidence
    furthest = np.where(inside, np.abs(evidence.y - evidence.level), 0.0).max(axis=1)
    heights = [_up(TALLER_MM[int(off > FAR_MM * _PX_PER_MM)] * _PX_PER_MM) for off in furthest]

    def read(page: np.ndarray, i: int, start: float, stop: float) -> Evidence:
        left = int(start)
        columns = np.arange(left, left + _up(stop - start + 1))
        level = np.interp(columns, at[i, ::SUBCOLUMNS], evidence.level[i, ::SUBCOLUMNS])
        if np.ptp(level) > 1:
            return _without_outside(_read_along(net, page, spans[i], left, level, height), height)
        span, tall = Span(spans[i].centre, left + _SIDE, stop), heights[i]
        return _without_outside(_read(net, page, [span], len(columns), tall), tall)

    return exchanged(read_apart(image, evidence, inside, calibration, read), inside)


def _taken_over(along: Evidence, evidence: Evidence, i: int) -> np.ndarray:
    """Return where (1, n) row `i`, read along a level, follows the ink of another row as this was read: its level then
    went astray, as after a jump of an electrode, and two rows would claim the same trace."""
    over = np.zeros(along.y.shape[1], bool)
    for j in range(len(evidence.y)):
        if j != i:
            at, there = evidence.beside(i, j)
            seen = there & (evidence.mass[j, at] * evidence.ink[j, at] > UNSURE)
            same = seen & (np.abs(evidence.y[j, at] - along.y[0]) < SAME_INK_MM * _PX_PER_MM)
            over |= uniform_filter1d(same.astype(float), round(COMPLEX_MM * _PX_PER_MM * SUBCOLUMNS)) > 0.5
    return over[None]


def _read_along(net, image: np.ndarray, span: Span, left: int, middle: np.ndarray, height: int) -> Evidence:
    """Read a crop of one row from column `left` of the page on, about `middle` (w,) px at each of its columns."""
    width = _up(len(middle))
    middle = np.pad(middle, (0, width - len(middle)), mode="edge")
    columns = usable(net).columns(cut_along(image, left, middle, height)[None])
    level = np.repeat(middle, SUBCOLUMNS)[None]
    return _evidence(columns, [span], np.array([left]), level, level - (height - 1) / 2)


def _read(net, image: np.ndarray, spans: list[Span], width: int, height: int) -> Evidence:
    """Read a crop of the same size for each span, from its `left` on, in one batch."""
    tops = [round(s.centre - (height - 1) / 2) for s in spans]
    crops = np.stack([cut(image, s.left, top, width, height) for s, top in zip(spans, tops, strict=True)])
    level = np.repeat([[s.centre] for s in spans], width * SUBCOLUMNS, axis=1)
    return _evidence(
        usable(net).columns(crops), spans, np.array([s.left for s in spans]), level, np.array(tops)[:, None]
    )


def _evidence(columns, spans: list[Span], lefts: np.ndarray, level: np.ndarray, tops: np.ndarray) -> Evidence:
    """Return what the network says of crops, one for each span, that begin at `lefts` and `tops` px of the page."""
    found = {f.name: getattr(columns, f.name) for f in fields(columns)}
    found["y"] = found["y"] + tops
    # Strips may be moved by so much yet: their first samples must not be a piece apart.
    beyond = SEARCH_MM * _PX_PER_MM
    ends = np.array([(s.x0 - beyond, s.x1 + beyond) for s in spans]) - lefts[:, None]
    piece = piece_lengths(found.pop("joined") > 0, np.rint(ends * SUBCOLUMNS).astype(np.int64))
    return Evidence(left=lefts, level=level, piece=piece, **found)


def _read_again(net, image: np.ndarray, span: Span, first: Evidence, height: int, taller: int) -> Evidence:
    """Return the row's evidence with what leaves a crop of `height` px taken from a `taller` one, read only where it
    does."""
    border = height / 2 - NEAR_MM * _PX_PER_MM
    off = np.abs(first.y[0] - span.centre)
    inside = np.arange(off.size) < (span.x1 - span.left) * SUBCOLUMNS
    near = np.flatnonzero((off > border) & inside)
    if not near.size:
        return first
    around = AROUND_MM * _PX_PER_MM
    x0 = max(span.x0, span.left + near[0] / SUBCOLUMNS - around)
    part = Span(span.centre, x0, min(span.x1, span.left + near[-1] / SUBCOLUMNS + around))
    width = _up(part.x1 - part.left + _SIDE)
    again = _read(net, image, [part], width, taller)
    start = (part.left - span.left) * SUBCOLUMNS
    stop = min(off.size, start + again.y.shape[1])
    here, there = slice(start, stop), slice(0, stop - start)
    far = np.abs(again.y[0, there] - span.centre) > border
    seen = again.mass[0, there] * again.ink[0, there]
    plainer = seen > first.mass[0, here] * first.ink[0, here]
    long = again.piece[0, there] >= LONG
    # What the first crop shows at its very border is cut off, however plain it looks.
    cut_off = off[here] > height / 2 - EDGE_MM * _PX_PER_MM
    taken = _short_runs(far & long & (seen > CLAIM) & (plainer | cut_off))
    merged = {}
    for name in ("y", "mass", "spread", "ink", "piece"):
        values = getattr(first, name).copy()
        values[0, here] = np.where(taken, getattr(again, name)[0, there], values[0, here])
        merged[name] = values
    return replace(first, **merged)


def _short_runs(taken: np.ndarray) -> np.ndarray:
    """Return `taken` (n,) bool without its runs longer than a complex."""
    runs, _ = label(taken)
    length = np.bincount(runs)
    return taken & (length[runs] <= COMPLEX_MM * _PX_PER_MM * SUBCOLUMNS)
