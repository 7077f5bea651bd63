"""The command line: arguments, names, refusals, files and exit codes, with a stand-in for the digitizer."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from archive_standin import bad_file, inline
from fake_reading import fake_reading, several
from PIL import Image

from ecgseg.digitize import batch, cli
from ecgseg.digitize.options import OptionError, load_options
from ecgseg.digitize.pagefiles import summary
from ecgseg.errors import ReadError
from ecgseg.recording import read_csv

ROOT = Path(__file__).resolve().parent.parent


class FakeDigitizer:
    """Reads every picture alike; one whose name says so fails as a bad page or as a bug would."""

    def __init__(self):
        self.seen = []

    def read_all(self, picture):
        path = picture.source
        self.seen.append(Path(path).name)
        if "bad" in Path(path).name:
            raise ReadError(f"{path} is not a picture; scan it again")
        if "bug" in Path(path).name:
            raise KeyError("strips")
        if "twins" in Path(path).name:
            return several([fake_reading("one"), fake_reading("other")])
        return [fake_reading(Path(path).stem)]


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (80, 80), "white").save(path)
    return path


def go(inputs, out, **kwargs):
    return batch.run(list(inputs), out, {}, digitizer=kwargs.pop("digitizer", FakeDigitizer()), **kwargs)


def test_one_picture_gives_all_files(tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    assert go([picture(tmp_path / "a.png")], out) == 0
    assert sorted(p.name for p in out.iterdir()) == ["a.csv", "a.dat", "a.hea", "a.json", "a.overlay.png"]
    about = json.loads((out / "a.json").read_text())
    assert about["seconds"] > 0 and about["cpu_s"] >= 0 and about["peak_rss_mb"] > 10
    assert about["length_s"] == 10
    back = read_csv(out / "a.csv")
    np.testing.assert_allclose(back.lead("V3"), fake_reading("a").recording.lead("V3"), atol=1e-3)
    printed = capsys.readouterr().out
    assert "3x4_1r" in printed and "warning: a: a thing to look at" in printed


def test_a_picture_with_two_records_gives_the_files_of_each(tmp_path, capsys):
    out = tmp_path / "out"
    taken = picture(tmp_path / "twins-2.png")
    assert go([picture(tmp_path / "twins.png"), taken, picture(tmp_path / "b.png")], out) == 0
    names = ["b", "twins", "twins-2", "twins-2_png", "twins-2_png-2"]
    suffixes = (".csv", ".dat", ".hea", ".json", ".overlay.png")
    assert sorted(p.name for p in out.iterdir()) == sorted(n + s for n in names for s in suffixes)
    told = [json.loads((out / f"{name}.json").read_text()) for name in ("twins", "twins-2", "twins-2_png-2", "b")]
    assert [t["provenance"].get("record") for t in told] == [1, 2, 2, None]
    assert [t["provenance"]["source"].rsplit("/", 1)[-1] for t in told[:3]] == ["twins.png", "twins.png", "twins-2.png"]
    assert [t["name"] for t in told] == ["twins", "twins-2", "twins-2_png-2", "b"]
    printed = capsys.readouterr().out
    assert "3 of 3 written" in printed and "warning: twins-2: a thing to look at" in printed
    assert sum(line.startswith("twins") for line in printed.splitlines()) == 4


def test_a_record_never_takes_the_place_of_a_strangers_file(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "twins-2.csv").write_text("mine")
    assert go([picture(tmp_path / "twins.png")], out) == 1
    assert [p.name for p in out.iterdir()] == ["twins-2.csv"] and (out / "twins-2.csv").read_text() == "mine"
    assert "twins-2.csv exists and is not ours" in capsys.readouterr().err


def test_a_record_that_is_no_longer_found_is_taken_away(tmp_path):
    class One(FakeDigitizer):
        def read_all(self, picture):
            return [fake_reading("one")]

    page, out = picture(tmp_path / "twins.png"), tmp_path / "out"
    assert go([page], out) == 0 and (out / "twins-2.json").exists()
    (out / "twins-3.csv").write_text("mine")
    assert go([page], out, digitizer=One()) == 0
    assert not list(out.glob("twins-2*")) and (out / "twins.json").exists() and (out / "twins-3.csv").exists()


def test_one_bad_picture_does_not_stop_the_others(tmp_path, capsys):
    inputs = [picture(tmp_path / f"{n}.png") for n in ("bad", "bug", "good")] + [tmp_path / "missing.png"]
    assert go(inputs, tmp_path / "out") == 1
    assert (tmp_path / "out" / "good.csv").exists() and not (tmp_path / "out" / "bad.csv").exists()
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed:")]
    assert len(errors) == 3
    assert "bad.png is not a picture" in errors[0]
    assert "bug.png: unexpected KeyError" in errors[1]
    assert "missing.png: no such file" in errors[2]


def test_a_missing_file_alone_is_named(tmp_path, capsys):
    """No networks are opened for it."""
    assert batch.run([tmp_path / "missing.png"], tmp_path / "out", {}) == 1
    assert "missing.png: no such file; check the path" in capsys.readouterr().err


def test_many_files_end_with_an_index_and_failures(tmp_path, capsys, monkeypatch):
    inline(monkeypatch)
    for k in range(9):
        bad_file(tmp_path / "in" / f"{k}.png", "empty")
    command = [str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    assert cli.main(command) == 1
    told = capsys.readouterr()
    assert "0 of 9 pages read" in told.out and "9 failed (ReadError 9)" in told.err
    assert len((tmp_path / "out" / "failures.csv").read_text().splitlines()) == 10
    assert cli.main(command) == 2 and "--resume" in capsys.readouterr().err
    assert cli.main([*command, "--resume"]) == 1 and "0 in this run" in capsys.readouterr().out
    assert cli.main([*command, "--retry-failed"]) == 1 and "9 in this run" in capsys.readouterr().out
    assert cli.main([*command, "--resume", "digitize.speed=50"]) == 2
    assert "other options (digitize.speed=None, now 50)" in capsys.readouterr().err


def test_empty_folder_fails_and_says_what_was_expected(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no picture")
    assert go([tmp_path], tmp_path / "out") == 1
    assert "no pictures in this folder; expected .png" in capsys.readouterr().err


def test_folder_is_read_once_and_without_earlier_overlays(tmp_path):
    for name in ("b.PNG", "a.jpg", "a.overlay.png"):
        picture(tmp_path / name)
    digitizer = FakeDigitizer()
    assert go([tmp_path, tmp_path / "a.jpg"], tmp_path, digitizer=digitizer, overwrite=True) == 0
    assert digitizer.seen == ["a.jpg", "b.PNG"]


def test_same_stem_gets_names_of_its_own(tmp_path):
    inputs = [picture(tmp_path / n) for n in ("x/a.png", "y/a.jpg", "z/A.png", "w/a.png")]
    names = [job.name for job in batch.plan(inputs)]
    assert names == ["a", "a_jpg", "A_png", "a_2"]
    assert go(inputs, tmp_path / "out") == 0
    assert len(list((tmp_path / "out").glob("*.csv"))) == 4


def test_names_are_made_fit_for_wfdb(tmp_path):
    assert batch.record_name("Müller 12.3 (kopie)") == "Muller_12_3_kopie"
    assert batch.record_name("心電図") == "page"
    assert go([picture(tmp_path / "Müller 1.png")], tmp_path) == 0
    assert (tmp_path / "Muller_1.hea").exists()


def test_an_input_is_never_overwritten(tmp_path, capsys):
    first, second = picture(tmp_path / "a.png"), picture(tmp_path / "a.overlay.png")
    before = second.read_bytes()
    assert go([first, second], tmp_path, overwrite=True) == 1
    assert second.read_bytes() == before
    assert "would be overwritten" in capsys.readouterr().err


def test_foreign_files_stay_and_own_files_are_renewed(tmp_path, capsys):
    a = picture(tmp_path / "a.png")
    (tmp_path / "a.csv").write_text("mine")
    assert go([a], tmp_path) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "a.csv").read_text() == "mine"
    assert go([a], tmp_path, overwrite=True) == 0
    assert go([a], tmp_path) == 0  # made from the same picture before
    assert go([picture(tmp_path / "other" / "a.png")], tmp_path) == 1


@pytest.mark.parametrize("text", ["digitize.speed=50", "+digitize.speed=50"])
def test_overrides_reach_the_options(text):
    inputs, overrides = cli.split_arguments(["a.png", text], "none")
    assert inputs == [Path("a.png")]
    assert cli.compose("infer", overrides[:1] if text[0] != "+" else ["digitize.speed=50"])["digitize"]["speed"] == 50


def test_a_file_with_an_equals_sign_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "v=1.png")
    assert cli.split_arguments(["v=1.png"], "none") == ([Path("v=1.png")], [])


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "digitize.sped=50",
            "unknown option 'digitize.sped' in 'digitize.sped=50'; the choices are digitize.speed,",
        ),
        ("digitise.speed=50", "the choices are digitize"),
        ("digitize=nosuch", "Available options in 'digitize': default"),
        ("digitize.speed=fast", "digitize.speed is 'fast'; give a number above 0"),
        ("digitize.speed=-25", "digitize.speed is -25; give a number above 0"),
        ("digitize.method=magic", "the choices are network, classic"),
        ("digitize.layout=9x9", "the choices are 12x1,"),
        ("digitize.gain=[1", "digitize.gain=[1"),
    ],
)
def test_a_bad_option_names_key_and_choices_before_any_work(override, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "a.png")
    assert cli.main(["a.png", override]) == 2
    error = capsys.readouterr().err
    assert expected in error and "Traceback" not in error
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_options_know_their_defaults():
    assert load_options().speed is None
    assert load_options(speed=50).speed == 50
    with pytest.raises(OptionError, match=r"unknown option digitize\.sped; the choices are speed, gain"):
        load_options(sped=50)


def test_arguments_may_come_in_any_order():
    args = cli.parser().parse_intermixed_args(["a.png", "--out", "o", "digitize.speed=50", "b.png"])
    assert args.inputs == ["a.png", "digitize.speed=50", "b.png"] and args.out == "o"


def test_help_answers_at_once():
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "infer.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    assert done.returncode == 0 and "speed: null" in done.stdout and "not a medical device" in done.stdout
    # Under a second on a machine of its own; the looser bound still catches an import of torch (4 s).
    assert seconds < 2.5


def test_help_imports_nothing_heavy():
    code = (
        "import sys, ecgseg.digitize.cli as c; c.parser().format_help(); "
        "print([m for m in ('torch', 'cv2', 'hydra', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_quality_of_a_page_is_that_of_the_leads_on_it():
    about = {"provenance": {}, "warnings": [], "length_s": 10.0, "quality": {"I": 0.0, "II": 0.9, "III": 0.0}}
    assert summary(about | {"windows_s": {"II": (0.0, 10.0)}})["quality"] == 0.9
    assert summary(about | {"windows_s": {"I": (0, 10), "II": (0, 10), "III": (0, 10)}})["quality"] == 0.3
