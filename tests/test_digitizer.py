"""Pictures through the whole digitizer with the shipped weights."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from ecgseg.digitize.digitizer import Digitizer, Nets  # noqa: E402
from ecgseg.digitize.locate.locate import Located, LocatedStrip  # noqa: E402
from ecgseg.digitize.negative import is_negative  # noqa: E402
from ecgseg.digitize.options import OptionError, load_options  # noqa: E402
from ecgseg.digitize.sheets import with_records  # noqa: E402
from ecgseg.errors import EcgsegError, GridError, LayoutError, WeightsError  # noqa: E402
from ecgseg.layout import LEADS, load_layout, with_timing  # noqa: E402
from ecgseg.nets.weights import load_net  # noqa: E402
from ecgseg.ptb import load_records  # noqa: E402
from ecgseg.render.levels import Noise  # noqa: E402
from ecgseg.render.page import render_page  # noqa: E402
from ecgseg.render.printed.style import sample_style  # noqa: E402

SKEWED = Noise("skewed", geometry={"skew": {"p": 1, "degrees": [0.6, 0.6]}})


@lru_cache
def nets() -> Nets:
    page, name, strip, grid = (load_net(kind=kind)[0] for kind in ("page", "name", "strip", "grid"))
    return Nets(page, name, strip, grid, {"sha256": "0" * 64})


def shipped(**options) -> Digitizer:
    return Digitizer(nets(), load_options(**options))


def drawn(layout):
    """Return a skewed page of an embedded record, black ink on a red grid, at 7 px/mm."""
    recording = next(r for r in load_records(split="val") if r.name == "s0462_re")
    red, black = np.array([0.9, 0.35, 0.35]), np.zeros(3)
    style = replace(
        sample_style(np.random.default_rng(0)),
        paper=np.ones(3),
        grid="full",
        minor_color=red,
        major_color=red,
        minor_strength=0.4,
        major_strength=0.9,
        trace_color=black,
        trace_width=0.35,
        pulse="left",
        pulse_shape="plain",
        separator="none",
        names="above",
        dash_mm=0.0,
        header=False,
    )
    return render_page(recording, layout, SKEWED, rng=3, px_per_mm=7.0, style=style)


@pytest.fixture(scope="module")
def page():
    return drawn("3x4_1r")


def agreement(recording, printed, lead):
    """Correlation of a lead with the truth over the samples that both have."""
    read, true = recording.lead(lead), printed.resample(recording.fs).lead(lead)
    n = min(len(read), len(true))
    both = np.isfinite(read[:n]) & np.isfinite(true[:n])
    assert both.sum() > 0.8 * np.isfinite(true).sum()
    return np.corrcoef(read[:n][both], true[:n][both])[0, 1]


def test_a_page_becomes_a_recording_in_mv_and_seconds(page, upright):
    recording = upright.recording
    assert recording.leads == LEADS and recording.fs == 500 and recording.signal.shape == (12, 5000)
    assert np.isfinite(recording.lead("II")).mean() > 0.95
    assert np.isfinite(recording.lead("V1")).mean() == pytest.approx(0.25, abs=0.02)
    assert np.median([agreement(recording, page.printed, lead) for lead in LEADS]) > 0.94  # 0.1 mm of a start is 4 ms
    about = recording.provenance
    assert about["scale"]["px_per_mm_x"] == pytest.approx(7.0, rel=0.002)
    assert about["scale"]["how"] == "measured from the grid"
    assert (about["layout"]["name"], about["speed_mm_s"], about["gain_mm_mv"]) == ("3x4_1r", 25.0, 10.0)
    assert about["weights"]["sha256"] and about["versions"]["torch"] == torch.__version__.split("+")[0]
    assert set(about["step_seconds"]) == {"read", "flatten", "find", "calibrate", "locate", "trace", "assemble"}
    assert set(recording.quality) == set(LEADS)


@pytest.fixture(scope="module")
def upright(page):
    return shipped().read(page.image)


def test_columns_that_show_the_same_seconds_begin_together(upright):
    page = drawn(with_timing(load_layout("3x4_1r"), "simultaneous"))
    recording = shipped().read(page.image).recording
    assert recording.provenance["layout"]["timing"] == "simultaneous"
    assert any("show the same seconds" in w for w in recording.warnings)
    assert {recording.windows[lead] for lead in LEADS if lead != "II"} == {(0.0, 2.5)}
    assert np.median([agreement(recording, page.printed, lead) for lead in LEADS]) > 0.94
    assert upright.recording.provenance["layout"]["timing"] == "consecutive"
    follow = shipped(timing="consecutive").read(page.image).recording
    assert follow.windows["V6"] == (7.5, 10.0)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_page_is_read_as_if_it_were_upright(page, upright, turns):
    turned = shipped().read(np.ascontiguousarray(np.rot90(page.image, turns)))
    assert turned.recording.provenance["scale"]["turned_deg"] == (360 - 90 * turns) % 360
    assert any("turned" in w for w in turned.recording.warnings)
    assert upright.recording.provenance["scale"]["turned_deg"] == 0
    a, b = upright.recording.lead("II"), turned.recording.lead("II")
    both = np.isfinite(a) & np.isfinite(b)
    assert both.mean() > 0.9 and np.corrcoef(a[both], b[both])[0, 1] > 0.94  # 0.1 mm of a start is 4 ms
    # The overlay's way back to the picture: where the first strip begins.
    firsts = [(r.flat, r.located.strips[0]) for r in (upright, turned)]
    here, there = (flat.to_image(np.array([first.x0, first.baseline])) for flat, first in firsts)
    h, w = page.image.shape[:2]
    x, y = here
    where = {1: (y, w - 1 - x), 2: (w - 1 - x, h - 1 - y), 3: (h - 1 - y, x)}[turns]
    assert np.abs(there - where).max() < 4


def test_a_page_of_light_lines_on_a_dark_ground_is_read_as_its_negative(page, upright):
    negative = shipped().read(255 - page.image)
    assert "light lines on a dark ground" in negative.recording.warnings[0]
    assert not any("dark ground" in w for w in upright.recording.warnings)
    assert np.array_equal(negative.recording.signal, upright.recording.signal, equal_nan=True)


def test_a_sheet_on_a_dark_table_is_no_negative(page):
    """The table's grain is as light as it is dark, and the sheet's own lines are dark."""
    h, w = page.image.shape[:2]
    grain = np.random.default_rng(0).normal(40, 12, (2 * h, 2 * w)).clip(0, 255).astype(np.uint8)
    table = np.repeat(grain[..., None], 3, axis=2)
    table[:h, :w] = page.image
    assert np.median(table) < 60 and not is_negative(table)


def test_speed_and_gain_scale_time_and_voltage(page, upright):
    usual = upright.recording
    half = shipped(gain=5.0)(page.image)
    a, b = (np.nanmax(r.lead("II")) - np.nanmin(r.lead("II")) for r in (usual, half))
    assert b == pytest.approx(2 * a, rel=0.02)
    assert half.provenance["gain_mm_mv"] == 5.0


def test_a_file_is_read_and_named(page, tmp_path):
    Image.fromarray(page.image).save(tmp_path / "scan one.png")
    reading = shipped(fs=250).read(tmp_path / "scan one.png")
    assert reading.recording.name == "scan one" and reading.recording.fs == 250
    assert len(reading.traces) == len(reading.located.strips) == 13
    assert reading.flat.px_per_mm == 8.0


def test_classic_method_uses_the_classic_extractor(page):
    recording = shipped(method="classic")(page.image)
    assert recording.provenance["method"] == "classic"
    assert agreement(recording, page.printed, "II") > 0.5


def test_pictures_of_something_else_are_refused():
    y, x = np.mgrid[:900, :1200]
    clouds = (127 + 60 * np.sin(x / 97) + 60 * np.cos(y / 71 + x / 190))[..., None] + np.zeros(3)
    noisy = np.clip(clouds + np.random.default_rng(0).normal(0, 12, clouds.shape), 0, 255).astype(np.uint8)
    with pytest.raises(GridError, match="no grid found"):
        shipped()(noisy)
    with pytest.raises(LayoutError):
        shipped(px_per_mm=8.0)(np.full((900, 1200, 3), 255, np.uint8))


def test_arrays_of_the_wrong_kind_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        shipped()(np.zeros((100, 100, 3)))
    with pytest.raises(ValueError, match="uint8"):
        shipped()(np.zeros((100, 100, 4), np.uint8))


def test_from_pretrained_checks_options_device_and_weights(tmp_path):
    with pytest.raises(OptionError, match="the choices are speed"):
        Digitizer.from_pretrained(sped=50)
    with pytest.raises(OptionError, match=r"digitize\.device is 'toaster'"):
        Digitizer.from_pretrained(device="toaster")
    with pytest.raises(WeightsError):
        Digitizer.from_pretrained(weights=tmp_path / "missing.safetensors")
    (tmp_path / "not.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(EcgsegError, match=r"not\.safetensors"):
        Digitizer.from_pretrained(weights=tmp_path / "not.safetensors")


def test_a_nameless_row_on_another_sheet_is_no_record():
    """A sheet's heading, cut off by a shadow, once came out as the first of two records."""
    strips = [LocatedStrip(f"R{k}", k, 0.0, 1.0, 0.0, 200.0, 100.0 * k) for k in range(3)]
    heading, record, unnamed = (
        Located(None, strips[:n], 1.0, named=named) for n, named in ((1, False), (3, True), (3, False))
    )
    assert with_records([heading, record]) == [1]
    assert with_records([heading, heading]) == [0, 1]
    assert with_records([unnamed, record, heading]) == [0, 1]
    assert with_records([heading, unnamed]) == [1]
