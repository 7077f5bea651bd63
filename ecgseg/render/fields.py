"""Random fields, noise and soft shapes that the effects share: worked out coarsely, enlarged, laid on in one pass."""

from functools import lru_cache
from statistics import NormalDist

import cv2
import numpy as np

Span = tuple[float, float]


def draw(rng: np.random.Generator, span: Span) -> float:
    """Return a number drawn evenly from a range (low, high)."""
    return float(rng.uniform(*span))


def draw_count(rng: np.random.Generator, span: Span) -> int:
    """Return a whole number drawn evenly from a range, both ends among them."""
    return int(rng.integers(round(span[0]), round(span[1]) + 1))


def enlarge(field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a coarse field (h, w) or (h, w, 3) at the size (H, W) of a picture, its extent kept."""
    h, w = shape[:2]
    return field if field.shape[:2] == (h, w) else cv2.resize(field, (w, h), interpolation=cv2.INTER_LINEAR)


def coarse_shape(shape: tuple[int, ...], step: int = 8, least: int = 24) -> tuple[int, int]:
    """Return the size of a grid about `step` pixels wide over a picture, at least `least` points a side."""
    return tuple(min(n, max(least, -(-n // step))) for n in shape[:2])


def coarse_grid(shape: tuple[int, ...], step: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return x (1, w) and y (h, 1) float32 over a picture, 0 in its middle, in units of its larger side."""
    h, w = coarse_shape(shape, step)
    side = max(shape[:2])
    x = ((np.arange(w) + 0.5) / w - 0.5) * shape[1] / side
    y = ((np.arange(h) + 0.5) / h - 0.5) * shape[0] / side
    return x[None].astype(np.float32), y[:, None].astype(np.float32)


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Return a smooth random field (H, W) float32 in −1..1 with about `cells` swells a side."""
    coarse = rng.uniform(-1, 1, (cells, cells + 1)).astype(np.float32)
    return cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_CUBIC).clip(-1, 1)


def multiply(image: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Return the image (H, W, 3) uint8 times a gain of any size, (h, w) or (h, w, 3), rounded and clipped."""
    gain = enlarge(np.asarray(gain, np.float32), image.shape)
    return cv2.multiply(image, cv2.merge([gain] * 3) if gain.ndim == 2 else gain, dtype=cv2.CV_8U)


def lay(image: np.ndarray, cover: np.ndarray, color) -> np.ndarray:
    """Return the image (H, W, 3) uint8 with a colour (RGB, 0..255) laid on it.

    cover of any size, (h, w): uint8, 255 where the colour hides all, or float 0..1.
    """
    if cover.dtype != np.uint8:
        cover = np.clip(np.rint(cover * 255), 0, 255).astype(np.uint8)
    cover = enlarge(cover, image.shape)
    share = np.arange(256) / 255
    tables = [np.clip(np.rint(share * c), 0, 255).astype(np.uint8) for c in np.broadcast_to(color, 3)]
    keep = cv2.multiply(image, cv2.merge([cv2.bitwise_not(cover)] * 3), scale=1 / 255)
    return cv2.add(keep, cv2.merge([cv2.LUT(cover, t) for t in tables]))


@lru_cache(maxsize=1)
def _normal_levels() -> np.ndarray:
    """Return 256 equally likely levels of the standard normal distribution."""
    return np.array([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)])


def normal_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Return normal noise (h, w) or (h, w, 3) int16 of `sigma`: one random byte a value, through a table."""
    values = np.frombuffer(rng.bytes(int(np.prod(shape))), np.uint8).reshape(shape)
    levels = np.rint(_normal_levels() * sigma).astype(np.int16)
    return cv2.LUT(values, levels)


def add(image: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the image (H, W, 3) uint8 plus noise (H, W) or (H, W, 3) of any signed type, clipped."""
    return cv2.add(image, cv2.merge([noise] * 3) if noise.ndim == 2 else noise, dtype=cv2.CV_8U)


def soft(distance: np.ndarray, width: float) -> np.ndarray:
    """Return a smooth step of a distance: 0 below −width, 1 above width."""
    t = np.clip(distance / (2 * max(width, 1e-6)) + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def paper_color(image: np.ndarray) -> np.ndarray:
    """Return the RGB (3,) float of the paper: what most of the brighter pixels of a picture show."""
    return np.percentile(image[::7, ::7].reshape(-1, 3), 75, axis=0)
