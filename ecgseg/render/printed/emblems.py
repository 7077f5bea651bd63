"""What is printed, stuck or stamped on a page besides words: bar codes, square codes, logos, stickers, stamps."""

import numpy as np

from ecgseg.render.draw.glyphs import FACES, as_one_line, font_number
from ecgseg.render.draw.text import text_contours, text_width
from ecgseg.render.printed.placing import Box
from ecgseg.render.printed.primitives import Area, Line, Scene, Text
from ecgseg.render.printed.wording import Facts, about_house, one, place_name

INKS = {
    "blue": (0.10, 0.15, 0.60),
    "black": (0.06, 0.06, 0.08),
    "red": (0.72, 0.08, 0.10),
    "violet": (0.38, 0.14, 0.55),
    "green": (0.05, 0.42, 0.20),
    "grey": (0.42, 0.42, 0.44),
}
_STAMP_WORDS = (
    "SEEN",
    "COPY",
    "CONFIDENTIAL",
    "RECEIVED",
    "FILED",
    "REVIEWED",
    "ARCHIV",
    "KOPIE",
    "GESEHEN",
    "EINGEGANGEN",
)
_STAMP_WORDS += ("VU", "URGENT", "COPIE", "VISTO", "RECIBIDO", "NORMAL", "ABNORMAL", "ORIGINAL", "SCANNED", "ONAYLANDI")


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Return the corners (4, 2) of a box."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def box_line(box: Box, width: float, color: np.ndarray | None = None) -> Line:
    """Return the outline of a box."""
    corners = rectangle(*box)
    return Line(np.concatenate([corners, corners[:1]]), width, color)


