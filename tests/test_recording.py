"""Recording: what it accepts, its files there and back with gaps, resampling."""

import json

import numpy as np
import pytest
import wfdb

from ecgseg.errors import RecordError
from ecgseg.layout import LEADS
from ecgseg.recording import Recording, read_csv, read_wfdb


@pytest.fixture
def page():
    """A 3x4 page as digitized: every lead only in its quarter, II throughout but for a hole, V6 not at all."""
    fs, n = 500.0, 5000
    t = np.arange(n) / fs
    signal = np.full((12, n), np.nan)
    for i in range(12):
        start = (i // 3) * n // 4
        signal[i, start : start + n // 4] = (1 + 0.1 * i) * np.sin(2 * np.pi * 7 * t[start : start + n // 4])
    signal[1] = np.sin(2 * np.pi * 3 * t)
    signal[1, 1000:1100] = np.nan
    signal[11] = np.nan
    return Recording(
        "page_1",
        signal,
        fs,
        confidence=np.isfinite(signal).astype(float),
        windows={"I": (0.0, 2.5)},
        clinical={"age": 58, "comments": ["age: 58", "Diagnose:"]},
        provenance={"scale": np.float32(8.5), "matrix": np.eye(2), "tilt": np.nan},
        quality={"I": 0.9, "V6": float("nan")},
        warnings=["V6: nothing found"],
    )


def test_shapes_and_names_are_checked():
    with pytest.raises(ValueError, match="shape"):
        Recording("x", np.zeros((11, 5)), 500.0)
    with pytest.raises(ValueError, match="leads are"):
        Recording("x", np.zeros((1, 5)), 500.0, leads=("avr",))
    with pytest.raises(ValueError, match="fs is 0"):
        Recording("x", np.zeros((12, 5)), 0)
    with pytest.raises(ValueError, match="confidence"):
        Recording("x", np.zeros((12, 5)), 500.0, confidence=np.zeros((12, 4)))
    with pytest.raises(KeyError, match="no lead 'X'"):
        Recording("x", np.zeros((12, 5)), 500.0).lead("X")


def test_csv_there_and_back(page, tmp_path):
    page.write_csv(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "time_s,I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"
    assert lines[1].startswith("0,0.00000,0.00000,") and lines[1].endswith(",,")
    back = read_csv(tmp_path / "a.csv")
    assert (back.fs, back.leads, back.name) == (500.0, LEADS, "a")
    np.testing.assert_array_equal(np.isnan(back.signal), np.isnan(page.signal))
    np.testing.assert_allclose(back.signal, page.signal, atol=0.6e-5)


@pytest.mark.parametrize("fs", [100.0, 256.0, 360.0, 1000.0, 4096.0])
def test_csv_gives_back_the_rate_even_of_a_short_recording(fs, tmp_path):
    Recording("x", np.zeros((12, 3)), fs).write_csv(tmp_path / "x.csv")
    assert read_csv(tmp_path / "x.csv").fs == fs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected time_s"),
        ("t,I\n0,1\n", "expected time_s"),
        ("time_s,I\n0,1\n", "two or more lines"),
        ("time_s,I\n0,1\n1,x\n", "numbers or blanks"),
        ("time_s,I\n0,1\n1\n", "numbers or blanks"),
        ("time_s,I\n0,1\n1,1\n5,1\n", "evenly spaced"),
    ],
)
def test_bad_csv_is_explained(text, message, tmp_path):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(RecordError, match=message):
        read_csv(tmp_path / "bad.csv")


def test_wfdb_there_and_back(page, tmp_path):
    assert page.write_wfdb(tmp_path, "out") == tmp_path / "out.hea"
    record = wfdb.rdrecord(str(tmp_path / "out"))
    assert (record.fs, record.sig_name, record.units) == (500, list(LEADS), ["mV"] * 12)
    assert record.comments == ["age: 58", "Diagnose:"]
    np.testing.assert_array_equal(np.isnan(record.p_signal.T), np.isnan(page.signal))
    np.testing.assert_allclose(record.p_signal.T, page.signal, atol=0.26e-3)
    for path in (tmp_path / "out", tmp_path / "out.hea"):
        back = read_wfdb(path)
        np.testing.assert_allclose(back.signal, page.signal, atol=0.26e-3)
    part = read_wfdb(tmp_path / "out", start_s=2.5, seconds=1.0)
    np.testing.assert_array_equal(part.signal, back.signal[:, 1250:1750])


def test_wfdb_holds_swings_over_16_mv(tmp_path):
    signal = np.tile(np.linspace(-40, 40, 100), (12, 1))
    Recording("big", signal, 500.0).write_wfdb(tmp_path)
    np.testing.assert_allclose(read_wfdb(tmp_path / "big").signal, signal, atol=0.7e-3)


def test_wfdb_names_and_units_are_translated(tmp_path):
    names, units = ["resp", "V1", "AVR", "i"], ["pm", "uV", "mV", "V"]
    signal = np.column_stack([np.zeros(50), np.full(50, 500.0), np.full(50, 0.5), np.full(50, 0.5e-3)])
    wfdb.wrsamp(
        "odd", 100, units, names, p_signal=signal, fmt=["16"] * 4, adc_gain=[1, 10, 1e3, 1e6],
        baseline=[0] * 4, write_dir=str(tmp_path),
    )  # fmt: skip
    record = read_wfdb(tmp_path / "odd.hea")
    assert record.leads == ("I", "aVR", "V1")
    np.testing.assert_allclose(record.signal, 0.5, atol=1e-3)


def test_missing_and_foreign_wfdb_is_explained(page, tmp_path):
    with pytest.raises(RecordError, match="no such WFDB header"):
        read_wfdb(tmp_path / "none")
    wfdb.wrsamp("x", 100, ["mV"], ["resp"], p_signal=np.zeros((9, 1)), fmt=["16"], write_dir=str(tmp_path))
    with pytest.raises(RecordError, match="expected some of I, II"):
        read_wfdb(tmp_path / "x")
    with pytest.raises(RecordError, match="WFDB cannot hold"):
        page.write_wfdb(tmp_path, "no spaces, please")


def test_json_is_strict_json(page, tmp_path):
    page.write_json(tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text(), parse_constant=lambda c: pytest.fail(c))
    assert content["provenance"] == {"scale": 8.5, "matrix": [[1.0, 0.0], [0.0, 1.0]], "tilt": None}
    assert content["quality"] == {"I": 0.9, "V6": None}
    assert content["windows_s"] == {"I": [0.0, 2.5]} and content["clinical"] == {"age": 58}
    assert content["share_present"]["I"] == 0.25 and content["share_present"]["V6"] == 0
    assert content["warnings"] == ["V6: nothing found"] and content["length_s"] == 10


@pytest.mark.parametrize("fs", [1000.0, 250.0, 360.0])
def test_resample_keeps_signal_and_gaps(page, fs):
    new = page.resample(fs)
    n = round(10 * fs)
    assert new.signal.shape == new.confidence.shape == (12, n) and new.fs == fs and new.seconds == 10
    t = np.arange(n) / fs
    gap = (t > 999.5 / 500) & (t < 1099.5 / 500)
    assert np.isnan(new.lead("II")[gap]).all() and np.isnan(new.lead("V6")).all()
    np.testing.assert_array_equal(np.isfinite(new.lead("aVR")), (t >= 2.5 - 1e-9) & (t <= 2499 / 500 + 1e-9))
    inside = (t > 0.1) & (t < 9.9) & ((t < 1.9) | (t > 2.3))
    np.testing.assert_allclose(new.lead("II")[inside], np.sin(2 * np.pi * 3 * t)[inside], atol=0.01)


def test_resample_filters_what_the_new_rate_cannot_hold():
    t = np.arange(10_000) / 1000
    signal = np.tile(np.sin(2 * np.pi * 180 * t), (12, 1))
    assert np.abs(Recording("x", signal, 1000.0).resample(250).signal[:, 50:-50]).max() < 0.02
