"""Archives with real processes: crashes, time limits, kills at any moment, and what is there afterwards."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pytest
from archive_standin import OUTPUT, Standin, bad_file, picture

from ecgseg.archive import workers
from ecgseg.archive.run import run
from ecgseg.archive.sources import ArchiveError
from ecgseg.output.formats import FORMATS
from ecgseg.recording import read_csv

HERE = Path(__file__).resolve().parent


def index(out) -> dict[str, dict]:
    rows = pyarrow.parquet.read_table(out / "index.parquet").to_pylist()
    assert len({row["path"] for row in rows}) == len(rows)
    return {Path(row["path"]).name: row for row in rows}


def make_fails(**options):
    raise ArchiveError("the weights are damaged")


def test_a_page_that_ends_its_process_or_takes_forever_is_one_failure(tmp_path, monkeypatch):
    names = ("a", "deadly", "b", "c", "crash", "endless", "d", "bug")
    for k, name in enumerate(names):
        picture(tmp_path / "in" / f"{name}.png", shade=30 * k)
    give = workers.Worker.give

    def crash(self, job, data, limit_s):
        if self.stage == "read" and "crash" in job["path"]:  # as a decoder does that overruns its memory
            self.process.kill()
            self.process.join()
        give(self, job, data, 1.0 if "endless" in job["path"] and self.stage == "digitize" else limit_s)

    monkeypatch.setattr(workers.Worker, "give", crash)
    out, sizes = tmp_path / "out", {"workers": 1, "page_seconds": 600}
    assert run([tmp_path / "in"], out, {}, OUTPUT, sizes, make=Standin) == 1
    found = index(out)
    kinds = {name: found[f"{name}.png"]["error_type"] for name in names}
    died = {"deadly": "ProcessDied", "crash": "ProcessDied", "endless": "TimeLimit", "bug": "KeyError"}
    assert kinds == {**dict.fromkeys("abcd"), **died}
    assert "decoded it was ended by SIGKILL" in found["crash.png"]["message"]
    assert "took longer than 600 s (archive.page_seconds)" in found["endless.png"]["message"]
    for k, name in enumerate(names):
        if found[f"{name}.png"]["status"] == "ok":
            assert read_csv(out / f"{name}.csv").lead("I")[0] == pytest.approx(30 * k / 1000, abs=1e-5)


def test_what_no_process_can_start_with_stops_the_run(tmp_path):
    with pytest.raises(ArchiveError, match="weights are damaged"):
        run([picture(tmp_path / "a.png")], tmp_path / "out", {}, OUTPUT, {"workers": 1}, make=make_fails)
    assert not list((tmp_path / "out").glob("a*.csv"))


def begin(out: Path, inputs: Path, seconds: float, *flags: str) -> subprocess.Popen:
    command = [sys.executable, str(HERE / "archive_standin.py"), str(out), str(seconds), *flags, "--", str(inputs)]
    environment = os.environ | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def pages_in(journal: Path) -> int:
    return journal.read_bytes().count(b'"event": "page"') if journal.exists() else 0


def kill_after(process, journal: Path, pages: int, moment: float = 0.0, number: int = signal.SIGKILL) -> None:
    """Kill a run once its journal has so many more pages, a moment later."""
    wanted, end = pages_in(journal) + pages, time.monotonic() + 120
    while pages_in(journal) < wanted:
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(moment)
    process.send_signal(number)
    process.wait()


def check_whole(out: Path) -> None:
    """Every file under its final name is whole, and every page with a JSON has all its files."""
    for about in out.glob("*.json"):
        content = json.loads(about.read_text())
        stem = out / content["name"]
        record = FORMATS["wfdb"].read(stem.with_name(stem.name + ".hea"))
        assert record.signal.shape[1] == read_csv(stem.with_name(stem.name + ".csv")).signal.shape[1]
        assert stem.with_name(stem.name + ".overlay.png").read_bytes()[-8:-4] == b"IEND"


@pytest.mark.slow
def test_a_run_killed_twice_loses_and_doubles_nothing(tmp_path):
    inputs, out = tmp_path / "in", tmp_path / "out"
    for k in range(60):
        picture(inputs / f"folder{k % 3}" / f"p{k // 3}.png", shade=4 * k)
    for k, kind in enumerate(("empty", "text", "truncated", "bomb")):
        bad_file(inputs / f"folder{k}" / f"bad{k}.png", kind)
    journal = out / "archive.jsonl"
    for pages, moment in ((10, 0.0), (15, 0.03)):
        kill_after(begin(out, inputs, 0.02, "--resume", "--overlay"), journal, pages, moment)
        time.sleep(1)  # what wrote a page may finish it
        check_whole(out)
    stopped = begin(out, inputs, 0.02, "--resume", "--overlay")
    kill_after(stopped, journal, 5, number=signal.SIGINT)
    assert b"KeyboardInterrupt" in stopped.stderr.read()
    assert pyarrow.parquet.read_table(out / "index.parquet").num_rows == pages_in(journal) < 64
    check_whole(out)
    last = begin(out, inputs, 0.02, "--resume", "--overlay")
    told = last.communicate()[1].decode()
    assert last.returncode == 1 and "4 failed" in told, told
    check_whole(out)
    rows = pyarrow.parquet.read_table(out / "index.parquet").to_pylist()
    assert Counter(row["status"] for row in rows) == {"ok": 60, "failed": 4}
    assert len({row["path"] for row in rows}) == 64 == len({row["name"] for row in rows})
    with open(out / "failures.csv", newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 4
    suffixes = Counter("".join(p.suffixes) for p in out.iterdir())
    assert {s: suffixes[s] for s in (".csv", ".dat", ".hea", ".json", ".overlay.png")} == {
        ".csv": 61, ".dat": 60, ".hea": 60, ".json": 60, ".overlay.png": 60
    }  # fmt: skip
    assert not [p for p in out.iterdir() if p.name.startswith(".")]
    # At most the pages in flight were read twice.
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    again = [e["path"] for e in lines if e["event"] == "page" and e["status"] == "ok"]
    assert len(again) == len(set(again)) == 60
    for row in rows:
        if row["status"] == "ok":
            about = json.loads((out / f"{row['name']}.json").read_text())
            assert about["provenance"]["source"] == row["path"]
