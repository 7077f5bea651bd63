"""Rendered pages: truth that is exact, everything reproducible, the crop the same as the page."""

import numpy as np
import pytest

from ecgseg.layout import layout_names, load_layout
from ecgseg.ptb import load_records
from ecgseg.recording import Recording
from ecgseg.render.capture.take import capture
from ecgseg.render.crops import CropSize, render_crop, row_line
from ecgseg.render.draw.raster import traces_coverage
from ecgseg.render.levels import Noise, load_noise, parse_noise
from ecgseg.render.page import render_page
from ecgseg.render.printed.style import sample_style

LEVELS = ("none", "light", "medium", "heavy")
SKEWED = Noise("skewed", geometry={"skew": {"p": 1, "degrees": [0.7, 0.7]}})


@pytest.fixture(scope="module")
def recording():
    return load_records(None, "test")[0]


def plain_style(**changes):
    style = sample_style(np.random.default_rng(3))
    options = dict(grid="none", names="none", pulse="none", separator="none", header=False, trace_width=0.3)
    for key, value in {**options, **changes}.items():
        setattr(style, key, value)
    style.paper, style.trace_color = np.ones(3), np.zeros(3)
    return style


@pytest.mark.parametrize("y", [20.0, 20.25, 20.5, 20.81])
@pytest.mark.parametrize("width", [0.8, 2.0, 3.3])
def test_drawn_ink_covers_exactly_its_pixels(y, width):
    cover = traces_coverage([np.array([[-5.0, y], [60.0, y]])], width, (40, 48))
    rows = np.arange(40)
    expected = np.minimum(rows + 0.5, y + width / 2) - np.maximum(rows - 0.5, y - width / 2)
    assert np.abs(cover - np.clip(expected, 0, 1)[:, None]).max() < 1e-5


def test_a_steep_flank_is_as_thick_as_the_pen():
    cover = traces_coverage([np.array([[20.0, 2.0], [24.0, 38.0]])], 2.0, (40, 48))
    rows = cover[8:32].sum(axis=1)  # width along x of a line that is steep
    assert rows.mean() == pytest.approx(2.0 / np.cos(np.arctan(4 / 36)), abs=0.1)
    middle = (cover[8:32] * np.arange(48)).sum(1) / rows
    assert np.abs(middle - (20 + (np.arange(8, 32) - 2) / 9)).max() < 0.07


def smooth_recording():
    t = np.arange(10_001) / 1000
    signal = np.stack([0.3 * np.sin(2 * np.pi * (0.4 + 0.05 * k) * t + k) for k in range(12)])
    return Recording("smooth", signal.astype(np.float32), 1000.0)


def test_trace_points_lie_on_the_ink_of_the_page():
    page = render_page(smooth_recording(), "12x1", SKEWED, 5, style=plain_style())
    ink = 1 - page.image.mean(axis=2) / 255
    rows = np.arange(ink.shape[0])[:, None]
    errors = []
    for points in page.points:
        x = np.arange(int(points[0, 0]) + 3, int(points[-1, 0]) - 3)
        y = np.interp(x, points[:, 0], points[:, 1])
        column = ink[:, x] * (np.abs(rows - y) < 5)
        errors.append((column * rows).sum(0) / column.sum(0) - y)
    errors = np.concatenate(errors)
    assert len(errors) > 20_000
    assert np.median(np.abs(errors)) < 0.03 and abs(np.mean(errors)) < 0.005


@pytest.mark.parametrize("layout", layout_names())
def test_every_layout_has_finite_truth_inside_the_page(recording, layout):
    page = render_page(recording, layout, "light", 1)
    h, w = page.image.shape[:2]
    assert page.image.dtype == np.uint8 and page.mask.shape == (h, w)
    leads = {s.lead for s in load_layout(layout).strips}
    assert {s.lead for s in page.strips} == leads
    for points in page.points:
        assert np.isfinite(points).all()
        assert points[:, 0].min() > 0 and points[:, 0].max() < w
        assert 0 < np.median(points[:, 1]) < h
    printed = np.isfinite(page.printed.signal).any(axis=1)
    assert {lead for lead, seen in zip(page.printed.leads, printed, strict=True) if seen} == leads


