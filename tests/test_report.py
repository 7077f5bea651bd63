"""Reports in the template's words: they follow the measurements, say what is missing, and never more."""

import json
import re
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from report_cases import measured, simulated, with_status, with_values

from ecgseg.measure import measure
from ecgseg.measure.model import NOTICE, PRESENT
from ecgseg.measure.rules import all_findings
from ecgseg.output.files import OutputError
from ecgseg.recording import Recording
from ecgseg.report import SECTIONS, Reporter, ReportError, Sentence, read_measurements, template_report
from ecgseg.report.__main__ import main
from ecgseg.report.audit import unsupported
from ecgseg.report.files import read_recording, to_markdown
from ecgseg.report.wording import COMMON, name_of, shown

OPTIONS = {"kind": "template", "sex": None, "age": None, "model": None, "endpoint": None}
NUMBERS = [k for k in COMMON if k not in ("rr_mean", "rr_sd", "rr_rmssd", "limb_residual", "other_beats", "spikes")]


@pytest.fixture
def file(tmp_path):
    """A file of measurements and a function that changes one of its values."""
    path = tmp_path / "one.measurements.json"
    path.write_text(measured("st_elevation", 3).to_json(), encoding="utf-8")

    def change(key, value):
        content = json.loads(path.read_text(encoding="utf-8"))
        content["measurements"][key]["value"] = value
        path.write_text(json.dumps(content), encoding="utf-8")
        return read_measurements(path)

    return path, change


def text_of(m):
    return "\n".join(s.text for s in template_report(m).sentences)


def test_the_file_gives_the_same_report(file):
    path, _ = file
    assert text_of(read_measurements(path)) == text_of(measured("st_elevation", 3))


@pytest.mark.parametrize("key", NUMBERS)
def test_a_changed_value_changes_the_text_and_a_deleted_one_is_not_assessable(file, key):
    path, change = file
    before = read_measurements(path)
    if before.value(key) is None:
        pytest.skip("not measured here")
    if key == "rr_range":  # said only where it makes the rhythm irregular
        changed = change(key, 700.0)
        assert "Irregular rhythm; range of RR 700 ms" in text_of(changed)
        assert "Regularity: not assessable" in text_of(change(key, None))
        return
    old = f"{name_of(key)} {shown(before.values[key])}".lower()
    changed = change(key, before.value(key) + 7)
    new = f"{name_of(key)} {shown(changed.values[key])}".lower()
    assert old in text_of(before).lower() and old not in text_of(changed).lower() and new in text_of(changed).lower()
    gone = text_of(change(key, None)).lower()
    assert new not in gone
    assert any(name_of(key).lower() in line and "not assessable" in line for line in gone.splitlines())


def test_findings_follow_a_changed_value(file):
    _, change = file
    assert "bradycardia" in text_of(change("heart_rate", 41.0))
    assert "bradycardia" not in text_of(change("heart_rate", 61.0))
    wide = text_of(change("qrs", 150.0))
    assert "wide QRS" in wide and "with a wide QRS, ST lies off the line by itself" in wide
    assert "ST elevation in V" not in wide


def test_a_deleted_lead_takes_its_finding_along(file):
    path, change = file
    leads = read_measurements(path).findings["st_elevation_anterior"].leads
    assert leads
    for lead in ("V1", "V2", "V3", "V4", "V5", "V6"):
        after = change(f"st_j.{lead}", None)
    assert "ST elevation in V" not in text_of(after)
    assert re.search(r"Chest leads.*: .*not assessable", text_of(after))


def test_a_value_that_is_no_number_is_refused(file):
    path, change = file
    with pytest.raises(ReportError, match="not a number"):
        change("pr", "about 160")
    path.write_text("{}")
    with pytest.raises(ReportError, match="format is None"):
        read_measurements(path)


