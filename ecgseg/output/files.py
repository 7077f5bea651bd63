"""Files appear whole or not at all, and never in the place of another file unless that was asked for."""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ecgseg.errors import EcgsegError


class OutputError(EcgsegError):
    """The result cannot be written without destroying something, or not at all."""


def place(paths: Sequence[Path], write: Callable[[Path], None], overwrite: bool = False) -> list[Path]:
    """Have `write(folder)` make files of the names of `paths` in a folder beside them, then move each into place.

    All paths lie in one folder, which is made if it is not there. They are moved in the order given, so that the
    last one is there only when all others are. Whatever goes wrong, no half-written file and no stray folder stays,
    except a hidden `.ecgseg-*` folder where the process is killed. Raises OutputError if a path exists and
    `overwrite` is not set, or if the folder cannot be written to.
    """
    paths = [Path(p) for p in paths]
    folder = paths[0].parent
    _refuse_existing(paths, overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".ecgseg-", dir=folder))
    except OSError as error:
        raise OutputError(f"{folder}: cannot write there ({error.strerror}); give another folder") from error
    try:
        write(scratch)
        _refuse_existing(paths, overwrite)  # the writing took a while: another process may have come first
        for path in paths:
            os.replace(scratch / path.name, path)
    except OSError as error:
        raise OutputError(f"{paths[0]}: cannot be written ({error.strerror}); check disk space and name") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return paths


def _refuse_existing(paths: Sequence[Path], overwrite: bool) -> None:
    for path in paths:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; give another name for the file")
        if not overwrite and (path.exists() or path.is_symlink()):
            raise OutputError(f"{path} exists; add --overwrite (in Python: overwrite=True) or give another name")
