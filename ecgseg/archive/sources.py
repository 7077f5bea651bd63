"""What a user names → the files of an archive, on disk or at any fsspec URL; none is opened here."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ecgseg.digitize.files.read import name_of
from ecgseg.digitize.files.sources import OWN_SUFFIXES, SUFFIXES, files_of, resolved
from ecgseg.errors import EcgsegError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # one letter would be a drive of Windows


class ArchiveError(EcgsegError):
    """An archive cannot be read or written as asked."""


class Source(NamedTuple):
    """A file: its path or URL, a stamp that changes when its content does (None: not known), or why there is none."""

    path: str
    stamp: str | None = None
    error: str | None = None

    @property
    def stem(self) -> str:
        """Return its name without folder and suffix."""
        return name_of(PurePosixPath(self.path).stem if is_url(self.path) else Path(self.path).stem)

    @property
    def suffix(self) -> str:
        """Return its suffix without the dot."""
        return name_of(os.path.splitext(self.path)[1]).lstrip(".")


def is_url(text: str | os.PathLike) -> bool:
    """Return whether a path is an fsspec URL such as s3://bucket/scans."""
    return _URL.match(os.fspath(text)) is not None


def listed(inputs: Iterable[str | os.PathLike]) -> Iterator[Source]:
    """Yield each file once, in the order given; files, folders, patterns and lists are understood as by `pictures`."""
    seen: set[str] = set()
    for given in map(os.fspath, inputs):
        found = _remote(given) if is_url(given) else _local(given)
        for key, source in found:
            if key not in seen:
                seen.add(key)
                yield source


def in_folder(inputs: Iterable[Path], folder) -> frozenset[str]:
    """Return the names of the files in a folder that are inputs, or that a link among the inputs leads to."""
    real = resolved(Path(folder))
    places = {place for path in inputs for place in (resolved(path.parent) / path.name, resolved(path))}
    return frozenset(place.name for place in places if place.parent == real)


def _local(given: str) -> Iterator[tuple[str, Source]]:
    for path, problem in files_of([given]):
        if isinstance(path, bytes):
            why = "standard input: a picture on standard input is read alone, not in an archive; save it as a file"
            yield "-", Source("-", error=why)
        elif problem is not None:
            yield f"?{path}", Source(str(path), error=problem)
        else:
            yield str(resolved(path)), Source(str(path), _stamp(path))


def _stamp(path: Path) -> str | None:
    try:
        about = os.stat(path)
    except OSError:  # opening it will say why
        return None
    return f"{about.st_size}-{about.st_mtime_ns}"


def _remote(url: str) -> Iterator[tuple[str, Source]]:
    import fsspec
    from fsspec.utils import get_protocol

    try:
        fs, path = fsspec.core.url_to_fs(url)
        if any(c in path for c in "*?["):
            found = fs.glob(path, detail=True)
        elif fs.isdir(path):
            found = {p: about for p, about in fs.find(path, detail=True).items() if _wanted(p)}
        else:
            found = {path: fs.info(path)}
    except FileNotFoundError:
        found = {}
    except (ImportError, ValueError, OSError) as error:
        known = f"{get_protocol(url)}:// cannot be read here"
        raise ArchiveError(f"{url}: {known} ({error}); check address, package and credentials") from error
    files = {p: about for p, about in found.items() if about.get("type") != "directory"}
    if not files:
        yield url, Source(url, error=f"{url}: no such file, or no pictures there; expected {', '.join(SUFFIXES)}")
    for path in sorted(files):
        whole = fs.unstrip_protocol(path)
        yield whole, Source(whole, _remote_stamp(files[path]))


def _wanted(path: str) -> bool:
    lower = path.lower()
    hidden = any(part.startswith(".") for part in PurePosixPath(path).parts[-1:])
    return lower.endswith(SUFFIXES) and not lower.endswith(OWN_SUFFIXES) and not hidden


def _remote_stamp(about: dict) -> str | None:
    """Return size and whatever the store tells about the version of a file."""
    when = next((about[k] for k in ("ETag", "etag", "md5Hash", "LastModified", "mtime", "updated") if k in about), None)
    return None if about.get("size") is None else f"{about['size']}-{when}"
