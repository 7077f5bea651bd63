from dataclasses import replace

import numpy as np
import pytest
from corrupt_findings import PX, make_scene, true_findings

from ecgseg.digitize.locate.findings import Findings, LeadName, Point, Stretch
from ecgseg.digitize.locate.fit import Evidence, Placement, fit_layout, start_votes
from ecgseg.digitize.locate.leadnames import (
    confusion,
    name_offsets,
    page_names,
    reading,
    rows_of_names,
    strips_of_names,
    without_words_before,
)
from ecgseg.digitize.locate.rows import Row, find_rows, row_pitches, rows_by_names, with_missed_rows
from ecgseg.layout import LEADS, load_layout


def stretches(*mm) -> Findings:
    return Findings(stretches=[Stretch(a * PX, b * PX, y * PX) for a, b, y in mm])


def test_pieces_of_one_height_are_a_row_and_short_ones_are_none():
    rows = find_rows(stretches((20, 100, 50), (103, 270, 50.8), (20, 270, 75), (60, 70, 20), (30, 60, 60)), PX)
    assert [(r.x0, r.x1) for r in rows] == [(20, 270), (20, 270)]
    assert rows[0].covered == pytest.approx(247) and rows[0].baseline_in(20, 90) == pytest.approx(50)


def test_strips_with_a_zero_line_of_their_own_stay_in_their_row():
    own = [(20 + 62.5 * k, 82.5 + 62.5 * k, 50 + 24 * r + 2.5 * (-1) ** k) for r in range(3) for k in range(4)]
    rows = find_rows(stretches(*own), PX)
    assert len(rows) == 3 and all(r.covered == pytest.approx(250) for r in rows)
    assert rows[1].baseline_in(20, 80) == pytest.approx(76.5) and rows[1].baseline_in(90, 140) == pytest.approx(71.5)


def test_rows_nine_mm_apart_stay_apart():
    rows = find_rows(stretches(*[(20, 270, 40 + 9 * k) for k in range(12)]), PX)
    assert len(rows) == 12 and row_pitches(rows) == [pytest.approx(9)]


def test_points_go_to_the_row_they_lie_on():
    found = stretches((20, 270, 50), (20, 270, 75))
    starts = [Point(20 * PX, 51 * PX), Point(82 * PX, 74 * PX), Point(40 * PX, 62 * PX)]
    rows = find_rows(Findings(stretches=found.stretches, starts=starts), PX)
    assert [[x for x, _ in r.starts] for r in rows] == [[20.0], [82.0]]


def test_missed_rows_are_asked_for_in_gaps_and_where_names_are():
    rows = find_rows(stretches(*[(20, 270, 40 + 20 * k) for k in (0, 1, 3, 4)]), PX)
    asked = with_missed_rows(rows, row_pitches(rows)[0], [139.0])
    assert [(round(r.baseline), r.missed) for r in asked] == [
        (40, False), (60, False), (80, True), (100, False), (120, False), (140, True),
    ]  # fmt: skip


def test_a_false_row_does_not_halve_the_distance_of_rows():
    rows = find_rows(stretches(*[(20, 207, 80 + 31 * k) for k in range(4)], (60, 105, 127)), PX)
    assert len(rows) == 5 and row_pitches(rows) == [pytest.approx(31)]


def test_confusion_is_a_distribution_that_prefers_names_that_look_alike():
    p = confusion()
    assert np.allclose(p.sum(axis=1), 1) and not p.diagonal().any()
    assert p[LEADS.index("V1"), LEADS.index("V2")] > 2 * p[LEADS.index("V1"), LEADS.index("aVR")]
    says = reading("V1", 0.9)
    assert says.argmax() == LEADS.index("V1") and says[LEADS.index("V2")] > says[LEADS.index("I")]
    assert reading("V1", 0.1).max() < says.max()


