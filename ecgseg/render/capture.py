"""Named photometric effects on the picture taken of a sheet: what scanners, cameras and files do to it."""

import albumentations
import cv2
import numpy as np

from ecgseg.render.noise import salt_and_pepper, tiled_pattern

Span = tuple[float, float]


def _draw(rng: np.random.Generator, span: Span) -> float:
    return float(rng.uniform(*span))


def _smooth_field(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Return a smooth random field (H, W) in −1..1."""
    coarse = rng.uniform(-1, 1, (cells, cells + 1)).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC).clip(-1, 1)


def _scaled(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    return np.clip(image * field[..., None], 0, 255).astype(np.uint8)


def blur(image: np.ndarray, rng: np.random.Generator, sigma: Span) -> np.ndarray:
    """Defocus or ink spread: Gaussian blur of sigma pixels."""
    return cv2.GaussianBlur(image, (0, 0), max(0.05, _draw(rng, sigma)))


def gaussian_noise(image: np.ndarray, rng: np.random.Generator, sigma: Span) -> np.ndarray:
    """Sensor noise of sigma grey levels, of one value for all colours half of the time."""
    size = (*image.shape[:2], 1 if rng.random() < 0.5 else 3)
    noise = rng.standard_normal(size, dtype=np.float32) * np.float32(_draw(rng, sigma))
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def tone(image: np.ndarray, rng: np.random.Generator, contrast: Span, brightness: Span, gamma: Span) -> np.ndarray:
    """Contrast about mid grey, brightness in grey levels, and gamma, as a scanner's settings change them."""
    levels = np.arange(256) / 255
    curve = (levels ** _draw(rng, gamma) - 0.5) * _draw(rng, contrast) + 0.5 + _draw(rng, brightness) / 255
    return cv2.LUT(image, np.clip(curve * 255, 0, 255).astype(np.uint8))


def illumination(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """Uneven light: a smooth gain field."""
    return _scaled(image, 1 + _draw(rng, strength) * (_smooth_field(rng, image.shape[:2], 3) - 0.5))


def shadow(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """A cast shadow with a soft straight edge, at any angle."""
    h, w = image.shape[:2]
    angle, at = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4) * max(h, w)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    distance = (x - w / 2) * np.cos(angle) + (y - h / 2) * np.sin(angle) - at
    edge = rng.uniform(1, 60)
    return _scaled(image, 1 - _draw(rng, strength) / (1 + np.exp(-np.clip(distance / edge, -30, 30))))


def stain(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """A coloured blotch multiplied in."""
    field = np.clip(_smooth_field(rng, image.shape[:2], 5) * 2, 0, 1) * _draw(rng, strength)
    color = rng.uniform(0.1, 0.9, 3) * [0.4, 0.7, 1.0]
    return np.clip(image * (1 - field[..., None] * color), 0, 255).astype(np.uint8)


def grey(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A grey scan."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def binarize(image: np.ndarray, rng: np.random.Generator, level: Span) -> np.ndarray:
    """Threshold to black and white at a share of the way from dark ink to paper."""
    value = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    low, high = np.percentile(value[::4, ::4], [0.3, 80])
    black = value > low + _draw(rng, level) * (high - low)
    return np.repeat((black * np.uint8(255))[..., None], 3, axis=2)


def resample(image: np.ndarray, rng: np.random.Generator, factor: Span) -> np.ndarray:
    """Shrink by a factor and enlarge again: a low-resolution copy."""
    h, w = image.shape[:2]
    f = _draw(rng, factor)
    small = cv2.resize(image, (max(8, round(w * f)), max(8, round(h * f))), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR)


def jpeg(image: np.ndarray, rng: np.random.Generator, quality: Span) -> np.ndarray:
    """JPEG compression."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, round(_draw(rng, quality))])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def dust(image: np.ndarray, rng: np.random.Generator, per_megapixel: Span) -> np.ndarray:
    """Short dark hairs and specks."""
    image, (h, w) = image.copy(), image.shape[:2]
    for _ in range(rng.poisson(_draw(rng, per_megapixel) * h * w / 1e6)):
        start = rng.uniform(0, [w, h])
        steps = rng.normal(0, 2.0, (int(rng.integers(2, 8)), 2)).cumsum(0)
        points = np.round(start + steps).astype(np.int32)
        cv2.polylines(image, [points], False, [int(rng.integers(0, 160))] * 3, 1, cv2.LINE_AA)
    return image


def salt_pepper(image: np.ndarray, rng: np.random.Generator, amount: Span) -> np.ndarray:
    """The original study's salt-and-pepper noise: a share of white and the same share of black pixels."""
    share = _draw(rng, amount)
    return salt_and_pepper(image, rng, share, share)


def pattern(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """The original study's tiled background pattern, multiplied in."""
    return tiled_pattern(image, rng, _draw(rng, strength))


EFFECTS = {
    f.__name__: f
    for f in (blur, gaussian_noise, tone, illumination, shadow, stain, grey, binarize, resample, jpeg, dust)
} | {"salt_pepper": salt_pepper, "pattern": pattern}


def capture(image: np.ndarray, effects: dict, rng: np.random.Generator) -> np.ndarray:
    """Apply the capture effects of a noise level in their order, each with its probability.

    image: (H, W, 3) uint8 RGB; effects: name → {p, parameter: [low, high], …}, a name of EFFECTS or of a
    pixel-level albumentations transform. Returns a new image of the same size.
    """
    for name, options in effects.items():
        if rng.random() >= options["p"]:
            continue
        spans = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items() if k != "p"}
        if name in EFFECTS:
            image = EFFECTS[name](image, rng, **spans)
        else:
            transform = getattr(albumentations, name)(p=1.0, **spans)
            transform.set_random_seed(int(rng.integers(2**31)))
            image = transform(image=image)["image"]
    return image
