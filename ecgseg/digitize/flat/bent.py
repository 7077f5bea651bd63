"""Bent, tilted or turned paper → mm: the grid's phase, followed from window to window, as a smooth dense map.

The two families of grid lines are found in the sharpest part of the picture. From there their phase is tracked
outwards, each window predicted from its neighbours, so that perspective, curl and creases are followed wherever the
lines can be seen. The unwrapped phases are coordinates on the paper; a smooth surface through them bridges what
ink, glare and shadow hide. "Family 0" are the lines along the sheet's height, as in `lattice`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage, sparse
from scipy.interpolate import RectBivariateSpline
from scipy.sparse.linalg import spsolve

from ecgseg.digitize.flat import lattice
from ecgseg.digitize.flat.grid import LATTICE_STEP, MAX_FLAT_PIXELS, FlatPage, Grid, measure_grid
from ecgseg.digitize.flat.lattice import Comb
from ecgseg.digitize.flat.trust import judged
from ecgseg.errors import GridError

SEED_SIDE = 256  # working px of the windows in which the lines are first looked for: 30 to 80 mm of paper
MAX_SHEAR_DEG = 14.0  # how far from 90° a tilted camera may see the lines cross
COARSEST = 0.08  # cycles per px: windows of seven coarser lines are too wide to follow a crease
FINEST = 0.28  # cycles per px: what a tilted page shrinks further must not get lost between the pixels
PERIODS = 7.0  # of the tracked lines in a window: fewer follow a crease better, more see through ink
WINDOW = (40, 160)  # working px
# A window's quality is the share of its contrast in step with the lines. Those nearly as plain as the seed come first,
# so that what lies beyond a doubtful one is reached round it.
QUALITIES = (0.7, 0.45, 0.25, 0.12)
CHANCE = 2.6  # over the window's side in px: the quality that noise and table tops rarely reach
MAX_CHANGE = 0.15  # of the lines' frequency from window to window
MAX_JUMP = 0.3  # cycles between predicted and found phase; at 0.5 the line's number is a guess
SEEDS = 4  # places tried before the best is taken
ENOUGH = 0.5  # of the windows accepted: no other place need be tried
MIN_NODES = 40  # accepted windows: a smaller patch is not a page
MIN_STEP = 0.3  # share of the lines' amplitude in step over the straightened page: less is no such lines
LEAST_CONFIDENCE = 0.55  # maps followed with less were off by 1 to 100 mm
SMOOTH = 0.02  # weight of bending against the phases: a window's phase is good to some hundredths of a cycle


@dataclass(frozen=True)
class Family:
    """A family of lines as first seen: frequency (2,) of the tracked harmonic in cycles per px, and its order."""

    frequency: np.ndarray
    harmonic: int


@dataclass(frozen=True)
class DenseMap:
    """A smooth map from picture px (working scale `pixel` (2,)) to paper coordinates (s, t) in periods of the lines.

    `accepted` (ny, nx) marks the windows at `x`, `y` (working px) in which the lines were seen.
    """

    s: RectBivariateSpline
    t: RectBivariateSpline
    x: np.ndarray
    y: np.ndarray
    accepted: np.ndarray
    pixel: np.ndarray

    def to_paper(self, px: np.ndarray) -> np.ndarray:
        """Map points (n, 2) in px of the picture to periods (n, 2)."""
        w = self._working(px)
        return np.stack([f.ev(w[:, 1], w[:, 0]) for f in (self.s, self.t)], axis=1)

    def jacobian(self, px: np.ndarray) -> np.ndarray:
        """Return (n, 2, 2): periods per px of the picture."""
        w = self._working(px)
        rows = [[f.ev(w[:, 1], w[:, 0], dy=1), f.ev(w[:, 1], w[:, 0], dx=1)] for f in (self.s, self.t)]
        return np.moveaxis(np.array(rows), -1, 0) / self.pixel

    def to_picture(self, paper: np.ndarray, rounds: int = 12) -> np.ndarray:
        """Map points (n, 2) in periods to px of the picture by Newton's method, from the nearest window's place."""
        from scipy.spatial import cKDTree

        grid = np.stack(np.meshgrid(self.x, self.y), axis=-1)[self.accepted]
        at = (grid + 0.5) * self.pixel - 0.5
        known = self.to_paper(at)
        nearest = cKDTree(known).query(paper)[1]
        inverse = np.linalg.inv(self.jacobian(at))
        px = at[nearest] + np.einsum("nij,nj->ni", inverse[nearest], paper - known[nearest])
        for _ in range(rounds):
            inside = self._clamped(px)
            step = paper - self._extended(px, inside)
            px = px + np.einsum("nij,nj->ni", np.linalg.inv(self.jacobian(inside)), step)
            if np.abs(step).max() < 1e-4:
                break
        return px

    def _extended(self, px: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Return periods at px; beyond the windows the map goes on straight."""
        return self.to_paper(inside) + np.einsum("nij,nj->ni", self.jacobian(inside), px - inside)

    def _working(self, px: np.ndarray) -> np.ndarray:
        return (px + 0.5) / self.pixel - 0.5

    def _clamped(self, px: np.ndarray) -> np.ndarray:
        w = self._working(px)
        w = np.clip(w, [self.x[0], self.y[0]], [self.x[-1], self.y[-1]])
        return (w + 0.5) * self.pixel - 0.5


