"""Findings → Calibration: the speed and gain of a page from its calibration pulses and its printed text.

What decides, in this order: a value that the user gives; text and pulse that agree; the text; the pulse; the usual
25 mm/s and 10 mm/mV, with a warning. Where text and pulses contradict each other, nothing is averaged: pulses that
are well seen are believed before the text, because a pulse went through the same pen and the same picture as the
traces (what is 1 mV high in it is 1 mV high in them, even where the page's scale is wrong), while a text may be misread
or be printed without regard to what was drawn. The contradiction is a warning and costs confidence.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ecgseg.digitize.calibrate.caption import (
    CHEST,
    GAINS,
    LIMB,
    USUAL_SPEEDS,
    Printed,
    is_cut_off,
    parse_calibration,
)
from ecgseg.digitize.calibrate.ocr import TextLibraryError, read_lines, whole_lines
from ecgseg.digitize.calibrate.pulse import PulseSize, measure_pulse
from ecgseg.digitize.locate.findings import Box, Findings
from ecgseg.layout import LIMB_LEADS

NO_SPEED = "no speed was read on the page"
USUAL_SPEED, USUAL_GAIN = 25.0, 10.0  # mm/s, mm/mV: what most of the world's pages are printed with
SNAP = 0.10  # a pulse this near to a usual gain (relative) shows it: paper shrinks and scales err by less
WELL_READ = 0.75  # score from which a text is believed: misread ones score less on worn pages
SEEN = 0.5  # score from which a pulse is counted at all; other ink that looks like one reached 0.67
WELL_SEEN = 0.75  # score of a pulse, alone, that is believed before a text that says otherwise
OF_BEST = 0.7  # a pulse seen worse than this share of the best one may be something else
FEW = 1 / 3  # of the pulses may be odd without casting doubt on the others
IN_ROW_MM = 5.0  # of a row's trace stands the foot of its pulse; elsewhere squares of the grid look like one
PULSE_S = 0.2  # s: how long most machines hold the pulse; others draw it 5 mm wide at any speed
BESIDE_MM = 8.0  # how far a gain printed beside a lead's name may stand from it
INSIDE = 0.6  # of a text's area that lies in a line of text for it to be a piece of it
CUT_OFF = 1.5  # of a text's height: a digit or two
CUT_AROUND = 4.0, 12.0  # … before and after a unit without its number: that, and the rest of the line
MANY, MOST = 4, 0.75  # texts, and their share, that outvote others: a gain beside each name is misread here and there
TOO_SLOW = 0.25  # of the leads' quality where beats contradict the speed that was taken
UNTOLD = 0.4  # confidence in the usual gain of a page that says nothing of it: it is mostly right
GROUPS = (LIMB, CHEST)


@dataclass(frozen=True)
class Calibration:
    """The speed (mm/s) and gain (mm/mV) that a page is printed with, and how they were found.

    `gains` holds the gains of the groups "limb" and "precordial" where they differ, and is empty otherwise; `gain` is
    then that of the limb leads. `how` says for "speed" and "gain" which of given, text and pulse, text, pulse, beats
    and default it was, and lists the texts and pulses; confidences 0..1; `too_slow`: whether the page's beats say that
    the paper ran faster than was taken.
    """

    speed: float
    gain: float
    gains: dict[str, float] = field(default_factory=dict)
    how: dict = field(default_factory=dict)
    speed_confidence: float = 1.0
    gain_confidence: float = 1.0
    warnings: tuple[str, ...] = ()
    too_slow: bool = False

    @property
    def confidence(self) -> float:
        return min(self.speed_confidence, self.gain_confidence)

    @property
    def trust(self) -> float:
        """Return how far the leads' heights and times are to be believed, 0..1: less where what the page says of its
        gain contradicts itself than where it says nothing, and where its beats contradict its speed."""
        return min(1.0, self.gain_confidence / UNTOLD) * (TOO_SLOW if self.too_slow else 1.0)

    @property
    def speed_told(self) -> bool:
        """Whether the page or the user says the speed."""
        return self.how["speed"] != "default" and not _crept(self.how["speed"], self.speed)

    def doubted_by_beats(self, speed: float) -> "Calibration":
        """Return the calibration of a page whose beats are those of another speed (mm/s) than was taken."""
        doubt = f"rate, QRS and QT are those of a page printed at {speed:g} mm/s: check it, and give the speed with "
        return replace(self, too_slow=True, warnings=(*self.warnings, f"{doubt}digitize.speed=…"))

    def by_beats(self, speed: float) -> "Calibration":
        """Return the calibration of a page that tells no speed (mm/s) but by its beats and the length of its rows."""
        taken = f"{speed:g} mm/s was taken, by its beats and the length of its rows"
        warning = f"{NO_SPEED}: {taken}; if not, give digitize.speed=…"
        warnings = (*(w for w in self.warnings if not w.startswith(NO_SPEED)), warning)
        return replace(self, speed=speed, how={**self.how, "speed": "beats"}, speed_confidence=0.6, warnings=warnings)

    def gain_of(self, lead: str) -> float:
        """Return the gain in mm/mV of a lead; that of the page where its group has none of its own."""
        return self.gains.get(group_of(lead), self.gain)


@dataclass(frozen=True)
class _Found:
    """A value, how it was found, its confidence 0..1 and the warnings that belong to it."""

    value: object
    how: str
    confidence: float
    warnings: tuple[str, ...] = ()


def group_of(lead: str) -> str:
    """Return the group that a lead shares its gain with, limb or precordial."""
    return LIMB if lead in LIMB_LEADS else CHEST


def calibrate(
    findings: Findings,
    image: np.ndarray,
    px_per_mm: float,
    speed: float | None = None,
    gain: float | None = None,
    more: Callable[[], Sequence[tuple[Box, str, float]]] | None = None,
) -> Calibration:
    """Return a page's speed and gain; `speed` (mm/s) and `gain` (mm/mV) are the user's, None to find them.

    findings are those of the flat page `image` (H, W, 3) uint8 at `px_per_mm`, and in its pixels. `more` gives further
    lines of text, as `find_lines` does; it is asked where neither text nor pulses told both, or a text alone tells a
    speed that no page is printed with or an unusual gain. Without the library that reads text, calibration goes by the
    pulses alone and says so.
    """
    findings = replace(findings, texts=whole_lines(findings.texts))
    warnings: list[str] = []
    lines: list[tuple[str, float]] = []
    pulses = [p for box in findings.pulses if (p := measure_pulse(image, box, px_per_mm)) and p.score >= SEEN]

    def found() -> tuple[_Found, _Found, list[str]]:
        texts = [parse_calibration(text) if score >= WELL_READ else Printed() for text, score in lines]
        by_speed = _speed(texts, pulses) if speed is None else _Found(speed, "given", 1.0)
        by_gain = _Found({None: gain}, "given", 1.0)
        if gain is None:
            by_gain = _gain(
                _printed_gains(texts, findings, px_per_mm), _pulse_gains(pulses, findings, px_per_mm), pulses
            )
        return by_speed, by_gain, [piece for text in texts for piece in text.unread]

    try:
        if speed is None or gain is None:
            lines = _read(image, findings.texts)
        found_speed, found_gain, unread = found()
        untold = "default" in (found_speed.how, found_gain.how) or _crept(found_speed.how, found_speed.value)
        # Under a black grid 10 is read as 20: a text alone that states an unusual gain is read in another way too.
        unusual = found_gain.how == "text" and set(found_gain.value.values()) != {USUAL_GAIN}
        if more is not None and (untold or unusual):
            seen = more()
            told = [line for line in seen if parse_calibration(line[1]) != Printed()]
            # A whole line says what its pieces say, and rightly: "Chest 5 mm/mV" cut off says 5 mm/mV of all leads.
            pieces = [any(box.share_in(whole) > INSIDE for whole, *_ in told) for box in findings.texts]
            left = [(box, *line) for box, line, piece in zip(findings.texts, lines, pieces, strict=True) if not piece]
            if unusual:
                left = [line for line in left if not _denied(line, seen)]
            findings = replace(findings, texts=[box for box, *_ in (*left, *told)])
            lines = [(text, score) for _, text, score in (*left, *told)]
            found_speed, found_gain, unread = found()
    except TextLibraryError as error:
        warnings.append(str(error))
        found_speed, found_gain, unread = found()
    if unread:
        warnings.append(f"the page's text on its calibration was not understood: {', '.join(map(repr, unread))}")
    gains = found_gain.value
    apart = set(gains) == set(GROUPS)
    how = {
        "speed": found_speed.how,
        "gain": found_gain.how,
        "texts": [{"text": text, "score": round(score, 3)} for text, score in lines],
        "pulses": [
            {
                "heights_mm": [round(h, 2) for h in p.heights],
                "width_mm": round(p.width_mm, 2),
                "score": round(p.score, 2),
            }
            for p in pulses
        ],
    }
    return Calibration(
        speed=found_speed.value,
        gain=gains[LIMB] if apart else gains[None],
        gains=dict(gains) if apart else {},
        how=how,
        speed_confidence=found_speed.confidence,
        gain_confidence=found_gain.confidence,
        warnings=(*warnings, *found_speed.warnings, *found_gain.warnings),
    )


def _read(image: np.ndarray, boxes: Sequence[Box]) -> list[tuple[str, float]]:
    """Return what is printed in boxes of text and how sure that is; a speed at which no page is printed is read once
    more with what stands before it, which may have been cut off, and so is a unit without its number."""
    lines = read_lines(image, boxes)
    said = [parse_calibration(text) for text, _ in lines]
    wider = {}
    for k, (box, (text, _), printed) in enumerate(zip(boxes, lines, said, strict=True)):
        high = box.y1 - box.y0
        if printed.speed is not None and printed.speed < min(USUAL_SPEEDS):
            wider[k] = replace(box, x0=box.x0 - CUT_OFF * high)
        elif is_cut_off(text):
            wider[k] = replace(box, x0=box.x0 - CUT_AROUND[0] * high, x1=box.x1 + CUT_AROUND[1] * high)
    for k, (text, score) in zip(wider, read_lines(image, list(wider.values())), strict=True):
        told = parse_calibration(text)
        if score >= WELL_READ and (told.speed in USUAL_SPEEDS or (told.gain and said[k].speed is None)):
            lines[k] = (text, score)
    return lines


def _crept(how: str, speed: float) -> bool:
    """Return whether a text alone says that the paper crept: "25 mm/s" cut off at its left says 5."""
    return how == "text" and speed < min(USUAL_SPEEDS)


def _denied(line: tuple[Box, str, float], seen: Sequence[tuple[Box, str, float]]) -> bool:
    """Return whether a line of text states a gain that another reading of the same place does not."""
    gains = _stated_gains(line[1])
    there = [text for box, text, _ in seen if max(box.share_in(line[0]), line[0].share_in(box)) > INSIDE]
    return bool(gains) and bool(there) and all(_stated_gains(text) != gains for text in there)


def _stated_gains(text: str) -> dict:
    said = parse_calibration(text)
    return said.gains if said.gain is None else {None: said.gain}


def _speed(texts: Sequence[Printed], pulses: Sequence[PulseSize]) -> _Found:
    """Return the speed that the texts state, supported or doubted by the pulses' width, or the usual one."""
    stated = sorted({t.speed for t in texts if t.speed is not None})
    width = float(np.median([p.width_mm for p in pulses])) if pulses else None
    seen = "" if width is None else f"; the pulses are {width:.1f} mm wide, {PULSE_S:g} s at {width / PULSE_S:.3g} mm/s"
    if len(stated) == 1:
        supported = width is not None and abs(width / (PULSE_S * stated[0]) - 1) < SNAP
        return _Found(stated[0], "text and pulse" if supported else "text", 0.98 if supported else 0.95)
    usual = width is None or abs(width / (PULSE_S * USUAL_SPEED) - 1) < SNAP
    if stated:
        # The pulse's width is no proof, but it may tell which of two texts is about this page.
        fits = [s for s in stated if width is not None and abs(width / (PULSE_S * s) - 1) < SNAP]
        said = " and ".join(f"{s:g} mm/s" for s in stated)
        value = fits[0] if len(fits) == 1 else USUAL_SPEED
        warning = f"the page states {said}; {value:g} mm/s was taken{seen}; give the right one with digitize.speed=…"
        return _Found(value, "text and pulse" if len(fits) == 1 else "default", 0.3, (warning,))
    warning = f"{NO_SPEED}: {USUAL_SPEED:g} mm/s was taken{seen}; if not, give digitize.speed=…"
    return _Found(USUAL_SPEED, "default", 0.6 if usual else 0.2, (warning,))


