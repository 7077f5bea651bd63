"""The journal of an archive: a line of JSON for each event, from which index and failures are made at any time.

    {"event": "run", "mark": …, "options": {…}, …}       digitizing options; other ones need another folder
    {"event": "plan", "path": …, "base": …, "stamp": …}  a file was begun, and what its results are called
    {"event": "page", …}                                  a page was read or has failed: its line of the index, and
                                                          those of its further records as a list "more"

A line is written at once when its event is over. In a folder it is one file, locked while a run goes on; at a URL,
where nothing can be appended to, it is one object for some seconds of work.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from ecgseg.archive.sources import ArchiveError, is_url

NAME = "archive.jsonl"
FOLDER = "archive"  # of a URL's objects
VERSION = 1
FLUSH_S, FLUSH_LINES = 10.0, 500  # what a killed run at a URL forgets at most; the results' own JSON still tell


@dataclass
class FileState:
    """What is known of a file: name of its results, stamp, pages (None: not known), {page: (status, names)}: of each
    page the names of its records."""

    base: str
    stamp: str | None
    count: int | None = None
    pages: dict[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)


def open_journal(out, fresh: bool):
    """Return the journal of a folder or URL; `fresh` forgets what is there. ArchiveError if another run writes it."""
    return (RemoteJournal if is_url(out) else FileJournal)(out, fresh)


class _Journal:
    def run(self, options: dict) -> str:
        """Write the first line if there is none, and return the archive's mark; ArchiveError for other options."""
        first = next(self.events(), None)
        if first is None:
            first = {"event": "run", "version": VERSION, "mark": uuid4().hex, "options": options}
            self.add(first)
        if first.get("event") != "run" or first.get("version") != VERSION:
            raise ArchiveError(f"{self.shown} is no journal of this version of ecgseg; give another --out")
        theirs = first["options"]
        keys = [key for key in {**theirs, **options} if theirs.get(key) != options.get(key)]
        if keys:
            told = ", ".join(f"digitize.{k}={theirs.get(k)}, now {options.get(k)}" for k in keys)
            raise ArchiveError(f"{self.shown} was begun with other options ({told}); use those, or give another --out")
        return first["mark"]

    def files(self) -> dict[str, FileState]:
        """Return what is known of each file, by its path."""
        found: dict[str, FileState] = {}
        for event in self.events():
            if event["event"] == "plan":
                known = found.get(event["path"])
                if known is None or known.stamp != event["stamp"]:
                    found[event["path"]] = FileState(event["base"], event["stamp"])
            elif event["event"] == "page" and event["path"] in found:
                state = found[event["path"]]
                state.count = event["pages"] or state.count
                names = tuple(row["name"] for row in (event, *event.get("more", ())))
                state.pages[event["page"]] = (event["status"], names)
        return found

    def rows(self) -> Iterator[dict]:
        """Yield the last line of each page of each file as it was last seen, in the order in which these were read.

        A line for each record of a page.
        """
        last: dict[tuple[str, int], int] = {}
        begun: dict[str, tuple[str | None, int]] = {}
        for number, event in enumerate(self.events()):
            if event["event"] == "page":
                last[event["path"], event["page"]] = number
            elif event["event"] == "plan" and begun.get(event["path"], (event["stamp"],))[0] != event["stamp"]:
                begun[event["path"]] = event["stamp"], number  # the file has changed: what was read before is history
            elif event["event"] == "plan":
                begun.setdefault(event["path"], (event["stamp"], number))
        for number, event in enumerate(self.events()):
            if event["event"] != "page" or last[event["path"], event["page"]] != number:
                continue
            if number > begun.get(event["path"], (None, -1))[1]:
                yield {k: v for k, v in event.items() if k not in ("event", "more")}
                yield from event.get("more", ())


