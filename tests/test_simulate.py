"""Simulated recordings: leads that agree with each other, intervals as asked, each kind as it claims, artefacts."""

import numpy as np
import pytest

from ecgseg import ptb
from ecgseg.layout import LEADS
from ecgseg.recording import Recording
from ecgseg.simulate import ARTEFACTS, KINDS, add_artefacts, simulate, simulate_with_truth
from ecgseg.simulate.artefacts import swap_limbs
from ecgseg.simulate.leads import DOWER, from_potentials, independent_leads, potentials, twelve
from ecgseg.simulate.waves import draw, waves


def made(kind, seed=0, **asked):
    return simulate_with_truth(np.random.default_rng([seed, KINDS.index(kind)]), kind, **asked)


def identity_error(recording):
    """Return how far, in mV, the leads are from I + III = II, aVR + aVL + aVF = 0 and aVR = -(I + II) / 2."""
    lead = {name: recording.lead(name).astype(float) for name in LEADS}
    return max(
        np.abs(lead["I"] + lead["III"] - lead["II"]).max(),
        np.abs(lead["aVR"] + lead["aVL"] + lead["aVF"]).max(),
        np.abs(lead["aVR"] + (lead["I"] + lead["II"]) / 2).max(),
    )


def stretches(recording, threshold=0.001):
    """Return the starts and ends in s of the stretches in which any lead is over the threshold in mV."""
    on = np.abs(recording.signal).max(axis=0) > threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(int)))
    return edges[::2] / recording.fs, edges[1::2] / recording.fs


def nearest(values, to):
    return values[np.nanargmin(np.abs(values - to))]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_recording_whose_leads_agree(kind):
    for seed in range(3):
        recording, truth = made(kind, seed)
        assert recording.signal.shape == (12, 5000)
        assert recording.fs == 500.0 and recording.leads == LEADS
        assert np.isfinite(recording.signal).all()
        assert np.abs(recording.signal).max() < 7
        assert identity_error(recording) == 0
        n = len(truth.r_peaks)
        beatwise = (truth.ectopic, truth.p_onset, truth.p_offset, truth.qrs_onset, truth.qrs_offset, truth.t_end)
        assert all(len(part) == n for part in beatwise)
        assert (np.diff(truth.r_peaks) > 0.2).all()
        known = np.isfinite(truth.qrs_onset) & np.isfinite(truth.qrs_offset)
        assert (truth.qrs_onset < truth.r_peaks)[known].all() and (truth.r_peaks < truth.qrs_offset)[known].all()


def test_same_seed_same_signal_and_any_kind_when_none_is_asked_for():
    one, two, other = (simulate(np.random.default_rng(seed), "atrial_fibrillation") for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.signal, two.signal)
    assert (one.signal != other.signal).any()
    rng = np.random.default_rng(0)
    assert len({simulate(rng, seconds=2.0).provenance["kind"] for _ in range(60)}) > 20
    assert simulate(rng, "normal", seconds=3.2, fs=1000).signal.shape == (12, 3200)


@pytest.mark.parametrize("seed", range(4))
def test_intervals_asked_for_are_in_the_signal(seed):
    # This kind has no ST level, so P, QRS and T stand apart with exact zeros between them.
    asked = {"rate": 61.0 + 5 * seed, "pr": 0.15 + 0.02 * seed, "qrs": 0.08 + 0.01 * seed, "qt": 0.36 + 0.02 * seed}
    recording, truth = made("inverted_t", seed, seconds=12.0, fs=1000.0, **asked)
    assert truth.rate == pytest.approx(asked["rate"], rel=0.03)
    assert [truth.pr, truth.qrs, truth.qt] == pytest.approx([asked["pr"], asked["qrs"], asked["qt"]])
    starts, ends = stretches(recording)
    whole = np.isfinite(truth.p_onset) & np.isfinite(truth.t_end)
    assert whole.sum() > 9
    # A threshold of 1 % or less finds a wave up to 6.4 % of its flank late or early.
    for i in np.flatnonzero(whole):
        assert nearest(starts, truth.p_onset[i]) == pytest.approx(truth.p_onset[i], abs=0.006)
        assert nearest(ends, truth.p_offset[i]) == pytest.approx(truth.p_offset[i], abs=0.006)
        assert nearest(starts, truth.qrs_onset[i]) == pytest.approx(truth.qrs_onset[i], abs=0.003)
        assert nearest(ends, truth.qrs_offset[i]) == pytest.approx(truth.qrs_offset[i], abs=0.003)
        assert nearest(ends, truth.t_end[i]) == pytest.approx(truth.t_end[i], abs=0.009)
        size = np.abs(recording.signal[:, round(1000 * truth.qrs_onset[i]) : round(1000 * truth.qrs_offset[i])]).max()
        at_r = np.abs(recording.signal[:, round(1000 * truth.r_peaks[i])]).max()
        assert at_r > 0.6 * size
    np.testing.assert_allclose(truth.qrs_onset[whole] - truth.p_onset[whole], asked["pr"])
    np.testing.assert_allclose(truth.t_end[whole] - truth.qrs_onset[whole], asked["qt"])


