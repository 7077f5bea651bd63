"""The part of reading PDF that meets hostile bytes: run as a process of its own, with little memory and no files.

    python -P pdf_child.py count|render PATH|- PAGE MAX_PIXELS

PATH `-` reads the document from standard input. Written to standard output: one line of JSON, and for `render` the
rows of RGB pixels after it. Imports nothing of the package, so that it starts in a tenth of a second.
"""

import json
import math
import sys
from collections.abc import Iterator
from itertools import islice

POINTS_PER_INCH = 72
VECTOR_DPI = 300  # a line of 0.1 mm is a pixel wide: finer shows nothing more of an ECG
FINEST_DPI = 600  # finer scans are reduced: 0.04 mm a pixel is far below a pen's width
COARSEST_DPI = 150  # below this a 1 mm grid has fewer than 6 pixels a line; a page too large even so is refused
SCANNED_SHARE = 0.5  # of the page that pictures cover, if the page is a scan
FEW_PATHS = 10  # frames or marks that software draws over a scan; an ECG drawn as lines has thousands
MAX_OBJECTS = 20_000  # looked at to choose the resolution
HAIR = 5e-6  # of a side: 0.02 px of A4 at 300 dpi
MEMORY_BYTES = 1_500_000_000  # beside the pixels: PDFium's own, with the largest scan decoded
CPU_SECONDS = 30
CANNOT_LOAD = {2: "damaged", 3: "damaged", 4: "password", 5: "password"}  # FPDF_ERR_*


def main(argv: list[str]) -> int:
    """Do what the arguments say; every outcome that is foreseen is a line of JSON and exit code 0."""
    task, path, page, max_pixels = argv[0], argv[1], int(argv[2]), int(argv[3])
    source = sys.stdin.buffer.read() if path == "-" else path
    limit_resources(max_pixels)
    try:
        if task == "count":
            answer, rows = {"pages": count(source)}, ()
        else:
            answer, rows = render(source, page, max_pixels)
    except PdfProblem as problem:
        answer, rows = {"problem": problem.args[0], **problem.args[1]}, ()
    except MemoryError:
        answer, rows = {"problem": "memory"}, ()
    out = sys.stdout.buffer
    out.write(json.dumps(answer).encode() + b"\n")
    for row in rows:
        out.write(row)
    return 0


class PdfProblem(Exception):
    """A word for what is wrong, and a dict of what was found."""

    def __init__(self, word: str, **found):
        super().__init__(word, found)


