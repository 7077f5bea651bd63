"""python -m ecgseg.archive OUT: make index and failures from the journal of a run that was stopped."""

import argparse
import sys

from ecgseg.archive import journal as journals
from ecgseg.archive.run import close
from ecgseg.archive.sources import ArchiveError
from ecgseg.errors import EcgsegError


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0, or 2 where there is no archive."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.archive", description=__doc__)
    parser.add_argument("out", metavar="OUT", help="the folder or URL of an archive, as given to infer.py as --out")
    out = parser.parse_args(argv).out
    try:
        if not journals.exists(out):
            raise ArchiveError(f"{out} holds no archive; give the --out of a run over many files")
        journal = journals.open_journal(out, fresh=False)
        try:
            close(journal, out)
        finally:
            journal.close()
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
