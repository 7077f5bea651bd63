"""How a printed page looks: paper, grid, inks, fonts, names, separators and calibration pulses."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Style:
    """How a page looks: paper and inks as RGB in 0..1, widths in mm, strengths in 0..1."""

    paper: np.ndarray
    grid: str  # full, major (5 mm only), minor (1 mm only), dots (a dot per mm, 5 mm lines), none
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
    grid_x: float = 0.0  # where the 5 mm lines are, mm from the sheet's corner
    grid_y: float = 0.0
    grid_gaps: float = 0.0  # share of the lines' length that is missing, in stretches
    grid_box: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1 mm the grid covers; None: the sheet
    trace_kind: str = "solid"  # solid, broken (short gaps), double (printed twice, a little apart)
    trace_strength: float = 1.0  # how much the ink covers: faint below 1
    trace_fade: float = 0.0  # 0..1: how far the strength falls off in places, as thermal paper fades
    trace_colors: tuple | None = None  # RGB per lead in the order of LEADS; None: trace_color for all
    spelling: str = "plain"
    footer: bool = True


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
