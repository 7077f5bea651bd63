"""Lines of text, read by a library → lead names: in faces that the name network does not know."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from ecgseg.digitize.locate.findings import Box, Findings, LeadName

# A separator before a name is read as one of its letters. Single strokes alone are no name: I is read as 1, l or |.
_NAME = re.compile(
    r"^(?P<before>[l1i|'!]?)(?P<minus>-?)(?P<name>av[rlfe]|[vc][1-6])$|^(?P<strokes>d?i{2,3}|di|d[1-3])$"
)
_WORD = re.compile(r"\s*lead\s+(?P<name>\S+)", re.IGNORECASE)  # what may follow is a rate
_STROKES = re.compile(r"[Il1|]{1,3}")
_ROMAN = {"d1": "I", "d2": "II", "d3": "III", "di": "I"}
STROKES = 0.7  # how much of its score a name of strokes keeps: II and III are read as each other
MIN_SCORE = 0.6


def lead_name(text: str, score: float, box: Box) -> LeadName | None:
    """Return the lead's name that a line of text is, None if it is none; `score` 0..1 is how sure the letters are."""
    normal = unicodedata.normalize("NFKC", text).replace("−", "-")
    word = _WORD.match(normal)
    plain = re.sub(r"[\s:;.,()\[\]]", "", word["name"] if word else normal)
    if word and _STROKES.fullmatch(plain):
        plain = "D" + "I" * len(plain)  # after the word, single strokes are a name
    found = _NAME.match(plain.lower())
    if not found or (plain.isdigit() or score < MIN_SCORE):
        return None
    name, strokes = found["name"], found["strokes"]
    if strokes:
        lead, score = _ROMAN.get(strokes) or strokes.removeprefix("d").upper(), score * STROKES
    elif name.startswith("av"):
        lead, score = ("aVF", score * STROKES) if name == "ave" else (f"aV{name[2].upper()}", score)
    else:
        lead = f"V{name[1]}"
    x0 = box.x0 + (box.x1 - box.x0) * len(found["before"] or "") / len(plain)
    return LeadName(x0, box.y0, box.x1, box.y1, score, lead, -1 if found["minus"] else 1)


def with_text_names(findings: Findings, lines: Iterable[tuple[Box, str, float]]) -> Findings:
    """Return findings with the lead names among lines of text (box in flat px, text, score 0..1) beside their own."""
    names = [name for box, text, score in lines if (name := lead_name(text, score, box))]
    return replace(findings, names=[*findings.names, *names])
