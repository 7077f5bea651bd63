"""A person's desk: one file at a time, read, corrected, read again. Everything is held in memory."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from ecgseg.app.corrections import Corrections
from ecgseg.app.relabel import grid, parse, renamed
from ecgseg.app.result import Result, files_of, result_of, zip_of
from ecgseg.archive.names import page_name, record_name, record_of
from ecgseg.digitize.digitizer import Digitizer, Reading
from ecgseg.digitize.files.read import STDIN, count_pages, read_picture
from ecgseg.errors import ReadError

MAX_BYTES = 64 * 1024 * 1024  # an A4 page of 600 dpi in colour, uncompressed, is 100 MB; as anyone saves it, under 30


@dataclass
class Desk:
    """One person's file, what was last read of it, and its files.

    `digitizer` is shared by all desks; a reading is made anew only when something changed that it depends on. `pages`
    are those of the file, `records` those that its page shows, of which number `record` is the result.
    """

    digitizer: Digitizer
    max_bytes: int = MAX_BYTES
    filename: str = ""
    pages: int = 0
    records: int = 0
    record: int = 1
    result: Result | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    _data: bytes = b""
    _read: tuple[tuple, list[Reading]] | None = None

    def open(self, data: bytes, filename: str) -> int:
        """Put a file on the desk instead of the one before; returns how many pages it has. Raises ReadError."""
        self.close()
        if len(data) > self.max_bytes:
            raise ReadError(
                f"the file has {len(data) / 1e6:.0f} MB, more than the limit of {self.max_bytes / 1e6:.0f} MB; "
                "make the picture smaller (200 to 300 dpi is enough) or use the command line"
            )
        with _called(filename):
            self.pages = count_pages(data)
        self._data, self.filename = data, filename
        return self.pages

    def run(self, corrections: Corrections | None = None, page: int = 1, record: int = 1) -> Result:
        """Read the page with these corrections and return all there is to show of a record; raises an EcgsegError.

        Where the leads' names are those that are on show and something else changed, they are read anew as well. Where
        the page shows fewer records, as it may with other corrections, the last one is taken.
        """
        if not self._data:
            raise ReadError("there is no picture yet; drop one on the page first")
        corrections = corrections or Corrections()
        readings, fresh = self._readings(corrections, page)
        self.records, self.record = len(readings), min(record, len(readings))
        reading = readings[self.record - 1]
        shown, leads = self.result.leads if self.result else "", None
        if corrections.leads and not (fresh and corrections.leads.split() == shown.split()):
            strips = reading.located.strips
            leads, reading = grid(strips, parse(corrections.leads, strips)), renamed(reading, corrections.leads)
        self.files = {}
        self.result = result_of(reading, corrections, leads)
        return self.result

    def make_files(self, formats: Sequence[str]) -> list[str]:
        """Make the files of the last result and a ZIP of them, in `files`; returns what could not be made."""
        if self.result is None:
            raise ReadError("nothing has been read yet")
        files, problems = files_of(self.result, formats)
        self.files = {**files, f"{self.result.name}.zip": zip_of(files)}
        return problems

    def command(self) -> str:
        """Return the command line that reads the same page with the same options."""
        given = self.result.corrections.options() if self.result else {}
        options = [f"digitize.{k}={v:g}" if isinstance(v, float) else f"digitize.{k}={v}" for k, v in given.items()]
        return shlex.join(["ecgseg", self.filename, *options])

    def close(self) -> None:
        """Forget everything."""
        self.filename, self.pages, self.records, self.record, self.result = "", 0, 0, 1, None
        self._data, self._read, self.files = b"", None, {}

    def _readings(self, corrections: Corrections, page: int) -> tuple[list[Reading], bool]:
        """Return the readings of a page's records as they come from the digitizer, and whether they were made now."""
        key = (page, tuple(corrections.options().items()))
        if self._read is not None and self._read[0] == key:
            return self._read[1], False
        options = replace(self.digitizer.options, **corrections.options())
        digitizer = Digitizer(self.digitizer.nets, options, self.digitizer.device)
        with _called(self.filename):
            readings = digitizer.read_all(read_picture(self._data, page, max_pixels=options.max_pixels))
        name = page_name(record_name(PurePath(self.filename).stem), page, self.pages)
        for number, reading in enumerate(readings, 1):
            reading.recording.name = record_of(name, number)
            reading.recording.provenance |= {"source": self.filename, "page": page}
        self._read = (key, readings)
        return readings, True


@contextmanager
def _called(filename: str) -> Iterator[None]:
    """Have errors of reading call the file by its name: what is read are its bytes."""
    try:
        yield
    except ReadError as error:
        raise ReadError(str(error).replace(STDIN, filename)) from error
