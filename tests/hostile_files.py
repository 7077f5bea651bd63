"""Files built to break a reader, piece by piece and with right checksums, as spoiled bytes seldom get them."""

import struct
import zlib

from hypothesis import strategies as st
from pdf_maker import pdf

USUAL = (72, 96, 200)
SIDES = (*USUAL * 4, 0, 1, 63, 64, 16_383, 32_001, 65_535, 2**31 - 1, 2**32 - 1)
NUMBERS = (0, 1, 2, 7, 8, 64, 255, 4096, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
ZEROS = zlib.compress(bytes(3_000_000), 9)  # 3 kB that unpack to 3 MB
TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 283, 284, 296, 317, 320, 322, 323, 324, 325)
TAGS += (330, 338, 339, 347, 513, 514, 529, 530, 700, 34665, 34675, 50000)
OVERLAP = 12  # bytes from one directory to the next that lies over it


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def segment(marker: int, data: bytes) -> bytes:
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def many_scans(jpeg: bytes, scans: int) -> bytes:
    """Return a progressive JPEG whose last scan comes so many times more."""
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * scans + jpeg[-2:]


def overlapping(directories: int, tags: int) -> bytes:
    """Return a TIFF of 64 x 64 pixels a page whose directories lie over each other; sound if tags are 8 more."""
    first = 8
    shared, after = first + OVERLAP * directories, first + 2 + 12 * tags
    sound = ((256, 64), (257, 64), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (279, 4096))
    data = bytearray(after + OVERLAP * directories + 4096)
    data[:8] = struct.pack("<4sI", b"II*\0", first)
    for i, (tag, value) in enumerate(sound):
        struct.pack_into("<HHII", data, shared + 2 + 12 * i, tag, 4, 1, value)
    for i in range(directories):
        following = first + OVERLAP * (i + 1) if i + 1 < directories else 0
        struct.pack_into("<H", data, first + OVERLAP * i, tags)
        struct.pack_into("<I", data, after + OVERLAP * i, following)
    return bytes(data)


