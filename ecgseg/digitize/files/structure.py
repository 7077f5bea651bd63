"""What is checked of a file before a library decodes it: structures whose cost does not follow from the picture's size.

A few hundred kB can hold thousands of progressive scans, each over all pixels of a JPEG, or thousands of overlapping
directories of 65,535 tags in a TIFF: minutes to hours of work. Sound files are far below the limits here.
"""

import mmap
import re
import struct
from collections.abc import Callable
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ecgseg.errors import ReadError

MAX_SCANS = 100  # of a JPEG; encoders write 1 to 12, and libtiff has the same limit
MAX_TAGS = 1000  # of a TIFF directory; scanners write 20, microscopes a hundred
MAX_TAGS_IN_ALL = 50_000  # of all directories: 50 on each of 1000 pages
MAX_TAG_BYTES = 100_000_000  # of all directories beyond the file's own length: pages may share a colour profile
_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)  # of a value, by the type of a tag
_EXIF_MARK, _EXIF_DIRECTORY = b"Exif\0\0", 0x8769  # in a TIFF and in EXIF data: a tag that points to a directory
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # in coded data FF is followed by 00, restarts are D0 to D7
_ORDERS = {b"II": "<", b"MM": ">"}
_SCAN, _END, _EXIF, _WITHOUT_LENGTH = 0xDA, 0xD9, 0xE1, (0x01, *range(0xD0, 0xD9))


def check_structure(source: Path | str | bytes, head: bytes, shown: str, max_directories: int) -> None:
    """Raise ReadError for a JPEG or TIFF (a path or its bytes, which begin with `head`) that is built to take long.

    Costs a look at each directory of a TIFF and a search for markers in a JPEG. Damage is left to the decoder to find.
    """
    if head.startswith(b"\xff\xd8\xff"):
        check: Callable = _check_scans
    elif head[:2] in _ORDERS and 42 <= max(head[2:4], default=0) <= 43:
        check = _check_directories
    else:
        return
    with _bytes_of(source) as data:
        check(data, shown, max_directories)


def check_exif(data: bytes, shown: str) -> None:
    """Raise ReadError for EXIF data, with or without their mark, whose tags claim far more bytes than there are."""
    while data.startswith(_EXIF_MARK):
        data = data[len(_EXIF_MARK) :]
    if data[:2] in _ORDERS:
        _check_directories(data, shown, 1)


def exif_of(info: dict) -> bytes:
    """Return EXIF data as Pillow finds them in what it read of a picture, b"" where there are none.

    In a PNG they may be a text with hexadecimal digits from the fourth line on, as ImageMagick writes it.
    """
    if exif := info.get("exif"):
        return exif
    with suppress(ValueError):  # no such digits: damaged data are of no interest
        return bytes.fromhex("".join(str(info.get("Raw profile type exif", "")).split("\n")[3:]))
    return b""


@contextmanager
def _bytes_of(source: Path | str | bytes):
    """Give the bytes of a file without reading all of it into memory."""
    if isinstance(source, bytes):
        yield source
        return
    with open(source, "rb") as file, closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
        yield data


def _check_scans(data, shown: str, _: int) -> None:
    at, scans, exif = 2, 0, bytearray()
    while found := _MARKER.search(data, at):
        at, marker = found.end(), data[found.end() - 1]
        if marker == _END:
            return
        if marker in _WITHOUT_LENGTH:
            continue
        scans += marker == _SCAN
        if marker == _SCAN and scans == 1:
            check_exif(bytes(exif), shown)
        if scans > MAX_SCANS:
            raise ReadError(f"{shown}: the JPEG has more than {MAX_SCANS} scans; save it anew, not progressive")
        first, at = at + 2, at + max(2, int.from_bytes(data[at : at + 2], "big"))
        if marker == _EXIF and data[first : first + len(_EXIF_MARK)] == _EXIF_MARK:
            exif += data[first + len(_EXIF_MARK) : at]  # Pillow takes several pieces for one


def _check_directories(data, shown: str, max_directories: int) -> None:
    """Follow the chain of at most so many directories, and the EXIF directory that each may point to."""
    order, big = _ORDERS[bytes(data[:2])], 43 in data[2:4]
    count_form, entry_form, next_form = (f"{order}{f}" for f in (("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")))
    entry_bytes, room, all_tags = struct.calcsize(entry_form), MAX_TAG_BYTES + len(data), 0
    seen: set[int] = set()
    try:
        ahead = [struct.unpack_from(next_form, data, 8 if big else 4)[0]]
        while ahead and len(seen) < 2 * max_directories:
            at = ahead.pop()
            if not 0 < at < len(data) or at in seen:
                continue
            seen.add(at)
            first = at + struct.calcsize(count_form)
            tags = min(struct.unpack_from(count_form, data, at)[0], max(0, len(data) - first) // entry_bytes)
            all_tags += tags
            if tags > MAX_TAGS or all_tags > MAX_TAGS_IN_ALL:
                raise ReadError(
                    f"{shown}: a directory of its tags has {tags}, {all_tags} with those before it; {MAX_TAGS} and "
                    f"{MAX_TAGS_IN_ALL} are the limits: export the page as PNG, or split the file"
                )
            end = first + tags * entry_bytes
            for tag, kind, count, value in struct.iter_unpack(entry_form, data[first:end]):
                size = count * _TYPE_BYTES[kind] if kind < len(_TYPE_BYTES) else 0
                room -= size if size <= len(data) else 0  # of a tag that claims more nothing is read
                if tag == _EXIF_DIRECTORY:
                    ahead.insert(0, value)
            if room < 0:
                raise ReadError(f"{shown}: its tags claim far more bytes than the file has; export the page as PNG")
            ahead += struct.unpack_from(next_form, data, end)
    except struct.error:  # it ends in the middle: the decoder says what is damaged
        return
