"""Names of results: each file gets one of its own before it is opened, and its pages follow from it."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import chain, count

# Formats that hold one page: what ends otherwise may turn out to have several, called NAME_p1, NAME_p2 …
SINGLE = ("png", "jpg", "jpeg", "webp", "bmp", "heic", "heif")
_OF_PAGE = re.compile(r"_p\d+$")


def record_name(stem: str) -> str:
    """Return a name that WFDB accepts: ASCII letters, digits, underscores and hyphens; none begins with _."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_") or "page"


def page_name(base: str, page: int, pages: int) -> str:
    """Return the name of a page's results, with numbers of equal length so that sorting keeps the order of pages."""
    return base if pages == 1 else f"{base}_p{page:0{len(str(pages))}}"


def holds_one(suffix: str) -> bool:
    """Return whether a file with this suffix (without dot) has one page."""
    return suffix.lower() in SINGLE


class Names:
    """Gives each file a name that no other has, whatever its case, nor any page of another; `reserved` are taken."""

    def __init__(self, reserved: Iterable[str] = ()):
        self._exact = {name.casefold() for name in reserved}
        self._paged: set[str] = set()  # names of files that may have pages
        self._numbers: dict[str, int] = {}  # where to go on counting: folders may hold thousands of page.png
        self._stems = {_OF_PAGE.sub("", name) for name in self._exact if _OF_PAGE.search(name)}

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
        if _OF_PAGE.search(key):
            self._stems.add(_OF_PAGE.sub("", key))

    def _free(self, name: str, single: bool) -> bool:
        key = name.casefold()
        if key in self._exact or (not single and key in self._stems):
            return False
        return not (_OF_PAGE.search(key) and _OF_PAGE.sub("", key) in self._paged)
