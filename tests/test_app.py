"""The web page's logic without a browser: corrections, names of strips, files, what is shown, what is forgotten."""

import csv
import io
import os
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from app_reading import FakeDigitizer, heart, reading
from PIL import Image

from ecgseg.app import desk as desk_module
from ecgseg.app import html
from ecgseg.app.corrections import Corrections, from_form
from ecgseg.app.desk import Desk
from ecgseg.app.folder import delete_old, private_folder, remove_abandoned, take
from ecgseg.app.relabel import grid, parse, renamed
from ecgseg.app.result import CHOICES, files_of, result_of
from ecgseg.app.sessions import Sessions
from ecgseg.digitize.options import OptionError, load_options
from ecgseg.errors import LayoutError, ReadError
from ecgseg.layout import LEADS
from ecgseg.recording import read_csv

SHOWN = "I aVR V1 V4\nII aVL V2 V5\nIII aVF V3 V6\nII"


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(desk_module, "Digitizer", FakeDigitizer)
    monkeypatch.setattr(FakeDigitizer, "read_so_far", 0)


def picture(colour="white", size=(80, 70), **save) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, **{"format": "PNG", **save})
    return data.getvalue()


def opened(**kwargs) -> Desk:
    desk = Desk(FakeDigitizer(), **kwargs)
    desk.open(picture(), "Ärzte scan.png")
    return desk


# corrections


def test_a_form_left_alone_corrects_nothing():
    assert from_form("auto", "auto", " ", None, "", "–", "") == Corrections()
    assert Corrections().options() == {}


def test_units_and_commas_are_understood():
    found = from_form("6x2_1r", "50 mm/s", "2,5", "11.8px/mm", "II x", "female", "61")
    assert found.options() == {"layout": "6x2_1r", "speed": 50.0, "gain": 2.5, "px_per_mm": 11.8}
    assert (found.sex, found.age, found.leads) == ("female", 61.0, "II x")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("speed", "fast", "speed is 'fast'; give a number of mm/s"),
        ("gain", "-10", "gain is '-10'"),
        ("gain", "0", "gain is '0'"),
        ("px_per_mm", "nan", "scale is 'nan'"),
        ("px_per_mm", "1e9", "scale is '1e9'"),
        ("age", "131", "age is '131'"),
        ("layout", "5x5", "layout is '5x5'; choose one of"),
        ("sex", "other", "sex is 'other'"),
    ],
)
def test_what_makes_no_sense_is_named(field, value, said):
    with pytest.raises(OptionError, match=said.replace("(", r"\(")):
        from_form(**{field: value})


# names of strips


def test_the_grid_of_names_lies_as_the_page_does():
    read = reading()
    assert grid(read.located.strips) == SHOWN
    assert grid(list(reversed(read.located.strips))) == SHOWN
    assert renamed(read, SHOWN.lower()) is read  # what was read: nothing is made anew


def test_swapping_two_leads_swaps_their_signals_and_says_so():
    read = reading()
    new = renamed(read, SHOWN.replace("V1", "?").replace("V2", "V1").replace("?", "V2")).recording
    old = read.recording
    seconds = slice(2600, 3700)  # where both V1 and V2 are printed
    np.testing.assert_array_equal(new.lead("V1")[seconds], old.lead("V2")[seconds])
    np.testing.assert_array_equal(new.lead("V2")[seconds], old.lead("V1")[seconds])
    np.testing.assert_array_equal(new.lead("V3"), old.lead("V3"))
    assert any("row 1, from 5 s: V1 → V2" in w and "row 2, from 5 s: V2 → V1" in w for w in new.warnings)
    assert new.provenance["leads_by_hand"] and "leads_by_hand" not in old.provenance
    assert {s["lead"] for s in new.provenance["strips"]} == set(LEADS)
    assert new.provenance["gains_mm_mv"] == old.provenance["gains_mm_mv"]


