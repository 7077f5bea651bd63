"""Rules on rate, rhythm, conduction intervals, QT and pacing."""

from ecgseg.measure.facts import Facts, Missing, Outcome

_IRREGULAR_MS, _IRREGULAR_SHARE = 120.0, 0.15
_LEAST_OTHER_SHARE = 0.5
_SINUS_AXIS, _SINUS_UNSURE = (0.0, 90.0), 30.0  # degrees
_SLOW = 50.0


def tachycardia(facts: Facts) -> Outcome:
    """Tachycardia.

    Criterion: heart rate over 100 per minute.
    Source: Page et al., 2015 ACC/AHA/HRS guideline on supraventricular tachycardia, Circulation 2016;133:e506.
    """
    return Outcome(facts.need("heart_rate") > 100)


def bradycardia(facts: Facts) -> Outcome:
    """Bradycardia.

    Criterion: heart rate under 50 per minute.
    Source: Kusumoto et al., 2018 ACC/AHA/HRS guideline on bradycardia, Circulation 2019;140:e382.
    """
    return Outcome(facts.need("heart_rate") < 50)


def sinus_rhythm(facts: Facts) -> Outcome:
    """P waves as in sinus rhythm.

    Criterion: a P wave at a constant distance before the QRS, its axis from 0 to 90 degrees (upright in I and aVF). Not
    judged within 30 degrees outside of these, with pacemaker spikes, or where PR is short and the QRS wide; P waves
    that are not conducted are not looked for.
    Source: Surawicz and Knilans, Chou's Electrocardiography in Clinical Practice; the 30 degrees are this package's.
    """
    if _spiked(facts):
        raise Missing("pacemaker spikes before the beats: the atria may be paced")
    if facts.need("pr") < 120 and facts.need("qrs") >= 120:
        raise Missing("PR is short and the QRS wide: what starts the beats cannot be told")
    (low, high), axis = _SINUS_AXIS, facts.need("p_axis")
    beyond = max(low - axis, axis - high)
    if 0 < beyond <= _SINUS_UNSURE:
        raise Missing("the P axis lies at the limits of sinus rhythm")
    return Outcome(beyond <= 0)


def irregular(facts: Facts) -> Outcome:
    """Irregular rhythm.

    Criterion: longest and shortest RR between usual beats differ by more than 120 ms and 15 % of the mean RR.
    Source: 120 ms as for sinus arrhythmia, Surawicz and Knilans, Chou's Electrocardiography in Clinical Practice.
    """
    spread, mean = facts.need("rr_range"), facts.need("rr_mean")
    return Outcome(spread > _IRREGULAR_MS and spread > _IRREGULAR_SHARE * mean)


def irregular_without_p(facts: Facts) -> Outcome:
    """Irregular rhythm without P waves, as in atrial fibrillation.

    Criterion: irregular RR (as above, in several steps: RMSSD over 80 ms) and no repeating P wave before the QRS.
    Source: Hindricks et al., 2020 ESC guidelines on atrial fibrillation, Eur Heart J 2021;42:373.
    """
    spread, mean, steps = facts.need("rr_range"), facts.need("rr_mean"), facts.need("rr_rmssd")
    if facts.maybe("pr") is not None:
        return Outcome(False)
    uneven = spread > _IRREGULAR_MS and spread > _IRREGULAR_SHARE * mean and steps > 80
    reason = facts.values["pr"].reason or ""
    if uneven and "P wave" not in reason:
        raise Missing(f"pr is missing: {reason}")
    return Outcome(uneven)


def other_beats(facts: Facts) -> Outcome:
    """Beats of another form (ventricular, aberrant or fused).

    Criterion: one or more beats whose QRS does not correlate with the usual one (below 0.9 over all leads).
    Source: comparison of forms, no published limit; early and wide beats: Surawicz and Knilans.
    """
    return Outcome(facts.need("other_beats") >= 1)


def pacing(facts: Facts) -> Outcome:
    """Pacemaker spikes.

    Criterion: spikes narrower than 5 ms within 350 ms before at least half of the beats.
    Source: Kligfield et al., AHA/ACC/HRS recommendations part I, Circulation 2007;115:1306 (pulses of 0.5 ms and more).
    """
    return Outcome(_spiked(facts))


def _spiked(facts: Facts) -> bool:
    spikes = facts.need("spikes")
    return spikes >= 2 and spikes >= _LEAST_OTHER_SHARE * facts.values["spikes"].beats


def first_degree_block(facts: Facts) -> Outcome:
    """Long PR, as in first-degree atrioventricular block.

    Criterion: PR over 200 ms. Under 50 per minute it is not told from a block of second degree, in which PR of the
    conducted beats may be long as well.
    Source: Kusumoto et al., 2018 ACC/AHA/HRS guideline on bradycardia, Circulation 2019;140:e382.
    """
    if facts.need("pr") <= 200:
        return Outcome(False)
    if facts.need("heart_rate") < _SLOW:
        raise Missing("PR is long, but at a rate under 50 per minute a block of second degree is not excluded")
    return Outcome(True)


def short_pr(facts: Facts) -> Outcome:
    """Short PR.

    Criterion: PR under 120 ms.
    Source: Surawicz et al., AHA/ACCF/HRS recommendations part III, Circulation 2009;119:e235.
    """
    return Outcome(facts.need("pr") < 120)


def wide_qrs(facts: Facts) -> Outcome:
    """Wide QRS.

    Criterion: QRS 120 ms or longer.
    Source: Surawicz et al., AHA/ACCF/HRS recommendations part III, Circulation 2009;119:e235.
    """
    return Outcome(facts.need("qrs") >= 120)


def long_qtc(facts: Facts) -> Outcome:
    """Long QTc.

    Criterion: QTc (Fridericia) 460 ms (women) or 450 ms (men) and more, at 50 to 100 per minute, QRS under 120 ms.
    Source: Rautaharju et al., AHA/ACCF/HRS recommendations part IV, Circulation 2009;119:e241.
    """
    qtc = _graded_qtc(facts)
    if facts.sex is None and 450 <= qtc < 460:
        raise Missing("the limit depends on sex, which is not known")
    return Outcome(qtc >= (450 if facts.sex == "male" else 460))


def short_qtc(facts: Facts) -> Outcome:
    """Short QTc.

    Criterion: QTc (Fridericia) 360 ms or less, at 50 to 100 per minute and QRS under 120 ms.
    Source: Zeppenfeld et al., 2022 ESC guidelines on ventricular arrhythmias, Eur Heart J 2022;43:3997.
    """
    return Outcome(_graded_qtc(facts) <= 360)


def _graded_qtc(facts: Facts) -> float:
    qtc = facts.need("qtc_fridericia")
    if facts.values["qtc_fridericia"].flag is None:
        raise Missing(f"qtc_fridericia is {facts.values['qtc_fridericia'].reason}")
    return qtc


RHYTHM_RULES = {
    "tachycardia": tachycardia,
    "bradycardia": bradycardia,
    "sinus_rhythm": sinus_rhythm,
    "irregular": irregular,
    "irregular_without_p": irregular_without_p,
    "other_beats": other_beats,
    "pacing": pacing,
    "first_degree_block": first_degree_block,
    "short_pr": short_pr,
    "wide_qrs": wide_qrs,
    "long_qtc": long_qtc,
    "short_qtc": short_qtc,
}