def test_of_names_read_twice_in_one_place_the_surer_is_kept():
    one, other = LeadName(100, 100, 140, 124, 0.6, "V1"), LeadName(103, 102, 143, 126, 0.9, "V2")
    far = LeadName(300, 100, 340, 124, 0.5, "V3")
    assert {n.lead for n in page_names([one, other, far], PX).names} == {"V2", "V3"}
    with pytest.raises(ValueError, match="V7"):
        page_names([LeadName(0, 0, 1, 1, 1.0, "V7")], PX)


def test_a_name_begins_where_the_word_before_it_does():
    """As "Lead aVF", of which "Lead" is read as some name too, or as two pieces of which one is no name."""
    word = LeadName(80, 100, 130, 124, 0.7, "V3")
    name, far = LeadName(138, 100, 190, 124, 0.97, "aVF"), LeadName(260, 100, 300, 124, 0.97, "II")
    for words in ([word], [replace(word, x1=100, score=0.0), replace(word, x0=102)]):
        read = sorted(without_words_before([*words, name, far], PX), key=lambda n: n.x0)
        assert [(n.lead, n.x0) for n in read] == [("aVF", 80), ("II", 260)]


def test_blots_before_a_few_names_are_no_words():
    names = [LeadName(100, y, 130, y + 24, 0.95, lead) for y, lead in ((100, "I"), (300, "II"), (500, "III"))]
    blot = LeadName(60, 100, 90, 124, 0.0, "V3")
    read = without_words_before([blot, *names], PX)
    assert sorted((n.lead, n.x0) for n in read) == [("I", 100), ("II", 100), ("III", 100)]


def test_a_sure_name_is_no_word_and_what_is_no_name_is_left_out():
    name, beside = LeadName(80, 100, 130, 124, 0.85, "V3"), LeadName(138, 100, 142, 124, 0.9, "I")
    unread = LeadName(400, 100, 440, 124, 0.0, "V1")
    assert {n.lead for n in without_words_before([name, beside, unread], PX)} == {"V3", "I"}


@pytest.mark.parametrize("where", ["above", "below", "corner", "left", "line"])
@pytest.mark.parametrize("layout", ["12x1", "3x4_1r", "6x2_0r"])
def test_names_find_their_row_and_strip_wherever_they_stand(layout, where):
    scene = make_scene(layout, 5, names=where, crowding=1.0)
    found = true_findings(scene, PX)
    rows, names = find_rows(found, PX), page_names(found.names, PX)
    pitch = row_pitches(rows)[0]
    x0, strips = scene.traces[0].x0, scene.layout.strips
    right = []
    for offset in name_offsets(names, rows, pitch):
        row = rows_of_names(names, rows, pitch, offset, x0)
        columns = {len(scene.layout.row(k)) for k in range(scene.layout.n_rows)}
        column = {c: strips_of_names(names, x0, c, scene.layout.seconds * 25 / c) for c in columns}
        got = set()
        for k, n in enumerate(names.names):
            if row[k] < 0:
                continue
            c = len(scene.layout.row(int(row[k])))
            got.add((n.lead, int(row[k]), int(column[c][k])))
        right.append(got == {(s.lead, s.row, scene.layout.row(s.row).index(s)) for s in strips})
    assert any(right)


def test_the_start_has_most_votes_whatever_a_row_lacks():
    found = stretches((31, 270, 50), (20.4, 270, 75), (19.8, 200, 100))
    starts = [Point((20 + 62.5 * k) * PX, y * PX) for k, y in ((0, 50), (1, 50), (2, 75), (3, 100))]
    rows = find_rows(Findings(stretches=found.stretches, starts=starts), PX)
    assert start_votes(rows, 4, 250.0)[0] == pytest.approx(20, abs=0.3)


def evidence(found: Findings, offset=0.0, height=None) -> Evidence:
    rows = find_rows(found, PX)
    return Evidence(rows, row_pitches(rows)[0], page_names(found.names, PX), offset, None, height, 25.0)


