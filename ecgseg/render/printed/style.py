"""How a printed page looks: paper, grid, inks, fonts, names, separators, calibration pulses and the sheet itself."""

from dataclasses import dataclass, replace

import numpy as np

from ecgseg.layout import LEADS


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
    separator: str  # bar, double, tick, gap, dotted (a line through all rows), slash, notch, none
    names: str  # below, above, left (of the row), corner (of the strip), line (on the trace), none
    header: bool
    grid_x: float = 0.0  # where the 5 mm lines are, mm from the sheet's corner
    grid_y: float = 0.0
    grid_gaps: float = 0.0  # share of the lines' length that is missing, in stretches
    grid_box: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1 mm the grid covers; None: the sheet
    trace_kind: str = "solid"  # solid, broken (gaps), double (printed twice, a little apart), pixels (whole ones)
    trace_strength: float = 1.0  # how much the ink covers: faint below 1
    trace_fade: float = 0.0  # 0..1: how far the strength falls off in places, as thermal paper fades
    trace_haste: float = 0.0  # 0..1: how much paler the ink is where the pen or the stylus runs fast
    trace_colors: tuple | None = None  # RGB per lead in the order of LEADS; None: trace_color for all
    spelling: str = "plain"  # of aVR, aVL, aVF: plain, upper (AVR), turned (avR)
    footer: bool = True
    limb: str = "{}"  # how I, II and III are written: {}, L{} (LI), D (D1, D2, D3)
    chest: str = "V"  # V or C
    wrap: str = "{}"  # what stands round a name: {}, {}:, ({}), Lead {}, [{}]
    name_scale: float = 1.0  # size of the names relative to text_height
    name_font: int | None = None  # None: font
    name_jitter: float = 0.0  # how far a name may stand from its usual place, mm
    name_note: str = "none"  # what stands beside some names: none, gain, rate
    pulse_shape: str = "plain"  # plain, slanted (flanks), rounded (flanks)
    pulse_rows: str = "all"  # all, first, corner (one, apart from the rows)
    pulse_width: str = "5mm"  # 5mm, or 0.2s: as wide as 0.2 s are at the page's speed
    caption: str = "bottom"  # where speed and gain are written: bottom, top, none
    sheet: str = "fit"  # a4, a4_portrait, letter, letter_portrait, roll, fit (as large as what is printed)
    crowding: float = 1.0  # below 1: rows closer by this factor than the layout's closest
    clip: float | None = None  # the machine clips the trace this many row distances from its baseline
    chest_gain: float = 1.0  # gain of the precordial leads relative to the limb leads
    joined: bool = False  # a vertical stroke joins the end of a strip with the start of the next
    frame: str = "none"  # none, box (round all rows), rows (round each row)
    grid_area: str = "sheet"  # sheet, traces (grid_box is set to a box round the rows)
    aligned: bool = False  # the grid is printed with the trace: rows start on 5 mm lines
    column_gap: float = 0.0  # mm of paper between the strips of a row
    panels: float | None = None  # the grid is behind each strip alone, so many mm apart from row to row
    grid_panels: tuple | None = None  # boxes as grid_box, of the panels; None: one grid
    axis: bool = False  # the seconds are written below each strip


GRID_COLORS = {
    "red": (0.85, 0.10, 0.10),
    "pink": (0.95, 0.45, 0.50),
    "orange": (0.90, 0.50, 0.15),
    "brown": (0.55, 0.35, 0.20),
    "green": (0.20, 0.60, 0.30),
    "blue": (0.25, 0.45, 0.85),
    "grey": (0.45, 0.45, 0.45),
    "black": (0.10, 0.10, 0.10),
}
_GRID_ODDS = {"red": 30, "pink": 18, "orange": 10, "brown": 5, "green": 6, "blue": 5, "grey": 19, "black": 7}
# How much red, green and blue light each kind of paper swallows at most, and how often it is met.
_PAPERS = {"white": (0.01, 0.01, 0.01), "yellowed": (0.02, 0.06, 0.20), "pink": (0.02, 0.13, 0.10)}
_PAPERS |= {"greenish": (0.10, 0.02, 0.07), "grey": (0.16, 0.15, 0.13)}
_PAPER_ODDS = {"white": 52, "yellowed": 22, "pink": 13, "greenish": 5, "grey": 8}
_SEPARATOR_ODDS = {"none": 33, "bar": 32, "tick": 12, "gap": 6, "notch": 5, "dotted": 5, "double": 4, "slash": 3}
_SHEET_ODDS = {"fit": 30, "a4": 28, "letter": 26, "roll": 7, "a4_portrait": 5, "letter_portrait": 4}
_COLOURED_INK = np.array([[0.10, 0.10, 0.60], [0.05, 0.25, 0.50], [0.35, 0.10, 0.45], [0.60, 0.08, 0.10]])


