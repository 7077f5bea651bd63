"""The closed vocabulary of a report. What is not in it is not understood, and what is not understood is not delivered.

A list of forbidden words would have to know every disease; this list has to know only what the rules can raise.
"""

from dataclasses import dataclass
from functools import lru_cache

from ecgseg.layout import LEADS, LIMB_LEADS
from ecgseg.measure.model import ABSENT, PRESENT
from ecgseg.measure.rules_st import GROUPS
from ecgseg.report.wording import FINDINGS, KINDS, TERRITORIES

CHEST_LEADS = LEADS[6:]


@dataclass(frozen=True)
class Quantity:
    """A measurement that is named; `per_lead`: its key needs a lead; `depth`: its sign may be left out."""

    key: str
    per_lead: bool = False
    depth: bool = False


@dataclass(frozen=True)
class Claim:
    """A finding that is named.

    needs: (finding, status) that must hold, all of them, or one where `any_of`; kind: one of KINDS, which takes a
    territory instead; value: the measurement a number beside it belongs to; leads: those the words themselves name;
    topic: the words name the question and not the answer, so that only `not assessable` may follow.
    """

    needs: tuple[tuple[str, str], ...] = ()
    kind: str = ""
    any_of: bool = False
    value: Quantity | None = None
    leads: tuple[str, ...] = ()
    topic: bool = False


@dataclass(frozen=True)
class Grade:
    """low, normal or high, as a measurement's flag."""

    flag: str


@dataclass(frozen=True)
class Territory:
    """A group of leads."""

    group: str


@dataclass(frozen=True)
class Mark:
    """A word that steers how others are read: no, or, stop, unknown (not assessable), or a word that says nothing."""

    role: str


NO, OR, AND, COMMA, STOP, UNKNOWN, PLAIN = (Mark(r) for r in ("no", "or", "and", "comma", "stop", "unknown", "plain"))

_QUANTITIES = {
    "heart_rate": ["heart rate", "ventricular rate", "rate"],
    "rr_mean": ["mean rr interval", "mean rr", "average rr interval"],
    "rr_sd": ["standard deviation of rr"],
    "rr_rmssd": ["rmssd of rr", "rmssd"],
    "rr_range": ["range of rr", "rr range", "rr intervals differ by up to", "rr intervals vary by up to"],
    "p_duration": ["p duration", "p wave duration", "duration of p", "duration of the p wave"],
    "pr": ["pr interval", "pr duration", "pr"],
    "qrs": ["qrs duration", "qrs interval", "qrs width", "duration of the qrs", "qrs complex", "qrs"],
    "qt": ["qt interval", "qt duration", "qt"],
    "qtc_fridericia": [
        *("qtc (fridericia)", "qtc interval (fridericia)", "fridericia qtc", "qtc by fridericia", "qtc interval"),
        *("corrected qt interval (fridericia)", "corrected qt interval", "corrected qt", "qtc fridericia", "qtc"),
    ],
    "qtc_bazett": ["qtc (bazett)", "qtc interval (bazett)", "bazett qtc", "qtc by bazett", "qtc bazett"],
    "p_axis": ["p axis", "p wave axis"],
    "qrs_axis": ["qrs axis", "electrical axis", "frontal qrs axis", "frontal axis", "axis of the qrs", "axis"],
    "t_axis": ["t axis", "t wave axis"],
    "limb_residual": ["disagreement of the limb leads"],
}
_PER_LEAD = {
    **{f"{w}_amplitude": [f"{w} amplitude", f"{w} wave amplitude", f"{w} wave", w] for w in "pqrst"},
    **{f"{w}_duration": [f"{w} wave duration", f"{w} duration"] for w in "qrst"},
    "st_j": ["j point", "st at the j point", "st level at the j point"],
    "st_j60": ["st 60 ms after the j point"],
    "qrs_area": ["qrs area"],
}
_GRADES = {
    "normal": [
        *("within the usual range", "in the usual range", "within the normal range", "in the normal range"),
        *("within normal limits", "normal"),
    ],
    "high": [
        *("above the usual range", "above the normal range", "prolonged", "long", "high", "elevated", "increased"),
        *("wide", "broad", "fast", "rapid"),
    ],
    "low": ["below the usual range", "below the normal range", "short", "shortened", "low", "slow", "reduced"],
}
_STEERING = {
    NO: ["no", "not", "without", "absent", "absence of"],
    OR: ["or", "nor"],
    AND: ["and"],
    COMMA: [","],
    STOP: [";", "(", ")", "but"],
    UNKNOWN: [
        *("not assessable", "not be assessed", "cannot be assessed", "could not be assessed", "not measurable"),
        *("could not be measured", "cannot be measured", "not available", "unavailable", "could not be determined"),
        *("cannot be determined", "not determined", "not measured", "missing"),
    ],
    PLAIN: [
        *(":", "a", "an", "the", "this", "is", "are", "was", "were", "has", "have", "of", "at", "in", "on", "with"),
        *("there", "also", "show", "shows", "showed", "shown", "seen", "found", "noted", "observed", "measured"),
        *("recorded", "detected", "present", "present in", "measures", "lasts", "ecg", "electrocardiogram", "12-lead"),
        *("recording", "tracing", "patient", "patient's", "value", "lead", "leads", "finding", "findings", "rhythm"),
        *("interval", "duration", "waves", "segment", "include", "includes", "about", "approximately", "by", "before"),
    ],
}
_HEART_RATE, _PR, _QRS, _QTC, _AXIS = (Quantity(k) for k in ("heart_rate", "pr", "qrs", "qtc_fridericia", "qrs_axis"))
_LVH = (("sokolow_lyon", PRESENT), ("cornell", PRESENT))
_BUNDLES = (("left_bundle_branch_block", PRESENT), ("right_bundle_branch_block", PRESENT))
_QUIET_RATE = (("tachycardia", ABSENT), ("bradycardia", ABSENT))
_WITHOUT_P = "irregular rhythm without p waves"


