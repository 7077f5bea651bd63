"""Flat page → mm: measure the printed grid, or take a given scale, and resample the page once to a known px/mm.

Pixel centres are at integer coordinates. Everything past this module asks `Grid.to_image`, `Grid.to_mm` and
`FlatPage.to_image` for positions, so a dense map for bent pages can stand in for the affine one.
"""

from dataclasses import dataclass, field, replace
from itertools import product

import cv2
import numpy as np

from ecgseg.digitize.flat import lattice
from ecgseg.digitize.flat.lattice import Comb, PhaseFit
from ecgseg.errors import GridError

PX_PER_MM = (1.9, 28.0)  # 50 to 700 dpi: outside, no strip can be read or the page is not a page
MAX_ANISOTROPY = 0.12  # both axes of a page have nearly one scale; 12 % allows for careless copies
USUAL_ANISOTROPY = 0.03  # what scanners and printers do; more is believed only where nothing else fits
ANISOTROPY_COST = 40.0  # of the score for each unit beyond: 10 % more costs 3, as much as a page of a wrong size
PAGE_MM = (100.0, 450.0)  # usual long sides, from a cut-out strip to A3
MIN_SPACING_SCORE = -8.0  # a cut-out of 20 mm is still believed, a "page" of 5 mm is not
MIN_COHERENCE = 0.5  # of the lines' phase over the page: text and clouds reach 0.35, grids have more than 0.7
MIN_CONTRAST = 0.013  # amplitude of a harmonic over the rms: regular heartbeats reach 0.010, faint noisy grids 0.019
MIN_BLOCK_CONTRAST = 0.03  # where the lines coincide with JPEG blocks, which reach 0.010
PRESENCE_MM = 8.0  # window of the presence check: shorter than a heartbeat at 25 mm/s
MIN_PRESENCE = 0.5  # heartbeats in step reach 0.4, faint noisy grids 0.74
MAX_FLAT_PIXELS = 60_000_000
LATTICE_STEP = 16  # px of a flat page between the points at which a bent page's map is known: 2 mm
_LINES = ("vertical", "horizontal")
_WAY_OUT = "give the scale with digitize.px_per_mm=… (dpi / 25.4 for a scan)"


@dataclass(frozen=True)
class Grid:
    """The affine map of a flat page: `matrix` (2, 3) takes (x, y) in mm along the grid to image pixels.

    mm (0, 0) is a grid crossing near the top left of the image, of 5 mm lines where these were seen.
    `angle_deg`: of the horizontal lines, positive when they fall to the right. `skew_deg`: how far the
    axes are from a right angle. `residual_mm`: rms of the lines around the map, NaN when not measured.
    `error_mm`: rms of the map itself, estimated on the flattened page (`trust.judged`), NaN when not estimated.
    `doubt`: why the grid is not to be believed unless what is on the page confirms it, "" where it is.
    """

    px_per_mm_x: float
    px_per_mm_y: float
    angle_deg: float
    matrix: np.ndarray
    confidence: float
    source: str = "measured"
    skew_deg: float = 0.0
    residual_mm: float = float("nan")
    error_mm: float = float("nan")
    warnings: tuple[str, ...] = ()
    doubt: str = ""

    def to_image(self, mm: np.ndarray) -> np.ndarray:
        """Map points (…, 2) in mm to image pixels."""
        return _apply(self.matrix, mm)

    def to_mm(self, pixels: np.ndarray) -> np.ndarray:
        """Map points (…, 2) in image pixels to mm."""
        return _apply(cv2.invertAffineTransform(self.matrix), pixels)


