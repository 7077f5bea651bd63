"""Many pictures, one after the other: find them, digitize each, write its files, and close with a table.

One failing file never stops the others. What a run writes is decided here, so that no input and no
stranger's file is ever overwritten.
"""

import json
import re
import sys
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ecgseg.digitize.files.sources import Loader, pictures
from ecgseg.errors import EcgsegError
from ecgseg.output.files import OutputError, place
from ecgseg.output.formats import check_formats, output_paths, write_formats

OVERLAY, REPORT = ".overlay.png", ".report.pdf"
OUTPUT = {"formats": ["csv", "wfdb"], "overlay": True, "report": False}  # of a caller who does not care


@dataclass
class Job:
    """One page and the name of its outputs; `error` says why it failed, `row` is its line of the table."""

    load: Loader
    name: str
    error: str | None = None
    row: dict = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Return what a person calls the page's file."""
        return "standard input" if self.load.path is None else str(self.load.path)


def run(
    inputs: Iterable, out: Path, options: dict, overwrite: bool = False, digitizer=None, output: dict | None = None
) -> int:
    """Digitize files, folders, patterns and lists into the folder `out`; returns 1 if any page failed, else 0.

    `options` are those of Digitizer.from_pretrained; `digitizer` replaces the one made from them; `output` holds
    formats, overlay and report as configs/output/default.yaml does.
    """
    from tqdm import tqdm

    output = OUTPUT if output is None else output
    check_formats(output["formats"])
    jobs = plan(inputs, options)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"--out {out} cannot be made a folder: {error}") from error
    protected = {job.load.path.resolve() for job in jobs if job.load.path is not None}
    if digitizer is None and any(job.load.error is None for job in jobs):
        from ecgseg.digitize.digitizer import Digitizer

        digitizer = Digitizer.from_pretrained(**options)
    # None: a bar on a terminal only, not in a log file.
    with tqdm(jobs, unit="page", disable=True if len(jobs) < 2 else None, file=sys.stderr) as bar:
        for job in bar:
            bar.set_postfix_str(job.name, refresh=True)
            try:
                check_outputs(job, out, protected, overwrite, output)
                job.row = digitize_one(job, out, digitizer, output)
            except EcgsegError as error:
                job.error = str(error)
            except Exception as error:  # one page that breaks the program must not stop a batch of a thousand
                job.error = f"unexpected {type(error).__name__}: {error}; please report it with the picture"
    report(jobs, out)
    return 1 if any(job.error for job in jobs) else 0


def plan(inputs: Iterable, options: dict | None = None) -> list[Job]:
    """Return a job for each page that the inputs name, each with an output name of its own."""
    jobs, taken = [], set()
    limit = (options or {}).get("max_pixels")
    for page in pictures(inputs, **({} if limit is None else {"max_pixels": limit})):
        name = record_name(page.name)
        suffix = "" if page.load.path is None else page.load.path.suffix.lstrip(".")
        # The same stem in another folder or format gets its suffix, then a number.
        for candidate in (name, f"{name}_{record_name(suffix)}", *_numbered(name)):
            if candidate.casefold() not in taken:
                break
        taken.add(candidate.casefold())
        jobs.append(Job(page.load, candidate))
    return jobs


def record_name(stem: str) -> str:
    """Return a name that WFDB accepts: ASCII letters, digits, underscores and hyphens."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_") or "page"


def results(stem: Path, output: dict) -> list[Path]:
    """Return all files that a page gives; the .json comes last: it says that the others are complete."""
    paths = output_paths(stem, output["formats"])
    paths += [Path(f"{stem}{suffix}") for suffix, on in ((OVERLAY, "overlay"), (REPORT, "report")) if output[on]]
    return [*paths, Path(f"{stem}.json")]


def check_outputs(job: Job, out: Path, protected: set[Path], overwrite: bool, output: dict) -> None:
    """Raise OutputError if an output's name is taken by an input, or by a file not made from this picture."""
    existing = [p for p in results(out / job.name, output) if p.exists()]
    for path in existing:
        if path.resolve() in protected:
            raise OutputError(f"{path} is itself an input and would be overwritten; give another folder with --out")
    if existing and not overwrite and not _ours(out / f"{job.name}.json", job.load):
        raise OutputError(f"{existing[0]} exists and is not ours to replace; add --overwrite or give another --out")


