"""What people write and draw on a page by hand: notes, scrawls, rings, arrows, ticks, calipers, lines, highlighter."""

import numpy as np

from ecgseg.render.printed.emblems import INKS
from ecgseg.render.printed.handwriting import scrawl, softened, written
from ecgseg.render.printed.placing import Box
from ecgseg.render.printed.primitives import Area, Line, Scene, Trace
from ecgseg.render.printed.wording import Facts, one

_INK_ODDS = ("blue", "blue", "blue", "blue", "black", "black", "black", "red", "red", "green", "grey", "violet")
_NOTES = ("AF", "AF?", "SR", "NSR", "ok", "OK", "N", "LVH", "LBBB", "RBBB", "ST?", "ST elev.", "old MI", "T inv", "PVC")
_NOTES += (
    "seen",
    "no change",
    "repeat",
    "pre-op",
    "post",
    "rpt 2 h",
    "chest pain",
    "pain free",
    "QT!",
    "1st AVB",
    "o.B.",
)
_NOTES += (
    "unauff.",
    "vu",
    "normal",
    "wnl",
    "b/l",
    "HF 84",
    "Echo",
    "Labor",
    "V1-V3",
    "V5/V6",
    "aVL",
    "ant.",
    "inf.",
    "?",
)
_HIGHLIGHT = {
    "yellow": (1.0, 0.95, 0.2),
    "green": (0.5, 1.0, 0.4),
    "pink": (1.0, 0.5, 0.75),
    "orange": (1.0, 0.75, 0.3),
}


