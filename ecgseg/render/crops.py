"""Training crops: a window of one row, drawn without its page, with the exact target of that row."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ecgseg.erase import erased
from ecgseg.layout import Layout
from ecgseg.recording import Recording
from ecgseg.render.draw.raster import rasterize, traces_coverage
from ecgseg.render.geometry.warp import Warp, sample_warp
from ecgseg.render.levels import Noise, choose
from ecgseg.render.page import draw_dpi
from ecgseg.render.picture import take_picture
from ecgseg.render.printed.scene import Scene, build_scene, centred
from ecgseg.render.printed.style import sample_style
from ecgseg.render.sheet.damage import Sheet, damage
from ecgseg.runs import runs
from ecgseg.subcolumns import SUBCOLUMNS, subcolumn_x

MEETS_MM = 4.0  # nearer than this to another row a trace is easily taken for it
FAR_MM = 1e3
FAR_HALF_MM = 42.0  # crops that reach further show waves that do so …
FURTHEST = 0.7  # … in this share
MOST_ENLARGED = 4.0  # times, for that
ERASED = 0.3  # share of crops whose other rows are taken out, as the digitizer does where it doubts a row


@dataclass(frozen=True)
class CropSize:
    """Size of a crop in pixels at px_per_mm; both sides are multiples of 32."""

    height: int = 384
    width: int = 320
    px_per_mm: float = 8.0


@dataclass(frozen=True)
class CropSizes:
    """Sizes of training crops: every `every`-th batch of `batch` crops is `tall`, 0 = none, and every second of these
    `highest`."""

    usual: CropSize
    tall: CropSize
    every: int
    batch: int
    highest: CropSize

    def of(self, index: int) -> CropSize:
        """Return the size of the crop of this index; all crops of a batch have one size."""
        turn, place = divmod(index // self.batch, self.every) if self.every else (0, 0)
        if not self.every or place < self.every - 1:
            return self.usual
        return self.highest if turn % 2 else self.tall


@dataclass
class Crop:
    """image (H, W, 3) uint8; mask (2, H, W) uint8: all traces and the centred row's, 2 px wide;
    line (4·W,) float32: y in pixels of the centred row at four positions a column, NaN where it is not printed;
    edge (4·W,) float32: 1 near a strip's start or end, where names, separators and pulses touch it, else 0."""

    image: np.ndarray
    mask: np.ndarray
    line: np.ndarray
    edge: np.ndarray


def row_line(polylines: list[np.ndarray], width: int) -> np.ndarray:
    """Return y at every sub-column from the row's polylines in pixels; NaN where none passes."""
    x = subcolumn_x(width)
    line = np.full(len(x), np.nan, np.float32)
    for points in polylines:
        inside = (x >= points[0, 0]) & (x < points[-1, 0])
        line[inside] = np.interp(x[inside], points[:, 0], points[:, 1])
    return line


def vary(recording: Recording, rng: np.random.Generator, seconds: float) -> Recording:
    """Return a random piece of a recording, varied in amplitude, polarity, wander, noise and sampling.

    The leads keep their relations, but a swap of sign and size teaches shapes that few patients have.
    """
    total = recording.signal.shape[1] / recording.fs
    start = rng.uniform(0, max(0.0, total - seconds))
    step = int(rng.choice([1, 1, 2, 5])) if recording.fs >= 500 else 1
    first = round(start * recording.fs)
    signal = recording.signal[:, first : first + round((seconds + 0.1) * recording.fs) : step].astype(np.float32)
    fs = recording.fs / step
    signal = centred(signal)
    signal = signal * np.float32(np.exp(rng.uniform(np.log(0.5), np.log(2.2))))
    if rng.random() < 0.3:
        signal = signal * rng.choice([-1.0, 1.0], (len(signal), 1)).astype(np.float32)
    t = np.arange(signal.shape[1]) / fs
    if rng.random() < 0.35:
        phase = rng.uniform(0, 2 * np.pi, (len(signal), 1))
        size = rng.uniform(0, 0.35, (len(signal), 1))
        signal = signal + size * np.sin(2 * np.pi * rng.uniform(0.1, 0.6) * t + phase)
    if rng.random() < 0.35:
        signal = signal + rng.normal(0, rng.uniform(0.003, 0.04), signal.shape)
    if rng.random() < 0.1:
        signal = signal + rng.uniform(0.01, 0.06) * np.sin(2 * np.pi * rng.choice([50, 60]) * t)
    return replace(recording, signal=signal.astype(np.float32), fs=fs)


