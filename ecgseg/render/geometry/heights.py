"""Heights of creased, crumpled and wavy paper over its plane, in mm from the sheet's middle."""

import numpy as np
from scipy.interpolate import LinearNDInterpolator


def crease(x: np.ndarray, y: np.ndarray, at: np.ndarray, angle: float, slope: float, soft: float) -> np.ndarray:
    """Return the heights of a straight crease through `at`: ±slope to either side, rounded over about `soft` mm."""
    d = (x - at[0]) * np.cos(angle) + (y - at[1]) * np.sin(angle)
    return slope * np.sqrt(d * d + soft * soft / 4)


def ripple(x: np.ndarray, y: np.ndarray, height: float, wave: tuple[float, float], phase: float) -> np.ndarray:
    """Return the heights of a sine wave of the two wave numbers `wave` in radians per mm."""
    return height * np.sin(wave[0] * x + wave[1] * y + phase)


def facets(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, facet: float, slope: float) -> np.ndarray:
    """Return the heights of paper that was crumpled: flat facets of about `facet` mm between sharp ridges.

    x (1, m), y (n, 1) is a raster; slope is the rms slope of the facets. Crumples keep some of their strength
    all over the sheet and have all of it on one side.
    """
    total = np.zeros((y.size, x.size))
    # Large facets are creased again into small ones.
    for spacing, share in ((facet, 1.0), (0.45 * facet, 0.3)):
        total += share * _facets(x, y, rng, spacing)
    down, right = np.gradient(total, y[1, 0] - y[0, 0], x[0, 1] - x[0, 0])
    total *= slope / np.sqrt((down * down + right * right).mean())
    towards, weakest = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 1.0)
    side = (x * np.cos(towards) + y * np.sin(towards)) / np.hypot(x[0, -1], y[-1, 0])
    return total * (weakest + (1 - weakest) / (1 + np.exp(-6 * side)))


def _facets(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, spacing: float) -> np.ndarray:
    """Return heights with the spacing as their scale, straight between corners strewn about `spacing` apart."""
    gx, gy = (np.arange(v.min() - 2 * spacing, v.max() + 2 * spacing, spacing) for v in (x, y))
    corners = np.stack(np.meshgrid(gx, gy), axis=-1).reshape(-1, 2)
    corners += rng.uniform(-0.45, 0.45, corners.shape) * spacing
    heights = rng.normal(0, 0.3 * spacing, len(corners))
    return LinearNDInterpolator(corners, heights, fill_value=0.0)(*np.broadcast_arrays(x, y))