def pick(rng: np.random.Generator, odds: dict):
    """Return one of the keys of `odds`, each as often as its number says."""
    left = rng.random() * sum(odds.values())
    for option, weight in odds.items():
        left -= weight
        if left < 0:
            return option
    return option


def sample_style(rng: np.random.Generator) -> Style:
    """Draw a random page style: three of four look like what common machines print, the others are odd in one way."""
    minor, major, strengths = _grid_inks(rng)
    trace = _trace_ink(rng)
    text = trace if rng.random() < 0.8 else np.full(3, rng.uniform(0, 0.4))
    height = float(np.exp(rng.uniform(np.log(1.9), np.log(4.6))))
    style = Style(
        paper=_paper(rng),
        grid=pick(rng, {"full": 84, "major": 5, "minor": 4, "dots": 4, "none": 3}),
        minor_color=minor,
        major_color=major,
        minor_strength=strengths[0],
        major_strength=strengths[1],
        minor_width=rng.uniform(0.06, 0.2),
        major_width=rng.uniform(0.12, 0.36),
        dash_mm=0.0 if rng.random() < 0.68 else rng.uniform(0.2, 1.1),
        dash_duty=rng.uniform(0.3, 0.85),
        trace_color=np.clip(trace, 0, 0.8),
        trace_width=float(np.clip(np.exp(rng.normal(np.log(0.29), 0.36)), 0.1, 0.7)),
        text_color=np.clip(text, 0, 0.7),
        text_height=height,
        font=int(rng.integers(0, 1000)),
        pulse=pick(rng, {"left": 62, "right": 8, "both": 5, "none": 25}),
        separator=pick(rng, _SEPARATOR_ODDS),
        names=pick(rng, {"above": 47, "below": 31, "corner": 6, "left": 7, "line": 4, "none": 5}),
        header=bool(rng.random() < 0.82),
        grid_x=rng.uniform(0, 5),
        grid_y=rng.uniform(0, 5),
        spelling=pick(rng, {"plain": 78, "upper": 15, "turned": 7}),
        footer=bool(rng.random() < 0.7),
        limb=pick(rng, {"{}": 90, "L{}": 4, "D": 6}),
        chest=pick(rng, {"V": 92, "C": 8}),
        wrap=pick(rng, {"{}": 84, "{}:": 6, "({})": 3, "Lead {}": 5, "[{}]": 2}),
        name_scale=1.0 if rng.random() < 0.5 else rng.uniform(0.75, 1.5),
        name_font=None if rng.random() < 0.7 else int(rng.integers(0, 1000)),
        name_jitter=0.0 if rng.random() < 0.8 else rng.uniform(0.3, 2.0),
        name_note=pick(rng, {"none": 90, "gain": 6, "rate": 4}),
        pulse_shape=pick(rng, {"plain": 74, "slanted": 12, "rounded": 14}),
        pulse_rows=pick(rng, {"all": 84, "first": 8, "corner": 8}),
        pulse_width=pick(rng, {"5mm": 70, "0.2s": 30}),
        caption=pick(rng, {"bottom": 74, "top": 12, "none": 14}),
        sheet=pick(rng, _SHEET_ODDS),
        joined=bool(rng.random() < 0.15),
        frame=pick(rng, {"none": 91, "box": 6, "rows": 3}),
        grid_area=pick(rng, {"sheet": 84, "traces": 16}),
        aligned=bool(rng.random() < 0.45),
    )
    # Each oddity on its own: a page with several of them is rarer than a machine that prints so.
    return replace(style, **_ODDITIES[pick(rng, _ODDITY_ODDS)](rng))