def _row(scene: Scene, far: bool, rng: np.random.Generator) -> int:
    """Choose the crop's row; for `far` often the one that goes furthest from its baseline."""
    rows = sorted({t.strip.row for t in scene.traces})
    if far and rng.random() < FURTHEST:
        return max(scene.traces, key=lambda t: np.abs(t.points[:, 1] - t.baseline).max()).strip.row
    return int(rows[rng.integers(len(rows))])


def _center(scene: Scene, row: int, far: bool, rng: np.random.Generator) -> tuple[float, float]:
    """Choose the crop's centre in mm: often at a steep flank, a strip's end, or where the row meets others; for `far`
    mostly where it is far from its baseline."""
    traces = [t for t in scene.traces if t.strip.row == row]
    kind = rng.random()
    if far and rng.random() < FURTHEST:
        away = [np.abs(t.points[:, 1] - t.baseline) for t in traces]
        trace, off = traces[k := int(np.argmax([a.max() for a in away]))], away[k]
        x = _one_of(trace, off >= 0.7 * off.max(), rng) + rng.normal(0, 5)
    elif kind < 0.3:
        trace = traces[rng.integers(len(traces))]
        x = (trace.x0 if rng.random() < 0.6 else trace.x1) + rng.normal(0, 10)
    elif kind < 0.55:
        trace = traces[rng.integers(len(traces))]
        slope = np.abs(np.diff(trace.points[:, 1]))
        x = _one_of(trace, slope >= np.quantile(slope, 0.97), rng) + rng.normal(0, 12)
    elif kind < 0.85:
        room = [_room(t, scene) for t in traces]
        trace, free = traces[tight := int(np.argmin([r.min() for r in room]))], room[tight]
        x = _one_of(trace, free <= max(MEETS_MM, np.quantile(free, 0.02)), rng) + rng.normal(0, 10)
    else:
        x = rng.uniform(traces[0].x0, traces[-1].x1)
    return x, traces[0].baseline + float(np.clip(rng.normal(0, 2.0), -6, 6))


def _one_of(trace, wanted: np.ndarray, rng: np.random.Generator) -> float:
    """Return x (mm) of one of a trace's points of which `wanted` is true."""
    return float(trace.points[rng.choice(np.flatnonzero(wanted)), 0])


def _room(trace, scene: Scene) -> np.ndarray:
    """Return how far (mm) each point of a trace is from the nearest trace of another row at the same x."""
    x, y = trace.points.T
    free = np.full(len(x), FAR_MM)
    for other in scene.traces:
        if other.strip.row != trace.strip.row:
            there = np.interp(x, *other.points.T, left=np.inf, right=np.inf)
            free = np.minimum(free, np.abs(there - y))
    return free


@dataclass(frozen=True)
class Residual:
    """What an imperfect flattening leaves: a small affine error and two gentle waves, in mm on the page.

    A flat page's point p shows the page at p + error(p).
    """

    linear: np.ndarray
    center: np.ndarray
    waves: np.ndarray  # (2, 4, k): for x and y the amplitude, two wave numbers and phase of each

    def error(self, mm: np.ndarray) -> np.ndarray:
        """Return the displacement (n, 2) in mm at points (n, 2) of the flat page."""
        out = (mm - self.center) @ self.linear.T
        for wave in np.moveaxis(self.waves, -1, 0):
            amplitude, kx, ky, phase = wave.T
            out = out + amplitude * np.sin(mm[:, :1] * kx + mm[:, 1:] * ky + phase)
        return out

    def flat(self, mm: np.ndarray) -> np.ndarray:
        """Return where the flattened page shows the page's points (n, 2): the inverse, to 1e-4 mm."""
        flat = mm
        for _ in range(4):
            flat = mm - self.error(flat)
        return flat


