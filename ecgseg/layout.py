"""Page layouts: which lead is printed in which row and for which seconds, read from YAML files."""

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import yaml

from ecgseg.paths import CONFIGS

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
LIMB_LEADS = LEADS[:6]
TIMINGS = ("consecutive", "simultaneous")
TOLD_BY = ("geometry", "names")

_REQUIRED = ("rows", "seconds", "row_pitch_mm")
_KEYS = (*_REQUIRED, "rhythm", "timing", "left_mm", "told_by", "rare")


@dataclass(frozen=True)
class Strip:
    """One printed piece of one lead.

    `t0`, `t1` are seconds of the recording; `offset_s` is the distance in seconds of paper from the
    start of its row to the start of the strip; `sign` is -1 where the lead is printed upside down (-aVR).
    """

    lead: str
    row: int
    t0: float
    t1: float
    offset_s: float
    rhythm: bool = False
    sign: int = 1

    @property
    def seconds(self) -> float:
        return self.t1 - self.t0


@dataclass(frozen=True)
class Layout:
    """A page's strips, row by row from the top, and the usual distances between rows in mm.

    `seconds` is a row's length of paper; `timing` says whether the strips of a row follow each other in time or
    begin together; `left_mm` of paper stay empty left of the rows, and `blank_rows` rows below them; `told_by` is
    geometry, or names where only the lead names tell this layout from another; `gap_s` seconds of paper are left
    between the strips of a row, beyond `seconds`; `rare`: a usual layout of the same shape is likelier, unless names
    tell.
    """

    name: str
    strips: tuple[Strip, ...]
    seconds: float
    row_pitch_mm: tuple[float, float]
    rhythm_rows: int
    timing: str = "consecutive"
    left_mm: float = 0.0
    blank_rows: int = 0
    told_by: str = "geometry"
    gap_s: float = 0.0
    rare: bool = False

    @property
    def n_rows(self) -> int:
        return 1 + max(s.row for s in self.strips)

    @property
    def paper_seconds(self) -> float:
        """The seconds of paper that the longest row takes, the gaps between its strips among them."""
        return max(self.row_seconds(k) for k in range(self.n_rows))

    def row_seconds(self, index: int) -> float:
        """Return the seconds of paper that a row takes, the gaps between its strips among them."""
        return self.seconds + self.gap_s * (len(self.row(index)) - 1)

    def row(self, index: int) -> tuple[Strip, ...]:
        """Return the strips of one row, left to right."""
        return tuple(s for s in self.strips if s.row == index)