def _png(draw, seeds) -> bytes:
    width, height = draw(st.sampled_from(SIDES)), draw(st.sampled_from(SIDES))
    depth_and_colour = draw(st.sampled_from(((8, 0), (8, 2), (16, 6), (1, 0), (4, 3), (16, 0), (3, 5))))
    head = struct.pack(">II", width, height) + bytes((*depth_and_colour, 0, 0, draw(st.integers(0, 2))))
    extra = b""
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from((b"zTXt", b"iTXt", b"iCCP", b"tEXt", b"eXIf", b"pHYs", b"acTL", b"fcTL", b"PLTE")))
        body = draw(st.sampled_from((b"a\0\0" + ZEROS, b"a\0\1\0\0\0" + ZEROS, _tiff(draw, seeds), bytes(9), ZEROS)))
        extra += chunk(kind, body) * draw(st.sampled_from((1, 1, 30)))
    data = draw(st.sampled_from((ZEROS, ZEROS[:200], zlib.compress(bytes(30_000)), b"", b"\xff" * 99)))
    parts = [
        chunk(b"IHDR", head),
        extra,
        chunk(b"IDAT", data),
        draw(st.sampled_from((b"", extra))),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(draw(st.sampled_from((parts, parts, parts, parts, parts[::-1], parts[1:]))))


def _jpeg(draw, seeds) -> bytes:
    data = bytearray(seeds[draw(st.sampled_from(("jpeg", "jpeg progressive")))])
    start = next(i for m in (b"\xff\xc0", b"\xff\xc2") if (i := data.find(m)) > 0)
    if draw(st.booleans()):
        struct.pack_into(">BHH", data, start + 4, draw(st.sampled_from((8, 12))), *(
            draw(st.sampled_from(SIDES)) % 65536 for _ in range(2)
        ))  # fmt: skip
    if draw(st.booleans()):
        data[start + 9] = draw(st.integers(0, 255))  # components
    if draw(st.booleans()):
        data = bytearray(many_scans(bytes(data), draw(st.sampled_from((1, 50, 97, 3000)))))
    more = b""
    for _ in range(draw(st.integers(0, 4))):
        body = draw(
            st.sampled_from((b"Exif\0\0" + _tiff(draw, seeds), b"MPF\0" + _tiff(draw, seeds), b"ICC_PROFILE\0\1\1"))
        )
        more += segment(draw(st.sampled_from((0xE1, 0xE2, 0xFE, 0xDB, 0xC4, 0xDD))), body[:60_000]) * draw(
            st.sampled_from((1, 1, 40))
        )
    return bytes(data[:2]) + more + bytes(data[2:])


def _tiff(draw, seeds) -> bytes:
    order, big = draw(st.sampled_from("<>")), draw(st.integers(0, 5)) == 0
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42)
    head += struct.pack(f"{order}HHQ", 8, 0, 16) if big else struct.pack(f"{order}I", 8)
    sound = {256: 96, 257: 72, 258: 8, 259: draw(st.sampled_from((1, 5, 7, 8, 4, 32773, 50000))), 262: 1, 273: 8}
    sound |= {277: draw(st.sampled_from((1, 1, 3, 4, 65535))), 278: 72, 279: 6912}
    entries = [(tag, 4, 1, value) for tag, value in sound.items()]
    for _ in range(draw(st.integers(0, 5))):
        count, value = draw(st.sampled_from(NUMBERS)), draw(st.sampled_from((*NUMBERS, len(head))))
        entries.append((draw(st.sampled_from(TAGS)), draw(st.integers(0, 18)), count, value))
    entries = list({entry[0]: entry for entry in entries}.values())
    form, count_form, next_form = ("HHQQ", "Q", "Q") if big else ("HHII", "H", "I")
    body = struct.pack(order + count_form, draw(st.sampled_from((len(entries), len(entries), 65_535))))
    body += b"".join(struct.pack(order + form, *entry) for entry in sorted(entries))
    following = draw(st.sampled_from((0, 0, 8, 9, 10, 2**31)))
    return head + body + struct.pack(order + next_form, following) + draw(st.sampled_from((bytes(7000), ZEROS)))


def _tiff_chain(draw, seeds) -> bytes:
    return overlapping(draw(st.sampled_from((2, 40, 900, 2500))), draw(st.sampled_from((8, 30, 999, 20_000))))


def _webp(draw, seeds) -> bytes:
    def three(number: int) -> bytes:
        return struct.pack("<I", number % 2**24)[:3]

    still = seeds["webp"][12:]
    sides = three(draw(st.sampled_from(SIDES)) - 1) + three(draw(st.sampled_from(SIDES)) - 1)
    exif = still.find(b"EXIF")
    still = still[:exif] if exif > 0 else still
    still = still[still.index(b"VP8 ") :]
    chunks = [(b"VP8X", bytes([draw(st.sampled_from((2, 2, 10, 0, 255))), 0, 0, 0]) + sides), (b"ANIM", bytes(6))]
    frame = draw(st.sampled_from((bytes(6), bytes(6), sides))) + draw(st.sampled_from((three(95) + three(71), sides)))
    chunks += [(b"ANMF", frame + bytes(4) + still)] * draw(st.sampled_from((1, 3, 500)))
    chunks += [(draw(st.sampled_from((b"EXIF", b"XMP ", b"ICCP"))), _tiff(draw, seeds))] * draw(st.integers(0, 1))
    body = b"WEBP" + b"".join(k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) % 2) for k, d in chunks)
    return b"RIFF" + struct.pack("<I", draw(st.sampled_from((len(body), 2**32 - 2)))) + body


def _bmp(draw, seeds) -> bytes:
    data = bytearray(seeds["bmp"])
    for at in draw(st.lists(st.sampled_from((10, 14, 18, 22, 28, 30, 34, 46)), min_size=1, max_size=4)):
        struct.pack_into("<I", data, at, draw(st.sampled_from((*NUMBERS, 24, 32, 40, 108, 124))))
    return bytes(data)


