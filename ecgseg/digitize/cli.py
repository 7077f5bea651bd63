"""The command line of digitizing: parse, and hand on to what digitizes few files or many.

Only what --help needs is imported at the top: torch and the rest take seconds and wait until there is work.
"""

import argparse
import os
import sys
from pathlib import Path

from ecgseg.errors import EcgsegError
from ecgseg.overrides import compose, split_arguments
from ecgseg.paths import CONFIGS

DESCRIPTION = """Turn pictures of paper ECGs (PNG, JPEG, TIFF, WebP, BMP, PDF) into calibrated 12-lead recordings.

Give files, folders, patterns in quotes, @LIST (a text file of paths) or - (standard input). For each NAME.png it writes
  NAME.csv           time_s, then twelve leads in mV, blank where nothing is printed
  NAME.hea, .dat     the same as a WFDB record
  NAME.json          scale and how it was found, speed, gain, layout, quality, versions, warnings
  NAME.overlay.png   the extracted trace drawn on the page: look at it
  NAME.measurements.json, NAME.report.md, NAME.report.json   measurements and a report (report=none: neither)
A picture with several records gives NAME.csv, NAME-2.csv, NAME-3.csv and so on, from the top left.
More formats with output.formats=[csv,wfdb,npz,parquet,edf,dicom], a page to print with output.report=true,
a report in a checked language model's words with report=llm report.model=…

Research software, not a medical device."""
NO_INPUT = "no picture given; name files or folders before the options, --help shows examples"
EXAMPLES = """examples:
  python infer.py scan.png
  python infer.py scans/ more/page.jpg --out results digitize.speed=50 digitize.gain=5
  python infer.py archive/ --out results --resume   (thousands: index.parquet, failures.csv; docs/archives.md)
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0, 1 if a file failed, 2 if none could be tried, 130 if interrupted."""
    args = parser().parse_intermixed_args(sys.argv[1:] if argv is None else argv)
    # NumPy's own threads, which its import starts, wait for each other where other work is done beside.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        _, overrides = split_arguments(args.inputs, NO_INPUT)
        options = compose("infer", overrides)
        from ecgseg.archive.choose import start

        # As typed: a URL would not survive being made a Path.
        return start([given for given in args.inputs if given not in overrides], args, options)
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was written so far is complete, --resume goes on with an archive", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the parser; its help shows the options' file, so that each is described in one place."""
    options = "\n".join(
        f"configs/{group}/{name}.yaml, each as {group}.NAME=VALUE:\n\n"
        + (CONFIGS / group / f"{name}.yaml").read_text(encoding="utf-8")
        for group, name in (("digitize", "default"), ("output", "default"), ("report", "llm"), ("archive", "default"))
    )
    result = argparse.ArgumentParser(
        prog=Path(sys.argv[0]).name,
        usage="%(prog)s IMAGE|FOLDER [...] [--out DIR] [--overwrite] [--resume] [GROUP.OPTION=VALUE ...]",
        description=DESCRIPTION,
        epilog=f"{EXAMPLES}\n{options}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("inputs", nargs="+", metavar="IMAGE|FOLDER|KEY=VALUE", help="files, folders and options")
    result.add_argument(
        "--out", default=".", metavar="DIR", help="where to write (default: here); a URL for an archive"
    )
    result.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files that this program did not write for the same picture before (never an input)",
    )
    result.add_argument("--resume", action="store_true", help="go on with an archive where it was stopped")
    result.add_argument("--retry-failed", action="store_true", help="--resume, and try again what failed")
    return result
