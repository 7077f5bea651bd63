"""Headers as machines print them: made-up words, measurements, codes and signs in columns, lines or tables."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ecgseg.render.draw.text import text_width
from ecgseg.render.printed.emblems import bar_code, box_line, logo, square_code, sticker
from ecgseg.render.printed.placing import Box
from ecgseg.render.printed.primitives import Line, Scene, Text
from ecgseg.render.printed.style import pick
from ecgseg.render.printed.wording import (
    STATEMENTS,
    TITLES,
    VERDICTS,
    Facts,
    about_device,
    about_house,
    about_patient,
    measurements,
    one,
)

_STEP = 1.35  # from line to line, in font sizes
_DEPTH = 0.25  # how far letters reach below their baseline, in font sizes
_GAP = 4.0  # mm between columns


@dataclass
class Writer:
    """Writes lines of one font size into a box of a scene, and leaves out what does not fit."""

    scene: Scene
    rng: np.random.Generator
    facts: Facts
    size: float
    font: int
    color: np.ndarray | None = None

    def line(self, text: str, x: float, y: float, right: float, size: float | None = None) -> float:
        """Write a text from x on; returns where it ends, or x where it would pass `right`."""
        size = size or self.size
        end = x + text_width(text, self.font, size)
        if not text.strip() or end > right:
            return x
        self.scene.texts.append(Text(text, x, y, size, self.font, color=self.color))
        return end

    def lines(self, texts: list[str], box: Box) -> tuple[float, float]:
        """Write lines below each other from a box's top left on; returns the rightmost end and the last baseline."""
        x, y, right, bottom = box
        end = x
        for text in texts:
            step = self.size * (_STEP if y > box[1] else 1.0)
            if y + step + _DEPTH * self.size > bottom:
                break
            y += step
            end = max(end, self.line(text, x, y, right))
        return end, y


def write_header(writer: Writer, box: Box) -> None:
    """Fill the box above the rows, in one of the ways machines do."""
    kind = pick(writer.rng, {"columns": 62, "lines": 14, "table": 9, "form": 7, "sparse": 8})
    _HEADERS[kind](writer, box)


def write_columns(writer: Writer, box: Box, blocks: int | None = None) -> None:
    """Fill a box from left to right with blocks of different kinds."""
    rng = writer.rng
    x0, y0, x1, y1 = box
    blocks = blocks or int(rng.integers(2, 6))
    # No kind twice: no page names two hospitals.
    order = list(dict.fromkeys(["patient", *(pick(rng, _BLOCK_ODDS) for _ in range(blocks - 1))]))
    blocks = len(order)
    if rng.random() < 0.3:
        order = [order[k] for k in rng.permutation(blocks)]
    starts = np.sort(rng.uniform(0.08, 0.92, blocks - 1)) if rng.random() < 0.3 else np.arange(1, blocks) / blocks
    x = x0 + rng.uniform(0, 3)
    for kind, start in zip(order, [*starts, 1.0], strict=True):
        end = _BLOCKS[kind](writer, (x, y0, x1, y1))
        x = max(end + _GAP, x0 + start * (x1 - x0))
        if x > x1 - 15:
            break


def _patient(writer: Writer, box: Box) -> float:
    """Write demographics, labels and values in one line each or in two columns."""
    rng = writer.rng
    pairs = about_patient(writer.facts, rng)
    if rng.random() < 0.7:
        mark = one(rng, (": ", ": ", ":", " ", "  ", " = "))
        return writer.lines([f"{label}{mark}{value}" for label, value in pairs], box)[0]
    middle = writer.lines([f"{label}:" for label, _ in pairs], box)[0] + 2
    return writer.lines([value or "-" for _, value in pairs], (middle, *box[1:]))[0]


