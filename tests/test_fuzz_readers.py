"""A few hundred spoiled files; tests/fuzz_readers.py tries any number."""

import os
from collections import Counter

import fuzz_readers
import hostile_files
import pytest
from pdf_maker import pdf, scanned

from ecgseg.digitize.files import pdf as read_pdf


@pytest.mark.filterwarnings("ignore::UserWarning")  # what Pillow thinks of damaged tags
def test_spoiled_files_are_read_or_refused_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(read_pdf, "_ask", fuzz_readers.in_this_process)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    results: Counter = Counter()
    fuzz_readers.run(300, lambda kind, data: results.update([fuzz_readers.outcome(data).result]))
    assert results["read"] > 20 and results["refused"] > 100
    assert os.listdir(tmp_path) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_built_files_are_read_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kinds = tuple(kind for kind in hostile_files.BUILDERS if kind != "built pdf")
    results: Counter = Counter()

    def note(kind, data):
        results[kind, fuzz_readers.outcome(data).result] += 1

    monkeypatch.setattr(read_pdf, "_ask", fuzz_readers.in_this_process)
    fuzz_readers.run(150, note, hostile_files.built(fuzz_readers.SEEDS, kinds))
    assert {kind for kind, result in results if result == "refused"} == set(kinds)
    assert sum(results[kind, "read"] for kind in kinds) > 5
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", sorted(fuzz_readers.SEEDS))
def test_the_sound_files_are_read(kind, monkeypatch):
    monkeypatch.setattr(read_pdf, "_ask", fuzz_readers.in_this_process)
    assert fuzz_readers.outcome(fuzz_readers.SEEDS[kind]).result == "read"


@pytest.mark.parametrize("at", [9, 60, 300, 700])
def test_a_spoiled_pdf_in_its_own_process(at):
    import numpy as np

    data = bytearray(pdf(scanned(np.zeros((70, 70, 3), np.uint8), 100)))
    data[at : at + 4] = b"\xff\xff\xff\xff"
    assert fuzz_readers.outcome(bytes(data)).result in ("read", "refused")
