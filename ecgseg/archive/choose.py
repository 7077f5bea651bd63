"""Which engine reads what was named: a few pictures one after the other, many as an archive."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ecgseg.archive.options import load_archive
from ecgseg.archive.sources import ArchiveError, is_url, listed
from ecgseg.digitize.files.sources import STDIN


def start(inputs: Sequence[str], args, options: dict) -> int:
    """Run what the command line asks for; returns its exit code."""
    from ecgseg.report.files import Reporter, reporter_of

    archive = load_archive(options["archive"])
    output = {**options["output"], "words": options["report"]}
    Reporter.check(options["report"])
    if (args.retry_failed or args.resume) and archive.engine == "sequential":
        raise ArchiveError("archive.engine=sequential keeps no journal to resume; leave it out, or choose local")
    if is_archive(inputs, args, archive):
        from ecgseg.archive.run import run

        changes = {"overwrite": args.overwrite, "resume": args.resume or args.retry_failed}
        changes["retry_failed"] = args.retry_failed
        return run(inputs, args.out, options["digitize"], output, options["archive"], **changes)
    from ecgseg.digitize.batch import run as run_few

    for given in (args.out, *inputs):
        if is_url(given):
            raise ArchiveError(f"{given}: URLs are read and written as an archive: add archive.engine=local (or ray)")
    reporter_of(options["report"])  # a model that is not there is told before the first page is read
    return run_few(inputs, Path(args.out), options["digitize"], args.overwrite, output=output)


def is_archive(inputs: Sequence[str], args, archive) -> bool:
    """Return whether an archive is asked for, or so many files are named that it is one."""
    if archive.engine != "auto":
        return archive.engine != "sequential"
    if args.resume or args.retry_failed:
        return True
    # Standard input can be read only once, and URLs only by an archive.
    if STDIN in inputs or any(is_url(i) for i in (args.out, *inputs)):
        return False
    return sum(1 for _ in islice(listed(inputs), archive.above + 1)) > archive.above