def draw_residual(rng: np.random.Generator, center: np.ndarray, bent: bool) -> Residual:
    """Draw a flattening's error: 0.15° and 0.2 % rms, and waves of 0.02 mm rms, 0.1 mm where the sheet was bent."""
    turn = np.deg2rad(np.clip(rng.normal(0, 0.15), -0.5, 0.5))
    linear = np.array([[0, -turn], [turn, 0]]) + np.diag(rng.normal(0, 0.002, 2))
    waves = rng.uniform(0, 2 * np.pi, (2, 4, 2))
    waves[:, 0] = rng.normal(0, 0.1 if bent else 0.02, (2, 2))
    waves[:, 1:3] = rng.uniform(-0.12, 0.12, (2, 2, 2))  # no shorter than 37 mm: the grid shows what is
    return Residual(linear, center, waves)


@dataclass(frozen=True)
class Shot:
    """A printed page about to be photographed: the scene, how it lies (`warp`), px per mm and noise of the picture."""

    scene: Scene
    warp: Warp
    native: float
    noise: Noise

    def window(
        self, center: np.ndarray, rng: np.random.Generator, size: CropSize
    ) -> tuple[np.ndarray, np.ndarray | None, "Placed"]:
        """Draw and photograph only what a window about `center` (mm) shows, and flatten it with a small error.

        Returns the image, where paper is seen (H, W) uint8 or None, and where the page's points come to lie.
        """
        residual = draw_residual(rng, center, bent=self.warp.affine is None)
        to_px = np.array([(size.width - 1) / 2, (size.height - 1) / 2]) + rng.uniform(-0.5, 0.5, 2)
        to_mm = _flat_map(residual, center, to_px, size)
        image, seen = _photograph_and_flatten(self.scene, self.warp, to_mm, self.native, self.noise, rng, size)
        return image, seen, Placed(residual, center, to_px, size.px_per_mm)


@dataclass(frozen=True)
class Placed:
    """Where a window shows the page's points."""

    residual: Residual
    center: np.ndarray
    to_px: np.ndarray
    px_per_mm: float

    def __call__(self, mm: np.ndarray) -> np.ndarray:
        """Return the window's px (n, 2) of points (n, 2) of the page in mm."""
        return (self.residual.flat(mm) - self.center) * self.px_per_mm + self.to_px


def take_shot(
    recording: Recording,
    layout: Layout,
    noise: Noise,
    rng: np.random.Generator,
    speed: float = 25.0,
    gain: float = 10.0,
    tallest: float | None = None,
) -> Shot:
    """Print a varied piece of a recording and decide how it is photographed.

    `tallest`: mm that its tallest wave has at least, as far as MOST_ENLARGED allows.
    """
    noise = choose(noise, rng)
    variant = vary(recording, rng, layout.seconds)
    if tallest is not None:
        seen = gain * max(float(np.nanmax(np.abs(variant.signal))), 0.1)
        variant = replace(variant, signal=variant.signal * np.float32(np.clip(tallest / seen, 1, MOST_ENLARGED)))
    scene = build_scene(variant, layout, sample_style(rng), rng, 0.0, speed, gain)
    native = draw_dpi(noise, rng) / 25.4 if noise.dpi else _usual_scale(rng)
    # A turned page's window is the same window, turned: only the rest of the geometry matters here.
    geometry = {k: v for k, v in noise.geometry.items() if k not in ("rotate", "quarter_turn")}
    return Shot(scene, sample_warp(geometry, rng, (scene.width, scene.height), native), native, noise)