@pytest.mark.parametrize("kind", ["normal", "atrial_fibrillation", "left_bundle_branch_block", "paced_ventricle"])
def test_every_section_is_there_and_every_sentence_has_evidence(kind):
    recording = simulated(kind, 1, page=True)
    report = template_report(measured(kind, 1, page=True), recording)
    for section in SECTIONS:
        assert report.section(section), section
    m = measured(kind, 1, page=True)
    for sentence in report.sentences:
        assert sentence.text.endswith(".") and sentence.text[0] == sentence.text[0].upper()
        assert sentence.evidence or sentence.slot in ("scope", "none"), sentence
        for key in sentence.evidence:
            assert key in m.values or key.startswith("recording:") or key.removeprefix("finding:") in m.findings
    assert unsupported(report, m, only_models=False) == []
    assert template_report(m, recording) == report


def test_nothing_measured_says_so_and_gives_no_number():
    noise = np.random.default_rng(0).normal(0, 0.05, (12, 5000))
    for signal in (np.full((12, 5000), np.nan), np.zeros((12, 5000)), noise):
        recording = Recording("none", signal, 500)
        report = template_report(measure(recording, "male", 60), recording)
        said = " ".join(s.text for s in report.sentences if s.section not in ("quality", "disagreements"))
        assert "Nothing could be measured" in said
        assert "Heart rate: not assessable" in said and "PR interval: not assessable" in said
        assert not re.search(r"\d ?(ms|/min|°|mV)", said)


def test_a_value_at_its_limit_is_told():
    near = with_values(measured("normal", 3), pr=204.0, qrs=92.0, qtc_fridericia=400.0)
    said = " ".join(s.text for s in template_report(near).section("disagreements"))
    assert "PR interval 204 ms (limit 200 ms)" in said and "QRS" not in said
    far = with_values(near, pr=220.0)
    assert "limit" not in " ".join(s.text for s in template_report(far).section("disagreements"))


def test_fibrillation_has_no_pr_and_no_sinus_rhythm():
    m = measured("atrial_fibrillation", 3)
    said = text_of(m)
    assert m.findings["irregular_without_p"].status == PRESENT
    assert "Irregular rhythm without P waves, as in atrial fibrillation" in said
    assert "PR interval: not assessable" in said and "sinus" not in said.lower()


def test_sinus_rhythm_is_told_by_the_axis_of_p():
    assert "P waves before the QRS, as in sinus rhythm" in text_of(measured("normal", 3))
    for kind in ("supraventricular_tachycardia", "paced_ventricle", "complete_block_narrow"):
        assert "P waves as in sinus rhythm" not in text_of(measured(kind, 0))


@pytest.mark.parametrize(
    ("axis", "status"),
    [(45, "present"), (100, "not_assessable"), (-20, "not_assessable"), (-80, "absent"), (170, "absent")],
)
def test_a_p_axis_at_the_limit_is_not_judged(axis, status):
    m = with_values(measured("normal", 3), p_axis=float(axis))
    assert all_findings(m.values, "male", 60)["sinus_rhythm"].status == status


def test_a_long_pr_at_a_slow_rate_is_no_first_degree_block():
    m = measured("first_degree_block", 0)
    assert "first-degree" in text_of(m)
    slow = with_values(m, heart_rate=38.0)
    finding = all_findings(slow.values, "male", 60)["first_degree_block"]
    assert finding.status == "not_assessable" and "second degree" in finding.reason


def test_urgent_findings_come_first_and_contradictions_before_them():
    m = with_status(measured("normal", 0), PRESENT, "left_axis", "limb_leads_disagree")
    m = with_status(m, PRESENT, "st_elevation_inferior", leads=("II", "III"))
    summary = next(s.text for s in template_report(m).section("summary") if s.slot == "findings")
    places = [summary.index(x) for x in ("contradict", "ST elevation", "left axis deviation")]
    assert places == sorted(places)


