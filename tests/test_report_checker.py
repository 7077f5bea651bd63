"""The checker of reports: what is true passes, everything else does not, whichever way it is said."""

import re
from dataclasses import replace

import pytest
from report_cases import measured, with_status, with_values

from ecgseg.measure.model import ABSENT, NOT_ASSESSABLE, PRESENT
from ecgseg.measure.rules import RULES
from ecgseg.report.checker import check
from ecgseg.report.lexicon import phrases
from ecgseg.report.reading import items, plain, sentences
from ecgseg.report.template import all_slots
from ecgseg.report.wording import FINDINGS, finding_name
from ecgseg.simulate import KINDS


@pytest.fixture(scope="module")
def m():
    """A heart of known numbers: 72/min, PR 160, QRS 92, QT 380, ST elevation in V2 and V3, RR irregularity unknown."""
    found = measured("normal", 1)
    levels = {"st_j.V2": 0.21, "st_j.V3": 0.25, "s_amplitude.V1": -1.33, "r_amplitude.V5": 2.4, "t_amplitude.V2": 0.4}
    numbers = {"heart_rate": 72.0, "pr": 160.0, "qrs": 92.0, "qt": 380.0, "qtc_fridericia": 403.8, "qrs_axis": -12.0}
    found = with_values(found, **numbers, **levels, qtc_bazett=416.0, p_axis=None, other_beats=0)
    found = with_status(found, ABSENT, *RULES)
    found = with_status(found, PRESENT, "st_elevation_anterior", leads=("V2", "V3"))
    found = with_status(found, PRESENT, "sokolow_lyon", leads=("V1", "V5", "V6"))
    return with_status(found, NOT_ASSESSABLE, "irregular", "q_waves_inferior")


TRUE = [
    "Heart rate 72/min, within the usual range",
    "The heart rate is seventy-two bpm",
    "A heart rate of 72 beats per minute",
    "The PR interval is 160 ms",
    "PR interval of 0.16 s",
    "A 160 ms PR interval",
    "The PR interval is one hundred and sixty milliseconds",
    "The QRS duration is 92 ms and the QT interval is 380 ms",
    "QTc (Fridericia) 404 ms",
    "The QRS axis is -12°",
    "QRS axis minus 12 degrees",
    "There is ST elevation in V2 and V3",
    "ST elevation in the chest leads V2-V3 (J point: V2 0.21 mV, V3 250 µV)",
    "ST elevation in leads V2 and V3; J point V2 2.1 mm",
    "There is no ST depression or T inversion",
    "There is no ST depression in V1 to V6",
    "Tachycardia is absent",
    "No tachycardia, bradycardia or wide QRS",
    "Narrow QRS",
    "S in V1 −1.33 mV, R in V5 2.4 mV",
    "S in V1 1.33 mV",
    "The PR interval is not prolonged",
    "The PR interval is normal",
    "The PR interval is 160 ms, within the usual range, and the QRS duration is 92 ms, within the usual range",
    "The P axis is not assessable",
    "Pathological Q waves in the inferior leads: not assessable",
    "Left ventricular hypertrophy by voltage (Sokolow-Lyon)",
    "No tachycardia; ST elevation in the chest leads",
    "There are no beats of another form",
]
FALSE = [
    # numbers
    "Heart rate 73/min",
    "The heart rate is seventy-three bpm",
    "Heart rate 72 ms",
    "Heart rate 72",
    "The PR interval is 92 ms and the QRS duration is 160 ms",
    "PR interval 160 s",
    "PR interval 0.2 s",
    "PR interval 1.6 s",
    "The PR interval is 160-170 ms",
    "The PR interval is from 160 ms to 160 ms",
    "PR interval over 150 ms",
    "PR interval 160 ms or QRS duration 92 ms",
    "The PR interval is not 170 ms",
    "PR interval 160 ms, QRS duration 92 ms, 380 ms",
    "92 ms QRS, 92 ms PR interval normal",
    "The PR and QRS are 160 and 92 ms respectively",
    "Heart rate 72/min, 72/min",
    "QRS axis 12°",
    "QTc 416 ms",
    "P axis 45°",
    "P axis within the usual range",
    "J point V2 0.25 mV, V3 0.21 mV",
    "J point 0.21 mV in V2, 0.21 mV in V3, 0.25 mV",
    "J point V2 0.2 cm",
    "J point V2 -0.21 mV",
    "J point 0.21 mV",
    "R in V9 2.4 mV",
    "S in V1 1.3310001 mV",
    "Heart rate ７３/min",
    "Heart rate 7 2/min",
    "Heart rate 72,5/min",
    "Heart rate 7.2e1/min",
    "Heart rate is half of 144/min",
    "Heart rate seventy two three bpm",
    # grades
    "The PR interval is prolonged",
    "The PR interval is not normal",
    "The QT interval is normal",
    "PR interval 160 ms and QRS duration 92 ms, normal and wide",
    "PR interval 160 ms, normal QRS duration 92 ms, normal",
    "PR interval 160 ms, normal, and QRS duration 92 ms, prolonged",
    "Normal ECG",
    "Everything is normal",
    # findings
    "ST elevation in V2",
    "ST elevation in V2 to V4",
    "ST elevation in the inferior leads",
    "ST elevation in the chest leads and the inferior leads",
    "No ST elevation",
    "No ST elevation in the chest leads",
    "No ST depression in V1",
    "There is ST depression",
    "There is no T inversion and ST depression",
    "No ST depression, T inversion",
    "No ST depression with T inversion",
    "No T inversion or ST elevation",
    "There is not no tachycardia",
    "Tachycardia is not absent",
    "Tachycardia",
    "Tachycardia or bradycardia",
    "Sinus rhythm",
    "Regular rhythm",
    "Irregular rhythm",
    "No irregular rhythm",
    "Regularity",
    "No pathological Q waves",
    "Pathological Q waves in the inferior leads",
    "ST elevation is not assessable",
    "The PR interval is not assessable",
    "PR interval not assessable, 160 ms",
    "Left ventricular hypertrophy",
    "Left ventricular hypertrophy by voltage (Cornell)",
    "Atrial fibrillation",
    "Wolff-Parkinson-White syndrome",
    "Anterior infarction",
    "ST elevation in V2 and V3, consistent with infarction",
    "Acute ST elevation in V2 and V3",
    "ST elevation in V2 and V3 due to pericarditis",
    "The patient needs aspirin",
    "Possible tachycardia",
    "Is there ST elevation in V2 and V3?",
    # nothing
    "",
    "This is the ECG",
    "The PR interval",
    "The PR interval is 160 ms <script>",
    "The PR interval is 160 ms \u202e",
]