def test_swapped_limb_leads_are_doubted_anew():
    read = reading()
    wrong = renamed(read, "II aVR V1 V4\nI aVL V2 V5\nIII aVF V3 V6\nII")
    doubts = ("II = I + III does not hold", "II: the rhythm strip and the short strip disagree")
    assert all(any(d in w for w in wrong.recording.warnings) for d in doubts)
    assert wrong.recording.provenance["layout"]["agreement"] < 0.7
    right = renamed(wrong, SHOWN)  # named right again: the doubts are gone
    assert not any(d in w for w in right.recording.warnings for d in doubts)
    assert right.recording.provenance["layout"]["agreement"] > 0.95


def test_a_strip_left_out_leaves_a_gap_and_nothing_else():
    read = reading()
    new = renamed(read, SHOWN.replace("V4", "x")).recording
    assert not np.isfinite(new.lead("V4")).any() and "V4" not in new.windows
    for lead in set(LEADS) - {"V4"}:
        np.testing.assert_array_equal(new.lead(lead), read.recording.lead(lead))
    assert any("no trace found for V4" in w for w in new.warnings)


def test_a_minus_turns_a_lead_over():
    read = reading()
    new = renamed(read, SHOWN.replace("aVR", "-aVR")).recording
    mv, before = new.lead("aVR"), read.recording.lead("aVR")
    known = np.isfinite(mv) & np.isfinite(before)
    assert known.sum() > 1000
    np.testing.assert_allclose(mv[known], -before[known], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I II", "1 lines of 2 names; the page was read as 4 lines of 4, 4, 4, 1 names"),
        (SHOWN.replace("V4", "V7"), "'V7' is no lead"),
        (SHOWN.replace("V4", "V1"), "V1 would stand on more than one of the short strips"),
        ("x x x x\nx x x x\nx x x x\nx", "all strips are left out"),
        (SHOWN.replace("V4", "-"), "'-' is no lead"),
    ],
)
def test_names_that_do_not_fit_are_refused(text, said):
    with pytest.raises(LayoutError, match=said):
        parse(text, reading().located.strips)


# the desk


def test_the_csv_is_that_of_the_recording_and_the_zip_holds_all():
    desk = opened()
    result = desk.run()
    assert desk.make_files([*CHOICES]) == [] and result.name == "Arzte_scan"
    names = set(desk.files)
    assert {f"Arzte_scan.{s}" for s in ("csv", "hea", "dat", "npz", "parquet", "edf", "dcm", "report.pdf")} <= names
    assert {f"Arzte_scan.{s}" for s in ("overlay.png", "redrawn.png", "json", "report.md", "measurements.csv")} <= names
    archive = zipfile.ZipFile(io.BytesIO(desk.files["Arzte_scan.zip"]))
    assert set(archive.namelist()) == names - {"Arzte_scan.zip"}
    assert all(archive.read(name) == desk.files[name] for name in archive.namelist())


def test_the_csv_reads_back_as_the_printed_signal(tmp_path):
    desk = opened()
    desk.run()
    desk.make_files(["csv"])
    (tmp_path / "a.csv").write_bytes(desk.files["Arzte_scan.csv"])
    back = read_csv(tmp_path / "a.csv").lead("V5")
    known = np.isfinite(back)
    shift = back[known] - heart().lead("V5")[: len(back)][known]
    assert known.sum() > 1200 and shift.std() < 2e-3  # paper does not say where 0 mV is


def test_only_what_changed_is_made_anew():
    desk = opened()
    first = desk.run()
    assert desk.run(Corrections(sex="male", age=50.0)).measurements.patient == {"sex": "male", "age": 50.0}
    desk.run(Corrections(leads=SHOWN.replace("V4", "x")))
    assert FakeDigitizer.read_so_far == 1
    again = desk.run(Corrections(gain=5.0))
    assert FakeDigitizer.read_so_far == 2
    twice, once = again.reading.recording.lead("V5"), first.reading.recording.lead("V5")
    np.testing.assert_allclose(np.nanmax(twice), 2 * np.nanmax(once), rtol=0.01)


def test_names_on_show_are_not_forced_on_another_layout():
    desk = opened()
    shown = desk.run().leads
    assert desk.run(Corrections(layout="6x2_1r", leads=shown)).leads != shown
    with pytest.raises(LayoutError, match="the page was read as 7 lines"):
        desk.run(Corrections(layout="6x2_1r", leads=SHOWN.replace("V4", "x")))


