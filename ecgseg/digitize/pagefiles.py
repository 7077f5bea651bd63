"""The files of a page's record: which there are, how they are made in a folder of their own, what its JSON tells."""

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ecgseg.archive.names import record_of
from ecgseg.errors import EcgsegError
from ecgseg.output.about import plain
from ecgseg.output.files import place
from ecgseg.output.formats import output_paths, write_formats

OVERLAY, REPORT = ".overlay.png", ".report.pdf"
OUTPUT = {"formats": ["csv", "wfdb"], "overlay": True, "report": False}  # of a caller who does not care
MEASURED = ("heart_rate", "p_duration", "pr", "qrs", "qt", "qtc_fridericia", "qrs_axis")  # in JSON and index


def results(stem: Path, output: dict) -> list[Path]:
    """Return all files that a record gives; the .json comes last: it says that the others are complete."""
    paths = output_paths(stem, output["formats"])
    paths += [Path(f"{stem}{suffix}") for suffix, on in ((OVERLAY, "overlay"), (REPORT, "report")) if output[on]]
    if output.get("words"):
        from ecgseg.report.files import report_paths

        paths += report_paths(stem, output["words"])
    return [*paths, Path(f"{stem}.json")]


def extras(recording, stem: Path, output: dict, picture) -> dict:
    """Write what is more than the recording itself, reports above all; returns what the JSON tells besides.

    `picture` is the overlay, None where nobody asked for it. What is written here must stand in `results`.
    `output["words"]`, if there, are the options of configs/report.
    """
    told = {"measured": measured(recording)}
    report = _report(recording, stem, output["words"]) if output.get("words") else None
    if output["report"]:
        from ecgseg.output.report_pdf import rows_of, write_report

        told_there = {} if report is None else {"measurements": rows_of(report.table), "text": report.paragraphs()}
        write_report(recording, Path(f"{stem}{REPORT}"), picture, **told_there, overwrite=True)
    return told


def _report(recording, stem: Path, words: dict):
    """Write measurements and reports; returns the first report, None where none is wanted or making it failed."""
    from ecgseg.report.files import write_reports

    try:
        reported = write_reports(recording, stem, words)
    except EcgsegError:
        raise
    except Exception as error:  # as in `measured`: a bug in reporting must neither cost the recording nor be hidden
        problem = f"the report failed unexpectedly ({type(error).__name__}: {error}); please report it with the picture"
        recording.warnings.append(problem)
        return None
    return None if reported is None else reported.reports[0]


def measured(recording) -> dict:
    """Return the main measurements as {key: {value, unit, reason}}, value None where it cannot be told."""
    from ecgseg.measure import measure

    try:
        values = measure(recording).values
    except Exception as error:  # the recording is there and must not be lost to a bug in measuring, nor the bug hidden
        problem = f"measuring failed unexpectedly ({type(error).__name__}: {error}); please report it with the picture"
        recording.warnings.append(problem)
        return {key: {"value": None, "unit": "", "reason": problem} for key in MEASURED}
    return plain({key: {n: getattr(values[key], n) for n in ("value", "unit", "reason")} for key in MEASURED})


def makers(
    readings: Sequence, name: str, source: dict, output: dict, spent: tuple[float, float], more: Callable[[], dict]
) -> list[Callable[[Path], dict]]:
    """Return per record of a page the function that makes its files as stem + suffix and returns its JSON's content.

    `source` goes into its provenance, `more()` into its JSON; `spent`: seconds and CPU s before, told of the first.
    """

    def maker(number: int, reading) -> Callable[[Path], dict]:
        reading.recording.name = record_of(name, number)
        reading.recording.provenance |= source

        def make(stem: Path) -> dict:
            before = spent if number == 1 else (0.0, 0.0)
            start, start_cpu = time.perf_counter(), time.process_time()

            def told() -> dict:
                seconds = before[0] + time.perf_counter() - start
                cpu_s = before[1] + time.process_time() - start_cpu
                return {"seconds": round(seconds, 3), "cpu_s": round(cpu_s, 3), **more()}

            return make_files(reading, stem, output, told)

        return make

    return [maker(number, reading) for number, reading in enumerate(readings, 1)]


def make_files(reading, stem: Path, output: dict, more: Callable[[], dict]) -> dict:
    """Make all files of a record as stem + suffix, the JSON last; returns its content.

    `more()` goes into it too, asked for when all else is made: it tells what that cost.
    """
    import cv2

    from ecgseg.plot import overlay

    recording = reading.recording
    write_formats(recording, stem, output["formats"], overwrite=True)
    picture = overlay(reading) if output["overlay"] or output["report"] else None
    if output["overlay"]:
        # Encoded in memory: cv2.imwrite cannot write to every path on every system, and fails silently.
        Path(f"{stem}{OVERLAY}").write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
    told = extras(recording, stem, output, picture)
    return _write_json(recording, Path(f"{stem}.json"), {**told, **more()})


def summary(about: dict) -> dict:
    """Return what an index tells of a record, from its JSON; values that are not there are None."""
    source, measured = about["provenance"], about.get("measured", {})
    scale, layout = source.get("scale", {}), source.get("layout", {})
    # Leads that are not on the page are no bad ones: a good single strip is a good page.
    printed = about.get("windows_s") or about["quality"]
    quality = [q for lead, q in about["quality"].items() if lead in printed and q is not None and math.isfinite(q)]
    value = {key: measured.get(key, {}).get("value") for key in MEASURED}
    return {
        "record": source.get("record", 1),
        "records": source.get("records", 1),
        "layout": layout.get("name"),
        "layout_confidence": layout.get("confidence"),
        "leads": sum(q > 0 for q in quality),
        "quality": round(sum(quality) / max(len(quality), 1), 4),
        "warnings": len(about["warnings"]),
        "speed_mm_s": source.get("speed_mm_s"),
        "gain_mm_mv": source.get("gain_mm_mv"),
        "px_per_mm": scale.get("px_per_mm_x"),
        "scale": scale.get("how"),
        "length_s": about["length_s"],
        "heart_rate_per_min": value["heart_rate"],
        "p_ms": value["p_duration"],
        "pr_ms": value["pr"],
        "qrs_ms": value["qrs"],
        "qt_ms": value["qt"],
        "qtc_fridericia_ms": value["qtc_fridericia"],
        "qrs_axis_deg": value["qrs_axis"],
        "seconds": about.get("seconds"),
        "software": f"ecgseg {source.get('versions', {}).get('ecgseg', '?')}",
    }


def peak_rss_mb() -> float | None:
    """Return the most memory this process has held so far in MB, None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def _write_json(recording, path: Path, more: dict) -> dict:
    """Write what is known about a recording, and `more`, as JSON; returns its content."""
    about = {}

    def write(folder: Path) -> None:
        recording.write_json(folder / path.name)
        about.update(json.loads((folder / path.name).read_text(encoding="utf-8")), **more)
        text = json.dumps(about, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / path.name).write_text(text, encoding="utf-8")

    place([path], write, overwrite=True)
    return about
