"""python -m ecgseg.report RECORDING [...] [report=template|llm] [report.KEY=VALUE ...] [--out DIR]."""

import argparse
import sys
from pathlib import Path

from ecgseg.errors import EcgsegError
from ecgseg.measure.model import NOTICE
from ecgseg.overrides import UsageError, compose, split_arguments
from ecgseg.report.files import MEASUREMENTS, Reporter, read_measurements, read_recording, save, to_markdown

DESCRIPTION = f"""{NOTICE}

Report on recordings (.hea, .csv, .npz) or on measurements (NAME.measurements.json). Prints the report as Markdown, or
with --out writes NAME.measurements.json, NAME.report.md and NAME.report.json.

  python -m ecgseg.report out/scan.csv report.sex=female report.age=60
  python -m ecgseg.report out/scan.csv report=llm report.model=smollm2
  python -m ecgseg.report out/scan.csv report=llm 'report.model=[Qwen/Qwen3-0.6B,smollm2]' --out reports

The options are in configs/report/template.yaml and llm.yaml, each with its reason."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0, 1 if a file failed, 2 if none could be tried."""
    parser = argparse.ArgumentParser(
        prog="python -m ecgseg.report", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", metavar="FILE|KEY=VALUE", help="recordings, measurements and options")
    parser.add_argument("--out", metavar="DIR", help="write files to this folder (default: print)")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    args = parser.parse_intermixed_args(argv)
    try:
        paths, overrides = split_arguments(args.inputs, "no recording given; --help shows examples")
        options = compose("report", overrides)["report"]
        if options["kind"] == "none":
            raise UsageError("report=none makes no report; use report=template or report=llm")
        reporter = Reporter(options)
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    failed = 0
    for path in paths:
        try:
            _one(path, reporter, args.out, args.overwrite)
        except (EcgsegError, OSError) as error:
            print(f"failed: {path}: {error}", file=sys.stderr)
            failed = 1
    return failed


def _one(path: Path, reporter: Reporter, out: str | None, overwrite: bool) -> None:
    if path.suffix == ".json":
        reported = reporter.reports(read_measurements(path))
        stem = path.name.removesuffix(MEASUREMENTS).removesuffix(".json")
    else:
        reported, stem = reporter.make(read_recording(path)), path.stem
    if out is None:
        print(to_markdown(reported.reports), end="")
    else:
        save(reported, Path(out) / stem, overwrite)


if __name__ == "__main__":
    sys.exit(main())
