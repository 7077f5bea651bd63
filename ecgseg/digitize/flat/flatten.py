"""Picture → flat page, whatever lies between: a flat scan by one plane, all else by the field of its grid."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ecgseg.digitize.flat import lattice
from ecgseg.digitize.flat.bent import nearest_affine, place_lattice, resampled
from ecgseg.digitize.flat.crossings import follow_crossings, plate, steadiness
from ecgseg.digitize.flat.field import LATTICE_MM, Field, first_map, looks
from ecgseg.digitize.flat.grid import MAX_FLAT_PIXELS, FlatPage, Grid, flatten, grid_from_scale, measure_grid
from ecgseg.digitize.flat.phases import CELL_MM, NODE_MM, SMOOTH, PhaseMap, Raster, continued, polished, refine, torn
from ecgseg.digitize.flat.refine import flatten_nearly_flat
from ecgseg.digitize.flat.straighten import PLAIN, see_lines
from ecgseg.digitize.flat.trust import judged
from ecgseg.errors import GridError

FLAT_PX_PER_MM = 8.0
ENOUGH_PX_PER_MM = 4.0  # a page is measured at: its lines' phase is no more exact at 8, and takes four times as long
FLAT_ENOUGH_MM = 0.06  # rms of a flat-bed scan's lines about one plane; more is bent paper or a tilted camera
SURE_PLANE = 0.5  # confidence of a plane whose 1 mm lines are not in step, to look no further
ROUGHLY_FLAT_MM = 1.0  # median distance of a first map from a plane: tilted and bent pages have more
SAME_SCALE, SAME_TURN_DEG = 0.1, 4.0  # between what is measured on a plane and what the network sees
MARGIN_MM = 6.0  # of the flat page about what looks like paper
CONVINCING = 0.8  # merit of a map after which no other is tried
SHARPEST = 12.0  # px per mm: of a picture seen to have more, another look is taken
FINER, PLAIN_MERIT = 1.5, 0.7
FEW = 0.03  # of the crossings may lie on other lines than a map says
OTHER_MM = 0.5  # beyond, a 1 mm line was counted wrongly
STEADY = 0.85  # share of crossings in their neighbours' line: these alone are a map
ENOUGH = 0.8  # of the grid must be near crossings
REACHES_MM = 10.0  # what is near one
LEAST_TORN = 0.01  # of the page, where crossings were miscounted
TOGETHER = 9  # crossings
NEAR_MM = 0.4  # a plate further off the map bridges a gap
BLEND_NODES = 3.0
STRAY = 0.02  # of the crossings are no crossings: beyond the sheet, under ink
SURE_MERIT = 0.5  # with less, half of the maps tried were wrong: those with lines of one spacing by a factor
LEAST_MERIT = 0.3  # with less, hardly one is right; from here on the page must confirm it
OTHER_PERIOD = 0.2  # logarithm: grids seen so much apart are of two scales
OTHER_SQUARES = 0.3  # logarithm: a count of crossings this far from the grid seen has skipped every second line
PLAIN_PRESENCE = 0.85  # of a map's lines: with less, some of the pages tried were off by a line in places
BEYOND_MM = 100.0  # of it beyond the grid
MOST_MM = 900.0  # of a page's side: more is a map that ran away


def flat_page(pixels: np.ndarray, px_per_mm: float | None, grid_net=None) -> FlatPage:
    """Return the flat page of a picture (H, W, 3) uint8, by the scale given or by its grid.

    A flat scan's grid is measured as one plane. Where the GridNet sees another grid than that, or a page that does not
    lie in one plane, its field is refined by the phase of the lines. Without a network only flat scans are read.
    A grid with a `doubt` must be confirmed by what is on the page. Raises GridError, saying what was found.
    """
    return next(flat_guesses(pixels, px_per_mm, grid_net))


def flat_guesses(pixels: np.ndarray, px_per_mm: float | None, grid_net=None) -> Iterator[FlatPage]:
    """Yield the page that `flat_page` returns and, where it is in doubt, those by other scales of its grid.

    Takes and raises what `flat_page` does.
    """
    if px_per_mm is not None:
        yield flatten(pixels, grid_from_scale(pixels, px_per_mm), FLAT_PX_PER_MM)
        return
    if grid_net is None:
        yield judged(flatten_nearly_flat(pixels, measure_grid(pixels), FLAT_PX_PER_MM))
        return
    best, refused, plane, maps = None, None, None, []
    for field in looks(pixels, grid_net):
        if lies_flat(field):
            plane = plane or _plane(pixels)
            if plane and agrees(plane, field):
                flat = judged(flatten_nearly_flat(pixels, plane, FLAT_PX_PER_MM))
                # A paper that waves may have thick lines that agree with a plane in the mean.
                if flat.errors is not None or plane.confidence >= SURE_PLANE:
                    yield flat
                    return
        try:
            found = measure_map(pixels, field)
        except GridError as error:
            refused = refused or error
            continue
        maps.append((found, field))
        if best is None or _better(found, field, *best):
            best = found, field
        if found.merit > CONVINCING and field.period < SHARPEST * LATTICE_MM:
            break
    if best is None or best[0].merit < CONVINCING:
        plane = plane or _plane(pixels)
        if plane and plane.confidence > (best[0].merit if best else 0.0):
            yield judged(flatten_nearly_flat(pixels, plane, FLAT_PX_PER_MM))
            return
    if best is not None and best[0].merit >= LEAST_MERIT:
        yield _by_map(pixels, *best)
        if best[0].merit < SURE_MERIT:
            yield from _other_scales(pixels, maps, best[1].period)
        return
    if best is not None:
        refused = GridError(_doubt(best[0]))
    raise refused or GridError(
        "no grid found: nowhere in the picture is paper with a grid on it to be seen; "
        "give the scale of a flat page with digitize.px_per_mm=…"
    )


def _by_map(pixels: np.ndarray, found: PhaseMap, field: Field) -> FlatPage:
    """Return the page of a picture by a map, with a doubt where its merit is small; raises GridError."""
    flat = judged(flatten_mapped(pixels, found, field, FLAT_PX_PER_MM), found.error)
    return replace(flat, grid=replace(flat.grid, doubt="" if found.merit >= SURE_MERIT else _doubt(found)))


def _other_scales(pixels: np.ndarray, maps: list[tuple[PhaseMap, Field]], period: float) -> Iterator[FlatPage]:
    """Yield the pages by those maps whose grid is of another period than the one tried, the best first; at last those
    whose lines of one spacing, taken as 1 mm, would be 5 mm apart: in a small picture only these are seen."""
    tried = [period]
    ways = [(found, field, field.period) for found, field in sorted(maps, key=lambda seen: -seen[0].merit)]
    coarse = [(_as_thick(m), field, seen / LATTICE_MM) for m, field, seen in ways if m.seen == (1.0,)]
    for found, field, seen in (*ways, *coarse):
        if found.merit < LEAST_MERIT or any(abs(np.log(seen / p)) < OTHER_PERIOD for p in tried):
            continue
        tried.append(seen)
        try:
            flat = _by_map(pixels, found, field)
        except GridError:
            continue
        yield replace(flat, grid=replace(flat.grid, doubt=flat.grid.doubt or _doubt(found)))


def _as_thick(found: PhaseMap) -> PhaseMap:
    """Return a map whose lines, taken as 1 mm apart, are those of 5 mm."""
    residual, error = LATTICE_MM * found.residual, LATTICE_MM * found.error
    return replace(found, mm=LATTICE_MM * found.mm, seen=(LATTICE_MM,), residual=residual, error=error)


def _doubt(found: PhaseMap) -> str:
    """Return what to say of a map that is refused, or is by what the page shows."""
    if {1.0, 5.0} <= set(found.seen):
        seen = f"few of its lines are in step over the page (a merit of {found.merit:.2f}, expected {SURE_MERIT:g})"
    else:
        seen = f"its lines have one spacing, in step by {found.presence:.2f}, which may be 1 mm or another"
    return f"no grid found: {seen}; give the scale of a flat page with digitize.px_per_mm=…"


def _better(one: PhaseMap, seen: Field, other: PhaseMap, seen_other: Field) -> bool:
    """Return whether a map is to be believed rather than another of the same picture.

    A grid seen too small to tell its 1 mm lines looks like one whose 5 mm lines are those: of two plain maps the
    finer is right.
    """
    for fine, coarse, answer in ((seen, seen_other, True), (seen_other, seen, False)):
        plain = one if answer else other
        if FINER * fine.period < coarse.period and plain.merit > PLAIN_MERIT and {1.0, 5.0} <= set(plain.seen):
            return answer
    return one.merit > other.merit


def _plane(pixels: np.ndarray) -> Grid | None:
    """Return the grid of a flat scan, None where the picture is none."""
    try:
        grid = measure_grid(pixels)
    except GridError:
        return None
    return grid if grid.residual_mm <= FLAT_ENOUGH_MM else None


def lies_flat(field: Field) -> bool:
    """Return whether a field may be that of a flat scan, as far as a rough map of it can tell."""
    seen = field.grid > 0.5
    at = np.stack([*np.meshgrid(field.x, field.y), np.ones(seen.shape)], axis=-1)[seen]
    off = [mm[seen] - at @ np.linalg.lstsq(at, mm[seen], rcond=None)[0] for mm in first_map(field)]
    return float(np.median(np.abs(off))) < ROUGHLY_FLAT_MM


def agrees(grid: Grid, field: Field) -> bool:
    """Return whether a measured grid is the one that the network sees."""
    mean = np.einsum("ij,ijkl->kl", field.weight, field.gradient) / field.weight.sum()
    measured = cv2.invertAffineTransform(grid.matrix)[:, :2] / 5.0
    scale = abs(np.log(abs(np.linalg.det(mean) / np.linalg.det(measured)))) / 2
    turn = [np.degrees(np.arctan2(m[0, 1], m[0, 0])) for m in (mean, measured)]
    return scale < SAME_SCALE and abs((turn[0] - turn[1] + 45) % 90 - 45) < SAME_TURN_DEG


def flatten_field(image: np.ndarray, field: Field, px_per_mm: float = FLAT_PX_PER_MM) -> FlatPage:
    """Refine a field's map of a picture (H, W, 3) uint8 and resample its page once; raises GridError."""
    return flatten_mapped(image, measure_map(image, field), field, px_per_mm)


