"""What a report has to say about measurements, in order: a slot for each statement, worded by fixed templates.

The same measurements give the same text, and a model is given slots one by one: it may word them anew, but it can
neither leave one out nor add one.
"""

from dataclasses import dataclass, field

from ecgseg.layout import LIMB_LEADS
from ecgseg.measure.model import ABSENT, NOT_ASSESSABLE, PRESENT, Measurements
from ecgseg.measure.rules_st import GROUPS
from ecgseg.report.wording import (
    FINDINGS,
    KINDS,
    TERRITORIES,
    finding_name,
    lead_of,
    listed,
    name_of,
    reason,
    shown,
    upper,
)

NA = "not assessable"
_GRADED = {"normal": ", within the usual range", "high": ", above the usual range", "low": ", below the usual range"}
_BEAT_WAVES = {"t_inversion": "t_amplitude", "st_elevation": "st_j", "st_depression": "st_j"}
# A reader who sees only the first lines must see these: first what spoils the others, then what is urgent.
_ORDER = (
    "limb_leads_disagree",
    "arm_electrodes",
    *(f"{kind}_{group}" for kind in ("st_elevation", "st_depression") for group in GROUPS),
    "irregular_without_p",
    "pacing",
    "tachycardia",
    "bradycardia",
    "long_qtc",
    "short_qtc",
    "left_bundle_branch_block",
    "right_bundle_branch_block",
    "wide_qrs",
    *(f"{kind}_{group}" for kind in ("q_waves", "t_inversion") for group in GROUPS),
    "first_degree_block",
    "short_pr",
    "irregular",
    "other_beats",
    "extreme_axis",
    "left_axis",
    "right_axis",
    "sokolow_lyon",
    "cornell",
    "low_voltage",
)
_HEADLINE = ("heart_rate", "pr", "qrs", "qtc_fridericia", "qrs_axis")
# Said by another finding that is there as well.
_IMPLIED = {
    "irregular": ("irregular_without_p",),
    "wide_qrs": ("left_bundle_branch_block", "right_bundle_branch_block"),
}


@dataclass(frozen=True)
class Slot:
    """One statement: its section and name, the template's text, the keys of its evidence.

    must: those of the evidence keys that a text in its place has to speak of; fixed: never given to a model.
    """

    section: str
    name: str
    text: str
    evidence: tuple[str, ...]
    must: tuple[str, ...] = ()
    fixed: bool = field(default=False)


def measured_slots(m: Measurements) -> list[Slot]:
    """Return the slots of rhythm, intervals, axis, territories and the summary of findings."""
    return [*_rhythm(m), *_intervals(m), *_axis(m), *_territories(m), *_voltage(m), *_summary(m)]


def _slot(section: str, name: str, text: str, *evidence: str, fixed: bool = False, must=None) -> Slot:
    must = evidence if must is None else must
    return Slot(section, name, f"{upper(text)}.", tuple(dict.fromkeys(evidence)), tuple(dict.fromkeys(must)), fixed)


def _status(m: Measurements, key: str) -> str:
    return m.findings[key].status


def _graded(m: Measurements, key: str, *rules: str) -> tuple[str, list[str]]:
    """Return `name value, grade` or `name: not assessable: why`, and the evidence; `rules` that are there are named."""
    one = m.values[key]
    if one.value is None:
        return f"{name_of(key)}: {NA}: {reason(m, key)}", [key]
    there = [rule for rule in rules if _status(m, rule) == PRESENT]
    text = f"{name_of(key)} {shown(one)}"
    if there:
        return f"{text}: {listed(FINDINGS[r] for r in there)}", [key, *(f"finding:{r}" for r in there)]
    if one.reference is not None and one.flag is None and one.reason:
        return f"{text}, {one.reason}", [key]
    return f"{text}{_GRADED.get(one.flag, '')}", [key]


