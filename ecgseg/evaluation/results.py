"""The results of an evaluation as a CSV file that grows by one line per page, so that a killed run loses none."""

import csv
import io
import json
from pathlib import Path

import numpy as np

from ecgseg.errors import EcgsegError

READ = ("read", "unnamed")  # statuses of a page that came out as a recording
UNDRAWN = "undrawn"
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
    *("step_seconds", "recording", "drawn_as", "px_per_mm", "touching", "style", "version"),
)
TEXTS = {"page", "layout", "noise", "status", "message", "read_as", "recording", "drawn_as", "style", "version"}
OBJECTS = {"leads", "step_seconds"}


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
    """Appends lines of FIELDS to a CSV file; what a killed run left unfinished at its end is cut off."""

    def __init__(self, path: Path):
        self.path = path
        if path.is_file():
            self._mend()
        if not path.is_file() or not path.stat().st_size:
            path.write_text(_line(dict(zip(FIELDS, FIELDS, strict=True))), encoding="utf-8")

    def _mend(self) -> None:
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        head = whole.split(b"\n", 1)[0].decode("utf-8").strip()
        if whole and head != _line(dict(zip(FIELDS, FIELDS, strict=True))).strip():
            raise ResultsError(
                f"{self.path} was written by another version, with other columns: move it away or give another out="
            )
        if len(whole) < len(data):
            with open(self.path, "r+b") as file:
                file.truncate(len(whole))

    def add(self, row: dict) -> None:
        """Append a page's line, at once on the disk's side of the program."""
        with open(self.path, "a", encoding="utf-8", newline="") as file:
            file.write(_line(row))

    def rows(self) -> list[dict]:
        """Return all lines as dicts: numbers as float, blank as NaN, texts and objects as such."""
        return read_rows(self.path)


def _line(row: dict) -> str:
    text = io.StringIO()
    csv.DictWriter(text, FIELDS, restval="", lineterminator="\n").writerow({k: cell(v) for k, v in row.items()})
    return text.getvalue()


def read_rows(path: Path) -> list[dict]:
    """Read a results file; raises ResultsError if it is missing or not one."""
    if not path.is_file():
        raise ResultsError(f"{path}: no results here yet; run with minutes= above 0 first")
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != FIELDS:
            raise ResultsError(f"{path} has the columns {reader.fieldnames}; expected those of this version")
        return [{k: _value(k, v) for k, v in row.items()} for row in reader]


def _value(key: str, text: str):
    if key in TEXTS:
        return text
    if key in OBJECTS:
        return json.loads(text or "{}")
    return float(text) if text else float("nan")
