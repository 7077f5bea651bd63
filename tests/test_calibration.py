"""Speed and gain of a page: what text and pulses say together, alone, against each other, and not at all."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from ecgseg.digitize.calibrate import calibration
from ecgseg.digitize.calibrate.calibration import Calibration, calibrate
from ecgseg.digitize.calibrate.caption import is_cut_off
from ecgseg.digitize.calibrate.ocr import (
    FINDER_PX,
    SHARED,
    SHRUNK,
    TextLibraryError,
    _parts,
    find_lines,
    read_lines,
    whole_lines,
)
from ecgseg.digitize.locate.findings import Box, Findings, LeadName, Stretch

SCALE = 8.0


class Sheet:
    """A white sheet on which pulses and texts are put; their findings are a little off."""

    def __init__(self):
        self.image = np.full((900, 1400, 3), 255, np.uint8)
        self.pulses, self.texts, self.names = [], [], []

    def pulse(self, x: int, foot: int, *heights: float, width: float = 5.0) -> "Sheet":
        points, each, before = [(x, foot)], width * SCALE / len(heights), 0.0
        for k, mm in enumerate((*heights, 0.0)):
            points += [(x + k * each, foot - before * SCALE), (x + k * each, foot - mm * SCALE)]
            before = mm
        cv2.polylines(self.image, [np.rint(points).astype(np.int32)], False, (0, 0, 0), 2)
        self.pulses.append(Box(x - 5, foot - max(heights) * SCALE + 6, x + width * SCALE + 4, foot + 5))
        return self

    def text(self, words: str, x: int = 300, y: int = 800) -> "Sheet":
        (w, h), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 2)
        cv2.putText(self.image, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2, cv2.LINE_AA)
        self.texts.append(Box(x - 3, y - h - 3, x + w + 3, y + 6))
        return self

    def calibrate(self, **given):
        return calibrate(Findings(self.names, self.pulses, self.texts), self.image, SCALE, **given)


def test_text_is_read_in_its_boxes_only():
    sheet = Sheet().text("25 mm/s 10 mm/mV").text("50 mm/s", 300, 400)
    (first, sure), (second, _) = read_lines(sheet.image, sheet.texts)
    assert first.replace(" ", "") == "25mm/s10mm/mV" and second.replace(" ", "") == "50mm/s" and sure > 0.8
    assert read_lines(sheet.image, [Box(2000, 2000, 2100, 2010)]) == [("", 0.0)]


def test_a_speed_cut_off_before_its_last_digit_is_read_whole():
    """The page network's box begins within the number: "25 mm/s" is not 5."""
    sheet = Sheet().text("25 mm/s")
    (whole,) = sheet.texts
    sheet.texts = [replace(whole, x0=whole.x0 + 34)]
    assert read_lines(sheet.image, sheet.texts)[0][0].replace(" ", "") == "5mm/s"
    assert (sheet.calibrate().speed, sheet.calibrate().speed_told) == (25, True)
    slow = Sheet().text("5 mm/s").calibrate()
    assert (slow.speed, slow.speed_told) == (5, False)


def test_text_and_pulse_that_agree():
    found = Sheet().pulse(100, 300, 5.0, width=10.0).text("50 mm/s  5 mm/mV").calibrate()
    assert (found.speed, found.gain, found.gains) == (50, 5, {})
    assert found.how["speed"] == found.how["gain"] == "text and pulse"
    assert found.confidence > 0.9 and not found.warnings


def test_each_alone():
    text = Sheet().text("50 mm/s  20 mm/mV").calibrate()
    assert (text.speed, text.gain, text.how["gain"]) == (50, 20, "text")
    pulse = Sheet().pulse(100, 300, 20.0).pulse(100, 600, 20.0).calibrate()
    assert (pulse.speed, pulse.gain, pulse.how["gain"]) == (25, 20, "pulse")
    assert pulse.how["speed"] == "default" and pulse.speed_confidence < pulse.gain_confidence
    assert "no speed was read" in " ".join(pulse.warnings)


def test_nothing_found_is_the_usual_with_warnings():
    found = Sheet().calibrate()
    assert (found.speed, found.gain) == (25, 10)
    assert found.how["speed"] == found.how["gain"] == "default"
    assert len(found.warnings) == 2 and found.confidence < 0.5


def test_the_users_values_are_taken_whatever_is_printed():
    found = Sheet().pulse(100, 300, 10.0).text("25 mm/s  10 mm/mV").calibrate(speed=50.0, gain=5.0)
    assert (found.speed, found.gain, found.confidence) == (50, 5, 1.0)
    assert found.how["speed"] == found.how["gain"] == "given"


def test_a_contradiction_is_a_warning_and_the_pulse_that_was_printed_is_believed():
    found = Sheet().pulse(100, 300, 5.0).pulse(100, 600, 5.0).text("25 mm/s  10 mm/mV").calibrate()
    assert (found.gain, found.how["gain"]) == (5, "pulse")
    assert found.gain_confidence < 0.5 and "10 mm/mV" in found.warnings[0] and "5 mm/mV" in found.warnings[0]


