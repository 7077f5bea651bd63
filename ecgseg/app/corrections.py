"""What a person corrects on the page, from the texts of a form to options that are checked before any work."""

from dataclasses import dataclass

from ecgseg.digitize.options import METHODS, OptionError
from ecgseg.layout import layout_names
from ecgseg.measure import SEXES

AUTOMATIC = ("", "auto", "measured", "–")
MAX_AGE = 130


@dataclass(frozen=True)
class Corrections:
    """What is set by hand; None or "" is what the page says.

    speed in mm/s, gain in mm/mV, px_per_mm in pixels of the picture per mm of paper; `leads` names the strips row by
    row, see `relabel.parse`; sex (male or female) and age (years) are for limits that depend on them.
    """

    layout: str | None = None
    speed: float | None = None
    gain: float | None = None
    px_per_mm: float | None = None
    leads: str = ""
    sex: str | None = None
    age: float | None = None
    method: str = METHODS[0]

    def options(self) -> dict:
        """Return the options of digitizing that are set by hand, as Digitizer.from_pretrained takes them."""
        given = {key: getattr(self, key) for key in ("layout", "speed", "gain", "px_per_mm")}
        changed = {key: value for key, value in given.items() if value is not None}
        return changed | ({"method": self.method} if self.method != METHODS[0] else {})


def from_form(layout="", speed="", gain="", px_per_mm="", leads="", sex="", age="", method=METHODS[0]) -> Corrections:
    """Return the corrections that the texts of a form say; raises OptionError naming the field that is off."""
    return Corrections(
        layout=_choice("layout", layout, layout_names()),
        speed=_number("speed", speed, "mm/s"),
        gain=_number("gain", gain, "mm/mV"),
        px_per_mm=_number("scale", px_per_mm, "px/mm"),
        leads=(leads or "").strip(),
        sex=_choice("sex", sex, SEXES),
        age=_number("age", age, "years", MAX_AGE),
        method=_choice("method", method, METHODS) or METHODS[0],
    )


def _choice(name: str, value, choices) -> str | None:
    text = _text(value)
    if text is None:
        return None
    if text not in choices:
        raise OptionError(f"{name} is '{text}'; choose one of {', '.join(choices)}")
    return text


def _number(name: str, value, unit: str, highest: float = 1000.0) -> float | None:
    """Return a number above 0; a unit after it and a comma for the point are understood."""
    text = _text(value)
    if text is None:
        return None
    try:
        number = float(text.lower().removesuffix(unit.lower()).strip().replace(",", "."))
    except ValueError:
        number = float("nan")
    if not 0 < number <= highest:
        raise OptionError(f"{name} is '{text}'; give a number of {unit} above 0, or leave it to the page")
    return number


def _text(value) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if text.lower() in AUTOMATIC else text