@dataclass(frozen=True)
class FlatPage:
    """A page resampled once: `image` (H, W, 3) uint8 at `px_per_mm`; `matrix` (2, 3) flat px → original px.

    Where the page was bent, `lattice` (h, w, 2) holds the original px of the centres of the flat page's cells of
    LATTICE_STEP px, with one cell more all around, and `matrix` is only the nearest affine map.
    `turns`: by how many quarter turns anticlockwise `image` was turned after it was resampled.
    `errors` (ny, nx): by how many mm the map is probably off in equal cells over the image, None where nothing tells.
    `lines_there` (ny, nx) bool: whether the page's own grid is seen in these cells, None likewise.
    """

    image: np.ndarray
    px_per_mm: float
    matrix: np.ndarray
    grid: Grid
    provenance: dict = field(default_factory=dict)
    lattice: np.ndarray | None = None
    turns: int = 0
    errors: np.ndarray | None = None
    lines_there: np.ndarray | None = None

    @property
    def error_mm(self) -> float:
        """Return the estimated rms error of the map in mm where the grid is, NaN where it was not estimated."""
        return self.grid.error_mm

    def error_along(self, x0: float, x1: float, y: float, reach: float) -> float:
        """Return the same for the part of the image from x0 to x1 and `reach` px above and below y."""
        if self.errors is None:
            return self.error_mm
        (ny, nx), (h, w) = self.errors.shape, self.image.shape[:2]
        columns = np.clip([x0 / w * nx, x1 / w * nx], 0, nx - 1).astype(int)
        rows = np.clip([(y - reach) / h * ny, (y + reach) / h * ny], 0, ny - 1).astype(int)
        part = self.errors[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1]
        return float(np.sqrt(np.mean(part**2)))

    def turned(self, turns: int) -> "FlatPage":
        """Return the page turned anticlockwise by quarter turns: what lay on its side stands upright."""
        image = np.ascontiguousarray(np.rot90(self.image, turns))
        errors, there = (None if v is None else np.rot90(v, turns) for v in (self.errors, self.lines_there))
        return replace(self, image=image, turns=(self.turns + turns) % 4, errors=errors, lines_there=there)

    def to_image(self, pixels: np.ndarray) -> np.ndarray:
        """Map points (…, 2) in flat pixels to pixels of the original image."""
        pixels = self._unturned(np.asarray(pixels, np.float64))
        if self.lattice is None:
            return _apply(self.matrix, pixels)
        h, w = self.lattice.shape[:2]
        cell = (pixels + 0.5) / LATTICE_STEP + 0.5
        at = np.clip(np.floor(cell).astype(int), 0, [w - 2, h - 2])
        f = cell - at
        x, y, fx, fy = at[..., 0], at[..., 1], f[..., :1], f[..., 1:]
        top = self.lattice[y, x] * (1 - fx) + self.lattice[y, x + 1] * fx
        low = self.lattice[y + 1, x] * (1 - fx) + self.lattice[y + 1, x + 1] * fx
        return top * (1 - fy) + low * fy

    def _unturned(self, pixels: np.ndarray) -> np.ndarray:
        """Map points (…, 2) of the turned image to where they were before."""
        x, y = pixels[..., 0], pixels[..., 1]
        right, bottom = self.image.shape[1] - 1, self.image.shape[0] - 1
        places = ((x, y), (bottom - y, x), (right - x, bottom - y), (y, right - x))
        return np.stack(places[self.turns], axis=-1)


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]


