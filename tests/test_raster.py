"""The rasterizer: ink where it should be to a hundredth of a pixel, windows that show what the page shows."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ecgseg.layout import LEADS, Strip
from ecgseg.render.draw.grid import paint_paper, stripes
from ecgseg.render.draw.ink import page_mask, traces_coverage
from ecgseg.render.draw.raster import rasterize
from ecgseg.render.draw.strokes import line_cover, polygon_cover
from ecgseg.render.printed.scene import Area, Line, Pulse, Scene, Text, Trace
from ecgseg.render.printed.style import sample_style

PX = 200 / 25.4


def style(**changes):
    plain = replace(sample_style(np.random.default_rng(4)), paper=np.ones(3), trace_color=np.zeros(3))
    plain = replace(plain, text_color=np.zeros(3), minor_color=np.zeros(3), major_color=np.zeros(3))
    return replace(plain, **{"grid": "none", "dash_mm": 0.0, "minor_strength": 1.0, "major_strength": 1.0, **changes})


def scene(**changes):
    """A page of 80 x 60 mm with a steep trace in each of two rows, and some of every other primitive."""
    x = np.arange(0, 65, 0.05)
    beat = 14 * np.exp(-(((x % 16) - 8) ** 2) / 0.08) - 4 * np.exp(-(((x % 16) - 8.7) ** 2) / 0.06)
    traces = []
    for row, lead in enumerate(("I", "V1")):
        points = np.stack([x + 8.3, 24.0 + 22 * row - beat + np.sin(x)], axis=1)
        traces.append(Trace(Strip(lead, row, 0, 2.6, 0), points, 24.0, 8.3, 73.3, -beat, 500.0))
    pulse = np.array([[2.1, 24], [3.0, 24], [3.0, 14], [6.5, 14], [6.5, 24], [7.2, 24]])
    ring = np.array([[np.cos(a), np.sin(a)] for a in np.linspace(0, 2 * np.pi, 60)])
    return Scene(
        80.0,
        60.0,
        traces,
        pulses=[Pulse(pulse, 24.0, 3.0, 6.5, 0)],
        areas=[Area(ring * 6 + [60, 10], np.array([0.2, 0.7, 0.3]), 0.6)],
        lines=[Line(np.array([[4.0, 50], [70.0, 41.0]]), 0.4, np.array([0.0, 0, 1]))],
        texts=[Text("aVR 25mm/s", 12.2, 8.4, 4.0), Text("upright", 77.0, 50.0, 3.0, angle=90)],
        over=[
            Line(ring * 8 + [30, 30], 0.5, np.array([0.1, 0.1, 0.8])),
            Area(ring * 3 + [40, 46], np.array([1.0, 0, 0])),
        ],
        style=style(**changes),
    )


def spread(box, shape):
    out = np.zeros(shape)
    y, x, cover = box
    out[y : y + cover.shape[0], x : x + cover.shape[1]] = cover
    return out


def pen(points, width, shape, fine=12):
    """The coverage by brute force: the share of sub-pixels nearer to the line than the pen's radius."""
    x, y = ((np.arange(n * fine) + 0.5) / fine - 0.5 for n in shape[::-1])
    near = np.full((len(y), len(x)), np.inf)
    for a, b in pairwise(points):
        d = b - a
        t = np.clip(((x - a[0]) * d[0] + (y[:, None] - a[1]) * d[1]) / max(d @ d, 1e-12), 0, 1)
        near = np.minimum(near, (x - a[0] - t * d[0]) ** 2 + (y[:, None] - a[1] - t * d[1]) ** 2)
    return (near <= width**2 / 4).reshape(shape[0], fine, shape[1], fine).mean(axis=(1, 3))


def band(at, centre, width):
    """The exact share of pixels at `at` that a straight line covers."""
    return np.clip(np.minimum(at + 0.5, centre + width / 2) - np.maximum(at - 0.5, centre - width / 2), 0, None)


