"""Where results go: a folder or an fsspec URL, into which all files of a page come whole, its JSON last.

In a folder a page is made in `.ecgseg-NAME.part` beside its place. Its JSON is made last there too: once it is there,
the files are moved out, so that a run that was killed can be finished (moved) or undone (deleted) without knowing more.
At a URL, an object `.ecgseg-NAME.part` that names the source is there from before the first file until after the last.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ecgseg.archive.names import record_of
from ecgseg.archive.sources import is_url
from ecgseg.digitize.files.read import name_of
from ecgseg.digitize.pagefiles import results
from ecgseg.output.files import OutputError

PREFIX, SUFFIX = ".ecgseg-", ".part"
# Stores in which an object appears whole when its upload ends; elsewhere it is moved into place.
WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "memory"}


def open_store(out, output: dict, overwrite: bool = False, protected: frozenset[str] = frozenset()):
    """Return the store for a folder or URL; `protected` are names of files in it that are inputs."""
    kind = RemoteStore if is_url(out) else FolderStore
    return kind(str(out), output, overwrite, protected)


class _Store:
    """What both kinds share: the rule of what may be replaced."""

    def __init__(self, out: str, output: dict, overwrite: bool, protected: frozenset[str]):
        self.out, self.output, self.overwrite, self.protected = out, output, overwrite, protected

    def files(self, name: str) -> list[str]:
        """Return the names of all files of a page, the JSON last."""
        return [path.name for path in results(Path(name), self.output)]

    def check(self, name: str, source: str | None, page: int) -> None:
        """Raise OutputError if a result's name is taken by an input, or by a file not made from this picture."""
        existing = [file for file in self.files(name) if self.has(file)]
        for file in existing:
            if file in self.protected:
                where = self.shown(file)
                raise OutputError(
                    f"{where} is itself an input and would be overwritten; give another folder with --out"
                )
        if existing and not self.overwrite and not self.ours(name, source, page):
            where = self.shown(existing[0])
            raise OutputError(f"{where} exists and is not ours to replace; add --overwrite or give another --out")

    def ours(self, name: str, source: str | None, page: int) -> bool:
        """Return whether a page's JSON says that it was made from this page."""
        about = self.about(name)
        return about is not None and _made_from(about, source, page)

    def about(self, name: str) -> dict | None:
        """Return the content of a page's JSON, None where there is none that this program wrote."""
        try:
            about = json.loads(self.read(f"{name}.json"))
            return about if about["provenance"]["software"] == "ecgseg" else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put_records(self, name: str, source: str | None, page: int, makes: Sequence[Callable]) -> list[dict]:
        """Put the files of all records of a page, each by its `make(stem)`; returns what these returned.

        The first record comes last: it says that the others are there. What an earlier run made of further records of
        this page is taken away.
        """
        names = [record_of(name, number) for number in range(1, len(makes) + 1)]
        for each in names[1:]:
            self.recover(each)
            self.check(each, source, page)
        told = [self.put(each, make) for each, make in reversed(list(zip(names, makes, strict=True)))]
        number = len(makes) + 1
        while self.has(f"{record_of(name, number)}.json") and self.ours(record_of(name, number), source, page):
            self.remove(record_of(name, number))
            number += 1
        return told[::-1]

    def records(self, name: str, source: str, page: int, key: str | None) -> list[dict] | None:
        """Return the JSON of all records of a page if each is `complete`, else None."""
        first = self.complete(name, source, page, key)
        count = first["provenance"].get("records", 1) if first else 0
        rest = [self.complete(record_of(name, number), source, page, key) for number in range(2, count + 1)]
        return [first, *rest] if first and all(rest) else None

    def complete(self, name: str, source: str, page: int, key: str | None) -> dict | None:
        """Return a record's JSON if its files are there, made from this page with the key `made_from`, else None."""
        if key is None or not all(self.has(file) for file in self.files(name)):
            return None
        about = self.about(name)
        return about if about and about.get("made_from") == key and _made_from(about, source, page) else None


