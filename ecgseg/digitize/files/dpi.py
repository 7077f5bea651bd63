"""The resolution that a picture file claims for the paper, where such a claim can be believed."""

import math

from PIL import Image

COARSEST = 97.0  # dpi: programs that know nothing of paper write 72 or 96; fax, the coarsest scan, has 98 rows an inch
FINEST = 2400.0
PAPER_MM = (20.0, 1500.0)  # what a side of a page with an ECG on it can measure, from a strip to a roll
RATIO = 2.1  # fax has 204 × 98 dpi; a greater difference between the axes is a mistake
_EXIF_IFD, _ORIENTATION, _TURNED = 0x8769, 0x0112, (5, 6, 7, 8)
_CAMERA_TAGS = (0x829A, 0x829D, 0x920A)  # exposure time, f-number, focal length: a camera has no scale of paper


def believable_dpi(image: Image.Image, damaged: tuple[type[Exception], ...]) -> tuple[float, float] | None:
    """Return (x, y) dots per inch of the upright picture as its file claims, or None where nothing can be known.

    Photos, and the 72 and 96 dpi that cameras and screens write into every file, say nothing about the paper. `damaged`
    are the exceptions of damaged EXIF data, which make the claim worthless.
    """
    try:
        exif = image.getexif()
        if any(tag in exif.get_ifd(_EXIF_IFD) for tag in _CAMERA_TAGS):
            return None
        x, y = (float(v) for v in image.info["dpi"])
        turned = exif.get(_ORIENTATION) in _TURNED
    except (KeyError, ZeroDivisionError, *damaged):
        return None
    return plausible((y, x) if turned else (x, y), image.size[::-1] if turned else image.size)


def plausible(dpi: tuple[float, float], size: tuple[int, int]) -> tuple[float, float] | None:
    """Return `dpi` (x, y) if a picture of `size` pixels may have it on paper, else None."""
    if not all(math.isfinite(v) and COARSEST <= v <= FINEST for v in dpi):
        return None
    if max(dpi) > RATIO * min(dpi):
        return None
    sides = [25.4 * n / v for n, v in zip(size, dpi, strict=True)]
    return dpi if all(PAPER_MM[0] <= s <= PAPER_MM[1] for s in sides) else None