def middle(cover, axis):
    at = np.arange(cover.shape[axis])
    sums = cover.sum(axis=1 - axis)
    return (sums * at).sum() / sums.sum()


@pytest.mark.parametrize("period", [1.0, 0.37])
def test_stripes_are_box_filtered_exactly(period):
    pixel, width, phase = 0.127, 0.21, 0.083
    at = 3.0 + np.arange(60) * pixel
    fine = (np.arange(4000) + 0.5) / 4000 - 0.5
    off = (at[:, None] + fine * pixel - phase + period / 2) % period - period / 2
    assert np.abs(stripes(at, pixel, period, width, phase) - (np.abs(off) <= width / 2).mean(axis=1)).max() < 1e-3
    # Pixels wider than the period see its mean.
    assert stripes(at, 50 * period, period, width, phase) == pytest.approx(width / period)


@pytest.mark.parametrize("ppm", [4.5, PX, 14.0])
def test_grid_lines_are_where_they_should_be(ppm):
    look = style(grid="major", grid_x=1.234, grid_y=3.21, major_width=0.3)
    ink = 1 - paint_paper(look, (0.0, 0.0), ppm, (round(60 * ppm), round(80 * ppm)))[..., 0] / 255
    for axis, phase in ((0, 1.234), (1, 3.21)):
        # Seen between the lines that cross: one row, one column of pixels in the middle of a square.
        across = (1.234, 3.21)[1 - axis]
        profile = np.take(ink, round((across + 12.5) * ppm), axis=axis)
        for k in range(1, 10):
            near = np.arange(round((phase + 5 * k - 2) * ppm), round((phase + 5 * k + 2) * ppm))
            assert np.abs(profile[near] - band(near, (phase + 5 * k) * ppm, 0.3 * ppm)).max() < 1.01 / 255


def test_lines_have_their_centre_of_mass_in_place():
    errors = []
    for phase in np.linspace(0, 1 / PX, 301)[:-1]:
        at = np.arange(40) / PX
        cover = stripes(at, 1 / PX, 5.0, 0.17, 2.5 + phase)
        errors.append((cover * np.arange(40)).sum() / cover.sum() - (2.5 + phase) * PX)
    # A line falls on one pixel or two, so that a single one is off by a little; all of them are not.
    assert abs(np.mean(errors)) < 1e-3 and np.abs(errors).max() < 0.15


def test_paper_wider_than_its_grid_is_blank_outside():
    look = style(
        grid="full", grid_box=(10.0, 5.0, 40.0, 35.0), grid_x=0.0, grid_y=0.0, minor_width=0.2, major_width=0.3
    )
    ink = 255 - paint_paper(look, (0.0, 0.0), 8.0, (400, 480))[..., 0].astype(int)
    assert ink[:, :78].max() == ink[:, 323:].max() == ink[:38].max() == ink[283:].max() == 0
    assert ink[160, 80] == 255 and ink[160, 320] == 255  # the box's own sides are lines


def test_gaps_take_their_share_of_the_lines():
    look = style(grid="minor", minor_width=0.2)
    whole, gappy = (
        255.0 - paint_paper(replace(look, grid_gaps=share), (0, 0), 6.0, (1200, 1500)) for share in (0.0, 0.25)
    )
    assert gappy.sum() / whole.sum() == pytest.approx(0.76, abs=0.03)  # crossings have two chances
    assert (gappy <= whole + 1).all()


KINDS = [
    {"grid": "full"},
    {"grid": "dots"},
    {"grid": "full", "dash_mm": 0.7},
    {"grid": "full", "grid_gaps": 0.2, "grid_box": (3.0, 4.0, 71.0, 55.0)},
    {"trace_kind": "broken", "trace_fade": 0.7, "trace_strength": 0.8},
    {"trace_kind": "pixels"},
    {"trace_kind": "double", "trace_colors": tuple(np.full(3, 0.05 * k) for k in range(12))},
]