def test_spare_rows_are_left_over_and_missing_ones_at_either_end_are_two_ways():
    layout = load_layout("6x1_limb")
    found = stretches(*[(20, 270, 50 + 20 * k) for k in range(6)], (100, 160, 21))
    best = fit_layout(layout, Placement(evidence(found), 20.0, 250.0))[0]
    assert best.rows == (1, 2, 3, 4, 5, 6)
    five = stretches(*[(20, 270, 90 + 20 * k) for k in range(5)])
    ways = fit_layout(layout, Placement(evidence(five), 20.0, 250.0))
    assert {w.rows for w in ways[:2]} == {(-1, 0, 1, 2, 3, 4), (0, 1, 2, 3, 4, -1)}
    assert ways[0].score == pytest.approx(ways[1].score)


def test_names_say_which_row_is_missing():
    five = stretches(*[(20, 270, 90 + 20 * k) for k in range(5)])
    names = [LeadName(20 * PX, (86 + 20 * k) * PX, 25 * PX, 89 * PX + 160 * k, 0.9, LEADS[k + 1]) for k in range(5)]
    found = Findings(names=names, stretches=five.stretches)
    offset = name_offsets(page_names(names, PX), find_rows(found, PX), 20.0)[0]
    ways = fit_layout(load_layout("6x1_limb"), Placement(evidence(found, offset), 20.0, 250.0))
    assert ways[0].rows == (-1, 0, 1, 2, 3, 4) and ways[0].score > ways[1].score + 5


def test_waves_read_as_single_strokes_do_not_tell_where_names_stand():
    six = stretches(*[(20, 270, 50 + 25 * k) for k in range(6)])
    names = [LeadName(20 * PX, (41 + 25 * k) * PX, 25 * PX, (45 + 25 * k) * PX, 0.9, LEADS[k]) for k in range(1, 6)]
    waves = [LeadName(x * PX, (48 + 25 * k) * PX, (x + 1) * PX, (52 + 25 * k) * PX, 0.9, "I") for k, x in
             ((0, 60), (0, 200), (1, 90), (1, 230), (5, 40), (5, 120), (5, 250))]  # fmt: skip
    found = Findings(names=names + waves, stretches=six.stretches)
    offset = name_offsets(page_names(found.names, PX), find_rows(found, PX), 25.0)[0]
    assert offset == pytest.approx(-7, abs=0.5)
    fit = fit_layout(load_layout("6x1_limb"), Placement(evidence(found, offset), 20.0, 250.0))[0]
    assert fit.rows == (0, 1, 2, 3, 4, 5) and sum(k >= 0 for k in fit.names) == 5


def test_names_in_step_tell_the_rows_that_crossing_traces_hide():
    # Four rows, 12 mm apart; of the third nothing is found where it should be, and two pieces lie between the rows.
    rows = [Row(y, 20.0, 270.0, ((20.0, 270.0, y),)) for y in (40.2, 46.0, 51.6, 70.0, 76.5)]
    rows.append(Row(110.0, 20.0, 270.0, ((20.0, 270.0, 110.0),)))
    told, pitch, between = rows_by_names(rows, [40.0, 52.0, 52.3, 64.0, 76.0])
    assert [r.baseline for r in told] == pytest.approx([40.2, 51.6, 64.0, 76.5, 110.0], abs=0.2)
    assert [r.missed for r in told] == [False, False, True, False, False]
    assert pitch == pytest.approx(12, abs=0.2) and between == pytest.approx(500)


@pytest.mark.parametrize("heights", [[40.0, 52.0, 64.0], [40.0, 52.0, 52.2, 52.4], [40.0, 52.0, 58.0, 76.0]])
def test_few_names_or_names_out_of_step_tell_no_rows(heights):
    assert rows_by_names([Row(40.0, 20.0, 270.0, ((20.0, 270.0, 40.0),))], heights) == ([], 0.0, 0.0)