class Pen:
    """A pen of one ink and width (mm) that lays its lines over a scene, not quite straight."""

    def __init__(self, scene: Scene, rng: np.random.Generator):
        self.scene, self.rng = scene, rng
        self.color = np.clip(np.array(INKS[one(rng, _INK_ODDS)]) + rng.normal(0, 0.04, 3), 0, 1)
        self.width = rng.uniform(0.3, 0.8)

    def draw(self, points: np.ndarray, width: float | None = None) -> None:
        """Draw a line (n, 2) in mm; what would run off the sheet is kept at its edge."""
        edge = np.array([self.scene.width, self.scene.height]) - 0.5
        self.scene.over.append(Line(np.clip(points, 0.5, edge), width or self.width, self.color))

    def free_line(self, start, end, wobble: float = 0.012) -> None:
        """Draw a line from start to end as a hand does: bent a little, and not steady."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        t = np.linspace(0, 1, 12)[:, None]
        long = np.hypot(*(end - start))
        across = np.array([start[1] - end[1], end[0] - start[0]]) / max(long, 1e-6)
        bend = self.rng.normal(0, wobble) * np.sin(np.pi * t) + self.rng.normal(0, wobble / 2) * np.sin(2 * np.pi * t)
        self.draw(start + (end - start) * t + across * bend * long)


def hand_mark(scene: Scene, facts: Facts, rng: np.random.Generator, free: list[Box]) -> None:
    """Make one mark by hand on a scene; `free` are boxes in mm where it disturbs nothing."""
    pen = Pen(scene, rng)
    kind = one(rng, tuple(_MARKS))
    if kind in _ON_TRACE and not scene.traces:
        kind = "note"
    _MARKS[kind](pen, facts, free)


def beats(trace: Trace) -> np.ndarray:
    """Return where a trace's steepest waves are, (n, 2) in mm, by a coarse look at its slope."""
    points = trace.points[:: max(1, len(trace.points) // 1500)]
    if len(points) < 20:
        return np.empty((0, 2))
    slope = np.abs(np.diff(points[:, 1]))
    steep = np.flatnonzero(slope > 0.5 * slope.max())
    if slope.max() == 0:
        return np.empty((0, 2))
    # Steep places within 6 mm belong to one beat.
    first = np.concatenate([[True], np.diff(points[steep, 0]) > 6.0])
    return points[steep[first]]


def _any_beat(pen: Pen) -> tuple[np.ndarray, Trace]:
    """Return a beat of some trace, or a place on the trace where there is none."""
    trace = one(pen.rng, pen.scene.traces)
    found = beats(trace)
    return one(pen.rng, found if len(found) else trace.points), trace


def _somewhere(pen: Pen, free: list[Box], height: float) -> tuple[float, float]:
    """Return a place for writing: in a free box where there is one, else anywhere."""
    rng = pen.rng
    roomy = [b for b in free if b[3] - b[1] > 1.3 * height]
    if roomy and rng.random() < 0.6:
        x0, y0, x1, y1 = one(rng, roomy)
        return rng.uniform(x0, x0 + 0.75 * (x1 - x0)), rng.uniform(y0 + height, y1)
    return rng.uniform(3, 0.85 * pen.scene.width), rng.uniform(height + 2, pen.scene.height - 2)


def _note(pen: Pen, facts: Facts, free: list[Box]) -> None:
    rng, size = pen.rng, pen.rng.uniform(3, 8)
    text = one(rng, (*_NOTES, f"QTc {facts.qtc}", f"{facts.rate}/min", f"{facts.rate}", facts.patient))
    x, y = _somewhere(pen, free, size)
    for line in written(text, x, y, size, rng):
        pen.draw(line)
    if rng.random() < 0.2:
        pen.free_line((x, y + 0.3 * size), (x + 0.75 * size * len(text), y + 0.3 * size))


def _scrawl(pen: Pen, facts: Facts, free: list[Box]) -> None:
    rng, size = pen.rng, pen.rng.uniform(1.6, 4)
    x, y = _somewhere(pen, free, 2.5 * size)
    for _ in range(int(rng.integers(1, 4))):
        line = scrawl(x, y, size, int(rng.integers(3, 9)), rng)
        pen.draw(line)
        x = float(line[:, 0].max()) + size


def _signature(pen: Pen, facts: Facts, free: list[Box]) -> None:
    rng, size = pen.rng, pen.rng.uniform(2, 4.5)
    x, y = _somewhere(pen, free, 3 * size)
    line = scrawl(x, y, size, int(rng.integers(4, 8)), rng)
    swing = line[-1] + size * np.array([(0.5, -0.3), (1.5, 0.6), (-1.0, 1.0), (-4.0, 0.9), (-1.0, 0.7), (3.0, 0.1)])
    pen.draw(np.concatenate([line, softened(np.concatenate([line[-1:], swing]))]))


def _underline(pen: Pen, facts: Facts, free: list[Box]) -> None:
    texts = [t for t in pen.scene.texts if len(t.text) > 2 and t.angle == 0]
    if not texts:
        return _scrawl(pen, facts, free)
    text = one(pen.rng, texts)
    x1 = text.x + 0.55 * text.height * len(text.text)
    for k in range(1 + (pen.rng.random() < 0.25)):
        y = text.y + 0.35 * text.height + 0.9 * k + pen.rng.normal(0, 0.2)
        pen.free_line((text.x - 0.5, y), (x1, y + pen.rng.normal(0, 0.5)))
    return None


def _ring(pen: Pen, facts: Facts, free: list[Box]) -> None:
    """Draw an ellipse round a beat or two that does not quite close."""
    rng = pen.rng
    (x, y), trace = _any_beat(pen)
    turn = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi * rng.uniform(0.96, 1.12), 36)
    wide, high = rng.uniform(4, 16), rng.uniform(4, 11)
    grow = 1 + np.linspace(0, rng.normal(0, 0.08), 36) + rng.normal(0, 0.02) * np.sin(2 * turn)
    mid = np.array([x + rng.normal(0, 2), (y + trace.baseline) / 2])
    pen.draw(mid + np.stack([wide * np.cos(turn), high * np.sin(turn)], axis=1) * grow[:, None])


def _arrow(pen: Pen, facts: Facts, free: list[Box]) -> None:
    rng = pen.rng
    tip = _any_beat(pen)[0] + rng.normal(0, 1.5, 2)
    turn = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(turn), np.sin(turn)])
    _head(pen, tip, way)
    pen.free_line(tip + way * rng.uniform(7, 22), tip, 0.03)


def _head(pen: Pen, tip: np.ndarray, way: np.ndarray) -> None:
    """Draw an arrow's head at its tip; `way` (2,) is the unit direction in which its shaft leaves."""
    long, side = pen.rng.uniform(1.5, 3), np.array([-way[1], way[0]])
    pen.draw(np.array([tip + long * (way + 0.5 * side), tip, tip + long * (way - 0.5 * side)]))


