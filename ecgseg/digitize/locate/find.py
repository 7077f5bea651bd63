"""FlatPage → Findings: the page network over a whole flat page, and what its maps say."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage

from ecgseg.digitize.flat.flatten import FLAT_PX_PER_MM
from ecgseg.digitize.locate.findings import Box, Findings, LeadName, Point, Stretch
from ecgseg.digitize.locate.leadnames import without_words_before
from ecgseg.digitize.trace.windows import cut
from ecgseg.layout import LEADS
from ecgseg.nets.plain import NAME_HEIGHT, NAME_WIDTH, NAMES, STRIDE
from ecgseg.nets.runtime import usable

FLAT_PER_INPUT = 2  # flat px (8 a mm) that one pixel of the network's input averages (4 a mm)
FLAT_PER_CELL = 4  # flat px that one cell of its maps (2 a mm) covers
SURE = 0.5  # a map's value from which something is there
NAME_SURE = 0.35  # of a name: what is none is told by the name network
FAINT_NAME, READ = 0.15, 0.7  # … on a trace or under a grid, and how sure of it the name network must be there
MIN_NAME_CELLS = 4  # 1 mm²: less is no letter
MIN_TEXT_CELLS = 12
MIN_PULSE_CELLS = 20  # 5 mm²; a pulse covers 25 and more
MIN_STRETCH = 10  # cells of a zero line: 5 mm
CROSSED = 0.1  # share of a piece's columns with two lines
BAND = 3  # cells: a zero line is at most this much higher or lower than its middle, 1.5 mm
EDGE = 2  # cells by which a line may be thicker still
MIN_LEVEL = 20  # cells: shorter level parts of a piece that is not level may be those of a slanted stroke
MAX_SLOPE = 0.12  # of what is still level
MIN_POINT = 0.3  # of a start's or end's blob
TURNED = (len(LEADS) + 1, len(LEADS) + 2, len(LEADS) + 3)  # classes -aVR, calibration, pulse


@dataclass(frozen=True)
class PageMaps:
    """What the page network says of a flat page, as probabilities.

    trace (h, w) at 4 px/mm; lines (3, h/2, w/2): a strip's zero line, start, end; text (16, h/2, w/2) over
    pagenet.CLASSES; lies (8,): quarter turns to the right that the page was turned by, then the same mirrored.
    """

    trace: np.ndarray
    lines: np.ndarray
    text: np.ndarray
    lies: np.ndarray


def page_maps(net, image: np.ndarray) -> PageMaps:
    """Return the maps of a flat page (H, W, 3) uint8 at 8 px/mm; `net`: as `open_net` gives it, or a PageNet."""
    h, w = (n // FLAT_PER_INPUT for n in image.shape[:2])
    small = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    pad = [(-n) % STRIDE for n in (h, w)]
    padded = cv2.copyMakeBorder(small, 0, pad[0], 0, pad[1], cv2.BORDER_REPLICATE)
    trace, lines, text, lies = usable(net).maps(padded)
    return PageMaps(trace[:h, :w], lines[:, : h // 2, : w // 2], text[:, : h // 2, : w // 2], lies)


def look(page_net, name_net, image: np.ndarray) -> tuple[PageMaps, Findings]:
    """Return the maps of a flat page (H, W, 3) uint8 at 8 px/mm and what they show, its lead names read."""
    maps = page_maps(page_net, image)
    findings = find(maps)
    return maps, replace(findings, names=read_names(name_net, image, findings.names))


def read_names(net, image: np.ndarray, names: list[LeadName]) -> list[LeadName]:
    """Return the names that the name network reads where names were found, without what it takes for none.

    `net`: as `open_net` gives it, or a NameNet; each score becomes the probability that the name is the one read. A
    name after a word ("Lead I") begins where the word does.
    """
    if not names:
        return []
    corners = [(round(n.x - (NAME_WIDTH - 1) / 2), round(n.y - (NAME_HEIGHT - 1) / 2)) for n in names]
    windows = np.stack([cut(image, x, y, NAME_WIDTH, NAME_HEIGHT) for x, y in corners])
    read = []
    for name, p in zip(names, usable(net).names(windows), strict=True):
        best = int(np.argmax(p))
        if not best:
            read.append(replace(name, score=0.0))
            continue
        spelled = NAMES[best]
        sign = -1 if spelled.startswith("-") else 1
        read.append(replace(name, lead=spelled.removeprefix("-"), sign=sign, score=float(p[best])))
    return sorted(without_words_before(read, FLAT_PX_PER_MM), key=_reading_order)


def with_faint_names(page_net, name_net, image, maps: PageMaps, findings: Findings, clear) -> Findings:
    """Return findings with the names that are faintly seen in the maps of a flat page too, and plainly read.

    image (H, W, 3) uint8: the page; clear: the same without its grid, where that hides letters, else None.
    """
    seen = find(maps, FAINT_NAME).names
    if clear is not None:
        seen = [*seen, *find(page_maps(page_net, clear), FAINT_NAME).names]
    known = {(n.x, n.y) for n in findings.names}
    more = read_names(name_net, image, [n for n in seen if (n.x, n.y) not in known])
    # Ticks and steep waves are faint I's.
    return replace(findings, names=[*findings.names, *(n for n in more if n.score >= READ and n.lead != "I")])


def find(maps: PageMaps, name_sure: float = NAME_SURE) -> Findings:
    """Return what the maps show, in flat px, sorted from the top and from the left; names from `name_sure` on.

    The leads of its names are the page network's guesses: `read_names` reads them at full resolution.
    """
    names, texts, pulses = [], [], []
    for k, box, cells in _texts(maps.text, name_sure):
        if k == TURNED[1] and cells >= MIN_TEXT_CELLS:
            texts.append(box)
        elif k == TURNED[2] and cells >= MIN_PULSE_CELLS:
            pulses.append(box)
        elif k <= TURNED[0] and cells >= MIN_NAME_CELLS:
            lead, sign = ("aVR", -1) if k == TURNED[0] else (LEADS[k - 1], 1)
            names.append(LeadName(box.x0, box.y0, box.x1, box.y1, box.score, lead, sign))
    return Findings(
        names=sorted(names, key=_reading_order),
        pulses=sorted(pulses, key=_reading_order),
        texts=sorted(texts, key=_reading_order),
        stretches=_stretches(maps.lines[0]),
        starts=_points(maps.lines[1]),
        ends=_points(maps.lines[2]),
    )


def _reading_order(box: Box) -> tuple[float, float]:
    return box.y, box.x


def _flat(cells) -> np.ndarray:
    """Return the flat px of the middle of a map's cell, as the network was taught it."""
    return FLAT_PER_CELL * np.asarray(cells, float) + 0.5


