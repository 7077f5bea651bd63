"""A first map of a picture made exact: the phase of the grid's lines over the page, all windows at once.

The picture's darkness is multiplied by the wave that the map says the lines are, and averaged in windows: what phase is
left is the map's error. It is unwrapped as one surface that the steps between neighbouring windows make, so that no
window hangs on a single path, and added to the map; first for the 5 mm lines, then for those of 1 mm.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage

from ecgseg.digitize.flat.straighten import PLAIN, see_lines, straighten
from ecgseg.digitize.flat.surface import Steps, through_steps, through_values
from ecgseg.errors import GridError

NODE_MM = 2.0  # between the places at which the map is known
CELL_MM = 0.6  # within these the wave is averaged plainly
FINEST = 0.45  # cycles per working px: finer lines are lost between the pixels
FAINT = 0.06  # share of a window's contrast in step with the lines at which it has half its say
STIFF_MM = 14.0  # a surface that bends only over so much cannot follow what is not there
UNWRAP_MM = 4.0  # over which the surface bends that counts the lines
HOLD_MM = 25.0  # over which a map that is nearly right holds the count of lines
BLOCK = 3  # nodes
MAX_JUMP = 0.3  # cycles between a window's phase and the surface: beyond, its line's number is a guess
SCATTER = 0.02  # cycles: a window's phase is good to that
STRETCH = 0.2  # of the size of paper beside what a smooth sheet would have there: more is a line left out
MOST_TORN = 0.02
CERTAIN = 0.9  # presence of lines all of which were counted rightly
MOST_COUNTS = 5  # of the lines, each on the better map that the last has made
GAIN = 0.02  # of presence that makes another worthwhile
MIN_PRESENCE = 0.5  # mean cosine of the phase errors against a stiff surface; without lines it stays below 0.35


@dataclass(frozen=True)
class PhaseMap:
    """The map from a picture to mm on its paper, known at nodes `x` (nx,), `y` (ny,) in working px.

    mm (2, ny, nx); grid (ny, nx) 0..1, where lines were looked for; pixel (2,), picture px per working px; residual:
    rms in mm of windows about the map; presence: mean cosine of their phase, the lesser family's; seen: periods in mm
    of lines that were in step; disagreeing: share of the crossings found, one from the next, that lie on other lines;
    error: rms in mm of the map about them, NaN where none are found.
    """

    x: np.ndarray
    y: np.ndarray
    mm: np.ndarray
    grid: np.ndarray
    pixel: np.ndarray
    residual: float
    presence: float
    seen: tuple[float, ...]
    disagreeing: float = 0.0
    error: float = float("nan")

    @property
    def in_step(self) -> float:
        """Return how plainly lines are in step, 0..1: their presence, less where one spacing alone was seen."""
        return self.presence * (1.0 if {1.0, 5.0} <= set(self.seen) else (0.6 if 5.0 in self.seen else 0.5))

    @property
    def merit(self) -> float:
        """Return how sure the map is, 0..1: less where crossings were counted otherwise."""
        return self.in_step * (1 - self.disagreeing)


class Raster:
    """The darkness of a page, cut into `sub` × `sub` cells of `cell` px per node."""

    def __init__(self, dark: np.ndarray, cell: int, sub: int):
        self.cell, self.sub = cell, sub
        self.px_per_node = node = cell * sub
        self.shape = tuple(-(-n // (node * BLOCK)) * BLOCK for n in dark.shape)
        below, right = (n * node - m for n, m in zip(self.shape, dark.shape, strict=True))
        self.dark = cv2.copyMakeBorder(dark, 0, below, 0, right, cv2.BORDER_CONSTANT, value=0)
        self.y, self.x = ((np.arange(n) + 0.5) * node - 0.5 for n in self.shape)
        self.power = self._cells(self.dark**2)

    def _cells(self, full: np.ndarray) -> np.ndarray:
        size = (self.shape[1] * self.sub, self.shape[0] * self.sub)
        return cv2.resize(full, size, interpolation=cv2.INTER_AREA)

    def in_step(self, cycles: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
        """Return z (ny, nx), the darkness in step with a wave of `cycles` (ny, nx) at the nodes, in windows of
        standard deviation `sigma` nodes, and its share of the root mean square there."""
        whole = np.floor(cycles.min())
        full = cv2.resize((cycles - whole).astype(np.float32), self.dark.shape[::-1], interpolation=cv2.INTER_CUBIC)
        full *= np.float32(-2 * np.pi)
        parts = [self._windowed(self._cells(self.dark * wave(full)), sigma) for wave in (np.cos, np.sin)]
        level = np.sqrt(np.maximum(self._windowed(self.power, sigma), 1e-6))
        z = parts[0] + 1j * parts[1]
        return z.astype(np.complex128), (np.abs(z) / np.maximum(level, 0.3)).astype(np.float64)

    def _windowed(self, cells: np.ndarray, sigma: float) -> np.ndarray:
        smooth = cv2.GaussianBlur(cells, (0, 0), sigma * self.sub, borderType=cv2.BORDER_CONSTANT)
        return cv2.resize(smooth, self.shape[::-1], interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class Stage:
    """Lines of one period and the standard deviation of the windows (mm); nodes put together (block × block); the
    length over which a surface through the phases bends (mm), and whether their count may be wrong by whole lines."""

    period: float
    sigma: float
    block: int
    bends: float
    recount: bool


# Wide windows see through ink, narrow ones into creases.
COARSE = (Stage(5.0, 6.0, BLOCK, 14.0, True), Stage(5.0, 4.0, BLOCK, 8.0, False))
HELD = (Stage(5.0, 6.0, BLOCK, 14.0, False), COARSE[1])
COUNT = Stage(1.0, 2.4, 1, 6.0, True)
FINE = Stage(1.0, 1.5, 1, 4.0, False)  # a surface free to bend over 1.6 mm followed noise: 0.05 to 0.1 mm
OVERTONES = (Stage(2.5, 3.5, 1, 6.0, False), Stage(5.0 / 3.0, 2.5, 1, 3.0, False))  # of 5 mm lines without finer ones
THICK_SIGMA = 5.0  # mm: windows for the 5 mm lines of a map made by those of 1 mm
GOOD = 0.8  # merit of a map after which the other order is not tried
FADE_MM = 40.0
EDGE_MM = 3.0  # over which the map at the grid's edge is taken
THICK = 0.4  # coherence of such lines; without them it stays below 0.2
HIGHEST = Stage(1.25, 2.5, 1, 4.0, False)  # of them that thick lines may lack


SMOOTH = (Stage(1.0, 1.5, 1, 10.0, False), FINE)


@dataclass(frozen=True)
class _Error:
    """How far a map is off (ny, nx) in periods; rms of the windows about that, and their presence."""

    surface: np.ndarray
    rms: float
    presence: float


def refine(
    raster: Raster, mm: np.ndarray, grid: np.ndarray, pixel: np.ndarray, px_per_mm: float, straight: bool = False
) -> PhaseMap:
    """Return the exact map from a first one, mm (2, ny, nx) at a raster's nodes; px_per_mm of working px.

    grid (ny, nx) 0..1: where lines are to be seen; elsewhere the map goes on as smoothly as it can. straight: the map
    is right to less than half a square and needs not be made so.
    Raises GridError where no lines are in step with the map.
    """
    node_mm = raster.px_per_node / px_per_mm
    first = mm if straight else straighten(raster, mm, grid, node_mm)
    fine, thick = (_plain(raster, first, grid, p, node_mm) for p in (1.0, 5.0))
    # The plainer lines first: 5 mm lines that ink upsets would spoil a map already straight, and the other way round.
    orders = [order for order in (True, False) if order or fine > PLAIN]
    if fine > thick:
        orders.reverse()
    best, most = None, None
    for thick_first in orders:
        found = _followed(raster, first.copy(), grid, pixel, px_per_mm, thick_first, straight or thick > PLAIN)
        if found is None:
            continue
        share = torn(found.mm, grid)
        if share > MOST_TORN:
            most = share
        elif best is None or found.merit > best.merit:
            best = found
        if best is not None and best.merit > GOOD:
            break
    if best is not None:
        return replace(best, mm=continued(best.mm, grid, node_mm))
    if most is None:
        raise GridError(
            "no grid found: what looks like one has no lines in step over the page; "
            "give the scale of a flat page with digitize.px_per_mm=…"
        )
    raise GridError(
        f"no grid found: its lines were miscounted, {100 * most:.0f} % of the page would be torn; "
        "give the scale of a flat page with digitize.px_per_mm=…"
    )


def _followed(
    raster: Raster,
    mm: np.ndarray,
    grid: np.ndarray,
    pixel: np.ndarray,
    px_per_mm: float,
    thick_first: bool,
    held: bool,
) -> PhaseMap | None:
    """Return a straight map mm (2, ny, nx), changed in place, made exact by 1 mm lines, before them by those of 5 mm
    if `thick_first`, or by these alone; None where no lines are in step. held: 5 mm lines are counted rightly."""
    node_mm = raster.px_per_node / px_per_mm
    seen: list[float] = []
    last: tuple[float, list[_Error]] | None = None

    def run(stage: Stage) -> bool:
        nonlocal last
        if stage.period * px_per_mm * FINEST < 1:
            return False
        errors = [_error(raster, mm[k] / stage.period, grid, stage, node_mm) for k in (0, 1)]
        if min(e.presence for e in errors) < MIN_PRESENCE:
            return False
        mm[:] += stage.period * np.stack([e.surface for e in errors])
        seen.append(stage.period)
        last = stage.period, errors
        return True

    def count() -> bool:
        """Count the lines of 1 mm again and again, each time on the better map, as long as that helps."""
        before = 0.0
        for _ in range(MOST_COUNTS):
            if not run(COUNT):
                return False
            presence = min(e.presence for e in last[1])
            if presence < before + GAIN or presence > CERTAIN:
                break
            before = presence
        return run(FINE)

    coarse = thick_first and all([run(stage) for stage in (HELD if held else COARSE)])
    fine = (coarse or not thick_first) and _plain(raster, mm, grid, 1.0, node_mm) > PLAIN and count()
    if not fine:
        if not coarse or not all([run(stage) for stage in OVERTONES]):
            return None
        run(HIGHEST)
    if fine:
        windows = (grid > 0.5).sum() * node_mm**2 / (4 * np.pi * THICK_SIGMA**2)
        least = THICK + 1.5 / np.sqrt(max(windows, 1.0))  # few windows are in step by chance
        coherence, off = _thick(raster, mm, grid, node_mm)
        seen = [1.0]
        if coherence > least:
            seen = [1.0, 5.0]
            mm += np.rint(off)[:, None, None]  # mm 0 is one of them
    period, errors = last
    rms = float(np.hypot(*(e.rms for e in errors))) * period
    return PhaseMap(raster.x, raster.y, mm, grid, pixel, rms, min(e.presence for e in errors), tuple(sorted(set(seen))))


def continued(mm: np.ndarray, grid: np.ndarray, node_mm: float) -> np.ndarray:
    """Return a map (2, ny, nx) that goes on beyond the grid as a tilted sheet does: as a polynomial of second degree.

    What the map is off that at the grid's edge fades out over FADE_MM.
    """
    seen = grid > 0.5
    if seen.all() or not seen.any():
        return mm
    distance, nearest = ndimage.distance_transform_edt(~seen, return_indices=True)
    fade = np.exp(-((distance * node_mm / FADE_MM) ** 2))
    y, x = (np.linspace(-1, 1, n) for n in seen.shape)
    basis = np.polynomial.legendre.legvander2d(*np.meshgrid(y, x, indexing="ij"), [2, 2])
    basis = basis[..., np.add.outer(np.arange(3), np.arange(3)).ravel() <= 2]
    reach = EDGE_MM / node_mm
    total = cv2.GaussianBlur(seen.astype(float), (0, 0), reach)
    out = []
    for family in mm:
        sheet = basis @ np.linalg.lstsq(basis[seen], family[seen], rcond=None)[0]
        off = cv2.GaussianBlur(np.where(seen, family - sheet, 0.0), (0, 0), reach) / np.maximum(total, 1e-9)
        out.append(np.where(seen, family, sheet + off[tuple(nearest)] * fade))
    return np.stack(out)


def polished(raster: Raster, mm: np.ndarray, grid: np.ndarray, px_per_mm: float, stage: Stage) -> np.ndarray:
    """Return a smooth map mm (2, ny, nx), right to a fraction of a line, with what the lines' phase adds to it."""
    node_mm = raster.px_per_node / px_per_mm
    surfaces = [_error(raster, family / stage.period, grid, stage, node_mm).surface for family in mm]
    return continued(mm + stage.period * np.stack(surfaces), grid, node_mm)


