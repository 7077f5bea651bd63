"""Recording → Page: a whole page as a picture, with its truth in image pixels."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from ecgseg.layout import LEADS, Layout, Strip, load_layout
from ecgseg.recording import Recording
from ecgseg.render.draw.raster import page_mask, rasterize
from ecgseg.render.draw.text import text_box
from ecgseg.render.geometry.warp import Warp, sample_warp
from ecgseg.render.levels import Noise, choose, load_noise
from ecgseg.render.picture import take_picture
from ecgseg.render.printed.scene import Scene, build_scene, centred
from ecgseg.render.printed.style import Style, sample_style
from ecgseg.render.sheet.damage import Sheet, damage

DPI = 200.0  # the commonest resolution of archives; a noise level may have a range of its own


@dataclass
class Label:
    """A text of the page: what it says, its role (lead, calibration, other), its lead, and its box's corners
    (4, 2) in px, clockwise from where the text's top left is."""

    text: str
    role: str
    lead: str | None
    corners: np.ndarray


@dataclass
class Page:
    """A rendered page and its truth in pixels of the picture, centres at whole numbers.

    image (H, W, 3) uint8 RGB; per strip of `strips`: points (n, 2), the exact trace, visible (n,) bool, whether
    paper, picture and whatever lies on it let it be seen, and baselines (k, 2), from the strip's start to its end;
    crossings (n, 2): where the 5 mm lines cross, and crossings_mm (n, 2) on the page; labels; pulses (n, 2) each;
    outline (k, 2): the sheet's edge; warp: mm on the page → pixels, with turn_deg, how the page is turned;
    printed: the recording as printed, NaN elsewhere.
    """

    image: np.ndarray
    strips: list[Strip]
    points: list[np.ndarray]
    visible: list[np.ndarray]
    baselines: list[np.ndarray]
    crossings: np.ndarray
    crossings_mm: np.ndarray
    labels: list[Label]
    pulses: list[np.ndarray]
    outline: np.ndarray
    warp: Warp
    layout: Layout
    printed: Recording
    scene: Scene = field(repr=False)
    noise: str = "none"
    px_per_mm: float = DPI / 25.4

    @cached_property
    def mask(self) -> np.ndarray:
        """The traces drawn 2 px wide, (H, W) uint8."""
        return page_mask(self.points, 2.0, self.image.shape[:2])


def render_page(
    recording: Recording,
    layout: str | Layout = "3x4_1r",
    noise: str | Noise = "none",
    rng: np.random.Generator | int = 0,
    px_per_mm: float | None = None,
    speed: float = 25.0,
    gain: float = 10.0,
    style: Style | None = None,
    start_s: float = 0.0,
    row_pitch: float | None = None,
    scene_rng: np.random.Generator | int | None = None,
) -> Page:
    """Render a page and its truth.

    px_per_mm is the resolution (None: the noise level's, or 200 dpi), noise names a level of configs/noise or is one.
    Each lead is printed with its median at 0 mV. `row_pitch` is the mm between rows (None: drawn as the layout says).
    The same generator state gives the same page. With `scene_rng` that one draws what is printed and `rng` only what
    happens to it: two pages can then suffer the same, whatever is printed on them.
    """
    rng = np.random.default_rng(rng)
    printing = rng if scene_rng is None else np.random.default_rng(scene_rng)
    layout = load_layout(layout) if isinstance(layout, str) else layout
    noise = choose(load_noise(noise) if isinstance(noise, str) else noise, rng)
    px_per_mm = px_per_mm or draw_dpi(noise, rng) / 25.4
    recording = replace(recording, signal=centred(recording.signal), confidence=None)
    style = style or sample_style(printing)
    scene = build_scene(recording, layout, style, printing, start_s, speed, gain, row_pitch)
    size = (scene.width, scene.height)
    warp = sample_warp(noise.geometry, rng, size, px_per_mm)
    shape = tuple(max(1, round(side * px_per_mm)) for side in size[::-1])
    sheet = Sheet(rasterize(scene, (0.0, 0.0), px_per_mm, shape), px_per_mm, (0.0, 0.0), size)
    damage(sheet, noise.paper, rng)
    plain = np.array([[px_per_mm, 0, 0], [0, px_per_mm, 0]])
    lies_as_drawn = warp.affine is not None and np.array_equal(warp.affine, plain)
    image, seen = take_picture(sheet, warp, None if lies_as_drawn else warp.inverse(), noise, rng)
    points = [warp.forward(t.points) for t in scene.traces]
    visible = [is_seen(p, image.shape[:2], seen) for p in points]
    mm = grid_crossings(scene)
    return Page(
        image=image,
        strips=[t.strip for t in scene.traces],
        points=points,
        visible=visible,
        baselines=[warp.forward(_segment((t.x0, t.baseline), (t.x1, t.baseline))) for t in scene.traces],
        crossings=warp.forward(mm),
        crossings_mm=mm,
        labels=[Label(t.text, t.role, t.lead, warp.forward(text_box(t))) for t in scene.texts],
        pulses=[warp.forward(p.points) for p in scene.pulses],
        outline=warp.forward(_outline(*size)),
        warp=warp,
        layout=layout,
        printed=printed_recording(scene, recording, visible),
        scene=scene,
        noise=noise.name,
        px_per_mm=px_per_mm,
    )