def measure_grid(image: np.ndarray) -> Grid:
    """Measure the grid of a flat scan or rendering, (H, W, 3) uint8 RGB, skewed by up to ±15°.

    The combs of grid lines are found in the page's spectrum, then each axis is refined by a plane through
    the phase of its lines. Raises GridError when there are no two such combs of lines across the page.
    """
    dark, pixel = lattice.gridness(image)
    spectrum, tiles = lattice.tile_spectrum(dark, lattice.tile_side(dark.shape))
    if not tiles:
        raise GridError(f"no grid found: the page is blank; {_WAY_OUT}")
    combs = lattice.find_combs(spectrum, tiles)
    for comb, lines in zip(combs, _LINES, strict=True):
        if comb is None:
            raise GridError(f"no grid found: no evenly spaced {lines} lines; {_WAY_OUT}")
    combs, (mm_x, mm_y), certainty, warnings = _line_spacing(combs, dark.shape, pixel)
    fits = [_refine(dark, comb, axis) for axis, comb in enumerate(combs)]
    _check_lines(fits, float(dark.std()), pixel)
    present = _check_presence(dark, fits, (mm_x, mm_y))
    rows = []
    for fit, comb, mm in zip(fits, combs, (mm_x, mm_y), strict=True):
        seen = 1 + np.flatnonzero(comb.strength)
        line = lattice.line_position(dark, fit.frequency, seen)
        gradient = fit.frequency / pixel  # periods per image pixel
        offset = float(np.sum(fit.frequency * (0.5 / pixel - 0.5))) - line
        rows.append([mm * gradient[0], mm * gradient[1], mm * offset])
    to_mm = np.array(rows)
    to_mm[:, 2] -= np.rint(to_mm[:, 2] / (mm_x, mm_y)) * (mm_x, mm_y)
    residual = max(fit.rms * mm for fit, mm in zip(fits, (mm_x, mm_y), strict=True))
    confidence = certainty * present * min(fit.coherence for fit in fits)
    matrix = cv2.invertAffineTransform(to_mm)
    return _grid(matrix, confidence=confidence, residual_mm=residual, warnings=tuple(warnings))


def grid_from_scale(image: np.ndarray, px_per_mm: float, angle_deg: float = 0.0) -> Grid:
    """Return the map of a page of known scale and turn; raises GridError for a scale that no page has."""
    if not PX_PER_MM[0] <= px_per_mm <= PX_PER_MM[1]:
        raise GridError(
            f"digitize.px_per_mm is {px_per_mm:g}; expected {PX_PER_MM[0]:g} to {PX_PER_MM[1]:g} "
            f"(dpi / 25.4; this image would be {image.shape[1] / max(px_per_mm, 1e-9):.0f} mm wide)"
        )
    along = px_per_mm * np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    matrix = np.array([[along[0], -along[1], 0.0], [along[1], along[0], 0.0]])
    return _grid(matrix, confidence=1.0, source="given")


def _grid(matrix: np.ndarray, **more) -> Grid:
    scale_x, scale_y = np.hypot(*matrix[:, 0]), np.hypot(*matrix[:, 1])
    angle = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    across = np.degrees(np.arctan2(-matrix[0, 1], matrix[1, 1]))
    return Grid(float(scale_x), float(scale_y), float(angle), matrix, skew_deg=float(across - angle), **more)


def _line_spacing(combs: list[Comb], shape: tuple, pixel: np.ndarray) -> tuple[list, list, float, list[str]]:
    """Decide how many mm each comb's period is; returns the combs, mm for each, the certainty and warnings.

    1 mm lines between 5 mm lines make every fifth harmonic stand out. Where that is not seen the page's
    size decides: 5 mm and 1 mm differ by a factor of five, about as much as usual pages do.
    """
    length = max(shape[1] * pixel[0], shape[0] * pixel[1])
    readings = [
        [(reading, mm) for n in (1, 2, 3) if (reading := lattice.every_nth(comb, n)) for mm in (1, 5)] for comb in combs
    ]
    options = []
    for pair in product(*readings):
        px_per_mm = [pixel[a] / comb.frequency / mm for a, (comb, mm) in enumerate(pair)]
        scale = float(np.mean(px_per_mm))
        uneven = abs(np.log(px_per_mm[0] / px_per_mm[1]))
        if uneven > MAX_ANISOTROPY or not PX_PER_MM[0] <= scale <= PX_PER_MM[1]:
            continue
        page = length / scale
        outside = max(np.log(PAGE_MM[0] / page), np.log(page / PAGE_MM[1]), 0.0)
        score = -2 * outside - 0.5 * abs(np.log(page / np.sqrt(PAGE_MM[0] * PAGE_MM[1])))
        stands_out = [_fine_lines(*reading) for reading in pair]
        score += sum(stands_out) - ANISOTROPY_COST * max(uneven - USUAL_ANISOTROPY, 0.0)
        options.append((score, len(options), pair, stands_out, scale, page))
    if not options:
        periods = [pixel[a] / combs[a].frequency for a in (0, 1)]
        raise GridError(
            f"no grid found: regular lines every {periods[0]:.1f} px across and {periods[1]:.1f} px down, "
            f"which no ECG paper has; {_WAY_OUT}"
        )
    score, _, pair, stands_out, scale, page = max(options)
    if score < MIN_SPACING_SCORE:
        raise GridError(f"no grid found: the regular lines would make this an ECG page of {page:.0f} mm; {_WAY_OUT}")
    chosen, spacing = [comb for comb, _ in pair], [mm for _, mm in pair]
    if any(mm == 5 and out > 0.3 for mm, out in zip(spacing, stands_out, strict=True)):
        return chosen, spacing, 1.0, []
    warning = (
        f"only one spacing of grid lines was seen; it was taken as {max(spacing)} mm ({scale:.2f} px/mm, a page "
        f"{page:.0f} mm long); if that is wrong, {_WAY_OUT}"
    )
    return chosen, spacing, 0.6, [warning]


