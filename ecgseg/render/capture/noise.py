"""The original study's two kinds of page noise: salt-and-pepper pixels and a tiled background pattern."""

import cv2
import numpy as np

PATTERNS = ("dots", "weave", "diagonal", "grain")


def salt_and_pepper(
    image: np.ndarray, rng: np.random.Generator, salt: float = 0.01, pepper: float = 0.01
) -> np.ndarray:
    """Return a copy of `image` (H,W) or (H,W,3) uint8 with random pixels turned white (salt) or black (pepper).

    `salt` and `pepper` are the expected shares of pixels; raises ValueError unless both are >= 0 and
    together at most 1.
    """
    if salt < 0 or pepper < 0 or salt + pepper > 1:
        raise ValueError(f"salt={salt} and pepper={pepper} must be shares of the pixels, together at most 1")
    # One draw decides both, so that no pixel is asked to be white and black at once.
    draw = rng.random(image.shape[:2])
    noisy = image.copy()
    noisy[draw < pepper] = 0
    noisy[draw >= 1.0 - salt] = 255
    return noisy


def pattern_tile(name: str) -> np.ndarray:
    """Return a built-in tile (h,w) float in 0..1, 1 = paper left as it is, that repeats without a seam.

    Raises ValueError naming the choices for an unknown name.
    """
    if name == "dots":
        y, x = np.mgrid[:12, :12] - 5.5
        return 1.0 - np.exp(-(x**2 + y**2) / (2 * 1.8**2))
    if name == "weave":
        # Threads of four pixels go over and under each other; each is darker at its edges.
        y, x = np.mgrid[:8, :8]
        over = (x // 4 + y // 4) % 2 == 0
        across = np.where(over, y % 4, x % 4)
        return np.array([0.35, 1.0, 1.0, 0.35])[across]
    if name == "diagonal":
        y, x = np.mgrid[:12, :12]
        phase = 2 * np.pi * (x + y) / 12
        return 0.5 + 0.5 * np.cos(phase)
    if name == "grain":
        # Band-limited noise made in the Fourier domain is periodic, so the tile has no seam. The seed
        # is fixed because the tile is a constant; it is the choice of tile that is random.
        noise = np.fft.rfft2(np.random.default_rng(0).normal(size=(96, 96)))
        fy, fx = np.fft.fftfreq(96)[:, None], np.fft.rfftfreq(96)[None]
        grain = np.fft.irfft2(noise * np.exp(-((np.hypot(fx, fy) / 0.18) ** 2)), s=(96, 96))
        low, high = np.percentile(grain, [1, 99])
        return np.clip((grain - low) / (high - low), 0.0, 1.0)
    raise ValueError(f"unknown pattern '{name}'; the choices are {', '.join(PATTERNS)}")


def tiled_pattern(
    image: np.ndarray, pattern: "str | np.ndarray | np.random.Generator", strength: float = 0.3
) -> np.ndarray:
    """Return `image` (H,W) or (H,W,3) uint8 multiplied by a pattern tiled over the whole page.

    `pattern` is a built-in name, a tile (h,w) or (h,w,3) of floats in 0..1 or of uint8, or a generator that
    chooses a built-in one and shifts it. `strength` 0..1 is the darkening where the tile is 0. Raises
    ValueError if the strength or the tile is out of range.
    """
    if not 0.0 <= strength <= 1.0:
        raise ValueError(f"strength={strength} must lie between 0 (no pattern) and 1 (black where the tile is)")
    if isinstance(pattern, np.random.Generator):
        tile = pattern_tile(PATTERNS[pattern.integers(len(PATTERNS))])
        tile = np.roll(tile, tuple(pattern.integers(0, tile.shape)), axis=(0, 1))
    elif isinstance(pattern, str):
        tile = pattern_tile(pattern)
    else:
        tile = pattern / 255.0 if pattern.dtype == np.uint8 else np.asarray(pattern, float)
    if tile.ndim not in (2, 3) or tile.size == 0 or tile.min() < 0 or tile.max() > 1:
        raise ValueError("the tile must be (h,w) or (h,w,3), floats in 0..1 or uint8")
    if tile.ndim == 2 and image.ndim == 3:
        tile = np.repeat(tile[..., None], 3, axis=2)
    height, width = image.shape[:2]
    gain = (1.0 - strength * (1.0 - tile)).astype(np.float32)
    page = cv2.repeat(gain, -(-height // tile.shape[0]), -(-width // tile.shape[1]))[:height, :width]
    return cv2.multiply(image, page, dtype=cv2.CV_8U)
