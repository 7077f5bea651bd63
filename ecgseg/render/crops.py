"""Training crops: a window of one row, drawn without its page, with the exact target of that row."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ecgseg.layout import Layout
from ecgseg.recording import Recording
from ecgseg.render.capture import capture
from ecgseg.render.levels import Noise
from ecgseg.render.page import apply, compose, rotation
from ecgseg.render.raster import rasterize, traces_coverage
from ecgseg.render.scene import Scene, build_scene, centred
from ecgseg.render.style import sample_style

SUBCOLUMNS = 4  # positions per pixel column: 32 per mm at 8 px/mm, 800 per second at 25 mm/s


@dataclass(frozen=True)
class CropSize:
    """Size of a crop in pixels at px_per_mm; both sides are multiples of 32."""

    height: int = 384
    width: int = 320
    px_per_mm: float = 8.0


@dataclass
class Crop:
    """image (H, W, 3) uint8; mask (2, H, W) uint8: all traces and the centred row's, 2 px wide;
    line (4·W,) float32: y in pixels of the centred row at four positions a column, NaN where it is not printed;
    edge (4·W,) float32: 1 near a strip's start or end, where names, separators and pulses touch it, else 0."""

    image: np.ndarray
    mask: np.ndarray
    line: np.ndarray
    edge: np.ndarray


def subcolumn_x(width: int) -> np.ndarray:
    """Return the x in pixels of the sub-columns of `width` columns, (4·width,)."""
    return (np.arange(width * SUBCOLUMNS) + 0.5) / SUBCOLUMNS - 0.5


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
    signal = signal * np.float32(np.exp(rng.uniform(np.log(0.5), np.log(1.7))))
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


def _center(scene: Scene, row: int, rng: np.random.Generator) -> tuple[float, float]:
    """Choose the crop's centre in mm: often at a steep flank, a strip boundary or an end of the row."""
    traces = [t for t in scene.traces if t.strip.row == row]
    kind = rng.random()
    if kind < 0.4:
        trace = traces[rng.integers(len(traces))]
        x = (trace.x0 if rng.random() < 0.6 else trace.x1) + rng.normal(0, 10)
    elif kind < 0.75:
        trace = traces[rng.integers(len(traces))]
        slope = np.abs(np.diff(trace.points[:, 1]))
        steep = np.flatnonzero(slope >= np.quantile(slope, 0.97))
        x = trace.points[steep[rng.integers(len(steep))], 0] + rng.normal(0, 12)
    else:
        x = rng.uniform(traces[0].x0, traces[-1].x1)
    return x, traces[0].baseline + float(np.clip(rng.normal(0, 2.0), -6, 6))


def render_crop(
    recording: Recording,
    layout: Layout,
    effects: Noise,
    rng: np.random.Generator,
    size: CropSize,
    speed: float = 25.0,
    gain: float = 10.0,
    centred: bool = True,
) -> Crop:
    """Render a crop as the digitizer will cut it: drawn at a random resolution, degraded, resampled once.

    A crop that is not `centred` on a row lies anywhere on the page, header and margins too: a page tile.
    The flattening is imitated with a residual error of rotation (0.15° rms) and scale (0.2 % rms).
    """
    variant = vary(recording, rng, layout.seconds)
    scene = build_scene(variant, layout, sample_style(rng), rng, 0.0, speed, gain)
    rows = sorted({t.strip.row for t in scene.traces})
    row = int(rows[rng.integers(len(rows))])
    anywhere = rng.uniform((0, 0), (scene.width, scene.height))
    center = np.array(_center(scene, row, rng)) if centred else anywhere
    native = 200 / 25.4 if rng.random() < 0.3 else float(np.exp(rng.uniform(np.log(4.5), np.log(14.0))))
    margin = 1.03
    h, w = (round(s / size.px_per_mm * native * margin) for s in (size.height, size.width))
    middle = np.array([(w - 1) / 2, (h - 1) / 2])
    origin = tuple(center - middle / native)
    image = np.rint(rasterize(scene, origin, native, (h, w), 2 if native > 9 else 3) * 255)
    image = capture(np.clip(image, 0, 255).astype(np.uint8), effects.capture, rng)
    zoom = size.px_per_mm / native * (1 + rng.normal(0, 0.002))
    if zoom < 0.95:  # as the digitizer does before it shrinks a page
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * np.sqrt(1 / zoom**2 - 0.8))
    to = np.array([(size.width - 1) / 2, (size.height - 1) / 2]) + rng.uniform(-0.5, 0.5, 2)
    turn = rotation(float(np.clip(rng.normal(0, 0.15), -0.5, 0.5)), zoom, middle, to)
    image = cv2.warpAffine(
        image, turn, (size.width, size.height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    to_window = np.array([[native, 0, -origin[0] * native], [0, native, -origin[1] * native]])
    matrix = compose(turn, to_window)
    polylines = [apply(matrix, t.points) for t in scene.traces]
    own = [p for p, t in zip(polylines, scene.traces, strict=True) if t.strip.row == row]
    shape = (size.height, size.width)
    mask = np.stack([traces_coverage(polylines, 2.0, shape), traces_coverage(own, 2.0, shape)])
    line, edge = row_line(own, size.width), np.zeros(size.width * SUBCOLUMNS, np.float32)
    x = subcolumn_x(size.width)
    for points in own:
        start, end = points[0, 0], points[-1, 0]
        # Names reach some 10 mm into a strip, separators 2 mm to either side of its ends.
        near = (x > start - 2 * size.px_per_mm) & (x < start + 10 * size.px_per_mm)
        edge[near | (np.abs(x - end) < 2 * size.px_per_mm)] = 1
    return Crop(image, np.rint(mask * 255).astype(np.uint8), line, edge)
