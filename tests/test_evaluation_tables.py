"""The figures of tables are what they are called, on lines made by hand."""

import numpy as np
import pytest
from fake_pages import job_and_page

from ecgseg.digitize.trace.confidence import to_quality
from ecgseg.evaluation import tables
from ecgseg.evaluation.overlap import degree, degrees_table, overlap_costs, touching_share
from ecgseg.evaluation.promise import bins, lead_pairs, page_pairs, promised_db, rank_correlation
from ecgseg.evaluation.seconds import stage_seconds


def line(**changes):
    plain = {
        "status": "read",
        "snr_db_read": 20.0,
        "layout": "3x4_1r",
        "noise": "scan",
        "speed": 25.0,
        "gain": 10.0,
        "row_pitch": np.nan,
    }
    plain |= {"number": 0, "seed": 1, "page": "p", "layout_right": 1.0, "names_right": 1.0, "turned_right": 1.0}
    plain |= {"speed_right": 1.0, "gain_right": 1.0, "map_rms_mm": 0.05, "snr_db": 20.0, "snr_db_by_place": 20.0}
    plain |= {"nan_share": 0.0, "wrong_share": 0.0, "quality": 0.9, "leads": {}, "seconds": 10.0, "step_seconds": {}}
    plain |= {"touching": 0.0, "style": "grid=full names=above pulse=left"}
    row = plain | changes
    return row | {"ratio": 10 ** (row["snr_db"] / 10)}


def refused(**changes):
    unknown = dict.fromkeys(
        ("layout_right", "names_right", "turned_right", "speed_right", "gain_right", "map_rms_mm", "wrong_share")
    )
    return line(**dict.fromkeys(unknown, np.nan), status="refused", snr_db=0.0, nan_share=1.0, **changes)


def test_figures_of_a_group():
    rows = [line(), line(snr_db=10.0, names_right=0.0, map_rms_mm=3.0), refused(), line(snr_db=30.0, status="unnamed")]
    (all_of_them,) = tables.grouped(rows, ())
    assert all_of_them["n"] == 4
    assert (all_of_them["layout_right"], all_of_them["names_right"], all_of_them["turned_right"]) == (0.75, 0.5, 1.0)
    assert (all_of_them["mean"], all_of_them["median"], all_of_them["p10"]) == pytest.approx((15, 15, 3))
    assert (all_of_them["map_rms_mm"], all_of_them["lost"], all_of_them["refused"]) == (0.05, 0.5, 0.25)
    assert (all_of_them["unnamed"], all_of_them["failed"], all_of_them["nan_share"]) == (0.25, 0.0, 0.25)
    (nothing,) = tables.grouped([refused()], ())
    assert np.isnan(nothing["turned_right"]) and np.isnan(nothing["map_rms_mm"])
    assert "| – |" in tables.listed([nothing], ())


def test_names_that_are_not_printed_are_not_missed_where_printed_ones_are_counted():
    nameless = line(names_right=0.0, status="unnamed", style="grid=full names=none pulse=left")
    (group,) = tables.grouped([line(), line(), line(names_right=0.0), nameless], ())
    assert (group["names_right"], group["names_right_printed"]) == pytest.approx((2 / 4, 2 / 3))
    assert np.isnan(tables.grouped([nameless], ())[0]["names_right_printed"])


def test_groups_are_sorted_and_laid_out():
    rows = [line(layout=name, speed=v) for name in ("12x1", "3x4_1r") for v in (50.0, 12.5)]
    groups = tables.grouped(rows[1:], ("layout", "speed"))
    assert [(g["layout"], g["speed"]) for g in groups] == [("12x1", 12.5), ("3x4_1r", 12.5), ("3x4_1r", 50.0)]
    text = tables.pivot(groups, "layout", "speed", lambda g: f"{g['n']} page")
    assert text.splitlines() == [
        "| layout \\ speed | 12.5 | 50 |",
        "| --- | ---: | ---: |",
        "| 12x1 | 1 page |  |",
        "| 3x4_1r | 1 page | 1 page |",
    ]
    assert [g["row_pitch"] for g in tables.grouped([line(), line(), line(row_pitch=9.0)], ("row_pitch",))] == [
        9.0,
        "as drawn",
    ]


