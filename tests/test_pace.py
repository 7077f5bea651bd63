"""Beats too slow and wide for the speed that was taken tell of twice that speed."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ecgseg import measure
from ecgseg.digitize import digitizer as whole_way
from ecgseg.digitize.assemble.pace import ran_faster
from ecgseg.digitize.calibrate.calibration import NO_SPEED, Calibration
from ecgseg.digitize.digitizer import Digitizer, _Page
from ecgseg.simulate import simulate


@pytest.mark.parametrize("kind", ["normal", "atrial_fibrillation", "complete_block_narrow", "sinus_bradycardia"])
def test_no_heart_is_taken_for_one_drawn_at_twice_the_speed(kind):
    assert not any(ran_faster(simulate(np.random.default_rng(seed), kind)) for seed in range(3))


def test_a_page_at_twice_the_speed_taken_is_told_by_its_beats():
    recording = simulate(np.random.default_rng(0), "normal")
    assert ran_faster(replace(recording, fs=recording.fs / 2))


def test_a_bug_in_measuring_or_no_beat_says_nothing_of_the_speed(monkeypatch):
    recording = simulate(np.random.default_rng(0), "ventricular_fibrillation")
    assert not ran_faster(recording)
    monkeypatch.setattr(measure, "measure", lambda recording: 1 / 0)
    assert not ran_faster(recording)


def unread_speed(named: bool) -> _Page:
    recording = replace(simulate(np.random.default_rng(0), "normal"), fs=250.0)
    calibration = Calibration(25.0, 10.0, how={"speed": "default", "gain": "text"}, warnings=(f"{NO_SPEED}: …", "more"))
    located = SimpleNamespace(named=named, layout=None)
    return _Page(SimpleNamespace(image=None), "findings", calibration, located, said=("said",), recording=recording)


@pytest.fixture
def digitizer(monkeypatch):
    made = object.__new__(Digitizer)
    monkeypatch.setattr(made, "_look", lambda image: ("maps", "other findings"), raising=False)
    return made


CLOCK = SimpleNamespace(lap=lambda name: None)


def test_a_named_page_at_another_pace_is_doubted_and_kept(digitizer):
    page = unread_speed(named=True)
    after = digitizer._paced(page, CLOCK)
    assert after == replace(page, calibration=page.calibration.doubted_by_beats(50.0))
    assert after.calibration.trust == page.calibration.trust / 4
    assert "those of a page printed at 50 mm/s" in after.calibration.warnings[-1]
    told = replace(page, calibration=Calibration(25.0, 10.0, how={"speed": "text"}))
    assert digitizer._paced(told, CLOCK) is told


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_unnamed_page_is_located_again_at_the_speed_of_its_beats(digitizer, monkeypatch, confirmed):
    """Rows of 500 mm have 10 s at 50 mm/s, and names only then."""
    page = unread_speed(named=False)

    def located(flat, seen, clock, beats):
        assert (seen, beats) == (("maps", "findings"), 50.0)
        return replace(page, calibration=page.calibration.by_beats(beats), said=(), located="named")

    monkeypatch.setattr(digitizer, "_located", located, raising=False)
    monkeypatch.setattr(digitizer, "_read", lambda page, clock: page, raising=False)
    monkeypatch.setattr(whole_way, "_confirms", lambda found: confirmed)
    after = digitizer._paced(page, CLOCK)
    if not confirmed:
        assert after == replace(page, calibration=page.calibration.doubted_by_beats(50.0))
        return
    assert after.located == "named" and after.said == ("said",) and not after.calibration.too_slow
    assert (after.calibration.speed, after.calibration.speed_told) == (50.0, True)
    first, second = after.calibration.warnings
    assert first == "more" and second.startswith(f"{NO_SPEED}: 50 mm/s was taken")