def flatten_mapped(image: np.ndarray, found: PhaseMap, field: Field, px_per_mm: float) -> FlatPage:
    """Resample the page of a picture (H, W, 3) uint8 whose map is known once; raises GridError."""
    low, high = _extent(found, field)
    size = np.maximum(1, np.rint((high - low) * px_per_mm)).astype(int)
    if (high - low).max() > MOST_MM or size.prod() > MAX_FLAT_PIXELS:
        raise GridError(f"no grid found: flattened, the page would be {high[0] - low[0]:.0f}×{high[1] - low[1]:.0f} mm")

    def from_flat(px: np.ndarray) -> np.ndarray:
        return to_picture(found, low + (px + 0.5) / px_per_mm)

    places = place_lattice(from_flat, size)
    warnings = _doubts(found)
    matrix = nearest_affine(places, low, px_per_mm)
    sx, sy = np.hypot(*matrix[:, 0]), np.hypot(*matrix[:, 1])
    angle = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    across = float(np.degrees(np.arctan2(-matrix[0, 1], matrix[1, 1])))
    grid = Grid(
        float(sx),
        float(sy),
        angle,
        matrix,
        confidence=found.merit,
        source="followed",
        skew_deg=across - angle,
        residual_mm=found.residual,
        warnings=warnings,
    )
    flat = resampled(image, places, size)
    return FlatPage(flat, px_per_mm, nearest_affine(places, np.full(2, -0.5), 1.0), grid, {}, places)


