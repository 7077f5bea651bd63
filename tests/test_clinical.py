"""Clinical content: what was printed against itself, and against readings in which one thing was changed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ecgseg.alignment import PrintedLead
from ecgseg.evaluation.clinical import VALUES, as_recording, clinical
from ecgseg.evaluation.pwaves import heights, moves
from ecgseg.evaluation.results import CLINICAL
from ecgseg.layout import LEADS
from ecgseg.measure.judge import as_page
from ecgseg.measure.prepare import Signals
from ecgseg.recording import Recording

FS, SECONDS, RR = 500, 10, 0.9
R_AT = np.arange(0.45, SECONDS, RR)
# Centre and width of each wave in s against R, and its height in mV (times a lead's own factor).
P, T = (-0.16, 0.022, 0.18), (0.27, 0.04, 0.35)
QRS = ((-0.024, 0.007, -0.15), (0.0, 0.009, 1.2), (0.026, 0.008, -0.3))
FACTOR = dict(zip(LEADS, (0.7, 1.0, 0.4, -0.8, 0.3, 0.7, 0.5, 0.8, 1.0, 1.2, 1.1, 0.9), strict=True))


def ecg(p=P, t=T, st_mv=0.0, late_s=0.0, rr=RR, without_p=()) -> Recording:
    """Beats made of Gaussians, exactly alike; the ST of every lead raised by st_mv, some beats without P."""
    time = np.arange(SECONDS * FS) / FS - late_s
    y = np.zeros(len(time))
    for k, at in enumerate(np.arange(0.45, SECONDS, rr)):
        for centre, width, mv in (*QRS, t, *([] if k in without_p else [p])):
            y += mv * np.exp(-0.5 * ((time - at - centre) / width) ** 2)
    signal = np.stack([factor * y for factor in FACTOR.values()])
    for at in np.arange(0.45, SECONDS, rr):
        # From J on, falling back to the level before the next P.
        signal += st_mv * np.clip((time - at - 0.045) / 0.01, 0, 1) * np.clip((at + 0.55 - time) / 0.1, 0, 1)
    return Recording("ecg", signal, FS)


@pytest.mark.parametrize("layout", ["12x1", "3x4_1r"])
def test_what_is_read_as_printed_has_no_error(layout):
    printed = as_page(ecg(), layout)
    row = clinical(printed, replace(printed))
    assert set(row) == set(CLINICAL)
    assert [row[f"{name}_error"] for name in VALUES] == [0, 0, 0, 0] and row["st_error"] == 0
    assert set(json.loads(row["st_errors"]).values()) == {0.0} and row["st_leads_lost"] == row["st_leads_new"] == 0
    assert (row["lost_values"], row["new_values"]) == ("", "")
    assert row["p_beats"] >= 9 and (row["p_lost"], row["p_unread"], row["p_invented"]) == (0, 0, 0)


def test_a_late_reading_of_other_names_has_the_same_intervals_and_p_waves():
    late = ecg(late_s=0.08)
    unnamed = replace(late, leads=tuple(f"R{k + 1}" for k in range(12)))
    row = clinical(ecg(), unnamed)
    assert all(abs(row[f"{name}_error"]) <= 2 for name in VALUES)
    assert (row["p_lost"], row["p_unread"], row["p_invented"]) == (0, 0, 0)
    assert np.isnan(row["st_error"]) and row["lost_values"] == "st"
    assert (row["st_leads_lost"], row["st_leads_new"]) == (12, 12)


def test_a_later_t_wave_is_an_error_of_qt_alone():
    row = clinical(ecg(), ecg(t=(T[0] + 0.02, *T[1:])))
    assert row["qt_error"] == pytest.approx(20, abs=2)
    assert [abs(row[f"{name}_error"]) <= 2 for name in ("rate", "pr", "qrs")] == [True] * 3


def test_an_earlier_p_wave_is_an_error_of_pr_alone():
    row = clinical(ecg(), ecg(p=(P[0] - 0.02, *P[1:])))
    assert row["pr_error"] == pytest.approx(20, abs=2) and abs(row["qt_error"]) <= 2 and row["p_lost"] == 0


def test_a_raised_st_and_another_rate_are_errors_of_their_size():
    row = clinical(ecg(), ecg(st_mv=0.1, rr=RR * 0.97))
    assert row["st_error"] == pytest.approx(0.1, abs=0.015) and len(json.loads(row["st_errors"])) == 12
    assert row["rate_error"] == pytest.approx(60 / RR / 0.97 - 60 / RR, abs=0.1)


def test_erased_p_waves_disagree_and_pr_is_lost():
    row = clinical(ecg(), ecg(p=(P[0], P[1], 0.0)))
    assert row["p_lost"] == row["p_beats"] >= 9 and row["lost_values"] == "pr" and np.isnan(row["pr_error"])
    some = clinical(ecg(), ecg(without_p=(3, 5)))
    assert (some["p_lost"], some["p_unread"]) == (2, 0) and some["p_beats"] == row["p_beats"]


def test_invented_p_waves_disagree_and_pr_is_new():
    row = clinical(ecg(p=(P[0], P[1], 0.0)), ecg())
    assert row["p_beats"] == 0 and row["p_invented"] == row["p_free"] >= 9 and row["new_values"] == "pr"


def test_small_p_waves_are_neither_there_nor_absent():
    row = clinical(ecg(p=(P[0], P[1], 0.08 / max(FACTOR.values()))), ecg())
    assert (row["p_beats"], row["p_free"], row["p_invented"]) == (0, 0, 0)


def test_a_gap_over_p_is_not_read_and_not_lost():
    gap = ecg()
    gap.signal[:, round((R_AT[4] - 0.2) * FS) : round((R_AT[4] - 0.1) * FS)] = np.nan
    row = clinical(ecg(), gap)
    assert (row["p_lost"], row["p_unread"]) == (0, 1)
    unsure = ecg()
    unsure.confidence = np.where(np.isnan(gap.signal), 0.2, 0.9)
    assert clinical(ecg(), unsure)["p_unread"] == 1


def test_a_page_that_was_not_read_has_lost_what_is_printed():
    row = clinical(ecg(), None)
    assert row["lost_values"] == "rate pr qrs qt st" and row["st_leads_lost"] == 12
    assert row["p_unread"] == row["p_beats"] >= 9 and row["p_free"] == 0
    assert all(np.isnan(row[f"{name}_error"]) for name in (*VALUES, "st"))
    empty = clinical(ecg(), Recording("empty", np.full((12, 5000), np.nan), FS))
    assert empty == row | {key: empty[key] for key in row if key.endswith("_error")}


def test_exchanged_names_are_errors_of_st():
    raised = ecg()
    raised.signal[LEADS.index("V1")] = ecg(st_mv=0.2).signal[LEADS.index("V1")]
    order = list(LEADS)
    a, b = order.index("V1"), order.index("V5")
    order[a], order[b] = "V5", "V1"
    errors = json.loads(clinical(raised, replace(raised, leads=tuple(order)))["st_errors"])
    assert errors["V1"] < -0.15 and errors["V5"] > 0.15 and abs(errors["II"]) < 0.01


def test_beats_are_found_again_by_their_common_shift():
    before = np.array([1.0, 2.0, 3.0, 4.0])
    assert moves(before, before[[0, 1, 3]] + 0.15) == pytest.approx([0.15] * 4)
    assert moves(before, np.array([1.1, 2.12, 3.4, 4.1])) == pytest.approx([0.1, 0.12, 0.1, 0.1])
    assert moves(before, np.zeros(0)).tolist() == [0.0] * 4 and len(moves(np.zeros(0), before)) == 0


def test_heights_are_over_the_line_between_the_ends_and_of_whole_windows():
    time = np.arange(1000) / 500
    hump = 0.2 * np.sin(np.pi * np.clip((time - 0.5) / 0.2, 0, 1)) + 0.3 * time
    gap = np.where((time > 0.55) & (time < 0.56), np.nan, 5 * hump)
    signals = Signals(("I", "II"), np.stack([-hump, gap]), 500.0, np.ones((2, 1000)), np.zeros(0), {})
    found = heights(signals, np.array([0.46, 1.2, -0.1, 1.9]), np.array([0.74, 1.4, 0.1, 2.1]))
    assert found[0] == pytest.approx(0.2, rel=0.05) and found[1] == pytest.approx(0, abs=1e-9)
    assert np.isnan(found[2:]).all()


def test_printed_leads_become_a_recording_on_the_pages_time():
    whole = as_recording([PrintedLead("II", np.ones(4), 2.0), PrintedLead("V1", np.full(2, 3.0), 2.0, 1.5)], "x")
    assert whole.leads == ("II", "V1") and whole.fs == 2.0
    np.testing.assert_array_equal(
        whole.signal,
        [[1, 1, 1, 1, np.nan], [np.nan, np.nan, np.nan, 3, 3]],
    )
    with pytest.raises(ValueError, match="one rate"):
        as_recording([PrintedLead("II", np.ones(4), 2.0), PrintedLead("V1", np.ones(2), 4.0)], "x")
