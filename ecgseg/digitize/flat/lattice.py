"""Signal processing for printed grids: their spectrum, its comb of harmonics, and the phase along the page.

Vectors of frequency are (fx, fy) in cycles per pixel. "Axis 0" is the family of vertical lines (their
frequency points along x), "axis 1" the family of horizontal lines.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import fft, ndimage, signal

WORKING_SIDE = 2400  # larger pages are measured on a smaller copy: 450 mm still have 5 px per mm there
MAX_SKEW_DEG = 15.0
HARMONICS = 15  # of a 5 mm period: three of the 1 mm lines
AROUND = 65  # px, over which the brightness of the paper is taken
BRIGHT, DARK = 75, 98  # percentiles of a square's brightness and darkness: its paper and its 5 mm lines
INK_FREE = 15  # percentile of the squares around: so many bear no ink
SQUARES = 11  # squares around, a side
FAINTEST, DARKEST = 3.0, 255.0  # grey levels by which lines are darker than paper
INKIER = 2.2  # times as dark as the lines
INKY = 1.8  # times as dark as what 5 % of the pixels exceed: ink, or the edge of the sheet
MIN_BINS = 3.5  # the lowest fundamental, in cycles per tile: two lines of the window's spectrum stay apart


@dataclass(frozen=True)
class Comb:
    """A family of parallel lines: its angle, the frequency of its longest period and the harmonics seen.

    `strength[k - 1]` is the logarithm of the k-th harmonic's power over the power around it, 0 where none stands out.
    """

    frequency: float
    angle: float
    strength: np.ndarray


def gridness(
    image: np.ndarray,
    paper: np.ndarray | None = None,
    grid: np.ndarray | None = None,
    square: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return how much darker than its surroundings each pixel is, and the (x, y) size of its pixels in image pixels.

    The darkest channel is used, so a grid of any colour and a grey one look alike. Values are clipped at
    what 5 % of the pixels exceed: black ink then counts no more than a grid line. Returns (h, w) float32.
    paper: 0..1 over the picture, at any resolution: what is less than half paper counts as nothing, and then neither
    does what is darker than any line of the grid. grid: 0..1 over the picture likewise, where a grid is, and square: px
    of the picture per 5 mm, where that is known: then what is much darker than the lines around it counts as nothing,
    neither itself nor in what is around others.
    """
    height, width = image.shape[:2]
    factor = max(1.0, max(height, width) / WORKING_SIDE)
    if factor > 1:
        size = (round(width / factor), round(height / factor))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    darkest = cv2.min(cv2.min(image[..., 0], image[..., 1]), image[..., 2]).astype(np.float32)
    around = cv2.blur(darkest, (AROUND, AROUND), borderType=cv2.BORDER_REFLECT)
    dark = around - darkest
    on = None if paper is None else cv2.resize(paper.astype(np.float32), dark.shape[::-1]) > 0.5
    if grid is not None:
        free = 1 - _ink(darkest, grid, square / factor).astype(np.float32)
        share = cv2.blur(free, (AROUND, AROUND), borderType=cv2.BORDER_REFLECT)
        around = cv2.blur(darkest * free, (AROUND, AROUND), borderType=cv2.BORDER_REFLECT) / np.maximum(share, 1e-3)
        dark = (around - darkest) * free
    some = dark[::3, ::3] if on is None else dark[::3, ::3][on[::3, ::3]]
    # 4 grey levels: a sparse, faint grid stays visible
    limit = max(float(np.percentile(some, 95 if grid is None else 99)) if some.size else 0.0, 4.0)
    if on is not None:
        blots = cv2.dilate((dark > INKY * limit).astype(np.uint8), np.ones((3, 3), np.uint8))
        dark *= on & (blots == 0)
    np.clip(dark, -limit, limit, out=dark)
    return dark, np.array([width / dark.shape[1], height / dark.shape[0]])


