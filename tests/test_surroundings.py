"""What lies around and on a sheet: everything has the picture's size, repeats, and hides what it says it hides."""

import cv2
import numpy as np
import pytest

from ecgseg.render.around.surroundings import EFFECTS, KINDS, cover, surroundings
from ecgseg.render.shapes import outline

CORNERS = np.array([[60, 50], [400, 70], [385, 300], [45, 280]], np.int32)


def sheet(shape=(340, 450)) -> np.ndarray:
    seen = np.zeros(shape, np.uint8)
    return cv2.fillConvexPoly(seen, CORNERS, 255, cv2.LINE_AA)


@pytest.mark.parametrize("kind", KINDS)
def test_each_ground_fills_the_picture_and_repeats(kind):
    seen = sheet()
    first, again, other = (surroundings(np.random.default_rng(s), seen, {kind: 1}) for s in (1, 1, 2))
    assert first.shape == (*seen.shape, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and (kind == "plain" or not np.array_equal(first, other))
    small = surroundings(np.random.default_rng(0), np.full((61, 33), 255, np.uint8), {kind: 1})
    assert small.shape == (61, 33, 3)


def test_grounds_are_drawn_by_their_odds_and_named_when_unknown():
    seen = sheet()
    lids = [surroundings(np.random.default_rng(s), seen, {"dark": 1, "desk": 0}) for s in range(5)]
    assert np.mean(lids) < 60
    with pytest.raises(ValueError, match="lawn"):
        surroundings(np.random.default_rng(0), seen, {"lawn": 1})


def test_the_outline_is_found_within_a_few_pixels():
    assert np.abs(outline(sheet()) - CORNERS).max() < 6
    empty = outline(np.zeros((40, 60), np.uint8))
    assert np.array_equal(empty, [[0, 0], [59, 0], [59, 39], [0, 39]])


@pytest.mark.parametrize("name", EFFECTS)
def test_a_thing_hides_what_it_says_and_little_of_the_sheet(name):
    seen, found = sheet(), 0
    for seed in range(12):
        image = np.full((*seen.shape, 3), 240, np.uint8)
        hidden = cover(image, seen, {name: {"p": 1.0, "share": [0.02, 0.04]}}, np.random.default_rng(seed))
        assert hidden.shape == seen.shape and hidden.dtype == np.uint8
        assert (hidden[seen > 127] > 127).mean() < 0.045
        # A shadow dims the paper by half at most; where nothing is hidden the paper is still there.
        assert image[(hidden == 0)].min() > 90
        found += (hidden[seen > 127] > 127).any()
        again = np.full((*seen.shape, 3), 240, np.uint8)
        cover(again, seen, {name: {"p": 1.0, "share": [0.02, 0.04]}}, np.random.default_rng(seed))
        assert np.array_equal(image, again)
    assert found >= 6


def test_nothing_is_laid_on_without_an_effect():
    image = np.full((50, 60, 3), 200, np.uint8)
    assert cover(image, None, {"pen": {"p": 0.0}}, np.random.default_rng(0)) is None
    assert (image == 200).all()
    hidden = cover(image, None, {"pen": {"p": 1.0}}, np.random.default_rng(0))
    assert hidden is not None and hidden.shape == (50, 60)