def render_crop(
    recording: Recording,
    layout: Layout,
    noise: Noise,
    rng: np.random.Generator,
    size: CropSize,
    speed: float = 25.0,
    gain: float = 10.0,
) -> Crop:
    """Render a crop as the digitizer will cut it: the page drawn and photographed in this window alone, then flattened.

    The flattening is as imperfect as `draw_residual` says.
    """
    half = size.height / size.px_per_mm / 2
    far = half > FAR_HALF_MM
    tallest = rng.uniform(0.5 * half, 0.95 * half) if far else None
    shot = take_shot(recording, layout, noise, rng, speed, gain, tallest)
    scene = shot.scene
    row = _row(scene, far, rng)
    center = np.array(_center(scene, row, far, rng))
    image, seen, placed = shot.window(center, rng, size)
    reach = size.width / size.px_per_mm / 2 + 4
    others, own, ends = [], [], []
    for trace in scene.traces:
        near = _between(trace.points, center[0] - reach, center[0] + reach)
        if len(near) > 1:
            (own if trace.strip.row == row else others).append(_rising(placed(near)))
        if trace.strip.row == row:
            ends.append((trace.points[[0, -1], 0] - center[0]) * size.px_per_mm + placed.to_px[0])
    shape = (size.height, size.width)
    mask = np.stack([traces_coverage(own + others, 2.0, shape), traces_coverage(own, 2.0, shape)])
    line = row_line(own, size.width)
    if others and rng.random() < ERASED:
        gone = _known(others, own, scene.style.trace_width * size.px_per_mm, shape, rng)
        image, mask[0] = erased(image, gone), np.where(gone, mask[1], mask[0])
    if seen is not None:
        mask = mask * (seen > 127)
        line = _where_seen(line, seen)
    return Crop(image, np.rint(mask * 255).astype(np.uint8), line, strip_edges(ends, size))


