"""Seconds → the lines of a table."""

from collections.abc import Callable, Sequence
from time import perf_counter, process_time

import numpy as np


def timed(call: Callable, repeats: int, wait: Callable = lambda: None) -> tuple[list[float], float]:
    """Return the wall seconds of each of `repeats` calls after one that is not counted, and the CPU seconds of one.

    `wait` returns when what was started on a GPU is done.
    """
    call()
    wait()
    seconds, cpu = [], process_time()
    for _ in range(repeats):
        start = perf_counter()
        call()
        wait()
        seconds.append(perf_counter() - start)
    return seconds, (process_time() - cpu) / repeats


def spread(seconds: Sequence[float]) -> str:
    """Return median and 95th percentile in words."""
    return f"p50 {np.median(seconds):7.3f} s  p95 {np.quantile(seconds, 0.95):7.3f} s"


def machine() -> str:
    """Return what this was measured on."""
    import os
    import platform

    from ecgseg.nets.runtime import threads

    python = platform.python_version()
    return f"{platform.machine()}, {os.cpu_count()} cores, {threads()} threads a network, Python {python}"
