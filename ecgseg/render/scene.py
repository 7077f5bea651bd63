"""Recording → Scene: everything that is printed on a page, in mm, before any pixel is drawn."""

from dataclasses import dataclass, field

import numpy as np

from ecgseg.layout import Layout, Strip
from ecgseg.recording import Recording
from ecgseg.render.style import Style


@dataclass
class Trace:
    """One strip as printed: `points` (n, 2) are x, y in mm on the page; y grows downwards."""

    strip: Strip
    points: np.ndarray
    baseline: float
    x0: float
    x1: float
    signal: np.ndarray
    fs: float


@dataclass
class Text:
    """A line of text whose left end and baseline are at x, y in mm; `height` is the font size in mm.

    `role` is lead (then `lead` names it), calibration (speed, gain) or other; `angle` 0 or 90 degrees (read upwards);
    `color` is RGB in 0..1, None for the style's.
    """

    text: str
    x: float
    y: float
    height: float
    font: int = 0
    role: str = "other"
    lead: str | None = None
    angle: int = 0
    color: np.ndarray | None = None


@dataclass
class Line:
    """A polyline (n, 2) in mm drawn with a round pen of `width` mm; `color` RGB in 0..1, None for the text's."""

    points: np.ndarray
    width: float
    color: np.ndarray | None = None


@dataclass
class Area:
    """A filled polygon (n, 2) in mm; `color` RGB in 0..1, laid on with `strength` 0..1."""

    points: np.ndarray
    color: np.ndarray
    strength: float = 1.0


@dataclass
class Pulse:
    """A calibration pulse: its outline (n, 2) in mm; 1 mV high from `baseline` up, between x0 and x1 in mm; its row."""

    points: np.ndarray
    baseline: float
    x0: float
    x1: float
    row: int


@dataclass
class Scene:
    """A page in mm: size, traces, pulses, other ink in drawing order (areas, lines, texts), and its style.

    `gains` (mm/mV) overrides `gain` for single leads. `over` is ink laid on after the traces: pens, stamps.
    """

    width: float
    height: float
    traces: list[Trace]
    pulses: list[Pulse] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    over: list[Line | Area | Text] = field(default_factory=list)
    style: Style | None = None
    layout: Layout | None = None
    speed: float = 25.0
    gain: float = 10.0
    gains: dict[str, float] = field(default_factory=dict)


def centred(signal: np.ndarray) -> np.ndarray:
    """Return leads (n_leads, n) mV with each lead's median at 0 mV, as a machine's high-pass leaves them.

    Raw records sit up to several mV off zero: the trace would lie in the next row.
    """
    return signal - np.nanmedian(signal, axis=1, keepdims=True)


def printed_trace(
    recording: Recording, strip: Strip, start_s: float, x0: float, baseline: float, speed: float, gain: float
) -> Trace:
    """Place one strip of a recording on the page, `start_s` seconds into the recording."""
    signal = recording.lead(strip.lead)
    first = round((start_s + strip.t0) * recording.fs)
    piece = signal[first : first + round(strip.seconds * recording.fs) + 1].astype(float)
    x = x0 + np.arange(len(piece)) / recording.fs * speed
    points = np.stack([x, baseline - piece * gain], axis=1)
    points = points[np.isfinite(points).all(axis=1)]
    return Trace(strip, points, baseline, x0, x0 + strip.seconds * speed, piece, recording.fs)


def _pulse(x: float, baseline: float, gain: float, direction: int, lead_in: float, row: int) -> Pulse:
    """Return the calibration pulse (1 mV, 0.2 s at 25 mm/s) that ends at x (direction −1) or starts there."""
    xs = np.array([-5.0 - lead_in, -5.0, -5.0, 0.0, 0.0, lead_in])
    if direction > 0:
        xs = xs + 5.0 + lead_in
    points = np.stack([x + xs, baseline - np.array([0, 0, 1, 1, 0, 0]) * gain], axis=1)
    return Pulse(points, baseline, float(points[1, 0]), float(points[4, 0]), row)


_SPELLINGS = ("{}", "{}", "{}", "{}:", "({})", "Lead {}")
_HEADERS = (
    "ID: {a}{b}  Name:",
    "Age: {c} yrs",
    "Sex: Male",
    "Date: 19{c}-0{d}-1{d}, 0{d}:{c}:{c}",
    "HR {c} bpm   PR 1{c} ms   QRS {c} ms",
    "25mm/s   10mm/mV   0.05-150 Hz",
    "Sinus rhythm. Normal ECG",
    "Unconfirmed diagnosis",
    "QT/QTc 3{c}/4{c} ms   P-R-T axes {c} {c} {c}",
    "Weight: {c} kg",
    "Height: 1{c} cm",
    "F 50~ 0,15-40 Hz  {b}",
)


