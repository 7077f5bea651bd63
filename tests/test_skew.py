"""The turn of a page without a grid."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ecgseg.digitize.flat.grid import flatten, grid_from_scale
from ecgseg.digitize.flat.skew import skew_deg
from ecgseg.ptb import load_records
from ecgseg.render.page import render_page
from ecgseg.render.printed.style import sample_style


@pytest.fixture(scope="module")
def picture():
    """A page whose first record drifts: its rows alone look turned by a degree."""
    style = replace(sample_style(np.random.default_rng(5)), grid="none", sheet="a4", crowding=1.0)
    return render_page(load_records(None, "val")[0], "3x4_1r", "none", 3, 5.5, style=style).image


def turned(picture, angle):
    h, w = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), -angle, 1)
    return cv2.warpAffine(picture, matrix, (w, h), borderValue=(255, 255, 255))


def test_a_level_page_whose_rows_drift_is_level(picture):
    assert skew_deg(picture) == 0


@pytest.mark.parametrize("angle", [-4.0, 2.5, 6.0])
def test_a_turned_page_is_seen_and_set_upright(picture, angle):
    crooked = turned(picture, angle)
    assert skew_deg(crooked) == pytest.approx(angle, abs=0.15)
    upright = flatten(crooked, grid_from_scale(crooked, 5.5, skew_deg(crooked)), 5.5).image
    assert abs(skew_deg(upright)) < 0.31


def test_where_nothing_is_level_nothing_is_turned():
    rng = np.random.default_rng(0)
    assert skew_deg(np.full((300, 400, 3), 255, np.uint8)) == 0
    assert skew_deg(rng.integers(0, 255, (300, 400, 3), np.uint8)) == 0
