"""A second look at delivered reports that shares nothing with the checker: plain searches for numbers and names.

It is coarser (it does not know which number belongs to what), but it makes other errors than the checker: what both
let pass was counted twice in two ways.
"""

import re

from ecgseg.measure.model import PRESENT, Measurements
from ecgseg.report.model import Report, Sentence

_NOT_NUMBERS = re.compile(r"\bV[1-6]\b|12-lead|\bfirst-degree\b|60 ms after the J point")
_FOUND = re.compile(r"(?<![\w.])[−-]?\d+(?:\.\d+)?")
_DENIED = re.compile(r"\b(no|not|without|absent|neither|nor)\b", re.IGNORECASE)
_SCALES = (1.0, 0.001, 1000.0, 10.0)  # as measured; ms in s; mV in µV; mV in mm
# What may be written of a finding, and all that must not be written unless it is the name of one that is there.
_FINDINGS = {
    r"tachycardia": ["tachycardia"],
    r"bradycardia": ["bradycardia"],
    r"(?<!not as in )sinus rhythm|sinus (?:tachy|brady)": ["sinus_rhythm"],
    r"\birregular": ["irregular", "irregular_without_p"],
    r"another form": ["other_beats"],
    r"spikes": ["pacing"],
    r"first.degree": ["first_degree_block"],
    r"short pr": ["short_pr"],
    r"wide qrs|broad qrs": ["wide_qrs"],
    r"(?:long|prolonged) qtc": ["long_qtc"],
    r"short qtc": ["short_qtc"],
    r"left bundle": ["left_bundle_branch_block"],
    r"(?:right|or right) bundle": ["right_bundle_branch_block"],
    r"left.axis": ["left_axis"],
    r"right.axis": ["right_axis"],
    r"extreme axis": ["extreme_axis"],
    r"hypertrophy": ["sokolow_lyon", "cornell"],
    r"low voltage": ["low_voltage"],
    r"contradict": ["limb_leads_disagree"],
    r"exchanged": ["arm_electrodes"],
    r"st(?:.segment)? elevation": ["st_elevation_anterior", "st_elevation_inferior", "st_elevation_lateral"],
    r"st(?:.segment)? depression": ["st_depression_anterior", "st_depression_inferior", "st_depression_lateral"],
    r"t(?: wave)? inversion|inverted t": ["t_inversion_anterior", "t_inversion_inferior", "t_inversion_lateral"],
    r"q waves": ["q_waves_anterior", "q_waves_inferior", "q_waves_lateral"],
}
_GROUP_WORDS = {"anterior": "chest leads", "inferior": "inferior leads", "lateral": "high lateral leads"}
_BY_GROUP = {f"_{kind}_anterior" for kind in ("st_elevation", "st_depression", "t_inversion", "q_waves")}
_FIBRILLATION = "atrial fibrillation"
_NEVER = re.compile(
    r"infarct|isch[ae]|flutter|fibrillat|wpw|wolff|pre-?excit|pericard|myocard|angina|embol|hyperkal|hypokal|brugada|"
    r"ectop|premature|extrasyst|ventricular tachy|paced|pacemaker rhythm|second.degree|third.degree|complete|"
    r"wenckebach|mobitz|hemiblock|fascicular|repolari|strain|enlarge|dilat|abnormal|healthy|emergency|urgent|disease|syndrome|"
    r"diagnos|suggest|consistent with|likely|probab|due to|because|torsade|arrest|asystol|junction|escape|aberran",
    re.IGNORECASE,
)
# Words in brackets and half sentences that belong to a finding's own name.
_IN_NAMES = re.compile(
    r"\(ventricular, aberrant or fused\)|,? as in atrial fibrillation|\(sokolow.lyon(?: (?:or|and) cornell)?\)|"
    r"\(cornell\)|(?<=irregular rhythm) without p waves",
    re.IGNORECASE,
)
_TAIL = re.compile(r"(not assessable: |, not graded: )(.*)$")


def unsupported(report: Report, m: Measurements, only_models: bool = True) -> list[str]:
    """Return a line for each number and finding of the delivered sentences that the measurements do not hold.

    only_models: look at the sentences that a model worded; the template's too if False, except those on the page.
    """
    out = []
    for sentence in report.sentences:
        if (only_models and sentence.author == "template") or sentence.section in ("quality", "disagreements"):
            continue
        if sentence.slot in ("scope", "given", "doubtful", "warned"):
            continue
        out += [f"{sentence.slot}: number {n} in '{sentence.text}'" for n in _numbers(sentence, m)]
        out += [f"{sentence.slot}: {what} in '{sentence.text}'" for what in _findings(sentence, m)]
    return out


def _numbers(sentence: Sentence, m: Measurements) -> list[str]:
    """Return the numbers that are no rounded value of the sentence's own evidence."""
    own = [m.values[k].value for k in sentence.evidence if k in m.values and m.values[k].value is not None]
    wrong = []
    for number in _FOUND.findall(_NOT_NUMBERS.sub("", _without_reasons(sentence.text, m))):
        decimals = len(number.partition(".")[2])
        value = abs(float(number.replace("−", "-")))
        near = (abs(abs(v) * k - value) <= 0.5 * 10**-decimals + 1e-9 for v in own for k in _SCALES)
        if not any(near):
            wrong.append(number)
    return wrong


def _findings(sentence: Sentence, m: Measurements) -> list[str]:
    """Return the names of findings that have another status than the sentence says, and words that no rule raises."""
    wrong = []
    if _FIBRILLATION in sentence.text.lower() and m.findings["irregular_without_p"].status != PRESENT:
        wrong.append(_FIBRILLATION)
    text = _IN_NAMES.sub("", _without_reasons(sentence.text, m))
    wrong += [f"word '{w}'" for w in _NEVER.findall(text)]
    for part in re.split(r"[;()]|\bbut\b", text):
        denied = bool(_DENIED.search(part.replace("not assessable", "").replace("not graded", "")))
        wanted = "not_assessable" if "not assessable" in part else "absent" if denied else PRESENT
        for pattern, keys in _FINDINGS.items():
            if re.search(rf"(?<!\w)(?:{pattern})", part, re.IGNORECASE):
                named = [k for k in keys if _GROUP_WORDS.get(k.rpartition("_")[2], "-") in part.lower()] or keys
                status = {m.findings[k].status for k in named}
                # A denial or a refusal is about all of them; something is there if one is.
                if wanted not in status or (wanted != PRESENT and len(status) > 1 and "_" + keys[0] in _BY_GROUP):
                    wrong.append(f"'{pattern}' said to be {wanted}, it is {'/'.join(sorted(status))}")
    return wrong


def _without_reasons(text: str, m: Measurements) -> str:
    """Return the text without the reasons why something is missing, as long as measuring gave just these."""
    given = {x.reason for x in (*m.values.values(), *m.findings.values()) if x.reason}
    parts = []
    for part in text.rstrip(".").split("; "):
        found = _TAIL.search(part)
        known = found and any(found[2].rpartition(": ")[2] in reason for reason in given)
        parts.append(_TAIL.sub(r"\1", part) if known else part)
    return "; ".join(parts)
