"""The PTB Diagnostic ECG Database, embedded excerpts or complete, and any folder of 12-lead WFDB records.

python -m ecgseg.ptb list [ROOT]              records, split, diagnosis
python -m ecgseg.ptb clinical ROOT OUT.json   every record's clinical header
python -m ecgseg.ptb download DIR             the complete database (about 1.7 GB)
"""

import argparse
import hashlib
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import wfdb
import yaml

from ecgseg.errors import EcgsegError, RecordError
from ecgseg.layout import LEADS
from ecgseg.paths import CONFIGS, DATA
from ecgseg.recording import Recording, read_wfdb

SPLITS = ("train", "val", "test")
# Lines of a PTB header that open a group of fields and have no value themselves.
_SECTIONS = ("Diagnose", "Hemodynamics", "Therapy")
_UNKNOWN = ("", "n/a", "unknown", "nan")


def load_records(root=None, split: str | None = None, report: Callable[[str], None] | None = None):
    """Read the PTB records under `root` (None: the embedded excerpts) as a list of 12-lead Recordings.

    `root` holds `patientNNN/*.hea`; the Frank leads vx, vy, vz are dropped. `split` is train, val, test or
    None for all. A damaged record is skipped and said to `report` (default: a Python warning). Raises
    RecordError if the folder holds no records, ValueError on an unknown split.
    """
    return list(iter_records(root, split, report))


def iter_records(root=None, split: str | None = None, report: Callable[[str], None] | None = None):
    """Like `load_records`, one Recording at a time: the complete database takes about 3 GB as a list."""
    if split is not None and split not in SPLITS:
        raise ValueError(f"unknown split '{split}'; the choices are {', '.join(SPLITS)}")
    headers = _ptb_headers(root)
    if split is not None:
        headers = [h for h in headers if split_of(h.parent.name) == split]
    return _read_all(headers, report)


def load_folder(root, report: Callable[[str], None] | None = None) -> list[Recording]:
    """Read every WFDB record below `root` that has the twelve standard leads, sorted by path.

    Works on PTB-XL and PhysioNet Challenge 2021 folders; skipping, reporting and errors as in `load_records`.
    """
    root = Path(root)
    headers = sorted(root.rglob("*.hea"))
    if not headers:
        raise RecordError(f"{root}: no WFDB headers (*.hea) in or below this folder")
    return list(_read_all(headers, report))


def _ptb_headers(root) -> list[Path]:
    root = DATA / "ptbdb" if root is None else Path(root)
    headers = sorted(root.glob("patient*/*.hea"))
    if not headers:
        raise RecordError(
            f"{root}: no records found; expected patientNNN/*.hea as in the PTB database. "
            "`python -m ecgseg.ptb download DIR` fetches it; ecgseg.ptb.load_folder reads other folders"
        )
    return headers


def _read_all(headers: list[Path], report: Callable[[str], None] | None) -> Iterator[Recording]:
    report = report or (lambda text: warnings.warn(text, stacklevel=2))
    for header in headers:
        try:
            recording = read_wfdb(header)
            if len(recording.leads) < len(LEADS):
                missing = [lead for lead in LEADS if lead not in recording.leads]
                raise RecordError(f"{header}: leads {', '.join(missing)} are missing; expected all twelve")
        except RecordError as error:
            report(f"skipped: {error}")
            continue
        recording.clinical = parse_clinical(header, recording.clinical["comments"])
        recording.provenance = {"source": f"{header.parent.name}/{header.stem}"}
        yield recording


@lru_cache
def _split_file() -> tuple[dict[int, str], dict[str, int]]:
    spec = yaml.safe_load((CONFIGS / "data" / "ptb_split.yaml").read_text())
    return {number: split for split in SPLITS for number in spec[split]}, spec["hash_percent"]


