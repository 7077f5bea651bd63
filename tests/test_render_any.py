"""Any layout, style, speed, gain and noise together: a page comes out, and its truth is finite and on it."""

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgseg.layout import LEADS, layout_names, load_layout
from ecgseg.ptb import load_records
from ecgseg.render.crops import CropSize, render_crop
from ecgseg.render.levels import load_noise, noise_names
from ecgseg.render.page import render_page
from ecgseg.simulate import KINDS, simulate

COMBINATIONS = given(
    layout=st.sampled_from(layout_names()),
    noise=st.sampled_from(noise_names()),
    kind=st.sampled_from([None, *KINDS]),
    speed=st.sampled_from([12.5, 25.0, 50.0]),
    gain=st.sampled_from([5.0, 10.0, 20.0]),
    dpi=st.sampled_from([60.0, 100.0, 150.0]),
    seed=st.integers(0, 2**32 - 1),
)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@lru_cache
def _records() -> list:
    return load_records(split="val")


def _recording(kind: str | None, seed: int):
    return _records()[seed % len(_records())] if kind is None else simulate(np.random.default_rng(seed), kind)


@pytest.mark.slow
@settings(UNHURRIED, max_examples=60)
@COMBINATIONS
def test_any_page_renders_with_its_truth_on_it(layout, noise, kind, speed, gain, dpi, seed):
    page = render_page(_recording(kind, seed), layout, noise, seed, dpi / 25.4, speed, gain)
    h, w = page.image.shape[:2]
    assert page.image.dtype == np.uint8 and page.image.shape == (h, w, 3) and page.mask.shape == (h, w)
    assert 0 < len(page.strips) <= len(load_layout(layout).strips)
    everything = [*page.points, *page.baselines, *page.pulses, page.crossings, page.outline]
    everything += [label.corners for label in page.labels]
    assert all(np.isfinite(part).all() for part in everything)
    for points, seen in zip(page.points, page.visible, strict=True):
        assert len(points) == len(seen)
        assert ((points[seen] > -0.51) & (points[seen] < [w - 0.49, h - 0.49])).all()
    assert np.mean(np.concatenate(page.visible)) > 0.3
    signal = page.printed.signal
    assert page.printed.leads == LEADS and np.isfinite(signal).any() and np.nanmax(np.abs(signal)) < 100


@pytest.mark.slow
@settings(UNHURRIED, max_examples=40)
@COMBINATIONS
def test_any_crop_renders_with_its_target_in_it(layout, noise, kind, speed, gain, dpi, seed):
    size, rng = CropSize(192, 160), np.random.default_rng(seed)
    crop = render_crop(_recording(kind, seed), load_layout(layout), load_noise(noise), rng, size, speed, gain)
    assert crop.image.shape == (192, 160, 3) and crop.mask.shape == (2, 192, 160) and crop.line.shape == (640,)
    assert (crop.mask[1] <= crop.mask[0]).all()
    known = np.isfinite(crop.line)
    inside = known & (crop.line > 1) & (crop.line < 190)
    at = np.rint(crop.line[inside]).astype(int), np.flatnonzero(inside) // 4
    # Where the line is, its own mask has ink: a pixel to either side where the trace is steep.
    near = np.stack([crop.mask[1][np.clip(at[0] + d, 0, 191), at[1]] for d in (-1, 0, 1)]).max(axis=0)
    assert (near > 60).mean() > 0.95 if inside.any() else True
