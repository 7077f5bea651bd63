"""What is checked of a file before a library decodes it: structures whose cost does not follow from the picture's size.

A few hundred kB can hold thousands of progressive scans, each over all pixels of a JPEG, or thousands of overlapping
directories of 65,535 tags in a TIFF: minutes to hours of work. Sound files are far below the limits here.
"""

import mmap
import re
import struct
from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path

from ecgseg.errors import ReadError

MAX_SCANS = 100  # of a JPEG; encoders write 1 to 12, and libtiff has the same limit
MAX_TAGS = 1000  # of a TIFF directory; scanners write 20, microscopes a hundred
MAX_TAGS_IN_ALL = 50_000  # of all directories: 50 on each of 1000 pages
MAX_TAG_BYTES = 100_000_000  # of all directories beyond the file's own length: pages may share a colour profile
_TIFF_TYPE_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # in coded data FF is followed by 00, restarts are D0 to D7
_SCAN, _END, _WITHOUT_LENGTH = 0xDA, 0xD9, (0x01, *range(0xD0, 0xD9))


def check_structure(source: Path | str | bytes, head: bytes, shown: str, max_directories: int) -> None:
    """Raise ReadError for a JPEG or TIFF (a path or its bytes, which begin with `head`) that is built to take long.

    Costs a look at each directory of a TIFF and a search for markers in a JPEG. Damage is left to the decoder to find.
    """
    if head.startswith(b"\xff\xd8\xff"):
        check: Callable = _check_scans
    elif head[:2] in (b"II", b"MM") and 42 <= max(head[2:4], default=0) <= 43:
        check = _check_directories
    else:
        return
    with _bytes_of(source) as data:
        try:
            check(data, shown, max_directories)
        except struct.error:  # it ends in the middle: the decoder says what is damaged
            return


@contextmanager
def _bytes_of(source: Path | str | bytes):
    """Give the bytes of a file without reading all of it into memory."""
    if isinstance(source, bytes):
        yield source
        return
    with open(source, "rb") as file, closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
        yield data


def _check_scans(data, shown: str, _: int) -> None:
    at, scans = 2, 0
    while found := _MARKER.search(data, at):
        at, marker = found.end(), data[found.end() - 1]
        if marker == _END:
            return
        if marker in _WITHOUT_LENGTH:
            continue
        scans += marker == _SCAN
        if scans > MAX_SCANS:
            raise ReadError(f"{shown}: the JPEG has more than {MAX_SCANS} scans; save it anew, not progressive")
        at += max(2, struct.unpack_from(">H", data, at)[0])


def _check_directories(data, shown: str, max_directories: int) -> None:
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in (data[2], data[3])
    count_form, entry_form, next_form = (f"{order}{f}" for f in (("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")))
    entry_bytes, room, all_tags = struct.calcsize(entry_form), MAX_TAG_BYTES + len(data), 0
    (at,) = struct.unpack_from(next_form, data, 8 if big else 4)
    for _ in range(max_directories):
        if not 0 < at < len(data):
            return
        (tags,) = struct.unpack_from(count_form, data, at)
        all_tags += tags
        if tags > MAX_TAGS or all_tags > MAX_TAGS_IN_ALL:
            raise ReadError(
                f"{shown}: a directory of the TIFF has {tags} tags, {all_tags} with those before it; {MAX_TAGS} and "
                f"{MAX_TAGS_IN_ALL} are the limits: export the page as PNG, or split the file"
            )
        first = at + struct.calcsize(count_form)
        end = first + tags * entry_bytes
        (at,) = struct.unpack_from(next_form, data, end)
        sizes = (n * _TIFF_TYPE_BYTES.get(kind, 0) for _, kind, n, _ in struct.iter_unpack(entry_form, data[first:end]))
        room -= sum(size for size in sizes if size <= len(data))  # of a tag that claims more nothing is read
        if room < 0:
            raise ReadError(
                f"{shown}: the tags of the TIFF claim far more bytes than the file has; export the page as PNG"
            )