def _plain(raster: Raster, mm: np.ndarray, grid: np.ndarray, period: float, node_mm: float) -> float:
    lines = see_lines(raster, mm, grid, period, node_mm)
    return 0.0 if lines is None else lines.plain


def _thick(raster: Raster, mm: np.ndarray, grid: np.ndarray, node_mm: float) -> tuple[float, np.ndarray]:
    """Return how coherent, 0..1, the lesser family of 5 mm lines is over a map made by those of 1 mm, and how far in mm
    the map is to be moved (2,) for them to lie at whole 5 mm."""
    means = []
    for family in mm:
        z, share = raster.in_step(family / 5.0, THICK_SIGMA / node_mm)
        weight = share**2 / (share**2 + FAINT**2) * grid
        means.append((weight * z / np.maximum(np.abs(z), 1e-12)).sum() / max(float(weight.sum()), 1e-9))
    return float(np.abs(means).min()), 5.0 * np.angle(means) / (2 * np.pi)


def torn(mm: np.ndarray, grid: np.ndarray) -> float:
    """Return the share of the page where a map stretches in a way that paper does not: lines were left out there.

    A map's steps are compared with a polynomial through them, which tilted cameras and bent sheets follow.
    """
    on = (grid[1:, 1:] > 0.5) & (grid[:-1, :-1] > 0.5)
    if not on.any():
        return 1.0
    steps = np.stack([np.diff(mm, axis=2)[:, 1:], np.diff(mm, axis=1)[:, :, 1:]], axis=-1)  # (2, ny-1, nx-1, 2)
    y, x = (np.linspace(-1, 1, n) for n in on.shape)
    basis = np.polynomial.legendre.legvander2d(*(v[on] for v in np.meshgrid(y, x, indexing="ij")), [2, 2])
    apart = np.zeros(on.sum(), bool)
    for family in steps:
        values = family[on]
        weight = np.ones(len(values))
        for _ in range(5):
            root = np.sqrt(weight)[:, None]
            off = values - basis @ np.linalg.lstsq(basis * root, values * root, rcond=None)[0]
            far = np.linalg.norm(off, axis=1) / np.median(np.linalg.norm(values, axis=1))
            weight = 1 / (1 + (far / STRETCH) ** 2)
        apart |= far > STRETCH
    return float(apart.mean())


