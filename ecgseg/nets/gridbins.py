"""What the grid network's outputs mean: sizes and turns of a grid in bins, and the spectra that it is shown."""

import math

import numpy as np
from scipy.ndimage import gaussian_filter

GRID_STRIDE = 32  # px of the network's input from cell to cell; input sides are multiples of it
WINDOW = 64  # px of a cell's spectrum: two cells, so that each pixel is in the middle of one
RATIO = 5 ** (1 / 21)  # from one radius of the spectrum to the next: 8 %
RADII = 41  # of the spectrum, from LOWEST cycles per window: to half a cycle per px
LOWEST = 1.45
ANGLES = 24  # over 180°
SMALLEST_PX, LARGEST_PX = 10.0, 64.0  # px per 5 mm that are trained
SIZES = 30  # of a grid that are told apart
SMALLEST = 8.0  # px per 5 mm of the first of them
TURNS = ANGLES // 2  # over 90°
HARMONICS = (1, 2, 3, 4, 5, 10)  # of the 5 mm lines: the fifth is that of 1 mm
AROUND = 49  # px over which the brightness of the paper is taken
CONTRAST = 65  # px over which the contrast is
LEAST_CONTRAST = 0.006  # 1.5 grey levels: what is fainter is noise
TOGETHER = 2.0  # cells: standard deviation of the neighbourhood that says together what its grid is
DOUBT = 1e-4  # share that any bin keeps: no cell alone can rule a grid out
LIMIT = 2.5  # of the contrast about it: black ink then counts no more than a plain grid line


def log_polar() -> tuple[np.ndarray, np.ndarray]:
    """Return which four values of a flattened half spectrum (WINDOW, WINDOW / 2 + 1) are mixed, (4, ANGLES · RADII),
    and by which shares, for the spectrum at each angle and radius."""
    angle = np.deg2rad(180.0 * np.arange(ANGLES) / ANGLES)[:, None]
    radius = np.minimum(LOWEST * RATIO ** np.arange(RADII), WINDOW / 2)
    x, y = (f(angle) * radius for f in (np.cos, np.sin))
    x, y = np.where(x < 0, -x, x), np.where(x < 0, -y, y)  # the other half is the same
    x, y = np.minimum(x, WINDOW / 2 - 1e-6), np.clip(y, -WINDOW / 2, WINDOW / 2 - 1e-6)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    index, share = [], []
    for dx in (0, 1):
        for dy in (0, 1):
            index.append(((y0 + dy) % WINDOW) * (WINDOW // 2 + 1) + x0 + dx)
            share.append(np.abs(1 - dx - (x - x0)) * np.abs(1 - dy - (y - y0)))
    index, share = (np.stack(v).reshape(4, -1) for v in (index, share))
    return index, share.astype(np.float32)


def radius_bins(harmonic: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which radius (SIZES,) a harmonic of each size of grid has, and whether the spectra have it."""
    top = math.log(WINDOW / SMALLEST / LOWEST) / math.log(RATIO)  # radius index of the finest grid's 5 mm lines
    wanted = round(top + math.log(harmonic) / math.log(RATIO)) - np.arange(SIZES)
    return wanted.clip(0, RADII - 1), (wanted >= 0) & (wanted < RADII)


def agreed(share: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return shares (SIZES · TURNS, h, w) as the cells around each, too, see them: the mean of their logarithms.

    grid (h, w) 0..1: how much a cell is to be heard. A window without fine lines holds few periods, and its size is
    easily taken for twice or half as much; its neighbours' mistakes are others.
    """
    reach = (0, TOGETHER, TOGETHER)
    heard = np.maximum(grid, 1e-3)[None]
    log = gaussian_filter(np.log(share + DOUBT) * heard, reach, mode="nearest")
    log /= gaussian_filter(heard, reach, mode="nearest")
    together = np.exp(log - log.max(axis=0))
    return together / together.sum(axis=0)


def told(share: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what shares (SIZES · TURNS, h, w) of the bins tell, all (h, w): the logarithm of px per 5 mm, the turn in
    radians, 0..π/2, and how sure it is, 0..1.

    Size and turn are the mean over the likeliest bin and those beside it, whose share tells how sure it is.
    """
    h, w = share.shape[1:]
    best = share.argmax(axis=0)
    i, j = best // TURNS, best % TURNS
    share = share.reshape(SIZES, TURNS, h, w)
    sizes = np.arange(SIZES).reshape(-1, 1, 1) - i
    turns = (np.arange(TURNS).reshape(-1, 1, 1) - j + TURNS // 2) % TURNS - TURNS // 2
    near = share * (np.abs(sizes) <= 1)[:, None] * (np.abs(turns) <= 1)[None]
    total = near.sum(axis=(0, 1))
    size = i + (near * sizes[:, None]).sum(axis=(0, 1)) / total
    turn = j + (near * turns[None]).sum(axis=(0, 1)) / total
    return math.log(SMALLEST) + size * math.log(RATIO), turn * (math.pi / 2 / TURNS), total
