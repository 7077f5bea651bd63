"""Outlines of letters: the text fonts of matplotlib, and strokes as plotters and thermal and dot printers draw them."""

import itertools
import string
import unicodedata
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font, LoadFlags
from matplotlib.path import Path as Outline

from ecgseg.render.draw.letters import STROKES

# Faces in a fixed order, those that look like a machine's more than once: a random font number meets them more often.
FACES = (
    *("DejaVuSans", "DejaVuSans", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique"),
    *("DejaVuSansMono-BoldOblique", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmss10", "cmss10", "cmr10", "cmb10", "cmti10", "cmtt10", "cmtt10"),
    *("vector", "vector", "vector thin", "vector bold", "vector wide", "round", "round thin", "round bold"),
    *("dots", "dots bold"),
)
SQUEEZES = (1.0, 1.0, 0.9, 0.82, 0.7, 1.15)  # of the letters' width: many machines print narrow letters

# Drawn faces: radius of the pen or dot in em, and whether corners are rounded, letters all as wide, drawn as dots.
_DRAWN = {
    "vector": (0.042, False, True, False),
    "vector thin": (0.028, False, False, False),
    "vector bold": (0.062, False, True, False),
    "vector wide": (0.045, False, False, False),
    "round": (0.042, True, False, False),
    "round thin": (0.028, True, True, False),
    "round bold": (0.062, True, False, False),
    "dots": (0.048, False, True, True),
    "dots bold": (0.066, False, True, True),
}
_STEP = (0.104, 0.121)  # em per column and row of the drawn letters' lattice: capitals as high as in the other fonts
_BASE = 2  # lattice row of the baseline
_EM = 40.0  # px at which outlines are taken: curves are cut to about a 200th of the font size
_LEAST_DOT = 0.06  # em, radius
_CAP = 3  # straight pieces of each round end of a stroke
_DOT = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 8, endpoint=False)), -np.sin(np.linspace(0, 2 * np.pi, 8, endpoint=False))],
    axis=1,
)
_PLAIN = {
    "_": "-",
    "|": "/",
    "<": "(",
    ">": ")",
    "ß": "ss",
    "ł": "l",
    "Ł": "L",
    "ı": "i",
    "µ": "u",
    "×": "x",
    "–": "-",
    "·": ".",
    "°": "",
    "±": "+/-",
    "’": "'",
}

_SAFE = frozenset(string.ascii_letters + string.digits + ".,:;-+=/()[]!?'*%&#@")

Glyph = tuple[tuple[np.ndarray, ...], float]  # closed contours (n, 2) in em, y downwards, and how far the next one is


