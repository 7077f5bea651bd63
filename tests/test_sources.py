"""What is named on the command line becomes pages: files, folders, patterns, lists, standard input, pages of files."""

import io
import os
import sys

import numpy as np
import pytest
from pdf_maker import locked, pdf, scanned
from PIL import Image, TiffImagePlugin

from ecgseg.digitize.files import read, sources
from ecgseg.digitize.files.read import count_pages, read_picture
from ecgseg.digitize.files.sources import pictures
from ecgseg.errors import ReadError


def image(shade: int = 200, size=(80, 70)) -> Image.Image:
    return Image.new("RGB", size, (shade, shade, shade))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder as people have them; the current folder is its parent."""
    top = tmp_path / "My scans"
    (top / "März" / ".cache").mkdir(parents=True)
    for name in ("b.png", "a.JPG", "März/ÄÖ 1.tif", "März/心電図.webp"):
        image().save(top / name)
    for name in (".hidden.png", "b.overlay.png", "März/.cache/c.png"):
        image().save(top / name)
    (top / "b.report.pdf").write_bytes(pdf({}))
    (top / "notes.csv").write_text("x")
    monkeypatch.chdir(tmp_path)
    return top


def names(*args) -> list[str]:
    return [page.name for page in pictures(args)]


def error_of(page) -> str:
    with pytest.raises(ReadError) as caught:
        page.load()
    return str(caught.value)


def test_folders_with_their_subfolders(folder):
    assert names(folder) == names("My scans") == ["a", "b", "ÄÖ 1", "心電図"]
    found = list(pictures([folder]))
    assert all(page.page == 1 and page.load().pixels.shape == (70, 80, 3) for page in found)
    assert found[3].load().source == str(folder / "März" / "心電図.webp") and found[3].load.path.is_file()


def test_patterns_and_each_file_once(folder):
    assert names("My scans/*.png", "My scans/b.png", folder / "b.png") == ["b"]
    assert names("My scans/**/*.[tw]*") == ["ÄÖ 1", "心電図"]
    image().save("odd[1].png")
    assert names("odd[1].png") == ["odd[1]"]
    (page,) = pictures(["none/*.png"])
    assert "no file fits this pattern" in error_of(page)


def test_lists_of_paths(folder, tmp_path):
    lines = "\ufeffMy scans/b.png\r\n\nMy scans/März\nmissing one.png\n"
    (tmp_path / "list.txt").write_bytes(lines.encode())
    (tmp_path / "list.dat").write_bytes(lines.encode())
    for given in ("list.txt", "@list.txt", "@list.dat"):
        found = list(pictures([given]))
        assert [page.name for page in found] == ["b", "ÄÖ 1", "心電図", "missing one"]
        assert error_of(found[-1]) == f"missing one.png: no such file; check the path (named in {given.lstrip('@')})"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"a\0b", "no text"), (b"\xff\xfe\x80", "no text"), (b"@list.txt", "inside the list list.txt")],
)
def test_bad_lists_are_explained(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_bytes(content)
    (page,) = pictures(["list.txt"])
    assert message in error_of(page)


def stdin(monkeypatch, data: bytes):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_standard_input(folder, monkeypatch):
    out = io.BytesIO()
    image(90).save(out, "PNG")
    stdin(monkeypatch, out.getvalue())
    (page,) = pictures(["-"])
    assert page.name == "stdin" and page.load.path is None
    assert page.load().pixels[0, 0, 0] == 90 and page.load().source == "standard input"
    stdin(monkeypatch, pdf({"size": (100, 100)}, {"size": (100, 100)}))
    assert names("-") == ["stdin_p1", "stdin_p2"]
    stdin(monkeypatch, b"My scans/a.JPG\nMy scans/b.png\n")
    assert names("-") == ["a", "b"]
    stdin(monkeypatch, b"")
    assert "is empty" in error_of(next(pictures(["-"])))
    monkeypatch.setattr(sources, "MAX_STDIN_BYTES", 10)
    stdin(monkeypatch, out.getvalue())
    assert "give the file by its path" in error_of(next(pictures(["-"])))


def test_every_page_of_a_tiff(tmp_path):
    path = tmp_path / "fax.tiff"
    pages = [image(10 * k, (80, 70 + k)) for k in range(12)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    found = list(pictures([path]))
    assert [p.page for p in found] == list(range(1, 13))
    assert (found[0].name, found[8].name, found[11].name) == ("fax_p01", "fax_p09", "fax_p12")
    for k in (11, 0, 5):  # in any order
        picture = found[k].load()
        assert picture.pixels.shape == (70 + k, 80, 3) and picture.pixels[0, 0, 0] == 10 * k and picture.page == k + 1
    with pytest.raises(ReadError, match="has 12 pages, not 13"):
        read_picture(path, 13)


def test_thumbnails_and_masks_in_a_tiff_are_no_pages(tmp_path):
    path = tmp_path / "a.tif"
    with TiffImagePlugin.AppendingTiffWriter(str(path), True) as file:
        for shade, kind in ((50, 1), (100, 0), (150, 4), (200, 2)):
            image(shade).save(file, "TIFF", tiffinfo={254: kind})
            file.newFrame()
    found = list(pictures([path]))
    assert [p.load().pixels[0, 0, 0] for p in found] == [100, 200]


def test_pages_of_a_pdf_and_a_bad_file_among_good_ones(tmp_path):
    scan = np.full((80, 90, 3), 77, np.uint8)
    (tmp_path / "a.pdf").write_bytes(pdf({}, **locked()))
    (tmp_path / "b.pdf").write_bytes(pdf(scanned(scan, 200), {"size": (100, 200)}))
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    image().save(tmp_path / "d.png")
    found = list(pictures([tmp_path]))
    assert [p.name for p in found] == ["a", "b_p1", "b_p2", "c", "d"]
    assert "password" in error_of(found[0]) and "damaged" in error_of(found[3])
    assert found[1].load().pixels.shape == (80, 90, 3) and found[4].load().pixels.shape == (70, 80, 3)


def test_too_many_pages_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "MAX_PAGES", 3)
    image().save(tmp_path / "a.tif", save_all=True, append_images=[image()] * 3)
    (tmp_path / "a.pdf").write_bytes(pdf(*[{}] * 4))
    for path in ("a.tif", "a.pdf"):
        (page,) = pictures([tmp_path / path])
        assert "4 pages or more; 3 are read from one file" in error_of(page)
    image().save(tmp_path / "b.tif", save_all=True, append_images=[image()] * 9)
    with pytest.raises(ReadError, match="split it"):
        count_pages(tmp_path / "b.tif")


def test_what_cannot_be_read_comes_as_a_page_that_says_so(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for given, message in (
        ("missing.png", "no such file"),
        (tmp_path / "empty", "no pictures in this folder"),
        (tmp_path / "pipe", "no regular file"),
        ("x" * 5000, "no such file"),
        ("null\0.png", "no such file"),
        ("@nolist", "cannot be read"),
    ):
        (page,) = pictures([given])
        assert message in error_of(page)


def test_names_that_are_no_text_can_be_read_and_shown(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    out = io.BytesIO()
    image().save(out, "PNG")
    with open(path, "wb") as file:
        file.write(out.getvalue())
    (page,) = pictures([tmp_path])
    assert page.name == "caf�" and page.load().source.endswith("caf�.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
def test_dpi_is_told_where_it_can_be_believed(suffix, tmp_path):
    def dpi(value, size=(800, 700), **more):
        image(size=size).save(tmp_path / f"a.{suffix}", dpi=value, **more)
        return read_picture(tmp_path / f"a.{suffix}").dpi

    assert dpi((200, 200)) == pytest.approx((200, 200), abs=0.02)
    assert dpi((72, 72)) is None and dpi((96, 96)) is None
    assert dpi((300, 300), size=(200, 100)) is None  # 8 mm of paper
    assert dpi((204, 98)) == pytest.approx((204, 98), abs=0.02)  # a fax
    if suffix == "jpg":
        turned = Image.Exif()
        turned[0x0112] = 6
        assert dpi((240, 200), exif=turned) == (200, 240)
        camera = Image.Exif()
        camera.get_ifd(0x8769)[0x829D] = 1.8
        assert dpi((300, 300), exif=camera) is None


def test_no_dpi_in_the_file(tmp_path):
    image().save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").dpi is None


def test_heic(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    y, x = np.mgrid[0:80, 0:120]
    pixels = np.stack([x * 2, y * 3, np.full_like(x, 90)], axis=-1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    heif.from_pillow(Image.fromarray(pixels)).save(tmp_path / "IMG 1.HEIC", quality=95, exif=exif.tobytes())
    (page,) = pictures([tmp_path])
    picture = page.load()
    assert picture.pixels.shape == (120, 80, 3) and picture.dpi is None
    assert np.abs(picture.pixels.astype(int) - np.rot90(pixels, -1)).mean() < 3
    data = (tmp_path / "IMG 1.HEIC").read_bytes()
    (tmp_path / "IMG 1.HEIC").write_bytes(data[: len(data) // 2])
    assert "damaged" in error_of(next(pictures([tmp_path])))


def test_heic_without_its_library(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 20)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert "pip install pillow-heif" in error_of(next(pictures([tmp_path])))
