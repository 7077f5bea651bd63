"""What a page prints of its own speed and gain: the usual spellings, as a reader of print gives them back."""

import re
import unicodedata
from dataclasses import dataclass, field

SPEEDS = (5.0, 6.25, 10.0, 12.5, 25.0, 50.0, 100.0)  # mm/s that ECG machines offer
USUAL_SPEEDS = (12.5, 25.0, 50.0)  # … and print whole pages with
GAINS = (2.5, 5.0, 10.0, 20.0, 40.0)  # mm/mV
STANDARD_GAIN = 10.0  # mm/mV: what "x1" means
LIMB, CHEST = "limb", "precordial"

_LETTERS = str.maketrans("мсвкмо×·—–−", "mcbkmox.---")  # letters of other scripts that look or mean alike
_DIGITS = str.maketrans("oli|", "0111")  # what digits beside a unit are misread as
_BAR = r"\s*[/\\|l1i!]\s*"
_MM = r"(?:mm|rnm|mrn|nm|inm|rm)"
_PER_S = rf"{_MM}(?:{_BAR}(?:sec|sek|seg|s|c(?!m)|5(?!\d))|\s?s(?![a-z]))"
# A letter of mm may be lost or misread before /mV: no number of cm/mV but 1 would be a gain in mm/mV.
_MV = r"(?:[mna]|rn|in)\s*[vybu]"
_PER_MV = rf"(?!c)[a-z]{{0,2}}m{_BAR}{_MV}"
_CM_PER_MV = rf"cm{_BAR}{_MV}"
_NUMBER = r"[\doli|]*\d[\do]*(?:\.[\do]+)?|[li|]\s?o"
_SPEED = re.compile(rf"({_NUMBER})\s*{_PER_S}")
# In small print mm is lost or misread, or s is; a usual speed must stand before what is left of them then.
_BLURRED = re.compile(
    r"(?<![\d.])(12\.5|25|50)(?:\.0)?\s*"
    r"(?:m{1,2}\s*/\s*[s58](?!\d)|[^\d/.,;:]{0,5}/\s*s(?![a-z\d])|mm\s?[/l|i](?!\d|\s?[mnia]{1,2}\s?v))"
)
# … and a usual gain, beside a speed.
_BLURRED_GAIN = re.compile(r"(?<![\d.])(2\.5|5|10|20)(?:\.0)?\s*[^\d/.,;:c]{0,4}/\s*[mnia]{1,2}\s?v(?![a-z\d])")
_GAIN = re.compile(rf"(?:({_NUMBER})\s*[/\-]\s*)?({_NUMBER})\s*(?:({_PER_MV})|{_CM_PER_MV})")
_EQUALS = re.compile(rf"1\s*\.?\s*mv\s*[=:/]\s*({_NUMBER})\s*(mm|cm)|({_NUMBER})\s*(mm|cm)\s*[=:]\s*1\s*mv")
_TIMES = re.compile(r"(?<![\w.])(?<!\d )x\s?(1/2|1/4|\d(?:\.\d+)?)(?![\w./:])")
_OF_LIMB = re.compile(r"[lti1]imb|extr|glied|periph|per\.|std|stand")
_OF_CHEST = re.compile(r"chest|prec|pr[ae]k|brust|thor|v1")
# Both groups before one unit: "Limb 10 Chest 5 mm/mV".
_BOTH = re.compile(rf"(?:limbs?|extr\w*)[\s:.]*({_NUMBER})[\s,;/]*(?:chest|prec\w*)[\s:.]*({_NUMBER})\s*{_PER_MV}")
# What is left of "25 mm/s" and of "1 mV = 10 mm" where a box of text begins or ends within it.
_CUT_OFF = re.compile(rf"^[^\d]{{0,2}}(?:{_PER_S}|{_PER_MV})|^1\s*\.?\s*mv\s*[=:]?\s*$")
# A group's gain may lose all of mm: "Chest: 5/mV".
_LOST = re.compile(rf"(limbs?|extr\w*|chest|prec\w*)[\s:.]*({_NUMBER})\s*/\s*[mn]\s?v")


