"""Lines of a results file → tables: one line per group of pages, as Markdown and CSV."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ecgseg.evaluation.results import UNDRAWN
from ecgseg.metrics import summary

ALL = "all"
NAMELESS = "names=none"  # in the style of a page without lead names, of which many layouts cannot be told
LOST_MM = 1.0  # rms: a map that is off by more has lost the page: no figure of it can be right


@dataclass(frozen=True)
class Heading:
    """A column of a table: its name in the CSV file, its heading, how its figures are written."""

    name: str
    heading: str
    form: str


@dataclass(frozen=True)
class Column(Heading):
    """A column whose figures are taken from a group of pages."""

    of: Callable[[list[dict]], float]


def share(key: str) -> Callable[[list[dict]], float]:
    """Return the function that gives the share of all pages for which `key` is 1; one that was not read has it not."""
    return lambda rows: float(np.mean([row[key] == 1 for row in rows]))


def share_told(key: str) -> Callable[[list[dict]], float]:
    """Return the function that gives the share for which `key` is 1 of the pages that tell it."""
    return lambda rows: _over(np.mean, [row[key] for row in rows])


def median(key: str) -> Callable[[list[dict]], float]:
    """Return the function that gives the median of `key` over the pages that have it."""
    return lambda rows: _over(np.median, [row[key] for row in rows])


def mean(key: str) -> Callable[[list[dict]], float]:
    """Return the function that gives the mean of `key` over the pages that have it."""
    return lambda rows: _over(np.mean, [row[key] for row in rows])


def status(*names: str) -> Callable[[list[dict]], float]:
    """Return the function that gives the share of pages of these statuses."""
    return lambda rows: float(np.mean([row["status"] in names for row in rows]))


def with_names(of: Callable[[list[dict]], float]) -> Callable[[list[dict]], float]:
    """Return the function that gives the figure `of` for the pages on which lead names are printed."""

    def figure(rows: list[dict]) -> float:
        some = [row for row in rows if NAMELESS not in row["style"].split()]
        return of(some) if some else float("nan")

    return figure


def _decibels(which: str) -> Callable[[list[dict]], float]:
    return lambda rows: summary([row["ratio"] for row in rows])[which]


def _over(reduce: Callable, values: Iterable[float]) -> float:
    known = [v for v in values if np.isfinite(v)]
    return float(reduce(known)) if known else float("nan")


COLUMNS = (
    Column("n", "n", "d", len),
    Column("layout_right", "layout right", ".0%", share("layout_right")),
    Column("names_right", "all names right", ".0%", share("names_right")),
    Column("names_right_printed", "… of those that print names", ".0%", with_names(share("names_right"))),
    Column("turned_right", "turned right", ".0%", share_told("turned_right")),
    Column("speed_right", "speed right", ".0%", share_told("speed_right")),
    Column("gain_right", "gain right", ".0%", share_told("gain_right")),
    Column("map_rms_mm", "map mm rms", ".3f", median("map_rms_mm")),
    Column("lost", "page lost", ".0%", lambda rows: float(np.mean([not row["map_rms_mm"] <= LOST_MM for row in rows]))),
    Column("mean", "mean dB", ".1f", _decibels("mean")),
    Column("median", "median dB", ".1f", _decibels("median")),
    Column("p10", "p10 dB", ".1f", _decibels("p10")),
    Column("median_by_place", "median dB by place", ".1f", median("snr_db_by_place")),
    Column("median_read", "median dB of what was read", ".1f", median("snr_db_read")),
    Column("nan_share", "not read", ".1%", mean("nan_share")),
    Column("wrong_share", "> 0.1 mV off", ".1%", mean("wrong_share")),
    Column("unnamed", "unnamed", ".0%", status("unnamed")),
    Column("refused", "refused", ".0%", status("refused")),
    Column("failed", "failed", ".0%", status("failed", "nothing")),
)
LEGEND = (
    "Shares of all pages; turned, speed and gain right: of the pages read. Map: median rms distance over the traces' "
    "area after one shift; lost: more than 1 mm, or not read. dB: signal-to-noise of all leads of a page after the "
    "alignment of the PhysioNet challenge, which counts what is left out as 0 mV, and refused and failed pages as flat "
    "lines; by place: whatever the strips are called. Not read: of the printed samples; > 0.1 mV off: of those read. "
    "Unnamed: strips without lead names. Failed: read nothing, or a bug."
)


def drawn(rows: list[dict]) -> list[dict]:
    """Return the lines of pages that could be drawn."""
    return [row for row in rows if row["status"] != UNDRAWN]


def grouped(rows: list[dict], keys: Sequence[str], columns: Sequence[Column] = COLUMNS) -> list[dict]:
    """Return a line per combination of `keys` found, numbers in order, with the figures of `columns`."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(_group(row[key]) for key in keys), []).append(row)
    ranks = [_order([group[k] for group in groups]) for k in range(len(keys))]
    return [
        {**dict(zip(keys, group, strict=True)), **{c.name: c.of(some) for c in columns}}
        for group, some in sorted(
            groups.items(), key=lambda pair: [o.index(v) for o, v in zip(ranks, pair[0], strict=True)]
        )
    ]


def _group(value):
    """NaN is no key: it is not equal to itself."""
    return "as drawn" if isinstance(value, float) and np.isnan(value) else value


def _order(values: list) -> list:
    """Return different values, numbers by size, then words in the order in which they come."""
    different = list(dict.fromkeys(values))
    return sorted(different, key=lambda v: (isinstance(v, str), 0.0 if isinstance(v, str) else v))


def pivot(lines: list[dict], down: str, across: str, write: Callable[[dict], str]) -> str:
    """Return a Markdown table of one text per combination of two keys of `lines`; empty where there is no page."""
    heads, sides = (_order([line[key] for line in lines]) for key in (across, down))
    cells = {(line[down], line[across]): write(line) for line in lines}
    head = [f"{down} \\ {across}", *map(plain, heads)]
    return markdown(head, [[plain(side), *(cells.get((side, k), "") for k in heads)] for side in sides])


def listed(lines: list[dict], keys: Sequence[str], columns: Sequence[Heading] = COLUMNS) -> str:
    """Return a Markdown table of the lines of `grouped`."""
    head = [*keys, *(c.heading for c in columns)]
    body = [[*(plain(line[k]) for k in keys), *(written(line[c.name], c.form) for c in columns)] for line in lines]
    return markdown(head, body, left=len(keys))


def markdown(head: list[str], body: list[list[str]], left: int = 1) -> str:
    """Return a Markdown table, its first `left` columns left-aligned, the others right-aligned."""
    rule = ["---" if k < left else "---:" for k in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])


def written(value: float, form: str) -> str:
    """Return a figure as text, a dash for NaN."""
    return "–" if isinstance(value, float) and np.isnan(value) else format(value, form)


def plain(value) -> str:
    """Return a value of a condition as text."""
    return f"{value:g}" if isinstance(value, float) else str(value)
