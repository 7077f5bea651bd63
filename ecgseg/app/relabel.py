"""Names of strips as a text that lies as the page does, one line a row, and what changing it does to a reading.

Where a lead was mistaken for another, two are swapped, or a strip should not be used, the picture need not be read
again: the same traces are put together under other names.
"""

from collections import Counter
from dataclasses import replace

from ecgseg.digitize.assemble.assemble import assemble, repeat_warnings, verify_layout
from ecgseg.digitize.assemble.verify import lead_quality, verify
from ecgseg.digitize.digitizer import Reading
from ecgseg.errors import LayoutError
from ecgseg.layout import LEADS
from ecgseg.recording import UNNAMED

LEFT_OUT = "x"
_BY_LOWER = {lead.lower(): lead for lead in LEADS}

Name = tuple[str, int] | None  # lead and sign, −1 where it is printed upside down; None: left out


def grid(strips, names: list[Name] | None = None) -> str:
    """Return the names of strips, a line a row and from left to right; `names` are others in their place."""
    given = dict(zip(map(id, strips), names or [(s.lead, s.sign) for s in strips], strict=True))
    return "\n".join(" ".join(_spelled(given[id(s)]) for s in row) for row in _rows(strips))


def parse(text: str, strips) -> list[Name]:
    """Return a name for each of `strips` in their order; raises LayoutError where the text does not fit them.

    A lead's name in any case, with a minus where it is printed upside down; R2S1 where it is not known; x where the
    strip is left out.
    """
    rows = _rows(strips)
    lines = [line.replace(",", " ").split() for line in text.splitlines() if line.strip()]
    wanted = f"{len(rows)} lines of {', '.join(str(len(row)) for row in rows)} names"
    if [len(line) for line in lines] != [len(row) for row in rows]:
        found = f"{len(lines)} lines of {', '.join(str(len(line)) for line in lines)} names"
        raise LayoutError(
            f"the leads have {found}; the page was read as {wanted}. Write {LEFT_OUT} for a strip to leave out; "
            "where the page has other rows, choose its layout"
        )
    named = {
        id(s): _name(word, s) for row, line in zip(rows, lines, strict=True) for s, word in zip(row, line, strict=True)
    }
    names = [named[id(s)] for s in strips]
    if not any(names):
        raise LayoutError("all strips are left out; keep one at least")
    _check_once(strips, names)
    return names


def renamed(reading: Reading, text: str) -> Reading:
    """Return the reading with its strips named as the text says; the very same where it says what was read.

    Quality, warnings and agreement are made anew; what was changed stands in the warnings and in the provenance.
    Raises LayoutError where the text does not fit the strips.
    """
    old = reading.located.strips
    names = parse(text, old)
    changes = [_change(s, n) for s, n in zip(old, names, strict=True) if n != (s.lead, s.sign)]
    if not changes:
        return reading
    kept = [
        (replace(s, lead=name[0], sign=name[1]), trace)
        for s, name, trace in zip(old, names, reading.traces, strict=True)
        if name
    ]
    strips, traces = [s for s, _ in kept], [trace for _, trace in kept]
    located = replace(reading.located, strips=strips, named=not any(UNNAMED.fullmatch(s.lead) for s in strips))
    before = reading.recording
    recording = assemble(
        strips,
        traces,
        reading.flat.px_per_mm,
        reading.calibration.speed,
        {s.lead: reading.calibration.gain_of(s.lead) for s in strips},
        fs=before.fs,
        seconds=located.seconds,
    )
    recording.name, recording.quality = before.name, lead_quality(recording, trust=reading.calibration.trust)
    gone = {*verify(before), *repeat_warnings(before.provenance.get("repeats", {}))}
    by_hand = f"leads named by hand: {'; '.join(changes)}"
    recording.warnings = [
        *(w for w in before.warnings if w not in gone), by_hand, *recording.warnings, *verify(recording)
    ]  # fmt: skip
    placed = {key: recording.provenance[key] for key in ("strips", "repeats")}
    recording.provenance = {**before.provenance, **placed, "leads_by_hand": changes}
    if located.layout:
        agreement = verify_layout(recording, located.layout)[0]
        recording.provenance["layout"] = {**before.provenance["layout"], "agreement": agreement}
    return Reading(recording, reading.flat, located, traces, reading.calibration)


def _rows(strips) -> list[list]:
    numbers = sorted({s.row for s in strips})
    return [sorted((s for s in strips if s.row == k), key=lambda s: s.x0) for k in numbers]


def _spelled(name: Name) -> str:
    return LEFT_OUT if name is None else f"{'-' if name[1] < 0 else ''}{name[0]}"


def _name(word: str, strip) -> Name:
    if word.lower() == LEFT_OUT:
        return None
    sign, plain = (-1, word[1:]) if word[0] in "-−–" else (1, word)
    lead = _BY_LOWER.get(plain.lower()) or (strip.lead if plain.upper() == strip.lead.upper() else None)
    if lead is None:
        raise LayoutError(
            f"'{word}' is no lead; write one of {', '.join(LEADS)}, a minus before it where it is printed upside down, "
            f"or {LEFT_OUT} for a strip to leave out"
        )
    return lead, sign


def _check_once(strips, names: list[Name]) -> None:
    """Raise LayoutError where a lead stands twice among the short strips, or twice among the rhythm strips."""
    for rhythm, which in ((False, "short"), (True, "rhythm")):
        before = Counter(s.lead for s in strips if s.rhythm == rhythm)
        after = Counter(n[0] for s, n in zip(strips, names, strict=True) if n and s.rhythm == rhythm)
        twice = [lead for lead, k in after.items() if k > 1 and k > before[lead]]
        if twice:
            raise LayoutError(
                f"{', '.join(twice)} would stand on more than one of the {which} strips; "
                f"name the other one too, or leave it out with {LEFT_OUT}"
            )


def _change(strip, name: Name) -> str:
    new = "left out" if name is None else _spelled(name)
    return f"row {strip.row + 1}, from {strip.t0:g} s: {_spelled((strip.lead, strip.sign))} → {new}"
