"""The study's digitizer on its own page, on a page with a grid, and each of its steps."""

import cv2
import numpy as np
import pytest

from ecgseg import classic
from ecgseg.digitize.locate.locate import LocatedStrip
from ecgseg.ptb import load_records
from ecgseg.recording import Recording
from ecgseg.render.capture.noise import salt_and_pepper, tiled_pattern
from ecgseg.render.study import panel_page

BEAT = ((-0.2, 0.025, 0.12), (-0.045, 0.012, -0.1), (0.0, 0.015, 1.0), (0.045, 0.014, -0.25), (0.28, 0.05, 0.3))


def beats(seconds: float, fs: float, scale: float = 1.0) -> np.ndarray:
    """A made-up ECG in mV: five Gaussian waves a beat, a beat every 0.84 s."""
    phase = (np.arange(round(seconds * fs)) / fs) % 0.84 - 0.42
    return scale * sum(a * np.exp(-(((phase - c) / w) ** 2) / 2) for c, w, a in BEAT)


def agreement(read: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Pearson's r, and the slope of the reading over the truth (1 = right scale), where both are known."""
    known = np.isfinite(read) & np.isfinite(truth)
    assert known.mean() > 0.95
    return np.corrcoef(read[known], truth[known])[0, 1], np.polyfit(truth[known], read[known], 1)[0]


def check_study_page(recording: Recording, image: np.ndarray, least_r: float = 0.9) -> None:
    read = classic.classic_study_page(image, recording.leads[:4])
    assert read.leads == recording.leads[:4]
    t = np.arange(read.signal.shape[1]) / read.fs
    assert abs(t[-1] - 10.0) < 2 / read.fs
    for row, lead in enumerate(read.leads):
        truth = np.interp(t, np.arange(recording.signal.shape[1]) / recording.fs, recording.signal[row])
        r, slope = agreement(read.signal[row], classic.remove_drift(truth, read.fs))
        assert r > least_r and 0.85 < slope < 1.1, (lead, r, slope)


@pytest.fixture(scope="module")
def synthetic() -> Recording:
    return Recording("synthetic", np.stack([beats(10, 500, s) for s in (0.7, 1.0, -0.9, 1.1)] * 3), 500.0)


def test_reads_the_clean_study_page(synthetic):
    check_study_page(synthetic, panel_page(synthetic).image, least_r=0.98)


def test_reads_an_embedded_recording():
    recording = load_records(None, "val")[0]
    check_study_page(recording, panel_page(recording).image)


@pytest.mark.parametrize("name", [None, "dots", "weave", "diagonal", "grain"])
def test_reads_through_the_study_noise(synthetic, name):
    image = panel_page(synthetic).image
    if name:
        image = tiled_pattern(image, name, strength=0.4)
    check_study_page(synthetic, salt_and_pepper(image, np.random.default_rng(5)))


def test_study_page_wants_four_leads():
    with pytest.raises(ValueError, match="4 leads, but 1 were named"):
        classic.classic_study_page(np.zeros((960, 1970, 3), np.uint8), ("I",))


def grid_page(signals: list[np.ndarray], px_per_mm: int = 8) -> tuple[np.ndarray, list[LocatedStrip]]:
    """Rows of 5 s at 25 mm/s, 10 mm/mV and 25 mm apart on a red grid, each with its lead's name below."""
    page = np.full((30 * px_per_mm + 25 * px_per_mm * len(signals), 140 * px_per_mm, 3), 255, np.uint8)
    page[::px_per_mm] = page[:, ::px_per_mm] = (255, 190, 190)
    page[:: 5 * px_per_mm] = page[:, :: 5 * px_per_mm] = (255, 120, 120)
    strips = []
    for row, signal in enumerate(signals):
        x0, baseline = 8.0 * px_per_mm, (28.0 + 25.0 * row) * px_per_mm
        x = x0 + np.arange(len(signal)) / len(signal) * 125 * px_per_mm
        points = np.stack([x, baseline - signal * 10 * px_per_mm], axis=1)
        fixed = np.rint(points * 16).astype(np.int32)[:, None]
        cv2.polylines(page, [fixed], False, (20, 20, 20), 3, cv2.LINE_AA, shift=4)
        place = (round(x0), round(baseline + 7 * px_per_mm))
        cv2.putText(page, "aVL", place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 0, 0), 2)
        end = x0 + 125 * px_per_mm
        strips.append(LocatedStrip("I", row, 0.0, 5.0, x0, end, baseline, False))
    return page, strips


