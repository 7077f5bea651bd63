"""Small PDF files for tests, made by hand so that each has exactly what its test is about."""

import zlib
from io import BytesIO

import numpy as np
from PIL import Image


def pdf(*pages: dict, trailer: bytes = b"") -> bytes:
    """Return a PDF of these pages: dict(size=(w, h) in points, content=bytes, image=array or JPEG bytes, rotate=0)."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for page in pages:
        resources = b"<< >>"
        if page.get("image") is not None:
            objects.append(_image(page["image"]))
            resources = b"<< /XObject << /Im %d 0 R >> >>" % len(objects)
        objects.append(_stream(b"", page.get("content", b"")))
        content = len(objects)
        w, h = page.get("size", (595, 842))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %g %g] /Rotate %d /Contents %d 0 R /Resources %s >>"
            % (w, h, page.get("rotate", 0), content, resources)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % p for p in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(out)


def scanned(pixels: np.ndarray, dpi: float, jpeg: bool = False, **more) -> dict:
    """Return a page that is one picture (H, W, 3) of that resolution."""
    height, width = pixels.shape[:2]
    size = (width / dpi * 72, height / dpi * 72)
    content = b"q %g 0 0 %g 0 0 cm /Im Do Q" % size
    return {"size": size, "content": content, "image": as_jpeg(pixels) if jpeg else pixels, **more}


def as_jpeg(pixels: np.ndarray) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return out.getvalue()


def locked() -> dict:
    """Return the trailer of a document that asks for a password (its keys fit no password at all)."""
    key = b"<" + b"5a" * 32 + b">"
    entry = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O %s /U %s /P -44 >> /ID [<00> <00>]" % (key, key)
    return {"trailer": entry}


def _image(image) -> bytes:
    if isinstance(image, bytes):
        with Image.open(BytesIO(image)) as jpeg:
            width, height = jpeg.size
        kind, data = b"/Filter /DCTDecode", image
    else:
        height, width = image.shape[:2]
        kind, data = b"/Filter /FlateDecode", zlib.compress(image.tobytes())
    head = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8 " % (
        width,
        height,
    )
    return _stream(head + kind, data)


def _stream(head: bytes, data: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(data), data)
