"""How a picture is lit: exposure, colour of the light, uneven light, shadows of things and people, glare."""

import cv2
import numpy as np

from ecgseg.render.fields import Span, coarse_grid, coarse_shape, draw, enlarge, multiply, smooth_field, soft
from ecgseg.render.shapes import random_outline


def tone(image: np.ndarray, rng: np.random.Generator, contrast: Span, brightness: Span, gamma: Span) -> np.ndarray:
    """Contrast about mid grey, brightness in grey levels, and gamma, as a scanner's settings change them."""
    levels = np.arange(256) / 255
    curve = (levels ** draw(rng, gamma) - 0.5) * draw(rng, contrast) + 0.5 + draw(rng, brightness) / 255
    return cv2.LUT(image, np.clip(np.rint(curve * 255), 0, 255).astype(np.uint8))


def exposure(image: np.ndarray, rng: np.random.Generator, stops: Span) -> np.ndarray:
    """Too dark or too bright by `stops` (powers of two), with a film-like shoulder where it would clip."""
    light = (np.arange(256) / 255) ** 2.2 * 2 ** draw(rng, stops)
    knee = rng.uniform(0.7, 1.0)
    over = np.maximum(light - knee, 0)
    light = np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / max(1 - knee, 1e-3)))
    return cv2.LUT(image, np.clip(np.rint(light ** (1 / 2.2) * 255), 0, 255).astype(np.uint8))


def tint(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """A colour cast: warm lamps, cold shade, the green of fluorescent tubes, or a scanner's own."""
    s = draw(rng, strength)
    cast = [(0.3, 0.0, -1.0), (-0.7, -0.2, 0.4), (-0.5, 0.2, -0.5), tuple(rng.uniform(-1, 1, 3))][rng.integers(4)]
    gains = 1 + s * np.array(cast)
    table = np.clip(np.rint(np.arange(256)[:, None] * gains), 0, 255).astype(np.uint8)
    return cv2.LUT(image, table[:, None])


def illumination(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """Uneven light: a smooth gain field, or a lamp's fall-off from one side."""
    s = draw(rng, strength)
    if rng.random() < 0.4:
        cells = int(rng.integers(2, 4))
        return multiply(image, 1 + s * (smooth_field(rng, coarse_shape(image.shape), cells) - 0.5))
    x, y = coarse_grid(image.shape)
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 2.0)
    squared = (x - far * np.cos(angle)) ** 2 + (y - far * np.sin(angle)) ** 2 + 0.1
    light = far**2 / squared
    light = light / light.max()
    return multiply(image, 1 - s * (1 - light))


def shadow(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """A cast shadow with a soft straight edge, at any angle."""
    x, y = coarse_grid(image.shape, step=4)
    angle, at = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
    distance = x * np.cos(angle) + y * np.sin(angle) - at
    edge = np.exp(rng.uniform(np.log(0.003), np.log(0.15)))
    return multiply(image, 1 - draw(rng, strength) * soft(distance, edge))


def silhouette(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """The shadow of a hand, a phone or a head between the lamp and the sheet, with a soft edge."""
    shape = coarse_shape(image.shape, step=4)
    cover = random_outline(rng, shape)
    side = max(shape)
    cover = cv2.GaussianBlur(cover, (0, 0), side * np.exp(rng.uniform(np.log(0.003), np.log(0.03))))
    cast = 1 - draw(rng, strength) * cover[..., None] * rng.uniform([1, 0.96, 0.92], [1, 1, 1])
    return multiply(image, cast)


def _add_light(image: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Add light (h, w, 3), 1 = white, to the picture: it saturates, and washes the ink out on its way."""
    return cv2.add(image, enlarge((light * 255).clip(0, 255).astype(np.uint8), image.shape))


def glare(image: np.ndarray, rng: np.random.Generator, strength: Span, spots: Span = (1, 2)) -> np.ndarray:
    """Lamps mirrored by glossy paper: bright blobs, long or round, with a wide veil about each."""
    x, y = coarse_grid(image.shape)
    light = np.zeros((*np.broadcast(x, y).shape, 3), np.float32)
    for _ in range(int(rng.integers(round(spots[0]), round(spots[1]) + 1))):
        cx, cy, angle = rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4), rng.uniform(0, np.pi)
        size, ratio = rng.uniform(0.02, 0.09), np.exp(rng.uniform(0, 1.4))
        along = ((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) / (size * ratio)
        across = ((y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)) / size
        squared = along**2 + across**2
        blob = np.exp(-((squared / 2) ** rng.uniform(0.7, 1.6))) + 0.25 * np.exp(-squared / 18)
        light += draw(rng, strength) * blob[..., None] * rng.uniform([0.9, 0.9, 0.8], [1, 1, 1]).astype(np.float32)
    return _add_light(image, light)


def reflections(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """A room mirrored by a screen: windows with bars, lamps, and the darker shape of who takes the picture."""
    shape = coarse_shape(image.shape)
    side, s = max(shape), draw(rng, strength)
    room = 0.25 + 0.15 * smooth_field(rng, shape, 3)
    for _ in range(int(rng.integers(1, 4))):
        at, size = rng.uniform(0, 1, 2) * shape[::-1], rng.uniform(0.08, 0.35, 2) * side
        corners = at + (np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2 + rng.normal(0, 0.02 * side, (4, 2)))
        cv2.fillConvexPoly(room, np.round(corners * 16).astype(np.int32), rng.uniform(0.6, 1.0), cv2.LINE_AA, 4)
        if rng.random() < 0.6:  # the bar between two panes
            middle = np.round((corners[[0, 2]] + corners[[1, 3]]) / 2 * 16).astype(np.int32)
            cv2.line(room, middle[0].tolist(), middle[1].tolist(), 0.3, max(1, side // 90), cv2.LINE_AA, 4)
    room -= 0.3 * random_outline(rng, shape, "head")
    room = cv2.GaussianBlur(np.clip(room, 0, 1), (0, 0), max(0.5, side * rng.uniform(0.003, 0.02)))
    color = rng.uniform([0.8, 0.85, 0.85], [1, 1, 1]).astype(np.float32)
    return _add_light(image, s * room[..., None] * color)


def whiten(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """A phone's document filter: the picture over its own background, so that shadows go and contrast grows."""
    h, w = image.shape[:2]
    step = max(2, max(h, w) // 160)
    small = cv2.resize(image, (max(2, w // step), max(2, h // step)), interpolation=cv2.INTER_AREA)
    ground = cv2.GaussianBlur(cv2.dilate(small, np.ones((5, 5), np.uint8)), (0, 0), rng.uniform(2, 8))
    s = draw(rng, strength)
    gain = s * 245 / np.maximum(ground.astype(np.float32), 40) + (1 - s)
    return tone(multiply(image, gain), rng, (1.0, 1.25), (-5, 12), (0.9, 1.3))


EFFECTS = {f.__name__: f for f in (tone, exposure, tint, illumination, shadow, silhouette, glare, reflections, whiten)}