def _error(raster: Raster, cycles: np.ndarray, grid: np.ndarray, stage: Stage, node_mm: float) -> _Error:
    """Measure how far a map (ny, nx) in periods is off: the unwrapped phase of the lines, as a smooth surface."""
    z, share = raster.in_step(cycles, stage.sigma / node_mm)
    weight = share**2 / (share**2 + FAINT**2) * grid
    z, weight, on = (_blocks(v, stage.block) for v in (z, weight, (grid > 0.5).astype(float)))
    node_mm = node_mm * stage.block
    angle = np.angle(z) / (2 * np.pi)
    steps = Steps(
        _wrapped(np.diff(angle, axis=1)),
        _wrapped(np.diff(angle, axis=0)),
        weight[:, 1:] * weight[:, :-1] + 1e-4,
        weight[1:] * weight[:-1] + 1e-4,
    )
    pull = 1e-5 if stage.recount else (node_mm / HOLD_MM) ** 2
    guess = through_steps(steps, _stiffness(UNWRAP_MM, node_mm), 0.05, pull)
    guess = guess + np.angle(np.sum(weight**2 * np.exp(2j * np.pi * (angle - guess)))) / (2 * np.pi)
    phase = angle + np.rint(guess - angle)
    near = np.abs(phase - guess) < MAX_JUMP
    if not (weight * near).any():
        return _Error(np.zeros(cycles.shape), np.inf, 0.0)
    weight = weight * near
    surface = through_values(phase, weight, _stiffness(stage.bends, node_mm), SCATTER)
    rms = float(np.sqrt(np.average((phase - surface) ** 2, weights=weight)))
    stiff = _stiff(phase, weight, node_mm, BLOCK // stage.block)
    presence = float(np.average(np.cos(2 * np.pi * (angle - stiff)), weights=on + 1e-9))
    return _Error(_enlarged(surface, cycles.shape), rms, presence)


def _stiff(phase: np.ndarray, weight: np.ndarray, node_mm: float, block: int) -> np.ndarray:
    """Return the surface through phases that bends over STIFF_MM only, found on blocks of nodes."""
    total = _blocks(weight, block)
    mean = _blocks(weight * phase, block) / np.maximum(total, 1e-9)
    return _enlarged(through_values(mean, total, _stiffness(STIFF_MM, node_mm * block), SCATTER), phase.shape)


def _enlarged(surface: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return surface if surface.shape == shape else cv2.resize(surface, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _blocks(values: np.ndarray, block: int) -> np.ndarray:
    """Return the means of blocks of nodes."""
    if block == 1:
        return values
    ny, nx = (n // block for n in values.shape)
    return values.reshape(ny, block, nx, block).mean(axis=(1, 3))


def _stiffness(length_mm: float, node_mm: float) -> float:
    """Return the weight of bending for which a surface follows its values over about a length."""
    return (length_mm / node_mm) ** 4 / 4


def _wrapped(cycles: np.ndarray) -> np.ndarray:
    return cycles - np.rint(cycles)
