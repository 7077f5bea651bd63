"""Runs an evaluation: reads the pages that are missing from its results, in several processes, until time is up."""

import hashlib
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from itertools import islice
from pathlib import Path
from time import monotonic, perf_counter

import yaml

from ecgseg.errors import EcgsegError
from ecgseg.evaluation.conditions import Job, grid, jobs
from ecgseg.evaluation.drawing import Stock, draw_page, stock
from ecgseg.evaluation.measures import measure, undrawn
from ecgseg.evaluation.results import ResultsError, ResultsFile
from ecgseg.paths import CONFIGS

# What decides a page's line, besides its key: a results file holds pages of one choice of these.
FIXED = ("method", "split", "root", "recordings", "style", "dpi", "max_shift_s", "digitize")
_VERSIONED = ("digitize", "measure", "nets", "render", "simulate", "weights")
_READERS = ("layout", "noise", "digitize", "measure")

log = logging.getLogger(__name__)


def run(cfg: dict, out: Path, read: Callable | None = None) -> list[dict]:
    """Read the pages of a configuration that `out`/results.csv lacks, for cfg.minutes at most; returns the lines in
    the order of the plan.

    `cfg` is a plain mapping with attributes (OmegaConf); `read(image)` returns a Reading (None: the Digitizer that
    cfg.digitize describes). Raises ResultsError where `out` holds results of other options.
    """
    plan = list(jobs(grid(cfg), int(cfg.pages), int(cfg.seed)))
    out.mkdir(parents=True, exist_ok=True)
    check_options(cfg, out / "options.yaml")
    results = ResultsFile(out / "results.csv")
    done = {row["page"] for row in results.rows()}
    missing = [job for job in plan if job.key not in done]
    if missing and cfg.minutes != 0:
        deadline = None if cfg.minutes is None else monotonic() + 60 * float(cfg.minutes)
        several = read is None and int(cfg.workers) > 1
        lines = _in_processes(cfg, missing, deadline) if several else _here(cfg, missing, deadline, read)
        _collect(lines, len(missing), results)
    lines = {row["page"]: row for row in results.rows()}
    return [lines[job.key] for job in plan if job.key in lines]


def check_options(cfg: dict, path: Path) -> None:
    """Write the options that all pages of a results file share; raise ResultsError if others are written there."""
    mine = {key: _plain(cfg[key]) for key in FIXED}
    if not path.is_file():
        path.write_text(yaml.safe_dump(mine, sort_keys=False), encoding="utf-8")
        return
    theirs = yaml.safe_load(path.read_text(encoding="utf-8"))
    other = [f"{key}={theirs.get(key)!r}, now {mine[key]!r}" for key in FIXED if theirs.get(key) != mine[key]]
    if other:
        raise ResultsError(
            f"{path.parent} holds results of other options ({'; '.join(other)}): give another out=, or move it away"
        )


def _plain(value):
    from omegaconf import OmegaConf

    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


@cache
def version() -> str:
    """Return 8 hex digits that change with what draws, reads and measures pages: code, weights and its settings."""
    package = Path(__file__).parent.parent
    files = [f for name in _VERSIONED for f in (package / name).rglob("*") if f.suffix in (".py", ".safetensors")]
    files += [f for name in _READERS for f in (CONFIGS / name).glob("*.yaml")]
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:8]


def read_job(job: Job, stock: Stock, read: Callable, max_shift_s: float) -> dict:
    """Draw a page, read it and return its line; what the reader raises is part of the result."""
    page = None
    try:
        page = draw_page(job, stock)
    except (ValueError, ArithmeticError, IndexError) as error:  # must not stop a run of hours
        log.exception("%s could not be drawn", job.key)
        return undrawn(job, f"{type(error).__name__}: {error}") | {"version": version()}
    reading, status, message, begin = None, "read", "", perf_counter()
    try:
        reading = read(page.image)
    except EcgsegError as error:
        status, message = "refused", str(error)
    except Exception as error:  # a bug on one page must not cost the figures of all others, nor hide
        log.exception("%s: reading failed unexpectedly", job.key)
        status, message = "failed", f"{type(error).__name__}: {error}"
    seconds = perf_counter() - begin
    return measure(job, page, reading, status, message, seconds, max_shift_s) | {"version": version()}


def reader(options: dict) -> Callable:
    """Return the function that reads a picture as these digitizing options say."""
    from ecgseg.digitize.digitizer import Digitizer

    return Digitizer.from_pretrained(**options).read


def _here(cfg, missing: list[Job], deadline: float | None, read: Callable | None) -> Iterable[dict]:
    material, read = stock(cfg), read or reader(_plain(cfg.digitize))
    for job in missing:
        if deadline is not None and monotonic() >= deadline:
            return
        yield read_job(job, material, read, cfg.max_shift_s)


def _in_processes(cfg, missing: list[Job], deadline: float | None) -> Iterable[dict]:
    """Yield lines as they come from several processes; what was begun when time is up is finished."""
    workers, left = int(cfg.workers), iter(missing)
    threads = max(1, (os.cpu_count() or 1) // workers)
    # Fresh processes: forked ones would inherit the locks of torch's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start, (_plain(cfg), threads)) as pool:
        running = {pool.submit(_work, job) for job in islice(left, workers)}
        try:
            while running:
                ready, running = wait(running, return_when=FIRST_COMPLETED)
                for one in ready:
                    yield one.result()
                if deadline is None or monotonic() < deadline:
                    running |= {pool.submit(_work, job) for job in islice(left, len(ready))}
        except BrokenProcessPool as error:
            raise ResultsError(
                "a process died while reading a page, perhaps for want of memory; run again with fewer workers="
            ) from error


_mine: dict = {}


def _start(cfg: dict, threads: int) -> None:
    """Load in a new process what all its pages need."""
    import cv2
    import torch
    from omegaconf import OmegaConf

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    options = OmegaConf.create(cfg)
    _mine.update(stock=stock(options), read=reader(cfg["digitize"]), max_shift_s=options.max_shift_s)


def _work(job: Job) -> dict:
    return read_job(job, **_mine)


def _collect(lines: Iterable[dict], expected: int, results: ResultsFile) -> None:
    from tqdm import tqdm

    with tqdm(total=expected, unit="page", file=sys.stderr, disable=None) as bar:
        for line in lines:
            results.add(line)
            bar.update()
