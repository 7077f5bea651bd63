"""Archives without processes: names, plan, journal, resume, index, failures, and what is never overwritten."""

import csv
import json

import pyarrow.parquet
import pytest
from archive_standin import OUTPUT, Seen, Standin, bad_file, inline, picture
from PIL import Image

from ecgseg.archive import __main__ as rebuild
from ecgseg.archive import index as indices
from ecgseg.archive.index import COLUMNS
from ecgseg.archive.journal import FileJournal
from ecgseg.archive.names import Names, page_name
from ecgseg.archive.options import load_archive
from ecgseg.archive.run import run
from ecgseg.archive.sources import ArchiveError, listed
from ecgseg.archive.store import open_store
from ecgseg.digitize import cli
from ecgseg.errors import EcgsegError, ReadError
from ecgseg.output.files import OutputError
from ecgseg.recording import read_csv


@pytest.fixture(autouse=True)
def _inline(monkeypatch):
    inline(monkeypatch)


def go(inputs, out, options=None, output=None, **flags):
    make = flags.pop("make", Standin)
    return run([str(i) for i in inputs], str(out), options or {}, output or OUTPUT, {"workers": 1}, make=make, **flags)


def index(out) -> dict[tuple[str, int], dict]:
    rows = pyarrow.parquet.read_table(out / "index.parquet").to_pylist()
    found = {(row["path"].rsplit("/", 1)[-1], row["page"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def failures(out) -> list[dict]:
    with open(out / "failures.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pdf_of(path, pages):
    first, *rest = [Image.new("RGB", (200, 200), (40 * k, 0, 0)) for k in range(1, pages + 1)]
    first.save(path, save_all=True, append_images=rest)
    return path


@pytest.fixture
def seen():
    Seen.names.clear()
    return Seen.names


def test_every_page_is_a_line_of_the_index_and_every_bad_one_of_the_failures(tmp_path):
    for k in range(3):
        picture(tmp_path / "in" / f"a{k}.png", shade=40 * k)
    for kind in ("empty", "text", "truncated", "bomb"):
        bad_file(tmp_path / "in" / f"{kind}.png", kind)
    picture(tmp_path / "in" / "refused.png")
    out = tmp_path / "out"
    assert go([tmp_path / "in", tmp_path / "missing.png"], out) == 1
    found = index(out)
    assert list(next(iter(found.values()))) == list(COLUMNS)
    assert len(found) == 9 and sum(row["status"] == "ok" for row in found.values()) == 3
    row = found["a1.png", 1]
    assert row["name"] == "a1" and row["pages"] == 1 and row["layout"] == "3x4_1r"
    assert row["speed_mm_s"] == 25 and row["gain_mm_mv"] == 10 and row["px_per_mm"] == 8 and row["length_s"] == 10
    assert row["leads"] == 12 and row["quality"] == pytest.approx(0.9) and row["warnings"] == 1 and row["seconds"] > 0
    # A sine has no beats: nothing may be made up.
    assert row["qrs_ms"] is None or 20 < row["qrs_ms"] < 300
    told = {line["path"].rsplit("/", 1)[-1]: line for line in failures(out)}
    assert set(told) == {"empty.png", "text.png", "truncated.png", "bomb.png", "refused.png", "missing.png"}
    assert "is empty" in told["empty.png"]["message"] and "text file" in told["text.png"]["message"]
    assert "more than the limit" in told["bomb.png"]["message"] and "cut off" in told["truncated.png"]["message"]
    assert told["refused.png"]["error_type"] == "LayoutError" and "\n" not in told["refused.png"]["message"]
    assert told["missing.png"]["page"] == "1" and "no such file" in told["missing.png"]["message"]
    # Each page's numbers are its own.
    for k in range(3):
        assert read_csv(out / f"a{k}.csv").lead("I")[0] == pytest.approx(40 * k / 1000, abs=1e-5)
    hidden = [p.name for p in out.iterdir() if p.name.startswith(".")]
    assert hidden == []


def test_measurements_reach_json_and_index(tmp_path, monkeypatch):
    from ecgseg.digitize import pagefiles

    values = {"heart_rate": {"value": 71.5, "unit": "1/min", "reason": None}}
    monkeypatch.setattr(pagefiles, "measured", lambda recording: values)
    go([picture(tmp_path / "a.png")], tmp_path / "out")
    row = index(tmp_path / "out")["a.png", 1]
    assert row["heart_rate_per_min"] == 71.5 and row["pr_ms"] is None
    assert json.loads((tmp_path / "out" / "a.json").read_text())["measured"] == values


def test_a_bug_in_measuring_costs_no_recording_and_is_told(tmp_path, monkeypatch):
    import ecgseg.measure

    monkeypatch.setattr(ecgseg.measure, "measure", lambda recording: 1 / 0)
    assert go([picture(tmp_path / "a.png")], tmp_path / "out") == 0
    about = json.loads((tmp_path / "out" / "a.json").read_text())
    assert about["measured"]["qrs"]["value"] is None and "ZeroDivisionError" in about["measured"]["qrs"]["reason"]
    assert index(tmp_path / "out")["a.png", 1]["warnings"] == 2


def test_resume_reads_only_what_is_not_done(tmp_path, seen):
    inputs = [picture(tmp_path / "in" / f"{n}.png") for n in ("a", "b", "refused")]
    out = tmp_path / "out"
    assert go([tmp_path / "in"], out, make=Seen) == 1
    picture(tmp_path / "in" / "c.png")
    (out / "b.hea").unlink()  # not complete any more
    seen.clear()
    assert go([tmp_path / "in"], out, make=Seen, resume=True) == 1
    assert seen == ["b.png", "c.png"]
    seen.clear()
    assert go([tmp_path / "in"], out, make=Seen, resume=True) == 1 and seen == []
    assert go([tmp_path / "in"], out, make=Seen, resume=True, retry_failed=True) == 1 and seen == ["refused.png"]
    assert len(index(out)) == 4 and len(failures(out)) == 1
    assert len(inputs) == 3


def test_a_file_that_changed_is_read_again_and_replaces_its_line(tmp_path, seen):
    path, out = bad_file(tmp_path / "a.png", "empty"), tmp_path / "out"
    assert go([path], out, make=Seen) == 1
    assert len(failures(out)) == 1 and seen == []
    picture(path, shade=80)
    assert go([path], out, make=Seen, resume=True) == 0
    assert failures(out) == [] and index(out)["a.png", 1]["status"] == "ok"
    picture(path, shade=120)
    assert go([path], out, make=Seen, resume=True) == 0
    assert seen == ["a.png", "a.png"] and len(index(out)) == 1
    assert read_csv(out / "a.csv").lead("I")[0] == pytest.approx(0.12, abs=1e-5)


def test_what_a_lost_journal_had_is_taken_over_from_the_json(tmp_path, seen):
    out = tmp_path / "out"
    go([picture(tmp_path / "in" / f"{n}.png") for n in "ab"], out, make=Seen)
    before = index(out)
    (out / "archive.jsonl").unlink()
    (out / "index.parquet").unlink()
    seen.clear()
    assert go([tmp_path / "in"], out, make=Seen, resume=True) == 0
    assert seen == []
    after = index(out)
    assert {k: {**v, "finished": 0} for k, v in after.items()} == {k: {**v, "finished": 0} for k, v in before.items()}


def test_results_of_other_options_are_not_taken_over(tmp_path, seen):
    out, path = tmp_path / "out", picture(tmp_path / "a.png")
    go([path], out, make=Seen)
    with pytest.raises(ArchiveError, match=r"other options \(digitize\.speed=None, now 50\)"):
        go([path], out, options={"speed": 50}, make=Seen, resume=True)
    (out / "archive.jsonl").unlink()
    seen.clear()
    assert go([path], out, options={"speed": 50}, make=Seen, resume=True) == 0 and seen == ["a.png"]
    seen.clear()
    more = OUTPUT | {"formats": ["csv", "npz"]}
    assert go([path], out, options={"speed": 50}, output=more, make=Seen, resume=True) == 0 and seen == ["a.png"]
    assert (out / "a.npz").exists()


def test_a_second_run_needs_resume_or_overwrite(tmp_path, seen):
    out, path = tmp_path / "out", picture(tmp_path / "a.png")
    go([path], out)
    with pytest.raises(ArchiveError, match="--resume"):
        go([path], out)
    assert go([path], out, overwrite=True, make=Seen) == 0 and seen == ["a.png"]
    assert len(index(out)) == 1


def test_no_foreign_file_and_no_input_is_overwritten(tmp_path):
    out = tmp_path / "out"
    path = picture(tmp_path / "a.png")
    out.mkdir()
    (out / "a.csv").write_text("mine")
    assert go([path], out) == 1
    assert failures(out)[0]["error_type"] == "OutputError" and (out / "a.csv").read_text() == "mine"
    assert go([path], out, resume=True, retry_failed=True) == 1 and (out / "a.csv").read_text() == "mine"
    own = picture(out / "b.overlay.png")
    before = own.read_bytes()
    drawn = OUTPUT | {"overlay": True}
    inputs = [picture(tmp_path / "b.png"), own]
    assert go(inputs, out, output=drawn, overwrite=True) == 1
    assert own.read_bytes() == before and "is itself an input" in failures(out)[0]["message"]


def test_two_runs_do_not_write_one_folder_at_a_time(tmp_path):
    journal = FileJournal(tmp_path, fresh=True)
    with pytest.raises(ArchiveError, match="another run"):
        FileJournal(tmp_path, fresh=False)
    journal.close()
    FileJournal(tmp_path, fresh=False).close()


def test_pages_of_a_document_are_lines_of_their_own_and_resumed_one_by_one(tmp_path, seen):
    pdf, out = pdf_of(tmp_path / "letter.tiff", 3), tmp_path / "out"
    assert go([pdf], out, make=Seen) == 0
    assert {key[1]: row["name"] for key, row in index(out).items()} == {k: f"letter_p{k}" for k in (1, 2, 3)}
    for k in (1, 2, 3):
        assert read_csv(out / f"letter_p{k}.csv").lead("I")[0] == pytest.approx(40 * k / 1000, abs=1e-5)
        assert json.loads((out / f"letter_p{k}.json").read_text())["provenance"]["page"] == k
    (out / "letter_p2.json").unlink()
    for left in ("letter_p2.csv", "letter_p2.dat", "letter_p2.hea"):
        (out / left).unlink()
    seen.clear()
    assert go([pdf], out, make=Seen, resume=True) == 0 and seen == ["letter.tiff"]
    assert len(index(out)) == 3


def test_a_document_under_a_pictures_name_is_refused(tmp_path):
    pdf_of(tmp_path / "a.tiff", 2).rename(tmp_path / "a.png")
    assert go([tmp_path / "a.png"], tmp_path / "out") == 1
    assert "2 pages, and a name of pictures with one" in failures(tmp_path / "out")[0]["message"]
    assert go([tmp_path / "a.png"], tmp_path / "out", resume=True) == 1 and len(failures(tmp_path / "out")) == 1


def test_a_damaged_page_does_not_hide_the_others_of_its_file(tmp_path, monkeypatch):
    from ecgseg.digitize.files import read

    def damaged(source, page=1, max_pixels=0, whole=read.read_picture):
        if page == 1:
            raise ReadError("page 1 is damaged")
        return whole(source, page, max_pixels)

    monkeypatch.setattr(read, "read_picture", damaged)
    assert go([pdf_of(tmp_path / "letter.tif", 3)], tmp_path / "out") == 1
    found = {row["page"]: (row["status"], row["name"]) for row in index_rows(tmp_path / "out")}
    assert found == {1: ("failed", "letter_p1"), 2: ("ok", "letter_p2"), 3: ("ok", "letter_p3")}
    monkeypatch.undo()
    inline(monkeypatch)
    assert go([tmp_path / "letter.tif"], tmp_path / "out", resume=True, retry_failed=True) == 0
    assert len(index_rows(tmp_path / "out")) == 3


def test_names_are_each_files_own(tmp_path):
    names = Names()
    given = [names.give(*n) for n in (("a", "png"), ("a", "jpg"), ("A", "png"), ("a", "png"), ("a", "png"))]
    assert given == ["a", "a_jpg", "A_png", "a_2", "a_3"]
    # Pages of a.pdf will be called a_p1 …, whatever their number turns out to be.
    assert names.give("x", "pdf") == "x" and names.give("x_p1", "png") == "x_p1_png"
    assert names.give("y_p2", "png") == "y_p2" and names.give("y", "tif") == "y_tif"
    many = [names.give("page", "png") for _ in range(2000)]
    assert len({n.casefold() for n in many}) == 2000
    assert page_name("x", 3, 12) == "x_p03"
    inputs = [picture(tmp_path / n) for n in ("index.png", "failures.png", "u/a.png", "v/a.png")]
    out = tmp_path / "out"
    assert go(inputs, out) == 0
    assert sorted(row["name"] for row in index_rows(out)) == ["a", "a_png", "failures_png", "index_png"]


def test_names_stay_when_files_are_added(tmp_path, seen):
    out = tmp_path / "out"
    go([picture(tmp_path / "in" / "b" / "x.png", 40)], out)
    picture(tmp_path / "in" / "a" / "x.png", 80)
    assert go([tmp_path / "in"], out, resume=True, make=Seen) == 0 and len(seen) == 1
    named = {row["path"].rsplit("/", 2)[-2]: row["name"] for row in index_rows(out)}
    assert named == {"b": "x", "a": "x_png"}
    assert read_csv(out / "x.csv").lead("I")[0] == pytest.approx(0.04, abs=1e-5)


def index_rows(out):
    return pyarrow.parquet.read_table(out / "index.parquet").to_pylist()


def test_names_that_are_no_text_or_hold_commas_and_line_breaks(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    picture(folder / "Müller, 心電図\n2.png")
    bad_file(tmp_path / "plain.png", "empty").rename(folder / b"caf\xe9.png".decode("utf-8", "surrogateescape"))
    picture(tmp_path / "plain.png").rename(folder / b"th\xe9.png".decode("utf-8", "surrogateescape"))
    out = tmp_path / "out"
    assert go([folder], out) == 1
    assert sorted((row["name"], row["status"]) for row in index_rows(out)) == [
        ("Muller_2", "ok"), ("caf", "failed"), ("th", "ok")
    ]  # fmt: skip
    assert json.loads((out / "th.json").read_text())["provenance"]["source"].endswith("th�.png")
    lines = (out / "failures.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 and "caf�.png" in lines[1]
    assert go([folder], out, resume=True) == 1 and len(index_rows(out)) == 3
    (out / "archive.jsonl").unlink()
    Seen.names.clear()
    assert go([folder], out, resume=True, make=Seen) == 1 and Seen.names == []


def test_a_page_of_a_killed_run_is_finished_or_undone(tmp_path):
    store = open_store(tmp_path, OUTPUT)
    made = []

    def make(stem):
        made.append(stem)
        for suffix in ("csv", "dat", "hea"):
            stem.with_name(f"{stem.name}.{suffix}").write_text(suffix)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.put("a", make)
    assert list(tmp_path.iterdir()) == []
    # Killed while moving: the JSON is made, two files have been moved.
    part = tmp_path / ".ecgseg-a.part"
    part.mkdir()
    (part / "a.json").write_text("{}")
    (part / "a.hea").write_text("hea")
    (tmp_path / "a.csv").write_text("csv")
    (tmp_path / "a.dat").write_text("dat")
    # Killed while making: no JSON yet.
    (tmp_path / ".ecgseg-b.part").mkdir()
    (tmp_path / ".ecgseg-b.part" / "b.csv").write_text("half")
    assert store.recover() == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.dat", "a.hea", "a.json"]


def test_a_line_cut_off_in_the_journal_is_dropped_and_a_damaged_one_told(tmp_path):
    out = tmp_path / "out"
    go([picture(tmp_path / "in" / f"{n}.png") for n in "ab"], out)
    journal = out / "archive.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    assert go([tmp_path / "in"], out, resume=True) == 0
    assert len(index(out)) == 2
    text = journal.read_text().splitlines()
    journal.write_text("\n".join([text[0], "{", *text[1:]]) + "\n")
    with pytest.raises(ArchiveError, match="line 2 is damaged"):
        go([tmp_path / "in"], out, resume=True)


def test_index_can_be_made_from_the_journal_alone(tmp_path, capsys):
    out = tmp_path / "out"
    go([picture(tmp_path / "a.png"), bad_file(tmp_path / "b.png", "empty")], out)
    before = index_rows(out)
    (out / "index.parquet").unlink()
    (out / "failures.csv").unlink()
    assert rebuild.main([str(out)]) == 0
    assert index_rows(out) == before and len(failures(out)) == 1
    assert rebuild.main([str(tmp_path)]) == 2 and "holds no archive" in capsys.readouterr().err


def test_without_pyarrow_the_index_is_csv_and_that_is_said(tmp_path, monkeypatch, capsys):
    out, path = tmp_path / "out", picture(tmp_path / "a.png")
    go([path], out)
    monkeypatch.setattr(indices, "find_spec", lambda name: None)
    assert go([path], out, resume=True) == 0
    assert "pip install pyarrow" in capsys.readouterr().out and not (out / "index.parquet").exists()
    with open(out / "index.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS) and rows[0]["layout"] == "3x4_1r" and rows[0]["error_type"] == ""


def test_urls_are_read_and_written(tmp_path):
    """file:// goes the way of every other URL, uploads included."""
    for name in ("a", "b", "refused"):
        picture(tmp_path / "in" / f"{name}.png", shade=80)
    picture(tmp_path / "in" / ".hidden.png")
    bad_file(tmp_path / "in" / "c.png", "text")
    out = tmp_path / "out"
    assert go([f"file://{tmp_path}/in"], f"file://{out}") == 1
    assert {k[0]: r["status"] for k, r in index(out).items()} == {
        "a.png": "ok", "b.png": "ok", "c.png": "failed", "refused.png": "failed",
    }  # fmt: skip
    told = next(line["message"] for line in failures(out) if line["path"].endswith("c.png"))
    assert told.startswith(f"file://{tmp_path}/in/c.png is a text file")
    assert read_csv(out / "a.csv").lead("I")[0] == pytest.approx(0.08, abs=1e-5)
    assert sorted(p.name for p in out.iterdir() if p.name.startswith("a")) == [
        "a.csv",
        "a.dat",
        "a.hea",
        "a.json",
        "archive",
    ]
    assert not [p for p in out.iterdir() if p.name.startswith(".ecgseg")]


def test_urls_are_resumed_even_where_an_upload_was_cut_off(tmp_path, seen):
    out, url = tmp_path / "out", f"file://{tmp_path}/in"
    for name in "ab":
        picture(tmp_path / "in" / f"{name}.png")
    go([url], f"file://{out}")
    (out / "a.json").unlink()  # as if killed before the last upload: the mark tells whose a.csv is
    (out / ".ecgseg-a.part").write_text(json.dumps([f"file://{tmp_path}/in/a.png", 1]))
    with pytest.raises(ArchiveError, match="--resume"):
        go([url], f"file://{out}")
    assert go([url], f"file://{out}", resume=True, make=Seen) == 0 and seen == ["a.png"]
    assert (out / "a.json").exists() and not (out / ".ecgseg-a.part").exists() and len(index(out)) == 2
    # Without the mark a.csv might be anybody's.
    (out / "a.json").unlink()
    assert go([url], f"file://{out}", resume=True) == 1 and "not ours" in failures(out)[0]["message"]


def test_urls_that_do_not_exist(tmp_path):
    assert go([f"file://{tmp_path}/none"], tmp_path / "out") == 1
    assert "no such file" in failures(tmp_path / "out")[0]["message"]
    with pytest.raises(EcgsegError, match=r"nosuch://x.*cannot be read here"):
        list(listed(["nosuch://x/y"]))
    with pytest.raises(OutputError, match="cannot be used"):
        go([picture(tmp_path / "a.png")], "nosuch://x/y")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"engine": "fast"}, "the choices are auto, sequential, local, ray"),
        ({"workers": 0}, "archive.workers is 0"),
        ({"page_seconds": "long"}, "archive.page_seconds"),
        ({"speed": 1}, "unknown option archive.speed"),
    ],
)
def test_bad_options_are_told(changes, expected):
    with pytest.raises(ArchiveError, match=expected):
        load_archive(changes)


def test_processes_follow_the_cores(monkeypatch):
    from ecgseg.archive import options

    monkeypatch.setattr(options, "_free_bytes", lambda: 100 << 30)
    assert load_archive({}).sizes(16) == {"workers": 8, "readers": 2, "writers": 2}
    assert load_archive({}).threads(16) == 2 and load_archive({}).threads(1) == 1
    assert load_archive({"workers": 3, "readers": 2}).sizes(2) == {"workers": 3, "readers": 2, "writers": 1}
    monkeypatch.setattr(options, "_free_bytes", lambda: 2 << 30)
    assert load_archive({}).sizes(16)["workers"] == 1


def args(*words):
    return cli.parser().parse_intermixed_args(words)


def test_many_files_are_an_archive_and_few_are_not(tmp_path):
    from ecgseg.archive.choose import is_archive

    for k in range(9):
        picture(tmp_path / f"{k}.png")
    options, few = load_archive({}), [str(tmp_path / f"{k}.png") for k in range(8)]
    assert is_archive([str(tmp_path)], args("x"), options)
    assert not is_archive(few, args("x"), options) and is_archive(few, args("x", "--resume"), options)
    assert not is_archive([str(tmp_path)], args("x"), load_archive({"engine": "sequential"}))
    assert is_archive(few[:1], args("x"), load_archive({"engine": "local"}))


def test_a_url_needs_an_archive(tmp_path, capsys):
    path = str(picture(tmp_path / "a.png"))
    assert cli.main([path, "--out", "memory://out"]) == 2
    assert "add archive.engine=local" in capsys.readouterr().err
    assert cli.main([path, "--resume", "archive.engine=sequential"]) == 2


def test_only_what_belongs_to_the_run_is_taken_over_by_a_second_lane(tmp_path, seen):
    """A cluster that gives out a batch twice must find what the first lane wrote, but not what an earlier run did."""
    from dataclasses import replace

    from ecgseg.archive.pipeline import Pipeline, Task
    from ecgseg.archive.stages import OWN, Settings

    out, path = tmp_path / "out", picture(tmp_path / "a.png")
    task = Task(str(path), "a", "stamp")
    first = Settings({}, OUTPUT, str(out), made_from="x", run="first", takes=OWN, make=Seen)
    for settings, read in ((first, 1), (first, 1), (replace(first, run="second"), 2)):
        rows = list(Pipeline(settings, 1, 1, 1, 60).run([task]))
        assert [row["status"] for row in rows] == ["ok"] and len(seen) == read


@pytest.mark.parametrize(("cluster", "launcher"), [("slurm", "SlurmLauncher"), ("local", "LocalLauncher")])
def test_sweeps_can_be_jobs(cluster, launcher):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    from hydra import compose, initialize_config_dir

    from ecgseg.paths import CONFIGS

    with initialize_config_dir(str(CONFIGS.resolve()), version_base="1.3"):
        cfg = compose("train", [f"+cluster={cluster}", "hydra.launcher.cpus_per_task=3"], return_hydra_config=True)
    assert cfg.hydra.launcher._target_.endswith(launcher) and cfg.hydra.launcher.cpus_per_task == 3
    assert cfg.hydra.launcher.timeout_min == 1440