def _measures(writer: Writer, box: Box) -> float:
    """Write measurements: a line each, or labels, values and units in columns, perhaps ruled."""
    rng = writer.rng
    rows = measurements(writer.facts, rng)
    x0, y0, x1, y1 = box
    kind = pick(rng, {"columns": 45, "lines": 35, "pairs": 20})
    if kind == "lines":
        mark = one(rng, (": ", " ", " = ", "  "))
        return writer.lines([f"{label}{mark}{value} {unit}" for label, value, unit in rows], box)[0]
    if kind == "pairs":
        cells = [f"{label} {value}{unit}" for label, value, unit in rows]
        return writer.lines(["   ".join(cells[k : k + 2]) for k in range(0, len(cells), 2)], box)[0]
    middle, low = writer.lines([row[0] for row in rows], box)
    last, _ = writer.lines([row[1] for row in rows], (middle + 3, y0, x1, y1))
    end, _ = writer.lines([row[2] or "-" for row in rows], (last + 1.5, y0, x1, y1))
    if rng.random() < 0.2 and x0 < end < x1 - 1 and low + 1.5 < y1:
        writer.scene.lines.append(box_line((x0 - 1, y0 - 0.5, end + 1, low + 1.2), rng.uniform(0.1, 0.3), writer.color))
    return end


def _statements(writer: Writer, box: Box) -> float:
    """Write the machine's reading."""
    rng, language = writer.rng, writer.facts.language
    found = STATEMENTS[language]
    lines = [found[k] for k in rng.permutation(len(found))[: int(rng.integers(1, 6))]]
    if rng.random() < 0.6:
        lines.insert(len(lines) * int(rng.random() < 0.6), one(rng, VERDICTS[language]))
    if rng.random() < 0.2:
        lines = [line.upper() for line in lines]
    mark = pick(rng, {"": 70, "- ": 10, "* ": 8, "... ": 4, "> ": 8})
    return writer.lines([mark + line for line in lines], box)[0]


def _house(writer: Writer, box: Box) -> float:
    return writer.lines(about_house(writer.facts, writer.rng), box)[0]


def _device(writer: Writer, box: Box) -> float:
    return writer.lines(about_device(writer.facts, writer.rng), box)[0]


def _title(writer: Writer, box: Box) -> float:
    """Write the page's title in larger letters, and sometimes a line below it."""
    rng, (x, y, right, bottom) = writer.rng, box
    size = min(writer.size * rng.uniform(1.2, 2.0), 7.0, (bottom - y) / 1.4)
    end = writer.line(one(rng, TITLES[writer.facts.language]), x, y + size, right, size)
    if rng.random() < 0.5:
        end = max(end, writer.lines(about_house(writer.facts, rng)[:2], (x, y + 1.4 * size, right, bottom))[0])
    return end


def print_bars(writer: Writer, box: Box) -> float:
    """Print a bar code with its number below."""
    rng, (x, y, right, bottom) = writer.rng, box
    width, high = min(rng.uniform(25, 55), right - x), min(rng.uniform(5, 13), bottom - y - 1.5 * writer.size)
    if high < 3:
        return x
    writer.scene.areas.append(bar_code(x, y, width, high, rng))
    if rng.random() < 0.7:
        writer.line(writer.facts.patient, x + 0.2 * width, y + high + 1.1 * writer.size, right)
    return x + width


def _square(writer: Writer, box: Box) -> float:
    size = min(writer.rng.uniform(8, 20), box[3] - box[1], box[2] - box[0])
    if size < 6:
        return box[0]
    writer.scene.areas.append(square_code(box[0], box[1], size, writer.rng))
    return box[0] + size


def _logo(writer: Writer, box: Box) -> float:
    size = min(writer.rng.uniform(6, 16), box[3] - box[1], box[2] - box[0])
    if size < 4:
        return box[0]
    areas, lines = logo(box[0], box[1], size, writer.rng)
    writer.scene.areas += areas
    writer.scene.lines += lines
    return _house(writer, (box[0] + size + 2, *box[1:])) if writer.rng.random() < 0.6 else box[0] + size


def _sticker(writer: Writer, box: Box) -> float:
    rng, (x, y, right, bottom) = writer.rng, box
    width, high = min(rng.uniform(35, 65), right - x), min(rng.uniform(12, 30), bottom - y)
    if width < 25 or high < 8:
        return x
    sticker(writer.scene, (x, y, x + width, y + high), writer.facts, rng)
    return x + width


