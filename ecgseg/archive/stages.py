"""What the processes of a pipeline do: decode a page, digitize it, write its files. One page at a time each.

A process gets `job` (a dict) and bytes, and answers with a dict and bytes, so that the parent passes pictures on
without looking at them. Nothing heavy is imported before a stage starts: a process that decodes has no need of torch.
"""

import json
import os
import pickle
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing.connection import Connection

from ecgseg.archive.sources import is_url
from ecgseg.errors import EcgsegError

READ, DIGITIZE, WRITE = "read", "digitize", "write"
NONE, OWN, ALL = "none", "own", "all"
MAX_BYTES = 500_000_000  # of a file fetched from a URL
MEMORY_BYTES = 2_000_000_000  # of a process that decodes, beside what the pixels take


@dataclass(frozen=True)
class Settings:
    """What all processes of a run share: options, where to write, and `make(**options)` that returns the digitizer.

    `run` is the archive's own mark, written into each JSON, as is `made_from`, a digest of the options, beside the
    input's stamp. `takes` says what complete results are taken over: none, those of this archive, or all.
    """

    options: dict
    output: dict
    out: str
    overwrite: bool = False
    protected: frozenset[str] = frozenset()
    made_from: str = ""
    run: str = ""
    takes: str = NONE
    make: Callable | None = None
    threads: int = 1


def child(stage: str, settings: Settings, connection: Connection) -> None:
    """Serve one stage until the parent hangs up, by ending or by being killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears of it and ends this by hanging up
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(settings.threads if stage == DIGITIZE else 1)
    try:
        work = {READ: reader, DIGITIZE: digitizer, WRITE: writer}[stage](settings)
        ready = {"ready": True}
    except EcgsegError as error:
        ready = {"fatal": str(error)}
    try:
        connection.send(ready)
    except OSError:
        return
    while True:
        try:
            job, data = connection.recv(), connection.recv_bytes()
        except (EOFError, OSError):
            return
        start, cpu = time.perf_counter(), time.process_time()
        try:
            answer, data = work(job, data)
        except EcgsegError as error:
            answer, data = {"error": type(error).__name__, "message": str(error)}, b""
        except Exception as error:  # one page that breaks the program must not stop a batch of a thousand
            told = f"unexpected {type(error).__name__}: {error}; please report it with the picture"
            answer, data = {"error": type(error).__name__, "message": told}, b""
        answer |= {"seconds": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}
        try:
            connection.send(answer)
            connection.send_bytes(data)
        except OSError:
            return


def reader(settings: Settings) -> Callable:
    """Return the function that decodes a page: the number of pages, and the picture's pixels."""
    from ecgseg.digitize.files.read import MAX_PIXELS, STDIN, count_pages, read_picture
    from ecgseg.errors import ReadError

    max_pixels = int(settings.options.get("max_pixels") or MAX_PIXELS)
    _limit_memory(MEMORY_BYTES + 16 * max_pixels)

    def work(job: dict, _: bytes) -> tuple[dict, bytes]:
        path, count = job["path"], job["count"]
        try:
            source = fetch(path) if is_url(path) else path
            count = count or count_pages(source)
            picture = read_picture(source, job["page"], max_pixels)
        except ReadError as error:
            # Bytes have no name of their own in errors. The count is told all the same: other pages may be sound.
            told = str(error).replace(STDIN, path, 1) if is_url(path) else str(error)
            return {"count": count, "error": "ReadError", "message": told}, b""
        pixels = picture.pixels
        return {"count": count, "shape": pixels.shape, "dpi": picture.dpi}, pixels.tobytes()

    return work


def fetch(url: str) -> bytes:
    """Return the content of a file at a URL; raises ReadError where it cannot be had or is too large."""
    import fsspec

    from ecgseg.errors import ReadError

    try:
        with fsspec.open(url, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError, ImportError) as error:
        raise ReadError(f"{url}: cannot be fetched ({error}); check the address") from error
    if len(data) > MAX_BYTES:
        raise ReadError(f"{url} has more than {MAX_BYTES // 1_000_000} MB; expected a picture or a PDF")
    return data


def digitizer(settings: Settings) -> Callable:
    """Return the function that reads a picture, with the networks loaded."""
    import cv2
    import numpy as np

    from ecgseg.digitize.files.read import Picture
    from ecgseg.digitize.pagefiles import peak_rss_mb

    cv2.setNumThreads(settings.threads)
    if settings.make is None:
        import torch

        from ecgseg.digitize.digitizer import Digitizer

        torch.set_num_threads(settings.threads)
        reads = Digitizer.from_pretrained(**settings.options)
    else:
        reads = settings.make(**settings.options)

    def work(job: dict, data: bytes) -> tuple[dict, bytes]:
        # Writable, as a freshly decoded picture is.
        pixels = np.frombuffer(bytearray(data), np.uint8).reshape(job["shape"])
        readings = reads.read_all(Picture(pixels, job["dpi"], job["path"], job["page"]))
        return {"peak_rss_mb": peak_rss_mb()}, pickle.dumps(readings, protocol=5)

    return work


def writer(settings: Settings) -> Callable:
    """Return the function that measures the readings of a page and writes their files."""
    # Before the first page, so that what it takes is what a page takes.
    import ecgseg.measure
    import ecgseg.plot  # noqa: F401
    from ecgseg.archive.store import open_store
    from ecgseg.digitize.files.read import name_of
    from ecgseg.digitize.pagefiles import makers, summary

    store = open_store(settings.out, settings.output, settings.overwrite, settings.protected)

    def work(job: dict, data: bytes) -> tuple[dict, bytes]:
        source = {"source": name_of(job["path"]), "page": job["page"]}
        spent = job["spent_s"], job["spent_cpu_s"]

        def more() -> dict:
            return {"peak_rss_mb": job["peak_rss_mb"], "made_from": job["key"], "archive": settings.run}

        makes = makers(pickle.loads(data), job["name"], source, settings.output, spent, more)
        abouts = store.put_records(job["name"], job["path"], job["page"], makes)
        return {"rows": [summary(about) for about in abouts]}, b""

    return work


def made_from(options: dict) -> str:
    """Return a digest of digitizing options: results made with other ones are not taken for complete."""
    return sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:12]


def _limit_memory(size: int) -> None:
    """Bound what decoding a hostile file may take, where the system can do that (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))
