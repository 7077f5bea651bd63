"""Text → items of the closed vocabulary: numbers with units, leads, names; anything else is an unknown word."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from ecgseg.layout import LEADS
from ecgseg.report.lexicon import phrases

_UNIT_WORDS = {
    "1/min": ["/min", "1/min", "bpm", "beats per minute", "beats/min", "beats/minute", "per minute"],
    "ms": ["ms", "msec", "millisecond", "milliseconds"],
    "s": ["s", "sec", "second", "seconds"],
    "mV": ["mv", "millivolt", "millivolts"],
    "µV": ["µv", "uv", "microvolt", "microvolts"],
    "mm": ["mm", "millimetre", "millimetres", "millimeter", "millimeters"],
    "deg": ["°", "deg", "degree", "degrees"],
    "%": ["%", "percent"],
    "beats": ["beats", "beat"],
    "mV·ms": ["mv·ms"],
}
UNITS = {word: unit for unit, words in _UNIT_WORDS.items() for word in words}
_ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen nineteen").split()  # fmt: skip
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {w: k for k, w in enumerate(_ONES)} | {w: 10 * k for k, w in enumerate(_TENS, 2)}
_NUMBER = re.compile(r"(?<![\w.])([-+]|minus )?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\d])")
_LEAD = re.compile(rf"(?:{'|'.join(sorted(LEADS, key=len, reverse=True))})(?![A-Za-z0-9])")
_LEAD_RANGE = re.compile(r"(V[1-6]) ?(?:-|to|through) ?(V[1-6])(?![A-Za-z0-9])")
_REASON = re.compile(r"⟦(\d+)⟧")
_SIGNS = str.maketrans({"−": "-", "–": "-", "—": "-", "‑": "-", "’": "'", "‐": "-", "μ": "µ"})


@dataclass(frozen=True)
class Number:
    """A number as written, its decimals, and its unit; unit None where none follows."""

    value: float
    decimals: int
    unit: str | None


@dataclass(frozen=True)
class Leads:
    """One lead, or a range of chest leads written as one."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Because:
    """One of the reasons that measuring gives, in its very words."""

    number: int


@dataclass(frozen=True)
class Unknown:
    """What the vocabulary does not hold."""

    text: str


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, without their full stops; a line break ends one as well."""
    parts = re.split(r"(?<=[.!?])\s+|\n+", text.strip())
    return [p.strip().removesuffix(".").strip() for p in parts if p.strip(" .")]


def tidy(text: str) -> str:
    """Return the text with one form for each sign and space."""
    text = unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS)
    return re.sub(r"\s+", " ", text).strip()


def plain(text: str) -> str:
    """Return the tidy text with number words as digits."""
    return _digits(tidy(text))


def items(text: str) -> list[object]:
    """Return what a sentence (out of `plain`) says, item by item; unknown words are items too."""
    found: list[object] = []
    # Letters whose small form is longer would shift all behind them; `check` refuses them anyway.
    small = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    at = 0
    while at < len(text):
        if text[at] == " ":
            at += 1
            continue
        item, at = _next(text, small, at)
        found.append(item)
    return found


def _next(text: str, small: str, at: int) -> tuple[object, int]:
    if match := _REASON.match(text, at):
        return Because(int(match[1])), match.end()
    if (match := _LEAD_RANGE.match(text, at)) and match[1] < match[2]:
        return Leads(LEADS[LEADS.index(match[1]) : LEADS.index(match[2]) + 1]), match.end()
    phrase = _phrase(small, at)
    lead = _LEAD.match(text, at)
    if lead and (phrase is None or lead.end() > at + len(phrase)):
        return Leads((lead[0],)), lead.end()
    if phrase is not None:
        return phrases()[phrase], at + len(phrase)
    if match := _NUMBER.match(text, at):
        return _number(match, text)
    word = re.match(r"[\w'.-]+|.", text[at:])[0]
    return Unknown(word), at + len(word)


def _phrase(text: str, at: int) -> str | None:
    """Return the longest phrase that stands here as whole words."""
    for length in _lengths():
        piece = text[at : at + length]
        if piece in phrases() and not (piece[-1].isalnum() and re.match(r"[\w-]", text[at + length :])):
            return piece
    return None


@lru_cache
def _lengths() -> list[int]:
    return sorted({len(p) for p in phrases()}, reverse=True)


def _number(match: re.Match, text: str) -> tuple[object, int]:
    sign, whole, part = match.groups()
    value = float(whole.replace(",", "") + (part or ""))
    end = match.end()
    unit = re.match(
        rf" ?({'|'.join(map(re.escape, sorted(UNITS, key=len, reverse=True)))})(?![\w/·])", text[end:].lower()
    )
    value = -value if sign in ("-", "minus ") else value
    if unit is None:
        return Number(value, len(part or ".") - 1, None), end
    return Number(value, len(part or ".") - 1, UNITS[unit[1]]), end + unit.end()


def _digits(text: str) -> str:
    """Return the text with number words as digits: seventy-two → 72, zero point two → 0.2."""
    word = "|".join((*_WORDS, "hundred", "thousand"))
    part = rf"(?: point(?: (?:{'|'.join(_ONES[:10])}))+\b)?"
    spoken = rf"\b(?:(?:a|one) (?=hundred|thousand))?(?:{word})(?:(?:[ -]and)?[ -](?:{word}))*\b{part}"
    return re.sub(spoken, lambda match: _value(match[0]), text, flags=re.IGNORECASE)


def _value(spoken: str) -> str:
    whole, _, part = spoken.lower().partition(" point")
    total, current = 0, 0
    for word in re.split(r"[ -]", whole):
        if word == "hundred":
            current = max(current, 1) * 100
        elif word == "thousand":
            total, current = total + max(current, 1) * 1000, 0
        elif word in _WORDS:
            if current % 10 or (current % 100 and _WORDS[word] >= 10):
                return spoken.replace("-", " ") + "?"  # "seventy two three" is no number: unknown words are left
            current += _WORDS[word]
    return f"{total + current}" + (f".{''.join(str(_WORDS[w]) for w in part.split())}" if part else "")
