"""The report: at true scale, gaps as gaps, doubt pale, nothing hidden; its words can be found in the PDF."""

from datetime import datetime

import numpy as np
import pytest

from ecgseg.digitize.files.read import read_picture
from ecgseg.layout import LEADS
from ecgseg.output.files import OutputError
from ecgseg.output.report_ecg import arrange
from ecgseg.output.report_pdf import FOOTER, page_size, write_report
from ecgseg.recording import Recording

MADE = datetime(2026, 1, 2, 3, 4)
PX_PER_MM = 300 / 25.4


def steps(**more) -> Recording:
    """Lead R1: 0 mV, from 1 s on 1 mV, a gap from 2 to 3 s, doubtful from 4 to 5 s; 6 s at 100 Hz."""
    signal = np.where(np.arange(600) < 100, 0.0, 1.0)[None]
    signal[:, 200:300] = np.nan
    confidence = np.where(np.isfinite(signal), 0.9, 0.0)
    confidence[:, 400:500] = 0.3
    return Recording("steps", signal, 100.0, leads=("R1",), confidence=confidence, **more)


def words(path) -> str:
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        assert len(document) == 1
        return document[0].get_textpage().get_text_bounded()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The redrawn steps: (pixels, left edge and zero line of the strip in px)."""
    path = write_report(steps(), tmp_path_factory.mktemp("report") / "a.report.pdf", made=MADE)
    recording = steps()
    _, _, (left, top, _, _) = page_size(recording, arrange(recording))
    return read_picture(path).pixels.astype(int), (left + 8) * PX_PER_MM, (top + 11.5) * PX_PER_MM


def ink(drawn, seconds: float, mv: float) -> np.ndarray:
    """Return the darkest pixel (RGB) within 0.3 mm of an instant and voltage."""
    pixels, left, zero = drawn
    x, y = round(left + 25 * PX_PER_MM * seconds), round(zero - 10 * PX_PER_MM * mv)
    near = pixels[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3)
    return near[near.sum(axis=1).argmin()]


def test_seconds_and_millivolts_have_their_true_length_on_paper(drawn):
    for seconds, mv in ((0.1, 0), (0.9, 0), (1.0, 0.5), (1.1, 1), (1.9, 1), (3.1, 1), (5.9, 1)):
        assert ink(drawn, seconds, mv).max() < 90, (seconds, mv)
    for seconds, mv in ((0.5, 0.1), (1.5, 0.9), (1.5, 1.1), (1.2, 0.5)):
        assert ink(drawn, seconds, mv).min() > 120, (seconds, mv)
    # The step itself, to a tenth of a millimetre.
    pixels, left, zero = drawn
    row = pixels[round(zero - 5 * PX_PER_MM), round(left + PX_PER_MM) :]
    dark = np.flatnonzero(row.max(axis=1) < 100) + round(left + PX_PER_MM)
    assert dark.mean() == pytest.approx(left + PX_PER_MM * 25 * 0.995, abs=0.1 * PX_PER_MM)


def test_gaps_stay_gaps_and_doubt_is_pale(drawn):
    assert ink(drawn, 2.5, 1).min() > 120 and ink(drawn, 2.5, 0).min() > 120
    doubtful = ink(drawn, 4.5, 1)
    assert 120 < doubtful.min() < 190 and doubtful[2] > doubtful[0] + 30


def test_what_is_passed_in_is_there_to_read(tmp_path):
    recording = steps(
        quality={"R1": 0.87},
        warnings=["R1: nobody knows which lead this is"],
        provenance={"software": "ecgseg", "versions": {"ecgseg": "9.8.7"}, "speed_mm_s": 50.0, "gain_mm_mv": 5.0},
    )
    path = write_report(
        recording,
        tmp_path / "a.pdf",
        picture=np.full((300, 400, 3), 99, np.uint8),
        measurements=[
            {"name": "Heart rate", "value": 71, "unit": "/min", "reference": "60–100"},
            {"name": "QRS axis", "value": None, "note": "too few leads"},
            {"name": "QRS duration", "value": 128, "unit": "ms", "flag": True},
        ],
        text=["Sinus rhythm $x_1$, said by a rule."],
        made=MADE,
    )
    found = words(path)
    for text in (
        FOOTER,
        "ecgseg 9.8.7, 2026-01-02 03:04",
        "printed at 50 mm/s, 5 mm/mV",
        "71 /min",
        "60–100",
        "too few leads",
        "128 ms",
        "Sinus rhythm $x_1$, said by a rule.",
        "0.87",
        "R1: nobody knows which lead this is",
    ):
        assert text in found, text
    assert (read_picture(path).pixels.reshape(-1, 3) == 99).all(axis=1).sum() > 10_000


def test_too_much_text_is_counted_not_dropped(tmp_path):
    path = write_report(steps(warnings=[f"warning {k}" for k in range(200)]), tmp_path / "a.pdf", made=MADE)
    found = words(path)
    shown = sum(f"warning {k}\r" in found or f"warning {k}\n" in found for k in range(200))
    assert f"… and {200 - shown} more lines: see the JSON" in found and 5 < shown < 60


def test_a_page_is_drawn_as_it_was_printed():
    strips = [
        {"lead": "V1", "row": 0, "t0": 0.0, "t1": 2.5, "x0": 700.0},
        {"lead": "I", "row": 0, "t0": 0.0, "t1": 2.5, "x0": 100.0},
        {"lead": "I", "row": 1, "t0": 0.0, "t1": 5.0, "x0": 100.0},
    ]
    recording = Recording("x", np.zeros((2, 2500)), 500.0, leads=("I", "V1"), provenance={"strips": strips})
    found = [(p.lead, p.row, p.t0, p.t1, p.offset_s) for p in arrange(recording)]
    assert found == [("I", 0, 0.0, 2.5, 0.0), ("V1", 0, 0.0, 2.5, 2.5), ("I", 1, 0.0, 5.0, 0.0)]
    recording = Recording("x", np.zeros((12, 5000)), 500.0)
    assert [p.lead for p in arrange(recording)][:4] == ["I", "aVR", "V1", "V4"] and len(arrange(recording)) == 13
    recording = Recording("x", np.zeros((2, 300)), 100.0, leads=("V2", "R9"))
    assert [(p.lead, p.row, p.t1) for p in arrange(recording)] == [("V2", 0, 3.0), ("R9", 1, 3.0)]


@pytest.mark.parametrize(
    ("leads", "seconds", "size"),
    [(LEADS, 10, (297, 210)), (LEADS[:4], 10, (297, 210)), (LEADS, 12, (420, 297)), (LEADS, 30, (None, 297))],
)
def test_the_paper_is_as_large_as_needed(leads, seconds, size):
    recording = Recording("x", np.zeros((len(leads), seconds * 100)), 100.0, leads=leads)
    width, height, (left, top, right, bottom) = page_size(recording, arrange(recording))
    assert (width, height) == (size[0] or 750 + 10 + 16, size[1])
    assert 8 <= left and right <= width - 8 and top > 0.33 * height and bottom < height - 12


def test_a_report_is_not_overwritten_and_an_empty_recording_gets_one(tmp_path):
    empty = Recording("心 \x07", np.full((1, 100), np.nan), 100.0, leads=("R1",), quality={"R1": np.nan})
    path = write_report(empty, tmp_path / "a.pdf")
    assert "not read" in words(path)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        write_report(steps(), path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    write_report(steps(), path, overwrite=True)
    assert path.read_bytes() != before
