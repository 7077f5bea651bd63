"""Damage to the sheet: it changes it, the same on a window as on the page, and leaves ink where it is."""

from functools import lru_cache

import numpy as np
import pytest

from ecgseg.render.draw.raster import traces_coverage
from ecgseg.render.levels import load_noise, noise_names
from ecgseg.render.sheet.damage import EFFECTS, Sheet, damage
from ecgseg.render.sheet.screen import _lit

STRONG = {
    "bleed": {"mm": [0.05, 0.15]},
    "creases": {"strength": [0.4, 1.0]},
    "cut_strip": {"mm": [2, 8]},
    "darkening": {"strength": [0.2, 0.5]},
    "dead_dots": {"strength": [0.6, 1.0], "count": [20, 25]},
    "dirt": {"specks": [50, 300]},
    "fading": {"strength": [0.3, 0.7]},
    "mould": {"strength": [0.5, 0.9]},
    "punch_holes": {},
    "rip": {"mm": [10, 40]},
    "rubbed": {"strength": [0.4, 0.9]},
    "scratches": {"strength": [0.4, 1.0]},
    "screen_pixels": {"dpi": [60, 130]},
    "show_through": {"strength": [0.2, 0.5]},
    "smudge": {"strength": [0.4, 0.9]},
    "soaking": {"strength": [0.2, 0.6]},
    "stains": {"strength": [0.2, 0.6]},
    "staples": {},
    "tape": {"strength": [0.3, 0.9]},
    "torn_corner": {"mm": [8, 30]},
    "torn_edge": {"mm": [0, 5]},
    "yellowing": {"strength": [0.2, 0.7]},
}
# What shows the paper's own colour asks the window for it, and finds it a little different there.
GONE = ("cut_strip", "punch_holes", "rip", "torn_corner", "torn_edge")
PPM = 5.0


def ruled(size=(150.0, 110.0), origin=(0.0, 0.0), shape=None) -> Sheet:
    """A sheet, or a window of it, with dark lines 0.35 mm wide every 7.13 mm."""
    shape = shape or (round(size[1] * PPM), round(size[0] * PPM))
    return Sheet(drawn(size, origin, shape).copy(), PPM, origin, size)


@lru_cache
def drawn(size, origin, shape) -> np.ndarray:
    cover = np.zeros(shape, np.float32)
    for y in np.arange(3.3, size[1], 7.13):
        line = (np.array([[-5.0, y], [size[0] + 5, y]]) - origin) * PPM
        cover = np.maximum(cover, traces_coverage([line], 0.35 * PPM, shape))
    return np.rint(np.array([238, 232, 222]) * (1 - cover[..., None]) + 40 * cover[..., None]).astype(np.uint8)


def done(name: str, seed: int, **where) -> Sheet:
    sheet = ruled(**where)
    damage(sheet, {name: STRONG[name] | {"p": 1.0}}, np.random.default_rng(seed))
    return sheet


def test_every_effect_is_tested():
    assert set(STRONG) == set(EFFECTS)


@pytest.mark.parametrize("name", sorted(STRONG))
def test_an_effect_changes_the_sheet_and_repeats_with_its_seed(name):
    clean, changed = ruled(), 0
    for seed in range(3):
        first, again = done(name, seed), done(name, seed)
        assert first.image.shape == clean.image.shape and first.image.dtype == np.uint8
        assert np.array_equal(first.image, again.image)
        assert (first.alpha is None) == (again.alpha is None)
        changed += not np.array_equal(first.image, clean.image) or first.alpha is not None
    assert changed >= 2


@pytest.mark.parametrize("name", sorted(STRONG))
def test_a_window_is_damaged_like_the_page(name):
    x0, y0, n = 110, 170, 224
    for seed in range(2):
        page = done(name, seed)
        part = done(name, seed, origin=(x0 / PPM, y0 / PPM), shape=(n, n))
        inner = np.s_[24:-24, 24:-24]
        wanted = page.image[y0 : y0 + n, x0 : x0 + n][inner].astype(float)
        off = np.abs(part.image[inner] - wanted).max(axis=2)
        assert (off > 12).mean() < 0.01, f"seed {seed}: {(off > 12).mean():.3f} differ"
        gone = np.zeros((n, n)) if page.alpha is None else 255.0 - page.alpha[y0 : y0 + n, x0 : x0 + n]
        here = np.zeros((n, n)) if part.alpha is None else 255.0 - part.alpha
        assert (np.abs(gone - here) > 40).mean() < 0.002


@pytest.mark.parametrize("name", sorted(set(STRONG) - {*GONE, "smudge"}))
def test_no_effect_moves_ink(name):
    moved = []
    for seed in range(4):
        value = done(name, seed).image.mean(axis=2)
        for y in np.arange(10.43, 105, 7.13) * PPM:
            rows = round(y) + np.arange(-9, 10)
            part = value[rows, 60:-60]
            ground = np.linspace(part[:4].mean(axis=0), part[-4:].mean(axis=0), len(rows))
            ink = np.maximum(ground - part, 0) * (np.abs(rows - y) < 6)[:, None]
            seen = ink.sum(axis=0) > 100
            moved.append((ink * (rows - y)[:, None]).sum(axis=0)[seen] / ink.sum(axis=0)[seen])
    assert abs(np.concatenate(moved).mean()) < 0.05


@pytest.mark.parametrize("name", GONE)
def test_paper_that_is_gone_is_marked_and_little(name):
    for seed in range(4):
        alpha = done(name, seed).alpha
        assert alpha is not None and alpha.dtype == np.uint8
        assert 0 < (alpha < 128).mean() < 0.2 and alpha[220:330, 320:430].min() == 255


def test_a_hole_has_its_size():
    for seed in range(3):
        sheet = ruled(size=(200.0, 150.0))
        EFFECTS["punch_holes"](sheet, np.random.default_rng(seed))
        area = (255 - sheet.alpha).sum() / 255 / PPM**2
        assert area == pytest.approx(2 * np.pi * 3**2, rel=0.03) or area == pytest.approx(3 * np.pi * 4**2, rel=0.03)


def test_light_of_a_screen_is_shared_exactly():
    x = np.linspace(3.0, 60.0, 400)
    for middle, width in ((0.0, 0.3), (1 / 3, 0.25), (-1 / 3, 0.9)):
        fine = np.arange(2.0, 62.0, 1e-3)
        on = np.abs((fine - middle + 0.5) % 1 - 0.5) < width / 2
        for pixel in (0.4, 1.7):
            wanted = [on[(fine > p - pixel / 2) & (fine < p + pixel / 2)].mean() for p in x]
            assert np.abs(_lit(x, pixel, middle, width) - wanted).max() < 0.01


@pytest.mark.parametrize("level", noise_names())
def test_every_effect_of_a_level_takes_the_ranges_given(level):
    for name, options in load_noise(level).paper.items():
        sheet = ruled()
        damage(sheet, {name: options | {"p": 1.0}}, np.random.default_rng(2))
        assert sheet.image.shape == ruled().image.shape and sheet.image.dtype == np.uint8, name