@pytest.mark.parametrize("text", TRUE)
def test_what_is_true_passes(m, text):
    verdict = check(text, m)
    assert verdict.accepted, verdict.reasons
    assert verdict.evidence


@pytest.mark.parametrize("text", FALSE)
def test_what_is_false_or_not_understood_does_not(m, text):
    assert not check(text, m).accepted


def test_evidence_is_what_the_sentence_rests_on(m):
    text = "ST elevation in the chest leads V2 and V3 (J point: V2 0.21 mV, V3 0.25 mV)"
    assert check(text, m).evidence == ("finding:st_elevation_anterior", "st_j.V2", "st_j.V3")
    assert check(text, m).numbers == ("st_j.V2", "st_j.V3")


def test_a_reason_must_be_the_measurements_own():
    paced = measured("paced_ventricle", 2)
    why = paced.values["pr"].reason
    assert check(f"PR interval: not assessable: {why}", paced).accepted
    assert not check("PR interval: not assessable: the heart is too fast", paced).accepted
    paced.values["pr"] = replace(paced.values["pr"], reason="two halves of the beats are 41 ms apart")
    assert check("PR interval: not assessable: two halves of the beats are 41 ms apart", paced).accepted
    assert not check("PR interval: not assessable: 2 halves of the beats are 41 ms apart", paced).accepted
    paced.values["pr"] = replace(paced.values["pr"], reason=why)
    assert not check(f"Low voltage: not assessable: {why}", paced).accepted
    assert not check(f"QRS duration {paced.value('qrs'):.0f} ms, {why}", paced).accepted


@pytest.fixture(scope="module")
def said():
    """Every sentence of the template over all kinds that a model may be asked to word."""
    out = []
    for k, kind in enumerate(KINDS):
        found = measured(kind, 5, ("male", "female", None)[k % 3], (60, 25, None)[k % 3], page=bool(k % 2))
        out += [(s, found) for s in all_slots(found) if not s.fixed]
    return out


def test_the_templates_own_sentences_pass(said):
    assert len(said) > 400
    for slot, found in said:
        verdict = check(slot.text.rstrip("."), found)
        assert verdict.accepted, (slot.text, verdict.reasons)
        assert set(slot.must) <= set(verdict.evidence), slot.text


def test_every_changed_number_is_rejected(said):
    tried = 0
    for slot, found in said:
        text = plain(slot.text.rstrip(".")).split("not assessable")[0].split("not graded")[0]
        for match in re.finditer(r"(?<![\w.])-?\d+(\.\d+)?(?= ms|/min|°| mV| beats)", text):
            digit = match.end() - 1
            other = text[:digit] + str((int(text[digit]) + 3) % 10) + text[digit + 1 :]
            assert not check(other.rstrip(" :,;"), found).accepted, other
            tried += 1
    assert tried > 300


def test_every_turned_negation_is_rejected(said):
    tried = 0
    for slot, found in said:
        text = slot.text.rstrip(".")
        turned = []
        if re.search(r"\bno\b", text, re.IGNORECASE) and NOT_ASSESSABLE.replace("_", " ") not in text:
            bare = re.sub(r"\bno ", "", text, flags=re.IGNORECASE)
            turned = [bare, bare.replace(" or ", " and ")]
        elif any(e.startswith("finding:") and found.findings[e[8:]].status == PRESENT for e in slot.evidence):
            turned = [f"no {text[0].lower()}{text[1:]}", f"{text} is absent"]
        for other in turned:
            assert not check(other, found).accepted, other
            tried += 1
    assert tried > 100


def test_every_finding_and_status_has_words():
    for key in RULES:
        assert finding_name(key)
    assert set(FINDINGS) == {k for k in RULES if not k.endswith(("_anterior", "_inferior", "_lateral"))}
    assert len(phrases()) > 200


def test_number_words_and_sentences():
    assert plain("seventy-two") == "72"
    assert plain("one hundred and five") == "105"
    assert plain("zero point two one") == "0.21"
    assert plain("first-degree") == "first-degree"
    assert sentences("PR 0.16 s. QRS 92 ms.\nQT 380 ms") == ["PR 0.16 s", "QRS 92 ms", "QT 380 ms"]
    assert [type(i).__name__ for i in items("V2-V4 1,200 ms")] == ["Leads", "Number"]