def _rhythm(m: Measurements) -> list[Slot]:
    text, evidence = _graded(m, "heart_rate", "tachycardia", "bradycardia")
    slots = [_slot("rhythm", "rate", text, *evidence)]
    slots.append(_regularity(m))
    if _status(m, "irregular_without_p") != PRESENT:
        slots.append(_p_waves(m))
    if _status(m, "other_beats") == PRESENT:
        text = f"{FINDINGS['other_beats']}: {shown(m.values['other_beats'])} beats"
        slots.append(_slot("rhythm", "other_beats", text, "finding:other_beats", "other_beats"))
    elif _status(m, "other_beats") == ABSENT:
        slots.append(_slot("rhythm", "other_beats", f"no {FINDINGS['other_beats']}", "finding:other_beats"))
    if _status(m, "pacing") == PRESENT:
        text = f"{FINDINGS['pacing']} before {shown(m.values['spikes'])} beats"
        slots.append(_slot("rhythm", "pacing", text, "finding:pacing", "spikes"))
    return slots


def _regularity(m: Measurements) -> Slot:
    key, slot = "irregular", "regularity"
    if _status(m, "irregular_without_p") == PRESENT:
        key = "irregular_without_p"
    if _status(m, key) == PRESENT:
        text = f"{FINDINGS[key]}; range of RR {shown(m.values['rr_range'])}"
        return _slot("rhythm", slot, text, f"finding:{key}", "rr_range")
    if _status(m, key) == ABSENT:
        return _slot("rhythm", slot, "regular rhythm of the usual beats", "finding:irregular")
    return _slot("rhythm", slot, f"regularity: {NA}: {reason(m, 'finding:irregular')}", "finding:irregular")


def _p_waves(m: Measurements) -> Slot:
    key = "finding:sinus_rhythm"
    if _status(m, "sinus_rhythm") == PRESENT:
        return _slot("rhythm", "p_waves", "P waves before the QRS, as in sinus rhythm", key)
    if _status(m, "sinus_rhythm") == ABSENT:
        text = f"P waves before the QRS, but not as in sinus rhythm; P axis {shown(m.values['p_axis'])}"
        return _slot("rhythm", "p_waves", text, key, "p_axis")
    return _slot("rhythm", "p_waves", f"sinus rhythm: {NA}: {reason(m, key)}", key)


def _intervals(m: Measurements) -> list[Slot]:
    slots = []
    for key, rules in (
        ("p_duration", ()),
        ("pr", ("first_degree_block", "short_pr")),
        ("qrs", ("wide_qrs",)),
    ):
        text, evidence = _graded(m, key, *rules)
        slots.append(_slot("intervals", key, text, *evidence))
    if _status(m, "wide_qrs") == PRESENT:
        slots.append(_bundles(m))
    if m.values["qt"].value is None:
        text = f"{_graded(m, 'qt')[0]}; {name_of('qtc_fridericia')} and {name_of('qtc_bazett')}: {NA}"
        return [*slots, _slot("intervals", "qt", text, "qt", "qtc_fridericia", "qtc_bazett")]
    slots.append(_slot("intervals", "qt", _graded(m, "qt")[0], "qt"))
    text, evidence = _graded(m, "qtc_fridericia", "long_qtc", "short_qtc")
    slots.append(_slot("intervals", "qtc", text, *evidence))
    beside = m.values["qtc_bazett"]
    text = f"{name_of('qtc_bazett')} {shown(beside)}" if beside.value is not None else _graded(m, "qtc_bazett")[0]
    return [*slots, _slot("intervals", "qtc_bazett", text, "qtc_bazett")]