def limit_resources(max_pixels: int) -> None:
    """Bound memory and CPU time and forbid writing files, where the system can do that (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    memory = MEMORY_BYTES + 8 * max_pixels
    wanted = {resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_FSIZE: 0}
    for kind, limit in {**wanted, resource.RLIMIT_CORE: 0}.items():
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def count(source: str | bytes) -> int:
    """Return the number of pages; raises PdfProblem where the document cannot be opened."""
    with _open(source) as document:
        return len(document)


def render(source: str | bytes, page_number: int, max_pixels: int) -> tuple[dict, Iterator[memoryview]]:
    """Return (width, height, dpi and kind of the page, its rows of RGB pixels) for a page counted from 1."""
    from pypdfium2 import PdfiumError

    with _open(source) as document:
        if page_number > len(document):
            raise PdfProblem("no page", pages=len(document))
        try:
            page = document[page_number - 1]
            width, height = page.get_size()
            wanted, kind = resolution(page, width * height, max_pixels)
            dpi = fitting_dpi(width, height, wanted, max_pixels)
            bitmap = draw(page, *(max(1, round(side * dpi / POINTS_PER_INCH)) for side in (width, height)))
        except PdfiumError as error:
            raise PdfProblem("damaged", reason=str(error)) from error
        answer = {"width": bitmap.width, "height": bitmap.height, "dpi": dpi, "kind": kind}
        return answer, _rows(bitmap)


def _open(source: str | bytes):
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        return PdfDocument(source, autoclose=True)
    except PdfiumError as error:
        raise PdfProblem(CANNOT_LOAD.get(error.err_code, "damaged"), reason=str(error)) from error
    except OSError as error:
        raise PdfProblem("unreadable", reason=error.strerror or str(error)) from error


def resolution(page, area: float, max_pixels: int) -> tuple[float, str]:
    """Return the dpi that the page's content deserves, and whether it is "scanned" or "vector".

    A scan is given back at the resolution of the pictures that make up most of it. A page with lines drawn on it, even
    over a coarse picture of a grid, is a vector page.
    """
    covered_at: dict[float, float] = {}  # dpi -> square points
    paths = 0
    for thing in islice(page.get_objects(), MAX_OBJECTS):
        if thing.type == _raw().FPDF_PAGEOBJ_PATH:
            paths += 1
        elif thing.type == _raw().FPDF_PAGEOBJ_IMAGE:
            across, down, covered = _picture(thing)
            if across * down > 4 * max_pixels:
                raise PdfProblem("picture", width=across, height=down)
            if covered[0] > 0 and covered[1] > 0:
                dpi = round(POINTS_PER_INCH * max(across / covered[0], down / covered[1]), 2)
                covered_at[dpi] = covered_at.get(dpi, 0.0) + covered[0] * covered[1]
    scanned = area > 0 and sum(covered_at.values()) >= SCANNED_SHARE * area
    finest = max((dpi for dpi, a in covered_at.items() if a >= SCANNED_SHARE / 2 * area), default=0.0)
    if scanned and finest and paths <= FEW_PATHS:
        return min(finest, FINEST_DPI), "scanned"
    return max(VECTOR_DPI, min(finest, FINEST_DPI)), "vector"


def fitting_dpi(width: float, height: float, dpi: float, max_pixels: int) -> float:
    """Return `dpi`, or less where a page of width x height points would have too many pixels; PdfProblem below 150."""
    inches = width * height / POINTS_PER_INCH**2
    if not (math.isfinite(inches) and inches > 0):
        raise PdfProblem("damaged", reason=f"the page is {width:g} x {height:g} points")
    fits = math.floor(math.sqrt(0.98 * max_pixels / inches))  # rounding up to whole pixels adds a little
    if fits < min(dpi, COARSEST_DPI):
        mm = (round(side / POINTS_PER_INCH * 25.4) for side in (width, height))
        raise PdfProblem("large", size_mm=list(mm), dpi=COARSEST_DPI)
    return min(dpi, fits)


def draw(page, width: int, height: int):
    """Return the page, as large as the bitmap of width x height RGB pixels, on white.

    The page is drawn a hair's breadth (HAIR of a side) inside the bitmap. Otherwise rounding errors now and then make
    a scan's picture one pixel larger than it is, and every pixel of it a mixture of its neighbours.
    """
    from pypdfium2 import PdfBitmap

    raw = _raw()
    bitmap = PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGR, rev_byteorder=True)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
    across, down = (n * (1 - 2 * HAIR) / side for n, side in zip((width, height), page.get_size(), strict=True))
    matrix = raw.FS_MATRIX(across, 0, 0, down, HAIR * width, HAIR * height)
    whole = raw.FS_RECTF(0, 0, width, height)
    raw.FPDF_RenderPageBitmapWithMatrix(bitmap, page, matrix, whole, raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER)
    return bitmap


def _picture(thing) -> tuple[int, int, tuple[float, float]]:
    """Return a picture's pixels across and down, and the points it covers along its own sides on the page."""
    across, down = thing.get_px_size()
    a, b, c, d = 1.0, 0.0, 0.0, 1.0
    while thing is not None:
        m = thing.get_matrix()
        a, b, c, d = a * m.a + b * m.c, a * m.b + b * m.d, c * m.a + d * m.c, c * m.b + d * m.d
        thing = thing.container
    return across, down, (math.hypot(a, b), math.hypot(c, d))


def _rows(bitmap) -> Iterator[memoryview]:
    """Yield the rows of a bitmap, without bytes that might pad them."""
    pixels = memoryview(bitmap.buffer).cast("B")
    for y in range(bitmap.height):
        yield pixels[y * bitmap.stride : y * bitmap.stride + 3 * bitmap.width]


def _raw():
    import pypdfium2.raw

    return pypdfium2.raw


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
