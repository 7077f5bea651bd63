"""What a user names → pages to read: files, folders, patterns, lists of paths, standard input.

Nothing but the user's own mistakes in naming is an error here, and even that comes as a page whose loading fails with
the reason: one bad file of a thousand must not stop the others.
"""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ecgseg.digitize.files.read import MAX_PIXELS, Picture, count_pages, is_pdf, name_of, read_picture
from ecgseg.errors import ReadError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".pdf", ".heic", ".heif")
OWN_SUFFIXES = (".overlay.png", ".report.pdf")  # what this program writes is not read again from a folder
MAX_STDIN_BYTES = 500_000_000
MAX_LIST_BYTES = 200_000_000  # a million paths and more
STDIN, LIST_MARK, LIST_SUFFIX = "-", "@", ".txt"


@dataclass(frozen=True)
class Loader:
    """Loads one page when called: `loader() -> Picture`, or raises ReadError with what is wrong.

    `path` is the file (None for standard input); `error` is a reason known beforehand; `data` is the file's content
    where it did not come from a path.
    """

    path: Path | None
    page: int = 1
    max_pixels: int = MAX_PIXELS
    error: str | None = None
    data: bytes | None = field(default=None, repr=False)

    def __call__(self) -> Picture:
        if self.error is not None:
            raise ReadError(self.error)
        return read_picture(self.path if self.data is None else self.data, self.page, self.max_pixels)


class Page(NamedTuple):
    """A page to read: a `name` for its results (the file's without suffix, `_p2` where it has pages), its number."""

    name: str
    page: int
    load: Loader


def pictures(args: Iterable[str | os.PathLike], max_pixels: int = MAX_PIXELS) -> Iterator[Page]:
    """Yield the pages of all that is named, in the order given, each file once.

    An argument is a file, whatever its suffix; a folder, read with its subfolders in the order of names, of which
    files with a suffix out of SUFFIXES are taken and hidden ones and this program's own left out; a pattern with * ? []
    or **; `@list` or a .txt file, whose lines are such arguments, as if typed here; or `-`, a picture, a PDF or a
    list of paths on standard input. Nothing is decoded before a page's loader is called. What cannot be read comes as
    a page whose loader raises ReadError.
    """
    seen: set[Path] = set()
    for path, problem in files_of(args):
        if problem is not None:
            yield Page(_stem(path), 1, Loader(path, error=problem))
        elif isinstance(path, bytes):
            yield from _pages("stdin", Loader(None, max_pixels=max_pixels, data=path))
        elif (real := resolved(path)) not in seen:
            seen.add(real)
            yield from _pages(_stem(path), Loader(path, max_pixels=max_pixels))


def _pages(name: str, first: Loader) -> Iterator[Page]:
    try:
        count = count_pages(first.path if first.data is None else first.data)
    except ReadError as error:
        yield Page(name, 1, Loader(first.path, error=str(error)))
        return
    for page in range(1, count + 1):
        # Numbers of equal length, so that sorting by name keeps the order of pages.
        own = name if count == 1 else f"{name}_p{page:0{len(str(count))}}"
        yield Page(own, page, Loader(first.path, page, first.max_pixels, data=first.data))


def files_of(args: Iterable, in_list: str | None = None) -> Iterator[tuple[Path | bytes, str | None]]:
    """Yield (file, None) or (what was named, why it is none); the bytes of standard input where they are a picture."""
    for given in args:
        text = os.fspath(given)
        path = Path(text)
        if text == STDIN and in_list is None:
            yield from _stdin()
        elif os.path.isfile(path):  # unlike Path.is_file never raises, whatever the name
            if path.suffix.lower() == LIST_SUFFIX:
                yield from _listed(path, in_list)
            else:
                yield path, None
        elif os.path.isdir(path):
            yield from _folder(path)
        elif text.startswith(LIST_MARK):
            yield from _listed(Path(text[len(LIST_MARK) :]), in_list)
        elif glob.has_magic(text):
            yield from _pattern(text)
        else:
            what = "no regular file; pipe it in and give -" if os.path.exists(path) else "no such file; check the path"
            yield path, f"{name_of(text)}: {what}{f' (named in {in_list})' if in_list else ''}"


def _folder(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield the pictures in a folder and its subfolders; links to folders are not followed, so there is an end."""
    found, problems = False, []
    for where, folders, files in os.walk(folder, onerror=problems.append):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            lower = name.lower()
            if lower.endswith(SUFFIXES) and not lower.endswith(OWN_SUFFIXES) and not name.startswith("."):
                found = True
                yield Path(where) / name, None
    for problem in problems:
        yield Path(problem.filename), f"{name_of(problem.filename)}: cannot be listed ({problem.strerror})"
    if not found and not problems:
        yield folder, f"{name_of(folder)}: no pictures in this folder; expected {', '.join(SUFFIXES)}"


def _pattern(pattern: str) -> Iterator[tuple[Path, str | None]]:
    found = sorted(glob.glob(pattern, recursive=True))
    for match in found:
        path = Path(match)
        if path.is_file() and not path.name.lower().endswith(OWN_SUFFIXES):
            yield path, None
        elif path.is_dir() and "**" not in pattern:
            yield from _folder(path)
    if not found:
        yield Path(pattern), f"{name_of(pattern)}: no file fits this pattern; check it, or quote it for the shell"


def _listed(path: Path, in_list: str | None) -> Iterator[tuple[Path | bytes, str | None]]:
    """Yield what the lines of a text file name; a list inside a list is refused, since it might name itself."""
    shown = name_of(path)
    if in_list is not None:
        yield path, f"{shown}: a list inside the list {in_list}; put its lines there"
        return
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        yield path, f"{shown}: the list of paths cannot be read ({error.strerror}); check the path"
        return
    yield from _lines(data, path)


def _lines(data: bytes, path: Path) -> Iterator[tuple[Path | bytes, str | None]]:
    shown = name_of(path)
    text = _as_text(data)
    if text is None or len(data) > MAX_LIST_BYTES:
        why = "is no text" if text is None else f"has more than {MAX_LIST_BYTES // 1_000_000} MB"
        yield path, f"{shown}: {why}; give a UTF-8 text file with a path on each line"
        return
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    if not lines:
        yield path, f"{shown}: the list of paths is empty; give a path on each line"
    yield from files_of(lines, in_list=shown)


def _stdin() -> Iterator[tuple[Path | bytes, str | None]]:
    data = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if len(data) > MAX_STDIN_BYTES:
        yield Path(STDIN), f"standard input has more than {MAX_STDIN_BYTES // 1_000_000} MB; give the file by its path"
    elif not data:
        yield Path(STDIN), "standard input is empty; pipe a picture, a PDF or a list of paths into it"
    elif not is_pdf(data[:512]) and _as_text(data) is not None:
        yield from _lines(data, Path(STDIN))
    else:
        yield data, None


def _as_text(data: bytes) -> str | None:
    """Return the text of a list of paths, None if it is none; a byte order mark is dropped."""
    try:
        return None if b"\0" in data else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _stem(path: Path | bytes) -> str:
    return name_of(path.stem) or "page"


def resolved(path: Path) -> Path:
    """Return a path without links, or as near to that as it can be told."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links: opening it will say so
        return path.absolute()
