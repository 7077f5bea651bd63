"""Names of results: each file gets one of its own before it is opened; its pages and their records follow from it."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import chain, count

# Formats that hold one page: what ends otherwise may turn out to have several, called NAME_p1, NAME_p2 …
SINGLE = ("png", "jpg", "jpeg", "webp", "bmp", "heic", "heif")
_OF_PAGE = re.compile(r"_p\d+$")
_OF_RECORD = re.compile(r"-([2-9]|[1-9]\d+)$")


def record_name(stem: str) -> str:
    """Return a name that WFDB accepts: ASCII letters, digits, underscores and hyphens; none begins with _."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_") or "page"


def page_name(base: str, page: int, pages: int) -> str:
    """Return the name of a page's results, with numbers of equal length so that sorting keeps the order of pages."""
    return base if pages == 1 else f"{base}_p{page:0{len(str(pages))}}"


def record_of(name: str, number: int) -> str:
    """Return the name of a page's record, counted from 1: the first has the page's name."""
    return name if number == 1 else f"{name}-{number}"


def holds_one(suffix: str) -> bool:
    """Return whether a file with this suffix (without dot) has one page."""
    return suffix.lower() in SINGLE


class Names:
    """Gives each file a name that no other has, whatever its case, nor any page or record of another; `reserved` are
    taken."""

    def __init__(self, reserved: Iterable[str] = ()):
        self._exact = {name.casefold() for name in reserved}
        self._paged: set[str] = set()  # names of files that may have pages
        self._numbers: dict[str, int] = {}  # where to go on counting: folders may hold thousands of page.png
        # Names of which one that is given would be a page's or record's.
        self._stems: dict[bool, set[str]] = {True: set(), False: set()}

    def give(self, stem: str, suffix: str, single: bool | None = None) -> str:
        """Return the name for a file; the same stem in another folder or format gets its suffix, then a number.

        `single`: whether the name is of one page (None: as the suffix tells).
        """
        name, single = record_name(stem), holds_one(suffix) if single is None else single
        first = self._numbers.get(name, 2)
        numbered = ((f"{name}_{i}", i) for i in count(first))
        candidates = chain([(name, first), (f"{name}_{record_name(suffix)}", first)], numbered)
        given, self._numbers[name] = next(c for c in candidates if self._free(c[0], single))
        self.take(given, single)
        return given

    def take(self, name: str, single: bool) -> None:
        """Mark a name as given."""
        key = name.casefold()
        self._exact.add(key)
        if not single:
            self._paged.add(key)
        for stem, paged in _stems(key):
            self._stems[paged].add(stem)

    def _free(self, name: str, single: bool) -> bool:
        key = name.casefold()
        if key in self._exact or key in self._stems[False] or (not single and key in self._stems[True]):
            return False
        return not any(stem in (self._paged if paged else self._exact) for stem, paged in _stems(key))


def _stems(key: str) -> list[tuple[str, bool]]:
    """Return the names of files of which this one may be a record's (False) or a page's (True)."""
    page = _OF_RECORD.sub("", key)
    found = [(page, False)] if page != key else []
    return found + [(_OF_PAGE.sub("", name), True) for name in dict.fromkeys((key, page)) if _OF_PAGE.search(name)]