def _texts(text: np.ndarray, name_sure: float) -> list[tuple[int, Box, int]]:
    """Return (class, box, cells) of each connected piece of text or pulse.

    A pulse may touch a lead's name, so pieces are those of names, of calibration texts, and of pulses apart. A
    name's class is that with the most probability over its piece.
    """
    found = []
    names = text[1 : TURNED[0] + 1]
    kinds = ((1, names, name_sure), (TURNED[1], text[TURNED[1]][None], SURE), (TURNED[2], text[TURNED[2]][None], SURE))
    for first, layer, least in kinds:
        there = layer.sum(axis=0)
        labels, _ = ndimage.label(there > least, np.ones((3, 3)))
        for i, place in enumerate(ndimage.find_objects(labels), start=1):
            piece = labels[place] == i
            weights = layer[(slice(None), *place)][:, piece].sum(axis=1)
            best = int(np.argmax(weights))
            rows, columns = place
            x0, x1 = _flat([columns.start - 0.5, columns.stop - 0.5])
            y0, y1 = _flat([rows.start - 0.5, rows.stop - 0.5])
            cells = int(piece.sum())
            found.append((first + best, Box(x0, y0, x1, y1, float(weights[best] / cells)), cells))
    return found


def _stretches(line: np.ndarray) -> list[Stretch]:
    """Return the pieces of zero line of a map (h, w): its height is the weighted mean, its ends those of the piece."""
    labels, _ = ndimage.label(line > SURE, np.ones((3, 3)))
    found = []
    for i, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        if columns.stop - columns.start < MIN_STRETCH:
            continue
        weight = np.where(labels[rows, columns] == i, line[rows, columns], 0.0)
        for part, first in _level_parts(weight) if _crossed(weight) else [(weight, 0)]:
            y = float((part.sum(axis=1) * np.arange(rows.start, rows.stop)).sum() / part.sum())
            left = columns.start + first
            x0, x1 = _flat([left, left + part.shape[1] - 1])
            found.append(Stretch(float(x0), float(x1), float(_flat(y)), float(part.sum() / (part > 0).sum())))
    return sorted(found, key=lambda s: (s.baseline, s.x0))


