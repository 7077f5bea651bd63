"""Recording → Scene: everything that is printed on a page, in mm, before any pixel is drawn."""

from dataclasses import dataclass, field

import numpy as np

from ecgseg.layout import Layout, Strip
from ecgseg.recording import Recording


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
    """A line of text whose left end and baseline are at x, y in mm; `height` is the font size in mm."""

    text: str
    x: float
    y: float
    height: float
    font: int = 0


@dataclass
class Scene:
    """A page in mm: size, traces, other ink (polylines with a width in mm), texts, and its style."""

    width: float
    height: float
    traces: list[Trace]
    lines: list[tuple[np.ndarray, float]] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    style: "Style | None" = None
    layout: Layout | None = None
    speed: float = 25.0
    gain: float = 10.0


@dataclass
class Style:
    """How a page looks: paper and inks as RGB in 0..1, widths in mm, strengths in 0..1."""

    paper: np.ndarray
    grid: str  # full, major, minor, none
    minor_color: np.ndarray
    major_color: np.ndarray
    minor_strength: float
    major_strength: float
    minor_width: float
    major_width: float
    dash_mm: float  # 0 = solid lines
    dash_duty: float
    trace_color: np.ndarray
    trace_width: float
    text_color: np.ndarray
    text_height: float
    font: int
    pulse: str  # left, right, both, none
    separator: str  # bar, tick, gap, none
    names: str  # below, above, none
    header: bool
    grid_x: float = 0.0
    grid_y: float = 0.0


GRID_COLORS = np.array(
    [
        [0.85, 0.10, 0.10],  # red
        [0.95, 0.45, 0.50],  # pink
        [0.90, 0.50, 0.15],  # orange
        [0.55, 0.35, 0.20],  # brown
        [0.20, 0.60, 0.30],  # green
        [0.25, 0.45, 0.85],  # blue
        [0.45, 0.45, 0.45],  # grey
        [0.10, 0.10, 0.10],  # black
    ]
)
_GRID_ODDS = np.array([0.30, 0.16, 0.10, 0.06, 0.06, 0.06, 0.18, 0.08])


def sample_style(rng: np.random.Generator) -> Style:
    """Draw a random page style: paper, grid, inks, fonts, separators and calibration pulses."""
    color = np.clip(GRID_COLORS[rng.choice(len(GRID_COLORS), p=_GRID_ODDS)] + rng.normal(0, 0.05, 3), 0, 1)
    paper = np.ones(3)
    if rng.random() < 0.5:
        paper = np.clip(rng.uniform(0.86, 1.0) - rng.uniform(0, 0.06, 3) * [0, 0.3, 1.0], 0, 1)
    if rng.random() < 0.1:
        paper = paper * [1.0, 0.92, 0.92]
    dark = rng.uniform(0.0, 0.35) if rng.random() < 0.9 else rng.uniform(0.3, 0.55)
    trace = np.full(3, dark) + rng.normal(0, 0.02, 3)
    if rng.random() < 0.12:  # coloured ink, blue or violet more often than any other
        trace = trace + rng.uniform(0, 0.4, 3) * [0.4, 0.3, 1.0]
    text = trace if rng.random() < 0.8 else np.full(3, rng.uniform(0, 0.4))
    minor_strength = rng.uniform(0.12, 0.7)
    return Style(
        paper=paper,
        grid=str(rng.choice(["full", "major", "minor", "none"], p=[0.8, 0.08, 0.07, 0.05])),
        minor_color=color,
        major_color=np.clip(color * rng.uniform(0.6, 1.0), 0, 1),
        minor_strength=minor_strength,
        major_strength=float(np.clip(minor_strength + rng.uniform(0.0, 0.5), 0, 1)),
        minor_width=rng.uniform(0.06, 0.22),
        major_width=rng.uniform(0.12, 0.38),
        dash_mm=float(rng.choice([0.0, rng.uniform(0.2, 1.1)], p=[0.6, 0.4])),
        dash_duty=rng.uniform(0.3, 0.85),
        trace_color=np.clip(trace, 0, 0.8),
        trace_width=float(np.exp(rng.uniform(np.log(0.14), np.log(0.6)))),
        text_color=np.clip(text, 0, 0.7),
        text_height=rng.uniform(2.0, 5.0),
        font=int(rng.integers(0, 1000)),
        pulse=str(rng.choice(["left", "right", "both", "none"], p=[0.6, 0.08, 0.07, 0.25])),
        separator=str(rng.choice(["bar", "tick", "gap", "none"], p=[0.45, 0.2, 0.1, 0.25])),
        names=str(rng.choice(["below", "above", "none"], p=[0.47, 0.47, 0.06])),
        header=bool(rng.random() < 0.8),
        grid_x=rng.uniform(0, 5),
        grid_y=rng.uniform(0, 5),
    )


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


def _pulse(x: float, baseline: float, gain: float, direction: int, lead_in: float) -> np.ndarray:
    """Return the calibration pulse (1 mV, 0.2 s at 25 mm/s) that ends at x (direction −1) or starts there."""
    xs = np.array([-5.0 - lead_in, -5.0, -5.0, 0.0, 0.0, lead_in])
    if direction > 0:
        xs = xs + 5.0 + lead_in
    return np.stack([x + xs, baseline - np.array([0, 0, 1, 1, 0, 0]) * gain], axis=1)


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
            scene.texts.append(Text(name, x0 + name_dx, base + dy, style.text_height, style.font))
        if strip.offset_s > 0 and style.separator in ("bar", "tick"):
            half = bar_half if style.separator == "bar" else bar_half * 0.6
            if style.separator == "bar":
                ends = [[x0, base - half], [x0, base + half]]
                scene.lines.append((np.array(ends), bar_width))
            else:
                for sign in (-1, 1):
                    ends = [[x0, base + sign * 2 * half], [x0, base + sign * 3.2 * half]]
                    scene.lines.append((np.array(ends), bar_width * 0.6))
    for r, base in enumerate(baselines):
        if not any(t.strip.row == r for t in scene.traces):
            continue
        lead_in = float(rng.choice([0.0, 0.0, rng.uniform(0, 1.5)]))
        if style.pulse in ("left", "both"):
            scene.lines.append((_pulse(left - pulse_gap, base, gain, -1, lead_in), style.trace_width))
        if style.pulse in ("right", "both"):
            scene.lines.append((_pulse(left + row_mm + 1, base, gain, 1, lead_in), style.trace_width))
    if style.header:
        scene.texts += _header(rng, width, 1.0, top - 4, style)
    foot = f"{speed:g}mm/s" + " " * int(rng.integers(2, 30)) + f"{gain:g}mm/mV"
    scene.texts.append(Text(foot, width * rng.uniform(0.05, 0.6), height - 2.0, style.text_height, style.font))
    return scene
