"""Recording → Page: a whole page as a picture, with its truth in image pixels."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from ecgseg.layout import LEADS, Layout, Strip, load_layout
from ecgseg.recording import Recording
from ecgseg.render.capture import capture
from ecgseg.render.levels import Noise, load_noise
from ecgseg.render.raster import rasterize, traces_coverage
from ecgseg.render.scene import Scene, build_scene, centred
from ecgseg.render.style import Style, sample_style


@dataclass
class Page:
    """A rendered page.

    image (H, W, 3) uint8 RGB; mask (H, W) uint8, the traces drawn 2 px wide; points: one (n, 2) array of
    exact trace points in pixels per strip of `strips`; baselines: y in pixels at the start of each strip;
    matrix (2, 3): mm on the page → pixels; printed: the recording as printed, NaN elsewhere.
    """

    image: np.ndarray
    mask: np.ndarray
    strips: list[Strip]
    points: list[np.ndarray]
    baselines: list[float]
    matrix: np.ndarray
    layout: Layout
    printed: Recording
    scene: Scene = field(repr=False)


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points (n, 2) through an affine (2, 3) matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the affine map that applies `first`, then `second`."""
    return second @ np.vstack([first, [0, 0, 1]])


def rotation(angle_deg: float, scale: float, center: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Return the affine (2, 3) map that turns and scales about `center` and carries it to `to`."""
    a = np.deg2rad(angle_deg)
    linear = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return np.hstack([linear, (np.asarray(to) - linear @ np.asarray(center))[:, None]])


def printed_recording(scene: Scene, recording: Recording) -> Recording:
    """Return what the page shows: the layout's span of time, NaN where a lead is not printed.

    A lead printed twice (short strip and rhythm strip) is given over the longer strip.
    """
    n = round(scene.layout.seconds * recording.fs)
    signal = np.full((len(LEADS), n), np.nan, np.float32)
    windows = {}
    for trace in sorted(scene.traces, key=lambda t: t.strip.seconds):
        first = round(trace.strip.t0 * recording.fs)
        piece = trace.signal[: max(0, min(round(trace.strip.seconds * recording.fs), n - first))]
        signal[LEADS.index(trace.strip.lead), first : first + len(piece)] = piece
        windows[trace.strip.lead] = (trace.strip.t0, trace.strip.t0 + len(piece) / recording.fs)
    return Recording(recording.name, signal, recording.fs, windows=windows, clinical=recording.clinical)


def render_page(
    recording: Recording,
    layout: str | Layout = "3x4_1r",
    noise: str | Noise = "none",
    rng: np.random.Generator | int = 0,
    px_per_mm: float = 200 / 25.4,
    speed: float = 25.0,
    gain: float = 10.0,
    skew_deg: float = 0.0,
    style: Style | None = None,
    start_s: float = 0.0,
) -> Page:
    """Render a page and its truth.

    px_per_mm is the resolution, skew_deg the rotation of the sheet; noise names a level of configs/noise
    or is one. Each lead is printed with its median at 0 mV. The same generator state gives the same page.
    """
    rng = np.random.default_rng(rng)
    layout = load_layout(layout) if isinstance(layout, str) else layout
    effects = load_noise(noise) if isinstance(noise, str) else noise
    recording = replace(recording, signal=centred(recording.signal), confidence=None)
    scene = build_scene(recording, layout, style or sample_style(rng), rng, start_s, speed, gain)
    w, h = round(scene.width * px_per_mm), round(scene.height * px_per_mm)
    image = np.clip(np.rint(rasterize(scene, (0.0, 0.0), px_per_mm, (h, w)) * 255), 0, 255).astype(np.uint8)
    matrix = np.array([[px_per_mm, 0, 0], [0, px_per_mm, 0]], float)
    if skew_deg:
        center = np.array([(w - 1) / 2, (h - 1) / 2])
        turn = rotation(skew_deg, 1.0, center, center)
        image = cv2.warpAffine(image, turn, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        matrix = compose(turn, matrix)
    points = [apply(matrix, t.points) for t in scene.traces]
    mask = np.rint(traces_coverage(points, 2.0, (h, w)) * 255).astype(np.uint8)
    baselines = [float(apply(matrix, np.array([[t.x0, t.baseline]]))[0, 1]) for t in scene.traces]
    image = capture(image, effects.capture, rng)
    strips = [t.strip for t in scene.traces]
    return Page(image, mask, strips, points, baselines, matrix, layout, printed_recording(scene, recording), scene)
