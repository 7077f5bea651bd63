"""File → RGB pixels: the common picture formats and PDF, in bounded memory, with errors that say what to do."""

import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ecgseg.digitize.files.dpi import believable_dpi, plausible
from ecgseg.digitize.files.structure import check_exif, check_structure, exif_of
from ecgseg.errors import ReadError

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")
MAX_PIXELS = 100_000_000  # A3 at 600 dpi is 70 million; 100 million RGB pixels take 0.3 GB
MAX_SIDE = 32_000  # OpenCV's warp addresses pixels with 16-bit integers
MIN_SIDE = 64  # below this not even one strip with its grid is there
MAX_PAGES = 1000  # of one file; an archive of that size comes as many files
STDIN = "standard input"

_DECODE_ERRORS = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError)
_DECODE_ERRORS += (
    OverflowError,
    ZeroDivisionError,
    AttributeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
)
_OTHERS = (  # place, mark, and what to do with what people bring and is not read
    (0, b"GIF8", "a GIF picture: save it as PNG, better scan the page anew in colour"),
    (4, b"jP  ", "a JPEG 2000 picture: save it as PNG"),
    (0, b"PK\x03\x04", "a ZIP archive or an office document: unpack it, or print it as PDF"),
    (128, b"DICM", "a DICOM file: export its picture as PNG; if it holds a waveform, there is nothing to digitize"),
    (0, b"<svg", "an SVG drawing: print it as PDF"),
    (0, b"<?xml", "an XML file: a drawing may be printed as PDF, a recording needs no digitizing"),
)
_SUBFILE_TYPE, _THUMBNAIL_OR_MASK = 254, 5  # TIFF: bit 0 is a smaller copy of another page, bit 2 a mask
_pillow_limit = threading.Lock()
# Damaged tags of a picture that can be read all the same are of no interest to who runs a thousand of them.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")


@dataclass(frozen=True)
class Picture:
    """One page as pixels: (H, W, 3) uint8 RGB, upright, transparency on white.

    `dpi` is (x, y) dots per inch of the paper as the file claims them, None where it says nothing that can be believed
    (photos, screen shots); for a PDF, of the PDF's own paper. `source` is the path or "standard input", `page` counts
    from 1.
    """

    pixels: np.ndarray
    dpi: tuple[float, float] | None
    source: str
    page: int = 1


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Return the pixels of a file's first page, see `read_picture`."""
    return read_picture(path, max_pixels=max_pixels).pixels


def read_picture(source: str | Path | bytes, page: int = 1, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read one page of a picture file, of a multi-page TIFF or of a PDF; `source` is a path, or the bytes of a file.

    The size is checked before anything is decoded. Raises ReadError if the file is missing, no picture, damaged,
    locked, too large or too small, or has no such page.
    """
    shown = name_of(source)
    if is_pdf(_head(source)):
        from ecgseg.digitize.files.pdf import render_page

        pixels, dpi = render_page(_path_or_bytes(source), shown, page, max_pixels)
        _check_size(shown, pixels.shape[1::-1], max_pixels)
        return Picture(pixels, plausible((dpi, dpi), pixels.shape[1::-1]), shown, page)
    with _open(source) as image:
        _go_to(image, shown, page)
        _check_size(shown, image.size, max_pixels)
        try:
            image.load()
            check_exif(exif_of(image.info), shown)
            dpi = believable_dpi(image, _DECODE_ERRORS)
            return Picture(_to_rgb8(_upright(image)), dpi, shown, page)
        except _DECODE_ERRORS as error:
            raise ReadError(
                f"{shown}: the {image.format} data are damaged or cut off ({error}); "
                "copy or scan the file again, or save it anew as PNG"
            ) from error


def count_pages(source: str | Path | bytes) -> int:
    """Return how many pages a file has: those of a PDF or TIFF, 1 for any other picture.

    Only headers are read. Raises ReadError as `read_picture` does, and for more than MAX_PAGES pages.
    """
    shown = name_of(source)
    if is_pdf(_head(source)):
        from ecgseg.digitize.files.pdf import count_pages as count_pdf_pages

        pages = count_pdf_pages(_path_or_bytes(source), shown)
    else:
        with _open(source) as image:
            pages = sum(1 for _ in _frames(image, shown))
    if pages > MAX_PAGES:
        raise ReadError(f"{shown} has {pages} pages or more; {MAX_PAGES} are read from one file: split it")
    return pages


def is_pdf(head: bytes) -> bool:
    """Return whether a file that begins so is a PDF; some programs put a byte order mark or a blank line before it."""
    return head.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"%PDF")


def name_of(source: str | Path | bytes) -> str:
    """Return what a source is called in messages; bytes of a name that are no text are shown as �."""
    return STDIN if isinstance(source, bytes) else os.fsencode(source).decode("utf-8", "replace")


def _path_or_bytes(source: str | Path | bytes) -> Path | bytes:
    return source if isinstance(source, bytes) else Path(source)


def _head(source: str | Path | bytes) -> bytes:
    """Return the first bytes of a file; raises ReadError if there is no such file or it may not be read."""
    if isinstance(source, bytes):
        return source[:512]
    path, shown = Path(source), name_of(source)
    try:
        if path.is_dir():
            raise ReadError(f"{shown} is a folder; give one picture file ({_names()})")
        if path.exists() and not path.is_file():  # reading a device or pipe might never end
            raise ReadError(f"{shown} is no regular file; give a picture, or - for standard input")
        with open(path, "rb") as file:
            return file.read(512)
    except FileNotFoundError as error:
        raise ReadError(f"{shown}: no such file; check the path") from error
    except PermissionError as error:
        raise ReadError(f"{shown}: no permission to read it; change its permissions") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise ReadError(f"{shown}: cannot be opened ({error}); check the path") from error


def _names() -> str:
    return ", ".join((*FORMATS, "HEIC", "PDF"))


def _open(source: str | Path | bytes) -> Image.Image:
    """Read the header only; Pillow's own size limit is lifted there because ours follows at once."""
    head, shown = _head(source), name_of(source)
    check_structure(source, head, shown, 2 * MAX_PAGES)
    formats = FORMATS
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        _register_heic(shown)
        formats = ("HEIF",)
    with _pillow_limit:
        saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=formats)
        except UnidentifiedImageError as error:
            raise ReadError(f"{shown} {_what_it_is(head)}; expected one of {_names()}") from error
        except _DECODE_ERRORS as error:
            raise ReadError(f"{shown}: the picture's header is damaged ({error}); copy it again") from error
        finally:
            Image.MAX_IMAGE_PIXELS = saved


