"""Pictures that show several records, read by the shipped networks."""

import numpy as np
import pytest
from several_records import below, beside, on_a_table, plain_page

from ecgseg.alignment import PrintedLead, align, place
from ecgseg.digitize.digitizer import Digitizer

NAMES = ("s0462_re", "s0463_re")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digitizer():
    return Digitizer.from_pretrained()


@pytest.fixture(scope="module")
def pages():
    return [plain_page(name) for name in NAMES]


def likeness(recording, page) -> float:
    """Median over leads of the correlation of what was read with what is printed on a page."""
    found = []
    for lead in ("I", "II", "V2", "V5"):
        samples = page.printed.lead(lead)
        there = np.flatnonzero(np.isfinite(samples))
        fs = page.printed.fs
        printed = PrintedLead(lead, samples[there].astype(float), fs, there[0] / fs)
        read = place(recording.lead(lead), recording.fs, printed, pad=round(0.05 * fs))
        shifted = align(printed.signal, read)[0]
        both = np.isfinite(shifted)
        found.append(np.corrcoef(printed.signal[both], shifted[both])[0, 1])
    return float(np.median(found))


@pytest.mark.parametrize("put", ["below", "beside", "on a table"])
def test_each_record_is_read_by_itself_in_reading_order(digitizer, pages, put):
    images = [page.image for page in pages]
    how = {"below": lambda: below(*images), "beside": lambda: beside(*images)}
    picture = how.get(put, lambda: on_a_table(images, [3.0, -2.0]))()
    readings = digitizer.read_all(np.ascontiguousarray(picture))
    assert len(readings) == 2
    for k, reading in enumerate(readings):
        recording = reading.recording
        assert reading.located.layout.name == "3x4_1r"
        assert recording.warnings[0] == f"the picture shows 2 records: this is number {k + 1}"
        assert (recording.provenance["record"], recording.provenance["records"]) == (k + 1, 2)
        assert likeness(recording, pages[k]) > 0.98 > likeness(recording, pages[1 - k]) + 0.2


def test_a_single_page_is_one_record(digitizer, pages):
    (reading,) = digitizer.read_all(pages[0].image)
    assert not any("records" in warning for warning in reading.recording.warnings)
    assert "records" not in reading.recording.provenance


def test_reading_one_of_several_says_so(digitizer, pages):
    image = below(pages[0].image, pages[1].image)
    recording = digitizer.read(np.ascontiguousarray(image)).recording
    assert "the other is left out here" in recording.warnings[0]
    assert likeness(recording, pages[0]) > 0.98