def _gain(printed: dict[str | None, Counter], shown: dict[str | None, float], pulses: Sequence[PulseSize]) -> _Found:
    """Return the gain of all leads (under None), or those of both groups, from what is printed and what pulses show."""
    printed = _without_notes(printed)
    stated, contradicts = _settled(printed)
    heights = ", ".join(f"{h:.1f}" for p in pulses for h in p.heights)
    odd = ()
    if pulses and not shown:
        usual = ", ".join(f"{g:g}" for g in GAINS)
        odd = (
            f"the pulses ({heights} mm) have no usual height ({usual} mm), differ or stand in no row: they were not "
            "used; if the page is not to scale, give digitize.px_per_mm=…",
        )
    if contradicts or any(len(values) > 1 for values in printed.values()):
        said = ", ".join(sorted({f"{g:g} mm/mV" for values in printed.values() for g in values}))
        most = "" if contradicts else "; what most of its texts say was taken"
        odd += (f"the page states different gains: {said}{most}",)
    confidence = 0.4 if odd else 0.95
    if stated and shown:
        if _agree(stated, shown):
            return _Found(_complete({**shown, **stated}), "text and pulse", 0.98 if not odd else 0.8, odd)
        return _contradiction(stated, shown, pulses, odd)
    if stated:
        whole = None in stated or len(stated) == len(GROUPS)
        if not whole:
            group, value = next(iter(stated.items()))
            odd += (f"the page states the gain of the {group} leads only: {value:g} mm/mV was taken for all",)
        return _Found(_complete(stated), "text", confidence if whole else min(confidence, 0.3), odd)
    if shown:
        well = len(pulses) > 1 or pulses[0].score >= WELL_SEEN
        return _Found(_complete(shown), "pulse", min(confidence, 0.9 if well else 0.7), odd)
    warning = f"no gain was read on the page: {USUAL_GAIN:g} mm/mV was taken; if not, give digitize.gain=…"
    return _Found({None: USUAL_GAIN}, "default", 0.1 if odd else UNTOLD, (*odd, warning))