def _doubts(found: PhaseMap) -> tuple[str, ...]:
    """Return what a reader should know about a map: lines of one spacing only, or few in step."""
    doubts = []
    if not {1.0, 5.0} <= set(found.seen):
        spacing = 1 if 1.0 in found.seen else 5
        doubts.append(
            f"only one spacing of grid lines was seen; it was taken as {spacing} mm; "
            "if that is wrong, give the scale of a flat page with digitize.px_per_mm=…"
        )
    if found.disagreeing >= FEW:
        doubts.append(
            f"the lines of the grid are counted in two ways that disagree on {100 * found.disagreeing:.0f} % of its "
            "crossings: parts of the page may be off by some lines"
        )
    if found.presence < PLAIN_PRESENCE:
        doubts.append(
            f"the grid is hard to see (its lines are in step by {found.presence:.2f}, usual is more than "
            f"{PLAIN_PRESENCE:g}): parts of the page may be off by a line of the grid, 1 mm"
        )
    return tuple(doubts)


def measure_map(image: np.ndarray, field: Field) -> PhaseMap:
    """Return the map picture → mm of a page whose field is known; raises GridError.

    Ink is taken out only where the lines are not plain with it: the holes that it leaves cost exactness.
    """
    best, refused = None, None
    for with_ink in (True, False):
        try:
            found = _measured(_Sheet.of(image, field, with_ink), field)
        except GridError as error:
            refused = refused or error
            continue
        if best is None or found.merit > best.merit:
            best = found
        if best.merit > CONVINCING and best.disagreeing < FEW:
            break
    if best is None:
        raise refused
    return best


