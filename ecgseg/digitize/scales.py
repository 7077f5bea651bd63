"""Ways to a flat page: the scale given, the grid, or what is printed; and what to believe where they contradict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ecgseg.digitize.calibrate.scale import Find, Scale, scale_without_grid
from ecgseg.digitize.flat.bent import flatten_bent
from ecgseg.digitize.flat.field import LATTICE_MM, Field, see_field
from ecgseg.digitize.flat.flatten import CONVINCING, FLAT_PX_PER_MM, flat_guesses, lies_flat
from ecgseg.digitize.flat.grid import FlatPage, flatten, grid_from_scale
from ecgseg.digitize.locate.locate import LocatedStrip
from ecgseg.digitize.provenance import HOW
from ecgseg.errors import GridError

BY_GRID, BY_PRINT = ("measured", "followed"), ("pulse", "pulse and text", "text")  # sources of a scale
UNSEEN_MM = 0.2  # by which a page without a grid may be bent or tilted: nothing on it tells
ABOUT_MM = 10.0  # of a strip's zero line most of its trace lies
FADED_MM = 0.3  # of a map's error: half a complex's flank
PLAIN_GRID = 0.5  # 20 rendered pages without a grid are seen as one of 0.19 to 0.38, 20 with one of 0.64 to 0.95
SEEN_SCALE = 0.08  # logarithm: as exactly the network sees the size of a grid that is there in patches
OTHER_SCALE = 0.35  # logarithm: pulses that differ so much from a grid contradict it; a tilted page varies by less

Scaled = tuple[FlatPage, tuple[str, ...]]  # a flat page, and warnings


def flat_pages(pixels: np.ndarray, given: float | None, dpi, grid_net, find: Find) -> Iterator[Scaled]:
    """Yield the flat page of a picture (H, W, 3) uint8 by the scale given, by its grid, or by what else tells it.

    given: px/mm; dpi: the file's, None where it says none; grid_net: as `open_net` gives it; find: flat page ->
    Findings. Pages whose grid is doubtful come first, one without doubt is the last; raises GridError if there is
    none.
    """
    try:
        doubts = []
        for flat in flat_guesses(pixels, given, grid_net):
            yield flat, ()
            if not flat.grid.doubt:
                return
            doubts.append(flat.grid.doubt)
        refused = GridError(doubts[0])
    except GridError as error:
        if given is not None:
            raise
        refused = error
    field = _grid_seen(pixels, grid_net)
    plain = field is not None and field.plain >= PLAIN_GRID
    if field is not None:
        # Where there is a grid the page may be tilted or bent: pulses tell nothing of that, but following the
        # lines from where they are plainest does, slowly.
        try:
            bent = flatten_bent(pixels, FLAT_PX_PER_MM)
        except GridError:
            if plain and not lies_flat(field):
                raise refused from None
        else:
            yield bent, ()
            return
    try:
        scale = scale_without_grid(pixels, find, dpi)
    except GridError as error:
        raise GridError(f"{refused}; without it: {error}") from error
    # A grid that is seen, but only in patches, must be as large as what is printed says.
    if plain and abs(np.log(field.period / LATTICE_MM / scale.px_per_mm)) > SEEN_SCALE:
        raise refused
    yield _scaled(pixels, scale)


def against_grid(pixels: np.ndarray, flat: FlatPage, find: Find, doubted: bool = False) -> Scaled | None:
    """Return the page of a picture at the scale of its pulses where these contradict its grid, else None.

    Rows and beats at equal distances may look like a grid, but not like one whose 1 mm and 5 mm lines are in step all
    over the page; only where something else doubts the scale is such a one, too, compared: every third of its lines may
    have been followed. Raises GridError where nothing printed tells the scale.
    """
    convincing = flat.grid.source == "followed" and flat.grid.confidence > CONVINCING
    if flat.grid.source not in BY_GRID or (convincing and not doubted):
        return None
    scale = scale_without_grid(pixels, find)
    if abs(np.log(scale.px_per_mm / flat.grid.px_per_mm_x)) < OTHER_SCALE:
        return None
    return _scaled(pixels, scale)


def map_error(flat: FlatPage, strips: Sequence[LocatedStrip] = ()) -> dict:
    """Return by how many mm the flat page's map is off, and where each lead is printed, as far as is known."""
    if not np.isfinite(flat.error_mm):
        return {"map_error_mm": UNSEEN_MM} if flat.grid.source in BY_PRINT else {}
    if flat.errors is None:
        return {"map_error_mm": flat.error_mm}
    of: dict[str, list[float]] = {}
    for s in strips:
        error = flat.error_along(s.x0, s.x1, s.baseline, ABOUT_MM * flat.px_per_mm)
        of.setdefault(s.lead, []).append(error)
    return {
        "map_error_mm": flat.error_mm,
        "map_errors_mm": {lead: round(float(np.sqrt(np.mean(np.square(e)))), 3) for lead, e in of.items()},
    }


def faded(errors: Mapping[str, float]) -> list[str]:
    """Return a warning of leads that are printed where hardly any grid is to be seen; `errors` in mm."""
    doubtful = {lead: mm for lead, mm in errors.items() if mm >= FADED_MM}
    if not doubtful:
        return []
    return [
        f"{', '.join(doubtful)}: the grid can hardly be seen there; times and heights may be off by about "
        f"{max(doubtful.values()):.1f} mm"
    ]


def _scaled(pixels: np.ndarray, scale: Scale) -> Scaled:
    """Return a picture of a flat page at a scale that something else than its grid tells, and warnings."""
    grid = grid_from_scale(pixels, scale.px_per_mm, scale.angle_deg)
    grid = replace(grid, source=scale.how, confidence=scale.confidence)
    warning = f"no usable grid: the scale is from {HOW[scale.how].removeprefix('no grid: ')}"
    return flatten(pixels, grid, FLAT_PX_PER_MM), (warning, *scale.warnings)


def rescaled(pixels: np.ndarray, flat: FlatPage, factor: float) -> FlatPage:
    """Return a flat page whose scale is told by print with `factor` times as many px per mm, and as sure as it was."""
    grid = grid_from_scale(pixels, flat.grid.px_per_mm_x * factor, flat.grid.angle_deg)
    grid = replace(grid, source=flat.grid.source, confidence=flat.grid.confidence)
    return flatten(pixels, grid, FLAT_PX_PER_MM)


def _grid_seen(pixels: np.ndarray, grid_net) -> Field | None:
    """Return where the network sees a grid on a picture, None where it sees none."""
    try:
        return see_field(pixels, grid_net)
    except GridError:
        return None