def _fine_lines(comb: Comb, spacing: int) -> float:
    """How far (-2..2, logarithm of power) the harmonic of 1 mm lines rises over the comb around it."""
    around = comb.strength[(spacing + 1) // 2 - 1 : spacing + spacing // 2].copy()
    around[spacing - (spacing + 1) // 2] = 0.0
    rival = around.max() if len(around) > 1 else comb.strength[1]
    return float(np.clip(comb.strength[spacing - 1] - rival, -2.0, 2.0))


def _refine(dark: np.ndarray, comb: Comb, axis: int) -> PhaseFit:
    """Return the phase fit of the comb's fundamental, made at the harmonic that pins it down best."""
    angle = comb.angle + (np.pi / 2 if axis else 0.0)
    direction = np.array([np.cos(angle), np.sin(angle)])
    ks = np.arange(1, len(comb.strength) + 1)
    promise = np.where(ks * comb.frequency < 0.48, comb.strength * np.sqrt(ks), 0.0)
    best, best_error = None, np.inf
    for k in ks[np.argsort(promise)[::-1][:3]]:
        if promise[k - 1] <= 0:
            continue
        fit = lattice.fit_phase(dark, k * comb.frequency * direction, lattice.tile_side(dark.shape) // 2)
        error = fit.rms / k / max(fit.coherence, 0.05) ** 2
        if error < best_error:
            best_error = error
            best = replace(fit, frequency=fit.frequency / k, rms=fit.rms / k, harmonic=int(k))
    if best is None:
        raise GridError(f"no grid found: only patterns near the pixel size; {_WAY_OUT}")
    return best


def _check_lines(fits: list[PhaseFit], contrast: float, pixel: np.ndarray) -> None:
    """Raise GridError unless both families of lines run in step over the page, nearly at right angles.

    `contrast`: rms of the darkness in grey levels.
    """
    coherence = [fit.coherence for fit in fits]
    if min(coherence) < MIN_COHERENCE:
        which = _LINES[int(np.argmin(coherence))]
        raise GridError(
            f"no grid found: the {which} lines do not keep step over the page (coherence {min(coherence):.2f}, "
            f"a grid has more than {MIN_COHERENCE:g}); scan the page flat or {_WAY_OUT}"
        )
    across, down = (fit.frequency / pixel for fit in fits)
    in_blocks = [
        abs(fit.harmonic * f * 16 - np.rint(fit.harmonic * f * 16)) < 0.01 * fit.harmonic * f * 16
        for fit, f in zip(fits, (across[0], down[1]), strict=True)
    ]
    upright = max(abs(across[1] / across[0]), abs(down[0] / down[1])) < 5e-4
    weakest = min(fit.amplitude for fit in fits) / max(contrast, 1e-6)
    if weakest < (MIN_BLOCK_CONTRAST if all(in_blocks) and upright else MIN_CONTRAST):
        raise GridError(
            f"no grid found: the regular lines make up only {100 * weakest:.1f} % of the contrast (JPEG blocks "
            f"and heartbeats do so too); {_WAY_OUT}"
        )
    lean = np.degrees(np.arcsin(np.dot(across, down) / np.linalg.norm(across) / np.linalg.norm(down)))
    if abs(lean) > 3:
        raise GridError(f"no grid found: the lines cross at {90 - lean:.0f}°, not 90°; scan the page flat")


def _check_presence(dark: np.ndarray, fits: list[PhaseFit], spacing: tuple) -> float:
    """Return the smaller presence of the two families; raises GridError where a few things in step mimic lines."""
    values = []
    for fit, mm in zip(fits, spacing, strict=True):
        window = PRESENCE_MM / mm / np.linalg.norm(fit.frequency)
        values.append(lattice.presence(dark, fit.harmonic * fit.frequency, max(16, round(window))))
    if min(values) < MIN_PRESENCE:
        raise GridError(
            f"no grid found: the {_LINES[int(np.argmin(values))]} pattern is in parts of the page only "
            f"(presence {min(values):.2f}, a grid has more than {MIN_PRESENCE:g}); {_WAY_OUT}"
        )
    return min(values)


def flatten(image: np.ndarray, grid: Grid, px_per_mm: float = 8.0) -> FlatPage:
    """Resample the whole page, (H, W, 3) uint8, once to `px_per_mm` along the grid's axes.

    Cubic interpolation, after a Gaussian that takes out what the coarser pixels cannot hold. Outside the
    page is its median colour. Raises GridError when the result would exceed MAX_FLAT_PIXELS.
    """
    height, width = image.shape[:2]
    edges = np.array([[x, y] for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    corners = grid.to_mm(edges)
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.maximum(1, np.rint((high - low) * px_per_mm)).astype(int)
    if int(size[0]) * int(size[1]) > MAX_FLAT_PIXELS or size.max() > 32_000:
        raise GridError(
            f"at {grid.px_per_mm_x:.2f} px/mm the page would be {high[0] - low[0]:.0f}×{high[1] - low[1]:.0f} mm, "
            f"too large to resample at {px_per_mm:g} px/mm; {_WAY_OUT}"
        )
    start = low + 0.5 / px_per_mm  # mm of the centre of the first flat pixel
    matrix = np.column_stack([grid.matrix[:, :2] / px_per_mm, grid.to_image(start)])
    shrink = np.array([grid.px_per_mm_x, grid.px_per_mm_y]) / px_per_mm
    # two Gaussians follow each other: source pixel (0.5 px wide) and this one make one of 0.5 flat pixels
    sigma = 0.5 * np.sqrt(np.maximum(shrink**2 - 1, 0.0))
    source = image
    if sigma.max() > 0.2:  # a narrower one changes nothing
        source = cv2.GaussianBlur(image, (0, 0), max(sigma[0], 1e-3), sigmaY=max(sigma[1], 1e-3))
    paper = np.median(image[::8, ::8].reshape(-1, 3), axis=0)
    flat = cv2.warpAffine(
        source,
        matrix,
        (int(size[0]), int(size[1])),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(float(v) for v in paper),
    )
    provenance = {
        "scale": grid.source,
        "px_per_mm_x": grid.px_per_mm_x,
        "px_per_mm_y": grid.px_per_mm_y,
        "angle_deg": grid.angle_deg,
        "grid_confidence": grid.confidence,
        "grid_residual_mm": grid.residual_mm,
        "source_size": [width, height],
        "flat_px_per_mm": px_per_mm,
    }
    return FlatPage(flat, px_per_mm, matrix, grid, provenance)