def _measured(sheet: "_Sheet", field: Field) -> PhaseMap:
    try:
        first = np.stack([_at_nodes(field, m, sheet.x, sheet.y) for m in first_map(field)])
        found, refused = refine(sheet.raster, first, sheet.grid, sheet.pixel, sheet.px_per_mm), None
    except GridError as error:
        found, refused = None, error
    crossings = follow_crossings(sheet.dark, sheet.pixel, field)
    if crossings is None:
        if found is None:
            raise refused
        return found
    if found is not None:
        found = compared(found, *crossings)
        if found.disagreeing < FEW and found.merit > CONVINCING:
            return _smoothed(found, crossings, sheet)
    # What counts the lines in another way than the phase does may be right where the phase is not.
    maps = [found] if found is not None else []
    plated = plate(*crossings, sheet.raster.x, sheet.raster.y)
    if abs(np.log(sheet.stretch(plated))) < OTHER_SQUARES:
        try:
            maps.append(refine(sheet.raster, plated, sheet.grid, sheet.pixel, sheet.px_per_mm, straight=True))
        except GridError as error:
            refused = refused or error
        steady, reached = steadiness(*crossings), sheet.reached(crossings[0])
        if steady > STEADY and reached > ENOUGH and torn(plated, sheet.grid) < LEAST_TORN:
            maps.append(sheet.told(plated, steady * reached))
    if not maps:
        raise refused
    best = max((compared(m, *crossings) for m in maps), key=lambda m: m.merit)
    return _smoothed(best, crossings, sheet) if best.disagreeing < FEW else best


def _smoothed(found: PhaseMap, crossings: tuple[np.ndarray, np.ndarray], sheet: "_Sheet") -> PhaseMap:
    """Return a map as smooth as crossings that agree with it allow.

    The phase of narrow windows follows creases, and noise. Where the thin plate through the crossings is near the map,
    that is taken, and the lines' phase adds a surface as stiff as fits the crossings best. Pages without 1 mm lines
    keep the plate: the phase of sparse lines is less exact than their crossings.
    """
    plated = plate(*crossings, sheet.raster.x, sheet.raster.y)
    on = sheet.grid > 0.5
    plated += np.round(np.median((found.mm - plated)[:, on], axis=1) / LATTICE_MM)[:, None, None] * LATTICE_MM
    near = (np.abs(found.mm - plated).max(axis=0) < NEAR_MM).astype(float)
    share = np.clip(2 * cv2.GaussianBlur(near, (0, 0), BLEND_NODES) - 1, 0, 1)
    mm = share * plated + (1 - share) * found.mm
    maps = [mm]
    if 1.0 in found.seen:
        maps = [polished(sheet.raster, mm, sheet.grid, sheet.px_per_mm, stage) for stage in SMOOTH]
    compared_maps = [compared(replace(found, mm=m), *crossings) for m in (*maps, found.mm)]
    return min(compared_maps, key=lambda m: m.error)


