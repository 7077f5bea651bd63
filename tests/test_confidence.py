"""The confidence means what it says: odds from evidence, errors from odds, dB from errors, and its fit finds them."""

from dataclasses import replace

import numpy as np
import pytest

from ecgseg.digitize.trace import confidence as c
from ecgseg.digitize.trace.confidence_fit import _falling, best_threshold, error_table, logistic, monotone, write
from ecgseg.paths import WEIGHTS
from ecgseg.recording import Recording


def evidence(rows=1, n=800, y=400.0, mass=0.999, ink=0.99, spread=0.6, piece=800, left=0):
    full = [np.full((rows, n), float(v)) for v in (400.0, y, mass, spread, ink, piece)]
    names = ("level", "y", "mass", "spread", "ink", "piece")
    return c.Evidence(np.full(rows, left), **dict(zip(names, full, strict=True)))


@pytest.mark.parametrize(
    "worse", [{"mass": 0.4}, {"spread": 3.0}, {"piece": 20}, {"mass": 0.2, "ink": 0.05}], ids=lambda w: "-".join(w)
)
def test_less_evidence_is_less_confidence(worse):
    calibration = c.shipped()
    good, kept = calibration(evidence())
    bad, _ = calibration(evidence(**worse))
    # A wide spread may tell nothing that the mass does not; it never tells of being surer.
    least = 1.0 if "spread" in worse else 1.2
    assert good.min() > 0.95 and kept.all() and (1 - bad).min() >= least * (1 - good).max()


def test_rows_are_compared_where_they_lie_on_the_page():
    two = evidence(rows=2)
    shared = c.features(two)[..., c.FEATURES.index("shared")]
    assert shared == pytest.approx(np.ones((2, 800)))
    apart = replace(two, left=np.array([0, 100]))  # 400 sub-columns to the right
    shared = c.features(apart)[..., c.FEATURES.index("shared")]
    assert shared[0, :300].max() == 0 and shared[1, -300:].max() == 0 and shared[0, -300:-50].min() > 0.9
    below = replace(two, y=two.y + np.array([[0.0], [8.0]]))  # 1 mm
    assert c.features(below)[..., c.FEATURES.index("shared")].max() == 0


def test_a_feature_that_would_make_doubt_surer_is_left_out():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20_000, 2))
    true = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 + 1.5 * x[:, 0] + 0.5 * x[:, 1])))
    assert monotone(x, true, (1, 0))[2] == pytest.approx(0.5, abs=0.1)
    intercept, first, second = monotone(x, true, (1, -1))
    assert second == 0.0 and (intercept, first) == logistic(x[:, :1], true)


def test_logistic_finds_its_factors():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 2))
    p = 1 / (1 + np.exp(-(0.5 + 1.5 * x[:, 0] - 2.0 * x[:, 1])))
    assert logistic(x, rng.random(20_000) < p) == pytest.approx((0.5, 1.5, -2.0), abs=0.1)
    np.testing.assert_allclose(c.odds(x, (0.5, 1.5, -2.0)), p)


def test_errors_fall_with_confidence_and_keep_their_mean():
    assert _falling([4.0, 1.0, 3.0, 0.5], [1, 1, 1, 2]) == [4.0, 2.0, 2.0, 0.5]
    rng = np.random.default_rng(1)
    confidence = rng.random(5000)
    table = error_table(confidence, np.abs(rng.normal(0, 2.0 - 1.5 * confidence)))
    at, error = np.array(table).T
    assert (np.diff(at) > 0).all() and (np.diff(error) <= 0).all()
    # What is further off than 2 mm counts as that: of a deviation of 2 mm 2.06 mm² are left of 4.
    assert error[-1] == pytest.approx(0.3, abs=0.15) and error[0] == pytest.approx(2.06, rel=0.1)


