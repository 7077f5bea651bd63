"""Whole pages through bent paper and bad light: their truth is exact, and what cannot be seen is said to be so."""

import numpy as np
import pytest

from ecgseg.layout import layout_names
from ecgseg.ptb import load_records
from ecgseg.render.bench import round_trip_db
from ecgseg.render.exactness import marker_errors
from ecgseg.render.levels import Noise, choose, load_noise, noise_names, parse_noise
from ecgseg.render.page import grid_crossings, is_seen, render_page

RECORDS = load_records(split="val")


def test_markers_are_found_where_the_truth_says():
    errors, names = [], layout_names()
    for k, level in enumerate(["scan", "photo", "damaged", "screen", "photocopy", "photo"]):
        page = render_page(RECORDS[k % len(RECORDS)], names[3 * k], level, k, 100 / 25.4)
        errors.append(marker_errors(page, 20, seed=k))
    errors = np.concatenate(errors)
    assert len(errors) > 80 and np.median(errors) < 0.02 and errors.max() < 0.2


@pytest.mark.slow
def test_perfect_targets_from_photos_come_back_at_28_db():
    pages = [render_page(RECORDS[k], "3x4_1r", "photo", np.random.default_rng([k, 6])) for k in range(4)]
    assert np.mean([round_trip_db(page) for page in pages]) > 28


def test_grid_crossings_are_where_grid_lines_cross():
    noise = Noise("tilted", geometry={"perspective": {"p": 1, "tilt": [10, 20]}})
    page = render_page(RECORDS[0], "3x4_1r", noise, 3, 8.0)
    mm = grid_crossings(page.scene)
    style = page.scene.style
    assert len(mm) > 200 and np.abs(page.warp.forward(mm) - page.crossings).max() == 0
    steps = (mm - [style.grid_x, style.grid_y]) / 5
    assert np.abs(steps - np.rint(steps)).max() < 1e-9
    ink = 255.0 - page.image.min(axis=2)
    at = np.rint(page.crossings[is_seen(page.crossings, page.image.shape[:2], None)]).astype(int)
    h, w = page.image.shape[:2]
    at = at[(at > 12).all(axis=1) & (at[:, 0] < w - 12) & (at[:, 1] < h - 12)]
    on, off = (np.median(ink[at[:, 1] + d, at[:, 0] + d]) for d in (0, 4))
    assert on > off + 8


def test_what_is_torn_away_is_not_in_the_truth():
    noise = Noise("torn", paper={"cut_strip": {"p": 1, "mm": [40, 40]}})
    whole, torn = (render_page(RECORDS[1], "12x1", n, 5, 5.0) for n in ("none", noise))
    hidden = 1 - np.mean(np.concatenate(torn.visible))
    assert 0.02 < hidden < 0.8 and np.concatenate(whole.visible).all()
    lost = np.isnan(torn.printed.signal).mean() - np.isnan(whole.printed.signal).mean()
    assert lost == pytest.approx(hidden, abs=0.03)


@pytest.mark.parametrize("name", noise_names())
def test_every_level_says_what_it_is_and_renders(name):
    noise = load_noise(name)
    drawn = {choose(noise, np.random.default_rng(k)).name for k in range(40)}
    assert drawn <= set(noise.mix) if noise.mix else drawn == {name}
    page = render_page(RECORDS[2], "6x2_0r", noise, 1, 3.0)
    assert page.noise in drawn and page.image.std() > 3


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"paper": {"sparkle": {"p": 1}}}, "sparkle"),
        ({"geometry": {"skew": {"degrees": [0, 1]}}}, "skew"),
        ({"cover": {"cat": {"p": 1}}}, "cat"),
        ({"around": {"moon": 1}}, "moon"),
        ({"dpi": [0, 10]}, "dpi"),
        ({"weather": {}}, "weather"),
    ],
)
def test_a_bad_noise_level_names_what_is_off(spec, named):
    with pytest.raises(ValueError, match=named):
        parse_noise("mine", spec)
