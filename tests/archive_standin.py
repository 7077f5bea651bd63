"""What the tests of archives use: a digitizer that costs nothing, bad files of many kinds, and processes left out."""

import os
import signal
import struct
import sys
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from fake_reading import fake_reading, several
from PIL import Image

from ecgseg.archive import pipeline, stages
from ecgseg.errors import EcgsegError, LayoutError

OUTPUT = {"formats": ["csv", "wfdb"], "overlay": False, "report": False}


class Standin:
    """Reads every picture alike, slowly if asked to; names that say so fail, end the process, take forever, or give
    several records."""

    def __init__(self, **options):
        self.seconds = options.get("px_per_mm") or 0.0  # an option that is free to misuse here

    def read_all(self, picture):
        name = Path(picture.source).stem
        if "refused" in name:
            raise LayoutError(f"{picture.source}: no layout fits;\nscan it again")
        if "bug" in name:
            raise KeyError("strips")
        if "deadly" in name:
            os.kill(os.getpid(), signal.SIGKILL)
        if "endless" in name:
            time.sleep(600)
        time.sleep(self.seconds)
        readings = [fake_reading(name) for _ in range(3 if "triplets" in name else 1)]
        for number, reading in enumerate(readings):
            # Something of the very picture and record, so that mixed-up ones would show.
            reading.recording.signal[0, :3] = np.float32(picture.pixels[0, 0] / 1000 + number)
        return several(readings) if len(readings) > 1 else readings


class Seen(Standin):
    """A Standin that notes the names of what it reads."""

    names: list[str] = []  # noqa: RUF012

    def read_all(self, picture):
        self.names.append(picture.source.rsplit("/", 1)[-1])
        return super().read_all(picture)


def picture(path: Path, shade: int = 255) -> Path:
    """Write a small picture whose colour tells it from others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (80, 80), (shade, shade, 255 - shade)).save(path)
    return path


def bad_file(path: Path, kind: str) -> Path:
    """Write a file that cannot be read: empty, text, truncated, or a picture that claims to be enormous."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(path)
    content = {
        "empty": b"",
        "text": b"this is no picture\n" * 20,
        "truncated": path.read_bytes()[:90],
        "bomb": png_header(200_000, 200_000),
    }
    path.write_bytes(content[kind])
    return path


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds a kilobyte of zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


class InlinePool:
    """A pool that does the work in this process, at once: for tests of what is planned and kept, not of processes."""

    def __init__(self, stage, settings, size, limit_s):
        self.stage, self.size, self.limit_s, self.busy = stage, size, limit_s, 0
        self.start = {"read": stages.reader, "digitize": stages.digitizer, "write": stages.writer}[stage]
        self.settings, self.work, self.answers = settings, None, []

    def free(self, waiting):
        return self if not self.busy else None

    def give(self, job, data, limit_s):
        self.busy, self.job = 1, job
        self.work = self.work or self.start(self.settings)
        try:
            head, data = self.work(job, data)
        except EcgsegError as error:
            head, data = {"error": type(error).__name__, "message": str(error)}, b""
        self.answers.append(
            (SimpleNamespace(job=job, deadline=float("inf")), head | {"seconds": 0.1, "cpu_s": 0.1}, data)
        )

    def close(self):
        pass


def inline(monkeypatch):
    """Have pipelines work without processes."""

    def answered(pools):
        found = [(pool, *answer) for pool in pools for answer in pool.answers]
        for pool in pools:
            pool.answers, pool.busy = [], 0
        return found

    monkeypatch.setattr(pipeline, "Pool", InlinePool)
    monkeypatch.setattr(pipeline, "answered", answered)
    monkeypatch.setattr(stages, "_limit_memory", lambda size: None)


if __name__ == "__main__":  # python archive_standin.py OUT SECONDS FLAG… -- INPUT…: a run that a test can kill
    from ecgseg.archive.run import run

    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    arguments = sys.argv[3:]
    flags, inputs = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    sizes = {"workers": 1, "readers": 1, "writers": 2}
    resume = {"resume": "--resume" in flags, "retry_failed": "--retry-failed" in flags}
    out, options = sys.argv[1], {"px_per_mm": float(sys.argv[2])}
    output = OUTPUT | {"overlay": "--overlay" in flags}
    sys.exit(run(inputs, out, options, output, sizes, make=Standin, **resume))
