"""Processes that may die: each does one page at a time, so that it is known which page was its end."""

import multiprocessing
import signal
from collections.abc import Iterable
from multiprocessing.connection import wait
from time import monotonic

from ecgseg.archive.sources import ArchiveError
from ecgseg.archive.stages import Settings, child

ENDING_S = 5.0


class Worker:
    """One process of a stage; `job` is what it works on, None while it is idle."""

    def __init__(self, stage: str, settings: Settings):
        # Fresh processes: forked ones would inherit the locks of torch's threads.
        context = multiprocessing.get_context("spawn")
        self.stage, self.ready, self.job, self.deadline = stage, False, None, float("inf")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=child, args=(stage, settings, theirs), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def idle(self) -> bool:
        """Return whether it can take a job."""
        return self.ready and self.job is None

    def give(self, job: dict, data: bytes, limit_s: float) -> None:
        """Hand over a job; a process that is dead is noticed when its answer is awaited."""
        self.job, self.deadline = job, monotonic() + limit_s
        try:
            self.connection.send(job)
            self.connection.send_bytes(data)
        except OSError:
            pass

    def answer(self) -> tuple[dict, bytes]:
        """Return its answer to the job, which it then no longer has; raises EOFError if the process died instead."""
        try:
            head = self.connection.recv()
            data = b"" if "ready" in head or "fatal" in head else self.connection.recv_bytes()
        except OSError as error:
            raise EOFError from error
        return head, data

    def end(self, kill: bool = False) -> str:
        """End the process; returns in words how it ended."""
        self.connection.close()
        if kill:
            self.process.kill()
        self.process.join(ENDING_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"was ended by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")


class Pool:
    """Up to `size` processes of a stage, started when there is work for them, replaced when they die."""

    def __init__(self, stage: str, settings: Settings, size: int, limit_s: float):
        self.stage, self.settings, self.size, self.limit_s = stage, settings, size, limit_s
        self.workers: list[Worker] = []

    @property
    def busy(self) -> int:
        """Return how many jobs are under way."""
        return sum(worker.job is not None for worker in self.workers)

    def free(self, waiting: int) -> Worker | None:
        """Return an idle process for one of `waiting` jobs; starts another where too few are there."""
        idle = next((worker for worker in self.workers if worker.idle), None)
        starting = sum(not worker.ready for worker in self.workers)
        if idle is None and starting < waiting and len(self.workers) < self.size:
            self.workers.append(Worker(self.stage, self.settings))
        return idle

    def drop(self, worker: Worker, kill: bool = False) -> str:
        """End a process and forget it; returns in words how it ended."""
        self.workers.remove(worker)
        return worker.end(kill)

    def close(self) -> None:
        """End all processes; one that writes may finish its page."""
        for worker in self.workers:
            worker.connection.close()
        for worker in list(self.workers):
            self.drop(worker, kill=self.stage != "write")


def answered(pools: Iterable[Pool]) -> list[tuple[Pool, Worker, dict | None, bytes]]:
    """Wait until processes answer; returns (pool, process, answer, bytes), the answer None where it died or was late.

    Raises ArchiveError where a process could not start.
    """
    of = {worker.connection: (pool, worker) for pool in pools for worker in pool.workers}
    active = {c: w for c, (_, w) in of.items() if w.job is not None or not w.ready}
    first = min((worker.deadline for worker in active.values()), default=float("inf"))
    timeout = None if first == float("inf") else max(0.0, first - monotonic())
    found = []
    for connection in wait(list(of), timeout):
        pool, worker = of[connection]
        try:
            head, data = worker.answer()
        except EOFError:
            if not worker.ready:
                raise ArchiveError(f"a process for '{pool.stage}' {pool.drop(worker)} while it started") from None
            found.append((pool, worker, None, b""))
            continue
        if "fatal" in head:
            raise ArchiveError(head["fatal"])
        if "ready" in head:
            worker.ready = True
        else:
            found.append((pool, worker, head, data))
    late = [(p, w, None, b"") for p, w in of.values() if w.job is not None and w.deadline < monotonic()]
    return found + [one for one in late if one[1] not in [w for _, w, _, _ in found]]
