"""The checker: may a sentence be said of these measurements? Only what is understood to the last word passes.

A sentence is cut into parts at `;`, `(`, `)` and `but`. In each part every number must belong to one measurement and
equal it within its own rounding, every finding must have the status that is claimed, every name must be said something
of. Where two readings are possible the sentence is rejected, although one of them may be right.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from ecgseg.measure.model import ABSENT, NOT_ASSESSABLE, PRESENT, Measurements
from ecgseg.measure.rules_st import GROUPS
from ecgseg.report.lexicon import (
    AND,
    COMMA,
    NO,
    OR,
    PLAIN,
    STOP,
    UNKNOWN,
    Claim,
    Grade,
    Quantity,
    Territory,
    keys_of,
)
from ecgseg.report.reading import Because, Leads, Number, Unknown, items, plain
from ecgseg.report.wording import name_of, reason

# How much one of a unit is in the units of the measurements. 1 mm is 0.1 mV at the usual gain of 10 mm/mV.
_FACTORS = {
    "1/min": {"1/min": 1.0},
    "ms": {"ms": 1.0, "s": 1000.0},
    "mV": {"mV": 1.0, "µV": 0.001, "mm": 0.1},
    "deg": {"deg": 1.0},
    "%": {"%": 1.0},
    "beats": {"beats": 1.0},
    "mV·ms": {"mV·ms": 1.0},
}
# Rounding may not hide more than this, however few digits are written: 0.2 s is no PR of 156 ms.
_MOST_ROUNDING = {"1/min": 0.5, "ms": 5.0, "mV": 0.025, "deg": 0.5, "%": 0.5, "beats": 0.0, "mV·ms": 0.5}
_LETTERS = re.compile(r"[\x20-\x7e°µ·⟦⟧]*")
LONGEST = 400


@dataclass(frozen=True)
class Verdict:
    """Why a sentence may not be said (empty: it may), the keys of what it rests on, and those given as numbers."""

    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.reasons


class _Refused(Exception):
    """The message is the reason."""


def check(sentence: str, measurements: Measurements) -> Verdict:
    """Return whether one sentence (without its full stop) may be said of the measurements."""
    try:
        text, why = _take_reasons(sentence, measurements)
        if not _LETTERS.fullmatch(text):
            raise _Refused(f"signs that a report does not use: {sentence!r}")
        if len(text) > LONGEST:
            raise _Refused(f"longer than {LONGEST} letters")
        found = items(text)
        strange = [i.text for i in found if isinstance(i, Unknown)]
        if strange:
            raise _Refused(f"not in the vocabulary: {', '.join(dict.fromkeys(strange))}")
        evidence: list[str] = []
        numbers: list[str] = []
        for part in _parts(found):
            one = _Part(part, measurements, why)
            evidence += one.judge()
            numbers += one.numbers
        if not evidence:
            raise _Refused("says nothing that was measured or found")
    except _Refused as refused:
        return Verdict((str(refused),))
    return Verdict((), tuple(dict.fromkeys(evidence)), tuple(dict.fromkeys(numbers)))


def _take_reasons(sentence: str, m: Measurements) -> tuple[str, list[str]]:
    """Return the plain sentence with each reason out of the measurements as one sign, and the list of these reasons.

    A reason counts in the measurements' own words alone: digits for number words are other words.
    """
    keys = {x.reason: k for k, x in m.values.items() if x.reason}
    keys |= {x.reason: f"finding:{k}" for k, x in m.findings.items() if x.reason}
    text, said = plain(sentence), sentence.lower()
    known = {plain(words) for words in (reason(m, k) for k in keys.values()) if words.lower() in said}
    why = sorted((r for r in known if f": {r}" in text or f", {r}" in text), key=len, reverse=True)
    for k, words in enumerate(why):
        text = text.replace(f": {words}", f": ⟦{k}⟧").replace(f", {words}", f", ⟦{k}⟧")
    return text, why


def _parts(found: list[object]) -> list[list[object]]:
    parts: list[list[object]] = [[]]
    for item in found:
        if item is STOP:
            parts.append([])
        else:
            parts[-1].append(item)
    return [p for p in parts if any(i not in (PLAIN, COMMA, AND) for i in p)]


@dataclass
class _Named:
    """A measurement or finding that a part names, with what the part says of it."""

    item: Quantity | Claim
    at: int
    numbers: list[tuple[Number, str | None]] = field(default_factory=list)
    leads: tuple[str, ...] = ()
    said: bool = False

    @property
    def quantity(self) -> Quantity | None:
        return self.item if isinstance(self.item, Quantity) else self.item.value


class _Part:
    """One part of a sentence against the measurements."""

    def __init__(self, found: list[object], m: Measurements, why: list[str]):
        self.found, self.m, self.why = found, m, why
        self.named = [_Named(i, k) for k, i in enumerate(found) if isinstance(i, Quantity | Claim)]
        self.claims = [n for n in self.named if isinstance(n.item, Claim)]
        self.numbers: list[str] = []
        self.groups = tuple(i.group for i in found if isinstance(i, Territory))

    def judge(self) -> list[str]:
        """Return the keys of the evidence; raises _Refused."""
        unknown = self._has(UNKNOWN)
        because = [self.why[i.number] for i in self.found if isinstance(i, Because)]
        if unknown:
            return self._missing(because)
        self._bind_leads_and_numbers()
        negated = self._negated()
        self.numbers = self._numbers()
        evidence = self.numbers + self._grades(negated is not None) + self._findings(bool(negated), because)
        for one in self.named:
            if isinstance(one.item, Quantity) and not one.said:
                if not because or self._graded(one.item.key):
                    raise _Refused(f"names {_called(one.item)} and says nothing of it")
        if because and not self._numbers_of(because):
            raise _Refused("gives a reason for something else")
        return evidence

    def _has(self, mark) -> bool:
        return any(i is mark for i in self.found)

    def _missing(self, because: list[str]) -> list[str]:
        """Everything that the part names must be missing, for the reason given if one is."""
        if self._has(NO) or self._has(OR) or any(isinstance(i, Number | Grade) for i in self.found):
            raise _Refused("says of something missing more than that it is missing")
        lead = self._one_lead()
        keys = []
        for one in self.named:
            if isinstance(one.item, Claim):
                keys += [f"finding:{k}" for k in keys_of(one.item, self.groups)]
            else:
                keys.append(self._key(one.item, lead))
        if not keys or (lead and not any(isinstance(n.item, Quantity) and n.item.per_lead for n in self.named)):
            raise _Refused("does not say what is missing")
        for key in keys:
            there = self.m.findings[key[8:]].status != NOT_ASSESSABLE if key[:8] == "finding:" else self._value(key)[1]
            if there:
                raise _Refused(f"{name_of(key)} is there, not missing")
            if any(plain(reason(self.m, key)) != words for words in because):
                raise _Refused(f"{name_of(key)} is missing for another reason")
        return keys

    def _one_lead(self) -> str | None:
        leads = [i for i in self.found if isinstance(i, Leads)]
        if len(leads) > 1 or any(len(x.names) > 1 for x in leads):
            raise _Refused("several leads for something missing")
        return leads[0].names[0] if leads else None

    def _bind_leads_and_numbers(self) -> None:
        """Give each number and each lead to the name it belongs to; raises _Refused where that is not plain."""
        anchors = [n for n in self.named if n.quantity is not None or isinstance(n.item, Claim)]
        by_anchor: dict[int, list[object]] = {}
        for k, item in enumerate(self.found):
            if not isinstance(item, Number | Leads):
                continue
            if isinstance(item, Number) and item.unit is None:
                raise _Refused(f"the number {item.value:g} has no unit")
            before = [n for n in anchors if n.at < k]
            if isinstance(item, Number):
                before = [n for n in before if n.quantity is not None]
            if not before:
                before = self._first_behind(k)
            by_anchor.setdefault(before[-1].at, []).append(item)
        for one in anchors:
            self._share_out(one, by_anchor.get(one.at, []))

    def _first_behind(self, k: int) -> list[_Named]:
        """Return the name that stands right behind a number at the part's beginning: `a 160 ms PR interval`."""
        behind = [n for n in self.named if n.at > k and n.quantity is not None]
        between = self.found[k + 1 : behind[0].at] if behind else [None]
        if isinstance(self.found[k], Number) and behind and all(i is PLAIN for i in between):
            return behind[:1]
        if isinstance(self.found[k], Number) and self.found[k].unit == "1/min" and not self.named:
            raise _Refused("a rate without saying of what")
        raise _Refused("a number or a lead that belongs to nothing named")

    def _share_out(self, one: _Named, given: list[object]) -> None:
        numbers = [i for i in given if isinstance(i, Number)]
        leads = [i for i in given if isinstance(i, Leads)]
        names = tuple(name for item in leads for name in item.names)
        if len(set(names)) < len(names):
            raise _Refused(f"{_called(one.item)}: a lead is named twice")
        quantity = one.quantity
        if not numbers:
            one.leads = names
            if isinstance(one.item, Quantity) and names:
                raise _Refused(f"{_called(one.item)} with leads and without numbers")
            return
        if quantity is None or not quantity.per_lead:
            if len(numbers) > 1 or names:
                raise _Refused(f"{_called(one.item)} has one number and no leads of its own")
            one.numbers = [(numbers[0], None)]
            return
        kinds = [isinstance(i, Number) for i in given]
        turns = all(a != b for a, b in pairwise(kinds))
        if not turns or len(numbers) != len(leads) or len(names) != len(leads):
            raise _Refused(f"{_called(one.item)}: which number is of which lead is not plain")
        one.numbers = list(zip(numbers, names, strict=True))
        one.leads = names if isinstance(one.item, Claim) else ()

    def _negated(self) -> bool | None:
        """Return whether the findings are denied; None where it is a grade (`not prolonged`) that is."""
        at = [k for k, i in enumerate(self.found) if i is NO]
        listed = [k for k, i in enumerate(self.found) if i is OR]
        if len(at) > 1:
            raise _Refused("two negations in one part")
        if not at:
            if listed:
                raise _Refused("`or` without a negation: which of them?")
            return False
        if any(isinstance(i, Number) for i in self.found[at[0] :]):
            raise _Refused("a number behind a negation")
        places = [n.at for n in self.claims]
        if not places:
            if isinstance(self.found[min(at[0] + 1, len(self.found) - 1)], Grade) and not listed:
                return None
            raise _Refused("denies something that is no finding")
        if any(isinstance(i, Grade) for i in self.found):
            raise _Refused("a negation beside a grade")
        if any(n.at > at[0] for n in self.named if isinstance(n.item, Quantity)):
            raise _Refused("a negation before the name of a measurement")
        if at[0] > places[-1]:
            between = [i for i in self.found[places[0] + 1 : at[0]] if not isinstance(i, Territory)]
            if len(places) > 1 or any(i is not PLAIN for i in between):
                raise _Refused("what is denied is not plain")
            return True
        if at[0] > places[0] or any(i is not PLAIN for i in self.found[at[0] + 1 : places[0]]):
            raise _Refused("what is denied is not plain")
        self._one_list(places, listed)
        return True

    def _one_list(self, places: list[int], listed: list[int]) -> None:
        """A denied list must read `A, B or C`: after `A and B` or `A, B` the second may not be denied."""
        for k, (a, b) in enumerate(pairwise(places)):
            between = [i for i in self.found[a + 1 : b] if i is not PLAIN]
            if any(i not in (COMMA, OR) for i in between) or (k == len(places) - 2 and OR not in between):
                raise _Refused("which of the listed findings are denied is not plain")
        if any(k > places[-1] or k < places[0] for k in listed) or any(i is AND for i in self.found[places[-1] + 1 :]):
            raise _Refused("which of the listed findings are denied is not plain")

    def _numbers(self) -> list[str]:
        evidence = []
        for one in self.named:
            for number, lead in one.numbers:
                evidence.append(self._equal(one.quantity, number, lead))
                one.said = True
        return evidence

    def _equal(self, quantity: Quantity, number: Number, lead: str | None) -> str:
        key = self._key(quantity, lead)
        value, there = self._value(key)
        if not there:
            raise _Refused(f"{name_of(key)} is missing, and has no number")
        unit = self.m.values[key].unit
        factor = _FACTORS[unit].get(number.unit)
        if factor is None:
            raise _Refused(f"{name_of(key)} is in {unit}, not {number.unit}")
        said, within = number.value * factor, 0.5 * factor * 10.0**-number.decimals
        within = min(within, _MOST_ROUNDING[unit]) + 1e-6
        if quantity.depth and said > 0:
            value = abs(value)
        if abs(said - value) > within:
            raise _Refused(f"{name_of(key)} is {value:g} {unit}, not {number.value:g} {number.unit}")
        return key

    def _grades(self, plainly: bool) -> list[str]:
        evidence = []
        for grade, graded in self._graded_by():
            for one in graded:
                if one.item.per_lead:
                    raise _Refused(f"{_called(one.item)} has no usual range here")
                flag = self.m.values[one.item.key].flag
                if flag is None:
                    raise _Refused(f"{_called(one.item)} is not graded")
                if (flag == grade.flag) is not plainly:
                    raise _Refused(f"{_called(one.item)} is {flag}")
                evidence.append(one.item.key)
                one.said = True
        return evidence

    def _graded_by(self) -> list[tuple[Grade, list[_Named]]]:
        """Return each grade with what it grades: one grade all of the part, several each the name before it."""
        at = [k for k, i in enumerate(self.found) if isinstance(i, Grade)]
        named = [n for n in self.named if isinstance(n.item, Quantity)]
        if not at:
            return []
        if len(at) == 1 and named:
            return [(self.found[at[0]], named)]
        in_turn = len(at) == len(named) and all(
            n.at < k and (j == len(at) - 1 or k < named[j + 1].at)
            for j, (n, k) in enumerate(zip(named, at, strict=True))
        )
        # `PR 160 ms, long QRS`: an adjective of the next name is no grade of this one.
        if not in_turn or any(isinstance(self.found[k + 1], Quantity) for k in at[:-1]):
            raise _Refused("a grade, and which measurement it grades is not plain")
        return [(self.found[k], [n]) for k, n in zip(at, named, strict=True)]

    def _findings(self, negated: bool, because: list[str]) -> list[str]:
        if (self.groups or because) and not self.named:
            raise _Refused("leads or a reason, and nothing said of them")
        if self.groups and not any(n.item.kind for n in self.claims):
            raise _Refused("a group of leads for something that has none")
        evidence = []
        for one in self.claims:
            if one.item.topic:
                raise _Refused("says nothing that was measured or found")
            evidence += self._denied(one) if negated else self._stated(one)
        return evidence

    def _stated(self, one: _Named) -> list[str]:
        claim = one.item
        if claim.any_of:
            there = [k for k, _ in claim.needs if self.m.findings[k].status == PRESENT]
            if not there:
                raise _Refused(f"{name_of(f'finding:{claim.needs[0][0]}')} was not found")
            return [f"finding:{k}" for k in there]
        if claim.kind:
            keys = keys_of(claim, self.groups)
            there = [k for k in keys if self.m.findings[k].status == PRESENT]
            if not there or (self.groups and len(there) < len(keys)):
                raise _Refused(f"{name_of(f'finding:{keys[0]}')} was not found")
            if one.leads and not self.groups:
                there = [k for k in there if set(self.m.findings[k].leads) & set(one.leads)]
            if one.leads and set(one.leads) != {x for k in there for x in self.m.findings[k].leads}:
                raise _Refused(f"{name_of(f'finding:{keys[0]}')} was not found in just these leads")
            return [f"finding:{k}" for k in there]
        for key, status in claim.needs:
            if self.m.findings[key].status != status:
                raise _Refused(f"{name_of(f'finding:{key}')} is {self.m.findings[key].status.replace('_', ' ')}")
        leads = one.leads or claim.leads
        if leads and set(leads) != set(self.m.findings[claim.needs[0][0]].leads):
            raise _Refused(f"{name_of(f'finding:{claim.needs[0][0]}')} was not found in just these leads")
        return [f"finding:{key}" for key, _ in claim.needs]

    def _denied(self, one: _Named) -> list[str]:
        claim = one.item
        if one.numbers:
            raise _Refused("a number for what is denied")
        keys = keys_of(claim, self.groups)
        if claim.kind and one.leads and not self.groups:
            keys = [f"{claim.kind}_{g}" for g, leads in GROUPS.items() if set(leads) == set(one.leads)] or keys
        single = claim.kind or claim.any_of or (len(claim.needs) == 1 and claim.needs[0][1] == PRESENT)
        if not single or claim.leads:
            raise _Refused("denies several things at once")
        for key in keys:
            if self.m.findings[key].status != ABSENT:
                raise _Refused(f"{name_of(f'finding:{key}')} is {self.m.findings[key].status.replace('_', ' ')}")
        if one.leads and (not claim.kind or set(one.leads) != {x for k in keys for x in GROUPS[k.rpartition("_")[2]]}):
            raise _Refused("denied in single leads, which the rules do not tell")
        return [f"finding:{key}" for key in keys]

    def _numbers_of(self, because: list[str]) -> bool:
        """Return whether a reason without `not assessable` is why a measurement that is named is not graded."""
        keys = [n.item.key for n in self.named if isinstance(n.item, Quantity) and not n.item.per_lead]
        return bool(keys) and all(plain(self.m.values[k].reason or "") == words for k in keys for words in because)

    def _graded(self, key: str) -> bool:
        return key not in self.m.values or self.m.values[key].value is not None

    def _key(self, quantity: Quantity, lead: str | None) -> str:
        if quantity.per_lead and lead is None:
            raise _Refused(f"{_called(quantity)} without a lead")
        key = f"{quantity.key}.{lead}" if quantity.per_lead else quantity.key
        if key not in self.m.values:
            raise _Refused(f"{key} is not in the recording")
        return key

    def _value(self, key: str) -> tuple[float, bool]:
        value = self.m.values[key].value
        return (0.0, False) if value is None else (value, True)


def _called(item: Quantity | Claim) -> str:
    key = item.key if isinstance(item, Quantity) else item.kind or item.needs[0][0]
    return key.replace("_", " ")
