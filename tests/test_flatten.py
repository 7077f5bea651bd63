"""A picture's map from the field of its grid: exact where lines are seen, refused where none are in step."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree
from test_bent import BENT, residual_mm

from ecgseg.digitize.flat.field import Field, first_map
from ecgseg.digitize.flat.flatten import agrees, flat_page, flatten_field, lies_flat, measure_map, to_picture
from ecgseg.digitize.flat.grid import measure_grid
from ecgseg.digitize.flat.surface import Steps, solve, through_steps, through_values
from ecgseg.errors import GridError
from ecgseg.ptb import load_records
from ecgseg.render.lattice_target import lattice_page
from ecgseg.render.levels import Noise
from ecgseg.render.page import render_page
from ecgseg.render.printed.style import sample_style

STEEP = {"perspective": {"p": 1, "tilt": [20, 20], "distance": [1.3, 1.3]}, "frame": {"p": 1, "share": [0.02, 0.05]}}


def photo(geometry: dict, grid: str = "full"):
    """Return a picture of a plain page whose grid covers the sheet."""
    style = sample_style(np.random.default_rng(0))
    red = np.array([0.9, 0.4, 0.4])
    style = replace(
        style, grid=grid, minor_color=red, major_color=red, minor_strength=0.5, major_strength=0.8, dash_mm=0.0,
        grid_gaps=0.0, paper=np.ones(3), trace_color=np.zeros(3), minor_width=0.15, major_width=0.3, grid_box=None,
        grid_area="sheet",
    )  # fmt: skip
    recording = load_records(split="val")[1]
    return render_page(recording, "3x4_1r", Noise("bent", geometry=geometry), 4, 5.0, style=style)


def seen_field(page, off: float = 0.03) -> Field:
    """Return what a network sees that is off by `off`: per cell the mean size and the turn of the page's lattice."""
    rng = np.random.default_rng(0)
    lattice = lattice_page(page)
    h, w = page.image.shape[:2]
    cell = max(h, w) / 32
    x, y = ((np.arange(int(np.ceil(n / cell))) + 0.5) * cell - 0.5 for n in (w, h))
    places = np.stack(np.meshgrid(x, y), axis=-1)
    distance, nearest = cKDTree(lattice.points).query(places.reshape(-1, 2))
    u, s, vt = np.linalg.svd(np.linalg.inv(lattice.axes[nearest]))
    size = np.sqrt(s.prod(axis=1)) * np.exp(off * rng.standard_normal(len(s)))
    a = off * rng.standard_normal(len(s))
    turn = np.stack([np.stack([np.cos(a), -np.sin(a)], -1), np.stack([np.sin(a), np.cos(a)], -1)], -2)
    gradient = (turn @ u @ vt * size[:, None, None]).reshape(*places.shape[:2], 2, 2)
    paper = (distance < 0.8 / size).reshape(places.shape[:2]).astype(float)
    return Field(x, y, gradient, paper, paper, paper)


@pytest.mark.parametrize("kind", ["turned", "folded"])
def test_a_rough_field_becomes_an_exact_map(kind):
    page = photo(BENT[kind])
    flat = flatten_field(page.image, seen_field(page))
    off = residual_mm(page, flat)
    assert np.sqrt((off**2).mean()) < 0.05 and np.quantile(off, 0.99) < 0.15
    assert flat.grid.source == "followed" and flat.grid.residual_mm < 0.05 and flat.grid.confidence > 0.8


def test_5_mm_lines_alone_are_enough():
    page = photo(BENT["tilted"], grid="major")
    flat = flatten_field(page.image, seen_field(page))
    off = residual_mm(page, flat)
    assert np.sqrt((off**2).mean()) < 0.1


def test_paper_without_lines_is_refused_whatever_the_field_says():
    page = photo(BENT["tilted"], grid="none")
    with pytest.raises(GridError, match="in step"):
        flatten_field(page.image, seen_field(page))