class FolderStore(_Store):
    """A folder on disk."""

    def __init__(self, out: str, output: dict, overwrite: bool, protected: frozenset[str]):
        super().__init__(out, output, overwrite, protected)
        self.folder = Path(out)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"--out {out} cannot be made a folder: {error}") from error

    def shown(self, file: str) -> str:
        return str(self.folder / file)

    def has(self, file: str) -> bool:
        return os.path.lexists(self.folder / file)

    def read(self, file: str) -> bytes:
        return (self.folder / file).read_bytes()

    def remove(self, name: str) -> None:
        """Take away all files of a record, the JSON last."""
        for file in self.files(name):
            (self.folder / file).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """Return the names of all files that are there."""
        return {entry.name for entry in os.scandir(self.folder)}

    def put(self, name: str, make: Callable[[Path], dict]) -> dict:
        """Have `make(stem)` make a page's files, then move them into place; returns what it returned."""
        self.recover(name)
        part = self.folder / f"{PREFIX}{name}{SUFFIX}"
        try:
            part.mkdir()
            about = make(part / name)
        except BaseException as error:
            shutil.rmtree(part, ignore_errors=True)
            if isinstance(error, OSError):
                raise OutputError(
                    f"{self.folder}: cannot write there ({error}); check disk space and rights"
                ) from error
            raise
        self._move(part, name)
        return about

    def recover(self, name: str | None = None) -> int:
        """Finish or undo what a killed run left of a page (None: of all pages); returns how many there were."""
        left = f"{PREFIX}{name}{SUFFIX}"
        found = [left] if name and self.has(left) else [] if name else sorted(self.names())
        found = [n for n in found if n.startswith(PREFIX) and n.endswith(SUFFIX)]
        for each in found:
            page, part = each.removeprefix(PREFIX).removesuffix(SUFFIX), self.folder / each
            self._move(part, page) if (part / f"{page}.json").is_file() else shutil.rmtree(part, ignore_errors=True)
        return len(found)

    def _move(self, part: Path, name: str) -> None:
        last = f"{name}.json"
        files = sorted((entry.name for entry in os.scandir(part) if entry.is_file()), key=lambda n: (n == last, n))
        try:
            for file in files:
                with suppress(FileNotFoundError):  # a process that outlived its killed run has moved it just now
                    os.replace(part / file, self.folder / file)
        except OSError as error:
            raise OutputError(f"{self.folder / name}: cannot be written ({error.strerror}); check the name") from error
        shutil.rmtree(part, ignore_errors=True)


class RemoteStore(_Store):
    """Any place that fsspec knows; what is there is listed once, when the run starts."""

    def __init__(self, out: str, output: dict, overwrite: bool, protected: frozenset[str]):
        import fsspec

        super().__init__(out.rstrip("/"), output, overwrite, protected)
        try:
            self.fs, self.path = fsspec.core.url_to_fs(self.out)
            self.fs.makedirs(self.path, exist_ok=True)
            self._there = self._list()
        except (ImportError, ValueError, OSError) as error:
            raise OutputError(f"--out {out} cannot be used: {error}; check address, package and credentials") from error

    def shown(self, file: str) -> str:
        return f"{self.out}/{file}"

    def has(self, file: str) -> bool:
        return file in self._there

    def read(self, file: str) -> bytes:
        return self.fs.cat_file(f"{self.path}/{file}")

    def remove(self, name: str) -> None:
        """Take away all files of a record, the JSON last."""
        for file in filter(self.has, self.files(name)):
            self.fs.rm_file(f"{self.path}/{file}")
            self._there.discard(file)

    def names(self) -> set[str]:
        """Return the names of all files that were there when the run started, or were written since."""
        return set(self._there)

    def ours(self, name: str, source: str | None, page: int) -> bool:
        """Return whether the JSON, or the mark that a killed run left, says that it was made from this page."""
        if super().ours(name, source, page):
            return True
        try:
            return self.has(_part(name)) and json.loads(self.read(_part(name))) == [name_of(source), page]
        except (OSError, ValueError):
            return False

    def put(self, name: str, make: Callable[[Path], dict]) -> dict:
        """Have `make(stem)` make a page's files, then upload them; returns what it returned."""
        with tempfile.TemporaryDirectory(prefix="ecgseg-") as folder:
            about = make(Path(folder) / name)
            source = about["provenance"]
            mark = json.dumps([source["source"], source["page"]]).encode()
            last = f"{name}.json"
            try:
                self.fs.pipe_file(f"{self.path}/{_part(name)}", mark)
                for file in sorted(os.listdir(folder), key=lambda n: (n == last, n)):
                    self._upload(Path(folder) / file)
                    self._there.add(file)
                self.fs.rm_file(f"{self.path}/{_part(name)}")
            except OSError as error:
                raise OutputError(f"{self.shown(name)}: cannot be written ({error}); check rights and space") from error
        self._there.discard(_part(name))
        return about

    def recover(self, name: str | None = None) -> int:
        """Return how many pages a killed run left unfinished: they stay marked until they are read again."""
        return sum(file.startswith(PREFIX) and file.endswith(SUFFIX) for file in self._there)

    def _upload(self, file: Path) -> None:
        target = f"{self.path}/{file.name}"
        protocol = self.fs.protocol if isinstance(self.fs.protocol, str) else self.fs.protocol[0]
        if protocol in WHOLE:
            self.fs.put_file(str(file), target)
            return
        moved = f"{self.path}/{PREFIX}{file.name}"
        self.fs.put_file(str(file), moved)
        self.fs.mv(moved, target)

    def _list(self) -> set[str]:
        self.fs.invalidate_cache(self.path)
        return {path.rsplit("/", 1)[-1] for path in self.fs.ls(self.path, detail=False)}


def _part(name: str) -> str:
    return f"{PREFIX}{name}{SUFFIX}"


def _made_from(about: dict, source: str | None, page: int) -> bool:
    there = about["provenance"].get("source")
    if source is None or not isinstance(there, str) or about["provenance"].get("page", 1) != page:
        return False
    if there == name_of(source):
        return True
    if is_url(source) or is_url(there):
        return False
    try:
        return Path(there).resolve() == Path(source).resolve()
    except (OSError, RuntimeError, ValueError):
        return False