@dataclass(frozen=True)
class Printed:
    """What a text says: `speed` in mm/s and `gain` of all leads in mm/mV, None where it says none.

    `gains` holds the gain of the limb leads, of the precordial leads or of both where the text names them and does
    not give both the same; `unread` the pieces that have a unit but no number that a machine would print.
    """

    speed: float | None = None
    gain: float | None = None
    gains: dict[str, float] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def parse_calibration(text: str) -> Printed:
    """Return the speed and gain that a line of text states; only values of SPEEDS and GAINS are ever returned.

    A line that states two speeds, or two gains that it does not give to limb and precordial leads, states none.
    Filters (0.05-150 Hz), rates and dates are neither.
    """
    plain = _plain(text)
    unread: list[str] = []
    speeds = {_value(m[1], 1.0, SPEEDS, m[0], unread) for m in _SPEED.finditer(plain)} - {None}
    speeds = speeds or {float(m[1]) for m in _BLURRED.finditer(plain)}
    # A speed's unit must not lend its last digit or letter to a gain: what was read as a speed is taken out.
    rest = _BLURRED.sub(" ; ", _SPEED.sub(" ; ", plain))
    stated = _gains(rest, unread)
    blurred = {float(m[1]) for m in _BLURRED_GAIN.finditer(rest)}
    if len(speeds) == 1 and not stated and len(blurred) == 1:
        stated = {None: blurred.pop()}
    if len(speeds) > 1:
        unread.append(f"two speeds in {text!r}")
    if None in stated and len(set(stated.values())) == 1:
        stated = {None: stated[None]}
    elif None in stated and len(stated) > 1:
        unread.append(f"two gains in {text!r}")
        stated = {}
    gain = stated.get(None)
    if gain is None and stated.get(LIMB) == stated.get(CHEST):
        gain = stated.get(LIMB)
    return Printed(
        speed=speeds.pop() if len(speeds) == 1 else None,
        gain=gain,
        gains=stated if gain is None else {},
        unread=tuple(unread),
    )


def is_cut_off(text: str) -> bool:
    """Return whether a text gives the unit of speed or gain, and the number is not there: it was cut off."""
    return bool(_CUT_OFF.match(_plain(text).strip()))


def _plain(text: str) -> str:
    """Return a text in small Latin letters, with points in its decimals and with `Vel.` not ending in a digit."""
    plain = unicodedata.normalize("NFKC", text).lower().translate(_LETTERS).replace("⁄", "/")
    plain = re.sub(r"(?<=\d)\s?,\s?(?=\d)", ".", plain)
    return re.sub(r"ve[l1i|]\s?\.?\s?(?=\d)", "vel ", plain)


def _value(number: str, unit: float, usual: tuple[float, ...], whole: str, unread: list[str]) -> float | None:
    """Return the one usual value that a number can stand for; None, with a note in `unread`, for none or several.

    `l0` is 10, but the l of `vel50` is no digit: a number is read with and without the letters that look like digits.
    """
    spaceless = number.replace(" ", "")
    readings = {spaceless.translate(_DIGITS), spaceless.lstrip("oli|").translate(_DIGITS)}
    values = {round(float(r) * unit, 4) for r in readings if re.fullmatch(r"\d+(\.\d+)?", r)} & set(usual)
    if len(values) == 1:
        return values.pop()
    unread.append(whole.strip())
    return None


def _gains(text: str, unread: list[str]) -> dict[str | None, float]:
    """Return the gain per group of leads, under None that of all leads; unread ones are left out and noted."""
    both = _BOTH.search(text)
    if both:
        found = [(LIMB, both[1], 1.0, both[0]), (CHEST, both[2], 1.0, both[0])]
    else:
        found = _stated(text)
    gains: dict[str | None, float] = {}
    for group, number, unit, whole in found:
        value = _value(number, unit, GAINS, whole, unread)
        if value is None:
            continue
        if gains.setdefault(group, value) != value:
            unread.append(f"two gains in {text.strip()!r}")
            return {}
    return gains


def _stated(text: str) -> list[tuple[str | None, str, float, str]]:
    """Return (group, number, mm/mV that a 1 stands for, piece of text) of each gain that a text states."""
    found, end = [], 0
    for m in _GAIN.finditer(text):
        unit = 1.0 if m[3] else 10.0
        if m[1] is not None:
            found += [(LIMB, m[1], unit, m[0]), (CHEST, m[2], unit, m[0])]
        else:
            found.append((_group(text[end : m.start()]), m[2], unit, m[0]))
        end = m.end()
    for m in _LOST.finditer(text):
        found.append((_group(m[1]), m[2], 1.0, m[0]))
    for m in _EQUALS.finditer(text):
        found.append((None, m[1] or m[3], 1.0 if (m[2] or m[4]) == "mm" else 10.0, m[0]))
    if not found:
        for m in _TIMES.finditer(text):
            number = {"1/2": "0.5", "1/4": "0.25"}.get(m[1], m[1])
            found.append((None, number, STANDARD_GAIN, m[0]))
    return found


def _group(before: str) -> str | None:
    """Return which leads the words before a gain name, None for all."""
    limb = [m.start() for m in _OF_LIMB.finditer(before)]
    chest = [m.start() for m in _OF_CHEST.finditer(before)]
    if not limb and not chest:
        return None
    return LIMB if max(limb, default=-1) > max(chest, default=-1) else CHEST
