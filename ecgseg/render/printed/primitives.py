"""What a page is made of, in mm: traces, texts, lines, areas, calibration pulses, and the scene that holds them."""

from dataclasses import dataclass, field

import numpy as np

from ecgseg.layout import Layout, Strip
from ecgseg.render.printed.style import Style


@dataclass
class Trace:
    """One strip as printed: `points` (n, 2) are x, y in mm on the page; y grows downwards.

    `signal` is the lead in mV as printed (clipped where the machine clips, its own sign where it is printed upside
    down) at `fs` Hz from `x0` on, with a point for each of its numbers; `x1` is where the strip would end.
    """

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
    """A calibration pulse: its outline (n, 2) in mm, from `baseline` up; 1 mV is `heights` mm high.

    `x0` and `x1` are where its first and last flank are at half height; `row` is the row it belongs to, -1 if it stands
    apart. A pulse of two `heights` is a stair: the limb leads' gain and the precordial leads'.
    """

    points: np.ndarray
    baseline: float
    x0: float
    x1: float
    row: int
    heights: tuple[float, ...] = (10.0,)


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

    def gain_of(self, lead: str) -> float:
        """Return the gain in mm/mV that a lead is printed with."""
        return self.gains.get(lead, self.gain)