def parse_layout(name: str, spec: dict) -> Layout:
    """Build a Layout from the content of its YAML file; raises ValueError naming the key that is off."""
    if not isinstance(spec, dict):
        raise ValueError(f"layout {name}: the file holds {spec!r}; expected the keys {list(_KEYS)}")
    for key in spec:
        if key not in _KEYS:
            raise ValueError(f"layout {name}: unknown key '{key}'; the keys are {sorted(_KEYS)}")
    for key in _REQUIRED:
        if key not in spec:
            raise ValueError(f"layout {name}: the key '{key}' is missing")
    timing, told_by = (
        _choice(name, key, spec.get(key, options[0]), options)
        for key, options in (("timing", TIMINGS), ("told_by", TOLD_BY))
    )
    seconds = _number(name, "seconds", spec["seconds"])
    left = _number(name, "left_mm", spec.get("left_mm", 0))
    pitch = spec["row_pitch_mm"]
    if not isinstance(pitch, list) or len(pitch) != 2:
        raise ValueError(f"layout {name}: row_pitch_mm is {pitch!r}; give [lowest, highest] in mm")
    low, high = (_number(name, "row_pitch_mm", v) for v in pitch)
    if not (seconds > 0 and 0 < low <= high):
        raise ValueError(f"layout {name}: seconds and row_pitch_mm must be positive, [low, high]")
    rare = spec.get("rare", False)
    if not isinstance(rare, bool):
        raise ValueError(f"layout {name}: rare is {rare!r}; give true or false")
    if left < 0:
        raise ValueError(f"layout {name}: left_mm is {left:g}; give 0 or more")
    rows, rhythm = spec["rows"], spec.get("rhythm", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise ValueError(f"layout {name}: rows is {rows!r}; give a list of rows, each a list of leads")
    blank = next((k for k, row in enumerate(reversed(rows)) if row), len(rows))
    rows = rows[: len(rows) - blank]
    if not rows or not all(rows):
        raise ValueError(f"layout {name}: rows must name leads; only the last rows may be empty ([])")
    strips = [s for r, leads in enumerate(rows) for s in _row(name, r, leads, seconds, timing)]
    layout = Layout(name, tuple(strips), seconds, (low, high), 0, timing, left, blank, told_by, rare=rare)
    if blank and rhythm:
        raise ValueError(f"layout {name}: rhythm rows cannot follow the empty rows of 'rows'")
    return with_rhythm(layout, rhythm)


def with_timing(layout: Layout, timing: str) -> Layout:
    """Return the layout with the strips of each row consecutive or simultaneous; ValueError for another word."""
    _choice(layout.name, "timing", timing, TIMINGS)
    starts = [s.offset_s if timing == "consecutive" else 0.0 for s in layout.strips]
    strips = (replace(s, t0=t0, t1=t0 + s.seconds) for s, t0 in zip(layout.strips, starts, strict=True))
    return replace(layout, strips=tuple(strips), timing=timing)


def with_seconds(layout: Layout, seconds: float) -> Layout:
    """Return the layout with rows of so many seconds, shared by their strips as before."""
    k = seconds / layout.seconds
    strips = tuple(replace(s, t0=k * s.t0, t1=k * s.t1, offset_s=k * s.offset_s) for s in layout.strips)
    return replace(layout, strips=strips, seconds=seconds, gap_s=k * layout.gap_s)


def with_gap(layout: Layout, gap_s: float) -> Layout:
    """Return the layout with `gap_s` seconds of paper left empty between the strips of each row."""
    more = gap_s - layout.gap_s
    strips = tuple(replace(s, offset_s=s.offset_s + more * layout.row(s.row).index(s)) for s in layout.strips)
    return replace(layout, strips=strips, gap_s=gap_s)


def with_rhythm(layout: Layout, leads: list[str] | tuple[str, ...]) -> Layout:
    """Return the layout with these leads as its rhythm rows, top to bottom; none for []. ValueError names a bad one."""
    if isinstance(leads, str) or not all(isinstance(lead, str) for lead in leads):
        raise ValueError(f"layout {layout.name}: rhythm is {leads!r}; give a list of leads")
    kept = [s for s in layout.strips if not s.rhythm]
    first = 1 + max(s.row for s in kept)
    for k, lead in enumerate(leads):
        kept += [
            replace(s, rhythm=True)
            for s in _row(layout.name, first + k, [lead], layout.seconds, "consecutive", "rhythm")
        ]
    return replace(layout, strips=tuple(kept), rhythm_rows=len(leads))


def _row(name: str, r: int, leads: list[str], seconds: float, timing: str, key: str = "rows") -> list[Strip]:
    """Return the strips of one row, which share it evenly; a lead spelled with a minus is printed upside down."""
    width, strips = seconds / len(leads), []
    for c, spelled in enumerate(leads):
        lead = str(spelled).removeprefix("-")
        if lead not in LEADS:
            raise ValueError(f"layout {name}: {key}: row {r} names lead '{spelled}'; the leads are {LEADS}")
        t0 = c * width if timing == "consecutive" else 0.0
        strips.append(Strip(lead, r, t0, t0 + width, c * width, sign=1 if lead == spelled else -1))
    return strips


def _choice(name: str, key: str, value, options: tuple[str, ...]) -> str:
    if value not in options:
        raise ValueError(f"layout {name}: {key} is '{value}'; choose {' or '.join(options)}")
    return value


def _number(name: str, key: str, value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"layout {name}: {key} is {value!r}; give a number")
    return float(value)


@lru_cache
def load_layout(name: str) -> Layout:
    """Read the layout `name` from configs/layout; raises ValueError listing the choices if there is none."""
    path = CONFIGS / "layout" / f"{name}.yaml"
    if not path.is_file():
        raise ValueError(f"unknown layout '{name}'; the choices are {', '.join(layout_names())}")
    return parse_layout(name, yaml.safe_load(path.read_text()))


def layout_names(told_by: str | None = None) -> list[str]:
    """Return the names of all layout files, sorted; with `told_by`, of those told by geometry or by names."""
    return [n for n in _files() if told_by is None or load_layout(n).told_by == told_by]


@cache
def _files() -> tuple[str, ...]:
    return tuple(sorted(p.stem for p in (CONFIGS / "layout").glob("*.yaml")))