def test_threshold_prefers_gaps_to_wrong_values():
    """A fifth of the samples is far off and doubtful: leaving it out costs less than keeping it."""
    page, height = np.zeros(1000, int), np.ones(1000)
    off = np.where(np.arange(1000) < 200, 8.0, 0.05)
    p = np.where(off > 1, 0.6, 0.99)
    assert 0.6 < best_threshold(p, off, height, page) <= 0.99
    assert best_threshold(p, np.full(1000, 0.05), height, page) <= 0.6


def made(noise_confidence=0.995, gap=0.0, size=1.0):
    t = np.arange(2500) / 500
    signal = size * np.exp(-(((t % 1) - 0.4) ** 2) / 1e-3)[None].astype(np.float32)
    signal[:, : round(gap * 2500)] = np.nan
    conf = np.full_like(signal, noise_confidence)
    return Recording("x", signal, 500.0, leads=("V1",), confidence=conf, windows={"V1": (0.0, 5.0)})


def test_quality_falls_with_doubt_gaps_and_small_signals():
    good = c.lead_quality(made())["V1"]
    assert good > 0.8
    for worse in (made(0.6), made(gap=0.5), made(size=0.1)):
        assert c.lead_quality(worse)["V1"] < good - 0.1
    blank = made(gap=1.0)
    assert c.lead_quality(blank)["V1"] == 0 and c.page_db(blank) < 0
    assert c.page_db(made()) == pytest.approx(c.predicted_db(made())["V1"])


def test_quality_is_a_fixed_map_of_db():
    assert [c.to_quality(db) for db in (-5, 0, 10, 20, 30, 50)] == pytest.approx([0, 0, 0.5, 0.9, 1, 1])


def test_calibration_there_and_back_and_of_the_shipped_weights(tmp_path):
    write(c.shipped(), tmp_path / "c.json", {"pages": 3})
    back = c.load_calibration(tmp_path / "c.json")
    assert replace(back, about={}) == replace(c.shipped(), about={}) and back.about == {"pages": 3}
    told = (WEIGHTS / "stripnet.safetensors.sha256").read_text().split()[0]
    assert c.shipped().about["weights_sha256"] == told, "run python -m ecgseg.digitize.trace.confidence_fit"


def test_an_error_of_the_map_costs_what_it_makes_of_the_leads_slopes():
    t = np.arange(5000) / 500
    beats = sum(np.exp(-(((t - at) / 0.02) ** 2)) for at in np.arange(0.5, 10, 0.8))
    recording = Recording("", np.tile(beats, (2, 1)).astype(np.float32), 500.0, ("V1", "V4"))
    recording.confidence = np.full((2, 5000), 0.99, np.float32)
    sure = c.predicted_db(recording)
    recording.provenance["map_errors_mm"] = {"V1": 0.03, "V4": 0.5}
    told = c.predicted_db(recording)
    assert told["V1"] > sure["V1"] - 2 and told["V4"] < sure["V4"] - 10
    # A shift of s mm makes s times the slope of it; 0.5 mm along both axes is usually 0.18 mm along time.
    slope = np.sqrt(np.mean(np.diff(beats) ** 2)) * 500 / 25
    noise = (0.5 / np.sqrt(8) * slope) ** 2 / np.mean((beats - np.median(beats)) ** 2)
    assert told["V4"] == pytest.approx(-10 * np.log10(10 ** (-sure["V4"] / 10) + noise), abs=0.1)


def test_leads_that_break_their_laws_are_all_doubted():
    t = np.arange(2000) / 500
    signal = np.stack([np.sin(2 * np.pi * t), np.cos(2 * np.pi * t)]).astype(np.float32)
    recording = Recording("two leads", signal, 500.0, ("I", "II"), confidence=np.full((2, 2000), 0.98))
    plain, lawful, broken = (c.lead_quality(recording, agreement=a) for a in (0.5, 0.95, 0.1))
    assert plain == lawful and min(plain.values()) > 0.3
    assert all(broken[lead] == pytest.approx(0.2 * plain[lead]) for lead in plain)