def _heic(draw, seeds) -> bytes:
    data = bytearray(seeds["heic"])
    names = (b"ispe", b"iloc", b"iinf", b"ipma", b"hvcC", b"meta", b"pitm", b"iref", b"irot", b"mdat", b"colr", b"pixi")
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=4)):
        at = data.find(name) + draw(st.sampled_from((-4, 4, 8, 12, 16, 20)))
        if 0 <= at < len(data) - 4:
            struct.pack_into(">I", data, at, draw(st.sampled_from((*NUMBERS, *SIDES))))
    return bytes(data)


def _pdf(draw, seeds) -> bytes:
    deep = draw(st.sampled_from((50, 600, 100_000)))
    contents = (
        b"q " * deep + b"0 0 m 9 9 l S",
        b"/Im Do " * deep,
        b"[" * deep + b"]" * deep + b" TJ",
        b"1e38 0 0 1e-38 1e30 1e30 cm 0 0 m 9e37 9e37 l S",
        b"0 0 m 9 9 l 3 4 5 6 7 8 c " * min(deep, 3000) + b"S",
        b"BI /W 60000 /H 60000 /BPC 8 /CS /G ID " + bytes(99) + b" EI",
    )
    sides = st.sampled_from((0.0, 1e-9, 30.0, 60.0, 595.0, 14_400.0, 1e9, -60.0))
    pages = [
        {
            "size": (draw(sides), draw(sides)),
            "content": draw(st.sampled_from(contents)),
            "rotate": draw(st.sampled_from((0, 90, 45))),
        }
        for _ in range(draw(st.integers(1, 3)))
    ]
    data = pdf(*pages)
    for old, new in (
        (b"/Count ", b"/Count 99999999 /X "),
        (b"/Kids [", b"/Kids [2 0 R "),  # the tree of pages contains itself
        (b"/MediaBox [", b"/MediaBox " + b"[" * deep),
        (b"/Contents ", b"/Contents 2 0 R /X "),
        (b"/Resources << >>", b"/Resources << /XObject << /Im 3 0 R >> >>"),  # the content draws itself
        (b"<<  /Length", b"<< /Filter [" + b"/FlateDecode " * min(deep, 600) + b"] /Length"),
        (b"startxref\n", b"startxref\n-"),
    ):
        if draw(st.integers(0, 3)) == 0:
            data = data.replace(old, new)
    return data


def _polyglot(draw, seeds) -> bytes:
    first, second = (seeds[draw(st.sampled_from(sorted(seeds)))] for _ in range(2))
    text = draw(st.sampled_from((b"<html><script>", b"PK\x03\x04", b"#!/bin/sh\n", b"\xef\xbb\xbf", b"GIF89a", b"")))
    joined = (
        text + first,
        first + second,
        first[: len(first) // 2] + second,
        first[:20] + second + first[20:],
        b"\xff\xd8" + segment(0xFE, first[:60_000]) + second[2:],
        b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", first) + second[8:],
    )
    return draw(st.sampled_from(joined))


def _cut(draw, seeds) -> bytes:
    data = seeds[draw(st.sampled_from(sorted(seeds)))]
    return data[: draw(st.integers(0, len(data) - 1))]


def _text(draw, seeds) -> bytes:
    return draw(
        st.one_of(st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=300))
    )


BUILDERS = {
    "built png": _png,
    "built jpeg": _jpeg,
    "built tiff": _tiff,
    "built tiff chain": _tiff_chain,
    "built webp": _webp,
    "built bmp": _bmp,
    "built pdf": _pdf,
    "polyglot": _polyglot,
    "cut off": _cut,
    "text, noise": _text,
}


@st.composite
def built(draw, seeds: dict[str, bytes], kinds: tuple[str, ...] | None = None) -> tuple[str, bytes]:
    """Draw (kind, content) of a file out of BUILDERS, made with the sound files `seeds`."""
    ways = BUILDERS | ({"built heic": _heic} if "heic" in seeds else {})
    kind = draw(st.sampled_from(kinds or sorted(ways)))
    return kind, ways[kind](draw, seeds)
