"""Rules on the form of the QRS: bundle branches, axis, voltage, Q waves, and electrodes on the wrong arm."""

from ecgseg.layout import LIMB_LEADS
from ecgseg.measure.facts import Facts, Missing, Outcome

_CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
_VOLTAGE_AGE = 35


def left_bundle_branch_block(facts: Facts) -> Outcome:
    """Left bundle branch block pattern.

    Criterion: QRS 120 ms or longer; no Q in I, V5 and V6; broad R (over 80 ms) in I and in V5 or V6, where RS may occur
    in the other; V1 mainly negative.
    Source: Surawicz et al., AHA/ACCF/HRS recommendations part III, Circulation 2009;119:e235.
    """
    if facts.need("qrs") < 120:
        return Outcome(False)
    left = [lead for lead in ("V5", "V6") if facts.measured((lead,))]
    if not left:
        raise Missing("neither V5 nor V6 was measured")
    broad = facts.wave("r_duration", "I") > 80 and any(facts.wave("r_duration", lead) > 80 for lead in left)
    no_q = all(facts.wave("q_duration", lead) < 20 or facts.wave("r_amplitude", lead) == 0 for lead in ("I", *left))
    return Outcome(broad and no_q and facts.need("qrs_area.V1") < 0, ("I", "V1", *left))


def right_bundle_branch_block(facts: Facts) -> Outcome:
    """Right bundle branch block pattern.

    Criterion: QRS 120 ms or longer; V1 or V2 mainly positive at the end (rsR', or a broad R: QRS area over 0); S longer
    than R or over 40 ms in I and V6.
    Source: Surawicz et al., AHA/ACCF/HRS recommendations part III, Circulation 2009;119:e235.
    """
    if facts.need("qrs") < 120:
        return Outcome(False)
    right = [lead for lead in ("V1", "V2") if facts.measured((lead,)) and facts.need(f"qrs_area.{lead}") > 0]
    if not facts.measured(("V1", "V2")):
        raise Missing("neither V1 nor V2 was measured")
    late = []
    for lead in ("I", "V6"):
        s, r = facts.wave("s_duration", lead), facts.wave("r_duration", lead)
        late.append(s > 40 or (s > r > 0))
    return Outcome(bool(right) and all(late), (*right, "I", "V6"))


def left_axis(facts: Facts) -> Outcome:
    """Left axis deviation.

    Criterion: QRS axis from -30 to -90 degrees.
    Source: Surawicz et al., AHA/ACCF/HRS recommendations part III, Circulation 2009;119:e235.
    """
    return Outcome(-90 <= facts.need("qrs_axis") < -30)


def right_axis(facts: Facts) -> Outcome:
    """Right axis deviation.

    Criterion: QRS axis from 90 to 180 degrees.
    Source: Surawicz et al., AHA/ACCF/HRS recommendations part III, Circulation 2009;119:e235.
    """
    return Outcome(facts.need("qrs_axis") > 90)


def extreme_axis(facts: Facts) -> Outcome:
    """Extreme axis.

    Criterion: QRS axis from -90 to -180 degrees.
    Source: Surawicz et al., AHA/ACCF/HRS recommendations part III, Circulation 2009;119:e235.
    """
    return Outcome(facts.need("qrs_axis") < -90)


def sokolow_lyon(facts: Facts) -> Outcome:
    """Left ventricular hypertrophy by voltage, Sokolow–Lyon.

    Criterion: S in V1 and the taller R of V5 and V6 together 3.5 mV or more; adults from 35 years, QRS under 120 ms.
    Source: Sokolow and Lyon, Am Heart J 1949;37:161; age: Hancock et al., Circulation 2009;119:e251.
    """
    _voltage_counts(facts)
    return Outcome(
        facts.deepest("V1") + max(facts.wave("r_amplitude", lead) for lead in ("V5", "V6")) >= 3.5, ("V1", "V5", "V6")
    )


def cornell(facts: Facts) -> Outcome:
    """Left ventricular hypertrophy by voltage, Cornell.

    Criterion: R in aVL and S in V3 together over 2.8 mV (men) or 2.0 mV (women); from 35 years, QRS under 120 ms.
    Source: Casale et al., Circulation 1987;75:565; age: Hancock et al., Circulation 2009;119:e251.
    """
    _voltage_counts(facts)
    total = facts.wave("r_amplitude", "aVL") + facts.deepest("V3")
    if facts.sex is None and 2.0 < total <= 2.8:
        raise Missing("the limit depends on sex, which is not known")
    return Outcome(total > (2.0 if facts.sex == "female" else 2.8), ("aVL", "V3"))


def _voltage_counts(facts: Facts) -> None:
    if facts.age is not None and facts.age < _VOLTAGE_AGE:
        raise Missing(f"the criterion is for adults from {_VOLTAGE_AGE} years")
    if facts.need("qrs") >= 120:
        raise Missing("a wide QRS changes the voltages by itself")


def low_voltage(facts: Facts) -> Outcome:
    """Low voltage.

    Criterion: QRS from top to bottom under 0.5 mV in all limb leads, or under 1.0 mV in all chest leads.
    Source: Surawicz and Knilans, Chou's Electrocardiography in Clinical Practice; Madias, Cardiology 2008;110:159.
    """
    for leads, limit in ((LIMB_LEADS, 0.5), (_CHEST, 1.0)):
        if len(facts.measured(leads)) == len(leads) and all(_swing(facts, lead) < limit for lead in leads):
            return Outcome(True, leads)
    if len(facts.measured(LIMB_LEADS + _CHEST)) < 12 and not _any_high(facts):
        raise Missing("not all limb or all chest leads were measured")
    return Outcome(False)


def _swing(facts: Facts, lead: str) -> float:
    return facts.wave("r_amplitude", lead) + max(-facts.wave("s_amplitude", lead), -facts.wave("q_amplitude", lead))


def _any_high(facts: Facts) -> bool:
    limb, chest = (facts.measured(leads) for leads in (LIMB_LEADS, _CHEST))
    return any(_swing(facts, x) >= 0.5 for x in limb) and any(_swing(facts, x) >= 1.0 for x in chest)


def arm_electrodes(facts: Facts) -> Outcome:
    """Arm electrodes may be exchanged.

    Criterion: P and QRS both mainly negative in I while the QRS is mainly positive in V6.
    Source: Batchvarov, Malik and Camm, Europace 2007;9:1081; positive V6 tells it from dextrocardia.
    """
    p, qrs, v6 = facts.wave("p_amplitude", "I"), facts.need("qrs_area.I"), facts.need("qrs_area.V6")
    return Outcome(p < 0 and qrs < 0 and v6 > 0, ("I", "V6"))


def limb_leads_disagree(facts: Facts) -> Outcome:
    """Limb leads do not agree with each other: misnamed, misplaced or misread.

    Criterion: over the QRS of the median beat, I + III - II or aVR + aVL + aVF is over 30 % of the largest limb lead.
    Source: Einthoven et al., Pflügers Arch 1913;150:275; Goldberger, Am Heart J 1942;23:483; 30 % is this package's.
    """
    return Outcome(facts.need("limb_residual") > 30)


FORM_RULES = {
    "limb_leads_disagree": limb_leads_disagree,
    "arm_electrodes": arm_electrodes,
    "left_bundle_branch_block": left_bundle_branch_block,
    "right_bundle_branch_block": right_bundle_branch_block,
    "left_axis": left_axis,
    "right_axis": right_axis,
    "extreme_axis": extreme_axis,
    "sokolow_lyon": sokolow_lyon,
    "cornell": cornell,
    "low_voltage": low_voltage,
}
