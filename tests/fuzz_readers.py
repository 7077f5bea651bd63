"""Damaged, hostile and mixed-up files for the readers: each must give a picture or a ReadError, quickly, and no file.

    nice python tests/fuzz_readers.py 20000        prints what came of each kind of file

Files are sound ones with bytes spoiled, or built (hostile_files.py). Spoiled PDF goes to the child's own code in this
process, so that thousands can be tried; a crash ends the run and would be seen. In use it runs in a process of its own.
"""

import faulthandler
import os
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from hostile_files import BUILDERS, built
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pdf_maker import pdf, scanned
from PIL import Image

from ecgseg.digitize.files import pdf as read_pdf
from ecgseg.digitize.files import pdf_child as read_pdf_child
from ecgseg.digitize.files import read
from ecgseg.digitize.files.read import MIN_SIDE, Picture, count_pages, read_picture
from ecgseg.errors import ReadError

MAX_PIXELS = 40_000
SLOW_S = 10.0  # of CPU time for one file; 100 million pixels take 1 to 3
HANG_S = 120.0  # of wall time; then the program says where it hangs and ends
MEMORY_MB, BYTES_PER_PIXEL = 150, 20  # Pillow reads up to 64 MB of texts in a PNG; animated WebP takes 18 bytes a pixel
EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\x80", b"\xff\xff\0\0")


def seeds() -> dict[str, bytes]:
    """Return a small sound file of each kind and of the kinds' more complicated forms."""
    y, x = np.mgrid[0:72, 0:96]
    pixels = np.stack([x * 2, y * 3, (x * y) % 256], axis=-1).astype(np.uint8)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x829D] = 1.8
    deep = Image.fromarray((pixels[..., 0].astype(np.uint16)) * 256)
    ways = {
        "png": (image, "PNG", {"dpi": (200, 200), "exif": exif}),
        "png palette": (image.convert("P"), "PNG", {"transparency": 3}),
        "png 16 bit": (deep, "PNG", {}),
        "jpeg": (image, "JPEG", {"exif": exif, "dpi": (300, 300)}),
        "jpeg progressive": (image, "JPEG", {"progressive": True}),
        "webp": (image, "WEBP", {"exif": exif}),
        "bmp": (image, "BMP", {}),
        "tiff": (image, "TIFF", {"compression": "tiff_lzw", "dpi": (200, 200)}),
        "tiff jpeg": (image, "TIFF", {"compression": "jpeg"}),
        "tiff fax": (image.convert("1"), "TIFF", {"compression": "group4"}),
        "tiff pages": (image, "TIFF", {"save_all": True, "append_images": [deep.copy(), image.convert("1")]}),
    }
    found = {}
    for kind, (picture, form, options) in ways.items():
        out = BytesIO()
        picture.copy().save(out, form, **options)  # Pillow leaves its settings of one format in the picture
        found[kind] = out.getvalue()
    found["pdf scanned"] = pdf(scanned(pixels, 100, jpeg=True))
    found["pdf vector"] = pdf(scanned(pixels, 99), {"size": (30, 30), "content": b"0 0 m 20 9 l S\n" * 9})
    try:
        from pillow_heif import from_pillow
    except ImportError:
        return found
    out = BytesIO()
    from_pillow(image).save(out, quality=60)
    return found | {"heic": out.getvalue()}


def others() -> dict[str, bytes]:
    """Return a small sound file of kinds that are not read."""
    out, image = BytesIO(), Image.new("P", (96, 72), 3)
    image.save(out, "GIF", save_all=True, append_images=[image.copy()])
    return {"gif": out.getvalue(), "svg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"}


SEEDS, OTHERS = seeds(), others()


@st.composite
def files(draw) -> tuple[str, bytes]:
    """Draw a sound file of some kind and spoil it: bytes changed, cut, doubled, moved, or another kind's put in."""
    kind = draw(st.sampled_from(sorted(SEEDS | OTHERS)))
    data = bytearray((SEEDS | OTHERS)[kind])
    for _ in range(draw(st.integers(0, 4))):
        # Headers matter most: half of the places lie in the first 200 bytes.
        end = draw(st.sampled_from((200, len(data))))
        at = draw(st.integers(0, max(0, min(end, len(data)) - 1)))
        way = draw(st.sampled_from(("byte", "bit", "number", "cut", "drop", "twice", "other", "zeros")))
        length = draw(st.integers(1, 64))
        if way == "byte":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif way == "bit" and data:
            data[at] ^= 1 << (length % 8)
        elif way == "number":
            data[at : at + 4] = draw(st.sampled_from(EXTREMES))
        elif way == "cut":
            del data[max(at, 8) :]
        elif way == "drop":
            del data[at : at + length]
        elif way == "twice":
            data[at:at] = data[at : at + length] * draw(st.integers(1, 40))
        elif way == "zeros":
            data[at : at + length] = bytes(length)
        else:
            data[at:at] = SEEDS[draw(st.sampled_from(sorted(SEEDS)))][: 40 * length]
    return kind, bytes(data)


