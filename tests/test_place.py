"""Strips are placed where their rows' ink ends and where leads meet."""

import numpy as np
import pytest

from ecgseg.digitize.locate.locate import LocatedStrip
from ecgseg.digitize.trace.confidence import Evidence, shipped
from ecgseg.digitize.trace.place import HALF_STROKE_MM, place_strips
from ecgseg.digitize.trace.trace import Span, read_rows, strip_traces
from ecgseg.nets.columns import Columns

LEFT, LENGTH, COLUMNS = 40, 500.0, 640
MM = 8.0


def evidence(start: float, levels: list[list[float]], noise: float = 0.0, beyond: float = HALF_STROKE_MM) -> Evidence:
    """Return rows of strips of equal length from `start` (px) on, each strip at a height of its own."""
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    rng = np.random.default_rng(0)
    y, ink = np.zeros((len(levels), x.size)), np.zeros((len(levels), x.size))
    for i, row in enumerate(levels):
        k = np.clip((x - start) // (LENGTH / len(row)), 0, len(row) - 1).astype(int)
        y[i] = np.array(row)[k] + rng.normal(0, noise, x.size)
        ink[i] = (x > start - beyond * MM) & (x < start + LENGTH + beyond * MM)
    one = np.ones_like(y)
    return Evidence(np.full(len(y), LEFT), 100.0 * one, y, one, one, ink, 1000 * one)


def strips(x0: float, per_row: int, rows: int) -> list[LocatedStrip]:
    width = LENGTH / per_row
    return [
        LocatedStrip(f"R{r}S{k}", r, 2.5 * k, 2.5 * k + 2.5, x0 + k * width, x0 + (k + 1) * width, 100.0)
        for r in range(rows)
        for k in range(per_row)
    ]


@pytest.mark.parametrize("off_mm", [-1.0, -0.3, 0.2, 1.0])
def test_rows_are_moved_to_where_their_ink_ends(off_mm):
    placed, shift = place_strips(strips(72 + off_mm * MM, 1, 3), evidence(72, [[100.0]] * 3))
    assert shift == pytest.approx(-off_mm, abs=0.02)
    assert [s.x0 for s in placed] == pytest.approx([72] * 3, abs=0.15)
    assert [s.x1 for s in placed] == pytest.approx([72 + LENGTH] * 3, abs=0.15)


def test_jumps_between_leads_count_where_the_last_samples_are_missing():
    """At 100 samples/s ink ends a quarter of a millimetre before the row does; the leads' meeting is not moved."""
    levels = [[80.0, 120.0, 90.0, 110.0]] * 3
    seen = evidence(72, levels, noise=0.3, beyond=HALF_STROKE_MM - 0.25)
    assert place_strips(strips(74, 4, 3), seen)[1] == pytest.approx(-0.25, abs=0.05)


def test_ends_that_go_on_into_a_pulse_do_not_outvote_where_leads_meet():
    levels = [[80.0, 120.0, 90.0, 110.0]] * 3
    seen = evidence(72, levels, noise=0.3, beyond=HALF_STROKE_MM + 0.8)
    assert place_strips(strips(74, 4, 3), seen)[1] == pytest.approx(-0.25, abs=0.05)


def test_beats_at_one_place_of_all_rows_are_no_meeting():
    """They jump as leads do where they meet, but of two columns in one."""
    seen = evidence(72, [[100.0, 100.0, 100.0]] * 3)
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    seen.y[:, x > 72 + LENGTH / 3 + 6] = 60.0
    assert place_strips(strips(72, 3, 3), seen)[1] == pytest.approx(0.0, abs=0.02)


def test_leads_that_begin_after_gaps_lie_where_they_begin():
    """The last samples before a gap, and the row's, are missing: ends tell too little."""
    seen = evidence(72, [[100.0] * 4] * 3)
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    before = (72 + LENGTH - x) % (LENGTH / 4)
    seen.ink[:, (before > 0.2 * MM) & (before < 1.5 * MM)] = 0
    assert place_strips(strips(69, 4, 3), seen)[1] == pytest.approx(3 / MM, abs=0.05)


def test_rows_of_one_lead_whose_last_samples_are_blank_lie_where_they_begin():
    seen = evidence(72, [[100.0]] * 4)
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    seen.ink[:, x > 72 + LENGTH - 0.6 * MM] = 0
    assert place_strips(strips(74, 1, 4), seen)[1] == pytest.approx(-0.25, abs=0.05)
    seen.ink[:, x < 72] = 1  # a pulse's line before the rows: they begin nowhere
    assert place_strips(strips(74, 1, 4), seen)[1] == pytest.approx(-0.25 - 0.8, abs=0.05)


@pytest.mark.parametrize(("rows", "width", "moved"), [(4, 900, 3.0), (2, 900, 0.0), (4, 72 + LENGTH + 10, 0.0)])
def test_rows_that_all_end_elsewhere_are_followed_further(rows, width, moved):
    """Few rows are not, nor those that end with the picture."""
    seen = evidence(72, [[100.0]] * rows)
    image = np.full((300, int(width), 3), 255, np.uint8)
    assert place_strips(strips(72 - 3 * MM, 1, rows), seen, image)[1] == pytest.approx(moved, abs=0.02)


def test_rows_cut_off_by_their_sheets_edge_are_not_moved_to_it():
    """Rows that lie further left have ink left of where they were located."""
    seen = evidence(72, [[100.0]] * 4)
    assert place_strips(strips(72 + 3 * MM, 1, 4), seen)[1] == pytest.approx(-3.0, abs=0.02)
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    seen.ink[:, x > 72 + LENGTH - 3 * MM] = 0
    assert place_strips(strips(72 + 2, 1, 4), seen)[1] == 0.0


def test_a_qrs_flank_beside_a_meeting_is_no_jump():
    seen = evidence(72, [[100.0, 100.0]] * 3)
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    seen.y[:] -= 60 * np.exp(-(((x - 72 - LENGTH / 2 - 4) / 3) ** 2))
    assert place_strips(strips(72, 2, 3), seen)[1] == pytest.approx(0.0, abs=0.02)


def test_the_falling_edge_of_a_pulse_before_a_row_is_none_of_it():
    seen = evidence(72, [[100.0, 100.0]])
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    seen.y[0, x < 72 + 3] = 20.0
    first, _ = strip_traces(strips(72, 2, 1), seen, shipped())
    assert np.nanmin(first[1]) == 100.0 and np.isnan(first[1][0])
    seen.y[0, (x > 72 + LENGTH / 2 - 1) & (x < 72 + LENGTH / 2 + 3)] = 20.0  # where a lead begins within a row
    assert np.nanmin(strip_traces(strips(72, 2, 1), seen, shipped())[1][1]) == 20.0


@pytest.mark.parametrize("up", [-1, 1])
def test_a_complex_at_a_rows_start_is_no_pulse(up):
    """Its flanks fall as far and as fast, but the trace rests before, or comes back after."""
    seen = evidence(72, [[100.0, 100.0]])
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    seen.y[0, (x > 72 + 2) & (x < 72 + 5)] = 100.0 + 60 * up
    first, _ = strip_traces(strips(72, 2, 1), seen, shipped())
    assert np.isfinite(first[1]).all() and np.abs(first[1] - 100.0).max() == 60.0


def test_a_strip_moved_to_the_left_keeps_its_first_samples():
    """What lies just outside where a strip was located is no short piece: the strip may be moved there."""

    class Strip:
        about = None

        def columns(self, crops):
            y = np.full((len(crops), 4 * crops.shape[2]), 144.0)
            return Columns(y, *(np.ones_like(y) for _ in range(4)))

    seen = read_rows(Strip(), np.full((600, 800, 3), 255, np.uint8), [Span(300.0, 100.0, 700.0)], 288)
    strip = LocatedStrip("V1", 0, 0.0, 2.5, 100.0 - 8, 700.0 - 8, 300.0)
    ((x, y, _),) = strip_traces([strip], seen, shipped())
    assert x[0] < 93 and np.isfinite(y[:32]).all()


def test_a_doubtful_complex_at_a_strips_end_is_kept():
    """Its flanks are as steep as a separator's edge, and read in steps."""
    seen = evidence(72, [[100.0, 100.0]])
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    last = 72 + LENGTH / 2
    seen.y[0] += np.where(np.abs(x - last) < 3, 12 * np.floor(3 - np.abs(x - last)), 0)
    seen.mass[0, np.abs(x - last) < 3] = 0.7
    y = strip_traces(strips(72, 2, 1), seen, shipped())[0][1]
    assert np.nanmax(y) == pytest.approx(124.0, abs=2.0)


def test_rows_that_end_anywhere_move_nothing():
    seen = evidence(72, [[100.0]] * 3)
    for i, cut in enumerate((-40, -20, 0)):
        seen.ink[i, np.arange(COLUMNS * 4) / 4 + LEFT > 72 + LENGTH + cut] = 0
    assert place_strips(strips(72, 1, 3), seen)[1] == 0.0


def test_one_row_alone_moves_nothing():
    assert place_strips(strips(74, 1, 1), evidence(72, [[100.0]]))[1] == 0.0


def test_what_lies_in_a_jump_belongs_to_neither_lead():
    """A line drawn from one lead's last value to the next lead's first is read slanted; both keep their own level."""
    seen = evidence(72, [[80.0, 120.0]] * 2)
    x = LEFT + (np.arange(COLUMNS * 4) + 0.5) / 4 - 0.5
    slanted = np.interp(x, [72 + LENGTH / 2 - 0.4, 72 + LENGTH / 2 + 0.4], [80.0, 120.0])
    seen.y[:] = slanted + np.array([[0], [300]])
    seen.level[:] = [[100], [400]]
    placed, _ = place_strips(strips(72, 2, 2), seen)
    for strip, (_, y, _) in zip(placed, strip_traces(placed, seen, shipped()), strict=True):
        level = (80.0 if strip.lead.endswith("S0") else 120.0) + 300 * strip.row
        assert np.nanmax(np.abs(y - level)) < 0.1
