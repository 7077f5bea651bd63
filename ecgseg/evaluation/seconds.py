"""Seconds per page by stage, as the recordings tell them."""

import numpy as np

from ecgseg.evaluation.results import READ
from ecgseg.evaluation.tables import markdown

WHOLE = "whole page"


def stage_seconds(rows: list[dict]) -> list[dict]:
    """Return per stage, and for the whole page, n, p50 and p95 in s over the pages that were read."""
    read = [row for row in rows if row["status"] in READ]
    stages = dict.fromkeys(stage for row in read for stage in row["step_seconds"])
    spent = {stage: [row["step_seconds"][stage] for row in read if stage in row["step_seconds"]] for stage in stages}
    spent[WHOLE] = [row["seconds"] for row in read]
    return [
        {"stage": stage, "n": len(s), "p50": float(np.percentile(s, 50)), "p95": float(np.percentile(s, 95))}
        for stage, s in spent.items()
        if s
    ]


def seconds_table(lines: list[dict]) -> str:
    """Return the lines of `stage_seconds` as Markdown."""
    return markdown(
        ["stage", "pages", "p50 s", "p95 s"],
        [[x["stage"], str(x["n"]), f"{x['p50']:.2f}", f"{x['p95']:.2f}"] for x in lines],
    )
