"""Seconds a page takes, step by step, from file to files."""

import tempfile
from collections import defaultdict
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from ecgseg.bench.table import spread
from ecgseg.digitize.batch import OUTPUT
from ecgseg.digitize.pagefiles import make_files, peak_rss_mb

STEPS = ("read", "flatten", "find", "calibrate", "locate", "trace", "assemble", "write")


def page_times(digitizer, files: list[Path], repeats: int) -> tuple[dict[str, list[float]], float]:
    """Return the wall seconds of each step and `page`, the whole, of each page and repeat; and the CPU seconds of one.

    What is loaded at the first page (the reader of text, the writers) is not counted.
    """
    times = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        _one(digitizer, files[0], Path(folder))
        cpu = process_time()
        for file in files * repeats:
            for step, seconds in _one(digitizer, file, Path(folder)).items():
                times[step].append(seconds)
        cpu = process_time() - cpu
    return dict(times), cpu / (len(files) * repeats)


def _one(digitizer, file: Path, out: Path) -> dict[str, float]:
    start = perf_counter()
    reading = digitizer.read(file)
    read = perf_counter()
    make_files(reading, out / file.stem, OUTPUT, dict)
    end = perf_counter()
    return {**reading.recording.provenance["step_seconds"], "write": end - read, "page": end - start}


def page_table(times: dict[str, list[float]], cpu: float) -> list[str]:
    """Return the lines of a table of what `page_times` measured."""
    whole = float(np.sum(times["page"]))
    lines = [f"{step:10} {spread(times[step])}  {np.sum(times[step]) / whole:4.0%}" for step in STEPS if step in times]
    rate = len(times["page"]) / whole
    lines.append(f"{'page':10} {spread(times['page'])}  {rate:.2f} pages/s  {cpu:.2f} CPU s")
    return [*lines, f"peak memory {peak_rss_mb()} MB"]