def test_seconds_by_stage():
    rows = [line(seconds=float(k), step_seconds={"mask": k / 2}) for k in range(1, 22)] + [refused(seconds=900.0)]
    mask, whole = stage_seconds(rows)
    assert (mask["stage"], mask["n"], mask["p50"], mask["p95"]) == ("mask", 21, 5.5, 10.0)
    assert (whole["n"], whole["p50"], whole["p95"]) == (21, 11.0, 20.0)


def test_quality_keeps_its_promise_or_not():
    good = [line(quality=k / 40, snr_db=k**1.5 / 10) for k in range(40)]
    assert rank_correlation(page_pairs(good)) == pytest.approx(1.0)
    assert rank_correlation(page_pairs([row | {"quality": 1 - row["quality"]} for row in good])) == pytest.approx(-1.0)
    assert np.isnan(rank_correlation(page_pairs([line()] * 5)))
    parts = bins(page_pairs(good), 4)
    assert [b["n"] for b in parts] == [10] * 4 and parts[0]["to"] < parts[1]["from"]
    assert parts[3]["median"] == pytest.approx(np.median([row["snr_db"] for row in good[30:]]))
    assert bins(page_pairs(good[:4])) == []
    assert promised_db(np.array([to_quality(db) for db in (0.0, 7.0, 23.0, 30.0)])) == pytest.approx([0, 7, 23, 30])
    assert parts[3]["promised"] == pytest.approx(promised_db(np.arange(30, 40) / 40).mean())
    unnamed = line(
        status="unnamed", snr_db=0.0, snr_db_by_place=17.0, leads={"I": [15.0, 16.0, 0.7], "II": [None, None, 0.2]}
    )
    assert page_pairs([unnamed, refused()]).tolist() == [[0.9, 17.0]]
    assert lead_pairs([unnamed, refused()]).tolist() == [[0.7, 15.0]]
    assert lead_pairs([unnamed], of_read=True).tolist() == [[0.7, 16.0]]


def test_overlap_costs_are_differences_of_the_same_page():
    apart = line(row_pitch=50.0, snr_db=22.0, snr_db_by_place=22.0)
    close = line(row_pitch=9.0, snr_db=17.0, snr_db_by_place=18.0, touching=0.05, nan_share=0.2)
    closer = line(row_pitch=7.0, snr_db=12.0, snr_db_by_place=12.0, touching=0.08)
    lines, left_out = overlap_costs([closer, apart, close, line(row_pitch=9.0, number=1), line()])
    assert left_out == 1 and [x["loss_db"] for x in lines] == [10.0, 5.0]
    (few,) = degrees_table(lines)
    assert (few["touching"], few["n"], few["loss_median"], few["by_place_median"]) == ("3–10 %", 2, 7.5, 7.0)
    assert few["more_nan"] == pytest.approx(0.1) and few["much"] == 1.0
    for bad in (apart | {"touching": 0.01}, apart | {"status": "refused"}):
        assert overlap_costs([bad, close]) == ([], 1)
    assert [degree(t) for t in (0.0, 0.005, 0.01, 0.0101, 1.0)] == ["none", "0–1 %", "0–1 %", "1–3 %", "20–100 %"]


def test_rows_touch_where_they_do():
    wide, close = (job_and_page("12x1", pitch=pitch)[1].scene for pitch in (60.0, 4.0))
    assert touching_share(wide) == 0.0 < 0.02 < touching_share(close) < 1.0
    for trace in close.traces:
        trace.points[:, 1] = trace.baseline  # flat lines, 4 mm apart
    assert touching_share(close) == 0.0
    first, second = close.traces[:2]
    at = (first.points[:, 0] > 100) & (first.points[:, 0] < 125)
    first.points[at, 1] = second.baseline + 0.5
    # Of 11 pairs of rows, each some 250 mm long, 25 mm of one.
    assert touching_share(close) == pytest.approx(25 / (11 * 251), rel=0.15)
    assert touching_share(job_and_page("single")[1].scene) == 0.0
