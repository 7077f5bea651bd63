"""Journal → index.parquet (or .csv) with a line for each record of each page, and failures.csv with a line for each
page that failed."""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from ecgseg.archive.sources import is_url

# Column → type of Arrow; docs/archives.md says what they mean.
COLUMNS = {
    **{"path": "string", "page": "int32", "pages": "int32", "name": "string", "status": "string"},
    **{"record": "int16", "records": "int16"},
    **{"error_type": "string", "message": "string"},
    **{"quality": "float64", "leads": "int16", "warnings": "int16", "layout": "string", "layout_confidence": "float64"},
    **{"px_per_mm": "float64", "scale": "string", "speed_mm_s": "float64", "gain_mm_mv": "float64"},
    **{"length_s": "float64", "heart_rate_per_min": "float64", "p_ms": "float64", "pr_ms": "float64"},
    **{"qrs_ms": "float64", "qt_ms": "float64", "qtc_fridericia_ms": "float64", "qrs_axis_deg": "float64"},
    **{"seconds": "float64", "software": "string", "finished": "string"},
}
FAILURES, PARQUET, CSV = "failures.csv", "index.parquet", "index.csv"
FAILURE_COLUMNS = ("path", "page", "error_type", "message")
RESERVED = ("failures", "index", "archive")  # no page's results may be called so
ROWS = 10_000


def write_index(rows: Iterable[dict], out) -> str:
    """Write the index into a folder or URL, Parquet where pyarrow is installed, else CSV; returns its name.

    The other kind, if an earlier run left it, is removed: two indices would soon differ.
    """
    parquet = find_spec("pyarrow") is not None
    name, other = (PARQUET, CSV) if parquet else (CSV, PARQUET)
    with _placed(out, name) as path:
        (_write_parquet if parquet else _write_csv)(rows, path)
    _remove(out, other)
    return name


def write_failures(rows: Iterable[dict], out) -> tuple[Counter, int]:
    """Write failures.csv: path, page, error_type, message.

    Returns how many pages failed of what (None: did not), and how many further records pages have.
    """
    found, more = Counter(), 0
    with _placed(out, FAILURES) as path, open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(FAILURE_COLUMNS)
        for row in rows:
            if (row.get("record") or 1) > 1:
                more += 1
                continue
            found[row["error_type"]] += 1
            if row["status"] == "failed":
                # One line each, whatever a message holds.
                table.writerow([_text(" ".join(str(row[name]).split())) for name in FAILURE_COLUMNS])
    return found, more


def _write_parquet(rows: Iterable[dict], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in COLUMNS.items()])
    with pa.parquet.ParquetWriter(path, schema) as writer:
        for block in _blocks(rows):
            columns = {name: [_text(row.get(name)) for row in block] for name in COLUMNS}
            writer.write_table(pa.table(columns, schema=schema))


def _write_csv(rows: Iterable[dict], path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for row in rows:
            table.writerow(["" if row.get(name) is None else _text(row[name]) for name in COLUMNS])


def _blocks(rows: Iterable[dict]) -> Iterator[list[dict]]:
    rows = iter(rows)
    while block := list(islice(rows, ROWS)):
        yield block


def _text(value):
    """Return text that UTF-8 can hold: bytes of a name that are none become �."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if isinstance(value, str) else value


@contextmanager
def _placed(out, name: str) -> Iterator[Path]:
    """Give a path to write to, whose file then takes the place of OUT/name at once."""
    import tempfile

    if not is_url(out):
        part = Path(out) / f".ecgseg-{name}"  # one run at a time writes here: the journal is locked
        yield part
        os.replace(part, Path(out) / name)
        return
    import fsspec

    fs, folder = fsspec.core.url_to_fs(str(out).rstrip("/"))
    with tempfile.TemporaryDirectory(prefix="ecgseg-") as scratch:
        path = Path(scratch) / name
        yield path
        fs.put_file(str(path), f"{folder}/{name}")


def _remove(out, name: str) -> None:
    if not is_url(out):
        (Path(out) / name).unlink(missing_ok=True)
        return
    import fsspec

    fs, folder = fsspec.core.url_to_fs(str(out).rstrip("/"))
    if fs.exists(f"{folder}/{name}"):
        fs.rm_file(f"{folder}/{name}")
