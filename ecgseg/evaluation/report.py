"""A run's lines → its closing tables: tables.md with all of them, a CSV file of each, and the plot of quality."""

from collections import Counter
from pathlib import Path

import numpy as np

from ecgseg.evaluation.clinical_tables import clinical_section
from ecgseg.evaluation.overlap import degrees_table, overlap_costs
from ecgseg.evaluation.promise import bins, bins_table, lead_pairs, page_pairs, plot_promise, rank_correlation
from ecgseg.evaluation.results import write_rows
from ecgseg.evaluation.seconds import seconds_table, stage_seconds
from ecgseg.evaluation.tables import ALL, LEGEND, Heading, drawn, grouped, listed, pivot, written

NONE_YET = "No page has been read yet."
_COSTS = (
    Heading("n", "pages", "d"),
    Heading("row_pitch", "median mm between rows", ".0f"),
    Heading("apart_db", "dB without overlap", ".1f"),
    Heading("loss_median", "dB lost: median", ".1f"),
    Heading("loss_p90", "p90", ".1f"),
    Heading("by_place_median", "median by place", ".1f"),
    Heading("not_read", "refused or failed", ".0%"),
    Heading("much", "lose > 3 dB", ".0%"),
    Heading("more_nan", "more not read", ".1%"),
    Heading("more_wrong", "more > 0.1 mV off", ".1%"),
)


def report(rows: list[dict], down: str, across: str, out: Path, title: str) -> str:
    """Write all tables of a run into the folder `out` and return them as Markdown.

    `down` and `across` are the two conditions of the main table (layout, noise, speed, gain, row_pitch).
    """
    rows = drawn(rows)
    if not rows:
        return NONE_YET
    parts = [f"# {title}", _told(rows), *_main(rows, down, across, out)]
    if len({row["row_pitch"] for row in rows if np.isfinite(row["row_pitch"])}) > 1:
        parts += _overlap(rows, out)
    parts += clinical_section(rows, out)
    parts += _quality(rows, out)
    stages = stage_seconds(rows)
    if stages:
        write_rows(stages, out / "seconds.csv")
        parts += ["## Seconds per page", seconds_table(stages)]
    parts += _reasons(rows)
    text = "\n\n".join(parts) + "\n"
    (out / "tables.md").write_text(text, encoding="utf-8")
    return text


def _told(rows: list[dict]) -> str:
    seeds = sorted({int(row["seed"]) for row in rows})
    versions = sorted({row["version"] for row in rows})
    kinds = Counter("simulated" if row["recording"].startswith("simulated") else "PTB" for row in rows)
    mixed = f" **They were read by {len(versions)} versions of the code.**" if len(versions) > 1 else ""
    sources = " and ".join(f"{n} of {kind} recordings" for kind, n in sorted(kinds.items()))
    return f"{len(rows)} pages: {sources}; seed {', '.join(map(str, seeds))}; version {', '.join(versions)}.{mixed}"


def _main(rows: list[dict], down: str, across: str, out: Path) -> list[str]:
    """Return the tables of all figures by each condition, and of the chief ones by both."""
    both = grouped(rows, (down, across))
    write_rows(both, out / f"{down}_{across}.csv")
    parts = [f"## By {across}", _with_all(rows, across), LEGEND]
    if len({line[down] for line in both}) > 1:
        parts += [f"## By {down}", _with_all(rows, down)]
        for heading, write in _CHIEF:
            parts += [f"## {down} × {across}: {heading}", pivot(both, down, across, write)]
    return parts


def _with_all(rows: list[dict], key: str) -> str:
    lines = grouped(rows, (key,))
    return listed([*lines, {key: ALL, **grouped(rows, ())[0]}] if len(lines) > 1 else lines, (key,))


_CHIEF = (
    (
        "layout right / all names right / of those that print names",
        lambda x: " / ".join(written(x[k], ".0%") for k in ("layout_right", "names_right", "names_right_printed")),
    ),
    ("speed right / gain right", lambda x: f"{written(x['speed_right'], '.0%')} / {written(x['gain_right'], '.0%')}"),
    ("map residual, mm rms, median", lambda x: written(x["map_rms_mm"], ".3f")),
    ("dB mean / median / p10", lambda x: f"{x['mean']:.1f} / {x['median']:.1f} / {x['p10']:.1f}"),
    (
        "unnamed / refused / failed, of n pages",
        lambda x: f"{x['unnamed']:.0%} / {x['refused']:.0%} / {x['failed']:.0%}, {x['n']}",
    ),
)


def _overlap(rows: list[dict], out: Path) -> list[str]:
    costs, left_out = overlap_costs(rows)
    if not costs:
        return ["## What overlap costs", f"No page was read both with rows apart and close ({left_out} left out)."]
    degrees = degrees_table(costs)
    write_rows(costs, out / "overlap_pages.csv")
    write_rows(degrees, out / "overlap.csv")
    return [
        "## What overlap costs",
        listed(degrees, ("touching",), _COSTS),
        "Touching: the share of the paper (1 mm columns) on which a row's ink touches or crosses that of the next. "
        f"Each page is compared with itself printed with rows far apart; {left_out} pages whose rows touch even there, "
        "or that were not read so, are left out.",
    ]


def _quality(rows: list[dict], out: Path) -> list[str]:
    pages, leads, of_read = page_pairs(rows), lead_pairs(rows), lead_pairs(rows, of_read=True)
    if not len(pages):
        return []
    plot_promise(rows, out / "quality.png")
    parts = ["## Predicted quality against true dB", "![Predicted quality against true dB](quality.png)"]
    for pairs, what in ((pages, "pages"), (leads, "leads"), (of_read, "leads, what was read of them")):
        lines = bins(pairs)
        parts.append(f"{len(pairs)} {what}: rank correlation {written(rank_correlation(pairs), '.2f')}.")
        if lines:
            write_rows(lines, out / f"quality_{what.replace(', ', '_').replace(' ', '_')}.csv")
            parts.append(bins_table(lines))
    return parts


def _reasons(rows: list[dict]) -> list[str]:
    """Return what the pages that were not read say, the commonest first."""
    said = Counter((row["status"], row["message"].split(";")[0][:160]) for row in rows if row["message"])
    if not said:
        return []
    return ["## Reasons", "\n".join(f"- {n} × {status}: {message}" for (status, message), n in said.most_common(20))]
