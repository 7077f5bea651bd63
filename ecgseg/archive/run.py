"""One run over an archive: plan, read what is not done, keep the journal, and close with index and failures."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

from ecgseg.archive import journal as journals
from ecgseg.archive.index import FAILURES, PARQUET, RESERVED, write_failures, write_index
from ecgseg.archive.journal import FileState
from ecgseg.archive.names import Names, holds_one
from ecgseg.archive.options import ArchiveOptions, load_archive
from ecgseg.archive.pipeline import Pipeline, Task
from ecgseg.archive.sources import ArchiveError, Source, in_folder, is_url, listed
from ecgseg.archive.stages import ALL, NONE, Settings, made_from
from ecgseg.archive.store import open_store
from ecgseg.digitize.options import load_options
from ecgseg.digitize.pagefiles import results
from ecgseg.output.formats import check_formats


def run(
    inputs: Iterable,
    out,
    options: dict,
    output: dict,
    archive: dict | None = None,
    overwrite: bool = False,
    resume: bool = False,
    retry_failed: bool = False,
    make: Callable | None = None,
) -> int:
    """Digitize all that `inputs` name into the folder or URL `out`, with an index; returns 1 if a page failed, else 0.

    `options`, `output` and `archive` are as in configs/digitize, output and archive. `resume` goes on where a run in
    `out` stopped, `retry_failed` also tries again what failed. `make(**options)` returns the digitizer in place of
    Digitizer.from_pretrained, and must be importable by other processes. Raises an EcgsegError where nothing can be
    done: unusable options, a folder with another archive in it, no cluster.
    """
    check_formats(output["formats"])
    load_options(**options)
    archive = load_archive(archive or {})
    sources = list(listed(inputs))
    protected = frozenset() if is_url(out) else in_folder((Path(s.path) for s in sources if not is_url(s.path)), out)
    store = open_store(out, output, overwrite, protected)
    if journals.exists(out) and not (resume or overwrite):
        raise ArchiveError(f"{out} holds an archive already: go on with --resume, or begin anew with --overwrite")
    journal = journals.open_journal(out, fresh=not resume)
    try:
        # Where it was computed is no other way of reading.
        meant = {key: value for key, value in options.items() if key != "device"}
        mark, takes = journal.run(meant), ALL if resume else NONE
        settings = Settings(options, output, str(out), overwrite, protected, made_from(meant), mark, takes, make)
        store.recover()
        known = journal.files()
        tasks = plan(sources, known, store.names() if known else set(), settings, retry_failed)
        begun = _begun(tasks, known, journal)
        try:
            with _Progress(sources, known, retry_failed) as bar:
                for row in rows(begun, settings, archive):
                    journal.add({"event": "page", **row})
                    bar.show(row)
        except KeyboardInterrupt:
            close(journal, out)
            raise
        return close(journal, out, bar.seconds, bar.now)
    finally:
        journal.close()


def rows(tasks: Iterator[Task], settings: Settings, archive: ArchiveOptions) -> Iterator[dict]:
    """Yield the lines of the index as an engine gives them."""
    if archive.engine == "ray":
        from ecgseg.archive.on_ray import rows as on_ray

        yield from on_ray(tasks, settings, archive)
        return
    pipeline = open_pipeline(settings, archive)
    try:
        yield from pipeline.run(tasks)
    finally:
        pipeline.close()


def open_pipeline(settings: Settings, archive: ArchiveOptions, cores: int | None = None) -> Pipeline:
    """Return the pipeline of a machine of so many cores (None: this one)."""
    settings = replace(settings, threads=archive.threads(cores))
    return Pipeline(settings, **archive.sizes(cores), page_seconds=archive.page_seconds)


def plan(
    sources: Iterable[Source], known: dict[str, FileState], there: set[str], settings: Settings, retry_failed: bool
) -> Iterator[Task]:
    """Yield what is left to do, in the order given; a file keeps the name that an earlier run gave it.

    `known` is what the journal tells, `there` are the names of the files in the output folder. A page is done when
    its results are all there, or when it failed and is not to be tried again; a file that has changed is not done.
    """
    names = Names(RESERVED)
    for path, state in known.items():
        names.take(state.base, holds_one(Source(path).suffix))
    for source in sources:
        state = known.get(source.path)
        if state is None:
            yield Task(source.path, names.give(source.stem, source.suffix), source.stamp, source.error)
        elif state.stamp != source.stamp or not state.pages:
            yield Task(source.path, state.base, source.stamp, source.error)
        else:
            done = {page for page in state.pages if _done(state, page, there, settings, retry_failed)}
            if state.count is None:
                if 1 not in done:
                    yield Task(source.path, state.base, source.stamp, source.error)
                continue
            left = tuple(page for page in range(1, state.count + 1) if page not in done)
            if left:
                yield Task(source.path, state.base, source.stamp, source.error, state.count, left)


def close(journal, out, seconds: float | None = None, now: int = 0) -> int:
    """Write index and failures from the journal and say what is there; returns 1 if a page failed, else 0."""
    name = write_index(journal.rows(), out)
    kinds, more = write_failures(journal.rows(), out)
    total, failed = kinds.total(), kinds.total() - kinds[None]
    speed = "" if seconds is None else f"; {now} in this run, {seconds:.0f} s, {now / max(seconds, 1e-9):.2f} a second"
    print(f"{total - failed} of {total} pages read{f', {more} further records on them' if more else ''}{speed}")
    if failed:
        told = ", ".join(f"{kind} {n}" for kind, n in kinds.most_common() if kind is not None)
        print(f"{failed} failed ({told}): see {out}/{FAILURES}", file=sys.stderr)
    missing = "" if name == PARQUET else " (CSV, since pyarrow is not installed: pip install pyarrow for Parquet)"
    print(f"index: {out}/{name}{missing}; look at some overlays")
    return 1 if failed else 0


def _done(state: FileState, page: int, there: set[str], settings: Settings, retry_failed: bool) -> bool:
    status, names = state.pages[page]
    if status == "failed":
        return not retry_failed
    return all(path.name in there for name in names for path in results(Path(name), settings.output))


def _begun(tasks: Iterable[Task], known: dict[str, FileState], journal) -> Iterator[Task]:
    """Yield the tasks, each written into the journal before it is begun."""
    for task in tasks:
        state = known.get(task.path)
        if state is None or state.stamp != task.stamp:
            journal.add({"event": "plan", "path": task.path, "base": task.base, "stamp": task.stamp})
        yield task


class _Progress:
    """A bar on the terminal, or a line a minute in a log: pages, rate, time left, failures."""

    LOG_S = 60.0

    def __init__(self, sources: list[Source], known: dict[str, FileState], retry_failed: bool):
        from tqdm import tqdm

        self.start, self.now, self.failed, self._said = monotonic(), 0, 0, monotonic()
        self.seconds = 0.0
        pages = [p for s in known.values() for p in s.pages.values()]
        self.done = done = sum(not (retry_failed and status == "failed") for status, _ in pages)
        rest = sum(s.path not in known for s in sources)
        planned = sum(max(1, state.count or 1) for state in known.values())
        # None: on a terminal only. Rates and the time left are of this run, not of those before it.
        self.bar = tqdm(total=rest + planned, initial=done, unit="page", file=sys.stderr, disable=None, smoothing=0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()
        self.seconds = monotonic() - self.start

    def show(self, row: dict) -> None:
        """Count a page."""
        self.now += 1
        self.failed += row["status"] == "failed"
        self.seconds = monotonic() - self.start
        more = (row["pages"] or 1) - 1
        if more and row["page"] == 1:
            self.bar.total += more
        self.bar.set_postfix(failed=self.failed, refresh=False)
        self.bar.update()
        if self.bar.disable and monotonic() - self._said > self.LOG_S:
            self._said = monotonic()
            rate, left = self.now / self.seconds, self.bar.total - self.done - self.now
            told = f"{self.done + self.now} of {self.bar.total} pages, {self.failed} failed now, {rate:.2f} a second"
            print(f"{told}, {left / rate / 60:.0f} min left", file=sys.stderr, flush=True)
