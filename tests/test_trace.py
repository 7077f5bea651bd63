"""Rows are cut, read and put back in page pixels; a trace that leaves its crop is followed; shared ink is doubted."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from ecgseg.digitize.trace.confidence import Evidence
from ecgseg.digitize.trace.trace import _one, _taken_over, cut, row_lengths, row_spans, trace_strips
from ecgseg.subcolumns import SUBCOLUMNS

PX = 8.0


@dataclass
class Strip:
    row: int
    x0: float
    x1: float
    baseline: float


def traces(net, image, strips):
    return trace_strips(net, image, strips)[1]


class InkReader(torch.nn.Module):
    """A network that takes every dark pixel for the trace of the strip; counts the crops it is given."""

    def __init__(self):
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def forward(self, image):
        self.seen.append(tuple(image.shape))
        dark = 1 - image.mean(dim=1)
        own = 16 * dark - 8
        return {"mask": torch.stack([own, own], 1), "line": (30 * dark).repeat_interleave(4, dim=2)[:, None]}


def draw(y, x0=100, shape=(900, 900)):
    """Draw y (n,) px, one per column from x0 on, 3 px thick and joined vertically; the middle of what is drawn is y."""
    page = np.full((*shape, 3), 255, np.uint8)
    for k, v in enumerate(np.rint(y).astype(int)):
        page[max(0, v - 1) : v + 2, x0 + k] = 0
    return page


@pytest.fixture
def net():
    return InkReader().eval()


def test_position_comes_back_in_page_pixels(net):
    y = 450 + 40 * np.sin(np.arange(640) / 60)
    ((x, found, confidence),) = traces(net, draw(y), [Strip(0, 100, 740, 450)])
    assert len(x) == 640 * 4 and x[0] >= 100 and x[-1] < 740
    column = np.clip(np.rint(x).astype(int) - 100, 0, 639)
    np.testing.assert_allclose(found[40:-40], np.rint(y)[column][40:-40], atol=0.05)
    assert confidence[40:-40].min() > 0.9


def test_trace_that_leaves_the_crop_is_followed(net):
    """30 mm up is outside ±28 mm, the first crop."""
    y = 450 - 30 * PX * np.exp(-(((np.arange(640) - 300) / 36.0) ** 2))
    ((x, found, confidence),) = traces(net, draw(y), [Strip(0, 100, 740, 450)])
    column = np.clip(np.rint(x).astype(int) - 100, 0, 639)
    tip = np.abs(column - 300) < 12
    assert np.rint(y)[300] == 210
    np.testing.assert_allclose(found[tip], np.rint(y)[column][tip], atol=0.05)
    assert confidence[tip].min() > 0.8
    heights = [shape[2] for shape in net.seen]
    assert heights == [448, 640] and net.seen[1][3] < net.seen[0][3]


def test_what_even_the_higher_crop_does_not_hold_is_not_invented(net):
    y = 450 - 52 * PX * np.exp(-(((np.arange(640) - 300) / 40.0) ** 2))
    ((x, found, _),) = traces(net, draw(y), [Strip(0, 100, 740, 450)])
    lost = y[np.clip(np.rint(x).astype(int) - 100, 0, 639)] < 450 - 41 * PX
    assert np.isnan(found[lost]).mean() > 0.9 and np.isfinite(found[~lost]).mean() > 0.9


def test_a_row_that_drifts_out_of_its_crop_is_read_to_its_end(net):
    y = 200 + 45 * PX / (1 + np.exp(-(np.arange(1400) - 800) / 80.0))
    ((x, found, confidence),) = traces(net, draw(y, shape=(900, 1600)), [Strip(0, 100, 1500, 200)])
    column = np.clip(np.rint(x).astype(int) - 100, 0, 1399)
    np.testing.assert_allclose(found[40:-40], np.rint(y)[column][40:-40], atol=1.0)
    assert confidence[40:-40].min() > 0.8


def test_the_length_of_a_rows_ink_is_measured_beyond_where_it_was_located(net):
    page = draw(np.full(640, 450.0))
    page[445:455, 20:23] = 0  # a speck beside the row is none of it
    (length,) = row_lengths(net, page, [Strip(0, 110, 720, 450)])
    assert length == pytest.approx(640 / PX - 0.4, abs=0.2)
    assert np.isnan(row_lengths(net, page, [Strip(0, 300, 600, 450)])).all()


def test_blank_page_gives_no_trace(net):
    ((_, found, confidence),) = traces(net, np.full((900, 900, 3), 255, np.uint8), [Strip(0, 100, 740, 450)])
    assert np.isnan(found).all() and (confidence == 0).all()


def test_two_rows_that_claim_the_same_ink_become_gaps(net):
    """The lower row's own trace is missing: its crop shows the upper row's, 10 mm above."""
    y = np.full(640, 450.0)
    alone = traces(net, draw(y), [Strip(0, 100, 740, 450)])[0]
    both = traces(net, draw(y), [Strip(0, 100, 740, 450), Strip(1, 120, 700, 530)])
    assert np.isfinite(alone[1][40:-40]).all()
    for _, found, confidence in both:
        assert np.isnan(found[400:-400]).all() and (confidence[400:-400] == 0).all()


def test_strips_of_a_row_share_a_crop_and_outside_the_page_is_paper():
    spans = row_spans([Strip(1, 300, 400, 20), Strip(0, 50, 100, 10), Strip(1, 100.5, 300, 24)])
    assert list(spans) == [0, 1] and (spans[1].centre, spans[1].x0, spans[1].x1) == (22, 100.5, 400)
    page = np.full((40, 40, 3), 200, np.uint8)
    page[:10, :10] = 7
    window = cut(page, -5, -5, 20, 20)
    assert (window[:5] == 200).all() and (window[5:15, 5:15] == 7).all() and (window[15:, 15:] == 200).all()


def test_a_level_that_went_astray_does_not_take_over_another_rows_trace():
    n = 400 * SUBCOLUMNS
    one = np.ones((2, n))
    level = one * np.array([[100.0], [200.0]])
    evidence = Evidence(np.array([0, 16]), level, level.copy(), one, 0.5 * one, one, 900 * one)
    along = _one(evidence, 0)
    along.y[0, : 200 * SUBCOLUMNS] = 200.5  # for 25 mm the first row's level lies on the second row
    along.y[0, 300 * SUBCOLUMNS : 310 * SUBCOLUMNS] = 199.8  # and a wave of it passes there
    over = _taken_over(along, evidence, 0)[0].reshape(400, SUBCOLUMNS)[:, 0]
    assert over[60:150].all() and not over[250:].any()