def test_corrections_of_leads_stay_while_other_things_change():
    desk = opened()
    desk.run()
    left_out = SHOWN.replace("V4", "x")
    assert desk.run(Corrections(leads=left_out)).leads == left_out  # as typed, so that it can be typed on
    assert desk.run(Corrections(leads="\n" + left_out.lower())).leads == left_out
    result = desk.run(Corrections(leads=SHOWN.replace("V4", "x"), age=40.0))
    assert not np.isfinite(result.reading.recording.lead("V4")).any()


def test_a_bad_file_is_refused_by_its_name_and_forgets_the_one_before():
    desk = opened(max_bytes=2000)
    desk.run()
    with pytest.raises(ReadError, match=r"notes.txt is a text file"):
        desk.open(b"hello there, this is no picture", "notes.txt")
    with pytest.raises(ReadError, match="drop one on the page first"):
        desk.run()
    with pytest.raises(ReadError, match="more than the limit of 0 MB"):
        desk.open(b"x" * 2001, "big.png")
    assert desk.result is None and desk.files == {}


def test_too_many_pixels_are_refused_before_decoding():
    desk = Desk(FakeDigitizer(options=load_options(max_pixels=1_000_000)))
    desk.open(picture(size=(2_000, 600)), "bomb.png")
    with pytest.raises(ReadError, match=r"bomb.png has 2000×600 pixels \(1 million\), more than the limit"):
        desk.run()


def test_each_page_of_a_file_has_a_name_of_its_own():
    pages = [Image.new("RGB", (80, 70), c) for c in ("white", "grey")]
    data = io.BytesIO()
    pages[0].save(data, format="TIFF", save_all=True, append_images=pages[1:])
    desk = Desk(FakeDigitizer())
    assert desk.open(data.getvalue(), "two.tif") == 2
    assert (desk.run(page=1).name, desk.run(page=2).name) == ("two_p1", "two_p2")


def test_each_record_of_a_page_has_a_name_of_its_own_and_is_corrected_by_itself():
    desk = Desk(FakeDigitizer())
    desk.open(picture(colour="lime"), "two.png")
    first, before = desk.run(), FakeDigitizer.read_so_far
    second = desk.run(record=2)
    assert (first.name, second.name, desk.records, FakeDigitizer.read_so_far) == ("two", "two-2", 2, before)
    np.testing.assert_array_equal(first.reading.recording.lead("V1"), second.reading.recording.lead("V2"))
    left_out = second.leads.replace("V4", "x")
    third = desk.run(Corrections(leads=left_out), record=2)
    assert (third.name, third.leads) == ("two-2", left_out)
    assert np.isfinite(desk.run(record=1).reading.recording.lead("V4")).any()
    desk.make_files(["csv"])
    assert "two.csv" in desk.files and "two-2.csv" not in desk.files
    assert desk.run(record=3).name == "two-2"  # corrections may leave fewer records than were to choose from


def test_a_page_of_a_pdf_is_read():
    desk = Desk(FakeDigitizer())
    assert desk.open(picture(format="PDF"), "scan.pdf") == 1
    assert desk.run().name == "scan"


def test_the_command_line_that_does_the_same():
    desk = opened()
    desk.run(Corrections(layout="3x4_1r", speed=50.0, px_per_mm=7.9))
    assert desk.command() == ("ecgseg 'Ärzte scan.png' digitize.layout=3x4_1r digitize.speed=50 digitize.px_per_mm=7.9")


def test_a_format_that_cannot_hold_it_is_told_and_the_others_are_made():
    read = reading()
    strips = [s for s in read.located.strips if s.row == 0]
    unnamed = [type(s)(**{**s.__dict__, "lead": f"R1S{k + 1}"}) for k, s in enumerate(strips)]
    from ecgseg.digitize.assemble.assemble import assemble

    recording = assemble(unnamed, read.traces[:4], 8.0, 25.0, 10.0, fs=500, seconds=10.0)
    recording.name, recording.provenance = "odd", {**read.recording.provenance, **recording.provenance}
    located = type(read.located)(None, unnamed, 0.2, named=False)
    odd = type(read)(recording, read.flat, located, read.traces[:4], read.calibration)
    files, problems = files_of(result_of(odd, Corrections()), ["csv", "dicom"])
    assert "odd.csv" in files and "odd.dcm" not in files
    assert len(problems) == 1 and problems[0].startswith("dicom: odd: a 12-lead DICOM file needs")
    named = renamed(odd, "V1 V2 V3 V4")  # naming by hand what could not be told
    assert np.isfinite(named.recording.lead("V3")).sum() > 1000 and named.located.named


