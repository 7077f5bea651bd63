"""Many pictures, one after the other: find them, digitize each, write its files, and close with a table.

One failing file never stops the others. What a run writes is decided here, so that no input and no
stranger's file is ever overwritten.
"""

import json
import re
import sys
import time
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from ecgseg.errors import EcgsegError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
OVERLAY = ".overlay.png"
OUTPUTS = (".csv", ".hea", ".dat", OVERLAY, ".json")  # .json last: it says that the others are complete


class OutputError(EcgsegError):
    """The result cannot be written without destroying something."""


@dataclass
class Job:
    """One picture and the name of its outputs; `error` says why it failed, `row` is its line of the table."""

    path: Path
    name: str
    error: str | None = None
    row: dict = field(default_factory=dict)


def run(inputs: list[Path], out: Path, options: dict, overwrite: bool = False, digitizer=None) -> int:
    """Digitize files and folders into the folder `out`; returns 1 if any failed, else 0.

    `options` are those of Digitizer.from_pretrained; `digitizer` replaces the one made from them.
    """
    from tqdm import tqdm

    jobs = plan(inputs)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"--out {out} cannot be made a folder: {error}") from error
    protected = {job.path.resolve() for job in jobs}
    work = [job for job in jobs if job.error is None]
    if work and digitizer is None:
        from ecgseg.digitize.digitizer import Digitizer

        digitizer = Digitizer.from_pretrained(**options)
    # None: a bar on a terminal only, not in a log file.
    with tqdm(work, unit="page", disable=True if len(work) < 2 else None, file=sys.stderr) as bar:
        for job in bar:
            bar.set_postfix_str(job.name, refresh=True)
            try:
                check_outputs(job, out, protected, overwrite)
                job.row = digitize_one(job, out, digitizer)
            except EcgsegError as error:
                job.error = str(error)
            except Exception as error:  # one page that breaks the program must not stop a batch of a thousand
                job.error = f"unexpected {type(error).__name__}: {error}; please report it with the picture"
    report(jobs, out)
    return 1 if any(job.error for job in jobs) else 0


def plan(inputs: list[Path]) -> list[Job]:
    """Return a job for each picture named or found in a named folder, each with an output name of its own."""
    jobs, taken, seen = [], set(), set()
    for given in inputs:
        found = pictures(given) if given.is_dir() else [given]
        if not found:
            jobs.append(Job(given, "", error=f"no pictures in this folder; expected {', '.join(SUFFIXES)}"))
        for path in found:
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            name = record_name(path.stem)
            # The same stem in another folder or format gets its suffix, then a number.
            for candidate in (name, f"{name}_{record_name(path.suffix.lstrip('.'))}", *_numbered(name)):
                if candidate.casefold() not in taken:
                    break
            taken.add(candidate.casefold())
            error = None if path.is_file() else "no such file; check the path"
            jobs.append(Job(path, candidate, error))
    return jobs


def pictures(folder: Path) -> list[Path]:
    """Return the pictures directly in a folder, sorted, without the overlays that this program writes."""
    return sorted(
        p
        for p in folder.iterdir()
        if p.is_file() and p.suffix.lower() in SUFFIXES and not p.name.lower().endswith(OVERLAY)
    )


def record_name(stem: str) -> str:
    """Return a name that WFDB accepts: ASCII letters, digits, underscores and hyphens."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_") or "page"


def check_outputs(job: Job, out: Path, protected: set[Path], overwrite: bool) -> None:
    """Raise OutputError if an output's name is taken by an input, or by a file not made from this picture."""
    existing = [p for p in (out / f"{job.name}{suffix}" for suffix in OUTPUTS) if p.exists()]
    for path in existing:
        if path.resolve() in protected:
            raise OutputError(f"{path} is itself an input and would be overwritten; give another folder with --out")
    if existing and not overwrite and not _ours(out / f"{job.name}.json", job.path):
        raise OutputError(f"{existing[0]} exists and is not ours to replace; add --overwrite or give another --out")


def digitize_one(job: Job, out: Path, digitizer) -> dict:
    """Digitize one picture and write its files; returns what the closing table shows."""
    import cv2

    from ecgseg.plot import overlay

    start, start_cpu = time.perf_counter(), time.process_time()
    reading = digitizer.read(job.path)
    recording = reading.recording
    recording.name = job.name
    recording.write_csv(out / f"{job.name}.csv")
    recording.write_wfdb(out, job.name)
    picture = overlay(reading)
    path = out / f"{job.name}{OVERLAY}"
    # Encoded in memory: cv2.imwrite cannot write to every path on every system, and fails silently.
    path.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
    recording.provenance["source"] = str(job.path)
    recording.write_json(out / f"{job.name}.json")
    seconds = time.perf_counter() - start
    cost = {
        "seconds": round(seconds, 3),
        "cpu_s": round(time.process_time() - start_cpu, 3),
        "peak_rss_mb": peak_rss_mb(),
    }
    _add_to_json(out / f"{job.name}.json", cost)
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
            prefix = "" if job.error.startswith(str(job.path)) else f"{job.path}: "
            print(f"failed: {prefix}{job.error}", file=sys.stderr)


def _numbered(name: str):
    return (f"{name}_{i}" for i in range(2, 1_000_000))


def _ours(json_path: Path, source: Path) -> bool:
    try:
        about = json.loads(json_path.read_text(encoding="utf-8"))["provenance"]
        return about["software"] == "ecgseg" and Path(about["source"]).resolve() == source.resolve()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _add_to_json(path: Path, items: dict) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **items}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
