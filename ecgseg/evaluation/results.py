"""The results of an evaluation as a CSV file that grows by one line per page, so that a killed run loses none."""

import csv
import io
import json
from pathlib import Path

import numpy as np

from ecgseg.errors import EcgsegError

READ = ("read", "unnamed")  # statuses of a page that came out as a recording
UNDRAWN = "undrawn"
# What is told of a page's clinical content: results of before it was measured lack these columns.
CLINICAL = (
    *("rate_error", "pr_error", "qrs_error", "qt_error", "st_error", "st_errors", "st_leads_lost", "st_leads_new"),
    *("lost_values", "new_values", "p_beats", "p_lost", "p_unread", "p_free", "p_invented"),
)
FIELDS = (
    *("page", "layout", "noise", "speed", "gain", "row_pitch", "number", "seed", "status", "message"),
    *("read_as", "layout_right", "names_right", "times_right", "strips", "strips_named", "strips_extra"),
    *(
        "speed_right",
        "gain_right",
        "turned_right",
        "turn_deg",
        "map_rms_mm",
        "snr_db",
        "ratio",
        "snr_db_by_place",
        "snr_db_read",
    ),
    *("nan_share", "wrong_share", "leads_found", "r", "rmse_mv", "quality", "leads", "warnings", "seconds"),
    *("step_seconds", "recording", "drawn_as", "px_per_mm", "touching", "style", *CLINICAL, "version"),
)
_FIELDS_BEFORE = tuple(field for field in FIELDS if field not in CLINICAL)
TEXTS = {
    *("page", "layout", "noise", "status", "message", "read_as", "recording", "drawn_as", "style", "version"),
    *("lost_values", "new_values"),
}
OBJECTS = {"leads", "step_seconds", "st_errors"}


class ResultsError(EcgsegError):
    """A results file does not fit what is asked of it."""


def cell(value) -> object:
    """Return a value as it stands in a CSV file: floats with six digits, blank for NaN."""
    if not isinstance(value, float):
        return value
    return f"{value:.6g}" if np.isfinite(value) else ""


def write_rows(rows: list[dict], path: Path) -> None:
    """Write dicts of equal keys as CSV, floats with six digits, blank for NaN."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({k: cell(v) for k, v in row.items()})


class ResultsFile:
    """Appends lines of FIELDS to a CSV file; what a killed run left unfinished at its end is cut off.

    A file without the clinical columns can be read; the first line that is added gives its lines blank ones.
    """

    def __init__(self, path: Path):
        self.path = path
        if path.is_file():
            self._mend()
        if not path.is_file() or not path.stat().st_size:
            path.write_text(_HEAD, encoding="utf-8")

    def _mend(self) -> None:
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole and self._head() not in (FIELDS, _FIELDS_BEFORE):
            raise ResultsError(
                f"{self.path} was written by another version, with other columns: move it away or give another out="
            )
        if len(whole) < len(data):
            with open(self.path, "r+b") as file:
                file.truncate(len(whole))

    def add(self, row: dict) -> None:
        """Append a page's line, at once on the disk's side of the program."""
        if self._head() == _FIELDS_BEFORE:
            self._widen()
        with open(self.path, "a", encoding="utf-8", newline="") as file:
            file.write(_line(row))

    def _head(self) -> tuple[str, ...]:
        with open(self.path, newline="", encoding="utf-8") as file:
            return tuple(next(csv.reader(file), ()))

    def _widen(self) -> None:
        """Give the lines of a file without the clinical columns blank ones; a kill meanwhile leaves it as it was."""
        with open(self.path, newline="", encoding="utf-8") as file:
            lines = [_line(row) for row in csv.DictReader(file)]
        wider = self.path.with_suffix(".new")
        wider.write_text(_HEAD + "".join(lines), encoding="utf-8")
        wider.replace(self.path)

    def rows(self) -> list[dict]:
        """Return all lines as dicts: numbers as float, blank as NaN, texts and objects as such."""
        return read_rows(self.path)


def _line(row: dict) -> str:
    text = io.StringIO()
    csv.DictWriter(text, FIELDS, restval="", lineterminator="\n").writerow({k: cell(v) for k, v in row.items()})
    return text.getvalue()


_HEAD = _line(dict(zip(FIELDS, FIELDS, strict=True)))


def read_rows(path: Path) -> list[dict]:
    """Read a results file, columns that it lacks as blank; raises ResultsError if it is missing or not one."""
    if not path.is_file():
        raise ResultsError(f"{path}: no results here yet; run with minutes= above 0 first")
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) not in (FIELDS, _FIELDS_BEFORE):
            raise ResultsError(f"{path} has the columns {reader.fieldnames}; expected those of this version")
        return [{k: _value(k, row.get(k, "")) for k in FIELDS} for row in reader]


def _value(key: str, text: str):
    if key in TEXTS:
        return text
    if key in OBJECTS:
        return json.loads(text or "{}")
    return float(text) if text else float("nan")
