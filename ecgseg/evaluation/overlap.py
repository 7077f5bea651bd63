"""Rows that run into each other: how much of a page they do on, and what that costs against the same page without."""

from itertools import pairwise

import numpy as np

from ecgseg.evaluation.results import READ

COLUMN_MM = 1.0  # in which two rows' traces are compared: some 40 ms, less than a QRS


def touching_share(scene) -> float:
    """Return the share of the paper's length (0..1) on which the ink of a row touches or crosses that of the next.

    Per column of 1 mm and pair of neighbouring rows of a Scene; columns in which only one of them has a trace do not
    count. 0 for a page of one row.
    """
    width = scene.style.trace_width if scene.style else 0.0
    spans = {}
    for trace in scene.traces:
        top, low = spans.setdefault(trace.strip.row, _empty(scene.width))
        x, y = trace.points.T
        # A steep flank's ink is where its line runs, not only at its samples: each piece counts in both columns.
        for a, b in ((y[:-1], x[:-1]), (y[1:], x[1:]), (y[:-1], x[1:]), (y[1:], x[:-1])):
            column = np.clip((b / COLUMN_MM).astype(int), 0, len(top) - 1)
            np.minimum.at(top, column, a - width / 2)
            np.maximum.at(low, column, a + width / 2)
    touching = total = 0
    for above, below in pairwise(sorted(spans)):
        both = np.isfinite(spans[above][1]) & np.isfinite(spans[below][0])
        touching += int((spans[above][1][both] > spans[below][0][both]).sum())
        total += int(both.sum())
    return touching / total if total else 0.0


def _empty(width: float) -> tuple[np.ndarray, np.ndarray]:
    n = int(np.ceil(width / COLUMN_MM)) + 1
    return np.full(n, np.inf), np.full(n, -np.inf)


DEGREES = (0.0, 0.01, 0.03, 0.1, 0.2, 1.0)  # of touching, bounds of the bins
MUCH_DB = 3.0  # lost: more than half of the page's error is then the overlap's


def overlap_costs(rows: list[dict]) -> tuple[list[dict], int]:
    """Return for each page with rows close together what it loses against the same page with rows far apart.

    Pages are the same that differ in row_pitch alone; the widest is the reference, and where rows touch even there
    or it was not read, the page is left out. Each line: what is lost (dB, dB by place), the dB of the reference, and
    how much more is not read or wrong. Also returns how many pages were left out.
    """
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        if np.isfinite(row["row_pitch"]):
            same = tuple(row[k] for k in ("layout", "noise", "speed", "gain", "seed", "number"))
            groups.setdefault(same, []).append(row)
    lines, left_out = [], 0
    for group in groups.values():
        apart = max(group, key=lambda row: row["row_pitch"])
        if apart["touching"] > 0 or apart["status"] != "read" or len(group) < 2:
            left_out += 1
            continue
        lines += [_cost(row, apart) for row in group if row is not apart]
    return lines, left_out


def _cost(row: dict, apart: dict) -> dict:
    keys = ("page", "layout", "noise", "row_pitch", "touching", "status", "nan_share", "wrong_share")
    return {
        **{key: row[key] for key in keys},
        "loss_db": apart["snr_db"] - row["snr_db"],
        "loss_db_by_place": apart["snr_db_by_place"] - row["snr_db_by_place"],
        "apart_db": apart["snr_db"],
        "more_nan": row["nan_share"] - apart["nan_share"],
        "more_wrong": row["wrong_share"] - apart["wrong_share"],
    }


def degree(touching: float) -> str:
    """Return the bin of a share of the paper on which rows touch, as text."""
    if touching <= 0:
        return "none"
    k = int(np.searchsorted(DEGREES, touching))
    return f"{100 * DEGREES[k - 1]:g}–{100 * DEGREES[k]:g} %"


def degrees_table(lines: list[dict]) -> list[dict]:
    """Return the costs per degree of overlap: n, row distances, medians and p90 of the dB lost, shares."""
    order = ["none", *(degree(d) for d in DEGREES[1:])]
    out = []
    for name in order:
        some = [x for x in lines if degree(x["touching"]) == name]
        if not some:
            continue
        loss, placed = (np.array([x[k] for x in some]) for k in ("loss_db", "loss_db_by_place"))
        out.append(
            {
                "touching": name,
                "n": len(some),
                "row_pitch": float(np.median([x["row_pitch"] for x in some])),
                "apart_db": float(np.median([x["apart_db"] for x in some])),
                "loss_median": float(np.median(loss)),
                "loss_p90": float(np.percentile(loss, 90)),
                "by_place_median": float(np.median(placed)),
                "not_read": float(np.mean([x["status"] not in READ for x in some])),
                "much": float(np.mean(loss > MUCH_DB)),
                "more_nan": float(np.nanmean([x["more_nan"] for x in some])),
                "more_wrong": _mean([x["more_wrong"] for x in some]),
            }
        )
    return out


def _mean(values: list[float]) -> float:
    known = [v for v in values if np.isfinite(v)]
    return float(np.mean(known)) if known else float("nan")