def measure_map(image: np.ndarray) -> DenseMap:
    """Follow the grid of a picture (H, W, 3) uint8 RGB; raises GridError where no lattice of lines is found."""
    dark, pixel = lattice.gridness(image)
    best = None
    for seed, families in find_seeds(dark)[:SEEDS]:
        tracked = track(dark, seed, families)
        if best is None or tracked.accepted.sum() * tracked.step**2 > best[0].accepted.sum() * best[0].step ** 2:
            best = tracked, families
        if tracked.accepted.mean() > ENOUGH:
            break
    tracked, families = best
    if tracked.accepted.sum() < MIN_NODES:
        raise GridError(
            f"no grid found: lines were seen in {int(tracked.accepted.sum())} windows only, "
            f"a page has {MIN_NODES} or more"
        )
    return fit_map(tracked, families, pixel)


def find_seeds(dark: np.ndarray) -> list[tuple[np.ndarray, tuple[Family, Family]]]:
    """Return where (x, y) the two families are seen and their lines there, the plainest first."""
    side = int(min(SEED_SIDE, dark.shape[0], dark.shape[1]))
    seeds = []
    for y in _spread(dark.shape[0], side):
        for x in _spread(dark.shape[1], side):
            spectrum, tiles = lattice.tile_spectrum(dark[y : y + side, x : x + side], side)
            if not tiles:
                continue
            combs = local_combs(spectrum)
            if combs is None:
                continue
            plain = float(sum(np.minimum(c.strength, 6).sum() for c in combs))
            families = tuple(_tracked(c, axis) for axis, c in enumerate(combs))
            seeds.append((plain, len(seeds), np.array([x, y]) + (side - 1) / 2, families))
    if not seeds:
        raise GridError(
            "no grid found: nowhere two families of evenly spaced lines cross; "
            "give the scale of a flat page with digitize.px_per_mm=…"
        )
    return [(centre, families) for _, _, centre, families in sorted(seeds, key=lambda s: -s[0])]


