"""Page layouts: which lead is printed in which row and for which seconds, read from YAML files."""

from dataclasses import dataclass
from functools import lru_cache

import yaml

from ecgseg.paths import CONFIGS

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


@dataclass(frozen=True)
class Strip:
    """One printed piece of one lead.

    `t0`, `t1` are seconds of the recording; `offset_s` is the distance in seconds of paper from the
    start of its row to the start of the strip.
    """

    lead: str
    row: int
    t0: float
    t1: float
    offset_s: float
    rhythm: bool = False

    @property
    def seconds(self) -> float:
        return self.t1 - self.t0


@dataclass(frozen=True)
class Layout:
    """A page's strips, row by row from the top, and the usual distances between rows in mm."""

    name: str
    strips: tuple[Strip, ...]
    seconds: float
    row_pitch_mm: tuple[float, float]
    rhythm_rows: int

    @property
    def n_rows(self) -> int:
        return 1 + max(s.row for s in self.strips)

    def row(self, index: int) -> tuple[Strip, ...]:
        """Return the strips of one row, left to right."""
        return tuple(s for s in self.strips if s.row == index)


def parse_layout(name: str, spec: dict) -> Layout:
    """Build a Layout from the content of its YAML file; raises ValueError naming the key that is off."""
    allowed = {"rows", "seconds", "timing", "row_pitch_mm", "rhythm"}
    for key in spec:
        if key not in allowed:
            raise ValueError(f"layout {name}: unknown key '{key}'; the keys are {sorted(allowed)}")
    for key in ("rows", "seconds", "row_pitch_mm"):
        if key not in spec:
            raise ValueError(f"layout {name}: the key '{key}' is missing")
    timing = spec.get("timing", "consecutive")
    if timing not in ("consecutive", "simultaneous"):
        raise ValueError(f"layout {name}: timing is '{timing}'; choose consecutive or simultaneous")
    seconds = float(spec["seconds"])
    low, high = (float(v) for v in spec["row_pitch_mm"])
    if not (seconds > 0 and 0 < low <= high):
        raise ValueError(f"layout {name}: seconds and row_pitch_mm must be positive, [low, high]")
    rows, rhythm = spec["rows"], spec.get("rhythm", [])
    strips = []
    for r, leads in enumerate([*rows, *([lead] for lead in rhythm)]):
        width = seconds / len(leads)
        for c, lead in enumerate(leads):
            if lead not in LEADS:
                raise ValueError(f"layout {name}: row {r} names lead '{lead}'; the leads are {LEADS}")
            t0 = c * width if timing == "consecutive" else 0.0
            strips.append(Strip(lead, r, t0, t0 + width, c * width, rhythm=r >= len(rows)))
    return Layout(name, tuple(strips), seconds, (low, high), len(rhythm))


@lru_cache
def load_layout(name: str) -> Layout:
    """Read the layout `name` from configs/layout; raises ValueError listing the choices if there is none."""
    path = CONFIGS / "layout" / f"{name}.yaml"
    if not path.is_file():
        raise ValueError(f"unknown layout '{name}'; the choices are {', '.join(layout_names())}")
    return parse_layout(name, yaml.safe_load(path.read_text()))


def layout_names() -> list[str]:
    """Return the names of all layout files, sorted."""
    return sorted(p.stem for p in (CONFIGS / "layout").glob("*.yaml"))
