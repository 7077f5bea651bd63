"""Layout files: each says which lead is printed where and when, and a bad one is told by its key."""

import pytest
import yaml

from ecgseg.layout import LEADS, layout_names, load_layout, parse_layout, with_rhythm, with_timing

GOOD = {"rows": [["I", "II"]], "seconds": 10, "row_pitch_mm": [10, 20]}


@pytest.mark.parametrize("name", layout_names())
def test_every_file_fills_its_rows(name):
    layout = load_layout(name)
    for r in range(layout.n_rows):
        row = layout.row(r)
        assert sum(s.seconds for s in row) == pytest.approx(layout.seconds)
        ends = [s.offset_s + s.seconds for s in row]
        assert [s.offset_s for s in row] == pytest.approx([0.0, *ends[:-1]])
        assert all(s.t1 <= layout.seconds + 1e-9 for s in row)
    leads = [s.lead for s in layout.strips if not s.rhythm]
    assert len(set(leads)) == len(leads) and set(leads) <= set(LEADS)
    assert layout.rhythm_rows == sum(s.rhythm for s in layout.strips)


def test_consecutive_strips_follow_in_time_and_simultaneous_ones_begin_together():
    layout = load_layout("3x4_1r")
    assert [(s.lead, s.t0, s.t1) for s in layout.row(1)] == [
        ("II", 0, 2.5), ("aVL", 2.5, 5), ("V2", 5, 7.5), ("V5", 7.5, 10),
    ]  # fmt: skip
    together = with_timing(layout, "simultaneous")
    assert [(s.lead, s.t0, s.t1, s.offset_s) for s in together.row(1)] == [
        ("II", 0, 2.5, 0), ("aVL", 0, 2.5, 2.5), ("V2", 0, 2.5, 5), ("V5", 0, 2.5, 7.5),
    ]  # fmt: skip
    assert together.row(3)[0].t1 == 10 and together.timing == "simultaneous"
    assert with_timing(together, "consecutive") == layout
    assert parse_layout("a", GOOD | {"timing": "simultaneous"}).strips[1].t0 == 0


def test_rhythm_leads_can_be_changed():
    layout = with_rhythm(load_layout("3x4_1r"), ["V1", "II"])
    assert [(s.lead, s.row, s.rhythm, s.seconds) for s in layout.strips[12:]] == [
        ("V1", 3, True, 10),
        ("II", 4, True, 10),
    ]
    assert layout.rhythm_rows == 2 and layout.n_rows == 5
    assert with_rhythm(layout, ["II"]) == load_layout("3x4_1r")
    assert with_rhythm(layout, []).strips == load_layout("3x4_0r").strips
    with pytest.raises(ValueError, match=r"rhythm.*'V9'"):
        with_rhythm(layout, ["V9"])


def test_cabrera_prints_avr_upside_down_under_its_own_name():
    for name in ("cabrera_12x1", "cabrera_6x2"):
        layout = load_layout(name)
        assert [s.lead for s in layout.strips if s.offset_s == 0][:6] == ["aVL", "I", "aVR", "II", "aVF", "III"]
        assert [s.lead for s in layout.strips if s.sign < 0] == ["aVR"]


def test_empty_rows_and_the_empty_margin_belong_to_the_page():
    stack = load_layout("stack15")
    assert (stack.n_rows, stack.blank_rows) == (12, 3)
    assert load_layout("panel").left_mm == 125
    with pytest.raises(ValueError, match="rows"):
        parse_layout("a", GOOD | {"rows": [["I"], [], ["II"]]})


def test_only_layouts_that_their_geometry_tells_are_tried_unasked():
    assert layout_names("geometry") == ["12x1", "3x4_0r", "3x4_1r", "3x4_3r", "6x2_0r", "6x2_1r"]
    assert sorted(layout_names("geometry") + layout_names("names")) == layout_names()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": 1}, "colour"),
        ({"rows": [["X"]]}, "rows.*'X'"),
        ({"rows": []}, "rows"),
        ({"rows": "I"}, "rows"),
        ({"rhythm": ["Z"]}, "rhythm.*'Z'"),
        ({"rhythm": "II"}, "rhythm"),
        ({"seconds": "ten"}, "seconds"),
        ({"seconds": -1}, "seconds"),
        ({"row_pitch_mm": 20}, "row_pitch_mm"),
        ({"row_pitch_mm": [20, 10]}, "row_pitch_mm"),
        ({"left_mm": -3}, "left_mm"),
        ({"timing": "odd"}, "timing.*odd"),
        ({"told_by": "luck"}, "told_by.*luck"),
    ],
)
def test_a_bad_layout_file_is_named_with_its_key(change, named):
    with pytest.raises(ValueError, match=f"layout mine: .*{named}"):
        parse_layout("mine", GOOD | change)


@pytest.mark.parametrize("key", ["rows", "seconds", "row_pitch_mm"])
def test_a_missing_key_is_named(key):
    with pytest.raises(ValueError, match=key):
        parse_layout("mine", {k: v for k, v in GOOD.items() if k != key})


def test_a_file_without_keys_and_an_unknown_name_are_told():
    with pytest.raises(ValueError, match=r"layout mine.*rows"):
        parse_layout("mine", yaml.safe_load("just text"))
    with pytest.raises(ValueError, match=r"9x9.*12x1, .*single"):
        load_layout("9x9")
