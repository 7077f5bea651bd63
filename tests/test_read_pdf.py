"""PDF pages become pixels at the resolution that they deserve; locked, damaged and hostile files a ReadError."""

import zlib

import numpy as np
import pdf_maker
import pytest
from pdf_maker import locked, pdf, scanned

from ecgseg.digitize.files import pdf as read_pdf
from ecgseg.digitize.files import pdf_child as read_pdf_child
from ecgseg.digitize.files.read import count_pages, read_image, read_picture
from ecgseg.errors import ReadError


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (240, 360, 3), dtype=np.uint8)


def test_a_scanned_page_comes_as_its_own_pixels(scan, tmp_path):
    path = tmp_path / "Müller EKG (1).pdf"
    path.write_bytes(pdf(scanned(scan, 200)))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, scan)
    assert picture.dpi == pytest.approx((200, 200), abs=0.02) and (picture.source, picture.page) == (str(path), 1)
    np.testing.assert_array_equal(read_image(str(path)), scan)


def test_a_mark_before_the_first_byte_does_no_harm(scan):
    np.testing.assert_array_equal(read_picture(b"\xef\xbb\xbf\r\n" + pdf(scanned(scan, 200))).pixels, scan)


def test_every_page_turned_pages_and_vector_pages(scan):
    lines = b"0 0 0 RG 0 0 m 72 72 l S"
    document = pdf(scanned(scan, 150, rotate=90), {"size": (144, 72), "content": lines})
    assert count_pages(document) == 2
    first, second = read_picture(document, 1), read_picture(document, 2)
    np.testing.assert_array_equal(first.pixels, np.rot90(scan, -1))
    assert first.dpi == pytest.approx((150, 150), abs=0.02) and (second.dpi, second.page) == ((300, 300), 2)
    assert second.pixels.shape == (300, 600, 3)
    # A line from the lower left corner to the middle of the upper edge.
    assert second.pixels[150, 150].max() < 60 and second.pixels[75, 525].min() == 255
    with pytest.raises(ReadError, match="has 2 pages"):
        read_picture(document, 3)


def test_lines_over_a_coarse_picture_are_not_taken_for_a_scan(scan):
    """An ECG drawn as lines over a picture of the grid must not be read at the grid's few dots per inch."""
    page = scanned(scan, 60)
    trace = b"".join(b"%d %d m %d %d l S\n" % (i, 100 + i % 7, i + 1, 100 + (i + 1) % 7) for i in range(200))
    picture = read_picture(pdf({**page, "content": page["content"] + b"\n" + trace}))
    assert picture.dpi == (300, 300) and picture.pixels.shape == (1200, 1800, 3)
    assert read_picture(pdf(page)).pixels.shape == scan.shape


def test_coarse_scans_make_no_claim_and_fine_ones_are_reduced(scan):
    assert read_picture(pdf(scanned(scan, 72))).dpi is None
    assert read_picture(pdf(scanned(scan, 1200))).dpi is None  # 0.3 inch of paper is no ECG
    assert read_picture(pdf(scanned(scan, 1200))).pixels.shape == (120, 180, 3)


def test_large_pages_are_coarser_and_absurd_ones_refused():
    a4 = {"size": (595, 842)}
    assert read_picture(pdf(a4), max_pixels=3_000_000).pixels.size < 3 * 3_000_000
    with pytest.raises(ReadError, match=r"page of 5080 x 5080 mm.*digitize\.max_pixels"):
        read_picture(pdf({"size": (14400, 14400)}))
    with pytest.raises(ReadError, match="at least 64"):
        read_picture(pdf({"size": (10, 10)}))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (pdf({}, **locked()), "locked with a password"),
        (pdf({})[:200], "damaged"),
        (b"%PDF-1.7", "damaged"),
        (pdf(), "damaged|without pages"),
    ],
)
def test_locked_and_damaged_documents_are_explained(document, message, tmp_path):
    (tmp_path / "a.pdf").write_bytes(document)
    for ask in (count_pages, read_picture):
        with pytest.raises(ReadError, match=message):
            ask(tmp_path / "a.pdf")


def test_a_picture_that_would_fill_the_memory_is_refused(monkeypatch):
    data = zlib.compress(bytes(60000 * 60000 // 8 // 1000))
    head = b"/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceGray /BitsPerComponent 1 "
    monkeypatch.setattr(pdf_maker, "_image", lambda _: pdf_maker._stream(head + b"/Filter /FlateDecode", data))
    with pytest.raises(ReadError, match="60000 x 60000"):
        read_picture(pdf({"content": b"q 500 0 0 500 0 0 cm /Im Do Q", "image": "bomb"}))


def test_a_page_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(read_pdf, "TIME_LIMIT_S", 0.5)
    with pytest.raises(ReadError, match=r"longer than 0\.5 s"):
        read_picture(pdf({"content": b"0 0 m 500 700 l S\n" * 500_000}))


def test_a_reader_that_crashes_is_an_error_of_the_file(monkeypatch, tmp_path):
    child = tmp_path / "child.py"
    child.write_text("import os; os.abort()")
    monkeypatch.setattr(read_pdf, "CHILD", child)
    with pytest.raises(ReadError, match="damaged or hostile"):
        read_picture(pdf({}))


def test_pixels_that_are_cut_off_are_not_a_page(monkeypatch, tmp_path):
    child = tmp_path / "child.py"
    child.write_text("""print('{"width": 70, "height": 70, "dpi": 200}')""")
    monkeypatch.setattr(read_pdf, "CHILD", child)
    with pytest.raises(ReadError, match="damaged or hostile"):
        read_picture(pdf({}))


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(read_pdf, "find_spec", lambda _: None)
    with pytest.raises(ReadError, match="pip install pypdfium2"):
        read_picture(pdf({}))


def test_resolution_that_fits():
    assert read_pdf_child.fitting_dpi(595, 842, 300, 100_000_000) == 300
    dpi = read_pdf_child.fitting_dpi(2380, 3370, 600, 100_000_000)  # A0
    assert 150 <= dpi < 300 and 0.95 < 2380 * 3370 * (dpi / 72) ** 2 / 100_000_000 < 1
