"""Rows that cross, read as if they bounced off each other, get their pieces back; rows that only touch keep theirs."""

import numpy as np
import pytest

from ecgseg.digitize.trace.confidence import Evidence
from ecgseg.digitize.trace.exchange import exchanged
from ecgseg.subcolumns import SUBCOLUMNS

WIDTH = 400
X = np.arange(WIDTH * SUBCOLUMNS) / SUBCOLUMNS
UPPER, LOWER = 100.0, 260.0  # px: rows 20 mm apart


def wave(at: float, height: float, half_width: float) -> np.ndarray:
    return height * np.clip(1 - np.abs(X - at) / half_width, 0, None)


def evidence(upper: np.ndarray, lower: np.ndarray) -> Evidence:
    y = np.stack([upper, lower])
    one = np.ones_like(y)
    mass = one * np.array([[0.9], [0.8]])
    return Evidence(np.zeros(2, int), one * np.array([[UPPER], [LOWER]]), y, mass, 0.5 * one, one, 500 * one)


def bounced(upper: np.ndarray, lower: np.ndarray) -> Evidence:
    """Rows read as if they turned round wherever they meet: the one stays above the other."""
    return evidence(np.minimum(upper, lower), np.maximum(upper, lower))


INSIDE = np.ones((2, WIDTH * SUBCOLUMNS), bool)


@pytest.mark.parametrize("half_width", [8.0, 14.0])
@pytest.mark.parametrize("later", [-1.0, 0.0, 2.0])
def test_waves_that_cross_are_given_back(half_width, later):
    upper = UPPER + wave(200, 200, half_width) + 3 * np.sin(X / 9)
    lower = LOWER - wave(200 + later, 190, half_width) + 3 * np.sin(X / 7)
    read = bounced(upper, lower)
    assert np.abs(read.y - [upper, lower]).max() > 50
    found = exchanged(read, INSIDE)
    wrong = np.abs(found.y - [upper, lower]) > 2
    assert wrong.mean() < 0.003  # the very place where they meet, and there no more than they differ
    assert np.abs(found.y - [upper, lower])[wrong].max(initial=0) < 40
    # What is known of a piece goes with it.
    assert np.array_equal(np.sort(found.mass, axis=0), np.sort(read.mass, axis=0)) and found.mass[0].min() < 0.85


def test_order_of_the_rows_does_not_matter():
    upper, lower = UPPER + wave(200, 200, 10), LOWER - wave(200, 190, 10)
    read = bounced(upper, lower)
    turned = Evidence(
        *(value[::-1] for value in (read.left, read.level, read.y, read.mass, read.spread, read.ink, read.piece))
    )
    assert np.array_equal(exchanged(turned, INSIDE).y[::-1], exchanged(read, INSIDE).y)


def test_waves_that_touch_and_go_back_keep_what_is_theirs():
    read = evidence(UPPER + wave(200, 79, 10), LOWER - wave(200, 79, 10))
    assert np.array_equal(exchanged(read, INSIDE).y, read.y)


def test_a_crossing_that_was_read_right_stays():
    read = evidence(UPPER + wave(200, 200, 10), LOWER - wave(200, 190, 10))
    assert np.array_equal(exchanged(read, INSIDE).y, read.y)


def test_places_far_apart_are_two_touches():
    read = evidence(
        UPPER + wave(150, 79, 10) + wave(250, 79, 10), LOWER - wave(150, 79, 10) - wave(250, 79, 10)
    )  # 100 px are half a second
    assert np.array_equal(exchanged(read, INSIDE).y, read.y)


def test_what_is_not_printed_is_not_exchanged():
    read = bounced(UPPER + wave(200, 200, 10), LOWER - wave(200, 190, 10))
    inside = INSIDE.copy()
    inside[1, : 200 * SUBCOLUMNS] = False
    assert np.array_equal(exchanged(read, inside).y, read.y)
