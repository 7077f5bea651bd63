"""Copies: grey and black-and-white scans, dithering, halftones, fax and photocopies of photocopies."""

import cv2
import numpy as np
from PIL import Image

from ecgseg.render.fields import Span, draw, draw_count, enlarge, normal_noise, smooth_field

_BAYER = np.array([[0, 2], [3, 1]])
# Whole-numbered screens: dots (a, b) apart, so that the screen repeats after a² + b² pixels.
_SCREENS = ((2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (4, 3), (5, 2))


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _rgb(grey: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _ink_and_paper(grey: np.ndarray) -> tuple[float, float]:
    """Return the grey levels of the darkest ink and of the paper, from the middle: around it there may be no paper."""
    h, w = grey.shape
    return tuple(np.percentile(grey[h // 6 : h - h // 6 : 4, w // 6 : w - w // 6 : 4], [0.3, 80]))


def _stretched(grey: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the grey picture with `low` drawn down to black and `high` up to white."""
    levels = (np.arange(256) - low) / max(high - low, 1) * 255
    return cv2.LUT(grey, np.clip(np.rint(levels), 0, 255).astype(np.uint8))


def grey(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A grey scan: of all colours, or of a single one, in which a grid of that colour pales."""
    if rng.random() < 0.75:
        return _rgb(_grey(image))
    return _rgb(np.ascontiguousarray(image[..., rng.choice(3, p=[0.3, 0.5, 0.2])]))


def binarize(image: np.ndarray, rng: np.random.Generator, level: Span) -> np.ndarray:
    """Threshold to black and white at a share of the way from dark ink to paper."""
    value = _grey(image)
    low, high = _ink_and_paper(value)
    return _rgb(cv2.threshold(value, low + draw(rng, level) * (high - low), 255, cv2.THRESH_BINARY)[1])


def adaptive(image: np.ndarray, rng: np.random.Generator, block: Span, offset: Span) -> np.ndarray:
    """Black where a pixel is darker than the mean of `block` pixels about it by `offset` of ink's contrast."""
    value = _grey(image)
    low, high = _ink_and_paper(value)
    size, below = 2 * round(draw(rng, block) / 2) + 1, draw(rng, offset) * (high - low)
    mean = cv2.boxFilter(value, -1, (size, size), borderType=cv2.BORDER_REPLICATE)
    return _rgb(cv2.compare(value, cv2.subtract(mean, (below, 0, 0, 0)), cv2.CMP_GT))


def _tiled(tile: np.ndarray, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Return a tile repeated over a picture from a random start."""
    tile = np.roll(tile, tuple(rng.integers(0, tile.shape)), axis=(0, 1))
    times = [-(-n // m) for n, m in zip(shape, tile.shape, strict=True)]
    return np.ascontiguousarray(cv2.repeat(np.ascontiguousarray(tile), *times)[: shape[0], : shape[1]])


def _bayer(order: int) -> np.ndarray:
    tile = np.zeros((1, 1))
    for _ in range(order):
        tile = np.block([[4 * tile + step for step in row] for row in _BAYER])
    return ((tile + 0.5) / tile.size * 255).astype(np.uint8)


def _screen(a: int, b: int) -> np.ndarray:
    """Return a halftone screen (n, n) uint8, thresholds evenly spread over 0..255."""
    n = a * a + b * b
    y, x = np.mgrid[:n, :n]
    wave = np.cos(2 * np.pi * (a * x + b * y) / n) + np.cos(2 * np.pi * (a * y - b * x) / n)
    # Nudged, so that equal heights do not all switch at once.
    order = np.argsort(np.argsort((wave + 1e-3 * np.sin(3.1 * x + 1.7 * y)).ravel()))
    return ((order.reshape(n, n) + 0.5) / n**2 * 255).astype(np.uint8)


def dither(image: np.ndarray, rng: np.random.Generator, contrast: Span = (1.0, 2.0)) -> np.ndarray:
    """A 1-bit picture whose greys are dots: spread errors (Floyd and Steinberg) or an ordered raster."""
    value = _grey(image)
    low, high = _ink_and_paper(value)
    value = _stretched(value, low, high + (255 - high) * 0.3)
    middle = 160 - 160 / draw(rng, contrast)
    value = _stretched(value, middle * 0.5, 255 - 0.1 * middle)
    if rng.random() < 0.5:
        return _rgb(cv2.compare(value, _tiled(_bayer(int(rng.integers(1, 4))), rng, value.shape), cv2.CMP_GT))
    # Errors are pushed to the right and down: turned at random, ink is not pushed to one side over many pictures.
    turn = int(rng.integers(-1, 3))
    value = value if turn == 2 else cv2.flip(value, turn)
    spread = np.asarray(Image.fromarray(value).convert("1").convert("L"))
    return _rgb(spread if turn == 2 else cv2.flip(spread, turn))


def halftone(image: np.ndarray, rng: np.random.Generator, softness: Span = (0.4, 1.0)) -> np.ndarray:
    """A printed picture: greys as rows of dots at an angle, in black or in each colour, seen a little softly."""
    a, b = _SCREENS[rng.integers(len(_SCREENS))]
    tile = _screen(a, b)
    if rng.random() < 0.6:
        dots = _rgb(cv2.compare(_grey(image), _tiled(tile, rng, image.shape[:2]), cv2.CMP_GT))
    else:
        tiles = [_tiled(t, rng, image.shape[:2]) for t in (tile, np.ascontiguousarray(tile[:, ::-1]), tile)]
        dots = cv2.compare(image, cv2.merge(tiles), cv2.CMP_GT)
    return cv2.addWeighted(cv2.GaussianBlur(dots, (0, 0), draw(rng, softness)), 0.6, image, 0.4, 0)


def _specks(value: np.ndarray, rng: np.random.Generator, per_megapixel: float) -> None:
    """Put black toner specks of a few pixels on a grey picture in place."""
    h, w = value.shape
    n = rng.poisson(per_megapixel * h * w / 1e6)
    at = np.round(rng.uniform(0, [w, h], (n, 2)) * 16).astype(int)
    radius = np.round(np.exp(rng.normal(-0.6, 0.5, n)) * 16).astype(int)
    for p, r in zip(at.tolist(), radius.tolist(), strict=True):
        cv2.circle(value, p, r, 0, -1, cv2.LINE_AA, 4)


def photocopy(
    image: np.ndarray, rng: np.random.Generator, generations: Span, contrast: Span = (2.0, 5.0), toner: Span = (4, 16)
) -> np.ndarray:
    """A copy of a copy: grey, each time softer and harder in contrast, with ragged toner, specks, pale backgrounds.

    contrast is the slope of the tone curve, toner the noise in grey levels that it makes into ragged edges.
    """
    value = _grey(image)
    for _ in range(draw_count(rng, generations)):
        low, high = _ink_and_paper(value)
        value = _stretched(value, low * rng.uniform(0.5, 1.0), high * rng.uniform(0.96, 1.02))
        value = cv2.GaussianBlur(value, (0, 0), rng.uniform(0.4, 0.8))
        noise = normal_noise(rng, value.shape, draw(rng, toner))
        density = enlarge((10 * smooth_field(rng, (16, 20), 3)).astype(np.int16), value.shape)
        value = cv2.add(value, cv2.add(noise, density), dtype=cv2.CV_8U)
        # An S-curve through black and white; its middle is well above mid grey, so that thin ink stays.
        slope, middle = draw(rng, contrast), rng.uniform(0.55, 0.75)
        ends = np.tanh(slope * (np.array([0, 1]) - middle))
        curve = (np.tanh(slope * (np.arange(256) / 255 - middle)) - ends[0]) / (ends[1] - ends[0])
        value = cv2.LUT(value, np.clip(np.rint(curve * 255), 0, 255).astype(np.uint8))
        _specks(value, rng, rng.uniform(0, 40))
    return _rgb(value)


def _drop_lines(value: np.ndarray, rng: np.random.Generator, share: float) -> None:
    """Lose some lines of a fax in place: white, or the line above once more, one to three at a time."""
    rows = len(value)
    for row in rng.integers(3, max(4, rows - 3), rng.poisson(share * rows)):
        n = int(rng.integers(1, 4))
        end = min(row + n, rows)
        # The same number from above as from below: a line that slopes is not moved to one side.
        value[row:end] = 255 if rng.random() < 0.5 else value[row - 1 if rng.random() < 0.5 else min(end, rows - 1)]


def fax(image: np.ndarray, rng: np.random.Generator, columns: Span, rows: Span, lost: Span = (0.0, 0.01)) -> np.ndarray:
    """A fax: `columns` and `rows` of its resolution as shares of the picture's, 1 bit, a share of its lines lost."""
    h, w = image.shape[:2]
    size = (max(8, round(w * draw(rng, columns))), max(8, round(h * draw(rng, rows))))
    value = cv2.resize(_grey(image), size, interpolation=cv2.INTER_AREA)
    low, high = _ink_and_paper(value)
    if rng.random() < 0.7:
        level = low + rng.uniform(0.5, 0.75) * (high - low)
        value = cv2.threshold(value, level, 255, cv2.THRESH_BINARY)[1]
    else:
        value = _grey(dither(_rgb(value), rng, (1.6, 2.4)))
    _drop_lines(value, rng, draw(rng, lost))
    # A fax is shown with whole pixels, or smoothed by the program that shows it.
    how = cv2.INTER_NEAREST_EXACT if rng.random() < 0.6 else cv2.INTER_LINEAR
    return _rgb(cv2.resize(value, (w, h), interpolation=how))


EFFECTS = {f.__name__: f for f in (grey, binarize, adaptive, dither, halftone, photocopy, fax)}
