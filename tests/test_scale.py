"""The scale of a picture without a grid: from pulses, from rows of known length, from the file, or refused."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from ecgseg.digitize.calibrate.scale import scale_without_grid
from ecgseg.digitize.locate.findings import Box, Findings
from ecgseg.errors import GridError
from ecgseg.ptb import load_records
from ecgseg.render.findings import true_findings
from ecgseg.render.page import render_page
from ecgseg.render.printed.style import sample_style

DPI = 140.0


@lru_cache
def page(pulse: str, caption: str, gain: float = 10.0, layout: str = "3x4_1r"):
    style = replace(
        sample_style(np.random.default_rng(5)),
        grid="none", pulse=pulse, pulse_rows="all", pulse_shape="plain", pulse_width="5mm", caption=caption,
        chest_gain=1.0, names="above", name_note="none", text_height=3.0, sheet="a4", crowding=1.0,
    )  # fmt: skip
    return render_page(load_records(None, "val")[0], layout, "none", 3, DPI / 25.4, gain=gain, style=style)


def finder(page, looks: list | None = None, **changes):
    """Return what stands for the page network: the truth at the scale of the flat page it is given, boxes a bit off."""
    rng = np.random.default_rng(0)

    def find(flat: np.ndarray) -> Findings:
        scale = flat.shape[1] / page.scene.width
        if looks is not None:
            looks.append(scale)
        found = true_findings(page.scene, scale)
        off = [Box(*(np.array([b.x0, b.y0, b.x1, b.y1]) + rng.uniform(-6, 6, 4))) for b in found.pulses]
        return replace(found, **{"pulses": off, **changes})

    return find


@pytest.mark.parametrize("gain", [10.0, 5.0])
def test_pulses_and_the_printed_gain(gain):
    drawn, looks = page("left", "bottom", gain), []
    scale = scale_without_grid(drawn.image, finder(drawn, looks))
    assert scale.px_per_mm == pytest.approx(DPI / 25.4, rel=0.01)
    assert scale.how == "pulse and text" and scale.confidence > 0.7
    assert len(looks) <= 2


def test_pulses_alone_are_believed_less():
    drawn = page("left", "none")
    scale = scale_without_grid(drawn.image, finder(drawn))
    assert scale.px_per_mm == pytest.approx(DPI / 25.4, rel=0.01)
    assert scale.how == "pulse" and scale.confidence <= 0.5 and any("no gain was read" in w for w in scale.warnings)


def test_a_cut_out_is_told_by_how_wide_its_pulses_are():
    drawn = page("left", "none")
    half = drawn.image[:, : drawn.image.shape[1] // 2]

    def find(flat):
        return Findings(pulses=true_findings(drawn.scene, flat.shape[1] / (drawn.scene.width / 2)).pulses)

    scale = scale_without_grid(np.ascontiguousarray(half), find)
    assert scale.px_per_mm == pytest.approx(DPI / 25.4, rel=0.01) and scale.how == "pulse"


def test_rows_of_ten_seconds_at_the_printed_speed():
    drawn = page("none", "bottom")
    scale = scale_without_grid(drawn.image, finder(drawn))
    assert scale.px_per_mm == pytest.approx(DPI / 25.4, rel=0.01)
    assert scale.how == "text" and scale.confidence < 0.5


def test_rows_of_three_strips_are_no_measure():
    drawn = page("none", "bottom", layout="4x3")
    with pytest.raises(GridError):
        scale_without_grid(drawn.image, finder(drawn))


def test_the_files_dpi_come_last_and_refusal_after_them():
    drawn = page("none", "none")
    scale = scale_without_grid(drawn.image, finder(drawn), dpi=(DPI, DPI))
    assert scale.how == "dpi" and scale.px_per_mm == pytest.approx(DPI / 25.4)
    with pytest.raises(GridError, match=r"digitize\.px_per_mm="):
        scale_without_grid(drawn.image, finder(drawn))
    with pytest.raises(GridError):
        scale_without_grid(drawn.image, finder(drawn), dpi=(204.0, 98.0))


def test_dpi_that_contradict_the_page_are_reported():
    drawn = page("left", "bottom")
    agrees = scale_without_grid(drawn.image, finder(drawn), dpi=DPI)
    against = scale_without_grid(drawn.image, finder(drawn), dpi=1.2 * DPI)
    assert agrees.confidence > 0.85 and agrees.px_per_mm == pytest.approx(DPI / 25.4, rel=0.01)
    assert against.confidence <= 0.4 and any("168 dpi" in w for w in against.warnings)
    assert against.px_per_mm == pytest.approx(DPI / 25.4, rel=0.01)
