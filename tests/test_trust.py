"""What tells a map that is off: its flat page's lines, and crossings found without the phase."""

from dataclasses import replace

import numpy as np
import pytest
from grid_paper import draw_grid
from test_bent import BENT, photo
from test_flatten import seen_field

from ecgseg.digitize.flat.crossings import follow_crossings
from ecgseg.digitize.flat.flatten import _Sheet, compared, measure_map
from ecgseg.digitize.flat.grid import FlatPage, grid_from_scale
from ecgseg.digitize.flat.phases import continued
from ecgseg.digitize.flat.trust import judged
from ecgseg.digitize.locate.findings import Box, Findings, Point, Stretch
from ecgseg.digitize.locate.locate import LocatedStrip
from ecgseg.digitize.locate.on_grid import grid_area, on_grid, within_grid
from ecgseg.digitize.scales import faded, map_error


def flat_with(wave_mm: float) -> FlatPage:
    """Return a page at 8 px/mm whose vertical lines stray by a wave."""
    image, _ = draw_grid((8.0, 8.0), size=(1200, 1800), origin=(4.0, 4.0))
    x = np.arange(image.shape[1])
    source = np.clip(np.rint(x + 8 * wave_mm * np.sin(2 * np.pi * x / 700)), 0, len(x) - 1).astype(int)
    image = np.ascontiguousarray(image[:, source])
    return FlatPage(image, 8.0, np.eye(2, 3), grid_from_scale(image, 8.0))


def test_the_error_told_is_that_of_the_page():
    told = [judged(flat_with(wave)).error_mm for wave in (0.0, 0.1, 0.2)]
    assert told[0] < 0.03
    for wave, error in zip((0.1, 0.2), told[1:], strict=True):
        assert error == pytest.approx(wave / np.sqrt(2), rel=0.35)


@pytest.fixture(scope="module")
def half_faded() -> FlatPage:
    page = flat_with(0.0)
    image = page.image.copy()
    image[:, 900:] = 255
    return judged(replace(page, image=image))


def test_where_the_lines_fade_the_map_is_doubted(half_faded):
    assert half_faded.error_along(100, 700, 600, 80) < 0.1
    assert half_faded.error_along(1100, 1700, 600, 80) > 0.3
    turned = half_faded.turned(2)
    assert turned.error_along(1100, 1700, 600, 80) == pytest.approx(half_faded.error_along(100, 699, 599, 80), rel=0.1)


def test_rows_where_no_grid_is_are_left_out(half_faded):
    on, off = Stretch(100.0, 700.0, 400.0), Stretch(1000.0, 1700.0, 600.0)
    assert on_grid(Findings(stretches=[on, off]), half_faded).stretches == [on]
    unknown = replace(half_faded, errors=None)
    assert on_grid(Findings(stretches=[on, off]), unknown).stretches == [on, off]


def test_what_lies_beside_the_grid_is_cut_off(half_faded):
    """Another sheet, or a cloth, goes on beside the page: rows end with its grid, captions do not."""
    there = np.zeros((40, 50), bool)
    there[10:30, 5:45] = True
    page = replace(half_faded, lines_there=there)
    h, w = page.image.shape[:2]
    row, below = Stretch(0, w - 1, h / 2), Stretch(0, 0.1 * w, 0.95 * h)
    text, start = Box(0, 0, 50, 20), Point(1.0, h / 2)
    found = Findings(texts=[text], stretches=[row, below], starts=[start])
    kept, beside = within_grid(found, page), 4 * page.px_per_mm
    assert [(s.x0, s.x1) for s in kept.stretches] == [pytest.approx((5 / 50 * w - beside, 45 / 50 * w + beside))]
    assert kept.texts == [text] and not kept.starts
    assert within_grid(found, replace(page, lines_there=None)) == found
    between = np.zeros_like(there)
    between[2:8, 5:30] = True  # a pale grid, seen above the rows alone
    assert within_grid(found, replace(page, lines_there=between)) == found
    there[12:28, 10:40:3] = False  # no plain area any more
    assert within_grid(found, page) == found


def test_the_grids_area_is_seen_to_some_millimetres():
    """On a sheet that lies on other graph paper, whose lines are as strong but not in step."""
    image, _ = draw_grid((7.5, 7.5), size=(1200, 1800), origin=(2.0, 5.0), angle=np.deg2rad(21))
    sheet = flat_with(0.0).image
    image[120:1080, 160:1640] = sheet[120:1080, 160:1640]
    page = judged(FlatPage(image, 8.0, np.eye(2, 3), grid_from_scale(image, 8.0)))
    top, bottom, left, right = np.array(grid_area(page.lines_there)) / np.repeat(page.lines_there.shape, 2)
    assert [top * 150, bottom * 150, left * 225, right * 225] == pytest.approx([15, 135, 20, 205], abs=4.5)


def test_a_lead_printed_where_the_lines_fade_is_said_to_be_doubtful(half_faded):
    strips = [LocatedStrip(lead, 0, 0.0, 2.5, x, x + 600.0, 600.0) for lead, x in (("V1", 100.0), ("V4", 1100.0))]
    errors = map_error(half_faded, strips)["map_errors_mm"]
    assert errors["V1"] < 0.1 < 0.3 < errors["V4"]
    (warning,) = faded(errors)
    assert warning.startswith("V4: the grid can hardly be seen")


@pytest.fixture(scope="module")
def tilted():
    page = photo(BENT["tilted"])
    field = seen_field(page)
    sheet = _Sheet.of(page.image, field)
    return page, field, sheet, follow_crossings(sheet.dark, sheet.pixel, field)


def test_crossings_are_found_to_a_fraction_of_a_pixel(tilted):
    page, _, sheet, (px, numbers) = tilted
    assert len(px) > 0.7 * len(page.crossings) and len(np.unique(numbers, axis=0)) == len(px)
    picture = (px + 0.5) * sheet.pixel - 0.5
    apart = np.linalg.norm(picture[:, None] - page.crossings[None], axis=2)
    assert np.median(apart.min(axis=1)) < 0.5
    near = apart.min(axis=1) < 3  # the others lie beyond the sheet, on the table
    off = (5 * numbers - page.crossings_mm[apart.argmin(axis=1)])[near]
    assert near.mean() > 0.85 and (np.abs(off - np.median(off, axis=0)).max(axis=1) < 0.1).mean() > 0.99


def test_a_map_off_by_a_line_disagrees_with_the_crossings(tilted):
    page, field, _, crossings = tilted
    found = measure_map(page.image, field)
    right = compared(found, *crossings)
    assert right.disagreeing < 0.01 and right.error < 0.05
    mm = found.mm.copy()
    mm[0, :, : mm.shape[2] // 3] += 1.0
    slipped = compared(replace(found, mm=mm), *crossings)
    assert slipped.disagreeing > 0.1 and slipped.error > 0.2 and slipped.merit < right.merit - 0.05


def test_beyond_the_grid_a_map_goes_on_evenly():
    y, x = np.mgrid[0:60, 0:90] * 2.0
    true = np.stack([x + 2e-4 * x * y, y - 1e-4 * x**2])
    grid = np.zeros(x.shape)
    grid[10:, :] = 1.0
    rough = true + np.where(grid > 0, 0.0, 3.0 * np.sin(x / 5))
    got = continued(rough, grid, 2.0)
    assert np.abs(got - true).max() < 0.05
