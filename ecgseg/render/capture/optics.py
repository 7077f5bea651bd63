"""What lenses and processing do to a picture: blur, fringes, sharpening, smoothing. All kernels are symmetric."""

import cv2
import numpy as np

from ecgseg.render.fields import Span, coarse_grid, draw, multiply


def _filter(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Filter the brightness of a picture with a kernel, and its colour with the same kernel at half size."""
    luma, red, blue = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    kernel = kernel / kernel.sum()
    side = len(kernel) // 4 * 2 + 1
    half = cv2.resize(kernel, (side, side), interpolation=cv2.INTER_AREA)
    size = luma.shape[::-1]
    small = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    colors = [
        cv2.resize(cv2.filter2D(cv2.resize(c, small, interpolation=cv2.INTER_AREA), -1, half / half.sum()), size)
        for c in (red, blue)
    ]
    return cv2.cvtColor(cv2.merge([cv2.filter2D(luma, -1, kernel), *colors]), cv2.COLOR_YCrCb2RGB)


def _cells(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of a kernel that reaches `radius` pixels, at a fifth of a pixel, for drawing it exactly."""
    reach = int(np.ceil(radius + 0.5))
    at = (np.arange((2 * reach + 1) * 5) - 2) / 5 - reach
    return at[None], at[:, None]


def _shrink(fine: np.ndarray) -> np.ndarray:
    n = len(fine) // 5
    return fine.reshape(n, 5, n, 5).mean(axis=(1, 3)).astype(np.float32)


def blur(image: np.ndarray, rng: np.random.Generator, sigma: Span) -> np.ndarray:
    """Softness of a scanner or lens: Gaussian blur of sigma pixels."""
    return cv2.GaussianBlur(image, (0, 0), max(0.05, draw(rng, sigma)))


def defocus(image: np.ndarray, rng: np.random.Generator, radius: Span) -> np.ndarray:
    """Out of focus: every point becomes a disc of `radius` pixels."""
    r = max(0.3, draw(rng, radius))
    x, y = _cells(r)
    return _filter(image, _shrink((np.hypot(x, y) <= r).astype(np.float32)))


def motion_blur(image: np.ndarray, rng: np.random.Generator, length: Span) -> np.ndarray:
    """A shaken camera: every point becomes a line `length` pixels long, at any angle, or a slight arc."""
    n, angle, bend = max(0.5, draw(rng, length)), rng.uniform(0, np.pi), rng.uniform(-0.15, 0.15)
    x, y = _cells(n / 2)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    # The arc bends to one side, and is set back by its mean so that nothing moves.
    sag = bend * (along**2 / n - n / 12)
    return _filter(image, _shrink(((np.abs(along) <= n / 2) & (np.abs(across - sag) <= 0.5)).astype(np.float32)))


def color_fringe(image: np.ndarray, rng: np.random.Generator, shift: Span) -> np.ndarray:
    """Red and blue seen `shift` pixels apart to either side of green: by a scan's step or a lens, away from its middle.

    Green and the mean of the colours stay where they are.
    """
    h, w = image.shape[:2]
    s, angle = draw(rng, shift) / 2, rng.uniform(0, 2 * np.pi)
    step = s * np.array([np.cos(angle), np.sin(angle)])
    if rng.random() < 0.5:
        step = np.array([0.0, s if rng.random() < 0.5 else -s])
    grow = rng.choice([-1, 1]) * s / (np.hypot(h, w) / 2) if rng.random() < 0.4 else 0.0
    if grow:
        step = np.zeros(2)
    middle = (np.array([w, h]) - 1) / 2
    channels = list(cv2.split(image))
    for channel, sign in ((0, 1.0), (2, -1.0)):
        scale = 1 + sign * grow
        matrix = np.array([[scale, 0, 0], [0, scale, 0]])
        matrix[:, 2] = middle - scale * middle + sign * step
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        channels[channel] = cv2.warpAffine(
            channels[channel], matrix, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
    return cv2.merge(channels)


def sharpen(image: np.ndarray, rng: np.random.Generator, amount: Span, sigma: Span = (0.7, 2.0)) -> np.ndarray:
    """Unsharp masking, with the bright and dark rims of too much of it."""
    a = draw(rng, amount)
    return cv2.addWeighted(image, 1 + a, cv2.GaussianBlur(image, (0, 0), draw(rng, sigma)), -a, 0)


def denoise(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """A phone's noise filter: flat places smeared, edges kept, colour blotchy; then sharpened again."""
    luma, red, blue = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    s = draw(rng, strength)
    luma = cv2.medianBlur(luma, 3) if rng.random() < 0.3 else cv2.bilateralFilter(luma, 5, 10 + 40 * s, 1.5)
    h, w = luma.shape
    small = (max(2, w // 4), max(2, h // 4))
    colors = [cv2.resize(cv2.resize(c, small, interpolation=cv2.INTER_AREA), (w, h)) for c in (red, blue)]
    luma = cv2.addWeighted(luma, 1.4, cv2.GaussianBlur(luma, (0, 0), 1.2), -0.4, 0)
    return cv2.cvtColor(cv2.merge([luma, *colors]), cv2.COLOR_YCrCb2RGB)


def vignette(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """Corners darker than the middle, which need not be the picture's own."""
    x, y = coarse_grid(image.shape)
    cx, cy = rng.uniform(-0.15, 0.15, 2)
    squared = (x - cx) ** 2 + (y - cy) ** 2
    return multiply(image, 1 - draw(rng, strength) * np.clip(squared / 0.4, 0, 1.5))


def moire(image: np.ndarray, rng: np.random.Generator, strength: Span) -> np.ndarray:
    """Wavy coloured bands, as where a sensor meets the pixels of a screen or the dots of a print."""
    x, y = coarse_grid(image.shape, step=4)
    angle, bands = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(4), np.log(70)))
    turn = rng.uniform(-1, 1, 4)
    bent = 0.15 * (turn[0] * x**2 + turn[1] * x * y + turn[2] * y**2 + turn[3] * x**3)
    phase = 2 * np.pi * bands * (x * np.cos(angle) + y * np.sin(angle) + bent)
    apart = rng.uniform(0, 2.1)  # of the three colours
    s = draw(rng, strength)
    gain = [1 + s * (np.cos(phase + k * apart + rng.uniform(0, 0.3)) - 0.5) for k in range(3)]
    return multiply(image, cv2.merge([g.astype(np.float32) for g in gain]))


EFFECTS = {f.__name__: f for f in (blur, defocus, motion_blur, color_fringe, sharpen, denoise, vignette, moire)}