def split_of(patient: str) -> str:
    """Return train, val or test for a PTB patient (as "patient002"), by configs/data/ptb_split.yaml."""
    digits = re.sub(r"\D", "", patient)
    if not digits:
        raise ValueError(f"'{patient}' names no PTB patient; expected patientNNN")
    listed, percent = _split_file()
    if int(digits) in listed:
        return listed[int(digits)]
    bucket = int(hashlib.sha256(f"patient{int(digits):03d}".encode()).hexdigest()[:8], 16) % 100
    if bucket < percent["train"]:
        return "train"
    return "val" if bucket < percent["train"] + percent["val"] else "test"


def clinical_header(path) -> dict:
    """Return a record's clinical header as a dict.

    Keys: record, patient, age (years), sex, diagnosis (each None where not given), `fields` (all `key: value`
    comments as text, grouped as in the header) and `comments` (the lines themselves).

    `path` is the record with or without .hea. Raises RecordError if the header cannot be read.
    """
    path = Path(path)
    path = path if path.suffix == ".hea" else path.with_name(path.name + ".hea")
    try:
        comments = wfdb.rdheader(str(path.with_suffix(""))).comments
    except (OSError, ValueError, IndexError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(f"{path}: not a readable WFDB header ({error})") from error
    return parse_clinical(path, comments)


def parse_clinical(path: Path, comments: list[str]) -> dict:
    """Sort header comment lines into a dict, as `clinical_header` describes it."""
    fields: dict = {}
    group = fields
    for line in comments:
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or key == "Excerpt":
            continue
        if key in _SECTIONS and not value:
            group = fields.setdefault(key, {})
        else:
            group[key] = value
    flat = {k.lower(): v for g in (fields, *fields.values()) if isinstance(g, dict) for k, v in g.items()}
    known = {k: v for k, v in flat.items() if isinstance(v, str) and v.lower() not in _UNKNOWN}
    age = known.get("age", "")
    return {
        "record": path.stem,
        "patient": path.parent.name if re.fullmatch(r"patient\d+", path.parent.name) else None,
        "age": int(age) if age.isdigit() else None,
        "sex": known.get("sex", "").lower() or None,
        "diagnosis": known.get("reason for admission") or known.get("dx"),
        "fields": fields,
        "comments": list(comments),
    }


def write_clinical(root, path) -> int:
    """Write the clinical headers of all PTB records under `root` to one JSON file; returns how many."""
    headers = [clinical_header(h) for h in _ptb_headers(root)]
    text = json.dumps({f"{h['patient']}/{h['record']}": h for h in headers}, indent=1, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")
    return len(headers)


def download(folder) -> None:
    """Fetch the complete database (549 records) from PhysioNet; raises RecordError without network."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        wfdb.dl_database("ptbdb", str(folder))
    except (OSError, ValueError) as error:  # the network errors of requests and urllib are OSErrors
        raise RecordError(
            f"the PTB database could not be fetched from physionet.org ({error}). Check the network, or "
            "fetch https://physionet.org/content/ptbdb/1.0.0/ elsewhere and give its folder as root"
        ) from error


def _list(root) -> None:
    headers = _ptb_headers(root)
    for path in headers:
        try:
            clinical = clinical_header(path)
        except RecordError as error:
            print(f"damaged: {error}", file=sys.stderr)
            continue
        patient = path.parent.name
        print(f"{patient}/{path.stem:<10} {split_of(patient):<6} {clinical['diagnosis'] or 'no diagnosis'}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.ptb", description="The PTB Diagnostic ECG Database.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="print the records, their split and diagnosis")
    listing.add_argument("root", nargs="?", help="folder with patientNNN/ (default: the embedded excerpts)")
    clinical = commands.add_parser("clinical", help="write the clinical headers to a JSON file")
    clinical.add_argument("root", help="folder with patientNNN/, or 'embedded'")
    clinical.add_argument("out", help="the JSON file to write")
    fetch = commands.add_parser("download", help="fetch the complete database (about 1.7 GB)")
    fetch.add_argument("folder", help="where to put it")
    args = parser.parse_args(argv)
    try:
        if args.command == "list":
            _list(args.root)
        elif args.command == "clinical":
            count = write_clinical(None if args.root == "embedded" else args.root, args.out)
            print(f"{args.out}: {count} clinical headers")
        else:
            download(args.folder)
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
