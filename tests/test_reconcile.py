"""Two prints of one lead: what agrees is averaged, what does not is decided and marked, other leads are not mixed."""

import numpy as np
import pytest

from ecgseg.digitize.assemble.reconcile import merge_prints

FS = 500.0


@pytest.fixture
def beat():
    t = np.arange(1250) / FS
    return np.exp(-(((t % 0.8) - 0.3) ** 2) / 3e-4) + 0.2 * np.exp(-(((t % 0.8) - 0.55) ** 2) / 4e-3)


def test_two_noisy_prints_are_better_than_one(beat):
    rng = np.random.default_rng(0)
    one, two = (beat + rng.normal(0, 0.02, beat.size) for _ in range(2))
    ones = np.full(beat.size, 0.9)
    signal, confidence, report = merge_prints(one, ones, two + 0.3, ones, FS)
    assert np.std(signal - beat) < 0.8 * np.std(one - beat)
    assert report["shift_s"] == 0 and report["r"] > 0.9 and report["disagree"] < 0.01
    assert confidence == pytest.approx(ones, abs=0.45)


def test_second_print_is_moved_in_time_and_height(beat):
    late = np.roll(beat, 6) + 0.5
    ones = np.full(beat.size, 0.9)
    signal, _, report = merge_prints(beat, ones, late, ones, FS)
    assert report["shift_s"] == pytest.approx(-0.012)
    np.testing.assert_allclose(signal[10:-10], beat[10:-10], atol=1e-6)


def test_where_they_disagree_the_surer_one_is_taken_and_doubted(beat):
    wrong, sure, doubtful = beat.copy(), np.full(beat.size, 0.9), np.full(beat.size, 0.9)
    wrong[400:500] += 0.2
    doubtful[380:520] = 0.3
    for first, second, a, b in ((beat, wrong, sure, doubtful), (wrong, beat, doubtful, sure)):
        signal, confidence, report = merge_prints(first, a, second, b, FS)
        np.testing.assert_allclose(signal, beat, atol=1e-6)
        assert confidence[450] == pytest.approx(0.9**2 / 1.2) and confidence[100] == pytest.approx(0.9)
        assert report["disagree"] == pytest.approx(100 / 1250)


def test_gaps_are_filled_and_nothing_else(beat):
    gappy, ones = beat.copy(), np.full(beat.size, 0.8)
    gappy[200:300] = np.nan
    holes = np.where(np.isnan(gappy), 0.0, ones)
    signal, confidence, _ = merge_prints(gappy, holes, beat, np.full(beat.size, 0.6), FS)
    np.testing.assert_allclose(signal, beat, atol=1e-6)
    assert confidence[250] == pytest.approx(0.6) and confidence[100] == pytest.approx(0.8)


def test_another_lead_is_not_mixed_in(beat):
    other, ones = -np.roll(beat, 150), np.full(beat.size, 0.9)
    signal, confidence, report = merge_prints(beat, ones * 0.5, other, ones, FS)
    np.testing.assert_array_equal(signal, beat)
    assert report["r"] < 0.5
    apart = np.abs(beat - other) > 0.2
    assert confidence[apart].max() < 0.2  # one of the two is wrong, and the other was the surer one


def test_little_in_common_is_not_compared(beat):
    first, second = beat.copy(), beat.copy()
    first[200:], second[:100] = np.nan, np.nan
    signal, _, report = merge_prints(first, np.isfinite(first) * 0.9, second, np.isfinite(second) * 0.9, FS)
    assert report is None and np.isfinite(signal).all()
