"""Text on a page: glyphs from matplotlib's fonts, their exact boxes in mm, and drawing them on a layer of ink."""

from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ecgseg.render.scene import Text

# Fonts of the matplotlib wheel (DejaVu, STIX, Computer Modern), less the symbol-only ones, in the order of their names.
_FONTS = sorted(
    p
    for p in (Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("*.ttf")
    if p.name.startswith(("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr10", "cmss10", "cmtt10"))
    and "Display" not in p.name
)
SQUEEZES = (1.0, 1.0, 0.82, 0.7)  # of the letters' width: machines print narrow letters
_MEASURED_AT = 128.0  # px: a box is measured at a large size and scaled
_QUARTERS = 4  # positions of a text in a pixel


def _face(font: int) -> tuple[Path, float]:
    """Return the font file and squeeze that a Text's `font` number stands for."""
    return _FONTS[font % len(_FONTS)], SQUEEZES[(font // len(_FONTS)) % len(SQUEEZES)]


@lru_cache(maxsize=64)
def _truetype(path: Path, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


@lru_cache(maxsize=8192)
def _extent(text: str, font: int) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a text's ink for a font size of 1; y grows downwards from the baseline."""
    path, squeeze = _face(font)
    bitmap, dx, dy = _bitmap(text, path, _MEASURED_AT)
    columns, rows = (np.flatnonzero(bitmap.max(axis=k) > 0.5) for k in (0, 1))
    left, right = (np.array([columns[0], columns[-1] + 1]) + dx) * squeeze / _MEASURED_AT
    top, bottom = (np.array([rows[0], rows[-1] + 1]) + dy) / _MEASURED_AT
    return float(left), float(top), float(right), float(bottom)


def _bitmap(text: str, path: Path, size: float) -> tuple[np.ndarray, int, int]:
    """Return a text's coverage (h, w) float32 and its first pixel's place right of and below the baseline's start."""
    face = _truetype(path, size)
    left, top, right, bottom = face.getbbox(text, anchor="ls")
    # Ink may lie a little outside the box that the font states.
    x, y = int(np.floor(left)) - 2, int(np.floor(top)) - 2
    canvas = Image.new("L", (int(np.ceil(right)) + 4 - x, int(np.ceil(bottom)) + 4 - y))
    ImageDraw.Draw(canvas).text((-x, -y), text, fill=255, font=face, anchor="ls")
    return np.asarray(canvas, np.float32) / 255, x, y


def text_box(text: Text) -> np.ndarray:
    """Return the corners (4, 2) in mm of a text's ink, clockwise from where its reading begins at the top."""
    left, top, right, bottom = (v * text.height for v in _extent(text.text, text.font))
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    if text.angle == 90:  # read upwards
        corners = np.stack([corners[:, 1], -corners[:, 0]], axis=1)
    return corners + np.array([text.x, text.y])


@lru_cache(maxsize=4096)
def _glyphs(text: str, font: int, size: float, shift: tuple[int, int], angle: int) -> tuple[np.ndarray, int, int]:
    """Return a text's coverage (h, w) float32 and where its first pixel is from the text's origin, in px (x, y).

    shift: quarters of a pixel that the origin lies right of and below its pixel's centre.
    """
    path, squeeze = _face(font)
    fine = _QUARTERS
    left, top, right, bottom = (v * size for v in _extent(text, font))
    # Drawn four times as large on a canvas of whole pixels, then averaged down.
    x0, y0 = int(np.floor(min(left, 0))) - 1, int(np.floor(top)) - 1
    w, h = int(np.ceil(right)) + 2 - x0, int(np.ceil(bottom)) + 2 - y0
    if angle == 90:
        shift = (-shift[1], shift[0])
    bitmap, dx, dy = _bitmap(text, path, round(size * fine, 2))
    if squeeze != 1.0 and bitmap.size:
        bitmap = _squeezed(bitmap, squeeze)
        dx = round(dx * squeeze)
    canvas = np.zeros((h * fine, w * fine), np.float32)
    # A pixel's centre lies half a pixel from its edge: fine/2 rows of the enlarged canvas.
    at_x, at_y = dx - x0 * fine + shift[0] + fine // 2, dy - y0 * fine + shift[1] + fine // 2
    part = bitmap[: canvas.shape[0] - at_y, : canvas.shape[1] - at_x]
    canvas[at_y : at_y + part.shape[0], at_x : at_x + part.shape[1]] = part
    cover = canvas.reshape(h, fine, w, fine).mean(axis=(1, 3))
    if angle == 90:
        return np.ascontiguousarray(np.rot90(cover)), y0, -(x0 + w - 1)
    return cover, x0, y0


def _squeezed(bitmap: np.ndarray, factor: float) -> np.ndarray:
    """Return a bitmap made narrower by a factor."""
    w = max(1, round(bitmap.shape[1] * factor))
    return cv2.resize(bitmap, (w, bitmap.shape[0]), interpolation=cv2.INTER_AREA)


def draw_texts(cover: np.ndarray, texts: list[Text], origin: tuple[float, float], px_per_mm: float) -> None:
    """Draw the texts that a window shows on its layer of ink (H, W) float32 in place; pixel (0, 0) at `origin` mm."""
    h, w = cover.shape
    for item in texts:
        size = item.height * px_per_mm
        x, y = (item.x - origin[0]) * px_per_mm, (item.y - origin[1]) * px_per_mm
        reach = size * (len(item.text) + 2)  # no letter is wider than its height
        if not (-reach < x < w + reach and -reach < y < h + reach) or size < 2 or not item.text.strip():
            continue
        i, j = round(x * _QUARTERS), round(y * _QUARTERS)
        px, py = i // _QUARTERS, j // _QUARTERS
        shift = (i - px * _QUARTERS, j - py * _QUARTERS)
        bitmap, dx, dy = _glyphs(item.text, item.font, round(size, 2), shift, item.angle)
        left, top = px + dx, py + dy
        y0, x0 = max(0, top), max(0, left)
        y1, x1 = min(h, top + bitmap.shape[0]), min(w, left + bitmap.shape[1])
        if y1 > y0 and x1 > x0:
            part = bitmap[y0 - top : y1 - top, x0 - left : x1 - left]
            np.maximum(cover[y0:y1, x0:x1], part, out=cover[y0:y1, x0:x1])
