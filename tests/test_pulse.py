"""The size of calibration pulses, drawn by the renderer and by hand, from boxes that are a millimetre and more off."""

from dataclasses import replace

import numpy as np
import pytest

from ecgseg.digitize.calibrate.pulse import measure_pulse
from ecgseg.digitize.locate.findings import Box
from ecgseg.ptb import load_records
from ecgseg.render.findings import true_findings
from ecgseg.render.page import render_page
from ecgseg.render.printed.style import sample_style

SCALE = 8.0


def off(box: Box, rng: np.random.Generator, mm: float = 1.2) -> Box:
    return Box(*(np.array([box.x0, box.y0, box.x1, box.y1]) + SCALE * rng.uniform(-mm, mm, 4)))


@pytest.mark.parametrize(
    "shape, gain, speed, grid",
    [
        ("plain", 10.0, 25.0, "full"),
        ("plain", 5.0, 25.0, "none"),
        ("slanted", 10.0, 25.0, "full"),
        ("rounded", 10.0, 50.0, "major"),
        ("plain", 20.0, 12.5, "minor"),
    ],
)
def test_height_and_width_to_three_tenths_of_a_millimetre(shape, gain, speed, grid):
    style = replace(
        sample_style(np.random.default_rng(5)),
        pulse="left", pulse_rows="all", pulse_shape=shape, pulse_width="0.2s", grid=grid, chest_gain=1.0,
        aligned=True, trace_strength=1.0, trace_fade=0.0, trace_kind="solid",
    )  # fmt: skip
    record = load_records(None, "val")[0]
    layout = "3x2_limb"  # rows so far apart that pulses of 20 mm do not meet
    page = render_page(record, layout, "none", 3, px_per_mm=SCALE, speed=speed, gain=gain, style=style)
    rng, boxes = np.random.default_rng(1), true_findings(page.scene, SCALE).pulses
    assert len(boxes) == 3
    for box, pulse in zip(boxes, page.scene.pulses, strict=True):
        size = measure_pulse(page.image, off(box, rng), SCALE)
        assert size is not None and size.heights == pytest.approx((gain,), abs=0.3)
        assert size.width_mm == pytest.approx(pulse.x1 - pulse.x0, abs=0.3)
        assert size.foot == pytest.approx(pulse.baseline * SCALE, abs=0.3 * SCALE)
        assert size.score > 0.75


def drawn(heights: tuple[float, ...]) -> tuple[np.ndarray, Box]:
    """Return a white page (320, 320, 3) with a pulse, 0.25 mm thick, and the box around it."""
    image = np.full((320, 320, 3), 255, np.uint8)
    x, foot, each = 140, 240, 40 // len(heights)
    before = 0
    for k, mm in enumerate(heights):
        high = round(mm * SCALE)
        left = x + k * each
        image[foot - max(before, high) : foot - min(before, high) + 1, left : left + 2] = 0
        image[foot - high : foot - high + 2, left : left + each + 1] = 0
        before = high
    image[foot - before : foot + 1, x + 40 : x + 42] = 0
    return image, Box(x, foot - round(max(heights) * SCALE), x + 41, foot)


@pytest.mark.parametrize("heights", [(10.0, 5.0), (5.0, 10.0), (10.0, 20.0)])
def test_a_stair_gives_both_heights_in_order(heights):
    image, box = drawn(heights)
    size = measure_pulse(image, off(box, np.random.default_rng(0), 0.8), SCALE)
    assert size is not None and size.heights == pytest.approx(heights, abs=0.3)
    assert size.height_mm == max(size.heights)


def test_nothing_is_measured_where_there_is_no_pulse():
    blank = np.full((320, 320, 3), 255, np.uint8)
    assert measure_pulse(blank, Box(140, 160, 180, 240), SCALE) is None
    spike = blank.copy()
    spike[100:240, 160:162] = 0  # a tall narrow complex on its line
    spike[238:240, :] = 0
    assert measure_pulse(spike, Box(140, 160, 180, 240), SCALE) is None


def test_a_pulse_without_its_roof_is_none():
    image, box = drawn((10.0,))
    image[: int(box.y0) + 10] = 255
    assert measure_pulse(image, box, SCALE) is None
