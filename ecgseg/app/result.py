"""Reading → everything the page shows of it: overlay, redrawn ECG, measurements, report, and the files to take away."""

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from ecgseg.app.corrections import Corrections
from ecgseg.app.redraw import redraw
from ecgseg.app.relabel import grid
from ecgseg.digitize.digitizer import Reading
from ecgseg.digitize.pagefiles import OUTPUT, make_files
from ecgseg.errors import EcgsegError
from ecgseg.measure import Measurements, measure
from ecgseg.output.formats import FORMATS, check_formats
from ecgseg.output.report_pdf import SUFFIX, rows_of, write_report
from ecgseg.plot import overlay
from ecgseg.report import Report, Reported, template_report
from ecgseg.report.files import save

PDF = "pdf"
CHOICES = (*FORMATS, PDF)
USUAL = ("csv", "wfdb", PDF)
REDRAWN, TABLE = ".redrawn.png", ".measurements.csv"


@dataclass(frozen=True)
class Result:
    """What was read, as it is shown: two pictures (H, W, 3) uint8, the report with its table, the strips' names."""

    name: str
    reading: Reading
    corrections: Corrections
    overlay: np.ndarray
    redrawn: np.ndarray
    measurements: Measurements
    report: Report
    leads: str


def result_of(reading: Reading, corrections: Corrections, leads: str | None = None) -> Result:
    """Measure, word and draw a reading; `leads` are its strips' names where some of them are left out by hand."""
    recording = reading.recording
    measurements = measure(recording, corrections.sex, corrections.age)
    return Result(
        name=recording.name,
        reading=reading,
        corrections=corrections,
        overlay=overlay(reading),
        redrawn=redraw(recording),
        measurements=measurements,
        report=template_report(measurements, recording),
        leads=grid(reading.located.strips) if leads is None else leads,
    )


def files_of(result: Result, formats: Sequence[str]) -> tuple[dict[str, bytes], list[str]]:
    """Return name -> content of all files in these formats, and a sentence for each format that cannot hold them.

    Besides the formats there are always the overlay, the redrawn ECG, measurements, report and the JSON; `pdf` among
    the formats is the page to print. Raises OutputError for an unknown format.
    """
    chosen = check_formats([name for name in formats if name != PDF])
    with TemporaryDirectory(prefix="files-") as folder:
        stem = Path(folder) / result.name
        make_files(result.reading, stem, {**OUTPUT, "formats": [], "overlay": True, "report": False}, dict)
        save(Reported(result.measurements, (result.report,)), stem)
        Path(f"{stem}{REDRAWN}").write_bytes(png(result.redrawn))
        Path(f"{stem}{TABLE}").write_text(table_csv(result.report.table), encoding="utf-8")
        problems = [p for name in chosen if (p := _write(result, stem, name))]
        if PDF in formats:
            recording, table = result.reading.recording, rows_of(result.report.table)
            write_report(recording, Path(f"{stem}{SUFFIX}"), result.overlay, table, result.report.paragraphs())
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}, problems


def zip_of(files: dict[str, bytes]) -> bytes:
    """Return a ZIP archive of the files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def png(image: np.ndarray) -> bytes:
    """Return an RGB picture as PNG."""
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def table_csv(rows: Sequence[dict]) -> str:
    """Return the report's table as CSV text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(result: Result, stem: Path, name: str) -> str | None:
    """Write one format; returns why it cannot hold this recording."""
    try:
        FORMATS[name].write(result.reading.recording, stem)
    except EcgsegError as error:
        return f"{name}: {error}"
    return None
