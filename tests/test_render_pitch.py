"""The distance between rows can be chosen, and what happens to a page drawn apart from what is printed on it."""

from dataclasses import replace

import numpy as np
import pytest

from ecgseg.layout import LEADS
from ecgseg.recording import Recording
from ecgseg.render.page import render_page
from ecgseg.render.printed.style import sample_style


def waves():
    t = np.arange(1050) / 100
    signal = np.stack([np.sin(2 * np.pi * (0.8 + 0.1 * k) * t) for k in range(12)])
    return Recording("waves", signal, 100.0, LEADS)


def page(pitch, noise="none", seed=5, scene_seed=7, **changes):
    style = replace(sample_style(np.random.default_rng(2)), sheet="fit", crowding=1.0, clip=None, **changes)
    return render_page(waves(), "12x1", noise, seed, px_per_mm=2.0, style=style, row_pitch=pitch, scene_rng=scene_seed)


@pytest.mark.parametrize("pitch", [40.0, 14.5, 7.0])
def test_rows_lie_as_far_apart_as_was_asked(pitch):
    traces = page(pitch).scene.traces
    assert np.diff([t.baseline for t in traces]) == pytest.approx(pitch)


def test_the_same_is_printed_and_happens_whatever_the_distance():
    wide, close = page(40.0, "photo"), page(8.0, "photo")
    for a, b in zip(wide.scene.traces, close.scene.traces, strict=True):
        assert np.array_equal(a.signal, b.signal) and (a.x0, a.x1) == (b.x0, b.x1)
    assert wide.warp.turn_deg == close.warp.turn_deg and np.array_equal(wide.warp.light[0], close.warp.light[0])
    assert [t.lead for t in wide.scene.texts if t.role == "lead"] == list(LEADS)


def test_what_happens_is_drawn_apart_from_what_is_printed():
    one, other, same = page(20.0, "photo", 5), page(20.0, "photo", 6), page(20.0, "photo", 5, 8)
    assert [t.baseline for t in one.scene.traces] == [t.baseline for t in other.scene.traces]
    assert one.warp.turn_deg != other.warp.turn_deg
    assert one.warp.turn_deg == same.warp.turn_deg
    assert [t.baseline for t in one.scene.traces] != [t.baseline for t in same.scene.traces]


def test_a_distance_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="row_pitch is 0"):
        page(0)