def _spread(length: int, side: int) -> list[int]:
    """Return where windows of `side` start that cover the middle of a length, half a window apart at least."""
    count = int(np.clip((length - side) // (side // 2) + 1, 1, 5))
    return [int(v) for v in np.linspace(0, length - side, count + 2)[1:-1]] if length > side else [0]


def local_combs(spectrum: np.ndarray) -> tuple[Comb, Comb] | None:
    """Find the two combs of one window, at any angle within ±45° and crossing at 90° ± MAX_SHEAR_DEG."""
    side = spectrum.shape[0]
    radii = np.arange(2.0, side / 2 - 1, 0.5)
    angles = np.deg2rad(np.arange(-50.0, 50.0, 0.5))
    polar = [lattice._rays(spectrum, radii, angles, axis) for axis in (0, 1)]
    votes = [np.clip(p - 1.0, 0, 4).sum(axis=1) for p in polar]
    both = votes[0][:, None] + votes[1][None]
    lean = np.abs(angles[:, None] - angles[None])
    within = np.abs(angles[:, None] + angles[None]) / 2 <= np.deg2rad(45.5)
    both = np.where((lean <= np.deg2rad(MAX_SHEAR_DEG)) & within, both, 0)
    picks = np.unravel_index(int(np.argmax(both)), both.shape)
    combs = []
    for p, pick in zip(polar, picks, strict=True):
        ray = p[max(0, pick - 1) : pick + 2].max(axis=0)
        ray = ray - np.percentile(ray, 40)
        combs.append(lattice._comb(ray, radii, float(angles[pick]), side, 1))
    if any(c is None for c in combs):
        return None
    return combs[0], combs[1]


def _tracked(comb: Comb, axis: int) -> Family:
    """Return the harmonic to follow: strong, and coarse enough that a tilted page does not smear it."""
    angle = comb.angle + (np.pi / 2 if axis else 0.0)
    orders = np.arange(1, len(comb.strength) + 1)
    strength = np.where(orders * comb.frequency < FINEST, comb.strength, 0.0)
    # Of the plain ones the coarsest that is still fine enough: the finer the lines, the easier the count slips.
    plain = (strength >= strength.max() - 1.5) & (strength > 0)
    fine = plain & (orders * comb.frequency > COARSEST)
    choice = np.flatnonzero(fine if fine.any() else plain)
    # Of lines all too coarse the finest.
    k = int(orders[choice[0] if fine.any() else choice[-1]]) if len(choice) else 1
    return Family(k * comb.frequency * np.array([np.cos(angle), np.sin(angle)]), k)


@dataclass
class Tracked:
    """Windows at x, y (working px): phase (2, ny, nx) in cycles, frequency (2, ny, nx, 2), quality, and accepted."""

    x: np.ndarray
    y: np.ndarray
    phase: np.ndarray
    frequency: np.ndarray
    quality: np.ndarray
    accepted: np.ndarray
    step: float


def track(dark: np.ndarray, seed: np.ndarray, families: tuple[Family, Family]) -> Tracked:
    """Follow both families from the seed outwards over windows half a window apart."""
    finest = min(float(np.hypot(*f.frequency)) for f in families)
    side = int(np.clip(PERIODS / finest, *WINDOW)) // 2 * 2
    step = side / 2
    x, y = (_through(at, step, length) for at, length in zip(seed, dark.shape[::-1], strict=True))
    shape = (len(y), len(x))
    out = Tracked(
        x, y, np.zeros((2, *shape)), np.zeros((2, *shape, 2)), np.zeros((2, *shape)), np.zeros(shape, bool), step
    )
    reach = side // 2 + 1
    padded = cv2.copyMakeBorder(dark, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
    centres = np.rint(np.stack(np.meshgrid(x, y), axis=-1)).astype(int)
    i, j = _plainest(padded, centres, reach, side, families, seed)
    _grow(out, (i, j), families, padded, centres, reach, side, CHANCE / side)
    best = float(out.quality[:, i, j].min())
    for share in QUALITIES:
        _grow(out, (i, j), families, padded, centres, reach, side, max(share * best, CHANCE / side))
    return out


def _plainest(
    padded: np.ndarray,
    centres: np.ndarray,
    reach: int,
    side: int,
    families: tuple[Family, Family],
    seed: np.ndarray,
) -> tuple[int, int]:
    """Return the row and column of the window near the seed in which both families are plainest: not on ink."""
    near = np.argwhere(np.abs(centres - seed).max(axis=2) <= SEED_SIDE / 3)
    patches = _patches(padded, centres[near[:, 0], near[:, 1]] + reach, side)
    least = np.full(len(near), np.inf)
    for family in families:
        frequency = np.tile(family.frequency, (len(near), 1))
        for _ in range(2):
            _, drift, quality = _demodulate(patches, frequency)
            frequency = frequency + drift
        least = np.minimum(least, quality)
    i, j = near[np.argmax(least)]
    return int(i), int(j)


def _grow(
    out: Tracked,
    seed: tuple[int, int],
    families: tuple[Family, Family],
    padded: np.ndarray,
    centres: np.ndarray,
    reach: int,
    side: int,
    least: float,
) -> None:
    """Accept windows of at least the quality `least` next to accepted ones, in place, until none is left.

    Where none is accepted yet, only the seed is tried.
    """
    tries = np.zeros(out.accepted.shape, int)
    alone = not out.accepted.any()
    frontier = np.array([seed]) if alone else _frontier(out.accepted, tries)
    while len(frontier):
        rows, columns = frontier.T
        begun = out.accepted.any()
        good = np.ones(len(frontier), bool)
        found = []
        patches = _patches(padded, centres[rows, columns] + reach, side)
        # The windows lie at whole pixels near the nodes: the phase is carried to the node itself.
        away = np.stack([out.x[columns], out.y[rows]], axis=1) - centres[rows, columns]
        for k, family in enumerate(families):
            if begun:
                phase, frequency = _predict(out, k, rows, columns)
            else:
                phase, frequency = np.zeros(1), family.frequency[None]
            start = frequency
            for _ in range(3):
                z, drift, quality = _demodulate(patches, frequency)
                frequency = frequency + drift
            angle = np.angle(z) / (2 * np.pi) + np.einsum("ni,ni->n", frequency, away)
            whole = angle + np.rint(phase - angle) if begun else angle
            change = np.linalg.norm(frequency - start, axis=1) / np.linalg.norm(start, axis=1)
            good &= (quality > least) & (change < MAX_CHANGE) & (~begun | (np.abs(whole - phase) < MAX_JUMP))
            found.append((whole, frequency, quality))
        for k, (whole, frequency, quality) in enumerate(found):
            out.phase[k, rows[good], columns[good]] = whole[good]
            out.frequency[k, rows[good], columns[good]] = frequency[good]
            out.quality[k, rows[good], columns[good]] = quality[good]
        out.accepted[rows[good], columns[good]] = True
        tries[rows, columns] += 1
        frontier = np.empty((0, 2), int) if alone else _frontier(out.accepted, tries)


def _frontier(accepted: np.ndarray, tries: np.ndarray) -> np.ndarray:
    """Return the windows (n, 2) to try: beside accepted ones, again only with more neighbours to be predicted from."""
    count = _neighbours(accepted)
    return np.argwhere(~accepted & (count > 2 * tries) & (tries < 3))


def _through(at: float, step: float, length: int) -> np.ndarray:
    """Return positions `step` apart through `at` over a length."""
    return at + step * np.arange(-int(at // step), int((length - 1 - at) // step) + 1)


def _neighbours(accepted: np.ndarray) -> np.ndarray:
    kernel = np.ones((3, 3), np.float32)
    return np.rint(cv2.filter2D(accepted.astype(np.float32), -1, kernel, borderType=cv2.BORDER_CONSTANT)).astype(int)


def _predict(tracked: Tracked, k: int, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the phase and frequency of family k that the accepted neighbours of windows lead to."""
    ny, nx = tracked.accepted.shape
    total = np.zeros(len(rows))
    phase, frequency = np.zeros(len(rows)), np.zeros((len(rows), 2))
    steps = []
    for di in (-1, 0, 1):
        for dj in (-1, 0, 1):
            i, j = rows + di, columns + dj
            inside = (i >= 0) & (i < ny) & (j >= 0) & (j < nx)
            i, j = np.clip(i, 0, ny - 1), np.clip(j, 0, nx - 1)
            ok = (inside & tracked.accepted[i, j]) / (1.0 + abs(di) + abs(dj))
            total += ok
            frequency += ok[:, None] * tracked.frequency[k, i, j]
            steps.append((i, j, ok))
    frequency /= total[:, None]
    for i, j, ok in steps:
        way = np.stack([tracked.x[columns] - tracked.x[j], tracked.y[rows] - tracked.y[i]], axis=1)
        mean = (tracked.frequency[k, i, j] + frequency) / 2
        phase += ok * (tracked.phase[k, i, j] + np.einsum("ni,ni->n", mean, way))
    return phase / total, frequency


def _patches(padded: np.ndarray, centres: np.ndarray, side: int) -> np.ndarray:
    """Return windows (n, side + 1, side + 1) about whole-pixel centres (x, y)."""
    view = np.lib.stride_tricks.sliding_window_view(padded, (side + 1, side + 1))
    return view[centres[:, 1] - side // 2, centres[:, 0] - side // 2]


def _demodulate(patches: np.ndarray, frequency: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return z (n,), how far off the frequency is (n, 2), and the quality (n,) of windows (n, m, m).

    The phase is compared between overlapping halves of the window: its change over the distance is the drift.
    """
    m = patches.shape[1]
    at = np.arange(m) - (m - 1) / 2
    full = np.hanning(m + 2)[1:-1]
    part = 2 * m // 3
    shift = (m - part) / 2
    halves = [np.roll(np.pad(np.hanning(part + 2)[1:-1], (0, m - part)), s) for s in (0, m - part)]
    windows = np.stack([full, *halves])  # (3, m)
    ex = windows * np.exp(-2j * np.pi * frequency[:, 0, None, None] * at)
    ey = windows * np.exp(-2j * np.pi * frequency[:, 1, None, None] * at)
    z = np.matmul(np.matmul(ey.astype(np.complex64), patches), ex.astype(np.complex64).transpose(0, 2, 1))
    dx = np.angle(z[:, 0, 2] * z[:, 0, 1].conj()) / (2 * np.pi * 2 * shift)
    dy = np.angle(z[:, 2, 0] * z[:, 1, 0].conj()) / (2 * np.pi * 2 * shift)
    w = np.outer(full, full).astype(np.float32)
    level = np.sqrt(np.einsum("nij,ij->n", patches**2, w) / w.sum()) * w.sum()
    return z[:, 0, 0], np.stack([dx, dy], axis=1), np.abs(z[:, 0, 0]) / np.maximum(level, 1e-6)


def fit_map(tracked: Tracked, families: tuple[Family, Family], pixel: np.ndarray) -> DenseMap:
    """Return the smooth map through the tracked phases, in periods of the lines' fundamental.

    Squared bending of the surface and squared misfit are minimised together on the windows' raster; windows that
    stay more than a few hundredths of a cycle off lose their say.
    """
    inside = np.argwhere(tracked.accepted)
    (i0, j0), (i1, j1) = inside.min(axis=0), inside.max(axis=0) + 1
    # Splines of third order want four points a side.
    i1, j1 = max(i1, i0 + 4), max(j1, j0 + 4)
    i0, j0 = max(0, min(i0, len(tracked.y) - 4)), max(0, min(j0, len(tracked.x) - 4))
    window = (slice(i0, i1), slice(j0, j1))
    x, y, accepted = tracked.x[window[1]], tracked.y[window[0]], tracked.accepted[window]
    if min(len(x), len(y)) < 4:
        raise GridError("no grid found: the lines were seen in a narrow strip only")
    surfaces = [
        _smooth(
            recounted(tracked.phase[k][window], tracked.quality[k][window] * accepted) / f.harmonic,
            tracked.quality[k][window] * accepted,
            f.harmonic,
        )
        for k, f in enumerate(families)
    ]
    s, t = (RectBivariateSpline(y, x, z) for z in surfaces)
    return DenseMap(s, t, x, y, accepted, pixel)


def recounted(phase: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return phases (ny, nx) in cycles with whole cycles added where the count of lines slipped.

    Paper bends in few ways: a polynomial through most windows, of rising degree and deaf to what lies far from it,
    tells the windows that were reached over a slip by whole cycles.
    """
    y, x = (np.linspace(-1, 1, n) for n in phase.shape)
    seen = weight > 0
    out = phase.copy()
    for degree in (3, 5, 7):
        basis = np.polynomial.legendre.legvander2d(
            *(v[seen] for v in np.meshgrid(y, x, indexing="ij")), [degree, degree]
        )
        orders = np.add.outer(np.arange(degree + 1), np.arange(degree + 1)).ravel()
        basis = basis[:, orders <= degree]
        values, w = out[seen], weight[seen]
        for _ in range(12):
            root = np.sqrt(w)
            solution = np.linalg.lstsq(basis * root[:, None], values * root, rcond=None)[0]
            off = values - basis @ solution
            scale = max(1.5 * float(np.median(np.abs(off))), 0.1)
            w = weight[seen] / (1 + (off / scale) ** 2)
        # Off by more than half a cycle may be a bend; by three quarters it is another line.
        out[seen] = values - np.where(np.abs(off) > 0.75, np.rint(off), 0)
    return out


def _smooth(values: np.ndarray, weight: np.ndarray, harmonic: int) -> np.ndarray:
    """Return the smooth surface (ny, nx) through values where weight is above 0."""
    bend = _bending(values.shape)
    weight = weight / max(float(np.median(weight[weight > 0])), 1e-9)
    w = np.minimum(weight, 1.5).ravel()
    centre = float(np.average(values.ravel(), weights=w))
    target = values.ravel() - centre
    for _ in range(4):
        a = sparse.diags(w) + SMOOTH * bend + 1e-9 * sparse.identity(w.size)
        surface = spsolve(a.tocsc(), w * target)
        off = np.abs(surface - target) * harmonic  # in cycles of the lines that were followed
        scale = max(3 * float(np.median(off[w > 0])), 0.02)
        w = np.minimum(weight, 1.5).ravel() / (1 + (off / scale) ** 2)
    return surface.reshape(values.shape) + centre


def _bending(shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return the matrix of squared second differences along x, y and across."""
    ny, nx = shape

    def second(n: int) -> sparse.csr_matrix:
        return sparse.diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(n - 2, n))

    def first(n: int) -> sparse.csr_matrix:
        return sparse.diags([-1.0, 1.0], [0, 1], shape=(n - 1, n))

    xx = sparse.kron(sparse.identity(ny), second(nx))
    yy = sparse.kron(second(ny), sparse.identity(nx))
    xy = sparse.kron(first(ny), first(nx))
    return xx.T @ xx + yy.T @ yy + 2 * xy.T @ xy


def flatten_bent(image: np.ndarray, px_per_mm: float = 8.0) -> FlatPage:
    """Follow the grid of a picture (H, W, 3) uint8 and resample its page once to `px_per_mm`.

    The map first straightens the lines, then the straightened picture's own grid is measured as a flat scan's is:
    its spacing in mm, its checks and its residual. Raises GridError where either fails.
    """
    dense = measure_map(image)
    nodes = np.stack(np.meshgrid(dense.x, dense.y), axis=-1)[dense.accepted]
    known = dense.to_paper((nodes + 0.5) * dense.pixel - 0.5)
    low, high = known.min(axis=0), known.max(axis=0)
    # As fine as the picture itself: periods per px, along each family.
    fine = np.median(np.linalg.norm(dense.jacobian((nodes + 0.5) * dense.pixel - 0.5), axis=2), axis=0)
    size = np.maximum(np.rint((high - low) / fine), 1).astype(int)
    if size.max() > 32_000 or size.prod() > MAX_FLAT_PIXELS:
        raise GridError(f"no grid found: straightened, the page would have {size[0]}×{size[1]} pixels")

    def from_straight(px: np.ndarray) -> np.ndarray:
        """Map points (n, 2) of the straightened picture to the picture."""
        return dense.to_picture(low + (px + 0.5) * fine)

    straight = resampled(image, place_lattice(from_straight, size), size)
    grid = measure_grid(straight)
    corners = grid.to_mm(np.array([[x, y] for x in (-0.5, size[0] - 0.5) for y in (-0.5, size[1] - 0.5)]))
    start = corners.min(axis=0)
    flat_size = np.maximum(1, np.rint((corners.max(axis=0) - start) * px_per_mm)).astype(int)
    if flat_size.max() > 32_000 or flat_size.prod() > MAX_FLAT_PIXELS:
        raise GridError(f"no grid found: flattened, the page would have {flat_size[0]}×{flat_size[1]} pixels")

    correct = residual_field(straight, grid)

    def from_flat(px: np.ndarray) -> np.ndarray:
        return from_straight(grid.to_image(correct(start + (px + 0.5) / px_per_mm)))

    lattice_px = place_lattice(from_flat, flat_size)
    flat = resampled(image, lattice_px, flat_size)
    grid = replace(grid, source="followed", matrix=nearest_affine(lattice_px, start, px_per_mm))
    page = judged(FlatPage(flat, px_per_mm, nearest_affine(lattice_px, np.full(2, -0.5), 1.0), grid, {}, lattice_px))
    if page.grid.confidence < LEAST_CONFIDENCE:
        raise GridError(
            f"no grid found: few of its lines are in step over the flattened page (confidence "
            f"{page.grid.confidence:.2f}, expected {LEAST_CONFIDENCE:g}); give the scale with digitize.px_per_mm=…"
        )
    return page


def residual_field(straight: np.ndarray, grid: Grid) -> Callable[[np.ndarray], np.ndarray]:
    """Return where on the straightened picture's plane (mm) a place on the paper (mm), points (n, 2), is found.

    A straightened picture may still be off, by whole lines where the count slipped. The phase of the 5 mm lines in
    wide windows tells the first, that of the 1 mm lines in narrow ones the rest, where these lines are seen.
    """
    dark, pixel = lattice.gridness(straight)
    to_mm = cv2.invertAffineTransform(grid.matrix)
    fields: list[tuple[RectBivariateSpline, RectBivariateSpline]] = []

    def off(px: np.ndarray) -> np.ndarray:
        return sum((np.stack([f.ev(px[:, 1], px[:, 0]) for f in pair], axis=1) for pair in fields), np.zeros(px.shape))

    for period, window_mm in ((1.0, 8.0),):
        side = int(window_mm * grid.px_per_mm_x / pixel[0])
        surfaces = []
        for axis in (0, 1):
            frequency = to_mm[axis, :2] * pixel / period
            if np.hypot(*frequency) > 0.45 or side > min(dark.shape):
                break
            x, y, z = lattice.demodulate(dark, frequency, side)
            nodes = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
            known = off((nodes + 0.5) * pixel - 0.5)[:, axis].reshape(z.shape) / period
            z = z * np.exp(-2j * np.pi * known)
            if np.abs(z.sum()) < MIN_STEP * np.abs(z).sum() or min(z.shape) < 4:
                break
            phase = np.angle(z * np.conj(z.sum())) / (2 * np.pi)
            if period == 5.0:
                # Ink upsets the sparse 5 mm lines: they only say by how many whole lines the count is off.
                surface = np.rint(ndimage.median_filter(phase * period, size=5, mode="nearest"))
            else:
                surface = _smooth(phase, np.abs(z), 1) * period
            at = [(v + 0.5) * p - 0.5 for v, p in zip((y, x), pixel[::-1], strict=True)]
            surfaces.append(RectBivariateSpline(*at, surface))
        if len(surfaces) == 2:
            fields.append(tuple(surfaces))

    def correct(mm: np.ndarray) -> np.ndarray:
        place = mm
        for _ in range(3):
            px = grid.to_image(place)
            limits = np.array(straight.shape[1::-1]) - 1
            place = mm - off(np.clip(px, 0, limits))
        return place

    return correct


def place_lattice(to_picture, size: np.ndarray) -> np.ndarray:
    """Return where the centres of cells of LATTICE_STEP px, and of one cell around, lie in the picture (h, w, 2)."""
    x, y = ((np.arange(-1, -(-n // LATTICE_STEP) + 1) + 0.5) * LATTICE_STEP - 0.5 for n in size)
    px = np.stack(np.meshgrid(x, y), axis=-1)
    # Far off the paper the map may run away; nothing is seen there.
    return np.clip(to_picture(px.reshape(-1, 2)), -1e5, 1e5).reshape(px.shape)


def resampled(image: np.ndarray, lattice_px: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Resample the picture once at a lattice of positions, after a blur where it shrinks; outside it is paper."""
    steps = np.linalg.norm(np.diff(lattice_px, axis=1), axis=2) / LATTICE_STEP
    shrink = float(np.median(steps))
    sigma = 0.5 * np.sqrt(max(shrink**2 - 1, 0.0))
    source = cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.2 else image
    h, w = lattice_px.shape[:2]
    full = cv2.resize(lattice_px.astype(np.float32), (w * LATTICE_STEP, h * LATTICE_STEP))
    full = full[LATTICE_STEP : LATTICE_STEP + size[1], LATTICE_STEP : LATTICE_STEP + size[0]]
    paper = np.median(image[::8, ::8].reshape(-1, 3), axis=0)
    return cv2.remap(
        source,
        np.ascontiguousarray(full),
        None,
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(float(v) for v in paper),
    )


def nearest_affine(lattice_px: np.ndarray, start: np.ndarray, scale: float) -> np.ndarray:
    """Return the affine map (2, 3) nearest to a lattice's: from start + (flat px + 0.5) / scale to the picture."""
    h, w = lattice_px.shape[:2]
    x, y = ((np.arange(-1, n - 1) + 0.5) * LATTICE_STEP for n in (w, h))
    at = np.stack(np.meshgrid(x, y), axis=-1)[1:-1, 1:-1].reshape(-1, 2) / scale + start
    design = np.column_stack([at, np.ones(len(at))])
    return np.linalg.lstsq(design, lattice_px[1:-1, 1:-1].reshape(-1, 2), rcond=None)[0].T