def draw_dpi(noise: Noise, rng: np.random.Generator) -> float:
    """Draw a resolution from the noise level's range, as many coarse as fine ones."""
    if noise.dpi is None:
        return DPI
    return float(np.exp(rng.uniform(*np.log(noise.dpi))))


def printed_recording(scene: Scene, recording: Recording, visible: list[np.ndarray] | None = None) -> Recording:
    """Return what the page shows: the layout's span of time, NaN where a lead is not printed or cannot be seen.

    A lead printed twice (short strip and rhythm strip) is given over the longer strip.
    """
    n = round(scene.layout.seconds * recording.fs)
    signal = np.full((len(LEADS), n), np.nan, np.float32)
    windows = {}
    visible = visible or [np.ones(len(t.points), bool) for t in scene.traces]
    for trace, seen in sorted(zip(scene.traces, visible, strict=True), key=lambda pair: pair[0].strip.seconds):
        first = round(trace.strip.t0 * recording.fs)
        piece = trace.signal[: max(0, min(round(trace.strip.seconds * recording.fs), n - first))].copy()
        printed = np.flatnonzero(np.isfinite(trace.signal))
        hidden = printed[~seen]
        piece[hidden[hidden < len(piece)]] = np.nan
        signal[LEADS.index(trace.strip.lead), first : first + len(piece)] = piece
        windows[trace.strip.lead] = (trace.strip.t0, trace.strip.t0 + len(piece) / recording.fs)
    return Recording(recording.name, signal, recording.fs, windows=windows, clinical=recording.clinical)


def is_seen(points: np.ndarray, shape: tuple[int, int], seen: np.ndarray | None) -> np.ndarray:
    """Return whether points (n, 2) in px lie in the picture and where it shows the sheet."""
    h, w = shape
    at = np.rint(points).astype(int)
    inside = (at >= 0).all(axis=1) & (at[:, 0] < w) & (at[:, 1] < h)
    if seen is not None:
        inside[inside] = seen[at[inside, 1], at[inside, 0]] > 127
    return inside


def grid_crossings(scene: Scene) -> np.ndarray:
    """Return where the 5 mm lines of the grid cross (n, 2) in mm; none where such lines are not drawn."""
    style = scene.style
    if style.grid in ("none", "minor"):
        return np.zeros((0, 2))
    x0, y0, x1, y1 = style.grid_box or (0.0, 0.0, scene.width, scene.height)
    xs = np.arange(style.grid_x + 5 * np.ceil((x0 - style.grid_x) / 5), x1 + 1e-9, 5.0)
    ys = np.arange(style.grid_y + 5 * np.ceil((y0 - style.grid_y) / 5), y1 + 1e-9, 5.0)
    crossings = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    if style.grid_panels is None:
        return crossings
    inside = [((crossings >= box[:2]) & (crossings <= box[2:])).all(axis=1) for box in style.grid_panels]
    return crossings[np.any(inside, axis=0)]


def _segment(start: tuple[float, float], end: tuple[float, float], step: float = 2.0) -> np.ndarray:
    """Return points (n, 2) every 2 mm from start to end: enough to follow a bent sheet."""
    n = max(2, int(np.ceil(np.hypot(end[0] - start[0], end[1] - start[1]) / step)) + 1)
    return np.linspace(start, end, n)


def _outline(width: float, height: float) -> np.ndarray:
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height), (0.0, 0.0)]
    return np.concatenate([_segment(a, b)[:-1] for a, b in pairwise(corners)])
