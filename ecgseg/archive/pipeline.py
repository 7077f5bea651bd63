"""Decode, digitize and write at the same time, in processes; a bounded number of pages is under way.

What a hostile picture breaks is the process that reads it: its page fails, a new process goes on with the next.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple

from ecgseg.archive.index import COLUMNS
from ecgseg.archive.names import holds_one, page_name, record_of
from ecgseg.archive.sources import Source
from ecgseg.archive.stages import ALL, DIGITIZE, NONE, READ, WRITE, Settings
from ecgseg.archive.store import open_store
from ecgseg.archive.workers import Pool, Worker, answered
from ecgseg.digitize.pagefiles import summary
from ecgseg.errors import EcgsegError


class Task(NamedTuple):
    """A file to read: its path or URL, the name of its results, its stamp, why it cannot be read (None: it may).

    `count` and `pages`: how many pages it has and which of them to read, None where that is not known.
    """

    path: str
    base: str
    stamp: str | None = None
    error: str | None = None
    count: int | None = None
    pages: tuple[int, ...] | None = None


class Pipeline:
    """The processes of one machine; `run` may be called again, and `close` ends them."""

    def __init__(self, settings: Settings, workers: int, readers: int, writers: int, page_seconds: float):
        self.settings = settings
        self.store = open_store(settings.out, settings.output, settings.overwrite, settings.protected)
        sizes = {READ: readers, DIGITIZE: workers, WRITE: writers}
        self.pools = {stage: Pool(stage, settings, size, page_seconds) for stage, size in sizes.items()}
        # Pictures and readings under way or waiting: enough that no process waits long, few enough for the memory.
        self.most = {DIGITIZE: max(readers, workers), WRITE: workers + writers}
        self.waiting: dict[str, deque] = {stage: deque() for stage in sizes}
        self._rows: deque[dict] = deque()

    def run(self, tasks: Iterable[Task]) -> Iterator[dict]:
        """Yield a line of the index for each page as it is done; tasks are taken when there is room for them.

        Lines of further records of a page are a list under "more" of the first one's: a page is done or it is not.
        Raises ArchiveError where no process can start.
        """
        tasks = iter(tasks)
        more = True
        while True:
            more = self._take(tasks) if more else False
            self._hand_out()
            while self._rows:
                yield self._rows.popleft()
            if any(pool.busy for pool in self.pools.values()) or any(self.waiting.values()):
                for pool, worker, head, data in answered(self.pools.values()):
                    self._receive(pool, worker, head, data)
            elif not more:
                return

    def close(self) -> None:
        """End all processes; a page that is being written is finished."""
        for pool in self.pools.values():
            pool.close()

    def _take(self, tasks: Iterator[Task]) -> bool:
        """Queue files until the readers have work; returns whether there may be more."""
        queue = self.waiting[READ]
        while len(queue) < self.pools[READ].size:
            task = next(tasks, None)
            if task is None:
                return False
            if task.error is not None:
                self._fail(self._job(task, 1), "ReadError", task.error)
                continue
            queue.extend((self._job(task, page), b"") for page in task.pages or (1,))
        return True

    def _job(self, task: Task, page: int) -> dict:
        key = None if task.stamp is None else f"{self.settings.made_from}-{task.stamp}"
        job = {"path": task.path, "base": task.base, "page": page, "count": task.count, "key": key}
        return job | {"first": task.pages is None, "spent_s": 0.0, "spent_cpu_s": 0.0}

    def _hand_out(self) -> None:
        """Give waiting pages to idle processes, as long as there is room for what comes of them."""
        for stage, following in ((WRITE, None), (DIGITIZE, WRITE), (READ, DIGITIZE)):
            pool, queue = self.pools[stage], self.waiting[stage]
            while queue:
                if following and pool.busy + len(self.waiting[following]) >= self.most[following]:
                    break
                worker = pool.free(len(queue))
                if worker is None:
                    break
                worker.give(*queue.popleft(), pool.limit_s)

    def _receive(self, pool: Pool, worker: Worker, head: dict | None, data: bytes) -> None:
        job, worker.job, late = worker.job, None, worker.deadline < monotonic()
        worker.deadline = float("inf")
        if head is None:
            how = pool.drop(worker, kill=True)
            if job is None:
                return  # it died while it was idle; no page is lost
            doing = {READ: "decoded", DIGITIZE: "digitized", WRITE: "written"}[pool.stage]
            kind = "TimeLimit" if late else "ProcessDied"
            how = f"took longer than {pool.limit_s:g} s (archive.page_seconds)" if late else how
            self._fail(job, kind, f"{job['path']}: the process that {doing} it {how}")
            return
        if pool.stage == READ:
            self._counted(job, head["count"])
        if "error" in head:
            self._fail(job, head["error"], head["message"])
            return
        job["spent_s"] += head["seconds"]
        job["spent_cpu_s"] += head["cpu_s"]
        if pool.stage == READ:
            self._opened(job | {"shape": head["shape"], "dpi": head["dpi"]}, data)
        elif pool.stage == DIGITIZE:
            job["peak_rss_mb"] = head["peak_rss_mb"]
            self.waiting[WRITE].append((job, data))
        else:
            self._done(job, head["rows"])

    def _counted(self, job: dict, count: int | None) -> None:
        """Queue the other pages of a file when its first has been looked at."""
        job["count"] = count
        if job.pop("first") and count:
            if count > 1 and holds_one(Source(job["path"]).suffix):
                job |= {"count": None, "misnamed": count}  # the names of its pages might be taken by other files
                return
            fresh = {"first": False, "spent_s": 0.0, "spent_cpu_s": 0.0}
            rest = [({**job, **fresh, "page": page}, b"") for page in range(2, count + 1)]
            self.waiting[READ].extendleft(reversed(rest))

    def _opened(self, job: dict, data: bytes) -> None:
        """Queue a decoded page for digitizing, unless it cannot be written or need not be read."""
        if "misnamed" in job:
            told = f"{job['path']} has {job['misnamed']} pages, and a name of pictures with one: call it .tiff or .pdf"
            self._fail(job, "ReadError", told)
            return
        name = job["name"] = page_name(job["base"], job["page"], job["count"])
        try:
            abouts = self._complete(name, job)
            if abouts:
                self._done(job, [summary(about) for about in abouts])
                return
            self.store.check(name, job["path"], job["page"])
        except EcgsegError as error:
            self._fail(job, type(error).__name__, str(error))
            return
        self.waiting[DIGITIZE].append((job, data))

    def _complete(self, name: str, job: dict) -> list[dict] | None:
        """Return the JSON of each record of a page that need not be digitized again, else None."""
        if self.settings.takes == NONE:
            return None
        abouts = self.store.records(name, job["path"], job["page"], job["key"])
        own = abouts and all(about.get("archive") == self.settings.run for about in abouts)
        return abouts if own or self.settings.takes == ALL else None

    def _done(self, job: dict, records: list[dict]) -> None:
        page = _row(job) | {"status": "ok"}
        first, *more = (page | {"name": record_of(page["name"], number)} | row for number, row in enumerate(records, 1))
        self._rows.append(first | ({"more": more} if more else {}))

    def _fail(self, job: dict, kind: str, message: str) -> None:
        self._rows.append(_row(job) | {"status": "failed", "error_type": kind, "message": message})


def _row(job: dict) -> dict:
    """Return a line of the index with what is known of every page."""
    name = page_name(job["base"], job["page"], job["count"] or 1)
    about = {"path": job["path"], "page": job["page"], "pages": job["count"], "name": name}
    return dict.fromkeys(COLUMNS) | about | {"finished": datetime.now(UTC).isoformat(timespec="seconds")}
