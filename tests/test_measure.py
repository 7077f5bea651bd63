"""Measurements: intervals against exact bounds, what must be missing, rules, and JSON that explains itself."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ecgseg.layout import LEADS
from ecgseg.measure import load_options, measure
from ecgseg.measure.__main__ import main
from ecgseg.measure.axis import frontal_axis
from ecgseg.measure.facts import Facts
from ecgseg.measure.judge import as_page, truth_of
from ecgseg.measure.leadwaves import qrs_waves
from ecgseg.measure.model import ABSENT, NOT_ASSESSABLE, PRESENT, Measurement
from ecgseg.measure.rules import RULES, all_findings, described
from ecgseg.measure.rules_st import st_elevation_limit
from ecgseg.paths import DATA
from ecgseg.recording import Recording, read_wfdb
from ecgseg.simulate import KINDS, add_artefacts, simulate_with_truth


def made(kind, seed=0, noise=(), **asked):
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    recording, truth = simulate_with_truth(rng, kind, **asked)
    right = truth_of(recording, truth)
    return (add_artefacts(recording, rng, list(noise)) if noise else recording), right


@pytest.mark.parametrize("seed", range(3))
def test_intervals_of_a_clean_recording_are_exact(seed):
    asked = {"rate": 60.0 + 9 * seed, "pr": 0.15 + 0.02 * seed, "qrs": 0.085 + 0.01 * seed, "qt": 0.38 + 0.01 * seed}
    recording, right = made("normal", seed, **asked)
    found = measure(recording)
    assert found.value("heart_rate") == pytest.approx(right["heart_rate"], rel=0.005)
    for key, within in (("pr", 5), ("qrs", 5), ("qt", 6), ("qrs_axis", 3)):
        assert found.value(key) == pytest.approx(right[key], abs=within), key
    assert found.value("qtc_fridericia") == pytest.approx(
        found.value("qt") / (found.value("rr_mean") / 1000) ** (1 / 3), abs=0.2
    )


def test_noise_and_a_printed_page_cost_some_milliseconds_only():
    recording, right = made("inverted_t", 1, noise=("wander", "mains"))
    for one in (recording, as_page(recording)):
        found = measure(one)
        assert found.value("heart_rate") == pytest.approx(right["heart_rate"], abs=1)
        assert found.value("pr") == pytest.approx(right["pr"], abs=10)
        assert found.value("qrs") == pytest.approx(right["qrs"], abs=10)
        assert found.value("qt") == pytest.approx(right["qt"], abs=15)
    # On the page each lead rests on its own few beats.
    assert found.values["st_j.V3"].beats < 6 <= found.values["st_j.II"].beats


def test_what_is_not_there_is_missing_with_its_reason():
    fibrillation = measure(made("atrial_fibrillation", 3)[0])
    assert fibrillation.value("pr") is None and fibrillation.value("p_axis") is None
    assert "P wave" in fibrillation.values["pr"].reason
    assert fibrillation.findings["irregular_without_p"].status == PRESENT
    assert fibrillation.findings["first_degree_block"].status == NOT_ASSESSABLE
    assert fibrillation.value("qrs") is not None
    for kind in ("asystole", "ventricular_fibrillation"):
        nothing = measure(made(kind, 1, noise=("muscle",))[0])
        assert all(m.value is None and m.reason for m in nothing.values.values()), kind
        assert all(f.status == NOT_ASSESSABLE for f in nothing.findings.values()), kind


def test_complete_block_and_pacing_have_no_pr():
    assert measure(made("complete_block_narrow", 0)[0]).value("pr") is None
    paced = measure(made("paced_ventricle", 2)[0])
    assert paced.value("pr") is None
    assert paced.findings["pacing"].status == PRESENT


def test_ventricular_beats_are_told_from_the_usual_ones():
    recording, right = made("premature_ventricular", 1)
    found = measure(recording)
    assert found.findings["other_beats"].status == PRESENT
    assert found.value("qrs") == pytest.approx(right["qrs"], abs=6)


@pytest.mark.parametrize(
    ("kind", "seed", "key"),
    [
        ("first_degree_block", 0, "first_degree_block"),
        ("left_bundle_branch_block", 1, "left_bundle_branch_block"),
        ("right_bundle_branch_block", 0, "right_bundle_branch_block"),
        ("sinus_bradycardia", 1, "bradycardia"),
        ("long_qt", 0, "long_qtc"),
        ("low_voltage", 1, "low_voltage"),
    ],
)
def test_kinds_raise_their_rule_and_name_its_evidence(kind, seed, key):
    found = measure(made(kind, seed)[0], "female", 60)
    finding = found.findings[key]
    assert finding.status == PRESENT
    assert finding.evidence and all(k in found.values for k in finding.evidence)


def test_an_empty_and_a_flat_recording_give_no_number():
    for signal in (np.full((12, 5000), np.nan), np.zeros((12, 5000))):
        found = measure(Recording("none", signal, 500))
        assert all(m.value is None for m in found.values.values())
        assert set(found.dropped) == set(LEADS)


def test_two_leads_and_unsure_samples():
    recording, right = made("normal", 2)
    two = Recording("two", recording.signal[:2], 500, LEADS[:2])
    assert measure(two).value("pr") == pytest.approx(right["pr"], abs=8)
    assert measure(two).findings["sokolow_lyon"].status == NOT_ASSESSABLE
    unsure = replace(recording, confidence=np.full(recording.signal.shape, 0.3))
    assert measure(unsure).value("heart_rate") is None
    half = replace(recording, confidence=np.full(recording.signal.shape, 0.7))
    assert measure(half).values["qrs"].confidence < measure(recording).values["qrs"].confidence


def test_exchanged_arms_are_suspected():
    recording = read_wfdb(DATA / "ptbdb" / "patient236" / "s0462_re", seconds=10)
    swapped = recording.signal.copy()
    swapped[[0, 1, 2, 3, 4, 5]] = recording.signal[[0, 2, 1, 4, 3, 5]]
    swapped[0] *= -1
    key = "arm_electrodes"
    assert measure(recording).findings[key].status == ABSENT
    assert measure(replace(recording, signal=swapped)).findings[key].status == PRESENT


def test_limb_leads_that_break_einthovens_law_are_told():
    recording, _ = made("normal", 0)
    mixed = recording.signal.copy()
    mixed[[0, 6]] = mixed[[6, 0]]  # V1 where I should be, as after a misread name
    key = "limb_leads_disagree"
    assert measure(recording).findings[key].status == ABSENT
    assert measure(replace(recording, signal=mixed)).findings[key].status == PRESENT
    chest = Recording("chest", recording.signal[6:], 500, LEADS[6:])
    assert measure(chest).findings[key].status == NOT_ASSESSABLE


def test_qrs_waves_are_named_by_order_and_sign():
    t = np.arange(100) * 0.001

    def bumps(*heights):
        n = len(heights)
        return np.concatenate([h * np.hanning(100 // n) for h in heights] + [np.zeros(100 - n * (100 // n))])

    assert set(qrs_waves(t, bumps(-0.2, 1.0, -0.5), 0.03, 6)) == {"Q", "R", "S"}
    assert set(qrs_waves(t, bumps(0.3, -0.5, 0.8), 0.03, 6)) == {"R", "S", "R2"}
    qs = qrs_waves(t, bumps(-1.0), 0.03, 6)
    assert set(qs) == {"Q"} and qs["Q"].height == pytest.approx(-1.0, abs=0.01)
    assert qrs_waves(t, bumps(0.02), 0.03, 6) == {}


@pytest.mark.parametrize("degrees", [-150, -60, 0, 45, 100, 179])
def test_axis_from_any_two_limb_leads(degrees):
    i, avf = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees)) * np.sqrt(3) / 2
    assert frontal_axis({"I": i, "aVF": avf})[0] == pytest.approx(degrees)
    assert np.isnan(frontal_axis({"I": i, "V1": 2.0})[0])


def test_every_rule_has_name_criterion_and_source():
    for key, rule in RULES.items():
        name, criterion, source = described(rule)
        assert name and criterion and source, key


def values_of(**numbers):
    return {k: Measurement(k, v, "mV", flag="normal", beats=10) for k, v in numbers.items()}


def test_st_limits_follow_sex_and_age():
    assert st_elevation_limit("II", None, None) == (0.1, 0.1)
    assert st_elevation_limit("V2", "male", 39) == (0.25, 0.25)
    assert st_elevation_limit("V3", "male", 40) == (0.2, 0.2)
    assert st_elevation_limit("V3", "female", None) == (0.15, 0.15)
    levels = {f"st_j.{lead}": 0.0 for lead in LEADS} | {"st_j.V2": 0.2, "st_j.V3": 0.2}
    values = values_of(qrs=90.0, spikes=0, **levels)
    status = {
        (sex, age): RULES["st_elevation_anterior"](Facts(values, sex, age)).there
        for sex, age in (("female", 30), ("male", 60), ("male", 30))
    }
    assert status == {("female", 30): True, ("male", 60): True, ("male", 30): False}
    unknown = all_findings(values, None, None)["st_elevation_anterior"]
    assert unknown.status == NOT_ASSESSABLE and "sex" in unknown.reason


def test_children_are_not_judged_by_adults_criteria():
    found = measure(made("sinus_bradycardia", 0)[0], "male", 8)
    assert all(f.status == NOT_ASSESSABLE for f in found.findings.values())
    assert all(m.flag is None for m in found.values.values())


def test_json_holds_a_number_or_a_reason_and_nothing_else():
    found = measure(as_page(made("flat_t", 1, noise=("wander", "muscle"))[0]), "male", 50)
    content = json.loads(found.to_json())
    for key, m in content["measurements"].items():
        assert m["key"] == key and m["unit"]
        assert (m["value"] is None) <= bool(m["reason"]), key
        if m["value"] is not None:
            assert m["method"] and m["leads"] and m["beats"] > 0, key
        if m["flag"] is not None:
            assert m["reference"]["source"], key
    row = found.table()[0]
    assert {"P_ms", "QRS_ms", "T_ms", "ST_ms", "PR_ms", "QT_ms", "QTc_ms", "Q_ms", "R_ms", "S_ms"} < set(row)
    assert {"P_uV", "Q_uV", "R_uV", "S_uV", "T_uV", "ST_uV"} < set(row)


def test_gates_refuse_what_is_not_plausible():
    recording, _ = made("normal", 0)
    options = {**load_options(), "gates": {**load_options()["gates"], "qrs": [200, 240]}}
    found = measure(recording, options=options)
    assert found.value("qrs") is None and "outside" in found.values["qrs"].reason
    assert found.findings["wide_qrs"].status == NOT_ASSESSABLE


def test_command_line(tmp_path, capsys):
    recording, _ = made("normal", 1)
    path = tmp_path / "one.csv"
    recording.write_csv(path)
    assert main([str(path), "--sex", "female", "--age", "50", "--out", str(tmp_path / "one.json")]) == 0
    out = capsys.readouterr().out
    assert "not a medical device" in out and "heart_rate" in out
    assert json.loads((tmp_path / "one.json").read_text())["patient"] == {"sex": "female", "age": 50.0}
    assert main([str(tmp_path / "none.csv")]) == 1
    with pytest.raises(ValueError, match="expected male or female"):
        measure(recording, "f")