def test_a_pulse_of_no_usual_height_is_reported_and_not_used():
    found = Sheet().pulse(100, 300, 14.0).text("25 mm/s  10 mm/mV").calibrate()
    assert (found.gain, found.how["gain"]) == (10, "text")
    assert found.gain_confidence < 0.5 and "13.9 mm" in found.warnings[0]
    alone = Sheet().pulse(100, 300, 14.0).calibrate()
    assert alone.how["gain"] == "default" and alone.gain_confidence < 0.2


def test_a_stair_tells_limb_from_precordial_leads():
    found = Sheet().pulse(100, 300, 10.0, 5.0).calibrate()
    assert found.gains == {"limb": 10, "precordial": 5}
    assert (found.gain_of("aVL"), found.gain_of("V3")) == (10, 5)


def test_pulses_of_rows_tell_the_gain_of_their_leads():
    sheet = Sheet().pulse(100, 300, 10.0).pulse(100, 600, 5.0)
    sheet.names = [LeadName(200, 280, 230, 300, lead="II"), LeadName(200, 580, 230, 600, lead="V1")]
    found = sheet.calibrate()
    assert found.gains == {"limb": 10, "precordial": 5}
    sheet.names = []
    unknown = sheet.calibrate()
    assert unknown.how["gain"] == "default" and unknown.gain_confidence < 0.2


def test_text_gives_the_gain_that_a_single_pulse_cannot():
    found = Sheet().pulse(100, 300, 10.0).text("Limb: 10 mm/mV  Chest: 5 mm/mV").calibrate()
    assert found.gains == {"limb": 10, "precordial": 5} and found.how["gain"] == "text and pulse"


def test_two_speeds_on_a_page_are_not_averaged():
    found = Sheet().text("25 mm/s").text("50 mm/s", 300, 400).calibrate()
    assert found.speed == 25 and found.speed_confidence < 0.5
    assert any("25 mm/s and 50 mm/s" in w for w in found.warnings)


def test_without_the_reader_the_pulses_still_tell_the_gain(monkeypatch):
    def missing(image, boxes):
        raise TextLibraryError("printed text cannot be read; install the reader with pip install rapidocr onnxruntime")

    monkeypatch.setattr(calibration, "read_lines", missing)
    found = Sheet().pulse(100, 300, 20.0).pulse(100, 600, 20.0).text("25 mm/s").calibrate()
    assert (found.gain, found.how["gain"]) == (20, "pulse")
    assert any("pip install" in w for w in found.warnings)


def test_all_text_is_looked_for_only_where_something_is_not_told():
    asked = []

    def lines():
        asked.append(1)
        return find_lines(sheet.image)

    sheet = Sheet().text("25 mm/s 5 mm/mV 0.05-40 Hz")
    whole, sheet.texts = sheet.texts, [replace(sheet.texts[0], x1=sheet.texts[0].x0 + 100)]
    cut = sheet.calibrate()
    assert (cut.speed, cut.how["gain"]) == (25, "default")
    found = sheet.calibrate(more=lines)
    assert (found.speed, found.gain, found.how["gain"]) == (25, 5, "text")
    sheet.texts = whole
    assert sheet.calibrate(more=lines).gain == 5 and len(asked) == 2  # an unusual gain is read again
    sheet = Sheet().text("25 mm/s 10 mm/mV 0.05-40 Hz")
    assert sheet.calibrate(more=lines).gain == 10 and len(asked) == 2


