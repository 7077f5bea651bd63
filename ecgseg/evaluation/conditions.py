"""What is varied: a grid of conditions, and the pages of each in the order in which they are read."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import product

from ecgseg.errors import EcgsegError
from ecgseg.layout import layout_names, load_layout

SHARED = "all"


class PlanError(EcgsegError):
    """What is to be evaluated makes no sense."""


@dataclass(frozen=True)
class Condition:
    """One cell of the grid: layout and noise level by name, mm/s, mm/mV, mm between rows (None: as the layout says)."""

    layout: str
    noise: str
    speed: float = 25.0
    gain: float = 10.0
    row_pitch: float | None = None

    def row(self) -> dict:
        """Return the condition as columns of the results, `row_pitch` NaN where it was not chosen."""
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "row_pitch": self.row_pitch or float("nan")}


@dataclass(frozen=True)
class Job:
    """Page `number` of a cell; `seed` and `number` decide recording, style and damage, the same in every cell."""

    condition: Condition
    number: int
    seed: int

    @property
    def key(self) -> str:
        """Return the name that tells the page from all others of any run."""
        c = self.condition
        pitch = "" if c.row_pitch is None else f"_rows{c.row_pitch:g}"
        return f"{c.layout}_{c.noise}_{c.speed:g}mms_{c.gain:g}mmmv{pitch}_seed{self.seed}_{self.number:03d}"


def grid(cfg) -> list[Condition]:
    """Return the conditions of layouts × noise_levels × speeds × gains × row_pitches of the configuration.

    `layouts` may be the word all. Raises PlanError naming the option that is off.
    """
    from ecgseg.render.levels import load_noise

    layouts = layout_names() if cfg.layouts == SHARED else list(cfg.layouts)
    try:
        for name in layouts:
            load_layout(name)
        for name in cfg.noise_levels:
            load_noise(name)
    except ValueError as error:
        raise PlanError(str(error)) from error
    for option in ("speeds", "gains"):
        if not all(v > 0 for v in cfg[option]):
            raise PlanError(f"{option}={list(cfg[option])}: give numbers above 0")
    pitches = [None if v is None else float(v) for v in cfg.row_pitches]
    if not all(v is None or v > 0 for v in pitches):
        raise PlanError(f"row_pitches={pitches}: give mm above 0, or null for the layout's own")
    speeds, gains = ([float(v) for v in values] for values in (cfg.speeds, cfg.gains))
    cells = [Condition(*one) for one in product(layouts, cfg.noise_levels, speeds, gains, pitches)]
    if not cells or len(set(cells)) != len(cells):
        raise PlanError(
            f"{len(cells)} conditions, {len(set(cells))} different ones: give each value once, at least one"
        )
    return cells


def jobs(cells: list[Condition], pages: int, seed: int) -> Iterator[Job]:
    """Yield `pages` pages of each cell, one of every cell before the next of any, so that a stopped run is balanced."""
    for number in range(pages):
        for cell in cells:
            yield Job(cell, number, seed)
