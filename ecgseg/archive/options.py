"""The options of archives: defaults from configs/archive/default.yaml, values checked before any work."""

import os
from dataclasses import dataclass, fields

import yaml

from ecgseg.archive.sources import ArchiveError
from ecgseg.paths import CONFIGS

ENGINES = ("auto", "sequential", "local", "ray")
MOST_WORKERS = 8  # of the default: beyond, a disk or a GPU is more likely what is waited for
WORKER_BYTES = 3_000_000_000  # 2.8 GB were measured on pages of 2 million pixels
READERS_SERVE = 4  # digitizing a page takes ten times as long as decoding or writing it, and more


@dataclass(frozen=True)
class ArchiveOptions:
    """How many files are read; the meaning of each is in configs/archive/default.yaml."""

    engine: str
    above: int
    workers: int | None
    readers: int | None
    writers: int | None
    page_seconds: float
    ray_address: str | None
    ray_lanes: int
    ray_cpus: float
    ray_gpus: float
    ray_files: int

    def __post_init__(self):
        if self.engine not in ENGINES:
            raise ArchiveError(f"archive.engine is {self.engine!r}; the choices are {', '.join(ENGINES)}")
        for key in ("above", "workers", "readers", "writers", "ray_lanes", "ray_files"):
            value = getattr(self, key)
            if value is None and key in ("workers", "readers", "writers"):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ArchiveError(f"archive.{key} is {value!r}; give a whole number above 0")
        for key, least in (("page_seconds", 1), ("ray_cpus", 0), ("ray_gpus", 0)):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
                raise ArchiveError(f"archive.{key} is {value!r}; give a number from {least} on")

    def sizes(self, cores: int | None = None) -> dict[str, int]:
        """Return how many processes there are of each kind on a machine of so many cores (None: this one)."""
        cores = _cores() if cores is None else max(1, cores)
        workers = self.workers or max(1, min(cores, MOST_WORKERS, _free_bytes() // WORKER_BYTES))
        beside = -(-workers // READERS_SERVE)
        return {"workers": workers, "readers": self.readers or beside, "writers": self.writers or beside}

    def threads(self, cores: int | None = None) -> int:
        """Return how many threads each process that digitizes may use."""
        cores = _cores() if cores is None else max(1, cores)
        return max(1, cores // self.sizes(cores)["workers"])


def load_archive(changes: dict) -> ArchiveOptions:
    """Return the defaults with `changes` applied; an unknown key is an ArchiveError that names the choices."""
    names = [f.name for f in fields(ArchiveOptions)]
    for key in changes:
        if key not in names:
            raise ArchiveError(f"unknown option archive.{key}; the choices are {', '.join(names)}")
    defaults = yaml.safe_load((CONFIGS / "archive" / "default.yaml").read_text(encoding="utf-8"))
    return ArchiveOptions(**{**defaults, **changes})


def _cores() -> int:
    """Return the cores that this process may use, which in a container or a job are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _free_bytes() -> int:
    """Return the memory that is free for use; where the system does not tell, enough for all."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return MOST_WORKERS * WORKER_BYTES
