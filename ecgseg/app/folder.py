"""A folder for uploads that only this user can read: emptied as it is used, removed at the end, and after a crash."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "ecgseg-app-"
LEFT_S = 600.0  # an upload that nothing came for within so long is deleted


@contextmanager
def private_folder(root: Path | None = None) -> Iterator[Path]:
    """Yield a new folder, used for everything temporary in this process, removed at the end.

    Folders of earlier runs that were killed are removed first. `root` is where they lie (None: the system's place).
    """
    root = Path(root or tempfile.gettempdir())
    remove_abandoned(root)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=root))  # mode 0700
    before, variable = tempfile.tempdir, os.environ.get("GRADIO_TEMP_DIR")
    tempfile.tempdir = str(folder)  # Gradio receives uploads in the system's place and moves them then
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        if variable is None:
            del os.environ["GRADIO_TEMP_DIR"]
        else:
            os.environ["GRADIO_TEMP_DIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(root: Path) -> list[Path]:
    """Remove this user's folders of processes that are no more; returns them."""
    removed = []
    for folder in root.glob(f"{PREFIX}*-*"):
        number = folder.name.removeprefix(PREFIX).split("-")[0]
        try:
            mine = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
        except FileNotFoundError:  # another process was faster
            continue
        if mine and folder.is_dir() and not folder.is_symlink() and number.isdecimal() and not _runs(int(number)):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def take(path: Path, limit: int) -> bytes:
    """Return what an uploaded file holds, `limit` + 1 bytes at most, and delete it with the folder it lies in."""
    try:
        with open(path, "rb") as file:
            return file.read(limit + 1)
    finally:
        path.unlink(missing_ok=True)
        try:
            path.parent.rmdir()
        except OSError:  # another upload lies there; it is deleted when it is taken or gets old
            pass


def delete_old(folder: Path, older_s: float = LEFT_S) -> int:
    """Delete files under `folder` that are older than so many seconds; returns how many."""
    deleted, limit = 0, time.time() - older_s
    for path in [p for p in folder.rglob("*") if p.is_file() or p.is_symlink()]:
        try:
            if path.lstat().st_mtime < limit:
                path.unlink()
                deleted += 1
        except FileNotFoundError:
            continue
    return deleted


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
