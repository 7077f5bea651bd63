"""Tables of clinical content: their figures on lines made by hand, old results, and the folder's own tables."""

import csv
from pathlib import Path

import numpy as np
import pytest

from ecgseg.evaluation import folder
from ecgseg.evaluation.clinical_tables import aims, clinical_section, main, p_lines, value_lines
from ecgseg.evaluation.results import CLINICAL, FIELDS, ResultsError, ResultsFile, read_rows
from ecgseg.ptb import load_records
from ecgseg.testpages import KnownPage, printed_leads


def line(**changes):
    plain = {"noise": "scan", "status": "read", "rate_error": 0.5, "pr_error": 2.0, "qrs_error": -4.0}
    plain |= {"qt_error": 10.0, "st_error": 0.02, "st_errors": {"I": 0.02, "V1": -0.06}, "lost_values": ""}
    plain |= {"new_values": "", "p_beats": 10.0, "p_lost": 0.0, "p_unread": 0.0, "p_free": 2.0, "p_invented": 0.0}
    return plain | changes


def refused(**changes):
    gone = {f"{name}_error": np.nan for name in ("rate", "pr", "qrs", "qt", "st")} | {"st_errors": {}}
    return line(**gone, status="refused", lost_values="rate pr qrs qt st", p_unread=10.0, p_free=0.0, **changes)


def by_value(rows, group="scan"):
    return {x["value"].split(",")[0]: x for x in value_lines(rows, "noise") if x["noise"] == group}


def test_errors_of_each_value():
    rows = [line(pr_error=e) for e in (-8.0, 2.0, 4.0)] + [line(pr_error=np.nan, new_values="pr qrs"), refused()]
    found = by_value(rows)
    assert [found["PR"][k] for k in ("n", "median", "p75", "lost", "before", "new")] == [3, 4.0, 6.0, 1, 4, 1]
    assert (found["PR"]["low"], found["PR"]["high"]) == pytest.approx((-7.5, 3.9))
    assert (found["QRS"]["median"], found["QRS"]["low"], found["QRS"]["new"]) == (4.0, -4.0, 1)
    assert (found["ST at J"]["n"], found["ST at J"]["median"]) == (4, 0.02)
    assert (found["ST at J"]["low"], found["ST at J"]["high"]) == pytest.approx((-0.06, 0.02))
    assert np.isnan(by_value([refused()])["QT"]["median"])


def test_p_waves_of_the_pages_read():
    (found,) = p_lines([line(p_lost=1.0, p_unread=1.0, p_invented=1.0), line(), refused()], "noise")
    assert (found["pages"], found["beats"], found["lost"], found["unread"], found["free"]) == (2, 20, 1, 1, 4)
    assert found["agree"] == pytest.approx(18 / 20) and found["agree_all"] == pytest.approx((18 + 3) / 24)
    assert np.isnan(p_lines([refused()], "noise")[0]["agree"])


def test_aims_are_judged_on_scans_alone():
    rows = [line(p_beats=100.0, p_lost=2.0), line(noise="photo", pr_error=50.0, p_lost=10.0)]
    said = aims(value_lines(rows, "noise"), p_lines(rows, "noise"))
    assert said.count("(reached)") == 5 and "QT, ms ≤ 8 (missed)" in said and "≥ 98% (reached)" in said
    photo = aims(value_lines(rows[1:], "noise"), p_lines(rows[1:], "noise"))
    assert "reached" not in photo and "missed" not in photo


def test_a_report_has_a_line_for_each_noise_level_and_for_all(tmp_path):
    rows = [line(), line(noise="photo", qt_error=-30.0), line(noise="photo", p_beats=np.nan)]
    text = "\n".join(clinical_section(rows, tmp_path))
    assert "1 pages of an older version" in text
    assert "| scan | QT, ms | 1 | 10 | 10 | +10 | +10 | 0 | 1 | 0 |" in text and "| all | QT, ms | 2 | 20 |" in text
    with open(tmp_path / "clinical.csv", newline="") as file:
        assert [(r["noise"], r["value"]) for r in csv.DictReader(file)][5] == ("photo", "heart rate, /min")
    assert (tmp_path / "p_waves.csv").is_file()
    assert clinical_section(rows[2:], tmp_path) == []


def old_file(path: Path) -> None:
    fields = [f for f in FIELDS if f not in CLINICAL]
    values = {"page": "a", "status": "read", "message": "one, two", "snr_db": "20.5", "leads": '{"I": [1, 2, 3]}'}
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fields, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerow(values)


def test_results_without_the_columns_are_read_and_grow(tmp_path, capsys):
    path = tmp_path / "results.csv"
    old_file(path)
    before = path.read_bytes()
    (old,) = ResultsFile(path).rows()
    assert path.read_bytes() == before and tuple(old) == FIELDS
    assert np.isnan(old["p_beats"]) and old["st_errors"] == {} and old["lost_values"] == "" and old["snr_db"] == 20.5
    ResultsFile(path).add({"page": "b", "p_beats": 7, "lost_values": "pr qt", "st_errors": '{"V1": 0.01}'})
    again, new = read_rows(path)
    assert {k: str(v) for k, v in again.items()} == {k: str(v) for k, v in old.items()}
    assert (new["p_beats"], new["lost_values"], new["st_errors"]) == (7.0, "pr qt", {"V1": 0.01})
    assert [p.name for p in tmp_path.iterdir()] == ["results.csv"]  # nothing is left over
    assert main([str(tmp_path)]) == 0
    assert "1 pages of an older version" in capsys.readouterr().out
    assert main([str(tmp_path / "nowhere")]) == 1 and "no results here" in capsys.readouterr().err
    (tmp_path / "other.csv").write_text(",".join(FIELDS[:-2]) + "\n")
    with pytest.raises(ResultsError, match="another version"):
        ResultsFile(tmp_path / "other.csv")


def test_a_folder_tells_it_by_variant(tmp_path):
    whole = load_records(split="val")[0]
    whole.signal = whole.signal[:, : round(6 * whole.fs)]
    pages = [KnownPage(name, name, None, printed_leads(whole)) for name in ("clean", "noisy")]
    shown = iter([whole, None])

    def digitize(image):
        found = next(shown)
        if found is None:
            raise folder.EcgsegError("no grid found")
        return found

    rows = folder.evaluate_pages(pages, digitize)
    assert rows[0]["rate_error"] == 0 and rows[0]["st_error"] == 0 and list(rows[0]) == list(rows[1])
    text = folder.clinical_report(rows, tmp_path)
    assert "| clean | heart rate, /min | 1 | 0 | 0 | +0 | +0 | 0 | 1 | 0 |" in text
    assert "| noisy | heart rate, /min | 0 | – | – | – | – | 1 | 1 | 0 |" in text and "Aims" not in text