def _contradiction(stated: dict, shown: dict, pulses: Sequence[PulseSize], odd: tuple[str, ...]) -> _Found:
    """Return what is believed where text and pulses contradict each other: pulses that are well seen."""
    believe_pulse = len(pulses) > 1 or pulses[0].score >= WELL_SEEN
    value, how = (shown, "pulse") if believe_pulse else (stated, "text")
    warning = (
        f"the page states {_words(stated)}, but its pulses show {_words(shown)}: the {how} was believed; check it, "
        "and give digitize.gain=… if it is wrong"
    )
    return _Found(_complete(value), how, 0.3, (*odd, warning))


def _words(gains: dict) -> str:
    return ", ".join(f"{g:g} mm/mV" + (f" ({group})" if group else "") for group, g in gains.items())


def _without_notes(printed: dict[str | None, Counter]) -> dict[str | None, Counter]:
    """Return the gains that are stated without those of all leads that are one or the other group's: notes beside the
    names of leads, whose group was not read."""
    groups = [next(iter(printed[group])) for group in GROUPS if len(printed.get(group, ())) == 1]
    if len(groups) == len(GROUPS) and printed.get(None, {}).keys() <= set(groups):
        return {group: printed[group] for group in GROUPS}
    return printed


def _settled(printed: dict[str | None, Counter]) -> tuple[dict[str | None, float], bool]:
    """Return the gains on which all texts agree, or nearly all of many, and whether some contradict each other."""
    usual = {group: values.most_common(1)[0] for group, values in printed.items()}
    for group, (_, count) in usual.items():
        if len(printed[group]) > 1 and not (count >= MANY and count >= MOST * printed[group].total()):
            return {}, True
    settled = {group: gain for group, (gain, _) in usual.items()}
    groups = {group: gain for group, gain in settled.items() if group is not None}
    if None in settled and groups:
        # "10 mm/mV" beside "Limb: 10 mm/mV" says the same; beside "Chest: 5 mm/mV" it is that of the limb leads.
        if settled[None] not in groups.values() and len(groups) == len(GROUPS):
            return {}, True
        missing = next((g for g in GROUPS if g not in groups), None)
        return ({**groups, missing: settled[None]} if missing else groups), False
    return settled, False