def face_of(font: int) -> tuple[str, float]:
    """Return the face and the squeeze that a font number stands for; any whole number ≥ 0 does."""
    return FACES[font % len(FACES)], SQUEEZES[(font // len(FACES)) % len(SQUEEZES)]


def font_number(face: str, squeeze: float = 1.0) -> int:
    """Return the font number of a face of FACES with a squeeze of SQUEEZES; raises ValueError if there is none."""
    return FACES.index(face) + len(FACES) * SQUEEZES.index(squeeze)


@lru_cache(maxsize=8192)
def plain(text: str, face: str) -> str:
    """Return a text in letters that the face has: others lose their accents, or become '?'."""
    return "".join(c if c == " " or _has(c, face) else _plain_letter(c, face) for c in text)


def _plain_letter(letter: str, face: str) -> str:
    base = _PLAIN.get(letter)
    if base is None:
        base = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
        base = base if base.isascii() else "?"
    return "".join(c if _has(c, face) else "?" for c in base)


def _has(letter: str, face: str) -> bool:
    if face in _DRAWN:
        return letter in STROKES
    # Computer Modern has other letters in the places of the rarer signs.
    return letter in _SAFE if face.startswith("cm") else ord(letter) in _charmap(face)


@lru_cache(maxsize=8192)
def glyph(letter: str, face: str, squeeze: float) -> Glyph:
    """Return a letter's outline in a face, its width scaled by `squeeze`; raises KeyError for a letter it lacks."""
    if face in _DRAWN:
        return _drawn(letter, squeeze, *_DRAWN[face])
    contours, advance = _outline(letter, face)
    return tuple(c * np.array([squeeze, 1.0]) for c in contours), advance * squeeze


@lru_cache(maxsize=8192)
def letter_box(letter: str, face: str, squeeze: float) -> tuple[tuple[float, float, float, float] | None, float]:
    """Return left, top, right, bottom of a letter's outline in em (None without ink), and how far the next one is."""
    contours, advance = glyph(letter, face, squeeze)
    if not contours:
        return None, advance
    points = np.concatenate(contours)
    return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist()), advance


@lru_cache(maxsize=64)
def _opened(face: str) -> FT2Font:
    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"))
    font.set_size(_EM, 72)
    return font


@lru_cache(maxsize=64)
def _charmap(face: str) -> dict[int, int]:
    return _opened(face).get_charmap()


@lru_cache(maxsize=8192)
def _outline(letter: str, face: str) -> Glyph:
    font = _opened(face)
    loaded = font.load_char(ord(letter), flags=LoadFlags.NO_HINTING)
    vertices, codes = font.get_path()
    contours = Outline(vertices, codes).to_polygons(closed_only=True) if len(codes) else []
    return tuple(c * np.array([1, -1]) / _EM for c in contours), loaded.linearHoriAdvance / 65536 / _EM


def as_one_line(contours: list[np.ndarray]) -> np.ndarray:
    """Return closed contours (n, 2) as one closed line that fills the same area.

    A thread runs from each contour's first point to the next one's and all the way back, and covers nothing.
    """
    there = [part for c in contours for part in (c, c[:1])]
    return np.concatenate([*there, np.array([c[0] for c in contours[::-1]])])


def _drawn(letter: str, squeeze: float, radius: float, rounded: bool, even: bool, dots: bool) -> Glyph:
    """Return a letter drawn with a round pen, or as dots, from its strokes."""
    if letter == " ":
        return (), (6 if even else 4) * _STEP[0] * squeeze
    strokes = [np.array([(int(p[0]), int(p[1])) for p in s], float) for s in STROKES[letter]]
    left, right = min(s[:, 0].min() for s in strokes), max(s[:, 0].max() for s in strokes)
    scale = np.array([_STEP[0] * squeeze, -_STEP[1]])
    shift = np.array([0.0 if even else left, _BASE])
    advance = (6 if even else right - left + 2) * _STEP[0] * squeeze
    if dots:
        spots = np.unique(np.concatenate([_lattice(s) for s in strokes]), axis=0)
        return tuple(p + radius * _DOT for p in (spots - shift) * scale), advance
    lines = [part for s in strokes for part in _split(_rounded(s) if rounded else s)]
    return tuple(_widened((line - shift) * scale, radius) for line in lines), advance


def _lattice(stroke: np.ndarray) -> np.ndarray:
    """Return the lattice points (n, 2) that a stroke passes."""
    pieces = [stroke[:1]]
    for a, b in itertools.pairwise(stroke):
        steps = int(max(1, np.abs(b - a).max()))
        pieces.append(np.round(a + (b - a) * np.linspace(0, 1, steps + 1)[1:, None]))
    return np.concatenate(pieces)


def _rounded(stroke: np.ndarray) -> np.ndarray:
    """Return a stroke whose blunt corners are cut twice, so that bends look round; right angles stay."""
    for _ in range(2):
        points = [stroke[0]]
        for a, b, c in zip(stroke[:-2], stroke[1:-1], stroke[2:], strict=True):
            before, after = np.hypot(*(a - b)), np.hypot(*(c - b))
            turn = np.dot(b - a, c - b) / max(before * after, 1e-9)
            cut = 0.4 * min(before, after)
            corner = [b + (a - b) * cut / before, b + (c - b) * cut / after] if 0.5 < turn < 0.999 else [b]
            points += corner
        stroke = np.array([*points, stroke[-1]])
    return stroke


def _split(stroke: np.ndarray) -> list[np.ndarray]:
    """Return the parts of a stroke between its sharp corners."""
    step = np.diff(stroke, axis=0)
    sharp = (step[:-1] * step[1:]).sum(axis=1) < -1e-9
    ends = [0, *(np.flatnonzero(sharp) + 1).tolist(), len(stroke) - 1]
    return [stroke[a : b + 1] for a, b in itertools.pairwise(ends)]


def _widened(line: np.ndarray, radius: float) -> np.ndarray:
    """Return the outline (n, 2) of a round pen's line without sharp corners; all outlines turn the same way."""
    step = np.diff(line, axis=0)
    if not step.any():  # a full stop would get lost beside the letters if it were no wider than the pen
        return line[0] + max(1.5 * radius, _LEAST_DOT) * _DOT
    along = step / np.hypot(*step.T)[:, None]
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    middle = normal[:-1] + normal[1:]
    side = np.concatenate([normal[:1], 2 * middle / (middle**2).sum(axis=1)[:, None], normal[-1:]]) * radius
    turn = np.pi * np.arange(1, _CAP) / _CAP
    ends = [_arc(-along[0], -normal[0], turn), _arc(along[-1], normal[-1], turn)]
    there, back = line + side, (line - side)[::-1]
    return np.concatenate([there, line[-1] + radius * ends[1], back, line[0] + radius * ends[0]])


def _arc(along: np.ndarray, normal: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return points of a unit circle, from the normal towards `along`, at the angles (n,) `turn`."""
    return np.cos(turn)[:, None] * normal + np.sin(turn)[:, None] * along