def test_importing_costs_no_one_the_reader():
    code = (
        "import sys, ecgseg.digitize.calibrate.calibration, ecgseg.digitize.calibrate.scale; "
        "print('rapidocr' in sys.modules or 'onnxruntime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_pieces_of_one_line_of_text_are_read_together():
    pieces = [Box(1400, 1784, 1490, 1810), Box(1040, 1780, 1392, 1812), Box(96, 1690, 384, 1730)]
    apart, line = whole_lines(pieces)
    assert (apart.x0, apart.x1) == (96, 384)
    assert (line.x0, line.y0, line.x1, line.y1) == (1040, 1780, 1490, 1812)


def test_texts_far_apart_or_above_each_other_are_lines_of_their_own():
    boxes = [Box(100, 100, 200, 130), Box(240, 100, 300, 130), Box(100, 128, 200, 158)]
    assert len(whole_lines(boxes)) == 3


def test_an_unusual_gain_that_another_reading_denies_is_not_believed():
    """Under a black grid "10 mm/mV" was read as 20, and by the library as "1€"."""
    sheet = Sheet().text("25 mm/s", 300, 850).text("20 mm/mV", 300, 700)
    gain, speed = sheet.texts[1], (sheet.texts[0], "25 mm/s", 0.95)
    denied = sheet.calibrate(more=lambda: [speed, (gain, "1€ mm/mV", 0.96)])
    assert (denied.speed, denied.gain, denied.how["gain"]) == (25, 10, "default") and denied.warnings
    for said in ([speed, (gain, "20mm/mV", 0.9)], [speed]):
        assert (sheet.calibrate(more=lambda said=said: said)).gain == 20
    usual = Sheet().text("25 mm/s 10 mm/mV")
    assert usual.calibrate(more=lambda: 1 / 0).gain == 10


def test_a_unit_cut_off_its_number_is_read_with_what_stands_around_it():
    sheet = Sheet().text("50 mm/s, 20 mm/mV, 50 Hz")
    (whole,) = sheet.texts
    sheet.texts = [replace(whole, x0=whole.x0 + 45, x1=whole.x0 + 130)]
    assert is_cut_off(read_lines(sheet.image, sheet.texts)[0][0])
    found = sheet.calibrate()
    assert (found.speed, found.gain, found.how["speed"]) == (50, 20, "text")


def test_a_wide_page_is_searched_for_text_in_parts_that_share_a_line():
    for length in (900, 3200, 3300, 4400, 9000):
        parts = _parts(length)
        assert parts[0][0] == 0 and parts[-1][1] == length
        assert max(stop - start for start, stop in parts) <= SHRUNK * FINDER_PX + 1
        for (_, stop), (start, _) in pairwise(parts):
            assert stop - start >= 0.9 * SHARED * (parts[0][1] - parts[0][0])
    wide = np.full((300, 5000, 3), 255, np.uint8)
    for x in (200, 2600, 4500):
        cv2.putText(wide, "25 mm/s", (x, 200), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2, cv2.LINE_AA)
    found = sorted(box.x0 for box, text, _ in find_lines(wide) if text.replace(" ", "") == "25mm/s")
    assert len(found) == 3 and np.abs(np.array(found) - (200, 2600, 4500)).max() < 20


def test_a_text_alone_does_not_tell_that_the_paper_crept():
    """A caption "25 mm/s", cut off at its left, was read as 5."""
    told = [("text", 5.0, False), ("text", 12.5, True), ("text and pulse", 5.0, True), ("default", 25.0, False)]
    for how, speed, expected in told:
        assert Calibration(speed, 10.0, how={"speed": how}).speed_told == expected


def test_a_whole_line_outdoes_the_pieces_that_were_cut_off_it():
    sheet = Sheet().text("25 mm/s Limb 10 mm/mV Chest 5 mm/mV")
    (box,) = sheet.texts
    cut = box.x0 + 0.62 * (box.x1 - box.x0)
    sheet.texts = [Box(box.x0, box.y0, cut, box.y1), Box(cut + 30, box.y0, box.x1, box.y1)]
    found = sheet.calibrate(more=lambda: [(box, "25 mm/s Limb 10 mm/mV Chest 5 mm/mV", 0.95)])
    assert (found.gain_of("I"), found.gain_of("V3")) == (10, 5) and not found.warnings


def test_gains_beside_names_do_not_contradict_a_caption_that_gives_both_groups():
    """Each lead's gain stood beside its name; what was read of them without the name was called a contradiction."""
    sheet = Sheet().text("25mm/s Limb: 10 mm/mV Chest: 5 mm/mV", 300, 850)
    for k, words in enumerate(["10 mm/mV", "5 mm/mV", "V5 5 m/mv"]):
        sheet.text(words, 300, 100 + 80 * k)
    found = sheet.calibrate()
    assert found.gains == {"limb": 10, "precordial": 5} and not found.warnings and found.trust == 1
    other = sheet.text("20 mm/mV", 300, 500).calibrate()
    assert other.how["gain"] == "default" and other.trust < 0.5


def test_a_single_pulse_in_no_row_tells_no_unusual_gain():
    """The corner of a grid of 5 mm lines was taken for a pulse: 5 mm/mV, at a promise of 0.97."""
    sheet = Sheet().text("25 mm/s").pulse(100, 700, 5.0)
    rows = [Stretch(200, 1300, y) for y in (200, 400)]
    alone = calibrate(Findings([], sheet.pulses, sheet.texts, rows), sheet.image, SCALE)
    assert (alone.gain, alone.how["gain"]) == (10, "default") and alone.trust < 0.5
    assert any("stand in no row" in warning for warning in alone.warnings)
    in_row = calibrate(Findings([], sheet.pulses, sheet.texts, [*rows, Stretch(200, 1300, 690)]), sheet.image, SCALE)
    assert (in_row.gain, in_row.how["gain"]) == (5, "pulse")


def test_a_usual_gain_that_nothing_contradicts_costs_no_trust():
    assert Sheet().text("25 mm/s").calibrate().trust == 1
    assert Sheet().text("25 mm/s").pulse(100, 300, 10.0).pulse(100, 600, 5.0).calibrate().trust < 0.5


def test_one_misread_gain_among_many_is_outvoted_and_said():
    sheet = Sheet().text("25 mm/s", 300, 850)
    for k, words in enumerate(["10 mm/mV"] * 7 + ["20 mm/mV"]):
        sheet.text(words, 300, 100 + 80 * k)
    found = sheet.calibrate()
    assert (found.gain, found.how["gain"]) == (10, "text")
    assert any("what most of its texts say" in warning for warning in found.warnings) and found.gain_confidence < 0.5
    even = Sheet().text("10 mm/mV", 300, 100).text("20 mm/mV", 300, 200).text("25 mm/s").calibrate()
    assert even.how["gain"] == "default"