def _ink(darkest: np.ndarray, grid: np.ndarray, square: float) -> np.ndarray:
    """Return where (h, w) a picture is much darker than the lines of the grid around.

    `grid`: 0..1 over the picture, at any resolution; `square`: px per 5 mm.

    What is brightest in a square is paper; what is darkest are its lines, or ink: in some squares around, lines alone.
    """
    side = max(4, round(square))
    h, w = (-(-n // side) for n in darkest.shape)
    below, right = h * side - darkest.shape[0], w * side - darkest.shape[1]
    padded = cv2.copyMakeBorder(darkest, 0, below, 0, right, cv2.BORDER_REFLECT)
    squares = padded.reshape(h, side, w, side).transpose(0, 2, 1, 3).reshape(h, w, -1)
    bright, dark = np.percentile(squares, [BRIGHT, 100 - DARK], axis=2)
    # Beside the grid nothing tells how dark lines are.
    lines = np.where(cv2.resize(grid.astype(np.float32), (w, h)) > 0.5, bright - dark, DARKEST)
    lines = ndimage.percentile_filter(lines, INK_FREE, size=SQUARES)
    lines = cv2.GaussianBlur(np.maximum(lines, FAINTEST).astype(np.float32), (0, 0), SQUARES / 4)
    least = cv2.resize(bright.astype(np.float32) - INKIER * lines, padded.shape[::-1])
    ink = darkest < least[: darkest.shape[0], : darkest.shape[1]]
    return cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def tile_side(shape: tuple[int, ...]) -> int:
    """Return the side of the spectrum's tiles: several tiles across a page, at least four 5 mm periods in each."""
    return int(np.clip(2 ** int(np.log2(max(1.0, min(shape[:2]) / 1.5))), 64, 512))


def _starts(length: int, side: int) -> np.ndarray:
    count = 1 + int(np.ceil(max(0, length - side) / (0.75 * side)))
    return np.linspace(0, max(0, length - side), count).astype(int)


def tile_spectrum(field: np.ndarray, side: int) -> tuple[np.ndarray, int]:
    """Return the mean power spectrum (side, side), zero frequency at the centre, and how many tiles it is of.

    Welch's method (IEEE Trans. Audio Electroacoust. 15, 1967) in two dimensions; each tile is scaled to
    the same power, so a shadow or a photo on the page does not outvote the rest. Empty tiles are left out.
    """
    window = np.hanning(side + 1)[:-1].astype(np.float32)
    window = np.outer(window, window)
    total, count = np.zeros((side, side // 2 + 1), np.float32), 0
    for y in _starts(field.shape[0], side):
        for x in _starts(field.shape[1], side):
            tile = field[y : y + side, x : x + side]
            tile = (tile - tile.mean()) * window[: tile.shape[0], : tile.shape[1]]
            power = np.abs(fft.rfft2(tile, s=(side, side))) ** 2
            energy = float(power.sum())
            if energy > 1e-5 * side**4:  # rms above 0.01 grey levels
                total += power / energy
                count += 1
    mirrored = total[-np.arange(side) % side][:, side // 2 - 1 : 0 : -1]
    return fft.fftshift(np.concatenate([total, mirrored], axis=1)) / max(count, 1), count


def _rays(spectrum: np.ndarray, radii: np.ndarray, angles: np.ndarray, axis: int) -> np.ndarray:
    """Sample the logarithm of the spectrum at (angle, radius); what is normal at a radius is subtracted."""
    centre = spectrum.shape[0] // 2
    turned = angles + (np.pi / 2 if axis else 0.0)
    xs = centre + np.cos(turned)[:, None] * radii
    ys = centre + np.sin(turned)[:, None] * radii
    logs = np.log(spectrum + 1e-12).astype(np.float32)
    polar = cv2.remap(logs, xs.astype(np.float32), ys.astype(np.float32), cv2.INTER_LINEAR)
    return polar - np.median(polar, axis=0)


def find_combs(spectrum: np.ndarray, tiles: int) -> list[Comb | None]:
    """Find the comb of harmonics of each axis in a tile spectrum; None for an axis without one.

    Both axes share one skew angle here; the phase fit that follows gives each its own.
    """
    side = spectrum.shape[0]
    radii = np.arange(2.0, side / 2 - 1, 0.5)
    angles = np.deg2rad(np.arange(-45.0, 45.0, 0.2))
    polar = [_rays(spectrum, radii, angles, axis) for axis in (0, 1)]
    near = np.abs(angles) <= np.deg2rad(MAX_SKEW_DEG)
    # a ray through a comb is high at the harmonics; the cap lets many harmonics outvote one strong peak
    votes = sum(np.clip(p[near] - 1.0, 0, 4).sum(axis=1) for p in polar)
    best = float(angles[near][int(np.argmax(ndimage.uniform_filter1d(votes, 3)))])
    close = np.abs(angles - best) <= np.deg2rad(0.7)
    combs = []
    for p in polar:
        ray = p[close].max(axis=0)
        ray = ray - ndimage.percentile_filter(ray, 30, size=61)
        combs.append(_comb(ray, radii, best, side, tiles))
    return combs


def _comb(ray: np.ndarray, radii: np.ndarray, angle: float, side: int, tiles: int) -> Comb | None:
    """Explain the peaks of one ray by one fundamental frequency: the highest that explains nearly all."""
    threshold = 1.2 + 3.0 / np.sqrt(max(tiles, 1))
    at, _ = signal.find_peaks(ray, height=threshold, prominence=0.8)
    at = at[(at > 0) & (at < len(ray) - 1)]
    if not len(at):
        return None
    left, mid, right = ray[at - 1], ray[at], ray[at + 1]
    bins = radii[at] + 0.25 * (left - right) / np.minimum(left - 2 * mid + right, -1e-6)
    weight = np.clip(mid - 1.5, 0.1, 8.0) ** 1.5  # the grid's own peaks outvote those of ink and rounding
    candidates = (bins[:, None] / np.arange(1, 11)).ravel()
    candidates = np.unique(np.round(candidates[candidates >= MIN_BINS], 2))
    tolerance = np.minimum(0.7, 0.12 * candidates)
    for reach in (6, 12, 24, 1000):  # the near harmonics pin down the frequency well enough to number farther ones
        order = np.rint(bins / candidates[:, None])
        hit = (np.abs(bins - order * candidates[:, None]) < tolerance[:, None]) & (order >= 1)
        part = hit * weight * (order <= reach)
        candidates = np.sum(part * order * bins, axis=1) / np.maximum(np.sum(part * order**2, axis=1), 1e-9)
        keep = candidates >= MIN_BINS
        candidates, tolerance = candidates[keep], tolerance[keep]
    order = np.rint(bins / candidates[:, None])
    hit = (np.abs(bins - order * candidates[:, None]) < tolerance[:, None]) & (order >= 1)
    by_chance = 2 * tolerance / candidates  # a low fundamental has a harmonic near any peak
    score = (hit * weight).sum(axis=1) - by_chance * weight.sum()
    if not len(score) or score.max() <= 0:
        return None
    good = np.flatnonzero(score >= 0.8 * score.max())
    highest = candidates[good].max()
    near = good[np.abs(candidates[good] / highest - 1) < 0.05]
    pick = near[np.argmax(score[near])]
    ks = order[pick][hit[pick]].astype(int)
    step = _common_step(ks, weight[hit[pick]])
    strength = np.zeros(HARMONICS)
    for k, value in zip(ks, mid[hit[pick]], strict=True):
        if k % step == 0 and k <= HARMONICS * step:
            strength[k // step - 1] = max(strength[k // step - 1], value)
    return Comb(candidates[pick] * step / side, angle, strength)


def every_nth(comb: Comb, n: int) -> Comb | None:
    """Return the comb of every n-th harmonic, None unless these stand out (by a factor of e² in power).

    Lines that a renderer rounded to whole pixels repeat only after n periods, and so make weak lines between.
    """
    if n == 1:
        return comb
    seen = comb.strength[: 1 + np.flatnonzero(comb.strength).max()]
    on = np.arange(1, len(seen) + 1) % n == 0
    if not on.any() or seen[on].mean() < 2.0 + seen[~on].mean():
        return None
    strength = np.zeros(HARMONICS)
    strength[: on.sum()] = seen[on]
    return Comb(comb.frequency * n, comb.angle, strength)


def _common_step(ks: np.ndarray, weight: np.ndarray) -> int:
    """Return the step that (nearly) all low harmonics are multiples of; high ones may be aliases of rounded lines."""
    for step in (10, 5, 4, 3, 2):
        low = ks <= max(6, 2 * step)
        on = ks % step == 0
        if weight[low & ~on].sum() < 0.15 * weight[low & on].sum():
            return step
    return 1


def demodulate(field: np.ndarray, frequency: np.ndarray, side: int, step: float = 0.25) -> tuple[np.ndarray, ...]:
    """Return centres x (nx,), y (ny,) and z (ny, nx): the complex amplitude of one frequency in windows of `side`.

    z is the field times exp(-2πi f·x), low-passed by a Hann window and read every `step` of a window; its
    angle is the phase of the lines there, its modulus their amplitude (grey levels).
    """
    factors, centres = [], []
    for length, f in zip(field.shape, (frequency[1], frequency[0]), strict=True):
        width = min(side, length)
        count = max(3, 1 + int(np.ceil((length - width) / (width * step))))
        middle = np.linspace((width - 1) / 2, length - 1 - (width - 1) / 2, count)
        x = np.arange(length)
        distance = (x - middle[:, None]) / width
        window = np.where(np.abs(distance) < 0.5, 1 + np.cos(2 * np.pi * distance), 0.0)
        window /= window.sum(axis=1, keepdims=True)
        factors.append((window * np.exp(-2j * np.pi * f * x)).astype(np.complex64))
        centres.append(middle)
    rows, columns = factors
    return centres[1], centres[0], (rows.real @ field + 1j * (rows.imag @ field)) @ columns.T


@dataclass(frozen=True)
class PhaseFit:
    """A plane fitted to the phase of one harmonic of a family of lines.

    `frequency` (fx, fy) and `rms` of the phase in cycles are those of the fundamental; `coherence` 0..1 is the
    part of the amplitude that is in phase over the whole page; `amplitude` of the `harmonic` in grey levels.
    """

    frequency: np.ndarray
    rms: float
    coherence: float
    amplitude: float
    harmonic: int = 1


def fit_phase(field: np.ndarray, frequency: np.ndarray, side: int) -> PhaseFit:
    """Refine a frequency vector by a robust plane through the demodulated phase.

    First the phase step from window to window, which needs no unwrapping, then least squares
    with Tukey-like weights on what is left.
    """
    frequency = np.array(frequency, dtype=np.float64)
    for _ in range(2):
        x, y, z = demodulate(field, frequency, side)
        frequency[0] += np.angle(np.sum(z[:, 1:] * z[:, :-1].conj())) / (2 * np.pi * (x[1] - x[0]))
        frequency[1] += np.angle(np.sum(z[1:] * z[:-1].conj())) / (2 * np.pi * (y[1] - y[0]))
    rms, first = 0.5, frequency.copy()
    x, y, demodulated = demodulate(field, frequency, side)
    for _ in range(4):
        # What is left to add turns the phase by far less than a cycle within a window.
        along, down = (np.exp(-2j * np.pi * f * at) for f, at in zip(frequency - first, (x, y), strict=True))
        z = demodulated * along * down[:, None]
        amplitude = np.minimum(np.abs(z), 2 * np.median(np.abs(z)))  # ink makes outliers
        phase = np.angle(z * np.conj(np.sum(amplitude * np.exp(1j * np.angle(z))))) / (2 * np.pi)
        scale = max(2.5 * rms, 0.02)
        weight = amplitude * np.clip(1 - (phase / scale) ** 2, 0.02, None)
        gx, gy = np.meshgrid(x - x.mean(), y - y.mean())
        design = np.stack([np.ones(gx.size), gx.ravel(), gy.ravel()], axis=1)
        root = np.sqrt(weight.ravel())
        solution = np.linalg.lstsq(design * root[:, None], phase.ravel() * root, rcond=None)[0]
        frequency += solution[1:]
        left = phase.ravel() - design @ solution
        rms = float(np.sqrt(np.sum(weight.ravel() * left**2) / max(weight.sum(), 1e-12)))
    total = np.abs(z).sum()
    coherence = float(np.abs(z.sum()) / total) if total > 0 else 0.0
    return PhaseFit(frequency, rms, coherence, float(np.mean(np.abs(z))))


def presence(field: np.ndarray, frequency: np.ndarray, side: int) -> float:
    """Return the mean cosine of the phase error over small windows, each with the same say: 1 where lines are all
    over the page, near 0 where the pattern is made by a few strong things in step. Empty windows have no say."""
    _, _, z = demodulate(field, frequency, side, step=0.7)
    error = np.angle(z * np.conj(z.sum()))[np.abs(z) > 1e-3]
    return float(np.mean(np.cos(error))) if error.size else 0.0


def line_position(field: np.ndarray, frequency: np.ndarray, harmonics: np.ndarray) -> float:
    """Return where in its period (0..1, at the pixel (0, 0)) the boldest line of a family lies.

    The harmonics' page-wide amplitudes are summed into the profile of one period; its darkest point is the line.
    """
    waves = [
        (np.hanning(length) * np.exp(-2j * np.pi * np.outer(harmonics, f * np.arange(length)))).astype(np.complex64)
        for length, f in zip(field.shape, (frequency[1], frequency[0]), strict=True)
    ]
    rows, columns = waves
    z = np.sum((rows.real @ field + 1j * (rows.imag @ field)) * columns, axis=1)
    s = np.arange(4000) / 4000
    z = z / harmonics  # rounds the flat top of a broad line, so its middle is the maximum
    profile = np.real(z @ np.exp(2j * np.pi * np.outer(harmonics, s)))
    return float(s[np.argmax(profile)])
