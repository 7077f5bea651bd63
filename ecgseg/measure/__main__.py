"""python -m ecgseg.measure recording.csv [--sex female] [--age 60] [--out FILE.json]: measure a recording."""

import argparse
import sys
from pathlib import Path

from ecgseg.errors import EcgsegError
from ecgseg.measure import SEXES, measure
from ecgseg.measure.model import NOT_ASSESSABLE, NOTICE, PRESENT, Measurements
from ecgseg.measure.table import as_text
from ecgseg.recording import read_csv, read_wfdb


def summary(found: Measurements) -> str:
    """Return the common measurements, the table by lead and the findings as text."""
    lines = [NOTICE, ""]
    for key, m in found.values.items():
        if "." in key:
            continue
        value = f"{m.value:g} {m.unit}" if m.value is not None else f"not assessable: {m.reason}"
        notes = [
            f"spread {m.spread:g}" if m.spread is not None else "",
            m.flag or "",
            m.reason or "" if m.value is not None else "",
        ]
        lines.append(f"{key:15} {value}" + "".join(f", {note}" for note in notes if note))
    lines += ["", as_text(found.table())]
    for f in found.findings.values():
        if f.status == PRESENT:
            where = f" in {', '.join(f.leads)}" if f.leads else ""
            lines.append(f"{f.name}{where}  [{f.criterion}]")
    lines += [f"not assessable: {f.name} ({f.reason})" for f in found.findings.values() if f.status == NOT_ASSESSABLE]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.measure", description=NOTICE)
    parser.add_argument("recording", type=Path, help="a CSV file as ecgseg writes it, or a WFDB header (.hea)")
    parser.add_argument("--sex", choices=SEXES, help="for limits that depend on it (default: not known)")
    parser.add_argument("--age", type=float, help="years, for limits that depend on it (default: not known)")
    parser.add_argument("--out", type=Path, help="write everything as JSON to this file")
    args = parser.parse_args(argv)
    try:
        read = read_wfdb if args.recording.suffix == ".hea" else read_csv
        found = measure(read(args.recording), args.sex, args.age)
        if args.out is not None:
            args.out.write_text(found.to_json(), encoding="utf-8")
    except (EcgsegError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(summary(found), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