def _known(others: list, own: list, width: float, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return where (H, W) bool ink of other rows is known, and none of the own row is: most of it, a little off.

    others, own: polylines (n, 2) in px; `width`: their pen's in px.
    """
    wide = width + rng.uniform(1.5, 4.0)
    read = [piece + [0, rng.normal(0, 0.4)] for points in others for piece in _pieces(points, rng)]
    gone = traces_coverage(read, wide, shape) > 0.2
    if rng.random() < 0.8:
        gone &= traces_coverage([p for points in own for p in _pieces(points, rng)], width + 1.0, shape) < 0.2
    return gone


def _pieces(points: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Return a trace (n, 2) px without a stretch or two that may not have been read."""
    x, left = points[:, 0], np.ones(len(points), bool)
    for _ in range(int(rng.integers(0, 3))):
        at, long = rng.uniform(x[0], x[-1]), np.exp(rng.uniform(np.log(2), np.log(80)))
        left &= (x < at) | (x > at + long)
    return [points[i:j] for i, j in runs(left) if j - i > 1]


def _usual_scale(rng: np.random.Generator) -> float:
    """Return px per mm where the noise level has none: 200 dpi often, else 115 to 350."""
    return 200 / 25.4 if rng.random() < 0.3 else float(np.exp(rng.uniform(np.log(4.5), np.log(14.0))))


def _between(points: np.ndarray, left: float, right: float) -> np.ndarray:
    """Return the part of a trace (n, 2) between two x, and one point more at either end."""
    i, j = np.searchsorted(points[:, 0], [left, right])
    return points[max(0, i - 1) : j + 1]


def _rising(points: np.ndarray) -> np.ndarray:
    """Return a trace (n, 2) whose x never falls: a turn of a fraction of a degree may tip a steep flank over."""
    return np.stack([np.maximum.accumulate(points[:, 0]), points[:, 1]], axis=1)


def _where_seen(line: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the line (4·W,) with NaN where the paper is torn away or hidden; seen (H, W) uint8."""
    h = len(seen)
    known = np.isfinite(line) & (line > -0.5) & (line < h - 0.5)
    out, at = line.copy(), np.flatnonzero(known)
    rows = np.clip(np.rint(line[at]).astype(int), 0, h - 1)
    out[at[seen[rows, at // SUBCOLUMNS] <= 127]] = np.nan
    return out


def strip_edges(ends: list[np.ndarray], size: CropSize) -> np.ndarray:
    """Return 1 per sub-column (4·W,) float32 near a strip's start or end (2,) px, else 0."""
    x, edge = subcolumn_x(size.width), np.zeros(size.width * SUBCOLUMNS, np.float32)
    for start, end in ends:
        # Names reach some 10 mm into a strip, separators 2 mm to either side of its ends.
        near = (x > start - 2 * size.px_per_mm) & (x < start + 10 * size.px_per_mm)
        edge[near | (np.abs(x - end) < 2 * size.px_per_mm)] = 1
    return edge


STEP = 8  # px between the points at which the way from crop to picture is worked out; it is smooth


def _flat_map(residual: Residual, center: np.ndarray, to_px: np.ndarray, size: CropSize) -> np.ndarray:
    """Return the mm on the page (h, w, 2) at the middle of each STEP × STEP cell of the crop, and one cell around."""
    y, x = ((np.arange(-1, n // STEP + 1) + 0.5) * STEP - 0.5 for n in (size.height, size.width))
    px = np.stack(np.meshgrid(x, y), axis=-1)
    flat = (px - to_px) / size.px_per_mm + center
    return flat + residual.error(flat.reshape(-1, 2)).reshape(flat.shape)


def _photograph_and_flatten(
    scene: Scene,
    warp: Warp,
    to_mm: np.ndarray,
    native: float,
    noise: Noise,
    rng: np.random.Generator,
    size: CropSize,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Draw what the crop needs of the page, take its picture, resample it once; also return where paper is seen."""
    at = warp.forward(to_mm.reshape(-1, 2)).reshape(to_mm.shape)
    # 4 px for the blur and the cubic kernel.
    low, high = np.floor(at.min(axis=(0, 1))).astype(int) - 4, np.ceil(at.max(axis=(0, 1))).astype(int) + 4
    window = (int(low[0]), int(low[1]), int(high[0] - low[0] + 1), int(high[1] - low[1] + 1))
    mm = warp.inverse(window)
    page = np.array([scene.width, scene.height])
    # Every eighth pixel is looked at, hence a margin of a dozen.
    some = np.concatenate([mm[::8, ::8].reshape(-1, 2), mm[-1, ::8], mm[::8, -1]])
    start = np.clip(some.min(axis=0) - 12 / native, -2, page - 1)
    stop = np.clip(some.max(axis=0) + 12 / native, start + 1, page + 2)
    # On the pixel raster of the whole page, so that a crop shows the very pixels of the page.
    first = np.floor(start * native)
    w, h = (np.ceil(stop * native) - first).astype(int) + 1
    origin = tuple(first / native)
    sheet = Sheet(rasterize(scene, origin, native, (h, w)), native, origin, tuple(page))
    damage(sheet, noise.paper, rng)
    picture, seen = take_picture(sheet, warp, mm, noise, rng)
    scale = float(np.sqrt(np.abs(np.linalg.det(_steps(at))).mean())) / STEP
    if scale > 1.05:  # as the digitizer does before it shrinks a page
        picture = cv2.GaussianBlur(picture, (0, 0), 0.45 * np.sqrt(scale**2 - 0.8))
    fine = _upsampled((at - low).astype(np.float32), size)
    image = cv2.remap(picture, fine, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if seen is not None:
        seen = cv2.remap(seen, fine, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return image, seen


def _steps(at: np.ndarray) -> np.ndarray:
    """Return the change of position (h, w, 2, 2) from cell to cell, down and to the right."""
    return np.stack([np.diff(at, axis=0)[:, :-1], np.diff(at, axis=1)[:-1]], axis=-2)


def _upsampled(at: np.ndarray, size: CropSize) -> np.ndarray:
    """Return a map known at the cells of `_flat_map` at every pixel of the crop (H, W, 2) float32, linearly."""
    h, w = at.shape[:2]
    # Not cubic: cv2's cubic kernel does not keep straight lines straight.
    full = cv2.resize(at, (w * STEP, h * STEP), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(full[STEP : STEP + size.height, STEP : STEP + size.width])
