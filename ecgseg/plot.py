"""Reading -> picture: the extracted traces drawn on their page, for a person to judge at a glance."""

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Okabe and Ito's colours (RGB), told apart by colour-blind readers too; neighbouring strips never share one.
COLOURS = ((0, 114, 178), (0, 130, 90), (148, 70, 160))
DOUBTFUL = (230, 60, 0)  # where the confidence is low
DOUBT_BELOW = 0.5
BOX = (120, 120, 120)
TEXT = (30, 30, 30)
DIM = 0.6  # how far the page fades towards white: its ink stays visible beside the drawn line
LINE_MM = 0.25
LABEL_MM = 3.5
CAPTION_MM = 3.2
_SHIFT = 4  # cv2 draws at 1/16 px


def overlay(reading) -> np.ndarray:
    """Return the dimmed flat page with every strip's trace, lead name and window on it, (H, W, 3) uint8.

    Traces alternate in colour; where their confidence is below 0.5 they are orange. The line at the top says
    what was assumed: layout, scale, speed, gain.
    """
    flat = reading.flat
    px = flat.px_per_mm
    canvas = 255 - ((255 - flat.image.astype(np.float32)) * (1 - DIM)).round().astype(np.uint8)
    canvas = np.ascontiguousarray(canvas)
    labels = []
    for strip, (x, y, confidence) in zip(reading.located.strips, reading.traces, strict=True):
        colour = strip_colour(reading.located.strips, strip)
        half = _half_height(reading.located.strips, strip, px)
        top, bottom = strip.baseline - half, strip.baseline + half
        corners = np.array([(strip.x0, top), (strip.x1, top), (strip.x1, bottom), (strip.x0, bottom)])
        _polyline(canvas, corners, BOX, 1, closed=True)
        thickness = max(1, round(LINE_MM * px))
        for piece, doubtful in runs(np.asarray(x), np.asarray(y), np.asarray(confidence)):
            _polyline(canvas, piece, DOUBTFUL if doubtful else colour, thickness)
        labels.append((strip.lead, (strip.x0 + 0.6 * px, top + 0.4 * px), colour))
    return _write(canvas, labels, caption(reading), px)


def strip_colour(strips, strip) -> tuple[int, int, int]:
    """Return the RGB colour of a strip, different from that of its neighbours beside, above and below."""
    column = sum(other.row == strip.row and other.x0 < strip.x0 for other in strips)
    return COLOURS[(strip.row + column) % len(COLOURS)]


def runs(x: np.ndarray, y: np.ndarray, confidence: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """Cut a trace at NaN and where its confidence crosses 0.5: (points (n, 2), doubtful) per piece."""
    if not len(x):
        return []
    found = np.isfinite(x) & np.isfinite(y)
    state = np.where(found, np.where(confidence < DOUBT_BELOW, 2, 1), 0)
    starts = np.flatnonzero(np.r_[True, np.diff(state) != 0])
    pieces = []
    for start, end in zip(starts, [*starts[1:], len(state)], strict=True):
        if state[start] == 0:
            continue
        # One sample of the next piece closes the gap where only the colour changes.
        stop = end + 1 if end < len(state) and state[end] else end
        pieces.append((np.stack([x[start:stop], y[start:stop]], axis=1), bool(state[start] == 2)))
    return pieces


def caption(reading) -> str:
    """Return the line that says what the page was taken for."""
    about = reading.recording.provenance
    scale = about["scale"]
    text = (
        f"{reading.recording.name}   layout {about['layout']['name']}   "
        f"{scale['px_per_mm_x']:.2f} x {scale['px_per_mm_y']:.2f} px/mm   "
        f"{about['speed_mm_s']:g} mm/s   {about['gain_mm_mv']:g} mm/mV"
    )
    count = len(reading.recording.warnings)
    return text + (f"   {count} warning{'s' if count > 1 else ''}: see the JSON" if count else "")


def _half_height(strips, strip, px: float) -> float:
    """Half the distance to the nearest other row: boxes of neighbouring rows touch but do not overlap."""
    gaps = [abs(other.baseline - strip.baseline) for other in strips if other.row != strip.row]
    return min([*gaps, 30 * px]) / 2 - 1


def _polyline(canvas: np.ndarray, points: np.ndarray, colour, thickness: int, closed: bool = False) -> None:
    fixed = np.round(points * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(canvas, [fixed.reshape(-1, 1, 2)], closed, colour, thickness, cv2.LINE_AA, _SHIFT)


@lru_cache
def _font(size: int):
    return ImageFont.load_default(size)


def _write(canvas: np.ndarray, labels, line: str, px: float) -> np.ndarray:
    band = round(2 * CAPTION_MM * px)
    canvas = np.concatenate([np.full((band, canvas.shape[1], 3), 255, np.uint8), canvas])
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for text, (x, y), colour in labels:
        draw.text((x, y + band), text, fill=colour, font=_font(round(LABEL_MM * px)))
    draw.text((CAPTION_MM * px, band / 2), line, fill=TEXT, font=_font(round(CAPTION_MM * px)), anchor="lm")
    return np.asarray(picture)
