"""The options of digitizing: defaults from configs/digitize/default.yaml, values checked before any work."""

from dataclasses import dataclass, fields
from numbers import Real

import yaml

from ecgseg.errors import OptionError
from ecgseg.layout import TIMINGS, layout_names
from ecgseg.paths import CONFIGS

ROW_MM = (24.0, 80.0)  # a QRS of 2 mV in both directions, and what the strip network was trained with
METHODS = ("network", "classic")
RUNTIMES = (None, "int8", "onnx", "torch")


@dataclass(frozen=True)
class Options:
    """How a page is digitized; units and the reason for each default are in configs/digitize/default.yaml."""

    speed: float | None
    gain: float | None
    layout: str | None
    timing: str | None
    px_per_mm: float | None
    fs: float
    method: str
    max_pixels: int
    weights: str | None
    page_weights: str | None
    name_weights: str | None
    grid_weights: str | None
    device: str | None
    runtime: str | None
    row_mm: float
    look_again: bool
    read_apart: bool
    find_text: bool

    def __post_init__(self):
        for key in ("speed", "gain", "px_per_mm", "fs", "max_pixels", "row_mm"):
            value = getattr(self, key)
            if value is None and key in ("speed", "gain", "px_per_mm"):
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < float("inf"):
                raise OptionError(f"digitize.{key} is {value!r}; give a number above 0")
        if not ROW_MM[0] <= self.row_mm <= ROW_MM[1]:
            raise OptionError(
                f"digitize.row_mm is {self.row_mm:g}; rows are read {ROW_MM[0]:g} to {ROW_MM[1]:g} mm high"
            )
        for key in ("look_again", "read_apart", "find_text"):
            if not isinstance(getattr(self, key), bool):
                raise OptionError(f"digitize.{key} is {getattr(self, key)!r}; give true or false")
        if self.method not in METHODS:
            raise OptionError(f"digitize.method is {self.method!r}; the choices are {', '.join(METHODS)}")
        if self.runtime not in RUNTIMES:
            raise OptionError(f"digitize.runtime is {self.runtime!r}; the choices are null, int8, onnx, torch")
        if self.timing not in (None, *TIMINGS):
            raise OptionError(f"digitize.timing is {self.timing!r}; the choices are null, {', '.join(TIMINGS)}")
        if self.layout is not None and self.layout not in layout_names():
            raise OptionError(
                f"digitize.layout is {self.layout!r}; the choices are {', '.join(layout_names())}, "
                "or null to have it recognised"
            )


def load_options(**changes) -> Options:
    """Return the defaults with `changes` applied; an unknown key is an OptionError that names the choices."""
    names = [f.name for f in fields(Options)]
    for key in changes:
        if key not in names:
            raise OptionError(f"unknown option digitize.{key}; the choices are {', '.join(names)}")
    defaults = yaml.safe_load((CONFIGS / "digitize" / "default.yaml").read_text(encoding="utf-8"))
    return Options(**{**defaults, **changes})