def _agree(stated: dict, shown: dict) -> bool:
    """Return whether pulses show what is stated; pulses that no group could be given may show either group's gain."""
    if None in stated:
        return all(value == stated[None] for value in shown.values())
    if None in shown:
        return shown[None] in stated.values()
    return all(stated.get(group, value) == value for group, value in shown.items())


def _complete(gains: dict[str | None, float]) -> dict[str | None, float]:
    """Return gains as those of both groups where both are known and differ, otherwise as one for all."""
    if set(GROUPS) <= gains.keys() and gains[LIMB] != gains[CHEST]:
        return {group: gains[group] for group in GROUPS}
    return {None: next(gains[group] for group in (None, *GROUPS) if group in gains)}


def _printed_gains(texts: Sequence[Printed], findings: Findings, px_per_mm: float) -> dict[str | None, Counter]:
    """Return the gains that the texts state per group of leads, None for all, and how many state each; a note beside a
    name is its group's."""
    stated: dict[str | None, Counter] = {}
    for text, box in zip(texts, findings.texts, strict=False):  # no texts were read without the library
        for group, gain in text.gains.items():
            stated.setdefault(group, Counter())[gain] += 1
        if text.gain is not None:
            stated.setdefault(_noted(box, findings, px_per_mm), Counter())[text.gain] += 1
    notes = {group: stated[group] for group in GROUPS if group in stated}
    if None not in stated and len(notes) == 2 and notes[LIMB].keys() == notes[CHEST].keys():
        return {None: notes[LIMB] + notes[CHEST]}
    return stated