def _bundles(m: Measurements) -> Slot:
    keys = ("left_bundle_branch_block", "right_bundle_branch_block")
    evidence = [f"finding:{k}" for k in keys]
    there = [k for k in keys if _status(m, k) == PRESENT]
    if there:
        return _slot("intervals", "bundles", listed(FINDINGS[k] for k in there), *(f"finding:{k}" for k in there))
    unknown = [k for k in keys if _status(m, k) == NOT_ASSESSABLE]
    if unknown:
        text = "; ".join(f"{FINDINGS[k]}: {NA}: {reason(m, f'finding:{k}')}" for k in unknown)
        return _slot("intervals", "bundles", text, *(f"finding:{k}" for k in unknown))
    return _slot("intervals", "bundles", "no left or right bundle branch block pattern", *evidence)


def _axis(m: Measurements) -> list[Slot]:
    text, evidence = _graded(m, "qrs_axis", "left_axis", "right_axis", "extreme_axis")
    slots = [_slot("axis", "qrs_axis", text, *evidence)]
    for key in ("p_axis", "t_axis"):
        slots.append(_slot("axis", key, _graded(m, key)[0], key))
    return slots


def _territories(m: Measurements) -> list[Slot]:
    """What is there, one statement each; what is not, one for territories alike; what cannot be told, by its reason."""
    slots, absent, unknown = [], {}, {}
    for group in GROUPS:
        for kind in KINDS:
            key = f"{kind}_{group}"
            if _status(m, key) == PRESENT:
                slots.append(_present(m, kind, group))
            elif _status(m, key) == ABSENT:
                absent.setdefault(group, []).append(kind)
            else:
                unknown.setdefault(reason(m, f"finding:{key}"), []).append((kind, group))
    alike: dict[tuple[str, ...], list[str]] = {}
    for group, kinds in absent.items():
        alike.setdefault(tuple(kinds), []).append(group)
    for kinds, groups in alike.items():
        text = f"{listed(TERRITORIES[g] for g in groups)}: no {listed((KINDS[k] for k in kinds), 'or')}"
        keys = [f"finding:{k}_{g}" for k in kinds for g in groups]
        slots.append(_slot("territories", f"absent_{'_'.join(groups)}", text, *keys))
    return slots + _not_told(unknown)


def _present(m: Measurements, kind: str, group: str) -> Slot:
    finding = m.findings[f"{kind}_{group}"]
    text = f"{TERRITORIES[group]}: {KINDS[kind]} in {listed(finding.leads)}"
    value = _BEAT_WAVES.get(kind)
    keys = [f"{value}.{lead}" for lead in finding.leads] if value else []
    if keys:
        what = {"st_j": "J point", "t_amplitude": "T amplitude"}[value]
        text += f" ({what}: {', '.join(f'{lead_of(k)} {shown(m.values[k])}' for k in keys)})"
    key = f"finding:{kind}_{group}"
    return _slot("territories", f"{kind}_{group}", text, key, *keys, must=(key,))


def _not_told(unknown: dict[str, list[tuple[str, str]]]) -> list[Slot]:
    """Return a statement for each reason and the kinds that miss in the same territories for it."""
    slots = []
    for why, pairs in unknown.items():
        by_groups: dict[tuple[str, ...], list[str]] = {}
        for kind in dict.fromkeys(kind for kind, _ in pairs):
            groups = tuple(group for k, group in pairs if k == kind)
            by_groups.setdefault(groups, []).append(kind)
        for groups, kinds in by_groups.items():
            text = f"{listed(TERRITORIES[g] for g in groups)}: {listed(KINDS[k] for k in kinds)}: {NA}: {why}"
            keys = [f"finding:{k}_{g}" for k in kinds for g in groups]
            slots.append(_slot("territories", f"unknown_{len(slots) + 1}", text, *keys))
    return slots