@pytest.mark.parametrize("highpass_hz", [None, classic.HIGHPASS_HZ])
def test_digitizes_strips_of_a_page_with_a_grid(highpass_hz):
    # The second row's R waves (20 mm) reach into the first one's, 25 mm above.
    signals = [beats(5, 500, 0.8), beats(5, 500, 2.0), beats(5, 500, -1.0)]
    page, strips = grid_page(signals)
    traces = classic.classic_digitize(page, strips, 8.0, highpass_hz=highpass_hz)
    for (x, y, confidence), strip, signal in zip(traces, strips, signals, strict=True):
        assert len(x) == len(y) == len(confidence) and x[0] == strip.x0
        assert (confidence >= 0).all() and (confidence <= 1).all()
        assert (confidence[np.isfinite(y)] > 0).all() and (confidence[np.isnan(y)] == 0).all()
        truth = np.interp((x - strip.x0) / 200, np.arange(2500) / 500, signal, right=np.nan)
        if highpass_hz is None:
            r, slope = agreement((strip.baseline - y) / 8 / 10, truth)
            known = np.isfinite(y)
            assert abs(np.median(strip.baseline - y[known]) / 80 - np.median(signal)) < 0.02
        else:
            r, slope = agreement((strip.baseline - y) / 80, classic.remove_drift(truth, 200, highpass_hz))
        assert r > 0.95 and 0.8 < slope < 1.1, (r, slope)


def test_an_empty_strip_is_nan_with_no_confidence():
    page = np.full((400, 500, 3), 255, np.uint8)
    strip = LocatedStrip("I", 0, 0.0, 2.5, 0.0, 400.0, 200.0, False)
    outside = LocatedStrip("II", 0, 2.5, 5.0, 600.0, 700.0, 200.0, False)
    (x, y, confidence), (x2, _, _) = classic.classic_digitize(page, [strip, outside], 8.0, highpass_hz=0.5)
    assert len(x) == 401 and np.isnan(y).all() and not confidence.any()
    assert len(x2) == 0


def test_strip_leaves_out_dirt_and_bridges_nothing():
    crop = np.full((100, 200), 255, np.uint8)
    crop[60, 20:120] = 0
    crop[60, 140:190] = 0
    crop[20:22, 50:52] = 0
    crop[30, 60:75] = 0
    y = classic.classic_strip(crop)
    expected = np.full(200, np.nan)
    expected[20:120] = expected[140:190] = 60
    np.testing.assert_array_equal(y, expected)


def test_difference_removes_slow_shadow():
    grey = np.tile(np.linspace(120, 250, 200).astype(np.uint8), (80, 1))
    grey[40] = 30
    diff = classic.difference(grey, 5)
    assert (diff[40] > 80).all() and (diff[:38] <= 2).all() and (diff[43:] <= 2).all()


def test_drift_goes_and_gaps_stay():
    fs, clean = 200.0, beats(10, 200)
    t = np.arange(2000) / fs
    signal = clean + 0.8 * np.sin(2 * np.pi * 0.08 * t) + 3.0
    signal[500:540] = np.nan
    signal[:7] = np.nan
    flat = classic.remove_drift(signal, fs)
    np.testing.assert_array_equal(np.isnan(flat), np.isnan(signal))
    r, slope = agreement(flat, clean)
    assert r > 0.95 and abs(slope - 1) < 0.1
    assert abs(np.nanmean(flat)) < 0.05


def test_drift_of_short_and_empty_signals():
    np.testing.assert_allclose(
        classic.remove_drift(np.array([1.0, 2, np.nan, 3]), 100.0)[[0, 1, 3]], [-1.25, -0.25, 0.75]
    )
    assert np.isnan(classic.remove_drift(np.full(5, np.nan), 100.0)).all()