def test_a_field_of_the_wrong_size_is_refused():
    page = photo(BENT["tilted"])
    field = seen_field(page)
    with pytest.raises(GridError, match=r"digitize\.px_per_mm"):
        flatten_field(page.image, Field(field.x, field.y, field.gradient * 1.37, field.weight, field.grid, field.paper))


def test_the_flat_page_begins_with_whole_5_mm():
    """mm 0 of the map is a crossing of 5 mm lines."""
    page = photo(BENT["tilted"])
    found = measure_map(page.image, seen_field(page))
    px = to_picture(found, np.array([[100.0, 80.0]]) // 5 * 5)
    assert np.linalg.norm(page.crossings - px, axis=1).min() < 0.6


def test_the_map_and_its_inverse_agree():
    page = photo(BENT["curled"])
    found = measure_map(page.image, seen_field(page))
    known = np.argwhere(found.grid > 0.5)[::17]
    mm = found.mm[:, known[:, 0], known[:, 1]].T
    px = (np.stack([found.x[known[:, 1]], found.y[known[:, 0]]], axis=1) + 0.5) * found.pixel - 0.5
    assert np.abs(to_picture(found, mm) - px).max() < 0.02


def test_flat_scans_are_told_from_tilted_ones():
    flat = photo({"skew": {"p": 1, "degrees": [2, 2]}})
    assert lies_flat(seen_field(flat, 0.01)) and not lies_flat(seen_field(photo(STEEP), 0.01))
    grid = measure_grid(flat.image)
    field = seen_field(flat)
    assert agrees(grid, field)
    assert not agrees(grid, Field(field.x, field.y, field.gradient * 1.3, field.weight, field.grid, field.paper))


def test_without_a_network_a_flat_scan_is_read_as_before():
    flat = flat_page(photo({"skew": {"p": 1, "degrees": [1, 1]}}).image, None)
    assert flat.grid.source == "measured" and flat.lattice is None


def test_an_even_field_becomes_an_even_map():
    x, y = np.arange(20) * 30.0, np.arange(12) * 30.0
    gradient = np.tile(np.array([[0.04, 0.01], [-0.01, 0.04]]), (12, 20, 1, 1))
    mm = first_map(Field(x, y, gradient, *[np.ones((12, 20))] * 3))
    true = 5 * np.einsum("kc,ijc->kij", gradient[0, 0], np.stack(np.meshgrid(x, y), axis=-1))
    off = mm - true
    assert np.abs(off - off.mean(axis=(1, 2), keepdims=True)).max() < 0.05


def test_surfaces_go_through_most_values_and_bridge_gaps():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:40, 0:60] / 20
    true = np.sin(x) + 0.3 * y**2
    values = true + 0.01 * rng.standard_normal(true.shape)
    wrong = rng.random(true.shape) < 0.05
    values[wrong] += rng.choice([-1, 1], wrong.sum())
    weight = np.ones(true.shape)
    weight[15:25, 20:30] = 0
    assert np.abs(through_values(values, weight, 0.3, 0.02) - true).max() < 0.06


def test_steps_are_summed_though_some_slip():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:40, 0:60] / 10
    true = np.sin(x) + 0.3 * y**2
    right, down = np.diff(true, axis=1), np.diff(true, axis=0)
    right[rng.random(right.shape) < 0.03] += 1
    got = through_steps(Steps(right, down, np.ones(right.shape), np.ones(down.shape)), 0.01, 0.05)
    off = got - true
    assert np.abs(off - np.median(off)).max() < 0.15


def test_the_solver_finds_the_least_squares():
    rng = np.random.default_rng(1)
    target, weight = rng.standard_normal((6, 7)), rng.uniform(0.2, 1, (6, 7))
    best = solve((6, 7), 0.4, values=(target, weight))

    def cost(z: np.ndarray) -> float:
        across = np.diff(np.diff(z, axis=0), axis=1)
        bending = sum((np.diff(z, 2, axis=a) ** 2).sum() for a in (0, 1)) + 2 * (across**2).sum()
        return float((weight * (z - target) ** 2).sum() + 0.4 * bending)

    assert all(cost(best) < cost(best + 0.02 * rng.standard_normal((6, 7))) for _ in range(50))