def _is(key: str, value: Quantity | None = None, **more) -> Claim:
    return Claim(((key, PRESENT),), value=value, **more)


_CLAIMS: list[tuple[Claim, list[str]]] = [
    (_is("tachycardia", _HEART_RATE), ["tachycardia"]),
    (_is("bradycardia", _HEART_RATE), ["bradycardia"]),
    (_is("sinus_rhythm"), ["p waves as in sinus rhythm", "p waves before the qrs, as in sinus rhythm", "sinus rhythm"]),
    (Claim((("sinus_rhythm", ABSENT),)), ["p waves before the qrs, but not as in sinus rhythm"]),
    (
        Claim((("sinus_rhythm", PRESENT), ("irregular", ABSENT), ("other_beats", ABSENT), *_QUIET_RATE)),
        ["normal sinus rhythm"],
    ),
    (Claim((("sinus_rhythm", PRESENT), ("tachycardia", PRESENT)), value=_HEART_RATE), ["sinus tachycardia"]),
    (Claim((("sinus_rhythm", PRESENT), ("bradycardia", PRESENT)), value=_HEART_RATE), ["sinus bradycardia"]),
    (_is("irregular"), ["irregular rhythm", "irregular"]),
    (_is("irregular", topic=True), ["regularity"]),
    (Claim((("irregular", ABSENT),)), ["regular rhythm of the usual beats"]),
    (Claim((("irregular", ABSENT), ("other_beats", ABSENT))), ["regular rhythm", "regular"]),
    (
        _is("irregular_without_p"),
        [f"{_WITHOUT_P}, as in atrial fibrillation", f"{_WITHOUT_P} as in atrial fibrillation", _WITHOUT_P],
    ),
    (
        _is("other_beats", Quantity("other_beats")),
        ["beats of another form (ventricular, aberrant or fused)", "beats of another form", "beat of another form"],
    ),
    (_is("pacing", Quantity("spikes")), ["pacemaker spikes", "pacing spikes"]),
    (
        _is("first_degree_block", _PR),
        [
            *(
                f"{first}{block}"
                for first in ("long pr interval, as in ", "long pr interval as in ", "")
                for block in ("first-degree atrioventricular block", "first-degree av block", "first degree av block")
            ),
        ],
    ),
    (_is("short_pr", _PR), ["short pr interval", "short pr"]),
    (_is("wide_qrs", _QRS), ["wide qrs complex", "wide qrs", "broad qrs complex", "broad qrs"]),
    (Claim((("wide_qrs", ABSENT),), value=_QRS), ["narrow qrs complex", "narrow qrs"]),
    (_is("long_qtc", _QTC), ["long qtc interval", "prolonged qtc interval", "long qtc", "prolonged qtc"]),
    (_is("short_qtc", _QTC), ["short qtc interval", "short qtc"]),
    *(
        (_is(f"{side}_bundle_branch_block"), [f"{side} bundle branch block pattern", f"{side} bundle branch block"])
        for side in ("left", "right")
    ),
    (Claim(_BUNDLES, any_of=True), ["left or right bundle branch block pattern", "left or right bundle branch block"]),
    (_is("left_axis", _AXIS), ["left axis deviation", "left-axis deviation"]),
    (_is("right_axis", _AXIS), ["right axis deviation", "right-axis deviation"]),
    (_is("extreme_axis", _AXIS), ["extreme axis deviation", "extreme axis"]),
    *(
        (
            _is(key),
            [
                f"{start} ({name})"
                for start in (
                    "left ventricular hypertrophy by voltage",
                    "voltage criteria for left ventricular hypertrophy",
                )
            ],
        )
        for key, name in (("sokolow_lyon", "sokolow-lyon"), ("cornell", "cornell"))
    ),
    (Claim(_LVH), ["left ventricular hypertrophy by voltage (sokolow-lyon and cornell)"]),
    (
        Claim(_LVH, any_of=True),
        [
            "left ventricular hypertrophy by voltage (sokolow-lyon or cornell)",
            *("left ventricular hypertrophy by voltage", "voltage criteria for left ventricular hypertrophy"),
        ],
    ),
    (_is("low_voltage"), ["low voltage"]),
    (_is("low_voltage", leads=LIMB_LEADS), ["low voltage in all limb leads"]),
    (_is("low_voltage", leads=CHEST_LEADS), ["low voltage in all chest leads"]),
    (_is("limb_leads_disagree"), ["limb leads that contradict each other"]),
    (_is("arm_electrodes"), ["arm electrodes possibly exchanged"]),
    (
        Claim(kind="st_elevation", value=Quantity("st_j", True)),
        ["st elevation", "st segment elevation", "st-segment elevation"],
    ),
    (
        Claim(kind="st_depression", value=Quantity("st_j", True, True)),
        ["st depression", "st segment depression", "st-segment depression"],
    ),
    (
        Claim(kind="t_inversion", value=Quantity("t_amplitude", True, True)),
        ["t inversion", "t wave inversion", "inverted t waves"],
    ),
    (
        Claim(kind="q_waves", value=Quantity("q_amplitude", True, True)),
        ["pathological q waves", "pathologic q waves", "abnormal q waves"],
    ),
]
_TERRITORIES = {
    "anterior": ["chest leads", "precordial leads"],
    "inferior": ["inferior leads"],
    "lateral": ["high lateral leads"],
}


