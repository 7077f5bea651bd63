"""Damaged, hostile and mixed-up files for the readers: each must give a picture or a ReadError, quickly, and no file.

    nice python tests/fuzz_readers.py 20000        prints what came of each kind of file

PDF goes to the child's own code in this process, so that thousands can be tried; a crash ends the run and would be
seen. In use it runs in a process of its own.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from io import BytesIO

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pdf_maker import pdf, scanned
from PIL import Image

from ecgseg.digitize.files import pdf as read_pdf
from ecgseg.digitize.files import pdf_child as read_pdf_child
from ecgseg.digitize.files.read import MIN_SIDE, Picture, count_pages, read_picture
from ecgseg.errors import ReadError

MAX_PIXELS = 40_000
SLOW_S = 5.0  # of CPU time for one file of a few kB
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


SEEDS = seeds()


@st.composite
def files(draw) -> tuple[str, bytes]:
    """Draw a sound file of some kind and spoil it: bytes changed, cut, doubled, moved, or another kind's put in."""
    kind = draw(st.sampled_from(sorted(SEEDS)))
    data = bytearray(SEEDS[kind])
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


def outcome(data: bytes) -> str:
    """Return what came of a file; raises AssertionError for a picture that breaks a promise, and what readers raise."""
    start = time.process_time()
    try:
        pages = count_pages(data)
        picture = read_picture(data, min(pages, 2), max_pixels=MAX_PIXELS)
    except ReadError as error:
        assert str(error).startswith("standard input") and len(str(error)) > 25
        result = "refused"
    else:
        assert_sound(picture)
        result = "read"
    assert time.process_time() - start < SLOW_S, f"took {time.process_time() - start:.1f} s"
    return result


def assert_sound(picture: Picture) -> None:
    height, width, channels = picture.pixels.shape
    assert picture.pixels.dtype == np.uint8 and channels == 3
    assert min(height, width) >= MIN_SIDE and height * width <= MAX_PIXELS
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


def run(count: int, each=lambda kind, result: None) -> None:
    """Try `count` files; `each` is told the kind and outcome of every one."""

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(files())
    def try_one(file):
        each(file[0], outcome(file[1]))

    try_one()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    tally: Counter = Counter()
    read_pdf._ask = in_this_process
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        start = time.process_time()
        run(count, lambda kind, result: tally.update([(kind, result)]))
        seconds = time.process_time() - start
        left = os.listdir(folder)
        os.chdir("/")
    for kind in sorted(SEEDS):
        print(f"{kind:18} read {tally[kind, 'read']:6}  refused {tally[kind, 'refused']:6}")
    print(f"{sum(tally.values())} files, {seconds:.0f} CPU s, no crash; stray files: {left or 'none'}")


if __name__ == "__main__":
    main()