def digitize_one(job: Job, out: Path, digitizer, output: dict) -> dict:
    """Digitize one page and write its files; returns what the closing table shows."""
    import cv2

    from ecgseg.plot import overlay

    start, start_cpu = time.perf_counter(), time.process_time()
    reading = digitizer.read(job.load())
    recording = reading.recording
    recording.name = job.name
    stem = out / job.name
    recording.provenance["source"] = job.shown
    recording.provenance["page"] = job.load.page
    write_formats(recording, stem, output["formats"], overwrite=True)
    picture = overlay(reading) if output["overlay"] or output["report"] else None
    if output["overlay"]:
        # Encoded in memory: cv2.imwrite cannot write to every path on every system, and fails silently.
        data = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
        path = Path(f"{stem}{OVERLAY}")
        place([path], lambda folder: (folder / path.name).write_bytes(data), overwrite=True)
    if output["report"]:
        from ecgseg.output.report_pdf import write_report

        write_report(recording, Path(f"{stem}{REPORT}"), picture, overwrite=True)
    seconds = time.perf_counter() - start
    cost = {
        "seconds": round(seconds, 3),
        "cpu_s": round(time.process_time() - start_cpu, 3),
        "peak_rss_mb": peak_rss_mb(),
    }
    _write_json(recording, Path(f"{stem}.json"), cost)
    quality = list(recording.quality.values())
    return {
        "layout": recording.provenance["layout"]["name"],
        "px/mm": f"{recording.provenance['scale']['px_per_mm_x']:.2f}",
        "leads": sum(q > 0 for q in quality),
        "quality": f"{sum(quality) / max(len(quality), 1):.2f}",
        "seconds": f"{seconds:.1f}",
        "warnings": recording.warnings,
    }


def peak_rss_mb() -> float | None:
    """Return the most memory this process has held so far in MB, None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def report(jobs: list[Job], out: Path) -> None:
    """Print the table of pages, then every warning, then every failure with its reason (to stderr)."""
    done = [job for job in jobs if job.error is None]
    if done:
        columns = ("layout", "px/mm", "leads", "quality", "seconds")
        rows = [("page", *columns)] + [(job.name, *(str(job.row[c]) for c in columns)) for job in done]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for job in done:
        for warning in job.row["warnings"]:
            print(f"warning: {job.name}: {warning}")
    if done:
        print(f"{len(done)} of {len(jobs)} written to {out}/; look at the overlay{'s' if len(done) > 1 else ''}")
    for job in jobs:
        if job.error:
            # An error that starts with the path already names the file.
            prefix = "" if job.error.startswith((job.shown, job.shown.split("/")[-1])) else f"{job.shown}: "
            print(f"failed: {prefix}{job.error}", file=sys.stderr)


def _numbered(name: str):
    return (f"{name}_{i}" for i in range(2, 1_000_000))


def _ours(json_path: Path, load: Loader) -> bool:
    try:
        about = json.loads(json_path.read_text(encoding="utf-8"))["provenance"]
        same = load.path is not None and Path(about["source"]).resolve() == load.path.resolve()
        return about["software"] == "ecgseg" and same and about.get("page", 1) == load.page
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write_json(recording, path: Path, more: dict) -> None:
    """Write what is known about a recording, and `more`, as JSON."""

    def write(folder: Path) -> None:
        recording.write_json(folder / path.name)
        content = json.loads((folder / path.name).read_text(encoding="utf-8"))
        text = json.dumps({**content, **more}, indent=2, ensure_ascii=False) + "\n"
        (folder / path.name).write_text(text, encoding="utf-8")

    place([path], write, overwrite=True)