@pytest.mark.parametrize("kind", ["st_elevation", "st_depression"])
def test_the_st_level_told_is_the_signal_at_j(kind):
    largest = 0.0
    for seed in range(6):
        recording, truth = made(kind, seed, fs=1000.0)
        j = truth.qrs_offset[2]
        level = recording.signal[:, round(1000 * j) + 2]
        np.testing.assert_allclose(level, [truth.st[lead] for lead in LEADS], atol=0.01)
        largest = max(largest, np.abs(level).max())
    assert largest > 0.15


def test_fibrillation_is_irregular_without_p_and_its_baseline_moves():
    for seed in range(5):
        recording, truth = made("atrial_fibrillation", seed, rate=90.0)
        intervals = np.diff(truth.r_peaks)
        assert intervals.std() / intervals.mean() > 0.1
        assert np.isnan(truth.p_onset).all() and len(truth.p_waves) == 0 and np.isnan(truth.pr)
        before = np.round(500 * (truth.qrs_onset[1:] - 0.008)).astype(int)
        assert np.abs(recording.lead("V1")[before]).mean() > 0.01
        sinus, truth = made("normal", seed)
        intervals, before = np.diff(truth.r_peaks), np.round(500 * (truth.qrs_onset[1:] - 0.008)).astype(int)
        assert intervals.std() / intervals.mean() < 0.06
        assert not sinus.signal[:, before].any()


def test_ventricular_beats_are_broad_early_and_have_a_full_pause():
    _, truth = made("premature_ventricular", 1, seconds=20.0, rate=70.0)
    width = truth.qrs_offset - truth.qrs_onset
    assert truth.ectopic.any() and not truth.ectopic.all()
    assert np.nanmin(width[truth.ectopic]) > 0.125 and np.nanmax(width[~truth.ectopic]) < 0.11
    assert np.isnan(truth.p_onset[truth.ectopic]).all()
    usual = 60 / 70
    singles = [i for i in np.flatnonzero(truth.ectopic) if 1 < i < len(truth.ectopic) - 1]
    assert singles
    for i in singles:
        assert truth.qrs_onset[i] - truth.qrs_onset[i - 1] < 0.8 * usual
        assert truth.qrs_onset[i + 1] - truth.qrs_onset[i - 1] == pytest.approx(2 * usual, rel=0.08)
    pairs = made("ventricular_couplets", 1, seconds=20.0)[1].ectopic
    assert (pairs[1:] & pairs[:-1]).any()


def test_blocks_conduct_as_their_names_say():
    first = made("first_degree_block")[1]
    assert first.pr > 0.2
    wenckebach = made("wenckebach", 2, seconds=20.0)[1]
    pr, intervals = wenckebach.qrs_onset - wenckebach.p_onset, np.diff(wenckebach.qrs_onset)
    dropped = intervals > 1.4 * np.median(intervals)
    assert dropped.any() and (np.diff(pr)[~dropped] > 0).all() and (np.diff(pr)[dropped] < 0).all()
    assert len(wenckebach.p_waves) > len(wenckebach.r_peaks)
    two = made("two_to_one_block", seconds=20.0)[1]
    assert len(two.p_waves) == pytest.approx(2 * len(two.r_peaks), abs=2)
    for kind in ("complete_block_narrow", "complete_block_wide"):
        complete = made(kind, seconds=20.0)[1]
        assert np.isnan(complete.p_onset).all() and len(complete.p_waves) > 1.1 * len(complete.r_peaks)