@dataclass
class Outcome:
    """What came of a file: "read" or "refused", seconds of CPU and of wall time, peak memory in MB over that before."""

    result: str
    cpu_s: float
    wall_s: float
    memory_mb: float


def outcome(data: bytes, max_pixels: int = MAX_PIXELS) -> Outcome:
    """Read the last but one page of a file; AssertionError where a promise is broken, and whatever readers raise."""
    before = _reset_peak()
    start, clock = time.process_time(), time.perf_counter()
    try:
        pages = count_pages(data)
        picture = read_picture(data, min(pages, 2), max_pixels=max_pixels)
    except ReadError as error:
        assert str(error).startswith("standard input") and len(str(error)) > 25
        result = "refused"
    else:
        assert_sound(picture, max_pixels)
        result = "read"
    found = Outcome(result, time.process_time() - start, time.perf_counter() - clock, _peak_mb() - before)
    assert found.cpu_s < SLOW_S, f"took {found.cpu_s:.1f} s"
    assert found.memory_mb < MEMORY_MB + BYTES_PER_PIXEL * max_pixels / 1e6, f"took {found.memory_mb:.0f} MB"
    return found


def _reset_peak() -> float:
    """Forget the highest memory this process ever had (on Linux); returns what it has now in MB."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak_mb()


def _peak_mb() -> float:
    """Return the highest memory since the last reset in MB, 0 where the system does not tell it."""
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000
    return 0.0


def assert_sound(picture: Picture, max_pixels: int) -> None:
    height, width, channels = picture.pixels.shape
    assert picture.pixels.dtype == np.uint8 and channels == 3
    assert min(height, width) >= MIN_SIDE and height * width <= max_pixels
    assert picture.dpi is None or all(90 < v < 2500 for v in picture.dpi)


def in_this_process(task: str, source: bytes, shown: str, page: int, max_pixels: int):
    """Stand in for read_pdf._ask without a process of its own."""
    try:
        if task == "count":
            return {"pages": read_pdf_child.count(source)}, None
        answer, rows = read_pdf_child.render(source, page, max_pixels)
    except read_pdf_child.PdfProblem as problem:
        raise ReadError(f"{shown} " + read_pdf._WORDS[problem.args[0]].format(**problem.args[1])) from problem
    pixels = np.frombuffer(b"".join(rows), np.uint8).reshape(answer["height"], answer["width"], 3)
    return answer, pixels


def run(count: int, each=lambda kind, data: None, strategy=None) -> None:
    """Give `count` files, the same for the same code, to `each` as (kind, content)."""

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(files() if strategy is None else strategy)
    def try_one(file):
        each(*file)

    try_one()


def tables(count: int) -> dict[str, dict[str, list[Outcome]]]:
    """Return part -> kind -> outcomes of `count` files: most of them small and read in this process with a low limit
    of pixels, a few with the limit that is in use and PDF in a process of its own."""
    # PDF that is built to crash or to take long is only meant for a process of its own.
    here = tuple(kind for kind in (*BUILDERS, *(("built heic",) if "heic" in SEEDS else ())) if kind != "built pdf")
    few = max(1, count // 50)
    parts = {
        "low limit, in this process": (files() | built(SEEDS, here), count - 2 * few, MAX_PIXELS, in_this_process),
        "limit in use": (built(SEEDS, here), few, read.MAX_PIXELS, read_pdf._ask),
        "limit in use, PDF": (built(SEEDS, ("built pdf",)), few, read.MAX_PIXELS, read_pdf._ask),
    }
    found: dict[str, dict[str, list[Outcome]]] = {}
    for part, (strategy, number, limit, ask) in parts.items():
        kinds = found[part] = defaultdict(list)

        def note(kind, data, kinds=kinds, limit=limit):
            faulthandler.dump_traceback_later(HANG_S, exit=True)
            kinds[kind].append(outcome(data, limit))

        read_pdf._ask = ask
        run(number, note, strategy)
    faulthandler.cancel_dump_traceback_later()
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    faulthandler.enable()
    before = open_files()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        start = time.process_time()
        found = tables(count)
        seconds = time.process_time() - start
        left = os.listdir(folder)
        os.chdir("/")
    for part, kinds in found.items():
        print(f"\n{part}\n\n| kind | files | read | refused | most CPU s | most wall s | most MB |")
        print("|---|---|---|---|---|---|---|")
        for kind, all_of in sorted(kinds.items()):
            read_ones = sum(one.result == "read" for one in all_of)
            most = [max(getattr(one, key) for one in all_of) for key in ("cpu_s", "wall_s", "memory_mb")]
            numbers = f"{len(all_of)} | {read_ones} | {len(all_of) - read_ones}"
            print(f"| {kind} | {numbers} | {most[0]:.2f} | {most[1]:.2f} | {most[2]:.0f} |")
    total = sum(len(all_of) for kinds in found.values() for all_of in kinds.values())
    print(f"\n{total} files, {seconds:.0f} CPU s, no crash, no hang; files left: {left or 'none'}; ", end="")
    print(f"open files before and after: {before} and {open_files()}")


def open_files() -> int:
    """Return how many files this process has open (0 where the system does not tell)."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


if __name__ == "__main__":
    main()
