"""Recording → Scene: everything that is printed on a page, in mm, before any pixel is drawn."""

from dataclasses import replace

import numpy as np

from ecgseg.layout import Layout, Strip, with_gap
from ecgseg.recording import Recording
from ecgseg.render.printed.furniture import add_furniture
from ecgseg.render.printed.marks import add_axis, add_caption, add_frame, add_names, add_separators, name_width
from ecgseg.render.printed.placing import ABOVE, BELOW, MARGIN, Box, Frame, place_rows
from ecgseg.render.printed.primitives import Area, Line, Pulse, Scene, Text, Trace
from ecgseg.render.printed.pulses import add_pulses, draw_form
from ecgseg.render.printed.style import Style

__all__ = ["Area", "Line", "Pulse", "Scene", "Text", "Trace", "build_scene", "centred", "printed_trace"]

_LEAST_CLIP = 5.0  # mm: a machine that clips lower than half a millivolt would be of no use


def centred(signal: np.ndarray) -> np.ndarray:
    """Return leads (n_leads, n) mV with each lead's median at 0 mV, as a machine's high-pass leaves them.

    Raw records sit up to several mV off zero: the trace would lie in the next row.
    """
    return signal - np.nanmedian(signal, axis=1, keepdims=True)


def printed_trace(
    recording: Recording,
    strip: Strip,
    start_s: float,
    x0: float,
    baseline: float,
    speed: float,
    gain: float,
    clip_mm: float | None = None,
) -> Trace:
    """Place one strip of a recording on the page, `start_s` seconds into the recording.

    With `clip_mm` the machine clips the trace that far above and below its baseline, in points and signal alike.
    """
    signal = recording.lead(strip.lead)
    first = round((start_s + strip.t0) * recording.fs)
    piece = signal[first : first + round(strip.seconds * recording.fs) + 1].astype(float)
    if clip_mm is not None:
        piece = np.clip(piece, -clip_mm / gain, clip_mm / gain)
    x = x0 + np.arange(len(piece)) / recording.fs * speed
    points = np.stack([x, baseline - strip.sign * piece * gain], axis=1)
    points = points[np.isfinite(points).all(axis=1)]
    return Trace(strip, points, baseline, x0, x0 + strip.seconds * speed, piece, recording.fs)


def build_scene(
    recording: Recording,
    layout: Layout,
    style: Style,
    rng: np.random.Generator,
    start_s: float = 0.0,
    speed: float = 25.0,
    gain: float = 10.0,
    row_pitch: float | None = None,
) -> Scene:
    """Lay a recording out on a page.

    `start_s` seconds into the recording the page begins; `speed` is in mm/s, `gain` in mm/mV (the limb leads' where
    the style has another for the precordial leads), `row_pitch` the mm between rows (None: drawn as the layout says).
    Returns a Scene in mm. Sheet and margins are drawn, and names, separators, calibration pulses, captions and
    furniture are added as the style says. Where the recording is shorter than the layout a strip is printed as far as
    it goes; a lead that it lacks is left out.
    Raises ValueError if there is nothing to print.
    """
    # Furniture and texts are drawn with this module's primitives, so they can only be imported once it is there.
    pulse = draw_form(style, speed, rng)
    before = pulse.reach if style.pulse in ("left", "both") else 0.0
    after = pulse.reach if style.pulse in ("right", "both") else 0.0
    names = name_width(style) + 1 if style.names == "left" else 0.0
    if style.column_gap:
        layout = with_gap(layout, style.column_gap / speed)
    frame = place_rows(layout, style, rng, speed, before + names + MARGIN, after + MARGIN, row_pitch)
    style = _with_grid(style, frame, before + names, after)
    gains = {} if style.chest_gain == 1 else {f"V{k}": gain * style.chest_gain for k in range(1, 7)}
    scene = Scene(frame.width, frame.height, [], style=style, layout=layout, speed=speed, gain=gain, gains=gains)
    _add_traces(scene, recording, frame, start_s, rng)
    if style.panels is not None:
        scene = replace(scene, style=replace(style, grid_panels=_panels(scene, frame)))
    add_frame(scene, frame, rng, before + names, after)
    add_separators(scene, frame, rng)
    free = add_pulses(scene, frame, pulse, rng, add_caption(scene, frame, rng))
    add_names(scene, frame, rng, before)
    if style.axis:
        add_axis(scene, frame)
    add_furniture(scene, rng, _allowed(free, frame, style))
    return scene


def _add_traces(scene: Scene, recording: Recording, frame: Frame, start_s: float, rng: np.random.Generator) -> None:
    """Print the strips of the scene's layout that the recording holds."""
    style, speed = scene.style, scene.speed
    # Strips may be separated by a short gap of paper that belongs to no lead, taken from the strip's end.
    gap = rng.uniform(0.5, 2.0) / speed if style.separator == "gap" else 0.0
    clip = None if style.clip is None else max(_LEAST_CLIP, style.clip * frame.pitch)
    for strip in scene.layout.strips:
        if strip.lead not in recording.leads:
            continue
        x0 = frame.left + strip.offset_s * speed
        cut = replace(strip, t1=strip.t1 - gap)
        gain = scene.gain_of(strip.lead)
        trace = printed_trace(recording, cut, start_s, x0, frame.baselines[strip.row], speed, gain, clip)
        if len(trace.points) >= 2:
            scene.traces.append(trace)
    if not scene.traces:
        raise ValueError(
            f"{recording.name}: nothing to print on a page {scene.layout.name} from {start_s:g} s on; the recording "
            f"has {recording.seconds:g} s of {', '.join(recording.leads)}"
        )


def _with_grid(style: Style, frame: Frame, before: float, after: float) -> Style:
    """Return the style with its grid where this page has it: aligned with the rows, or only in a box round them."""
    if style.aligned:
        style = replace(style, grid_x=frame.left % 5, grid_y=frame.baselines[0] % 5)
    if style.grid_area == "sheet":
        return style
    # A box of whole 5 mm squares.
    x0 = _on_line(frame.left - before - 1, style.grid_x, np.floor)
    x1 = _on_line(frame.right + after + 1, style.grid_x, np.ceil)
    y0 = _on_line(frame.baselines[0] - ABOVE * frame.pitch, style.grid_y, np.floor)
    y1 = _on_line(frame.baselines[-1] + BELOW * frame.pitch, style.grid_y, np.ceil)
    x0, y0 = (v + 5 if v < 0 else v for v in (x0, y0))
    x1, y1 = (v - 5 if v > size else v for v, size in ((x1, frame.width), (y1, frame.height)))
    return replace(style, grid_box=(x0, y0, x1, y1))


def _panels(scene: Scene, frame: Frame) -> tuple[Box, ...]:
    """Return the box behind each strip: as wide as it, as high as the rows' distance less what lies between."""
    half = max(0.25 * frame.pitch, 0.5 * (frame.pitch - scene.style.panels))
    return tuple((t.x0, t.baseline - half, t.x1, t.baseline + half) for t in scene.traces)


def _on_line(v: float, origin: float, rounded) -> float:
    return float(origin + 5 * rounded((v - origin) / 5))


def _allowed(free: list[Box], frame: Frame, style: Style) -> list[Box]:
    """Return the boxes that may be filled: above the rows if the style has a header, below if it has a footer."""
    middle = frame.baselines[0]
    return [box for box in free if (style.header if box[1] < middle else style.footer)]
