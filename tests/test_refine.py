"""A scan that was fed unevenly is straightened by the phase of its lines."""

import numpy as np
import pytest
from test_bent import photo, residual_mm

from ecgseg.digitize.flat.grid import flatten, measure_grid
from ecgseg.digitize.flat.refine import flatten_nearly_flat
from ecgseg.render.levels import Noise

FED = Noise(
    "fed",
    geometry={"feed": {"p": 1, "mm": [0.07, 0.08], "period_mm": [60, 150]}, "skew": {"p": 1, "degrees": [0.5, 0.5]}},
)


@pytest.mark.parametrize("grid", ["full", "minor"])
def test_an_unevenly_fed_scan_is_straightened(grid):
    page = photo(FED.geometry, grid)
    measured = measure_grid(page.image)
    plain, refined = flatten(page.image, measured), flatten_nearly_flat(page.image, measured)
    before, after = (np.sqrt(np.mean(residual_mm(page, flat) ** 2)) for flat in (plain, refined))
    assert before > 0.05
    assert after < 0.02
