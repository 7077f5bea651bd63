"""Text on a page: its exact box in mm, and drawing it on a layer of ink, at any size and to a fraction of a pixel."""

from functools import lru_cache

import numpy as np

from ecgseg.render.draw.glyphs import as_one_line, face_of, glyph, letter_box, plain
from ecgseg.render.draw.strokes import polygon_cover
from ecgseg.render.printed.primitives import Text

_LETTER_EM = 1.4  # no letter of any font is wider, not even the widest made wider
_RISE_EM = 1.3  # nor higher above its baseline or deeper below it
_LEAST_PX = 1.5  # font size below which a text is a smear that no scan shows


def text_contours(text: str, font: int) -> list[np.ndarray]:
    """Return the closed contours (n, 2) of a text's letters in em from its origin, y downwards."""
    face, squeeze = face_of(font)
    contours, at = [], 0.0
    for letter in plain(text, face):
        parts, advance = glyph(letter, face, squeeze)
        contours += [part + np.array([at, 0.0]) for part in parts]
        at += advance
    return contours


@lru_cache(maxsize=4096)
def _outline(text: str, font: int) -> np.ndarray:
    """Return a text's outline (n, 2) in em from its origin, y downwards, as one closed line."""
    contours = text_contours(text, font)
    return as_one_line(contours) if contours else np.empty((0, 2))


@lru_cache(maxsize=4096)
def _extent(text: str, font: int) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a text's outline in em from its origin, letter by letter: the quick way."""
    face, squeeze = face_of(font)
    boxes, at = [], 0.0
    for letter in plain(text, face):
        box, advance = letter_box(letter, face, squeeze)
        if box is not None:
            boxes.append((box[0] + at, box[1], box[2] + at, box[3]))
        at += advance
    if not boxes:
        return 0.0, 0.0, 0.0, 0.0
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def text_width(text: str, font: int, height: float) -> float:
    """Return how far in mm the end of a text is from its origin, for a font size of `height` mm."""
    face, squeeze = face_of(font)
    return sum(letter_box(letter, face, squeeze)[1] for letter in plain(text, face)) * height


def text_box(text: Text) -> np.ndarray:
    """Return the corners (4, 2) in mm of a text's ink, clockwise from where its reading begins at the top.

    A text without ink has all corners where it starts.
    """
    return end_box(text, 0)


def end_box(text: Text, first: int) -> np.ndarray:
    """Return the corners (4, 2) in mm, as `text_box` does, of a text's letters from number `first` on."""
    before = text_width(text.text[:first], text.font, 1.0)
    left, top, right, bottom = _extent(text.text[first:], text.font)
    return _placed(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) + [before, 0.0], text)


def _placed(em: np.ndarray, text: Text) -> np.ndarray:
    """Return points (n, 2) in em along the text as points in mm on the page."""
    if text.angle == 90:  # read upwards
        em = np.stack([em[:, 1], -em[:, 0]], axis=1)
    elif text.angle != 0:
        raise ValueError(f"text '{text.text}': angle is {text.angle}; a text runs at 0 or 90 degrees")
    return em * text.height + np.array([text.x, text.y])


def draw_texts(cover: np.ndarray, texts: list[Text], origin: tuple[float, float], px_per_mm: float) -> None:
    """Draw the texts that a window shows on its layer of ink (H, W) float32 in place, the maximum with what is there.

    Pixel (0, 0) of the window is centred at `origin` mm. Letters that a font lacks are drawn without their accents.
    """
    height, width = cover.shape
    right, bottom = origin[0] + width / px_per_mm, origin[1] + height / px_per_mm
    for text in texts:
        if text.height * px_per_mm < _LEAST_PX or not _near(text, *origin, right, bottom):
            continue
        outline = _outline(text.text, text.font)
        if not len(outline):
            continue
        box = polygon_cover((_placed(outline, text) - np.asarray(origin)) * px_per_mm, cover.shape)
        if box is not None:
            y, x, ink = box
            part = cover[y : y + ink.shape[0], x : x + ink.shape[1]]
            np.maximum(part, ink, out=part)


def _near(text: Text, x0: float, y0: float, x1: float, y1: float) -> bool:
    """Return whether a text may reach into a window, from its place and number of letters alone."""
    rise, long = _RISE_EM * text.height, _LETTER_EM * text.height * len(text.text)
    if text.angle == 90:
        return x0 - rise < text.x < x1 + rise and y0 - rise < text.y < y1 + long + rise
    return x0 - long - rise < text.x < x1 + rise and y0 - rise < text.y < y1 + rise