def compared(found: PhaseMap, px: np.ndarray, numbers: np.ndarray) -> PhaseMap:
    """Return a map with what crossings at working px (n, 2) of known numbers (n, 2) say of it.

    A crossing and those around it say it together: ink upsets single ones.
    """
    node = (px - [found.x[0], found.y[0]]) / [found.x[1] - found.x[0], found.y[1] - found.y[0]]
    mm = np.stack([ndimage.map_coordinates(m, node.T[::-1], order=1, mode="nearest") for m in found.mm], axis=1)
    off = mm - LATTICE_MM * numbers
    off = off - np.median(off, axis=0)
    off = np.median(off[cKDTree(px).query(px, k=TOGETHER)[1]], axis=1)
    square = np.sort((off**2).sum(axis=1))
    error = float(np.sqrt(square[: max(1, round((1 - STRAY) * len(square)))].mean()))
    return replace(found, disagreeing=float((np.abs(off).max(axis=1) > OTHER_MM).mean()), error=error)


@dataclass(frozen=True)
class _Sheet:
    """A picture's darkness at the size at which it is measured: px per mm, picture px per px; its raster, where the
    nodes are in picture px, and where the network sees the grid."""

    dark: np.ndarray
    pixel: np.ndarray
    px_per_mm: float
    raster: Raster
    x: np.ndarray
    y: np.ndarray
    grid: np.ndarray

    @property
    def node_mm(self) -> float:
        """Return the distance of the nodes in mm."""
        return self.raster.px_per_node / self.px_per_mm

    def reached(self, px: np.ndarray) -> float:
        """Return the share of the grid that is near crossings at px (n, 2): beyond, a plate is a guess."""
        nodes = np.stack(np.meshgrid(self.raster.x, self.raster.y), axis=-1)[self.grid > 0.5]
        if not len(nodes):
            return 0.0
        return float((cKDTree(px).query(nodes)[0] < REACHES_MM * self.px_per_mm).mean())

    def stretch(self, mm: np.ndarray) -> float:
        """Return how much larger than the network sees it a map mm (2, ny, nx) makes the grid's paper."""
        (xy, xx), (yy, yx) = (np.gradient(m) for m in mm)
        area = np.abs(xx * yy - xy * yx)[self.grid > 0.5]
        return float(np.sqrt(np.median(area))) / self.node_mm if len(area) else 1.0

    def told(self, mm: np.ndarray, steady: float) -> PhaseMap:
        """Return the map mm (2, ny, nx) that crossings alone tell; `steady` 0..1: how plainly."""
        fine = see_lines(self.raster, mm, self.grid, 1.0, self.node_mm)
        seen = (1.0, 5.0) if fine is not None and fine.plain > PLAIN else (5.0,)
        whole = continued(mm, self.grid, self.node_mm)
        return PhaseMap(self.raster.x, self.raster.y, whole, self.grid, self.pixel, float("nan"), steady, seen)

    @classmethod
    def of(cls, image: np.ndarray, field: Field, with_ink: bool = True) -> "_Sheet":
        paper, grid = (_picture(field, v, image.shape[:2]) for v in (field.paper, field.grid))
        # Doubtful places may be paper.
        dark, pixel = lattice.gridness(image, np.clip(2 * paper, 0, 1), None if with_ink else grid, field.period)
        dark, pixel = _coarser(dark, pixel, field.period / 5.0)
        ppm = field.period / 5.0 / float(np.sqrt(pixel.prod()))
        cell = max(1, round(CELL_MM * ppm))
        raster = Raster(dark, cell, max(1, round(NODE_MM * ppm / cell)))
        x, y = ((at + 0.5) * p - 0.5 for at, p in zip((raster.x, raster.y), pixel, strict=True))
        grid = np.clip(_at_nodes(field, field.grid, x, y, order=1), 0, 1)
        return cls(dark, pixel, ppm, raster, x, y, grid)


