"""Which scale of a page is believed where its grid and what is printed on it contradict each other."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ecgseg.digitize import scales
from ecgseg.digitize.calibrate.scale import Scale
from ecgseg.digitize.flat import flatten as flattening
from ecgseg.digitize.flat.grid import flatten, grid_from_scale
from ecgseg.digitize.flat.phases import PhaseMap
from ecgseg.digitize.scales import UNSEEN_MM, against_grid, flat_pages, map_error, rescaled
from ecgseg.errors import GridError

PICTURE = np.full((400, 600, 3), 255, np.uint8)


def page(px_per_mm: float, **grid):
    return flatten(PICTURE, replace(grid_from_scale(PICTURE, px_per_mm), **grid), 8.0)


def printed(monkeypatch, px_per_mm: float):
    monkeypatch.setattr(scales, "scale_without_grid", lambda *args: Scale(px_per_mm, "pulse", 0.8))


def refuse(*args):
    raise GridError("no grid found")


def test_pulses_contradict_a_grid_of_another_size(monkeypatch):
    """Rows and beats in equal steps were followed as if they were lines 5 mm apart."""
    printed(monkeypatch, 4.4)
    flat, said = against_grid(PICTURE, page(14.4, source="followed", confidence=0.55), None)
    assert flat.grid.px_per_mm_x == pytest.approx(4.4) and flat.grid.source == "pulse"
    assert "no usable grid" in said[0]
    assert map_error(flat) == {"map_error_mm": UNSEEN_MM}


@pytest.mark.parametrize(("seen", "source"), [(5.2, "followed"), (14.4, "given")])
def test_pulses_do_not_contradict_a_tilted_page_or_a_given_scale(monkeypatch, seen, source):
    printed(monkeypatch, 4.4)
    assert against_grid(PICTURE, page(seen, source=source), None) is None


def test_a_grid_whose_lines_are_all_in_step_is_not_contradicted(monkeypatch):
    printed(monkeypatch, 4.4)
    assert against_grid(PICTURE, page(14.4, source="followed", confidence=0.9), None) is None
    # … unless rows of another length than their layout's speak against it, too.
    flat, _ = against_grid(PICTURE, page(14.4, source="followed", confidence=0.9), None, doubted=True)
    assert flat.grid.source == "pulse"


def test_a_doubtful_grid_comes_before_what_else_tells_the_scale(monkeypatch):
    doubtful = page(8.0, source="followed", doubt="no grid found: lines of one spacing")
    monkeypatch.setattr(scales, "flat_guesses", lambda *args: iter([doubtful]))
    printed(monkeypatch, 4.4)
    for sees, last in ((None, "pulse"), (SimpleNamespace(plain=0.9, period=40.0), "bent")):
        monkeypatch.setattr(scales, "_grid_seen", lambda *args, sees=sees: sees)
        monkeypatch.setattr(scales, "flatten_bent", lambda *args: page(8.0, source="bent"))
        first, second = (flat for flat, _ in flat_pages(PICTURE, None, None, None, None))
        assert first is doubtful and second.grid.source == last


def test_a_doubtful_grid_is_refused_where_nothing_else_tells(monkeypatch):
    doubtful = page(8.0, source="followed", doubt="no grid found: lines of one spacing")
    monkeypatch.setattr(scales, "flat_guesses", lambda *args: iter([doubtful]))
    monkeypatch.setattr(scales, "_grid_seen", lambda *args: SimpleNamespace(plain=0.9, period=40.0))
    monkeypatch.setattr(scales, "lies_flat", lambda field: False)
    monkeypatch.setattr(scales, "flatten_bent", refuse)
    ways = flat_pages(PICTURE, None, None, None, None)
    assert next(ways)[0] is doubtful
    with pytest.raises(GridError, match="lines of one spacing"):
        next(ways)


@pytest.mark.parametrize(("period", "believed"), [(22.5, True), (30.0, False)])
def test_where_a_grid_is_left_in_patches_print_must_agree_with_its_size(monkeypatch, period, believed):
    """A copier leaves pieces of lines, which cannot be followed but show how large the grid was: 4.4 px/mm are 22."""
    monkeypatch.setattr(scales, "flat_guesses", refuse)
    monkeypatch.setattr(scales, "_grid_seen", lambda *args: SimpleNamespace(plain=0.6, period=period))
    monkeypatch.setattr(scales, "lies_flat", lambda field: True)
    monkeypatch.setattr(scales, "flatten_bent", refuse)
    printed(monkeypatch, 4.4)
    ways = flat_pages(PICTURE, None, None, None, None)
    if believed:
        assert next(ways)[0].grid.source == "pulse"
    else:
        with pytest.raises(GridError, match="no grid found"):
            next(ways)


def test_a_page_turned_as_its_print_says_keeps_its_turn_at_another_scale(monkeypatch):
    monkeypatch.setattr(scales, "scale_without_grid", lambda *args: Scale(4.4, "pulse", 0.8, angle_deg=2.0))
    flat, _ = against_grid(PICTURE, page(14.4, source="followed", confidence=0.55), None)
    again = rescaled(PICTURE, flat, 1.01)
    assert again.grid.px_per_mm_x == pytest.approx(4.444) and again.grid.angle_deg == pytest.approx(2.0)
    assert (again.grid.source, again.grid.confidence) == ("pulse", 0.8)


def test_a_doubtful_grid_is_tried_at_each_scale_at_which_it_was_seen(monkeypatch):
    """A sheet with 1 mm lines alone was followed a little better as one of 5 mm lines, and refused; and on one seen at
    3 px per mm only the 5 mm lines are seen, and look like those of 1 mm."""
    merits = {112.0: 0.50 - 0.004, 53.8: 0.489, 54.4: 0.491, 20.0: 0.1}
    sees = [SimpleNamespace(period=period) for period in merits]

    def measured(pixels, field):
        nodes = np.arange(2.0)
        mm = np.broadcast_to(nodes * 5 / field.period, (2, 2, 2))
        return PhaseMap(nodes, nodes, mm, np.ones((2, 2)), np.ones(2), 0.1, 2 * merits[field.period], (1.0,))

    def by_map(pixels, found, field):
        doubt = "" if found.merit >= flattening.SURE_MERIT else "one spacing"
        return page(1 / float(found.mm[0, 0, 1]), doubt=doubt)

    monkeypatch.setattr(flattening, "looks", lambda *args: iter(sees))
    monkeypatch.setattr(flattening, "lies_flat", lambda field: False)
    monkeypatch.setattr(flattening, "_plane", lambda pixels: None)
    monkeypatch.setattr(flattening, "_better", lambda one, seen, other, seen_other: one.merit > other.merit)
    monkeypatch.setattr(flattening, "measure_map", measured)
    monkeypatch.setattr(flattening, "_by_map", by_map)
    pages = list(flattening.flat_guesses(PICTURE, None, object()))
    assert [5 * p.grid.px_per_mm_x for p in pages] == pytest.approx([112.0, 54.4, 112.0 / 5, 54.4 / 5])
    assert all(p.grid.doubt for p in pages)  # what is on the page must confirm any of them
    merits[112.0] = 0.6  # no doubt: no other is tried
    assert len(list(flattening.flat_guesses(PICTURE, None, object()))) == 1
