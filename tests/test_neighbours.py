"""Rows that run into each other: what is known of one is taken out of the page before the other is read again."""

from dataclasses import dataclass, replace

import numpy as np

from ecgseg.digitize.trace import neighbours
from ecgseg.digitize.trace.confidence import Evidence
from ecgseg.digitize.trace.neighbours import read_apart
from ecgseg.erase import erased
from ecgseg.subcolumns import SUBCOLUMNS

WIDTH, HEIGHT = 600, 400
INSIDE = np.ones((2, WIDTH * SUBCOLUMNS), bool)


@dataclass
class BySpread:
    """A calibration that believes what the evidence's mass says."""

    def __call__(self, evidence):
        return evidence.mass.astype(float), evidence.mass > 0.05


def draw(page, y):
    for x, v in enumerate(np.rint(y).astype(int)):
        page[max(0, v - 1) : v + 2, x] = 0


def rows():
    """Two rows on grey-lined paper: the upper one's wave comes down to the lower one's level between x 250 and 350."""
    page = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    page[::8] = 215
    x = np.arange(WIDTH)
    upper = 120 + 130 * np.exp(-(((x - 300) / 30.0) ** 2))
    lower = np.full(WIDTH, 250.0)
    draw(page, upper)
    draw(page, lower)
    return page, upper, lower


def evidence(*ys):
    y = np.repeat(np.stack(ys), SUBCOLUMNS, axis=1)
    one = np.ones_like(y)
    level = one * np.array([[120.0], [250.0]])
    return Evidence(np.zeros(2, int), level, y, one, 0.5 * one, one, 500 * one)


def darkest(page, i, start, stop):
    """Read the darkest row of pixels near the row's own half of the page, all of the page's columns at once."""
    own = page[160:330].mean(axis=2)
    y = np.repeat(160.0 + own.argmin(axis=0), SUBCOLUMNS)[None]
    seen = np.where(np.repeat(own.min(axis=0) < 100, SUBCOLUMNS)[None], 0.95, 0.0)
    return Evidence(np.zeros(1, int), np.full_like(y, 250.0), y, seen, 0.5 + 0 * y, 1 + 0 * y, 500 + 0 * y)


def test_erased_ink_gives_way_to_paper_and_grid():
    page, _, _ = rows()
    ink = np.zeros((HEIGHT, WIDTH), bool)
    ink[117:124, :200] = True
    clean = erased(page, ink)
    assert clean[112:128, 5:195].min() > 190 and page[112:128, 5:195].min() == 0
    np.testing.assert_array_equal(clean[:, 210:], page[:, 210:])


def test_a_doubted_place_is_read_without_the_other_row():
    page, upper, lower = rows()
    wrong = lower.copy()
    wrong[270:330] = upper[270:330]  # the lower row was drawn away by the upper one's wave
    found = evidence(upper, wrong)
    found.mass[1, 265 * SUBCOLUMNS : 335 * SUBCOLUMNS] = 0.3
    again = read_apart(page, found, INSIDE, BySpread(), darkest)
    off = np.abs(again.y[1].reshape(WIDTH, SUBCOLUMNS)[:, 0] - lower)
    assert np.median(off[265:335]) < 2 and off[:250].max() < 1e-9
    np.testing.assert_array_equal(again.y[0], found.y[0])
    assert again.mass[1, 300 * SUBCOLUMNS - 80 : 300 * SUBCOLUMNS - 60].min() > 0.9


def test_what_is_no_surer_is_not_taken_and_sure_rows_are_not_read_again():
    page, upper, lower = rows()
    calls = []

    def unsure(*args):
        calls.append(args)
        return replace(darkest(*args), mass=np.full((1, WIDTH * SUBCOLUMNS), 0.31))

    found = evidence(upper, lower)
    assert read_apart(page, found, INSIDE, BySpread(), unsure) is found and not calls
    found.mass[1, 280 * SUBCOLUMNS : 320 * SUBCOLUMNS] = 0.3
    again = read_apart(page, found, INSIDE, BySpread(), unsure)
    assert calls and again is found


def test_doubt_away_from_other_rows_costs_no_reading():
    page, upper, lower = rows()
    found = evidence(upper, lower)
    found.mass[1, 40 * SUBCOLUMNS : 90 * SUBCOLUMNS] = 0.3

    def never(*args):
        raise AssertionError("nothing of the other row is near")

    assert read_apart(page, found, INSIDE, BySpread(), never) is found


def test_the_pen_is_measured():
    page, upper, lower = rows()
    found = evidence(upper, lower)
    assert 2.5 < neighbours._pen(page, found, found.mass) < 3.5