def _paper(rng: np.random.Generator) -> np.ndarray:
    """Return the paper's RGB."""
    swallowed = np.array(_PAPERS[pick(rng, _PAPER_ODDS)])
    return 1.0 - rng.uniform(0, 0.03) - swallowed * rng.uniform(0.1, 1.0) * rng.uniform(0.8, 1.0, 3)


def _grid_inks(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Return the RGB of the 1 mm and the 5 mm lines and their strengths."""
    color = np.clip(np.array(GRID_COLORS[pick(rng, _GRID_ODDS)]) + rng.normal(0, 0.05, 3), 0, 1)
    minor = rng.uniform(0.12, 0.7)
    major = min(1.0, minor + rng.uniform(0.0, 0.5))
    kind = pick(rng, {"usual": 88, "faint": 8, "solid": 4})
    if kind == "faint":
        minor, major = rng.uniform(0.03, 0.1), rng.uniform(0.08, 0.25)
    elif kind == "solid":
        color, minor, major = np.full(3, rng.uniform(0, 0.15)), rng.uniform(0.5, 1), 1.0
    return color, np.clip(color * rng.uniform(0.6, 1.0), 0, 1), (minor, major)


def _trace_ink(rng: np.random.Generator) -> np.ndarray:
    """Return the trace's RGB: black or grey, now and then a colour."""
    if rng.random() < 0.09:
        return _coloured_ink(rng)
    dark = rng.uniform(0.0, 0.32) if rng.random() < 0.92 else rng.uniform(0.3, 0.5)
    return np.full(3, dark) + rng.normal(0, 0.02, 3)


def _coloured_ink(rng: np.random.Generator) -> np.ndarray:
    return np.clip(_COLOURED_INK[rng.integers(len(_COLOURED_INK))] + rng.normal(0, 0.06, 3), 0, 0.8)


# What one odd page in four has, as changes of fields of Style.
_ODDITIES = {
    "none": lambda rng: {},
    "crowded": lambda rng: {"crowding": rng.uniform(0.5, 0.95)},
    "clipped": lambda rng: {"clip": rng.uniform(0.4, 1.0)},
    # No reader can know of two gains unless the page tells.
    "gains": lambda rng: {"chest_gain": pick(rng, {0.5: 85, 2.0: 15}), "caption": pick(rng, {"bottom": 85, "top": 15})},
    "faint": lambda rng: {"trace_strength": rng.uniform(0.35, 0.8)},
    "faded": lambda rng: {"trace_fade": rng.uniform(0.3, 0.9), "trace_strength": rng.uniform(0.7, 1.0)},
    "hasty": lambda rng: {"trace_haste": rng.uniform(0.2, 0.85)},
    "broken": lambda rng: {"trace_kind": "broken"},
    "double": lambda rng: {"trace_kind": "double"},
    "pixels": lambda rng: {"trace_kind": "pixels", "trace_width": rng.uniform(0.1, 0.25)},
    "coloured": lambda rng: {"trace_colors": tuple(_coloured_ink(rng) for _ in LEADS)},
    "grid gaps": lambda rng: {"grid_gaps": rng.uniform(0.05, 0.4)},
    "apart": lambda rng: {
        "column_gap": rng.uniform(1.5, 12),
        "panels": rng.uniform(0, 12) if rng.random() < 0.5 else None,
        "axis": bool(rng.random() < 0.4),
    },
}
_ODDITY_ODDS = {"none": 72, "crowded": 7, "clipped": 4, "gains": 4, "faint": 3, "faded": 3, "apart": 7}
_ODDITY_ODDS |= {"grid gaps": 2.5, "broken": 2, "hasty": 6, "double": 1.5, "coloured": 1, "pixels": 4}