def test_bundle_branch_blocks_point_where_they_should():
    for seed in range(4):
        for kind, v1, v6 in (("left_bundle_branch_block", -1, 1), ("right_bundle_branch_block", 1, -1)):
            recording, truth = made(kind, seed)
            late = round(500 * (0.35 * truth.qrs_onset[2] + 0.65 * truth.qrs_offset[2]))
            assert np.sign(recording.lead("V1")[late]) == v1 and np.sign(recording.lead("V6")[late]) == v6


def test_normal_hearts_look_normal():
    early, late, t = [], [], []
    for seed in range(20):
        recording, truth = made("normal", seed)
        i = 2
        piece = slice(round(500 * truth.qrs_onset[i]), round(500 * truth.qrs_offset[i]))
        early.append(recording.lead("V1")[piece].max() + recording.lead("V1")[piece].min())
        late.append(recording.lead("V5")[piece].max() + recording.lead("V5")[piece].min())
        t.append(recording.lead("V4")[round(500 * (truth.t_end[i] - 0.1))])
    assert np.mean(np.array(early) < 0) > 0.9 and np.mean(np.array(late) > 0) > 0.9
    assert np.mean(np.array(t) > 0.05) > 0.9


def test_voltages_tall_low_and_none():
    tall = [np.abs(made("hypertrophy", seed)[0].signal).max() for seed in range(8)]
    low = [np.abs(made("low_voltage", seed)[0].signal).max() for seed in range(8)]
    assert max(tall) > 4 and min(tall) > 2 and max(low) < 1
    still, truth = made("asystole")
    assert not still.signal.any() and np.isnan(truth.rate) and truth.st == {}
    assert made("ventricular_fibrillation")[0].signal.std() > 0.03


def test_pacemaker_spikes_are_one_sample_wide_before_each_qrs():
    recording, truth = made("paced_ventricle", 3)
    assert len(truth.spikes) >= len(truth.r_peaks) - 1
    size = np.abs(recording.signal).sum(axis=0)
    for spike in truth.spikes[1:-1]:
        at = round(500 * spike)
        assert size[at] > 5 * max(size[at - 1], size[at + 1])
        assert 0 < nearest(truth.qrs_onset, spike) - spike < 0.02


def test_unknown_names_and_impossible_intervals_say_what_to_do():
    with pytest.raises(ValueError, match="unknown kind 'nonsense'; the choices are normal,"):
        simulate(np.random.default_rng(0), "nonsense")
    with pytest.raises(ValueError, match=r"QT is 0\.150 s with a QRS of 0.100 s"):
        made("normal", qrs=0.1, qt=0.15)
    recording = simulate(np.random.default_rng(0), "normal", seconds=1.0)
    with pytest.raises(ValueError, match=r"unknown artefacts \['smoke'\]"):
        add_artefacts(recording, np.random.default_rng(0), ["smoke"])
    gap = recording.signal.copy()
    gap[3, 7] = np.nan
    with pytest.raises(ValueError, match="without gaps"):
        add_artefacts(Recording("gap", gap, 500.0), np.random.default_rng(0), ["wander"])


def test_a_wave_is_zero_outside_its_ends_and_full_at_its_peak():
    signal = draw(waves([(0.1, 0.15, 0.3, [2.0]), (0.5, 0.55, 0.6, 0.7, [-1.0])]), 1000, 1000.0)[0]
    assert not signal[:101].any() and not signal[300:501].any() and not signal[700:].any()
    assert signal[150] == 2.0 and (signal[550:601] == -1.0).all()
    assert signal[125] == pytest.approx(1.0) and signal[225] == pytest.approx(1.0)
    assert draw(waves([(-0.5, -0.4, -0.1, [1.0])]), 10, 100.0).tolist() == [[0.0] * 10]


def test_leads_and_potentials_are_the_same_thing():
    channels = np.random.default_rng(0).standard_normal((8, 50))
    np.testing.assert_allclose(from_potentials(potentials(channels)), channels, atol=1e-12)
    np.testing.assert_allclose(independent_leads(twelve(channels)), channels, atol=2.0**-13)
    # The published inverse (Edenbrandt, Pahlm 1988), rows x, y, z; columns I, II, V1…V6.
    inverse = [
        [0.156, -0.010, -0.172, -0.074, 0.122, 0.231, 0.239, 0.194],
        [-0.227, 0.887, 0.057, -0.019, -0.106, -0.022, 0.041, 0.048],
        [0.022, 0.102, -0.229, -0.310, -0.246, -0.063, 0.055, 0.108],
    ]
    np.testing.assert_allclose(np.linalg.pinv(DOWER), inverse, atol=0.001)


