"""Warnings come where a recording breaks what every 12-lead ECG obeys, and only there."""

import numpy as np
import pytest

from ecgseg.digitize.assemble.verify import IDENTITIES, LAWS, identity_residual, lead_quality, mends, verify
from ecgseg.layout import LEADS
from ecgseg.recording import Recording


@pytest.fixture
def recording():
    """Ten seconds of twelve leads that obey Einthoven and Goldberger, all printed over the whole time."""
    t = np.arange(5000) / 500
    one, two = np.exp(-(((t % 1) - 0.4) ** 2) / 2e-4), 1.4 * np.exp(-(((t % 1) - 0.41) ** 2) / 3e-4)
    three = two - one
    limb = [one, two, three, -(one + two) / 2, (one - three) / 2, (two + three) / 2]
    signal = np.array([*limb, *[k * one for k in (-1, -0.5, 0.3, 1, 1.2, 1)]], np.float32)
    windows = dict.fromkeys(LEADS, (0.0, 10.0))
    return Recording("x", signal, 500.0, confidence=np.ones_like(signal), windows=windows)


def test_a_sound_recording_has_no_warning_even_with_noise_and_own_zeros(recording):
    rng = np.random.default_rng(1)
    recording.signal += rng.normal(0, 0.03, recording.signal.shape) + rng.normal(0, 0.2, (12, 1))
    assert verify(recording) == []
    quality = lead_quality(recording)
    # In V3, of 0.3 mV, the noise is a third of all: a row misplaced by 0.06 mm shows there.
    assert min(quality, key=quality.get) == "V3" and quality["V3"] > 0.5
    assert all(quality[lead] > 0.8 for lead in ("I", "II", "III", "aVR", "aVF", "V1", "V4", "V5", "V6"))


def test_residual_is_the_rms_of_the_sum(recording):
    recording.signal[0] += 0.3 * np.sin(2 * np.pi * np.arange(5000) / 500)
    rms, _ = identity_residual(recording, IDENTITIES["II = I + III"])
    assert rms == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_swapped_leads_are_noticed(recording):
    recording.signal[[0, 1]] = recording.signal[[1, 0]]
    assert any("II = I + III does not hold" in w and "I and II look swapped" in w for w in verify(recording))
    assert mends(recording) == ["I and II look swapped"]


def test_all_laws_hold_for_a_sound_recording(recording):
    for law, factors in LAWS.items():
        assert identity_residual(recording, factors)[1] < 0.05, law
    recording.signal[3] = recording.signal[10]
    assert identity_residual(recording, LAWS["aVR = -(I + II) / 2"])[1] > 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s[[3, 4]], "aVR and aVL look swapped"),
        (lambda s: s[[0, 2]], "I and III look swapped"),
        (lambda s: -s[[3]], "aVR looks upside down"),
    ],
)
def test_what_would_mend_it_is_said(recording, change, words):
    rows = {"aVR and aVL look swapped": [4, 3], "I and III look swapped": [2, 0], "aVR looks upside down": [3]}[words]
    recording.signal[rows] = change(recording.signal)
    assert mends(recording) == [words]
    assert all(words in w for w in verify(recording) if "does not hold" in w) and len(verify(recording)) >= 1


def test_three_leads_in_turn_and_nonsense(recording):
    sound = recording.signal.copy()
    recording.signal[[0, 1, 2]] = sound[[1, 2, 0]]
    assert mends(recording) == ["I, II and III look out of order"]
    recording.signal[:6] = np.random.default_rng(0).normal(0, 0.5, (6, 5000))
    assert mends(recording) == []
    assert any("may be swapped, misread" in w for w in verify(recording))


def test_where_less_is_printed_together_all_ways_are_named(recording):
    """I, II and III alone: the sum also holds with III upside down in place of I and II swapped."""
    recording.signal[3:, :] = np.nan
    recording.signal[[0, 1]] = recording.signal[[1, 0]]
    ways = mends(recording)
    assert "I and II look swapped" in ways and "III looks upside down" in ways


def test_missing_partial_and_doubtful_leads_are_named(recording):
    recording.signal[6] = np.nan
    recording.signal[7, 2500:] = np.nan
    recording.confidence[8] = 0.01
    warnings = verify(recording)
    assert "no trace found for V1" in warnings
    assert any(w.startswith("V2: only 50% of its strip") for w in warnings)
    assert any(w.startswith("V3: read with low quality (") for w in warnings)
    assert lead_quality(recording)["V1"] == 0


def test_leads_of_different_times_are_not_compared(recording):
    recording.signal[0, 1000:] = np.nan
    recording.signal[1, :1000] = np.nan
    assert identity_residual(recording, IDENTITIES["II = I + III"]) is None