@pytest.mark.parametrize("changes", KINDS)
@pytest.mark.parametrize("ppm", [4.5, PX])
def test_a_window_shows_what_the_page_shows(changes, ppm):
    page = scene(**changes)
    h, w = round(60 * ppm), round(80 * ppm)
    whole = rasterize(page, (0.0, 0.0), ppm, (h, w))
    assert whole.dtype == np.uint8 and whole.min() < 120
    for y, x, size in ((0, 0, (90, 110)), (h // 3 + 1, w // 4, (101, 123)), (h - 80, w - 95, (80, 95))):
        part = rasterize(page, (x / ppm, y / ppm), ppm, size)
        crop = whole[y : y + size[0], x : x + size[1]]
        assert np.abs(part.astype(int) - crop).max() <= 1


@pytest.mark.parametrize("width", [0.7, 2.0, 4.3])
def test_a_steep_trace_is_what_a_round_pen_draws(width):
    points = np.array([[3.2, 30.0], [10.1, 29.0], [11.4, 6.3], [12.9, 38.2], [14.0, 30.4], [22.0, 27.0], [27.3, 31.5]])
    error = traces_coverage([points], width, (46, 32)) - pen(points, width, (46, 32))
    assert np.abs(error).max() < 0.16 and np.sqrt((error**2).mean()) < 0.012
    assert abs(error.sum()) < 0.01 * pen(points, width, (46, 32)).sum()


def test_a_line_that_turns_back_is_drawn_like_any_other():
    a = np.linspace(0.3, 5.9, 80)
    ring = np.stack([24 + 15 * np.cos(a), 20 + 12 * np.sin(a)], axis=1)
    for points in (ring, ring[:, ::-1], np.stack([20 + 3 * np.sin(5 * a), 2 + 6 * a], axis=1)):
        error = traces_coverage([points], 2.0, (48, 48)) - pen(points, 2.0, (48, 48))
        assert np.abs(error).max() < 0.13 and abs(error.sum()) < 2


def test_the_mask_is_the_coverage_in_bytes():
    lines = [t.points * 6 for t in scene().traces]
    assert np.array_equal(page_mask(lines, 2.0, (360, 480)), np.rint(traces_coverage(lines, 2.0, (360, 480)) * 255))


@pytest.mark.parametrize("width", [0.8, 1.3, 4.0])
def test_a_pulse_is_exact_where_it_stands(width):
    pulse = np.array([[2.0, 30.2], [10.37, 30.2], [10.37, 8.1], [24.61, 8.1], [24.61, 30.2], [33.0, 30.2]])
    cover = spread(line_cover(pulse, width, (40, 40)), (40, 40))
    x, y = np.arange(18), np.arange(18)[:, None]
    assert np.abs(cover[14:24, :18] - band(x, 10.37, width)).max() < 0.006
    assert np.abs(cover[:18, 14:21] - band(y, 8.1, width)).max() < 0.006


def test_a_slanting_line_and_a_polygon_have_their_area_and_place():
    line = spread(line_cover(np.array([[3.3, 4.0], [45.4, 33.0]]), 1.3, (40, 50)), (40, 50))
    assert line.sum() == pytest.approx(1.3 * np.hypot(42.1, 29) + np.pi * 0.65**2, rel=0.01)
    assert middle(line, 1) == pytest.approx(24.35, abs=0.02) and middle(line, 0) == pytest.approx(18.5, abs=0.02)
    corners = np.array([[5.3, 4.2], [44.1, 9.7], [38.8, 33.3], [12.1, 29.9]])
    x, y = corners.T
    area = abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2
    for shown in (corners, corners[::-1]):
        assert spread(polygon_cover(shown, (40, 50)), (40, 50)).sum() == pytest.approx(area, rel=1e-5)
    part = polygon_cover(corners - [20, 10], (12, 15))
    assert np.allclose(spread(part, (12, 15)), spread(polygon_cover(corners, (40, 50)), (40, 50))[10:22, 20:35])


def test_every_primitive_keeps_its_color_and_its_place_in_the_order():
    image = rasterize(scene(), (0.0, 0.0), 8.0, (480, 640))
    assert np.abs(image[80, 480] - np.array([133, 209, 148])).max() <= 1  # an area laid on with strength 0.6
    assert image[368, 320].tolist() == [255, 0, 0]  # what lies over the trace
    blue = np.array([0, 0, 255])
    line_y = round(50 * 8 - 9 / 66 * 8 * (20 - 4))
    assert (np.abs(image[line_y - 2 : line_y + 3, 160].astype(int) - blue).sum(axis=1) < 60).any()
    dark = (image < 60).all(axis=2)
    assert dark[35:70, 100:300].sum() > 300 and dark[300:400, 590:620].sum() > 80  # both texts


def test_leads_have_their_own_colors_and_faint_ink_is_faint():
    colors = tuple(np.array([0.0, k / 12, 1.0]) for k in range(12))
    image = rasterize(scene(trace_colors=colors, trace_width=0.6), (0.0, 0.0), 8.0, (480, 640))
    for trace in scene().traces:
        x, y = np.rint(trace.points[10] * 8).astype(int)
        assert image[y, x, 1] == pytest.approx(255 * LEADS.index(trace.strip.lead) / 12, abs=2)
    faint = rasterize(scene(trace_strength=0.3, trace_width=0.6), (0.0, 0.0), 8.0, (480, 640))
    x, y = np.rint(scene().traces[0].points[10] * 8).astype(int)
    assert faint[y, x, 0] == pytest.approx(255 * 0.7, abs=2)


def test_whole_pixels_are_inked_or_not():
    plain = replace(scene(trace_kind="pixels", trace_width=0.3), pulses=[], areas=[], lines=[], texts=[], over=[])
    image = rasterize(plain, (0.0, 0.0), 8.0, (480, 640))
    paper = rasterize(replace(plain, traces=[]), (0.0, 0.0), 8.0, (480, 640))
    ink = (image != paper).any(axis=2)
    assert len(np.unique(image[ink], axis=0)) == 1
    for points in (t.points * 8 for t in plain.traces):
        x, y = np.rint(points[5:-5]).astype(int).T
        inside = (x >= 0) & (x < 640) & (y >= 0) & (y < 480)
        assert ink[y[inside], x[inside]].all()


def test_broken_faded_and_doubled_traces_differ_from_solid_ones_as_they_should():
    def ink(**changes):
        plain = replace(scene(trace_width=0.3, **changes), pulses=[], areas=[], lines=[], texts=[], over=[])
        return 255.0 - rasterize(plain, (0.0, 0.0), 8.0, (480, 640))[..., 0]

    solid, broken, faded, double = ink(), ink(trace_kind="broken"), ink(trace_fade=0.9), ink(trace_kind="double")
    assert 0.6 < broken.sum() / solid.sum() < 0.97 and (broken <= solid + 1).all()
    assert 0.3 < faded.sum() / solid.sum() < 0.97 and (faded <= solid + 1).all()
    assert 1.1 < double.sum() / solid.sum() < 1.8 and (double >= solid - 1).all()


def test_a_hasty_pen_leaves_less_ink_on_flanks_only():
    plain, hasty = (
        255 - rasterize(scene(trace_haste=h), (0, 0), PX, (450, 600))[..., 0].astype(float) for h in (0, 0.8)
    )
    box = np.s_[:, round(74 * PX) :]
    np.testing.assert_array_equal(plain[box], hasty[box])  # what is no trace
    level, flank = ((slice(None), slice(round(a * PX), round(b * PX))) for a, b in ((9.5, 12.5), (16.1, 16.5)))
    ink = [hasty[part].sum() / plain[part].sum() for part in (level, flank)]
    assert ink[0] > 0.97 and 0.2 < ink[1] < 0.6