# what is shown


def test_texts_from_outside_are_escaped_and_the_notice_is_there():
    desk = Desk(FakeDigitizer())
    desk.open(picture(), "<img src=x onerror=alert(1)>.png")
    result = desk.run()
    result.reading.recording.warnings.append("<script>alert(2)</script>")
    page = html.show(result, "tok", desk.command())
    assert "<script" not in page and "onerror=alert(1)>" not in page
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in page
    assert "not a medical device" in html.BANNER
    assert "<b>x</b>" not in html.problem("<b>x</b>")


def test_missing_values_are_shown_as_missing_with_their_reason():
    desk = opened()
    result = desk.run(Corrections(leads="x x x x\nx x x x\nx x x x\nII"))
    page = html.show(result, "tok", "")
    rows = {r["measurement"]: r for r in csv.DictReader(io.StringIO(_file(desk, ".measurements.csv")))}
    assert rows["QRS axis"]["value"] == "–" and rows["QRS axis"]["note"]
    assert "ecg-missing" in page and rows["QRS axis"]["note"] in page
    assert rows["heart rate"]["value"] != "–"


def _file(desk, suffix) -> str:
    desk.make_files([])
    return next(v for k, v in desk.files.items() if k.endswith(suffix)).decode()


# forgetting


def test_desks_are_found_by_secret_addresses_and_forgotten():
    now = [0.0]
    sessions = Sessions(lambda: opened(), most=2, idle_s=100, clock=lambda: now[0])
    desk = sessions.desk("a")
    desk.files = {"a.csv": b"1"}
    token = sessions.token("a")
    assert sessions.file(token, "a.csv") == b"1" and sessions.file("guess", "a.csv") is None
    assert sessions.file(token, "b.csv") is None
    new = sessions.renew("a")
    assert sessions.file(token, "a.csv") is None and sessions.file(new, "a.csv") == b"1"
    sessions.drop("a")
    assert sessions.file(new, "a.csv") is None and desk.files == {} and desk.filename == ""
    first = sessions.desk("b")
    sessions.desk("c"), sessions.desk("d")
    assert len(sessions) == 2 and first.filename == ""  # the one not used for longest
    now[0] = 101.0
    sessions.drop_idle()
    assert len(sessions) == 0


def test_uploads_are_deleted_as_they_are_taken_and_when_old(tmp_path):
    path = tmp_path / "hash" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"0123456789")
    assert take(path, 4) == b"01234" and not path.parent.exists()
    old, new = tmp_path / "old.png", tmp_path / "new.png"
    old.write_bytes(b"")
    new.write_bytes(b"")
    os.utime(old, (time.time() - 700,) * 2)
    assert delete_old(tmp_path) == 1 and new.exists() and not old.exists()


def test_the_private_folder_goes_and_so_do_those_of_dead_processes(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    left = tmp_path / f"ecgseg-app-{dead.stdout.strip()}-abc"
    (left / "uploads").mkdir(parents=True)
    alive = tmp_path / f"ecgseg-app-{os.getppid()}-abc"
    alive.mkdir()
    (tmp_path / "ecgseg-app-notes").mkdir()
    with private_folder(tmp_path) as folder:
        assert not left.exists() and alive.exists() and folder.stat().st_mode & 0o077 == 0
        assert os.environ["GRADIO_TEMP_DIR"].startswith(str(folder))
        (folder / "x").write_bytes(b"1")
        assert remove_abandoned(tmp_path) == [] and folder.exists()
    assert not folder.exists() and (tmp_path / "ecgseg-app-notes").exists()
