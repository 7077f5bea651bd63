"""Printed text → letters: crops of a flat page read by a recognition network, on the CPU and without a network.

The library (RapidOCR over ONNX Runtime; Apache-2.0 and MIT) is optional, `pip install ecgseg[text]`, and is imported
when the first crop is read. Its models (PP-OCRv6 small, 10 and 21 MB) lie in its wheel; their paths are given, so
that nothing is ever fetched.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ecgseg.digitize.locate.findings import Box
from ecgseg.errors import EcgsegError

MODEL = "PP-OCRv6_rec_small.onnx"
FINDER = "PP-OCRv6_det_small.onnx"
FINDER_PX = 1280  # the longer side of what the finder sees: 4 px a mm of a usual page
SHRUNK = 2.5  # at most: what is longer is seen in parts
SHARED = 0.25  # of a part that the next one shows too: a line of 60 mm
SAME = 0.5  # of a line's box in that of a longer one: the same line, cut off at a part's side
BESIDE = 0.5  # of a text's height that is read on its left and right: boxes are off by up to 1 mm
ABOVE = 0.22  # of its height above and below: more would show the network a second line
LEVEL, WORD_SPACE = 0.6, 1.0  # of the larger height: pieces of a line share so much of it and are no further apart
LEAST_PX = 6  # a text of 0.75 mm; a lower one cannot be read


class TextLibraryError(EcgsegError):
    """The library that reads printed text is missing or not whole."""


def read_lines(image: np.ndarray, boxes: Sequence[Box]) -> list[tuple[str, float]]:
    """Return per box what is printed in it and how sure the reader is, 0..1; ("", 0.0) where nothing can be read.

    image (H, W, 3) uint8 RGB; boxes in its pixels, around one line of upright text each. About 0.03 s of CPU a line,
    and 1 s once for loading. Raises TextLibraryError, saying what to install, where the library is missing.
    """
    if not boxes:
        return []
    reader = _reader()
    return [_read(reader, crop(image, box)) for box in boxes]


def find_lines(image: np.ndarray) -> list[tuple[Box, str, float]]:
    """Return all lines of text that the library finds on an image (H, W, 3) uint8 RGB: box, text and how sure, 0..1.

    It knows more faces than the page network and takes longer: 2 to 4 s of CPU a page. Single strokes (I) escape it.
    Raises TextLibraryError where the library is missing.
    """
    h, w = image.shape[:2]
    lines: list[tuple[Box, str, float]] = []
    for y0, y1 in _parts(h):
        for x0, x1 in _parts(w):
            lines += _found(image[y0:y1, x0:x1], x0, y0)
    lines.sort(key=lambda line: line[0].x0 - line[0].x1)
    return [line for k, line in enumerate(lines) if not any(line[0].share_in(box) > SAME for box, *_ in lines[:k])]


def _parts(length: int) -> list[tuple[int, int]]:
    """Return from where to where parts of a side of an image reach, together all of it."""
    most = SHRUNK * FINDER_PX
    count = max(1, int(np.ceil((length / most - SHARED) / (1 - SHARED))))
    part = length / (count - (count - 1) * SHARED)
    starts = np.arange(count) * part * (1 - SHARED)
    return [(int(start), min(length, int(np.ceil(start + part)))) for start in starts]


def _found(image: np.ndarray, left: int, top: int) -> list[tuple[Box, str, float]]:
    """Return the lines on a part of an image that begins at (left, top)."""
    found = _reader(True)(np.ascontiguousarray(image[..., ::-1]), use_det=True, use_cls=False, use_rec=True)
    if not found.txts:
        return []
    lines = []
    for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
        (x0, y0), (x1, y1) = corners.min(axis=0) + (left, top), corners.max(axis=0) + (left, top)
        lines.append((Box(float(x0), float(y0), float(x1), float(y1), float(score)), text.strip(), float(score)))
    return lines


def whole_lines(boxes: Sequence[Box]) -> list[Box]:
    """Return boxes of text with those put together that are pieces of one line: a unit cut off its number says
    nothing, or something else."""
    lines: list[Box] = []
    for box in sorted(boxes, key=lambda b: b.x0):
        for k, line in enumerate(lines):
            low, high = max(line.y0, box.y0), min(line.y1, box.y1)
            height = max(line.y1 - line.y0, box.y1 - box.y0)
            if high - low >= LEVEL * height and box.x0 - line.x1 <= WORD_SPACE * height:
                x1, y0, y1 = max(line.x1, box.x1), min(line.y0, box.y0), max(line.y1, box.y1)
                lines[k] = Box(line.x0, y0, x1, y1, min(line.score, box.score))
                break
        else:
            lines.append(box)
    return sorted(lines, key=lambda b: (b.y, b.x))


def crop(image: np.ndarray, box: Box) -> np.ndarray:
    """Return the part of an image (H, W, 3) that shows a line of text, with some paper around; may be empty."""
    high = box.y1 - box.y0
    h, w = image.shape[:2]
    x0, x1 = max(0, round(box.x0 - BESIDE * high)), min(w, round(box.x1 + BESIDE * high) + 1)
    y0, y1 = max(0, round(box.y0 - ABOVE * high)), min(h, round(box.y1 + ABOVE * high) + 1)
    return image[y0 : max(y0, y1), x0 : max(x0, x1)]


def _read(reader, part: np.ndarray) -> tuple[str, float]:
    if min(part.shape[:2]) < LEAST_PX:
        return "", 0.0
    # The library takes arrays as OpenCV has them, BGR.
    found = reader(np.ascontiguousarray(part[..., ::-1]), use_det=False, use_cls=False, use_rec=True)
    if not found.txts:
        return "", 0.0
    return found.txts[0].strip(), float(found.scores[0])


@lru_cache(maxsize=2)
def _reader(finder: bool = False):
    """Return the recogniser, or with `finder` all of the library, loaded once; TextLibraryError where it is missing."""
    try:
        import onnxruntime  # noqa: F401  RapidOCR asks for it only when it is used
        import rapidocr
    except ImportError as error:
        raise TextLibraryError(
            f"printed text cannot be read: {error}; install the reader with pip install rapidocr onnxruntime"
        ) from error
    folder = Path(rapidocr.__file__).parent / "models"
    missing = [name for name in (MODEL, *([FINDER] if finder else [])) if not (folder / name).is_file()]
    if missing:
        raise TextLibraryError(
            f"printed text cannot be read: rapidocr has no {' and no '.join(missing)} among its models; expected "
            "rapidocr 3.10, install it with pip install 'rapidocr>=3.10,<4'"
        )
    params = {
        "Global.use_det": finder,
        "Global.use_cls": False,
        "Global.log_level": "critical",
        "Rec.model_path": str(folder / MODEL),
        # A line is too little work to share, and idle threads that spin cost more than they bring.
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    if finder:
        sees = {"Det.limit_side_len": FINDER_PX, "Det.limit_type": "max"}
        params |= {"Det.model_path": str(folder / FINDER), **sees}
    return rapidocr.RapidOCR(params=params)
