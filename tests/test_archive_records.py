"""Pictures with several records in an archive: names, index, journal, resume; without processes."""

import json

import pyarrow.parquet
import pytest
from archive_standin import OUTPUT, Seen, inline, picture

from ecgseg.archive.journal import FileJournal
from ecgseg.archive.names import Names, record_of
from ecgseg.archive.run import run
from ecgseg.recording import read_csv


@pytest.fixture(autouse=True)
def _inline(monkeypatch):
    inline(monkeypatch)


@pytest.fixture
def seen():
    Seen.names.clear()
    return Seen.names


def go(inputs, out, **flags):
    return run([str(i) for i in inputs], str(out), {}, OUTPUT, {"workers": 1}, make=Seen, **flags)


def rows(out) -> list[tuple]:
    table = pyarrow.parquet.read_table(out / "index.parquet").to_pylist()
    return [(row["name"], row["page"], row["record"], row["records"], row["status"]) for row in table]


THREE = [("triplets", 1, 1, 3, "ok"), ("triplets-2", 1, 2, 3, "ok"), ("triplets-3", 1, 3, 3, "ok")]


def test_each_record_is_a_line_of_the_index_and_has_files_of_its_own(tmp_path, seen, capsys):
    inputs, out = [picture(tmp_path / "triplets.png", 40), picture(tmp_path / "z.png", 80)], tmp_path / "out"
    assert go(inputs, out) == 0
    assert rows(out) == [*THREE, ("z", 1, 1, 1, "ok")]
    for number in (1, 2, 3):
        name = record_of("triplets", number)
        assert all((out / f"{name}.{end}").exists() for end in ("csv", "hea", "dat", "json"))
        assert read_csv(out / f"{name}.csv").lead("I")[0] == pytest.approx(0.04 + number - 1, abs=1e-4)
        about = json.loads((out / f"{name}.json").read_text())
        assert about["name"] == name and about["provenance"]["source"].endswith("triplets.png")
    assert "2 of 2 pages read, 2 further records on them" in capsys.readouterr().out
    assert go(inputs, out, resume=True) == 0 and len(seen) == 2
    assert rows(out) == [*THREE, ("z", 1, 1, 1, "ok")]


@pytest.mark.parametrize("lost", ["triplets-2.csv", "triplets-3.hea", "triplets.dat"])
def test_a_page_that_lacks_a_file_of_any_record_is_read_again_whole(tmp_path, seen, lost):
    page, out = picture(tmp_path / "triplets.png"), tmp_path / "out"
    assert go([page], out) == 0
    (out / lost).unlink()
    assert go([page], out, resume=True) == 0 and len(seen) == 2
    assert (out / lost).exists() and rows(out) == THREE


def test_without_the_journal_all_records_are_taken_over_or_none(tmp_path, seen):
    page, out = picture(tmp_path / "triplets.png"), tmp_path / "out"
    go([page], out)
    (out / "archive.jsonl").unlink()
    assert go([page], out, resume=True) == 0 and len(seen) == 1 and rows(out) == THREE
    (out / "archive.jsonl").unlink()
    (out / "triplets-2.hea").unlink()
    assert go([page], out, resume=True) == 0 and len(seen) == 2 and rows(out) == THREE


def test_a_run_that_ends_between_two_records_is_begun_again_at_the_page(tmp_path, seen, monkeypatch):
    page, out = picture(tmp_path / "triplets.png"), tmp_path / "out"
    from ecgseg.archive.store import FolderStore

    put = FolderStore.put

    def stopped(self, name, make):
        if name == "triplets":
            raise KeyboardInterrupt
        return put(self, name, make)

    monkeypatch.setattr(FolderStore, "put", stopped)
    with pytest.raises(KeyboardInterrupt):
        go([page], out)
    assert (out / "triplets-3.json").exists() and not (out / "triplets.json").exists()
    monkeypatch.setattr(FolderStore, "put", put)
    assert go([page], out, resume=True) == 0 and len(seen) == 2 and rows(out) == THREE


def test_the_journal_tells_a_page_in_one_line(tmp_path, seen):
    page, out = picture(tmp_path / "triplets.png"), tmp_path / "out"
    go([page], out)
    events = [json.loads(line) for line in (out / "archive.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["run", "plan", "page"]
    assert [row["name"] for row in events[-1]["more"]] == ["triplets-2", "triplets-3"]
    journal = FileJournal(out, fresh=False)
    assert journal.files()[str(page)].pages == {1: ("ok", ("triplets", "triplets-2", "triplets-3"))}
    journal.close()


def test_urls_hold_each_record_and_lose_those_no_longer_found(tmp_path, seen):
    page = picture(tmp_path / "triplets.png")
    out = f"memory://{tmp_path.name}/out"
    from ecgseg.archive.store import open_store

    assert go([page], out) == 0
    there = open_store(out, OUTPUT).names()
    assert {f"triplets{n}.json" for n in ("", "-2", "-3")} <= there
    store = open_store(out, OUTPUT, True)
    about = store.about("triplets")
    store.put_records("triplets", str(page), 1, [lambda stem: _written(stem, about)])
    assert not any(name.startswith(("triplets-2", "triplets-3")) for name in open_store(out, OUTPUT).names())


def _written(stem, about):
    stem.with_name(f"{stem.name}.json").write_text(json.dumps(about))
    return about


def test_no_file_gets_the_name_of_another_ones_record():
    names = Names(("index",))
    assert names.give("a", "png") == "a" and names.give("a-2", "png") == "a-2_png"
    assert names.give("b-3", "png") == "b-3" and names.give("b", "png") == "b_png"
    assert names.give("c", "pdf") == "c" and names.give("c_p1-2", "png") == "c_p1-2_png"
    assert names.give("d_p2-2", "png") == "d_p2-2" and names.give("d", "tif") == "d_tif"
    # What cannot be a record's number takes nothing.
    assert [names.give(n, "png") for n in ("a-1", "a-02", "a-x")] == ["a-1", "a-02", "a-x"]
    assert names.give("e_p1", "png") == "e_p1" and names.give("e_p1-2", "png") == "e_p1-2_png"