def _voltage(m: Measurements) -> list[Slot]:
    slots = []
    for key in ("sokolow_lyon", "cornell"):
        if _status(m, key) == PRESENT:
            slots.append(_hypertrophy(m, key))
    if _status(m, "low_voltage") == PRESENT:
        leads = m.findings["low_voltage"].leads
        where = "limb leads" if set(leads) <= set(LIMB_LEADS) else "chest leads"
        slots.append(_slot("territories", "low_voltage", f"low voltage in all {where}", "finding:low_voltage"))
    keys = ("sokolow_lyon", "cornell", "low_voltage")
    absent = [k for k in keys if _status(m, k) == ABSENT]
    if absent:
        text = f"no {listed(_joined(absent, 'or'), 'or')}"
        slots.append(_slot("territories", "voltage_absent", text, *(f"finding:{k}" for k in absent)))
    unknown: dict[str, list[str]] = {}
    for key in keys:
        if _status(m, key) == NOT_ASSESSABLE:
            unknown.setdefault(reason(m, f"finding:{key}"), []).append(key)
    for k, (why, found) in enumerate(unknown.items(), 1):
        text = f"{listed(_joined(found, 'and'))}: {NA}: {why}"
        slots.append(_slot("territories", f"voltage_unknown_{k}", text, *(f"finding:{key}" for key in found)))
    return slots


def _joined(keys: list[str], last: str) -> list[str]:
    """Return the findings' names, the two criteria of hypertrophy as one."""
    if not {"sokolow_lyon", "cornell"} <= set(keys):
        return [FINDINGS[k] for k in keys]
    both = f"left ventricular hypertrophy by voltage (Sokolow–Lyon {last} Cornell)"
    return [both, *(FINDINGS[k] for k in keys if k not in ("sokolow_lyon", "cornell"))]


def _hypertrophy(m: Measurements, key: str) -> Slot:
    """Name the voltages that were added: S (or Q of a QS) and the tallest R."""
    parts = [
        k for k in m.findings[key].evidence if "_amplitude." in k and k in m.values and m.values[k].value is not None
    ]
    tall = [k for k in parts if k.startswith("r_")]
    parts = [k for k in parts if k not in tall] + sorted(tall, key=m.value, reverse=True)[:1]
    text = FINDINGS[key]
    if parts:
        text += f" ({', '.join(f'{k[0].upper()} in {lead_of(k)} {shown(m.values[k])}' for k in parts)})"
    return _slot("territories", key, text, f"finding:{key}", *parts, must=(f"finding:{key}",))


def _summary(m: Measurements) -> list[Slot]:
    """What was measured, what was found, what is missing: a statement each."""
    known = [k for k in _HEADLINE if m.values[k].value is not None]
    if not known:
        text = f"nothing could be measured: {reason(m, 'heart_rate')}"
        return [_slot("summary", "numbers", text, "heart_rate", fixed=True)]
    parts = [FINDINGS["sinus_rhythm"]] if _status(m, "sinus_rhythm") == PRESENT else []
    evidence = ["finding:sinus_rhythm"] * len(parts) + known
    parts += [f"{name_of(k)} {shown(m.values[k])}" for k in known]
    slots = [_slot("summary", "numbers", "; ".join(parts), *evidence)]
    there = {f.key for f in m.present()}
    named = [k for k in _ORDER if k in there and not there & set(_IMPLIED.get(k, ()))]
    if named:
        text = f"findings: {'; '.join(_with_leads(m, k) for k in named)}"
        slots.append(_slot("summary", "findings", text, *(f"finding:{k}" for k in named)))
    else:
        judged = tuple(f"finding:{k}" for k in _ORDER if _status(m, k) == ABSENT)
        text = "none of the criteria that could be assessed is met"
        slots.append(_slot("summary", "findings", text, *judged, fixed=True))
    missing = [k for k in _HEADLINE if k not in known]
    if missing:
        slots.append(_slot("summary", "missing", f"{listed(name_of(k) for k in missing)}: {NA}", *missing))
    return slots


def _with_leads(m: Measurements, key: str) -> str:
    leads = m.findings[key].leads
    return finding_name(key) + (f" {listed(leads)}" if key.rpartition("_")[2] in GROUPS and leads else "")