def _header(rng: np.random.Generator, width: float, y0: float, y1: float, style: Style) -> list[Text]:
    """Return made-up header lines between y0 and y1."""
    values = dict(a=rng.integers(100, 999), b=rng.integers(1000, 99999), c=rng.integers(20, 99), d=rng.integers(1, 9))
    texts, step = [], style.text_height * 1.35
    for x in (3.0, width * rng.uniform(0.27, 0.4), width * rng.uniform(0.52, 0.75)):
        y = y0 + step
        while y < y1 and rng.random() < 0.8:
            text = str(rng.choice(_HEADERS)).format(**values)
            texts.append(Text(text, x, y, style.text_height, style.font))
            y += step
    return texts


def build_scene(
    recording: Recording,
    layout: Layout,
    style: Style,
    rng: np.random.Generator,
    start_s: float = 0.0,
    speed: float = 25.0,
    gain: float = 10.0,
) -> Scene:
    """Lay a recording out on a page.

    Returns a Scene in mm. The row pitch is drawn from the layout's range, rhythm rows may stand apart,
    and names, separators, calibration pulses and a header are added as the style says. Where the
    recording is shorter than the layout the strip is printed as far as it goes.
    """
    row_mm = layout.seconds * speed
    left, right = rng.uniform(8, 22), rng.uniform(4, 20)
    width = left + row_mm + right
    pitch = rng.uniform(*layout.row_pitch_mm)
    top = rng.uniform(18, 60) if style.header else rng.uniform(12, 25)
    rhythm_gap = rng.uniform(0.8, 1.15)
    baselines, y = [], top + pitch * 0.6
    for r in range(layout.n_rows):
        baselines.append(y)
        next_is_rhythm = r + 1 >= layout.n_rows - layout.rhythm_rows
        y += pitch * (rhythm_gap if next_is_rhythm else 1.0)
    height = max(y + rng.uniform(0, 20), 0.5 * width if rng.random() < 0.5 else 0)
    # Strips may be separated by a short gap of paper that belongs to no lead, taken from the strip's end.
    gap = rng.uniform(0.5, 2.0) / speed if style.separator == "gap" else 0.0
    scene = Scene(width, height, [], style=style, layout=layout, speed=speed, gain=gain)
    spelling = str(rng.choice(_SPELLINGS))
    below = style.names == "below"
    name_dx, name_dy = rng.uniform(-0.5, 2.5), rng.uniform(1.0, 9.0) * (1 if below else -1)
    bar_width, bar_half = rng.uniform(0.25, 0.9), rng.uniform(1.5, 5.0)
    pulse_gap = rng.choice([0.0, rng.uniform(0, 3)])
    for strip in layout.strips:
        x0, base = left + strip.offset_s * speed, baselines[strip.row]
        cut = Strip(strip.lead, strip.row, strip.t0, strip.t1 - gap, strip.offset_s, strip.rhythm)
        trace = printed_trace(recording, cut, start_s, x0, base, speed, gain)
        if len(trace.points) < 2:
            continue
        scene.traces.append(trace)
        if style.names != "none":
            name = spelling.format(strip.lead)
            dy = name_dy + (style.text_height if below else 0) * 0.6
            scene.texts.append(Text(name, x0 + name_dx, base + dy, style.text_height, style.font, "lead", strip.lead))
        if strip.offset_s > 0 and style.separator in ("bar", "tick"):
            half = bar_half if style.separator == "bar" else bar_half * 0.6
            if style.separator == "bar":
                ends = [[x0, base - half], [x0, base + half]]
                scene.lines.append(Line(np.array(ends), bar_width))
            else:
                for sign in (-1, 1):
                    ends = [[x0, base + sign * 2 * half], [x0, base + sign * 3.2 * half]]
                    scene.lines.append(Line(np.array(ends), bar_width * 0.6))
    for r, base in enumerate(baselines):
        if not any(t.strip.row == r for t in scene.traces):
            continue
        lead_in = float(rng.choice([0.0, 0.0, rng.uniform(0, 1.5)]))
        if style.pulse in ("left", "both"):
            scene.pulses.append(_pulse(left - pulse_gap, base, gain, -1, lead_in, r))
        if style.pulse in ("right", "both"):
            scene.pulses.append(_pulse(left + row_mm + 1, base, gain, 1, lead_in, r))
    if style.header:
        scene.texts += _header(rng, width, 1.0, top - 4, style)
    foot = f"{speed:g}mm/s" + " " * int(rng.integers(2, 30)) + f"{gain:g}mm/mV"
    x = width * rng.uniform(0.05, 0.6)
    scene.texts.append(Text(foot, x, height - 2.0, style.text_height, style.font, "calibration"))
    return scene
