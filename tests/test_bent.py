"""Photographed and bent paper: the map that the grid's phase gives, against the one the page was drawn with."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ecgseg.digitize.flat.bent import flatten_bent, recounted
from ecgseg.digitize.flat.flatten import flat_page
from ecgseg.errors import GridError
from ecgseg.nets.weights import load_net
from ecgseg.ptb import load_records
from ecgseg.render.levels import Noise
from ecgseg.render.page import render_page
from ecgseg.render.printed.style import sample_style

GRID = load_net(kind="grid")[0]
TILTED = {"perspective": {"p": 1, "tilt": [8, 20]}, "frame": {"p": 1, "share": [0.02, 0.08]}}
BENT = {
    "tilted": TILTED,
    "turned": TILTED | {"rotate": {"p": 1, "degrees": [25, 35]}},
    "curled": TILTED | {"curl": {"p": 1, "degrees": [8, 16], "spine_p": 0.0}},
    "folded": TILTED | {"folds": {"p": 1, "degrees": [4, 8]}},
}


def photo(geometry: dict, grid: str = "full", seed: int = 4):
    style = sample_style(np.random.default_rng(0))
    red = np.array([0.9, 0.4, 0.4])
    style = replace(
        style, grid=grid, minor_color=red, major_color=red, minor_strength=0.5, major_strength=0.8, dash_mm=0.0,
        grid_gaps=0.0, paper=np.ones(3), trace_color=np.zeros(3), minor_width=0.15, major_width=0.3, grid_box=None,
    )  # fmt: skip
    recording = load_records(split="val")[1]
    return render_page(recording, "3x4_1r", Noise("bent", geometry=geometry), seed, 7.0, style=style)


def residual_mm(page, flat) -> np.ndarray:
    """Return how far (n,) in mm the flat page is off the true one, but for where it begins and how it is turned."""
    h, w = flat.image.shape[:2]
    at = np.stack(np.meshgrid(np.arange(30, w - 30, 25), np.arange(30, h - 30, 25)), -1).reshape(-1, 2).astype(float)
    px = flat.to_image(at)
    mm = cv2.remap(page.warp.inverse(), px.astype(np.float32)[None], None, cv2.INTER_LINEAR)[0].astype(float)
    inside = ((mm > 2) & (mm < np.array(page.warp.size) - 2)).all(axis=1)
    here, there = at[inside] / flat.px_per_mm, mm[inside]
    here, there = here - here.mean(0), there - there.mean(0)
    u, _, vt = np.linalg.svd(here.T @ there)  # turned and moved, but not scaled
    assert len(here) > 1000
    return np.linalg.norm(here @ (u @ vt) - there, axis=1)


@pytest.mark.parametrize("kind", BENT)
def test_bent_paper_is_flattened_to_its_true_millimetres(kind):
    page = photo(BENT[kind])
    flat = flatten_bent(page.image)
    assert flat.grid.source == "followed"
    off = residual_mm(page, flat)
    assert np.sqrt((off**2).mean()) < 0.06 and np.quantile(off, 0.99) < 0.25


def test_a_grid_of_5_mm_lines_alone_is_followed():
    page = photo(BENT["tilted"], grid="major")
    off = residual_mm(page, flatten_bent(page.image))
    assert np.sqrt((off**2).mean()) < 0.1


def test_the_flat_page_holds_the_picture_at_its_places():
    page = photo(BENT["curled"])
    flat = flatten_bent(page.image)
    points = np.random.default_rng(0).uniform(200, 900, (400, 2)).round()
    seen = cv2.remap(page.image, flat.to_image(points).astype(np.float32)[None], None, cv2.INTER_CUBIC)[0]
    there = flat.image[points[:, 1].astype(int), points[:, 0].astype(int)]
    assert np.median(np.abs(seen.astype(int) - there)) <= 3


def test_flat_scans_are_not_bent():
    flat = flat_page(photo({"skew": {"p": 1, "degrees": [1, 1]}}).image, None, GRID)
    assert flat.grid.source == "measured" and flat.lattice is None


def test_paper_without_a_grid_is_refused():
    with pytest.raises(GridError, match=r"digitize\.px_per_mm"):
        flat_page(photo(BENT["tilted"], grid="none").image, None, GRID)


def test_slipped_counts_are_put_right():
    y, x = np.mgrid[0:30, 0:40] / 10.0
    true = 12 * x + 0.8 * np.sin(x / 2) + 0.3 * y**2
    slipped = true + 1.0 * (np.hypot(x - 2, y - 1.5) < 0.5) - 2.0 * (np.hypot(x - 3.2, y - 0.8) < 0.4)
    assert np.array_equal(recounted(slipped, np.ones_like(true)), true)