def _crossed(weight: np.ndarray) -> bool:
    """Return whether a piece (h, w) is more than one line: in many columns it has two, as a wandering one has not."""
    lines = (np.diff((weight > 0).astype(np.int8), axis=0, prepend=0) == 1).sum(axis=0)
    return float((lines > 1).mean()) > CROSSED


def _level_parts(weight: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """Return the level parts of a crossed piece (h, w), each (h, n) with its first column, the longest first.

    Rows that a crease or a pen's stroke runs through are one piece with it; the stroke is as bright but not level.
    """
    left, parts = weight.copy(), []
    while True:
        long = ndimage.uniform_filter1d((left > 0).sum(axis=1).astype(float), 2 * BAND + 1, mode="constant")
        y = int(long.argmax())
        band = np.zeros(len(left), bool)
        band[max(0, y - BAND) : y + BAND + 1] = True
        here = ndimage.binary_closing(np.pad((left[band] > 0).any(axis=0), MIN_STRETCH), np.ones(BAND + 1))
        runs, _ = ndimage.label(here[MIN_STRETCH:-MIN_STRETCH])
        runs = [run for (run,) in ndimage.find_objects(runs) if run.stop - run.start >= MIN_LEVEL]
        if not runs:
            return parts
        for run in runs:
            part = np.where(band[:, None], left[:, run], 0.0)
            if abs(_slope(part)) <= MAX_SLOPE:
                parts.append((part, run.start))
            # What is left of a thick line beside its band is no line of its own.
            left[max(0, y - BAND - EDGE) : y + BAND + EDGE + 1, run] = 0.0


def _slope(part: np.ndarray) -> float:
    """Return by how much the middle of a part (h, n) falls per column."""
    mass = part.sum(axis=0)
    x = np.flatnonzero(mass > 0)
    return float(np.polyfit(x, (np.arange(len(part)) @ part)[x] / mass[x], 1)[0])


def _points(layer: np.ndarray) -> list[Point]:
    """Return the peaks of a map of blobs (h, w), each at the centre of the 5 × 5 cells about it."""
    smooth = cv2.GaussianBlur(layer, (0, 0), 1.0)
    peak = (smooth == ndimage.maximum_filter(smooth, 9)) & (layer > MIN_POINT)
    found = []
    for i, j in np.argwhere(peak):
        i0, j0 = max(0, i - 2), max(0, j - 2)
        around = layer[i0 : i + 3, j0 : j + 3]
        di, dj = np.mgrid[i0 : i0 + around.shape[0], j0 : j0 + around.shape[1]]
        total = around.sum()
        y, x = _flat([(around * di).sum() / total, (around * dj).sum() / total])
        found.append(Point(float(x), float(y), float(layer[i, j])))
    return sorted(found, key=lambda p: (p.y, p.x))