@pytest.mark.parametrize("level", LEVELS)
def test_same_seed_same_bytes(recording, level):
    first, again = (render_page(recording, noise=level, rng=11, px_per_mm=4) for _ in range(2))
    other = render_page(recording, noise=level, rng=12, px_per_mm=4)
    assert np.array_equal(first.image, again.image)
    assert first.image.shape != other.image.shape or not np.array_equal(first.image, other.image)


def test_page_mask_is_the_trace_two_pixels_wide(recording):
    page = render_page(recording, "3x4_1r", rng=2, style=plain_style())
    flat = next(p for p, s in zip(page.points, page.strips, strict=True) if s.rhythm)
    column = page.mask[:, int(flat[:, 0].mean())].astype(float) / 255
    assert 1.4 < column[column > 0].sum() / 4 < 12  # four rows, each about 2 px unless steep
    for points in page.points:
        at = np.round(points).astype(int)
        assert (page.mask[at[:, 1], at[:, 0]] > 60).mean() > 0.99


def test_printed_recording_is_what_the_layout_shows(recording):
    page = render_page(recording, "3x4_1r", style=plain_style())
    v4 = page.printed.lead("V4")
    fs = int(recording.fs)
    assert np.isnan(v4[: int(7.5 * fs)]).all()
    lead = recording.lead("V4") - np.median(recording.lead("V4"))
    expected = lead[int(7.5 * fs) : int(7.5 * fs) + 500]
    assert np.allclose(v4[int(7.5 * fs) : int(7.5 * fs) + 500], expected, atol=1e-5)
    assert np.isfinite(page.printed.lead("II")).all()


def test_crop_target_lies_on_its_ink(recording):
    size = CropSize()
    errors = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        crop = render_crop(recording, load_layout("6x2_0r"), Noise("none"), rng, size)
        own = crop.mask[1].astype(float)
        y = crop.line.reshape(-1, 4).mean(1)
        for x in np.flatnonzero(np.isfinite(y) & (y > 8) & (y < size.height - 8)):
            if np.abs(np.diff(crop.line[4 * x : 4 * x + 4])).max() < 0.15:
                rows = np.arange(int(y[x]) - 4, int(y[x]) + 6)
                if 300 < own[rows, x].sum() < 800:
                    errors.append((own[rows, x] * rows).sum() / own[rows, x].sum() - y[x])
    assert len(errors) > 500
    assert np.median(np.abs(errors)) < 0.06


def test_row_line_interpolates_and_leaves_gaps():
    line = row_line([np.array([[1.0, 10.0], [3.0, 14.0]]), np.array([[5.0, 2.0], [7.0, 2.0]])], 8)
    x = (np.arange(32) + 0.5) / 4 - 0.5
    assert np.isnan(line[x < 1]).all() and np.isnan(line[(x >= 3) & (x < 5)]).all()
    assert np.allclose(line[(x >= 1) & (x < 3)], 10 + 2 * (x[(x >= 1) & (x < 3)] - 1))


@pytest.mark.parametrize("level", LEVELS)
def test_noise_levels_are_well_formed_and_change_the_picture(level):
    image = np.full((96, 128, 3), 230, np.uint8)
    image[40:44] = 20
    changed = 0
    for seed in range(6):
        out = capture(image, load_noise(level).capture, np.random.default_rng(seed))
        assert out.shape == image.shape and out.dtype == np.uint8
        changed += not np.array_equal(out, image)
    assert changed == 0 if level == "none" else changed >= 4


def test_each_effect_of_each_level_runs_alone():
    image = np.random.default_rng(0).integers(0, 255, (64, 80, 3), np.uint8)
    for level in LEVELS:
        for name, options in load_noise(level).capture.items():
            out = capture(image, {name: options | {"p": 1.0}}, np.random.default_rng(1))
            assert out.shape == image.shape and out.dtype == np.uint8, name


@pytest.mark.parametrize(
    ("effects", "named"),
    [({"sparkle": {"p": 1}}, "sparkle"), ({"blur": {"sigma": [0, 1]}}, "blur"), ({"blur": {"p": 2}}, "blur")],
)
def test_a_bad_noise_level_is_named(effects, named):
    with pytest.raises(ValueError, match=named):
        parse_noise("mine", {"capture": effects})