def _tick(pen: Pen, facts: Facts, free: list[Box]) -> None:
    size = pen.rng.uniform(3, 9)
    x, y = _somewhere(pen, free, size)
    stroke = np.array([(0, -0.4), (0.18, -0.15), (0.35, 0), (0.5, -0.35), (0.75, -0.75), (1.05, -1.1)])
    pen.draw(np.array([x, y]) + size * softened(stroke + pen.rng.normal(0, 0.03, stroke.shape)))


def _caliper(pen: Pen, facts: Facts, free: list[Box]) -> None:
    """Draw two upright strokes, a line with heads between them and a number over it."""
    rng = pen.rng
    (x, _), trace = _any_beat(pen)
    span = rng.uniform(8, 30)
    y = trace.baseline - rng.uniform(6, 14)
    high = rng.uniform(2, 6)
    for at in (x, x + span):
        pen.free_line((at, y - high), (at + rng.normal(0, 0.3), y + high))
    pen.free_line((x, y), (x + span, y))
    if rng.random() < 0.7:
        _head(pen, np.array([x, y]), np.array([1.0, 0.0]))
        _head(pen, np.array([x + span, y]), np.array([-1.0, 0.0]))
    if rng.random() < 0.6:
        for line in written(f"{round(span * 40)}", x + 0.3 * span, y - 1.2, rng.uniform(2.2, 3.5), rng):
            pen.draw(line)


def _ruled(pen: Pen, facts: Facts, free: list[Box]) -> None:
    """Draw a line with a ruler: along a baseline, or upright through the rows."""
    rng = pen.rng
    (x, y), trace = _any_beat(pen)
    if rng.random() < 0.5:
        at = trace.baseline + rng.normal(0, 1.5)
        ends = [(x - rng.uniform(3, 30), at), (x + rng.uniform(5, 40), at + rng.normal(0, 0.3))]
    else:
        ends = [(x, y - rng.uniform(8, 50)), (x + rng.normal(0, 0.4), y + rng.uniform(8, 50))]
    pen.draw(np.array(ends), 0.6 * pen.width)


def _strike(pen: Pen, facts: Facts, free: list[Box]) -> None:
    """Strike out something: strokes to and fro."""
    rng, high = pen.rng, pen.rng.uniform(1, 3)
    x, y = _somewhere(pen, free, 2 * high)
    n = int(rng.integers(2, 9))
    points = np.stack([x + np.arange(2 * n) * rng.uniform(0.6, 2), y + high * (-1.0) ** np.arange(2 * n)], axis=1)
    pen.draw(softened(points + rng.normal(0, 0.3, points.shape)))


def _highlight(pen: Pen, facts: Facts, free: list[Box]) -> None:
    """Run a highlighter along a piece of a row or over a line of text; the ink stays on top of it."""
    rng, scene = pen.rng, pen.scene
    (x, y), _ = _any_beat(pen)
    texts = [t for t in scene.texts if len(t.text) > 5 and t.angle == 0]
    long = rng.uniform(10, 50)
    if texts and rng.random() < 0.6:
        text = one(rng, texts)
        x, y, long = text.x - 1, text.y - 0.35 * text.height, 0.55 * text.height * len(text.text) + 2
    t = np.linspace(0, 1, 12)
    half = rng.uniform(1.5, 3.0)
    middle = y + rng.normal(0, 0.4) * np.sin(np.pi * t) + rng.normal(0, 0.6) * t
    edge = np.concatenate([np.stack([x + t * long, middle - half], axis=1),
                           np.stack([x + t * long, middle + half], axis=1)[::-1]])  # fmt: skip
    edge = np.clip(edge, 0.5, np.array([scene.width, scene.height]) - 0.5)
    color = np.array(_HIGHLIGHT[one(rng, tuple(_HIGHLIGHT))])
    scene.areas.append(Area(edge, color, rng.uniform(0.25, 0.55)))


_ON_TRACE = ("ring", "arrow", "caliper", "ruled", "highlight")
_MARKS = {
    "note": _note,
    "scrawl": _scrawl,
    "signature": _signature,
    "underline": _underline,
    "ring": _ring,
    "arrow": _arrow,
    "tick": _tick,
    "caliper": _caliper,
    "ruled": _ruled,
    "strike": _strike,
    "highlight": _highlight,
}
