import numpy as np
import pytest
from mask_drawer import draw_mask, made_up_ecg

from ecgseg.digitize.locate import locate
from ecgseg.errors import LayoutError
from ecgseg.layout import layout_names, load_layout, parse_layout

PX = 8.0


def check(located, layout, rows, x0, leads):
    assert located.layout.name == layout.name
    assert [(s.lead, s.row, s.t0) for s in located.strips] == [(s.lead, s.row, s.t0) for s in layout.strips]
    for found, s in zip(located.strips, layout.strips, strict=True):
        assert found.x0 == pytest.approx(x0 + s.offset_s * 25 * PX, abs=1)
        assert found.x1 - found.x0 == pytest.approx(s.seconds * 25 * PX)
        middle = np.median(leads[s.lead][int(s.t0 * 500) : int(s.t1 * 500)]) * 10 * PX
        assert found.baseline == pytest.approx(rows[s.row] - middle, abs=4)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", layout_names("geometry"))
def test_cluttered_pages_of_every_layout(name, seed):
    layout, leads = load_layout(name), made_up_ecg(seed)
    mask, rows, x0, _ = draw_mask(layout, leads, clutter=seed, x0_mm=12.0 + 1.37 * seed)
    check(locate(mask, PX), layout, rows, x0, leads)


@pytest.mark.parametrize("name", layout_names("geometry"))
def test_whole_calibration_pulses_do_not_move_the_start(name):
    layout, leads = load_layout(name), made_up_ecg(3)
    mask, rows, x0, _ = draw_mask(layout, leads, pulses=True)
    check(locate(mask, PX), layout, rows, x0, leads)


@pytest.mark.parametrize("name", layout_names("geometry"))
def test_rows_as_close_as_they_get_with_tall_qrs(name):
    layout, leads = load_layout(name), made_up_ecg(4, height=1.8)
    mask, rows, x0, _ = draw_mask(layout, leads, pitch_mm=layout.row_pitch_mm[0])
    check(locate(mask, PX), layout, rows, x0, leads)


def test_recording_that_ends_early_keeps_its_time_scale():
    layout, leads = load_layout("3x4_1r"), made_up_ecg(5)
    mask, rows, x0, _ = draw_mask(layout, leads, seconds=9.6)
    check(locate(mask, PX), layout, rows, x0, leads)


def test_another_scale_and_speed():
    layout = load_layout("3x4_1r")
    mask, _, x0, _ = draw_mask(layout, made_up_ecg(6), px_per_mm=6.0, speed=50.0)
    located = locate(mask, 6.0, speed=50.0)
    assert located.layout.name == "3x4_1r"
    assert located.strips[1].x0 == pytest.approx(x0 + 2.5 * 50 * 6, abs=1)


def test_row_with_a_hidden_beginning_starts_with_the_others():
    layout, leads = load_layout("3x4_1r"), made_up_ecg(7)
    mask, rows, x0, _ = draw_mask(layout, leads)
    y = int(rows[1])
    mask[y - 120 : y + 120, : int(x0 + 9 * PX)] = 0
    located = locate(mask, PX)
    check(located, layout, rows, x0, leads)
    assert any("row 2 starts" in w and "their start" in w for w in located.warnings)


def test_shifted_row_keeps_its_own_start():
    layout, leads = load_layout("3x4_1r"), made_up_ecg(8)
    mask, rows, x0, _ = draw_mask(layout, leads, clutter=None)
    y = int(rows[3])
    mask[y - 120 : y + 120] = np.roll(mask[y - 120 : y + 120], 80, axis=1)
    located = locate(mask, PX)
    assert located.strips[-1].x0 == pytest.approx(x0 + 80, abs=1)
    assert located.strips[0].x0 == pytest.approx(x0, abs=1)


def test_given_layout_is_used_among_those_with_as_many_rows():
    mask, *_ = draw_mask(load_layout("3x4_3r"), made_up_ecg(9))
    assert locate(mask, PX).layout.name == "3x4_3r"
    assert locate(mask, PX, layout="6x2_0r").layout.name == "6x2_0r"


def test_candidates_are_sorted_and_the_unambiguous_page_is_trusted():
    located = locate(draw_mask(load_layout("3x4_1r"), made_up_ecg(10))[0], PX)
    assert located.confidence > 0.7 and not located.warnings
    scores = [c.score for c in located.candidates]
    assert scores == sorted(scores, reverse=True)


def test_page_of_no_layout_says_what_was_found_and_what_to_do():
    spec = {"rows": [["I"], ["II"], ["III"], ["aVR"], ["aVL"]], "seconds": 10, "row_pitch_mm": [15, 25]}
    mask, *_ = draw_mask(parse_layout("5x1", spec), made_up_ecg(11))
    with pytest.raises(LayoutError, match=r"5 rows of trace found.*3x4_1r.*layout="):
        locate(mask, PX)


def test_forced_layout_with_too_few_rows_is_refused():
    mask, *_ = draw_mask(load_layout("3x4_1r"), made_up_ecg(12))
    with pytest.raises(LayoutError, match=r"4 rows of trace found.*12x1 \(12 rows"):
        locate(mask, PX, layout="12x1")


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_page_without_trace_is_refused(value):
    with pytest.raises(LayoutError, match="no row of continuous trace"):
        locate(np.full((800, 1600), value, np.float32), PX)


def test_dark_grid_lines_are_no_rows():
    layout, leads = load_layout("3x4_1r"), made_up_ecg(9)
    mask, rows, x0, _ = draw_mask(layout, leads)
    for gap in (12.0, 23.0):
        y = int(rows[0] - gap * PX)
        if y > 4 * PX:
            mask[y : y + 2, 40:-40] = 1.0
    y = int((rows[2] + rows[3]) / 2)
    mask[y : y + 2, 40:-40] = 1.0
    located = locate(mask, PX)
    check(located, layout, rows, x0, leads)
    assert not any("rows of ink" in w for w in located.warnings)


def test_a_page_of_flat_lines_is_still_read():
    layout = load_layout("3x4_1r")
    mask, rows, _, _ = draw_mask(layout, {k: v * 0.0 for k, v in made_up_ecg(9).items()})
    located = locate(mask, PX, layout="3x4_1r")
    assert [round(s.baseline) for s in located.strips if s.t0 == 0] == pytest.approx(list(np.round(rows)), abs=4)