def _register_heic(shown: str) -> None:
    """Teach Pillow to read HEIC; raises ReadError where the library is not installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ReadError(
            f"{shown} is a HEIC picture, as iPhones take them: export it as JPEG, or install pillow-heif "
            "(pip install pillow-heif; its wheels are under the GPL, so it is not installed by default)"
        ) from error
    # Thumbnails and depth maps are of no use here; the rest of the file is then not decoded.
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _frames(image: Image.Image, shown: str) -> Iterator[int]:
    """Yield the frames of a TIFF that are pages (no thumbnails, no masks), the first of any other picture.

    Raises ReadError for a damaged directory of pages, and when there are more than MAX_PAGES frames.
    """
    if image.format != "TIFF":
        yield 0
        return
    frame, found = 0, False
    while True:
        try:
            if frame:
                image.seek(frame)
            is_page = not int(image.tag_v2.get(_SUBFILE_TYPE, 0)) & _THUMBNAIL_OR_MASK
        except EOFError:
            break
        except _DECODE_ERRORS as error:
            raise ReadError(f"{shown}: page {frame + 1} of the TIFF is damaged ({error}); scan it again") from error
        if frame >= 2 * MAX_PAGES:
            raise ReadError(f"{shown} has more than {frame} pictures; {MAX_PAGES} pages are read from one: split it")
        if is_page:
            found = True
            yield frame
        frame += 1
    if not found:
        yield 0


def _go_to(image: Image.Image, shown: str, page: int) -> None:
    """Turn to a page counted from 1; raises ReadError if there is no such page."""
    count = 0
    for frame in _frames(image, shown):
        count += 1
        if count == page:
            if image.format == "TIFF":
                image.seek(frame)
            return
    raise ReadError(f"{shown} has {count} page{'s' if count > 1 else ''}, not {page}")


def _what_it_is(head: bytes) -> str:
    """Say in words what a file that is no known picture seems to hold."""
    if not head:
        return "is empty"
    if head[4:8] == b"ftyp":
        if head[8:12] in HEIC_BRANDS:
            return "is a HEIC file whose header is damaged"
        return "is an AVIF or video file: export it as JPEG or PNG"
    for at, mark, what in _OTHERS:
        if head[at : at + len(mark)] == mark:
            return f"is {what}"
    if b"\0" not in head:
        try:
            (head[:-3] if len(head) == 512 else head).decode()  # the last character may be cut
            return "is a text file, not a picture"
        except UnicodeDecodeError:
            pass
    return "is not a picture that can be read, or its header is damaged"


def _check_size(shown: str, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    found = f"{shown} has {width}×{height} pixels"
    if min(size) < MIN_SIDE:
        raise ReadError(f"{found}; an ECG needs at least {MIN_SIDE} on each side: scan at 100 dpi or more")
    if width * height > max_pixels:
        raise ReadError(
            f"{found} ({width * height / 1e6:.0f} million), more than the limit of {max_pixels / 1e6:g} million; "
            "make it smaller (200 to 300 dpi is enough) or raise the limit with digitize.max_pixels=…"
        )
    if max(size) > MAX_SIDE:
        raise ReadError(f"{found}; a side may have {MAX_SIDE} at most: cut it into pieces")


def _upright(image: Image.Image) -> Image.Image:
    """Turn the picture as its EXIF orientation says; damaged EXIF data leave it as it is."""
    with suppress(*_DECODE_ERRORS):
        ImageOps.exif_transpose(image, in_place=True)  # most need no turning: a copy would take 4 bytes a pixel
    return image


def _to_rgb8(image: Image.Image) -> np.ndarray:
    """Convert any Pillow mode to (H, W, 3) uint8."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = _grey8(np.asarray(image, dtype=np.float32))
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _grey8(grey: np.ndarray) -> np.ndarray:
    """Scale grey levels of more than 8 bits to 0..255 by the smallest usual bit depth that holds them."""
    grey = np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0)
    brightest = float(grey.max())
    if brightest <= 1.0:  # floating-point TIFF
        full = 1.0
    else:  # 10-, 12- and 14-bit scanners store their values unscaled in 16 bits
        full = next((2.0**b - 1 for b in (8, 10, 12, 14, 16) if brightest < 2.0**b), brightest)
    return np.clip(np.rint(grey * (255.0 / full)), 0, 255).astype(np.uint8)
