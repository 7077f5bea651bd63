"""The study's pages against an independent drawing by its rule, and its noise."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ecgseg.ptb import load_records
from ecgseg.recording import Recording
from ecgseg.render.capture.noise import PATTERNS, pattern_tile, salt_and_pepper, tiled_pattern
from ecgseg.render.study import STACK_LEADS, StudyPage, panel_page, stacked_page, study_mask


@pytest.fixture(scope="module")
def recording() -> Recording:
    return load_records(None, "val")[0]


def drawn_by_rule(points: list[np.ndarray], width_px: int) -> np.ndarray:
    """White polylines on black through the points rounded to whole pixels, drawn open by cv2.polylines."""
    canvas = np.zeros((960, 1970), np.uint8)
    for trace in points:
        cv2.polylines(canvas, [np.rint(trace).astype(np.int32).reshape(-1, 1, 2)], False, 255, width_px)
    return canvas


def expected_panels(recording: Recording) -> list[np.ndarray]:
    """10 s in four panels of 240 px, right two thirds of 1970 x 960 px, 96 px per mV, median at 0 mV."""
    n = round(10 * recording.fs)
    signal = recording.signal[:4, :n].astype(float)
    signal -= np.median(signal, axis=1, keepdims=True)
    x = 657 + np.arange(n) * (1969 - 657) / n
    return [np.stack([x, 120 + 240 * row - 96.0 * signal[row]], axis=1) for row in range(4)]


def test_panel_page_is_drawn_by_the_rule(recording):
    page = panel_page(recording)
    truth = expected_panels(recording)
    assert isinstance(page, StudyPage) and page.image.shape == (960, 1970, 3)
    assert list(page.points) == ["I", "II", "III", "aVR"] and page.px_per_mv == 96
    for points, expected in zip(page.points.values(), truth, strict=True):
        np.testing.assert_allclose(points, expected, atol=1e-6)
    ink = 255 - page.image
    for channel in range(3):
        np.testing.assert_array_equal(ink[..., channel], drawn_by_rule(truth, 1))
    np.testing.assert_array_equal(page.mask, drawn_by_rule(truth, 2))


def test_the_contour_does_not_close():
    points = np.array([[100, 100], [300, 20], [500, 140.4]])
    np.testing.assert_array_equal(study_mask(points, (960, 1970)), drawn_by_rule([points], 2))
    closing_line = study_mask(points, (960, 1970))[110:118, 250:300]
    assert not closing_line.any()


def test_mask_takes_a_dict_a_list_or_one_array():
    one, two = np.array([[5, 5], [50, 9.0]]), np.array([[5, 25], [50, 29.0]])
    both = study_mask({"I": one, "II": two}, (40, 60, 3))
    np.testing.assert_array_equal(both, study_mask([one, two], (40, 60)))
    np.testing.assert_array_equal(both, study_mask(one, (40, 60)) | study_mask(two, (40, 60)))
    assert set(np.unique(both)) == {0, 255}


def test_nan_breaks_the_line():
    x = np.arange(10.0, 60.0)
    points = np.stack([x, np.full(50, 20.0)], axis=1)
    points[20:30, 1] = np.nan
    mask = study_mask(points, (40, 80))
    assert mask[:, 12:28].any(axis=0).all() and mask[:, 42:58].any(axis=0).all()
    assert not mask[:, 33:37].any()


def test_stacked_page_says_which_rows_are_missing(recording):
    page = stacked_page(recording)
    assert list(page.points) == list(recording.leads)
    assert "12 of 15" in page.warnings[0] and "vx, vy, vz" in page.warnings[0]
    assert not page.mask[int(12.6 * 64) :].any()
    np.testing.assert_array_equal(page.mask, drawn_by_rule(list(page.points.values()), 2))
    np.testing.assert_array_equal(255 - page.image[..., 0], drawn_by_rule(list(page.points.values()), 1))


def test_stacked_page_draws_fifteen_leads():
    wave = 0.5 * np.sin(np.arange(1000) / 20)
    page = stacked_page(SimpleNamespace(signal=np.tile(wave, (15, 1)), fs=100.0, leads=STACK_LEADS))
    assert page.warnings == [] and len(page.points) == 15
    rows = page.mask.reshape(15, 64, 1970).any(axis=(1, 2))
    assert rows.all()


def test_pages_say_what_does_not_fit(recording):
    with pytest.raises(ValueError, match="takes 4 leads"):
        panel_page(recording, leads=("I", "II"))
    with pytest.raises(ValueError, match="no lead V9"):
        panel_page(recording, leads=("I", "II", "III", "V9"))
    with pytest.raises(ValueError, match="background"):
        panel_page(recording, background=np.zeros((10, 10, 3), np.uint8))
    tall = Recording("tall", np.tile(5.0 * (np.arange(500) > 400), (12, 1)), 100.0)
    assert any("I leaves the page" in w for w in panel_page(tall).warnings)


def test_background_is_kept_around_the_trace(recording):
    background = np.full((960, 1970, 3), (250, 240, 200), np.uint8)
    page = panel_page(recording, background=background, ink=(0, 0, 90))
    drawn = drawn_by_rule(list(page.points.values()), 1) > 0
    assert (page.image[~drawn] == (250, 240, 200)).all() and (page.image[drawn] == (0, 0, 90)).all()
    assert (background == (250, 240, 200)).all()


@pytest.mark.parametrize("shape", [(400, 500), (400, 500, 3)])
def test_salt_and_pepper_shares(shape):
    grey = np.full(shape, 128, np.uint8)
    noisy = salt_and_pepper(grey, np.random.default_rng(3), salt=0.02, pepper=0.05)
    assert (grey == 128).all() and set(np.unique(noisy)) == {0, 128, 255}
    assert abs((noisy == 255).mean() - 0.02) < 0.002 and abs((noisy == 0).mean() - 0.05) < 0.003
    again = salt_and_pepper(grey, np.random.default_rng(3), salt=0.02, pepper=0.05)
    np.testing.assert_array_equal(noisy, again)
    with pytest.raises(ValueError, match="together at most 1"):
        salt_and_pepper(grey, np.random.default_rng(3), salt=0.6, pepper=0.6)


@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_is_tiled_and_multiplied(name):
    tile = pattern_tile(name)
    assert tile.min() >= 0 and tile.max() <= 1 and tile.std() > 0.1
    white = np.full((250, 310, 3), 200, np.uint8)
    out = tiled_pattern(white, name, strength=0.5)
    h, w = tile.shape
    np.testing.assert_array_equal(out[:-h], out[h:])
    np.testing.assert_array_equal(out[:, :-w], out[:, w:])
    np.testing.assert_array_equal(out[:h, :w, 0], np.rint(200 * (1 - 0.5 * (1 - tile))))
    np.testing.assert_array_equal(tiled_pattern(white, name, strength=0.0), white)
    assert (tiled_pattern(np.zeros_like(white), name, 0.5) == 0).all()


def test_pattern_from_a_tile_a_generator_and_its_errors():
    page = np.full((50, 70), 200, np.uint8)
    tile = np.array([[255, 0]], np.uint8)
    out = tiled_pattern(page, tile, strength=0.25)
    assert (out[:, ::2] == 200).all() and (out[:, 1::2] == 150).all()
    drawn = [tiled_pattern(page, np.random.default_rng(seed), 0.5) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    with pytest.raises(ValueError, match="the choices are dots"):
        tiled_pattern(page, "stripes")
    with pytest.raises(ValueError, match="strength"):
        tiled_pattern(page, "dots", 1.5)