def _coarser(dark: np.ndarray, pixel: np.ndarray, px_per_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return darkness at no more pixels than lines of 1 mm need, and the size of its pixels."""
    factor = px_per_mm / float(np.sqrt(pixel.prod())) / ENOUGH_PX_PER_MM
    if factor <= 1:
        return dark, pixel
    size = [round(n / factor) for n in dark.shape[::-1]]
    return cv2.resize(dark, size, interpolation=cv2.INTER_AREA), pixel * dark.shape[::-1] / size


def _picture(field: Field, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return values (h, w) of a field's cells over the whole picture, at a sixteenth of its size."""
    y, x = ((np.arange(max(2, n // 16)) + 0.5) * n / max(2, n // 16) - 0.5 for n in shape)
    return _at_nodes(field, values, x, y, order=1)


def _at_nodes(field: Field, values: np.ndarray, x: np.ndarray, y: np.ndarray, order: int = 3) -> np.ndarray:
    """Return values (h, w) of a field's cells at x (nx,), y (ny,) px; beyond the cells they go on straight."""
    mode = {"mode": "edge"} if order == 1 else {"mode": "reflect", "reflect_type": "odd"}
    padded = np.pad(values, 2, **mode)
    axes = []
    for at, cells in ((y, field.y), (x, field.x)):
        axes.append((at - cells[0]) / (cells[1] - cells[0]) + 2)
    return ndimage.map_coordinates(padded, np.meshgrid(*axes, indexing="ij"), order=order, mode="nearest")


def _extent(found: PhaseMap, field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest mm (2,) of the flat page: the paper that the grid is on, and a margin."""
    x, y = ((at + 0.5) * p - 0.5 for at, p in zip((found.x, found.y), found.pixel, strict=True))
    labels, _ = ndimage.label(_at_nodes(field, field.paper, x, y, order=1) > 0.5)
    with_grid = labels[(labels > 0) & (found.grid > 0.5)]
    if not with_grid.size:
        raise GridError("no grid found: no paper is to be seen; give the scale with digitize.px_per_mm=…")
    page = np.bincount(with_grid).argmax()
    # Far from the lines the map is a guess, and a table taken for paper must not make the page endless.
    grid = found.mm[:, found.grid > 0.5]
    paper = found.mm[:, labels == page]
    low = np.maximum(paper.min(axis=1), grid.min(axis=1) - BEYOND_MM)
    high = np.minimum(paper.max(axis=1), grid.max(axis=1) + BEYOND_MM)
    return np.floor(low - MARGIN_MM), np.ceil(high + MARGIN_MM)


def to_picture(found: PhaseMap, mm: np.ndarray, rounds: int = 8) -> np.ndarray:
    """Map points (n, 2) in mm on the paper to px of the picture by Newton's method, from the nearest node's place.

    Beyond the nodes the map goes on straight.
    """
    step = np.array([found.x[1] - found.x[0], found.y[1] - found.y[0]])
    first = np.array([found.x[0], found.y[0]])
    splines = [ndimage.spline_filter(m, mode="nearest") for m in found.mm]
    slopes = [np.gradient(m) for m in found.mm]
    last = np.array(found.grid.shape[::-1]) - 1.0

    def at(node: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = np.clip(node, 0, last)
        places = inside[:, ::-1].T
        value = [ndimage.map_coordinates(s, places, order=3, mode="nearest", prefilter=False) for s in splines]
        slope = [[ndimage.map_coordinates(g, places, order=1) for g in pair[::-1]] for pair in slopes]
        slope = np.moveaxis(np.array(slope), -1, 0)
        return np.stack(value, axis=1) + np.einsum("nij,nj->ni", slope, node - inside), slope

    known = np.argwhere(found.grid > 0.3)
    nearest = cKDTree(found.mm[:, known[:, 0], known[:, 1]].T).query(mm)[1]
    node = known[nearest][:, ::-1].astype(float)
    for _ in range(rounds):
        value, slope = at(node)
        move = np.linalg.solve(slope, (mm - value)[..., None])[..., 0]
        node = node + move
        if np.abs(move).max() < 1e-4:
            break
    return (first + node * step + 0.5) * found.pixel - 0.5