def _long_lines(writer: Writer, box: Box) -> None:
    """Write one to three lines across the page, items with wide gaps."""
    rng, (x0, y0, x1, y1) = writer.rng, box
    rows = measurements(writer.facts, rng)
    items = [f"{label} {value}" for label, value in about_patient(writer.facts, rng)]
    items += [f"{label} {value} {unit}" for label, value, unit in rows] if rng.random() < 0.7 else []
    items += about_house(writer.facts, rng)[:1] + [one(rng, STATEMENTS[writer.facts.language])]
    gap, y, k = rng.uniform(3, 15), y0 + writer.size, 0
    while k < len(items) and y < y1 and y < y0 + _STEP * writer.size * 3.5:
        x = x0
        while k < len(items):
            end = writer.line(items[k], x, y, x1)
            if end == x:
                break
            x, k = end + gap, k + 1
        if x == x0:  # too long for any line
            k += 1
            continue
        y += _STEP * writer.size


def _table(writer: Writer, box: Box) -> None:
    """Write two to four columns into a ruled table."""
    rng, (x0, y0, x1, y1) = writer.rng, box
    n = int(rng.integers(2, 5))
    high = min(y1 - y0, rng.uniform(4, 9) * _STEP * writer.size + 2)
    edges = x0 + (x1 - x0) * np.cumsum(np.concatenate([[0.0], rng.dirichlet(np.full(n, 8.0))]))
    width = rng.uniform(0.1, 0.4)
    kinds = ["patient", "measures", "statements", "house", "device"]
    for k, (left, right) in enumerate(pairwise(edges)):
        kind = kinds[k] if rng.random() < 0.7 else one(rng, kinds)
        _BLOCKS[kind](writer, (left + 1.5, y0 + 1, right - 1, y0 + high - 0.5))
        writer.scene.lines.append(box_line((left, y0, right, y0 + high), width, writer.color))


def _form(writer: Writer, box: Box) -> None:
    """Print an empty form: labels, each with a ruled or dotted line to write on; a few are filled in by machine."""
    rng, (x0, y0, x1, y1) = writer.rng, box
    pairs = about_patient(writer.facts, rng)
    columns = int(rng.integers(2, 4))
    wide, step, color = (x1 - x0) / columns, max(_STEP * writer.size, rng.uniform(4.5, 8)), writer.color
    if color is None and rng.random() < 0.5:
        color = np.asarray(writer.scene.style.major_color) * 0.8
    labels = Writer(writer.scene, rng, writer.facts, writer.size, writer.font, color)
    for k, (label, value) in enumerate(pairs):
        x, y = x0 + (k % columns) * wide, y0 + (k // columns) * step + writer.size
        if y > y1 - 1:
            break
        start, right = labels.line(label, x, y, x + wide) + 1, x + wide - 3
        if right - start > 5:
            writer.scene.lines.append(Line(np.array([(start, y + 0.4), (right, y + 0.4)]), 0.15, color))
            if rng.random() < 0.6:
                writer.line(value, start + 1, y, right)


def _sparse(writer: Writer, box: Box) -> None:
    """Write hardly anything, anywhere in the box."""
    rng, (x0, y0, x1, y1) = writer.rng, box
    texts = [writer.facts.patient, writer.facts.taken, f"{writer.facts.rate} bpm", writer.facts.name]
    for k, text in enumerate(rng.permutation(texts)[: int(rng.integers(1, 3))].tolist()):
        y = min(y0 + writer.size * (1 + _STEP * k), y1)
        writer.line(text, rng.uniform(x0, x0 + 0.8 * (x1 - x0)), y, x1)


_BLOCK_ODDS = {"measures": 28, "statements": 24, "house": 12, "device": 10, "title": 9}
_BLOCK_ODDS |= {"bars": 3, "square": 2, "logo": 6, "sticker": 3}
_BLOCKS: dict[str, Callable[[Writer, Box], float]] = {
    "patient": _patient,
    "measures": _measures,
    "statements": _statements,
    "house": _house,
    "device": _device,
    "title": _title,
    "bars": print_bars,
    "square": _square,
    "logo": _logo,
    "sticker": _sticker,
}
_HEADERS: dict[str, Callable[[Writer, Box], None]] = {
    "columns": write_columns,
    "lines": _long_lines,
    "table": _table,
    "form": _form,
    "sparse": _sparse,
}
