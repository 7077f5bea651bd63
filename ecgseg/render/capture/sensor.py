"""Noise of sensors and scanners, what their lines leave, and what files make of a picture."""

from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from ecgseg.render.capture.noise import salt_and_pepper, tiled_pattern
from ecgseg.render.fields import Span, add, draw, draw_count, multiply, normal_noise


def gaussian_noise(image: np.ndarray, rng: np.random.Generator, sigma: Span) -> np.ndarray:
    """Sensor noise of sigma grey levels, of one value for all colours half of the time."""
    size = image.shape[:2] if rng.random() < 0.5 else image.shape
    return add(image, normal_noise(rng, size, draw(rng, sigma)))


def camera_noise(image: np.ndarray, rng: np.random.Generator, read: Span, shot: Span) -> np.ndarray:
    """Noise of a camera: `read` grey levels everywhere and `shot` more on white (it grows with the root of light).

    A part of it is coarse blotches of colour, as small sensors in poor light leave.
    """
    r, s = draw(rng, read), draw(rng, shot)
    size = image.shape[:2]
    unit = normal_noise(rng, size, 32.0)
    sigma = np.sqrt(r**2 + s**2 * np.arange(256) / 255) * 32
    local = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.rint(sigma).astype(np.int16))
    fine = cv2.multiply(unit, local, scale=1 / 1024)
    coarse = normal_noise(rng, (*(max(2, n // 2) for n in size), 3), rng.uniform(0.3, 1.0) * np.hypot(r, s))
    color = cv2.resize(cv2.GaussianBlur(coarse, (3, 3), 0), size[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.add(image, cv2.add(color, cv2.merge([fine] * 3)), dtype=cv2.CV_8U)


def salt_pepper(image: np.ndarray, rng: np.random.Generator, amount: Span) -> np.ndarray:
    """The original study's salt-and-pepper noise: a share of white and the same share of black pixels."""
    share = draw(rng, amount)
    return salt_and_pepper(image, rng, share, share)


def pattern(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """The original study's tiled background pattern, multiplied in."""
    return tiled_pattern(image, rng, draw(rng, strength))


def dust(image: np.ndarray, rng: np.random.Generator, per_megapixel: Span) -> np.ndarray:
    """Short dark or bright hairs and specks on the glass of the scanner."""
    image, (h, w) = image.copy(), image.shape[:2]
    for _ in range(rng.poisson(draw(rng, per_megapixel) * h * w / 1e6)):
        start = rng.uniform(0, [w, h])
        steps = rng.normal(0, 2.0, (int(rng.integers(2, 8)), 2)).cumsum(0)
        points = np.round((start + steps) * 16).astype(np.int32)
        color = int(rng.integers(0, 160) if rng.random() < 0.8 else 255)
        cv2.polylines(image, [points], False, [color] * 3, 1, cv2.LINE_AA, 4)
    return image


def _stripes(image: np.ndarray, profile: np.ndarray, down: bool) -> np.ndarray:
    """Multiply by a gain (n, 3) that changes across the picture only, or down it only."""
    shape = (-1, 1, 3) if down else (1, -1, 3)
    line = np.ascontiguousarray(profile.reshape(shape), np.float32)
    return multiply(image, cv2.repeat(line, *((1, image.shape[1]) if down else (image.shape[0], 1))))


def streaks(image: np.ndarray, rng: np.random.Generator, strength: Span, count: Span = (1, 8)) -> np.ndarray:
    """Lines along the way of a scan, lighter, darker or coloured, where dirt sits on its sensor."""
    down = bool(rng.random() < 0.3)
    n = image.shape[0 if down else 1]
    gain, at = np.ones((n, 3)), np.arange(n)[:, None]
    for _ in range(draw_count(rng, count)):
        near = np.exp(-((np.abs(at - rng.uniform(0, n)) / np.exp(rng.uniform(np.log(0.5), np.log(3)))) ** 2))
        color = rng.uniform(0.6, 1.0, 3) if rng.random() < 0.4 else np.ones(3)
        gain += rng.choice([-1, -1, 1]) * draw(rng, strength) * near * color
    return _stripes(image, gain, down)


def banding(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """Uneven sensor columns or print lines: fine random bands, a slow drift and a period, over the whole picture."""
    down = bool(rng.random() < 0.5)
    n = image.shape[0 if down else 1]
    fine = rng.normal(0, 1, n)
    slow = np.interp(np.arange(n), np.linspace(0, n, 12), rng.normal(0, 1, 12))
    period = np.exp(rng.uniform(np.log(3), np.log(80)))
    wave = np.sin(2 * np.pi * (np.arange(n) / period + rng.random()))
    share = rng.dirichlet(np.ones(3)) * draw(rng, strength)
    return _stripes(image, np.repeat(1 + (fine * share[0] + slow * share[1] + wave * share[2])[:, None], 3, 1), down)


def edge_shadow(image: np.ndarray, rng: np.random.Generator, width: Span, strength: Span) -> np.ndarray:
    """A scan's dark borders: the lid left open, a book's gutter; `width` is a share of the picture's side."""
    for edge in rng.permutation(4)[: int(rng.integers(1, 3))]:
        down = bool(edge % 2)
        n = image.shape[0 if down else 1]
        distance = (np.arange(n) + 0.5) / n if edge < 2 else 1 - (np.arange(n) + 0.5) / n
        fall = np.exp(-((distance / max(draw(rng, width), 1e-4)) ** rng.uniform(0.8, 4)))
        image = _stripes(image, np.repeat(1 - draw(rng, strength) * fall[:, None], 3, 1), down)
    return image


def resample(image: np.ndarray, rng: np.random.Generator, factor: Span) -> np.ndarray:
    """Shrink by a factor and enlarge again: a low-resolution copy."""
    h, w = image.shape[:2]
    f = draw(rng, factor)
    size = (max(8, round(w * f)), max(8, round(h * f)))
    # A blur and every so-many-th pixel: as an area mean, and a quarter of its time.
    small = cv2.resize(cv2.GaussianBlur(image, (0, 0), max(0.05, 0.35 * (1 / f - 0.6))), size)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR)


def jpeg(image: np.ndarray, rng: np.random.Generator, quality: Span) -> np.ndarray:
    """JPEG compression."""
    options = [cv2.IMWRITE_JPEG_QUALITY, round(draw(rng, quality))]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def jpeg_again(image: np.ndarray, rng: np.random.Generator, quality: Span) -> np.ndarray:
    """JPEG twice, the second time cut on another raster of blocks, as pictures that are sent on are."""
    dx, dy = rng.integers(1, 8, 2)
    framed = cv2.copyMakeBorder(jpeg(image, rng, quality), dy, 0, dx, 0, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(jpeg(framed, rng, quality)[dy:, dx:])


def webp(image: np.ndarray, rng: np.random.Generator, quality: Span) -> np.ndarray:
    """WebP compression; by far the slowest effect, so that levels use it seldom."""
    file = BytesIO()
    # Pillow can be told to take the encoder's fastest way, cv2 cannot.
    Image.fromarray(image).save(file, "WEBP", quality=round(draw(rng, quality)), method=0)
    return np.array(Image.open(file))


EFFECTS = {
    f.__name__: f
    for f in (
        gaussian_noise,
        camera_noise,
        salt_pepper,
        pattern,
        dust,
        streaks,
        banding,
        edge_shadow,
        resample,
        jpeg,
        jpeg_again,
        webp,
    )
}