class FileJournal(_Journal):
    """OUT/archive.jsonl."""

    def __init__(self, out, fresh: bool):
        self.path = Path(out) / NAME
        self.shown = str(self.path)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        _lock(self._fd, self.shown)
        os.ftruncate(self._fd, 0 if fresh else self._whole())

    def add(self, event: dict) -> None:
        """Write a line; it is in the system's hands, not yet on the disk, when this returns."""
        line = _line(event)
        if os.write(self._fd, line) < len(line):
            raise ArchiveError(f"{self.shown}: the disk is full; make room, then go on with --resume")

    def events(self) -> Iterator[dict]:
        """Yield all events; raises ArchiveError for a damaged line."""
        with open(self.path, "rb") as file:
            yield from _parsed(file, self.shown)

    def close(self) -> None:
        """Let go of the journal."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _whole(self) -> int:
        """Return the length without a last line that was cut off when the run was killed."""
        size, block = os.fstat(self._fd).st_size, 1 << 16
        end = size
        while end:
            start = max(0, end - block)
            os.lseek(self._fd, start, os.SEEK_SET)
            cut = os.read(self._fd, end - start).rfind(b"\n")
            if cut >= 0:
                return start + cut + 1
            end = start
        return 0


class RemoteJournal(_Journal):
    """URL/archive/000001.jsonl, 000002.jsonl …"""

    def __init__(self, out: str, fresh: bool):
        import fsspec

        self.shown = f"{out.rstrip('/')}/{FOLDER}"
        self.fs, self.path = fsspec.core.url_to_fs(self.shown)
        if fresh and self.fs.exists(self.path):
            self.fs.rm(self.path, recursive=True)
        self.fs.makedirs(self.path, exist_ok=True)
        self._lines: list[bytes] = []
        self._since = time.monotonic()
        self._next = len(self._parts()) + 1

    def add(self, event: dict) -> None:
        """Keep a line, and write those kept every ten seconds."""
        self._lines.append(_line(event))
        if len(self._lines) >= FLUSH_LINES or time.monotonic() - self._since > FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write the lines that were kept."""
        if self._lines:
            self.fs.pipe_file(f"{self.path}/{self._next:06d}.jsonl", b"".join(self._lines))
            self._lines, self._next = [], self._next + 1
        self._since = time.monotonic()

    def events(self) -> Iterator[dict]:
        """Yield all events; raises ArchiveError for a damaged line."""
        self.flush()
        for part in self._parts():
            yield from _parsed(self.fs.cat_file(part).splitlines(keepends=True), part)

    def close(self) -> None:
        """Write what is left."""
        self.flush()

    def _parts(self) -> list[str]:
        self.fs.invalidate_cache(self.path)
        return sorted(p for p in self.fs.ls(self.path, detail=False) if p.endswith(".jsonl"))


def exists(out) -> bool:
    """Return whether an archive has been begun in this folder or URL."""
    if not is_url(out):
        return (Path(out) / NAME).exists()
    import fsspec

    fs, path = fsspec.core.url_to_fs(f"{str(out).rstrip('/')}/{FOLDER}")
    return fs.exists(path) and bool(fs.ls(path, detail=False))


def _line(event: dict) -> bytes:
    # ASCII: names of files may hold bytes that are no text, which JSON's escapes carry and UTF-8 does not.
    return json.dumps(event, ensure_ascii=True, allow_nan=False).encode() + b"\n"


def _parsed(lines, shown: str) -> Iterator[dict]:
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):  # cut off when the run was killed
            return
        try:
            yield json.loads(line)
        except ValueError as error:
            raise ArchiveError(
                f"{shown}, line {number} is damaged: move the journal away; what is complete is then taken over"
            ) from error


def _lock(fd: int, shown: str) -> None:
    """Hold the file until this process ends, however it ends; raises ArchiveError if another run holds it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ArchiveError(f"{shown} is being written by another run; wait for it, or give another --out") from error
    except OSError:  # a file system without locks
        return
