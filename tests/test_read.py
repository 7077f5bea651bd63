"""Every picture format and mode becomes upright 8-bit RGB; everything else becomes a helpful ReadError."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hostile_files import many_scans, overlapping, segment
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ecgseg.digitize.files.read import count_pages, read_image, read_picture
from ecgseg.errors import ReadError


@pytest.fixture
def picture():
    """A smooth picture, so lossy formats stay close: (80, 120, 3), red to the right, green downwards."""
    y, x = np.mgrid[0:80, 0:120]
    return np.stack([x * 2, y * 3, np.full_like(x, 90)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "jpg"])
def test_formats(tmp_path, picture, suffix):
    path = tmp_path / f"page.{suffix}"
    Image.fromarray(picture).save(path, quality=95)
    read = read_image(path)
    assert read.dtype == np.uint8 and read.shape == picture.shape and read.flags.writeable
    assert np.abs(read.astype(int) - picture).mean() < (0.01 if suffix in ("png", "bmp", "tiff") else 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "CMYK", "1", "LA", "RGBA", "PA"])
def test_modes(tmp_path, picture, mode):
    image = Image.fromarray(picture).convert("LA" if mode == "PA" else mode)
    path = tmp_path / ("page.tiff" if mode in ("CMYK", "PA") else "page.png")
    (image if mode != "PA" else image.convert("PA")).save(path)
    read = read_image(path)
    assert read.shape == picture.shape
    expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(read - expected).mean() < 2


def test_transparent_is_white(tmp_path, picture):
    alpha = np.full((80, 120, 1), 255, np.uint8)
    alpha[:, :60] = 0
    Image.fromarray(np.concatenate([picture, alpha], axis=2)).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png")
    assert (read[:, :60] == 255).all() and (read[:, 60:] == picture[:, 60:]).all()
    Image.fromarray(picture[..., 0]).save(tmp_path / "key.png", transparency=0)
    assert (read_image(tmp_path / "key.png")[:, 0] == 255).all()


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("bits", [12, 16])
def test_sixteen_bit_grey(tmp_path, picture, suffix, bits):
    grey = picture[..., 0].astype(np.float64) / 240
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(np.rint(grey * (2**bits - 1)).astype(np.uint16)).save(path)
    assert np.abs(read_image(path)[..., 1] - grey * 255).max() <= 1


def test_sixteen_bit_colour(tmp_path):
    row = b"\0" + struct.pack(">3H", 0xFFFF, 0x8000, 0x0000) * 70

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 70, 70, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * 70)) + chunk(b"IEND", b"")
    (tmp_path / "deep.png").write_bytes(data)
    assert read_image(tmp_path / "deep.png")[5, 5].tolist() == [255, 128, 0]


def test_exif_rotation(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90° clockwise to view
    Image.fromarray(picture).save(tmp_path / "turned.png", exif=exif)
    assert (read_image(tmp_path / "turned.png") == np.rot90(picture, -1)).all()


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "bmp"])
def test_cut_off_files_are_refused(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    path = tmp_path / f"page.{suffix}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    for keep in (0.7, 0.3):
        path.write_bytes(data[: int(len(data) * keep)])
        with pytest.raises(ReadError, match="damaged"):
            read_image(path)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"lead,time\nI,0.1\n" * 9, "text file"),
        (b"", "empty"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "damaged"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"\0\1\2\3" * 50, "not a picture"),
        (b"GIF89a" + bytes(90), "GIF picture: save it as PNG"),
        (bytes(128) + b"DICM" + bytes(90), "DICOM file: export"),
        (b"PK\x03\x04" + bytes(90), "ZIP archive or an office document"),
        (b"<?xml version='1.0'?><svg/>", "XML file.*printed as PDF"),
    ],
)
def test_other_files_are_named(tmp_path, content, message):
    path = tmp_path / "page.png"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=message):
        read_image(path)


def test_missing_and_folder(tmp_path):
    with pytest.raises(ReadError, match="no such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(ReadError, match="folder"):
        read_image(tmp_path)


def test_size_is_checked_before_decoding(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)  # 50 kB on disk
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ReadError, match=r"20000×20000.*limit of 100 million.*digitize\.max_pixels"):
        read_image(path)
    assert Image.MAX_IMAGE_PIXELS is not None


def test_limits_are_options_and_sizes_are_checked(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "page.png")
    with pytest.raises(ReadError, match=r"limit of 0\.005 million"):
        read_image(tmp_path / "page.png", max_pixels=5000)
    Image.new("L", (1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(ReadError, match="1×1"):
        read_image(tmp_path / "dot.png")
    Image.new("1", (40_000, 100)).save(tmp_path / "long.png")
    with pytest.raises(ReadError, match="cut it into pieces"):
        read_image(tmp_path / "long.png")


def test_a_jpeg_of_thousands_of_scans_is_refused_before_decoding(tmp_path, picture, monkeypatch):
    path = tmp_path / "page.jpg"
    Image.fromarray(picture).save(path, progressive=True)
    jpeg = path.read_bytes()
    path.write_bytes(many_scans(jpeg, 60))
    assert read_image(path).shape == picture.shape
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    for source in (many_scans(jpeg, 3000), path):
        path.write_bytes(many_scans(jpeg, 3000))
        with pytest.raises(ReadError, match=r"more than 100 scans.*not progressive"):
            read_picture(source)
    # What only looks like a scan is none: in a comment, and after the end of the picture.
    monkeypatch.undo()
    comment = segment(0xFE, b"\xff\xda\0\2" * 200)
    assert read_picture(jpeg[:2] + comment + jpeg[2:] + b"\xff\xda\0\2" * 200).pixels.shape == picture.shape


def test_a_tiff_of_overlapping_directories_is_refused_before_it_costs_minutes():
    sound = overlapping(40, 60)
    assert count_pages(sound) == 40 and read_picture(sound, 40).pixels.shape == (64, 64, 3)
    for directories, tags in ((2, 65_000), (1500, 999)):
        with pytest.raises(ReadError, match=r"tags.*export the page as PNG"):
            count_pages(overlapping(directories, tags))


def test_tags_that_claim_more_than_the_file_has_are_refused():
    data = bytearray(overlapping(40, 80)) + bytes(4_000_000)
    for i in range(30):  # in what all directories share: 30 tags, each of nearly the whole file
        struct.pack_into("<HHII", data, 8 + 12 * 40 + 2 + 12 * (9 + i), 50_000 + i, 1, 4_000_000, 8)
    with pytest.raises(ReadError, match="claim far more bytes"):
        count_pages(bytes(data))


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", ["jpeg", "png", "png text", "webp"])
def test_exif_data_whose_tags_overlap_are_refused(kind, nested, picture):
    # Each of 700 tags claims nearly all of a megabyte: Pillow before 13 would take 700 MB for them.
    long = 400_000 if kind == "png text" else 1_000_000  # of a text a megabyte is read, two digits a byte
    tags = b"".join(struct.pack("<HHII", 1000 + k, 1, long, 8) for k in range(700))
    directory = struct.pack("<H", 700) + tags + bytes(4)
    outer = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0) if nested else b""
    exif = b"II*\0" + struct.pack("<I", 8) + outer + directory + bytes(long)
    image, out = Image.fromarray(picture), BytesIO()
    if kind == "jpeg":
        image.save(out, "JPEG")
        pieces = [exif[k : k + 60_000] for k in range(0, len(exif), 60_000)]
        jpeg, marked = out.getvalue(), b"".join(segment(0xE1, b"Exif\0\0" + piece) for piece in pieces)
        data = jpeg[:2] + marked + jpeg[2:]
    elif kind == "png text":
        texts = PngInfo()
        texts.add_text("Raw profile type exif", f"\nexif\n{len(exif)}\n{exif.hex()}", zip=True)
        image.save(out, "PNG", pnginfo=texts)
        data = out.getvalue()
    else:
        image.save(out, kind.upper(), exif=exif)
        data = out.getvalue()
    with pytest.raises(ReadError, match="claim far more bytes"):
        read_picture(data)


def test_exif_data_that_are_cut_off_do_not_matter(picture):
    out = BytesIO()
    Image.fromarray(picture).save(out, "PNG", exif=b"II*\0\x08\0\0\0\xff\xff" + b"\1" * 40)
    assert (read_picture(out.getvalue()).pixels == picture).all()
