"""A few pictures, one after the other: find them, digitize each, write its files, and close with a table.

One failing file never stops the others, and no input and no stranger's file is ever overwritten. What files a page
gives, reports included, is in `pagefiles.py`; many pictures go through `ecgseg.archive`, by the same functions.
"""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ecgseg.archive.names import Names, record_name
from ecgseg.archive.sources import in_folder
from ecgseg.archive.store import FolderStore, open_store
from ecgseg.digitize.files.read import name_of
from ecgseg.digitize.files.sources import Loader, pictures
from ecgseg.digitize.pagefiles import OUTPUT, makers, peak_rss_mb, summary
from ecgseg.errors import EcgsegError
from ecgseg.output.formats import check_formats

__all__ = ["OUTPUT", "Job", "digitize_one", "plan", "record_name", "report", "run"]


@dataclass
class Job:
    """One page and the name of its outputs; `error` says why it failed, `rows` are its lines of the table, one for each
    record."""

    load: Loader
    name: str
    error: str | None = None
    rows: list[dict] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """Return what a person calls the page's file."""
        return "standard input" if self.load.path is None else name_of(self.load.path)


def run(
    inputs: Iterable, out: Path, options: dict, overwrite: bool = False, digitizer=None, output: dict | None = None
) -> int:
    """Digitize files, folders, patterns and lists into the folder `out`; returns 1 if any page failed, else 0.

    `options` are those of Digitizer.from_pretrained; `digitizer` replaces the one made from them; `output` holds
    formats, overlay and report as configs/output/default.yaml does.
    """
    from tqdm import tqdm

    output = OUTPUT if output is None else output
    check_formats(output["formats"])
    jobs = plan(inputs, options)
    inputs = (job.load.path for job in jobs if job.load.path is not None)
    store = open_store(out, output, overwrite, in_folder(inputs, out))
    if digitizer is None and any(job.load.error is None for job in jobs):
        from ecgseg.digitize.digitizer import Digitizer

        digitizer = Digitizer.from_pretrained(**options)
    # None: a bar on a terminal only, not in a log file.
    with tqdm(jobs, unit="page", disable=True if len(jobs) < 2 else None, file=sys.stderr) as bar:
        for job in bar:
            bar.set_postfix_str(job.name, refresh=True)
            try:
                job.rows = digitize_one(job, store, digitizer)
            except EcgsegError as error:
                job.error = str(error)
            except Exception as error:  # one page that breaks the program must not stop a batch of a thousand
                job.error = f"unexpected {type(error).__name__}: {error}; please report it with the picture"
    report(jobs, out)
    return 1 if any(job.error for job in jobs) else 0


def plan(inputs: Iterable, options: dict | None = None) -> list[Job]:
    """Return a job for each page that the inputs name, each with an output name of its own."""
    jobs, names = [], Names()
    limit = (options or {}).get("max_pixels")
    for page in pictures(inputs, **({} if limit is None else {"max_pixels": limit})):
        suffix = "" if page.load.path is None else page.load.path.suffix.lstrip(".")
        jobs.append(Job(page.load, names.give(page.name, suffix, single=True)))
    return jobs


def digitize_one(job: Job, store: FolderStore, digitizer) -> list[dict]:
    """Digitize one page and write its records' files; returns what the closing table shows, a line for each record."""
    path = None if job.load.path is None else str(job.load.path)
    store.recover(job.name)
    store.check(job.name, path, job.load.page)
    start, start_cpu = time.perf_counter(), time.process_time()
    picture = job.load()  # first: without a picture that can be opened there is no digitizer
    readings = digitizer.read_all(picture)
    spent = time.perf_counter() - start, time.process_time() - start_cpu
    source = {"source": job.shown, "page": job.load.page}
    makes = makers(readings, job.name, source, store.output, spent, lambda: {"peak_rss_mb": peak_rss_mb()})
    abouts = store.put_records(job.name, path, job.load.page, makes)
    return [
        {**summary(about), "name": reading.recording.name, "warnings": reading.recording.warnings}
        for about, reading in zip(abouts, readings, strict=True)
    ]


def report(jobs: list[Job], out: Path) -> None:
    """Print the table of pages, then every warning, then every failure with its reason (to stderr)."""
    done = [job for job in jobs if job.error is None]
    if done:
        rows = [("page", "layout", "px/mm", "leads", "quality", "seconds")]
        for row in (row for job in done for row in job.rows):
            scale, seconds = f"{row['px_per_mm']:.2f}", f"{row['seconds']:.1f}"
            rows.append((row["name"], str(row["layout"]), scale, str(row["leads"]), f"{row['quality']:.2f}", seconds))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for row in (row for job in done for row in job.rows):
        for warning in row["warnings"]:
            print(f"warning: {row['name']}: {warning}")
    if done:
        print(f"{len(done)} of {len(jobs)} written to {out}/; look at the overlay{'s' if len(done) > 1 else ''}")
    for job in jobs:
        if job.error:
            # An error that starts with the path already names the file.
            prefix = "" if job.error.startswith((job.shown, job.shown.split("/")[-1])) else f"{job.shown}: "
            print(f"failed: {prefix}{job.error}", file=sys.stderr)
