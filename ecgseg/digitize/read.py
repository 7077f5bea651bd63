"""File → RGB pixels: every common picture format and mode, in bounded memory, with errors that say what to do."""

import struct
import threading
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ecgseg.errors import ReadError

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
MAX_PIXELS = 100_000_000  # A3 at 600 dpi is 70 million; 100 million RGB pixels take 0.3 GB
MAX_SIDE = 32_000  # OpenCV's warp addresses pixels with 16-bit integers
MIN_SIDE = 64  # below this not even one strip with its grid is there

_DECODE_ERRORS = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError)
_DECODE_ERRORS += (OverflowError, struct.error, zlib.error)
_pillow_limit = threading.Lock()


def read_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture file as (H, W, 3) uint8 RGB, upright, transparency on white.

    Of a file with several pages or frames the first is read. The size is checked before anything is
    decoded. Raises ReadError if the file is missing, no picture, damaged, too large or too small.
    """
    path = Path(path)
    if not path.exists():
        raise ReadError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise ReadError(f"{path} is a folder; give one picture file ({_names()})")
    with _open(path) as image:
        _check_size(path, image.size, max_pixels)
        try:
            image.load()
            return _to_rgb8(_upright(image))
        except _DECODE_ERRORS as error:
            raise ReadError(
                f"{path}: the {image.format} data are damaged or cut off ({error}); "
                "copy or scan the file again, or save it anew as PNG"
            ) from error


def _names() -> str:
    return ", ".join(FORMATS)


def _open(path: Path) -> Image.Image:
    """Read the header only; Pillow's own size limit is lifted there because ours follows at once."""
    with _pillow_limit:
        saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(path, formats=FORMATS)
        except UnidentifiedImageError as error:
            raise ReadError(f"{path} {_what_it_is(path)}; expected one of {_names()}") from error
        except PermissionError as error:
            raise ReadError(f"{path}: no permission to read it; change its permissions") from error
        except _DECODE_ERRORS as error:
            raise ReadError(f"{path}: the picture's header is damaged ({error}); copy it again") from error
        finally:
            Image.MAX_IMAGE_PIXELS = saved


def _what_it_is(path: Path) -> str:
    """Say in words what a file that is no known picture seems to hold."""
    with open(path, "rb") as file:
        head = file.read(512)
    if not head:
        return "is empty"
    if head.startswith(b"%PDF"):
        return "is a PDF: export its page as PNG at 200 dpi or more"
    if head[4:8] == b"ftyp":
        return "is a HEIC, AVIF or video file: export it as JPEG or PNG"
    if b"\0" not in head:
        try:
            (head[:-3] if len(head) == 512 else head).decode()  # the last character may be cut
            return "is a text file, not a picture"
        except UnicodeDecodeError:
            pass
    return "is not a picture that can be read, or its header is damaged"


def _check_size(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    found = f"{path} has {width}×{height} pixels"
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
    try:
        return ImageOps.exif_transpose(image)
    except _DECODE_ERRORS:
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
    return np.array(image.convert("RGB"))


def _grey8(grey: np.ndarray) -> np.ndarray:
    """Scale grey levels of more than 8 bits to 0..255 by the smallest usual bit depth that holds them."""
    grey = np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0)
    brightest = float(grey.max())
    if brightest <= 1.0:  # floating-point TIFF
        full = 1.0
    else:  # 10-, 12- and 14-bit scanners store their values unscaled in 16 bits
        full = next((2.0**b - 1 for b in (8, 10, 12, 14, 16) if brightest < 2.0**b), brightest)
    return np.clip(np.rint(grey * (255.0 / full)), 0, 255).astype(np.uint8)
