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
