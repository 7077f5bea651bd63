"""Effects on the picture: they change it, are reproducible, and move no ink."""

import albumentations
import numpy as np
import pytest

from ecgseg.render.capture.take import EFFECTS, capture
from ecgseg.render.draw.raster import traces_coverage
from ecgseg.render.fields import lay, multiply, normal_noise
from ecgseg.render.levels import load_noise, noise_names

# Each effect as strongly as any level asks for, or more.
STRONG = {
    "adaptive": {"block": [21, 51], "offset": [0.15, 0.3]},
    "banding": {"strength": [0.02, 0.06]},
    "binarize": {"level": [0.4, 0.7]},
    "blur": {"sigma": [0.5, 1.6]},
    "camera_noise": {"read": [2, 5], "shot": [3, 8]},
    "color_fringe": {"shift": [0.5, 1.0]},
    "defocus": {"radius": [1, 2.5]},
    "denoise": {"strength": [0.3, 1.0]},
    "dither": {},
    "dust": {"per_megapixel": [50, 200]},
    "edge_shadow": {"width": [0.01, 0.05], "strength": [0.3, 0.9]},
    "exposure": {"stops": [-1.2, 0.8]},
    "fax": {"columns": [0.6, 1.0], "rows": [0.5, 1.0]},
    "gaussian_noise": {"sigma": [4, 20]},
    "glare": {"strength": [0.2, 0.7]},
    "grey": {},
    "halftone": {},
    "illumination": {"strength": [0.2, 0.6]},
    "jpeg": {"quality": [20, 60]},
    "jpeg_again": {"quality": [30, 70]},
    "moire": {"strength": [0.05, 0.15]},
    "motion_blur": {"length": [2, 5]},
    "pattern": {"strength": [0.2, 0.6]},
    "photocopy": {"generations": [1, 3]},
    "reflections": {"strength": [0.1, 0.3]},
    "resample": {"factor": [0.4, 0.9]},
    "salt_pepper": {"amount": [0.005, 0.03]},
    "shadow": {"strength": [0.2, 0.6]},
    "sharpen": {"amount": [0.5, 2.0]},
    "silhouette": {"strength": [0.2, 0.5]},
    "streaks": {"strength": [0.05, 0.3]},
    "tint": {"strength": [0.05, 0.15]},
    "tone": {"contrast": [0.6, 1.6], "brightness": [-30, 30], "gamma": [0.6, 1.7]},
    "vignette": {"strength": [0.2, 0.6]},
    "webp": {"quality": [30, 80]},
    "whiten": {"strength": [0.6, 1.0]},
}
LINES = np.array([40.3, 92.85, 140.5, 200.15])


def picture(across: bool) -> np.ndarray:
    """Four thin sloping lines on a warm grey sheet, along x or along y."""
    ends = [np.array([[-4.0, y], [260.0, y + 3.7]]) for y in LINES]
    cover = traces_coverage(ends, 2.2, (240, 256))[..., None]
    image = np.rint(np.array([236, 230, 220]) * (1 - cover) + np.array([40, 36, 50]) * cover).astype(np.uint8)
    return image if across else np.ascontiguousarray(image.transpose(1, 0, 2))


def centres(image: np.ndarray, across: bool) -> np.ndarray:
    """The centre of gravity of each line's ink (4, 256), px."""
    value = image.mean(axis=2) if across else image.mean(axis=2).T
    x = np.arange(value.shape[1])
    found = []
    for y in LINES:
        middle = y + 3.7 * (x + 4) / 264
        rows = np.rint(middle).astype(int)[None] + np.arange(-7, 8)[:, None]
        part = value[rows, x[None]]
        # The background on both sides, level by level: uneven light is not a shift.
        ground = np.linspace(part[:3].mean(axis=0), part[-3:].mean(axis=0), 15)
        ink = np.maximum(ground - part, 0) * (np.abs(rows - middle) < 5)
        found.append((ink * (rows - middle)).sum(axis=0) / np.maximum(ink.sum(axis=0), 1))
    return np.array(found)


def test_every_effect_is_tested():
    assert set(STRONG) == set(EFFECTS)


@pytest.mark.parametrize("name", sorted(STRONG))
def test_no_effect_moves_ink(name):
    for across in (True, False):
        image = picture(across)
        before = centres(image, across)
        moved = [centres(EFFECTS[name](image, np.random.default_rng(s), **STRONG[name]), across) for s in range(8)]
        assert abs(np.mean(np.array(moved) - before)) < 0.05


@pytest.mark.parametrize("name", sorted(STRONG))
def test_an_effect_changes_the_picture_and_repeats_with_its_seed(name):
    image = picture(True)
    kept = image.copy()
    first, again, other = (EFFECTS[name](image, np.random.default_rng(s), **STRONG[name]) for s in (3, 3, 4))
    assert np.array_equal(image, kept), "the picture given is not touched"
    assert first.shape == image.shape and first.dtype == np.uint8 and first.flags.c_contiguous
    assert np.array_equal(first, again)
    assert not np.array_equal(first, image) or not np.array_equal(other, image)


@pytest.mark.parametrize("name", sorted(STRONG))
def test_small_and_odd_pictures_work(name):
    image = np.random.default_rng(0).integers(0, 255, (33, 47, 3), np.uint8)
    assert EFFECTS[name](image, np.random.default_rng(1), **STRONG[name]).shape == image.shape


def test_albumentations_that_levels_use_move_no_ink():
    levels = [load_noise(n).capture for n in noise_names()]
    used = {k: v | {"p": 1.0} for effects in levels for k, v in effects.items() if k not in EFFECTS}
    for name, options in used.items():
        assert hasattr(albumentations, name)
        image = picture(True)
        moved = [centres(capture(image, {name: options}, np.random.default_rng(s)), True) for s in range(6)]
        assert abs(np.mean(np.array(moved) - centres(image, True))) < 0.05, name


@pytest.mark.parametrize("level", noise_names())
def test_every_effect_of_a_level_takes_the_ranges_given(level):
    image = picture(True)
    for name, options in load_noise(level).capture.items():
        out = capture(image, {name: options | {"p": 1.0}}, np.random.default_rng(1))
        assert out.shape == image.shape and out.dtype == np.uint8, name


@pytest.mark.parametrize("sigma", [0.4, 1.0, 7.0])
def test_noise_has_the_spread_asked_for(sigma):
    noise = normal_noise(np.random.default_rng(0), (400, 500), sigma)
    assert noise.dtype == np.int16 and abs(noise.mean()) < 0.02 * max(sigma, 1)
    # Rounding to whole levels adds a twelfth to the variance.
    assert noise.std() == pytest.approx(np.hypot(sigma, 0.29), rel=0.1)


def test_colours_are_laid_on_and_multiplied_to_a_level():
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    cover = np.random.default_rng(1).random((50, 60)).astype(np.float32)
    wanted = image * (1 - cover[..., None]) + cover[..., None] * np.array([200, 100, 50])
    assert np.abs(lay(image, cover, (200, 100, 50)) - wanted).max() <= 2
    half = multiply(image, np.full((5, 6), 0.5, np.float32))
    assert np.abs(half - image / 2).max() <= 0.5