def bar_code(x: float, y: float, width: float, height: float, rng: np.random.Generator) -> Area:
    """Return bars and gaps of one to four modules that fill a box from its corner (x, y) on, as one area."""
    module = rng.uniform(0.25, 0.5)
    edges = np.cumsum(rng.choice([1, 1, 2, 3, 4], size=2 * max(4, int(width / module / 4.4)))) * module
    edges = edges[edges < width]
    edges = edges[: len(edges) // 2 * 2].reshape(-1, 2)
    bars = [rectangle(x + a, y, x + b, y + height) for a, b in edges]
    return Area(as_one_line(bars), np.array(INKS["black"]))


def square_code(x: float, y: float, size: float, rng: np.random.Generator) -> Area:
    """Return a square of random modules with marks in its corners, as one area; (x, y) is its corner."""
    n = int(rng.integers(17, 30))
    on = rng.random((n, n)) < 0.48
    if rng.random() < 0.6:  # square rings in three corners
        ring = np.pad(np.pad(np.ones((3, 3), bool), 1), 1, constant_values=True)
        for rows, columns in (
            (slice(0, 7), slice(0, 7)),
            (slice(0, 7), slice(n - 7, n)),
            (slice(n - 7, n), slice(0, 7)),
        ):
            on[rows, columns] = ring
    else:  # two solid sides, two dashed ones
        on[:, 0] = on[-1] = True
        on[0], on[:, -1] = np.arange(n) % 2 == 0, np.arange(n) % 2 == 1
    # Runs of modules in a row make one rectangle.
    change = np.diff(np.pad(on, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, first = np.nonzero(change == 1)
    last = np.nonzero(change == -1)[1]
    corners = np.stack([first, rows, last, rows, last, rows + 1, first, rows + 1], axis=1).reshape(-1, 4, 2)
    points = corners * (size / n) + np.array([x, y])
    # As as_one_line does, for all of them at once.
    there = np.concatenate([points, points[:, :1]], axis=1).reshape(-1, 2)
    return Area(np.concatenate([there, points[::-1, 0]]), np.array(INKS["black"]))


def _circle(x: float, y: float, radius: float, n: int = 40) -> np.ndarray:
    turn = np.arange(n) * (2 * np.pi / n)
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], axis=1)


def _heart(x: float, y: float, size: float) -> np.ndarray:
    """Return a heart's outline (n, 2) of about `size` about (x, y)."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    across = 16 * np.sin(t) ** 3
    up = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x + across * size / 33, y - up * size / 33], axis=1)


def logo(x: float, y: float, size: float, rng: np.random.Generator) -> tuple[list[Area], list[Line]]:
    """Return a made-up sign of about `size` mm whose box begins at (x, y)."""
    color = np.array(INKS[one(rng, tuple(INKS))]) if rng.random() < 0.6 else rng.uniform(0, 0.7, 3)
    mid, half, width = np.array([x + size / 2, y + size / 2]), size / 2, rng.uniform(0.25, 0.7)
    kind = one(rng, ("heart", "ring", "cross", "wave", "letters", "shield", "bars"))
    beat = np.array([(-1, 0), (-0.4, 0), (-0.25, -0.2), (-0.1, 0.1), (0.05, -0.8), (0.2, 0.5), (0.35, 0), (1, 0)])
    if kind == "heart":
        wave = [Line(mid + beat * half * 0.8, width, np.ones(3))] if rng.random() < 0.5 else []
        return [Area(_heart(*mid, size), color)], wave
    if kind == "ring":
        ring = as_one_line([_circle(*mid, half), _circle(*mid, half * rng.uniform(0.6, 0.85))[::-1]])
        return [Area(ring, color)], [Line(mid + beat * half * 0.6, width, color)]
    if kind == "cross":
        a, b = half, half * rng.uniform(0.25, 0.4)
        plus = [
            (-b, -a),
            (b, -a),
            (b, -b),
            (a, -b),
            (a, b),
            (b, b),
            (b, a),
            (-b, a),
            (-b, b),
            (-a, b),
            (-a, -b),
            (-b, -b),
        ]
        return [Area(mid + np.array(plus), color)], []
    if kind == "wave":
        t = np.linspace(-1, 1, 30)
        waves = [np.stack([t, 0.2 * np.sin(5 * t) + k], axis=1) for k in (-0.4, 0.0, 0.4)]
        return [], [Line(mid + w * half, 2 * width, color) for w in waves]
    if kind == "shield":
        shield = np.array([(-0.8, -1), (0.8, -1), (0.8, 0.1), (0.5, 0.6), (0, 1), (-0.5, 0.6), (-0.8, 0.1)])
        return [Area(mid + shield * half, color)], [Line(mid + beat * half * 0.5, width, np.ones(3))]
    if kind == "bars":
        bars = [rectangle(x + k * size / 5, y + size * (1 - h), x + (k + 0.7) * size / 5, y + size)
                for k, h in enumerate(rng.uniform(0.2, 1, 5))]  # fmt: skip
        return [Area(as_one_line(bars), color)], []
    disc = _circle(*mid, half)
    letters = text_contours(place_name(rng)[:2].upper(), font_number("DejaVuSans-Bold"))
    span = np.concatenate(letters)
    low, high = span.min(axis=0), span.max(axis=0)
    scale = 1.2 * half / (high - low).max()
    # Letters turn as the disc does in none of the fonts' outlines: they are holes in it.
    sign = [(c - (low + high) / 2) * scale + mid for c in letters]
    return [Area(disc, color), Area(as_one_line(sign), np.ones(3))], []


def sticker(scene: Scene, box: Box, facts: Facts, rng: np.random.Generator) -> None:
    """Stick a white label with a few lines, and perhaps a bar code, into a box of the header."""
    x0, y0, x1, y1 = box
    white = np.clip(rng.uniform(0.93, 1.0) - rng.uniform(0, 0.06, 3) * (rng.random() < 0.4), 0, 1)
    scene.areas.append(Area(rectangle(*box), white))
    scene.lines.append(box_line(box, rng.uniform(0.1, 0.25), np.full(3, rng.uniform(0.4, 0.8))))
    size, font = rng.uniform(1.7, 2.6), int(rng.integers(0, 1000))
    lines = [facts.name or "---", facts.patient, facts.born, "M" if facts.male else "F", *about_house(facts, rng)]
    y = y0 + 1.4 * size
    for line in lines[: int(rng.integers(2, 6))]:
        if y < y1 - 0.5 * size and x0 + 1.5 + text_width(line, font, size) < x1:
            scene.texts.append(Text(line, x0 + 1.5, y, size, font, color=np.array(INKS["black"])))
            y += 1.25 * size
    if y1 - y > 4 and rng.random() < 0.7:
        scene.areas.append(bar_code(x0 + 2, y, x1 - x0 - 4, y1 - y - 1.5, rng))


def stamp(scene: Scene, facts: Facts, x: float, y: float, rng: np.random.Generator) -> None:
    """Stamp a word, a date or a hospital's name in a frame about (x, y), a little aslant, over what is there."""
    font = font_number(one(rng, FACES))
    word = one(rng, _STAMP_WORDS)
    if rng.random() < 0.3:
        contours = _round_stamp(about_house(facts, rng)[0], facts.day, font, rng)
    else:
        lines = [word] if rng.random() < 0.5 else [word, facts.day]
        contours = _square_stamp(lines, font, rng)
    slant = rng.normal(0, 6) * np.pi / 180
    turn = np.array([[np.cos(slant), np.sin(slant)], [-np.sin(slant), np.cos(slant)]])
    points = as_one_line(contours) @ turn
    # Kept on the sheet, with a margin.
    low, high = points.min(axis=0), points.max(axis=0)
    at = np.clip([x, y], 1.0 - low, np.maximum(np.array([scene.width, scene.height]) - 1.0 - high, 1.0 - low))
    color = np.array(INKS[one(rng, ("blue", "red", "violet", "violet", "black", "green"))]) + rng.normal(0, 0.03, 3)
    scene.over.append(Area(points + at, np.clip(color, 0, 1), rng.uniform(0.3, 0.75)))


def _square_stamp(lines: list[str], font: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the contours about (0, 0) of lines of text in a frame."""
    size, contours = rng.uniform(3, 6), []
    for k, line in enumerate(lines):
        height = size if k == 0 else 0.7 * size
        left = -text_width(line, font, height) / 2
        contours += [c * height + np.array([left, 1.15 * size * k]) for c in text_contours(line, font)]
    span = np.concatenate(contours)
    margin, width = rng.uniform(1.0, 2.0), rng.uniform(0.3, 0.7)
    (x0, y0), (x1, y1) = span.min(axis=0) - margin, span.max(axis=0) + margin
    if rng.random() < 0.85:
        outer = rectangle(x0 - width, y0 - width, x1 + width, y1 + width)
        contours += [outer, rectangle(x0, y0, x1, y1)[::-1]]
    return contours


def _round_stamp(words: str, date: str, font: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the contours about (0, 0) of two rings, words between them and a date in their middle."""
    radius, width = rng.uniform(10, 16), rng.uniform(0.3, 0.6)
    size = 0.22 * radius
    inner = radius - 1.6 * size
    contours = [c for r in (radius, inner) for c in (_circle(0, 0, r + width, 64), _circle(0, 0, r, 64)[::-1])]
    contours += _on_circle(words, font, min(size, 5.2 * inner / text_width(words, font, 1.0)), inner + 0.4 * size)
    date_size = min(0.9 * size, 1.6 * inner / max(text_width(date, font, 1.0), 1e-6))
    left = -text_width(date, font, date_size) / 2
    return contours + [c * date_size + np.array([left, 0.35 * date_size]) for c in text_contours(date, font)]


def _on_circle(words: str, font: int, size: float, radius: float) -> list[np.ndarray]:
    """Return a text's contours with its baseline bent to a circle about (0, 0), centred at the top."""
    half, out = text_width(words, font, size) / 2, []
    for c in text_contours(words, font):
        turn, away = (c[:, 0] * size - half) / radius, radius - c[:, 1] * size
        out.append(np.stack([np.sin(turn) * away, -np.cos(turn) * away], axis=1))
    return out