def _noted(box: Box, findings: Findings, px_per_mm: float) -> str | None:
    """Return the group of the lead whose name stands just left of a text on its line, None where none does."""
    for name in findings.names:
        apart = box.x0 - name.x1
        if -px_per_mm < apart < BESIDE_MM * px_per_mm and abs(name.y - box.y) < (name.y1 - name.y0) / 2 + px_per_mm:
            return group_of(name.lead)
    return None


def _pulse_gains(pulses: Sequence[PulseSize], findings: Findings, px_per_mm: float) -> dict[str | None, float]:
    """Return the gain that the pulses show: for all leads under None, or per group; empty where they show none.

    A stair shows the limb leads' gain first. Pulses of different rows may show the gain of their rows' leads. An
    unusual gain is not believed of a single pulse that stands in no row.
    """
    pulses = reliable(pulses)
    shown = [tuple(snap(h) for h in p.heights) for p in pulses]
    if not shown or any(gain is None for gains in shown for gain in gains):
        return {}
    alone = len(shown) == 1 and len(shown[0]) == 1
    if alone and shown[0] != (USUAL_GAIN,) and not _in_row(pulses[0], findings, px_per_mm):
        return {}
    stairs = {gains for gains in shown if len(gains) == 2}
    single = {gains[0] for gains in shown if len(gains) == 1}
    if len(stairs) == 1:
        limb, chest = next(iter(stairs))
        return {LIMB: limb, CHEST: chest} if single <= {limb, chest} else {}
    if stairs:
        return {}
    if len(single) == 1:
        return {None: single.pop()}
    groups: dict[str, set[float]] = {}
    for gains, leads in zip(shown, _rows_of(pulses, findings), strict=True):
        for group in {group_of(lead) for lead in leads}:
            groups.setdefault(group, set()).add(gains[0])
    if set(groups) == set(GROUPS) and all(len(values) == 1 for values in groups.values()):
        return {group: values.pop() for group, values in groups.items()}
    return {}


def _in_row(pulse: PulseSize, findings: Findings, px_per_mm: float) -> bool:
    """Return whether a pulse stands at the height of a row of trace, or no rows are known."""
    apart = [abs(s.baseline - pulse.foot) for s in findings.stretches]
    return not apart or min(apart) <= IN_ROW_MM * px_per_mm


def reliable(pulses: Sequence[PulseSize]) -> list[PulseSize]:
    """Return the pulses without those that are seen much worse than the best, and without a few odd ones.

    A few: less than a third, whose heights are no usual gain, or which stand alone among pulses of one height.
    """
    best = max((p.score for p in pulses), default=0.0)
    kept = [p for p in pulses if p.score >= OF_BEST * best]
    shown = [tuple(snap(h) for h in p.heights) for p in kept]
    usual = Counter(gains for gains in shown if None not in gains)
    often = {gains for gains, count in usual.items() if count > FEW * len(kept)} or set(usual)
    left_out = sum(gains not in often for gains in shown)
    if left_out >= FEW * len(kept):
        return kept
    return [p for p, gains in zip(kept, shown, strict=True) if gains in often]


def _rows_of(pulses: Sequence[PulseSize], findings: Findings) -> list[set[str]]:
    """Return per pulse the leads named in its row: names stand nearer to their own row than to the next."""
    leads: list[set[str]] = [set() for _ in pulses]
    feet = np.array([p.foot for p in pulses])
    for name in findings.names:
        leads[int(np.argmin(np.abs(feet - name.y)))].add(name.lead)
    return leads


def snap(height_mm: float) -> float | None:
    """Return the usual gain (mm/mV) that a pulse of this height shows, None where none is near."""
    gain = min(GAINS, key=lambda g: abs(np.log(max(height_mm, 1e-6) / g)))
    return gain if abs(height_mm / gain - 1) <= SNAP else None
