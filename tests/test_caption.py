"""What a line of print states of speed and gain: usual spellings, misread letters, and what must not be believed."""

import pytest

from ecgseg.digitize.calibrate.caption import CHEST, LIMB, is_cut_off, parse_calibration


@pytest.mark.parametrize(
    "text, speed, gain",
    [
        ("25mm/s", 25, None),
        ("25 mm/sec", 25, None),
        ("25,0 mm/s 10,0 mm/mV", 25, 10),
        ("Vorschub 50 mm/s5mm/mv", 50, 5),
        ("Ve1.50 mm/s 10mm/mV", 50, 10),  # Vel. with its l read as 1
        ("12.5 mms", 12.5, None),
        ("l0 mm/mV", None, 10),
        ("1O mm/mV", None, 10),
        ("1 cm/mV", None, 10),
        ("0.5 cm/mV", None, 5),
        ("1 mV = 10 mm", None, 10),
        ("1mV=2.5mm", None, 2.5),
        ("1. mV = 5 mm", None, 5),
        ("x1", None, 10),
        ("x1/2", None, 5),
        ("x2.0", None, 20),
        ("25mm/s 10mm/mV ~ 0.15-150 Hz", 25, 10),
        ("Speed: 25 mm/sec Limb: 10 mm/mV Chest: 10.0 mm/mV", 25, 10),
        ("100Hz 25.0mm/s 10.0mm/mV 4 by 2.5s", 25, 10),
        ("25mm/s; 10mm/mV", 25, 10),
        ("25 мм/с 10 мм/мВ", 25, 10),
        ("25m/8 10 mm/mV", 25, 10),
        ("12.5 mm/8", 12.5, None),
        ("50.0m/s", 50, None),
        ("25 mm/s 5 inm/inV", 25, 5),
        ("25=/s 5/mV 0.05-150Hz", 25, 5),
        ("25 jim/s, 10 mm/mV, 50 Hz", 25, 10),
        ("50 mml 5", 50, None),
        ("Speed: 25 mm/sec timb:10 mm/mV Chest: 10 mm/mV", 25, 10),
        ("Speed: 25 mm/sec timb: 5 mm/aV Chest: 5 mm/mV", 25, 5),
    ],
)
def test_usual_spellings_and_misread_letters(text, speed, gain):
    said = parse_calibration(text)
    assert (said.speed, said.gain, said.gains) == (speed, gain, {})
    assert not said.unread


@pytest.mark.parametrize(
    "text, limb, chest",
    [
        ("5/10 mm/mV", 5, 10),
        ("25.0 mm/s 10-5 mm/mV", 10, 5),
        ("Limb: 10 mm/mV  Chest: 5 mm/mV", 10, 5),
        ("Limbs 10mm/mV Precordial 5mm/mV", 10, 5),
        ("Limb 10 Chest 20 mm/mV", 10, 20),
        ("25m/sLimb: 10 mm/mv Chest: 5/mv", 10, 5),
    ],
)
def test_gains_of_limb_and_chest_leads_are_told_apart(text, limb, chest):
    said = parse_calibration(text)
    assert said.gain is None and said.gains == {LIMB: limb, CHEST: chest}


def test_one_group_alone_is_not_the_gain_of_all():
    said = parse_calibration("Chest: 5 mm/mV")
    assert said.gain is None and said.gains == {CHEST: 5}


@pytest.mark.parametrize(
    "text",
    [
        "F 50~ 0.5-100 Hz W",
        "0.05-150 Hz 60 bpm",
        "3 x 4",
        "4 x 2.5 s",
        "3x4+1R",
        "5/mV",
        "12/25/5 20 mm",
        "1 mV",
        "1:1",
        "5 samples",
        "x10 min",
    ],
)
def test_filters_rates_and_layouts_are_no_calibration(text):
    said = parse_calibration(text)
    assert (said.speed, said.gain, said.gains, said.unread) == (None, None, {}, ())


@pytest.mark.parametrize("text", ["125 mm/s", "2.5 mm/s", "HR 7225mm/s", "7 mm/mV", "25mm/510mm/mV", "25 mm/s 50 mm/s"])
def test_what_no_machine_prints_is_reported_and_never_used(text):
    said = parse_calibration(text)
    assert said.speed is None and said.gain is None and said.gains == {}
    assert said.unread


def test_a_unit_without_its_number_was_cut_off():
    assert all(is_cut_off(text) for text in ("mm/s", "nm/s 10 mm/mV", ". mm/mV", "1mV", "1. mV ="))
    assert not any(is_cut_off(text) for text in ("25 mm/s", "10 mm/mV", "1 mV = 10 mm", "0.5-40 Hz", "SN 004333"))