def test_markdown_and_json_tell_what_made_them():
    recording = simulated("normal", 0)
    weights = {
        "file": "strip.safetensors",
        "sha256": "ab" * 32,
        "page": {"file": "page.safetensors", "sha256": "cd" * 32},
    }
    read = replace(
        recording,
        name="<b>scan_1</b>",
        provenance={"software": "ecgseg", "weights": weights, "layout": {"name": "12x1"}},
        quality={"I": 0.2, "V1": 0.9},
        warnings=["the gain is [assumed](http://x)"],
    )
    report = template_report(measured("normal", 0), read)
    text = report.to_markdown()
    assert text.count(NOTICE) == 2 and "strip.safetensors abababababab, page.safetensors cdcdcdcdcdcd" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [f"## {t}" for t in SECTIONS.values()]
    assert not re.search(r"(?<!\\)\]\(", text) and "not to be relied on: I" in text
    content = json.loads(report.to_json())
    assert content["notice"] == NOTICE and content["writer"] == "template" and content["prompt_version"] is None
    assert list(content["sections"]) == list(SECTIONS)
    assert content["sections"]["rhythm"][0]["evidence"][0] == "heart_rate"
    evil = replace(report, name="<b>x</b>", sentences=(Sentence("summary", "x", "a <i>b</i> `c` *d*"),))
    assert "<b>" not in evil.to_markdown() and "<i>" not in evil.to_markdown()


def test_files_are_written_together_and_not_over_others(tmp_path):
    reporter = Reporter({**OPTIONS, "sex": "female", "age": 50})
    stem = tmp_path / "one"
    reported = reporter.write(simulated("normal", 0), stem)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.measurements.json", "one.report.json", "one.report.md"]
    assert reported.measurements.patient == {"sex": "female", "age": 50.0}
    assert reporter.paths(stem) == [
        stem.with_name(f"one{s}") for s in (".measurements.json", ".report.md", ".report.json")
    ]
    with pytest.raises(OutputError, match="exists"):
        reporter.write(simulated("normal", 0), stem, overwrite=False)
    none = Reporter({**OPTIONS, "kind": "none"})
    assert none.write(simulated("normal", 0), tmp_path / "two") is None and none.paths(stem) == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"kind": "essay"}, "choices are template, llm, none"),
        ({"sex": "f"}, "expected male or female"),
        ({"age": 300}, "0 to 130"),
        ({"model": "smollm2"}, "need report=llm"),
        ({"kind": "llm", "model": None}, "needs report.model"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, why):
    with pytest.raises(ReportError, match=why):
        Reporter({**OPTIONS, **options})


def test_strips_without_names_make_a_report_without_findings():
    recording = simulated("normal", 0)
    unnamed = Recording("unnamed", recording.signal[:3], 500, ("R1", "R2S1", "R2S2"))
    report = template_report(measure(unnamed), unnamed)
    assert any("not assessable" in s.text for s in report.section("axis"))
    assert report.section("summary")


def test_command_line(tmp_path, capsys):
    path = tmp_path / "one.csv"
    simulated("normal", 0).write_csv(path)
    assert main([str(path), "report.sex=male", "report.age=60"]) == 0
    printed = capsys.readouterr().out
    assert "## Summary" in printed and "Patient: male, 60" in printed
    assert main([str(path), "--out", str(tmp_path / "out")]) == 0
    assert main([str(tmp_path / "out" / "one.measurements.json")]) == 0
    assert "Heart rate" in capsys.readouterr().out
    assert main([str(tmp_path / "none.csv")]) == 1
    assert main([str(path), "report=llm"]) == 2
    assert main([str(path), "report=nonsense"]) == 2
    assert main([str(path), "report=none"]) == 2
    assert "report.model" in capsys.readouterr().err


def test_what_the_json_beside_a_csv_tells_is_used(tmp_path):
    recording = simulated("normal", 0)
    recording = replace(recording, provenance={"software": "ecgseg", "speed_mm_s": 25.0}, quality={"I": 0.9})
    recording.write_csv(tmp_path / "one.csv")
    recording.write_json(tmp_path / "one.json")
    assert read_recording(tmp_path / "one.csv").quality == {"I": 0.9}
    (tmp_path / "one.json").write_text('{"other": 1}')
    assert read_recording(tmp_path / "one.csv").quality == {}


def test_the_pdf_shows_the_reports_text(tmp_path):
    from ecgseg.output.report_pdf import compose, rows_of

    recording = simulated("st_elevation", 3)
    report = template_report(measured("st_elevation", 3), recording)
    figure = compose(recording, None, rows_of(report.table), report.paragraphs(), datetime(2026, 1, 1))
    shown_texts = " ".join(t.get_text() for t in figure.axes[0].texts)
    assert "ST elevation" in shown_texts and "heart rate" in shown_texts
    assert to_markdown((report,)) == report.to_markdown()