@lru_cache
def phrases() -> dict[str, object]:
    """Return every phrase (small letters, one space) with what it means."""
    table: dict[str, object] = {}
    for words, item in (
        *((ws, Quantity(k)) for k, ws in _QUANTITIES.items()),
        *((ws, Quantity(k, True, k in ("q_amplitude", "s_amplitude"))) for k, ws in _PER_LEAD.items()),
        *((ws, claim) for claim, ws in _CLAIMS),
        *((ws, Grade(flag)) for flag, ws in _GRADES.items()),
        *((ws, Territory(group)) for group, ws in _TERRITORIES.items()),
        *((ws, mark) for mark, ws in _STEERING.items()),
    ):
        for phrase in words:
            if phrase in table:
                raise ValueError(f"the phrase '{phrase}' stands twice in the vocabulary")
            table[phrase] = item
    return table


def keys_of(claim: Claim, groups: tuple[str, ...]) -> list[str]:
    """Return the findings that a claim is about; one of a territory stands for all groups where none is named."""
    return [f"{claim.kind}_{g}" for g in groups or tuple(GROUPS)] if claim.kind else [key for key, _ in claim.needs]


assert set(_TERRITORIES) == set(TERRITORIES) == set(GROUPS) and {c.kind for c, _ in _CLAIMS if c.kind} == set(KINDS)
assert {key for claim, _ in _CLAIMS for key, _ in claim.needs} >= set(FINDINGS)