@pytest.fixture(scope="module")
def real():
    recording = next(ptb.iter_records())
    return Recording("real", recording.signal[:, :10000], recording.fs)


@pytest.mark.parametrize("name", ARTEFACTS)
def test_artefacts_change_the_leads_and_keep_them_in_agreement(name, real):
    for recording in (simulate(np.random.default_rng(1), "normal"), real):
        changed = [add_artefacts(recording, np.random.default_rng(seed), [name]) for seed in (0, 0, 1)]
        np.testing.assert_array_equal(changed[0].signal, changed[1].signal)
        assert (changed[0].signal != changed[2].signal).any() or name.startswith("swap")
        for result in changed:
            assert np.isfinite(result.signal).all() and identity_error(result) == 0
            assert np.abs(result.signal - recording.signal).max() > 0.005
            assert result.provenance["artefacts"] == [name]


def test_without_artefacts_a_real_recording_stays_what_it_was(real):
    same = add_artefacts(real, np.random.default_rng(0), [])
    assert np.abs(same.signal - real.signal).max() < 0.004  # what its own leads disagree by: rounding to 0.5 µV steps
    chosen = [add_artefacts(real, np.random.default_rng(s)).provenance["artefacts"] for s in range(12)]
    assert len({tuple(names) for names in chosen}) > 3


def test_swapped_arms_turn_lead_one_over():
    recording = simulate(np.random.default_rng(1), "normal")
    before = independent_leads(recording.signal)
    for seed in range(20):
        after = from_potentials(swap_limbs(np.random.default_rng(seed), potentials(before), 500.0))
        np.testing.assert_allclose(after[2:], before[2:], atol=1e-9)  # Wilson's terminal does not notice
        if np.allclose(after[0], -before[0]):
            np.testing.assert_allclose(after[1], before[1] - before[0], atol=1e-9)
            return
    pytest.fail("the arms were never swapped")


def test_artefacts_are_what_they_are_called():
    recording = simulate(np.random.default_rng(1), "normal")
    for seed in range(5):

        def change(name, seed=seed):
            return add_artefacts(recording, np.random.default_rng(seed), [name]).signal - recording.signal

        power = np.abs(np.fft.rfft(change("mains"), axis=1)).sum(axis=0)
        assert abs(power.argmax() / 10 - 50) < 0.3 or abs(power.argmax() / 10 - 60) < 0.3
        power = np.abs(np.fft.rfft(change("wander"), axis=1)).sum(axis=0)
        assert power[:11].sum() > 0.9 * power.sum() or power.argmax() < 11
        power = np.abs(np.fft.rfft(np.diff(change("muscle")[6:], axis=0), axis=1)).sum(axis=0)
        assert power[200:1500].mean() > 3 * power[:50].mean()
    tall = simulate(np.random.default_rng(1), "hypertrophy")
    clipped = add_artefacts(tall, np.random.default_rng(0), ["clipping"])
    most = np.abs(independent_leads(clipped.signal)).max()
    assert most < 0.96 * np.abs(independent_leads(tall.signal)).max()
    assert (np.abs(independent_leads(clipped.signal)) > most - 1e-4).sum() > 10
    off = [add_artefacts(recording, np.random.default_rng(s), ["lead_off"]).signal for s in range(30)]
    flat = [(np.abs(signal[:, -100:]).max(axis=1) < 0.001) & (np.ptp(recording.signal, axis=1) > 0) for signal in off]
    assert any(f.any() for f in flat) and not all(f.any() for f in flat)


def test_generated_recordings_agree_and_repeat():
    pytest.importorskip("deepfakeecg", reason="deepfake-ecg is an optional source")
    from ecgseg.simulate.generated import generated

    one, two = (generated(np.random.default_rng(0), 3) for _ in range(2))
    for recording, again in zip(one, two, strict=True):
        np.testing.assert_array_equal(recording.signal, again.signal)
        assert recording.signal.shape == (12, 5000) and identity_error(recording) == 0
        assert 0.3 < np.ptp(recording.lead("V2")) < 9
