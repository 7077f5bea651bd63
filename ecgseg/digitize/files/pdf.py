"""PDF → RGB pixels, one page at a time, by PDFium in a process of its own with limits on time and memory."""

import json
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Timer

import numpy as np

from ecgseg.errors import ReadError

CHILD = Path(__file__).with_name("pdf_child.py")
TIME_LIMIT_S = 90  # of wall time; the child's CPU time is limited to a third of it
_HEADER_BYTES = 100_000
_WORDS = {
    "password": "is locked with a password: open it, and print or save it as a PDF without one",
    "damaged": "is damaged, or no PDF although it begins as one ({reason}): copy it again, or export it as PNG",
    "unreadable": "cannot be read ({reason})",
    "no page": "has {pages} pages; give one of them",
    "large": "has a page of {size_mm[0]} x {size_mm[1]} mm, which has more pixels than the limit even at {dpi} dpi: "
    "cut it, or raise the limit with digitize.max_pixels=…",
    "picture": "holds a picture of {width} x {height} pixels, far more than the limit of digitize.max_pixels: "
    "scan at 200 to 300 dpi",
    "memory": "needs more memory than is allowed for a page: export it as PNG at 200 to 300 dpi",
}


def count_pages(source: Path | bytes, shown: str) -> int:
    """Return the number of pages of a PDF (a path or its bytes; `shown` in errors); ReadError if there is none."""
    answer, _ = _ask("count", source, shown, 1, 1_000_000)
    if not answer["pages"]:
        raise ReadError(f"{shown} is a PDF without pages; export it anew")
    return answer["pages"]


def render_page(source: Path | bytes, shown: str, page: int, max_pixels: int) -> tuple[np.ndarray, float]:
    """Return one page (counted from 1) as (H, W, 3) uint8 RGB and its dpi on the PDF's own paper.

    A scanned page comes at the resolution of its picture (600 dpi at most), any other at 300 dpi, coarser where it
    would have more than `max_pixels`. Raises ReadError for locked, damaged and hostile documents.
    """
    answer, pixels = _ask("render", source, shown, page, max_pixels)
    return pixels, float(answer["dpi"])


def _ask(task: str, source: Path | bytes, shown: str, page: int, max_pixels: int) -> tuple[dict, np.ndarray | None]:
    """Run the child and return its answer and pixels; raises ReadError for every way in which it can fail."""
    if find_spec("pypdfium2") is None:
        raise ReadError(f"{shown} is a PDF, which needs pypdfium2: pip install pypdfium2, or export the page as PNG")
    path = "-" if isinstance(source, bytes) else str(Path(source).absolute())
    # -P: the modules beside the child have names that the standard library uses too.
    command = [sys.executable, "-P", str(CHILD), task, path, str(page), str(int(max_pixels))]
    stdin = subprocess.PIPE if path == "-" else subprocess.DEVNULL
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        timer = Timer(TIME_LIMIT_S, child.kill)
        timer.start()
        try:
            if path == "-":
                with suppress(BrokenPipeError), child.stdin as pipe:
                    pipe.write(source)
            answer = _answer(child.stdout.readline(_HEADER_BYTES))
            pixels = _pixels(child.stdout, answer) if answer and "width" in answer else None
            code = child.wait()
        finally:
            timed_out = not timer.is_alive()
            timer.cancel()
            child.kill()  # a no-op once it has ended; ends it if this process was interrupted
    if answer and "problem" in answer:
        raise ReadError(f"{shown} " + _WORDS[answer["problem"]].format(**answer))
    if code or answer is None or (pixels is None) != (task == "count"):
        why = f"took longer than {TIME_LIMIT_S} s" if timed_out else f"stopped PDFium (exit code {code})"
        raise ReadError(f"{shown}, page {page}: {why}: the PDF is damaged or hostile; export the page as PNG")
    return answer, pixels


def _answer(line: bytes) -> dict | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _pixels(stream, answer: dict) -> np.ndarray | None:
    """Read the pixels that the answer announces, None if they are cut off."""
    pixels = np.empty((answer["height"], answer["width"], 3), np.uint8)
    room, got = memoryview(pixels).cast("B"), 0
    while got < len(room):
        n = stream.readinto(room[got:])
        if not n:
            return None
        got += n
    return pixels
