"""What else stands on a page: header and footer as machines print them, marks along the rows, stamps and pens."""

from itertools import pairwise

import numpy as np

from ecgseg.render.draw.text import text_width
from ecgseg.render.printed.emblems import stamp
from ecgseg.render.printed.headers import Writer, print_bars, write_columns, write_header
from ecgseg.render.printed.pens import beats, hand_mark
from ecgseg.render.printed.placing import Box
from ecgseg.render.printed.primitives import Line, Scene
from ecgseg.render.printed.style import pick
from ecgseg.render.printed.wording import LANGUAGE_ODDS, about_device, draw_facts, one

_HEADER, _FOOTER = 0.93, 0.8  # how often a free box above and below the rows is used
_PENS, _STAMP, _SECONDS, _BEATS = 0.15, 0.08, 0.06, 0.05  # how often a page has them
_LEAST_HEIGHT = 1.6  # mm: no machine prints smaller letters


def add_furniture(scene: Scene, rng: np.random.Generator, free: list[Box]) -> None:
    """Add everything that is neither grid, trace, name nor scale: made-up words, codes, logos, stamps, pen marks.

    `free` are the boxes (x0, y0, x1, y1) in mm above and below the rows that may be filled. Only lines and thin
    letters ever lie on the traces.
    """
    facts = draw_facts(rng, pick(rng, LANGUAGE_ODDS))
    style = scene.style
    size = max(_LEAST_HEIGHT, style.text_height * rng.uniform(0.55, 1.0))
    font = style.font if rng.random() < 0.8 else int(rng.integers(0, 1000))
    color = np.asarray(style.major_color) * 0.8 if rng.random() < 0.04 else None
    writer = Writer(scene, rng, facts, size, font, color)
    rows = min((t.baseline for t in scene.traces), default=scene.height)
    for box in free:
        header = box[1] < rows
        if rng.random() < (_HEADER if header else _FOOTER):
            (write_header if header else write_footer)(writer, box)
    if rng.random() < _SECONDS:
        _second_marks(scene, rng)
    if rng.random() < _BEATS:
        _beat_marks(writer)
    if rng.random() < _STAMP:
        _place_stamp(writer, free)
    if rng.random() < _PENS:
        for _ in range(1 + int(rng.exponential(1.3))):
            hand_mark(scene, facts, rng, free)


def write_footer(writer: Writer, box: Box) -> None:
    """Write device lines: spread over the width, in columns, or one at the left or right."""
    rng, (x0, y0, x1, y1) = writer.rng, box
    items = about_device(writer.facts, rng)
    kind = pick(rng, {"spread": 50, "corner": 30, "columns": 15, "code": 5})
    if kind == "columns" and y1 - y0 > 12:
        return write_columns(writer, box, 3)
    if kind == "code":
        x0 = print_bars(writer, box) + 4.0
    y = min(y0 + writer.size + rng.uniform(0, 1) * max(0.0, y1 - y0 - 1.3 * writer.size), y1 - 0.2 * writer.size)
    if kind == "corner":
        width = text_width(items[0], writer.font, writer.size)
        writer.line(items[0], x0 if rng.random() < 0.4 else max(x0, x1 - width - 1), y, x1)
        return None
    x = x0 + rng.uniform(0, 10)
    for item in items:
        x = max(x, writer.line(item, x, y, x1)) + rng.uniform(3, 25)
    return None


def _second_marks(scene: Scene, rng: np.random.Generator) -> None:
    """Print a short stroke for each second along the rows, or along the lowest only; every fifth or none longer."""
    long, width, side = rng.uniform(0.8, 2.5), rng.uniform(0.12, 0.35), one(rng, (-1, 1))
    rows = sorted({(t.baseline, t.strip.row) for t in scene.traces})
    pitch = min((b[0] - a[0] for a, b in pairwise(rows) if b[0] - a[0] > 1), default=25.0)
    rows = rows if rng.random() < 0.5 else rows[-1:]
    edge = scene.height - 0.5
    for base, row in rows:
        spans = [(t.x0, t.x1) for t in scene.traces if t.strip.row == row]
        left, right = min(a for a, _ in spans), max(b for _, b in spans)
        y = base + side * 0.47 * pitch
        for k, x in enumerate(np.arange(left, min(right, scene.width - 0.5), scene.speed)):
            ends = np.clip([y, y + long * (2 if k % 5 == 0 else 1)], 0.5, edge)
            scene.lines.append(Line(np.array([(x, ends[0]), (x, ends[1])]), width))


def _beat_marks(writer: Writer) -> None:
    """Print a letter, a stroke or the distance in ms above each beat of one row, as analysis programs do."""
    scene, rng = writer.scene, writer.rng
    trace = max(scene.traces, key=lambda t: t.x1 - t.x0)
    at = beats(trace)
    above = max(1.5 * writer.size, trace.baseline - rng.uniform(9, 16))
    size = max(_LEAST_HEIGHT, 0.7 * writer.size)
    kind = one(rng, ("letters", "strokes", "distances"))
    for k, x in enumerate(at[:, 0]):
        if kind == "strokes":
            scene.lines.append(Line(np.array([(x, above - 1.5), (x, above)]), 0.25))
        elif kind == "letters":
            writer.line("N" if rng.random() < 0.85 else one(rng, "VSAP?"), x, above, scene.width - 1, size)
        elif k:
            gap = x - at[k - 1, 0]
            middle = at[k - 1, 0] + 0.5 * gap - size
            writer.line(f"{round(1000 * gap / scene.speed)}", middle, above, scene.width - 1, size)


def _place_stamp(writer: Writer, free: list[Box]) -> None:
    rng = writer.rng
    if free and rng.random() < 0.7:
        x0, y0, x1, y1 = one(rng, free)
        stamp(writer.scene, writer.facts, rng.uniform(x0, x1), rng.uniform(y0, y1), rng)
    else:
        stamp(writer.scene, writer.facts, rng.uniform(0, writer.scene.width), rng.uniform(0, writer.scene.height), rng)
