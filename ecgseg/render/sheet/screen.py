"""A page shown on a monitor: resampled to the screen's own pixels, which are then drawn with their coloured stripes."""

import cv2
import numpy as np

from ecgseg.render.fields import Span, draw, multiply
from ecgseg.render.sheet.paper import Sheet

# Where a pixel's red, green and blue stripes have their middle, in pixels from its own.
_STRIPES = ((-1 / 3, 0.0, 1 / 3), (1 / 3, 0.0, -1 / 3), (0.0, 0.0, 0.0))


def _lit(position: np.ndarray, pixel: float, middle: float, width: float) -> np.ndarray:
    """Return the share of light of samples (n,), `pixel` wide, from stripes `width` wide, both in screen pixels.

    There is one stripe a screen pixel, its middle `middle` off the pixel's own (whole numbers).
    """
    ends = [position + side * pixel / 2 - middle + 0.5 for side in (1, -1)]
    # How much of the stripes lies before a point: whole ones, and the part of the one it is in.
    before = [np.floor(e) * width + np.clip(e - np.floor(e) - 0.5 + width / 2, 0, width) for e in ends]
    return (before[0] - before[1]) / pixel


def screen_pixels(
    sheet: Sheet, rng: np.random.Generator, dpi: Span, contrast: Span = (0.1, 0.8), smooth: Span = (0.0, 0.7)
) -> None:
    """Show the page on a screen of `dpi`: its pixels with gaps between them and stripes of red, green and blue.

    contrast: how dark the gaps are, 1 = black, and how far the stripes part; smooth: the softness, in screen pixels,
    with which the viewer shrank the page. Each colour is sampled at its own stripe, so that ink stays where it was.
    """
    h, w = sheet.image.shape[:2]
    pitch = sheet.px_per_mm / (draw(rng, dpi) / 25.4)  # of the screen, in pixels of the sheet
    stripes = np.array(_STRIPES[rng.choice(3, p=[0.65, 0.15, 0.2])])
    dark, soften = draw(rng, contrast), draw(rng, smooth)
    share = rng.uniform(0.5, 0.9)  # of the pitch that is lit, each way
    start = rng.uniform(0, 1, 2)
    # The screen's pixels are counted from the page's corner, so that a window shows those of the page.
    first = np.array(sheet.origin) * sheet.px_per_mm / pitch + start
    x, y = first[0] + np.arange(w) / pitch, first[1] + np.arange(h) / pitch
    gain_y = (1 - dark) + dark * _lit(y, 1 / pitch, 0.0, share) / share
    lit = share / 3 if stripes.any() else share
    gain_x = np.stack([(1 - dark) + dark * _lit(x, 1 / pitch, middle, lit) / lit for middle in stripes], axis=1)
    source = cv2.GaussianBlur(sheet.image, (0, 0), max(0.05, pitch * (0.3 + 0.5 * soften)))
    low = np.array([np.floor(x[0]), np.floor(y[0])]).astype(int) - 1
    size = (int(np.ceil(x[-1])) - low[0] + 2, int(np.ceil(y[-1])) - low[1] + 2)
    shown = []
    for channel, middle in zip(cv2.split(source), stripes, strict=True):
        matrix = np.array([[pitch, 0, (low[0] + middle - first[0]) * pitch], [0, pitch, (low[1] - first[1]) * pitch]])
        how = dict(flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        pixels = cv2.warpAffine(channel, matrix, tuple(map(int, size)), **how)
        shown.append(cv2.transpose(_between(cv2.transpose(pixels), _sharp(x - low[0] - middle, pitch))))
    bright = _exposed(gain_x, gain_y, rng.uniform(0.65, 0.92))
    rows = multiply(cv2.merge(shown), np.repeat((bright * gain_x)[None].astype(np.float32), size[1], axis=0))
    gain = np.repeat(gain_y.astype(np.float32)[:, None], w, axis=1)
    sheet.image = multiply(_between(rows, _sharp(y - low[1], pitch)), gain)


def _exposed(gain_x: np.ndarray, gain_y: np.ndarray, wanted: float) -> float:
    """Return the brightness, at most 2.5, at which a white page comes out `wanted` bright on average, its peaks cut."""
    gain = gain_y[:97, None, None] * gain_x[None, :97]
    levels = np.linspace(0.5, 2.5, 21)
    return float(np.interp(wanted, [np.minimum(gain * level, 1).mean() for level in levels], levels))


def _sharp(position: np.ndarray, pitch: float) -> np.ndarray:
    """Return positions drawn towards the nearest whole number, but for the half sample where two pixels meet."""
    whole = np.floor(position)
    return whole + np.clip((position - whole - 0.5) * pitch + 0.5, 0, 1)


def _between(pixels: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return rows (m, w, …) of pixels (n, w, …) uint8 at positions (m,), blended linearly."""
    row = np.clip(np.floor(at).astype(int), 0, len(pixels) - 2)
    share = np.repeat((at - row).astype(np.float32)[:, None], pixels.shape[1], axis=1)
    return cv2.blendLinear(pixels[row], pixels[row + 1], 1 - share, share)


EFFECTS = {"screen_pixels": screen_pixels}
