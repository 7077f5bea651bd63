"""Bars between strips tell where these lie."""

from dataclasses import replace

import numpy as np
import pytest

from ecgseg.digitize.trace.confidence_cases import true_strips
from ecgseg.digitize.trace.separators import bar_shift
from ecgseg.render.page import render_page
from ecgseg.render.printed.style import sample_style
from ecgseg.simulate import simulate

MM = 8.0


def page(separator: str, layout: str = "3x4_0r", seed: int = 3):
    """Return a flat page at 8 px/mm and where its strips lie on it, in px."""
    rng = np.random.default_rng(seed)
    style = replace(sample_style(rng), separator=separator, names="none", grid="full")
    drawn = render_page(simulate(rng), layout, "none", rng, px_per_mm=MM, style=style)
    return drawn.image, true_strips(drawn)


@pytest.mark.parametrize("separator", ["bar", "double"])
@pytest.mark.parametrize("off_mm", [-0.6, 0.0, 0.37])
def test_bars_tell_where_strips_meet(separator, off_mm):
    image, strips = page(separator)
    off = [replace(s, x0=s.x0 + off_mm * MM, x1=s.x1 + off_mm * MM) for s in strips]
    assert bar_shift(off, image) == pytest.approx(-off_mm, abs=0.03)


@pytest.mark.parametrize("separator", ["bar", "tick"])
@pytest.mark.parametrize("off_mm", [-3.3, 0.4, 2.5])
def test_a_page_located_beside_its_strips_is_put_right(separator, off_mm):
    """Ticks stand above and below the trace, bars across it; both as far above the zero line as below."""
    image, strips = page(separator, seed=4)
    off = [replace(s, x0=s.x0 + off_mm * MM, x1=s.x1 + off_mm * MM) for s in strips]
    assert bar_shift(off, image) == pytest.approx(-off_mm, abs=0.04)


@pytest.mark.parametrize("separator", ["none", "gap", "slash"])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_waves_and_grid_lines_are_no_bars(separator, seed):
    image, strips = page(separator, seed=seed)
    assert bar_shift(strips, image) is None


def test_a_single_column_has_no_bars():
    image, strips = page("bar", "12x1")
    assert bar_shift(strips, image) is None
