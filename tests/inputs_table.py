"""What people bring × what comes of it: makes one of each kind of input, runs the real command, prints a table.

    nice python tests/inputs_table.py        about 20 small pages through the networks

The pages that can be read are one and the same strip, so the samples of each kind are compared with the PNG's.
"""

import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from hostile_files import many_scans, overlapping
from pdf_maker import locked, pdf, scanned
from PIL import Image, ImageDraw
from several_records import PX_PER_MM, on_a_table, plain_page

from ecgseg.output.csv import read as read_csv
from ecgseg.ptb import load_records

ROOT = Path(__file__).resolve().parent.parent
INFER = ROOT / "infer.py"
OPTIONS = ("report=none", "output.overlay=false", "output.formats=[csv]", "archive.above=1000", "digitize.device=cpu")
DPI = 25.4 * PX_PER_MM
POINTS_PER_MM = 72 / 25.4


def strip() -> Image.Image:
    """Return a page with one strip of lead II."""
    return Image.fromarray(plain_page("s0462_re", "single").image)


def drawn_pdf() -> bytes:
    """Return a PDF of 260 x 80 mm drawn with lines: a grid, ten seconds of lead II, its name in strokes."""
    recording = load_records()[0].resample(250)
    y = 40 + 10 * np.nan_to_num(recording.lead("II")[:2400] - np.nanmedian(recording.lead("II")))
    x = 10 + np.arange(len(y)) / 250 * 25
    lines = [f"{POINTS_PER_MM} 0 0 {POINTS_PER_MM} 0 0 cm 1 0.6 0.6 RG"]
    for width, step in ((0.1, 1), (0.25, 5)):
        lines.append(f"{width} w")
        lines += [f"{k} 0 m {k} 80 l S" for k in range(0, 261, step)]
        lines += [f"0 {k} m 260 {k} l S" for k in range(0, 81, step)]
    lines.append("0 G 0.4 w")
    for k in (12, 14):  # the name II
        lines.append(f"{k} 60 m {k} 63 l S")
        lines += [f"{k - 0.6} {serif} m {k + 0.6} {serif} l S" for serif in (60, 63)]
    lines.append(f"0.3 w {x[0]:.3f} {y[0]:.3f} m")
    lines += [f"{across:.3f} {up:.3f} l" for across, up in zip(x[1:], y[1:], strict=True)] + ["S"]
    return pdf({"size": (260 * POINTS_PER_MM, 80 * POINTS_PER_MM), "content": "\n".join(lines).encode()})


def encoded(image: Image.Image, form: str, **options) -> bytes:
    out = BytesIO()
    image.copy().save(out, form, **options)
    return out.getvalue()


def good(image: Image.Image) -> dict[str, bytes]:
    """Return name -> content of files that hold the strip."""
    pixels, dpi = np.asarray(image), (DPI, DPI)
    found = {
        "png.png": encoded(image, "PNG", dpi=dpi),
        "jpeg.jpg": encoded(image, "JPEG", quality=90, dpi=dpi),
        "tiff.tif": encoded(image, "TIFF", compression="tiff_lzw", dpi=dpi),
        "webp.webp": encoded(image, "WEBP", quality=90),
        "bmp.bmp": encoded(image, "BMP"),
        "scanned.pdf": pdf(scanned(pixels, DPI)),
        "drawn.pdf": drawn_pdf(),
    }
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return found
    register_heif_opener()
    return found | {"heic.heic": encoded(image, "HEIF", quality=90)}


def bad(image: Image.Image) -> dict[str, bytes]:
    """Return name -> content of files that hold nothing to read."""
    png, jpeg = encoded(image, "PNG"), encoded(image, "JPEG", progressive=True)
    document = pdf(scanned(np.asarray(image), DPI))
    letter = Image.new("RGB", (850, 1100), "white")
    draw = ImageDraw.Draw(letter)
    for k in range(40):
        draw.text((80, 80 + 24 * k), "Dear colleague, thank you for sending us this patient. " * 2, "black")
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    return {
        "empty.png": b"",
        "text.png": b"this is a letter, not a picture\n" * 9,
        "cut off.png": png[: len(png) // 2],
        "cut off.pdf": document[: len(document) // 3],
        "locked.pdf": pdf(scanned(np.asarray(image)[:99, :99], DPI), **locked()),
        "animation.gif": encoded(Image.new("L", (200, 200)), "GIF"),
        "dot.png": encoded(Image.new("L", (1, 1)), "PNG"),
        "bomb, 400 million pixels in 50 kB.png": encoded(Image.new("1", (20_000, 20_000)), "PNG"),
        "enormous, 40,000 x 100.png": encoded(Image.new("1", (40_000, 100)), "PNG"),
        "3,000 scans.jpg": many_scans(jpeg, 3000),
        "overlapping directories.tif": overlapping(1000, 65_000),
        "page of 5 m.pdf": pdf({"size": (14_400, 14_400)}),
        "white.png": encoded(Image.new("RGB", (800, 600), "white"), "PNG"),
        "noise.png": encoded(Image.fromarray(noise), "PNG"),
        "letter.png": encoded(letter, "PNG"),
    }


def ways(folder: Path, image: Image.Image) -> tuple[list[str], bytes]:
    """Make a folder, a pattern, a list and names that are hard to spell; returns arguments and standard input."""
    small, two = encoded(image, "PNG"), [image.copy()]
    files = {
        "scans/top.png": small,
        "scans/deep/deeper/EKG mit Leerzeichen und Ümlaut.png": small,
        "scans/deep/ЭКГ 心電図.png": small,
        "scans/.hidden.png": small,
        "scans/notes.csv": b"1,2",
        "more/two pages.tif": encoded(image, "TIFF", save_all=True, append_images=two, compression="tiff_lzw"),
        "listed/two pages.pdf": pdf(scanned(np.asarray(image), DPI), scanned(np.asarray(image), DPI)),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "list").write_text("listed/two pages.pdf\nlisted/not there.png\n")
    return ["scans", "mo*/*.tif", "@list", "-", "nothing*.png"], small


def run(folder: Path, arguments: list[str], stdin: bytes | None = None) -> tuple[int, str]:
    """Run the command in a folder, results to its folder `out`; returns the exit code and what was said."""
    command = [sys.executable, str(INFER), *arguments, "--out", "out", *OPTIONS]
    done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


def difference(path: Path, against: Path) -> str:
    """Return in words how far two CSV files of one strip are apart."""
    ours, theirs = read_csv(path), read_csv(against)
    named = [lead for lead in ours.leads if np.isfinite(ours.lead(lead)).any()]
    seconds = np.isfinite(ours.signal).sum() / ours.fs
    if path.read_bytes() == against.read_bytes():
        return f"{seconds:.1f} s of {', '.join(named)}; the same, byte for byte"
    if path.stem == "drawn":  # another heart
        return f"{seconds:.1f} s of {', '.join(named)}"
    apart = ours.lead(named[0]) - theirs.lead(named[0])
    apart_uv = 1000 * np.sqrt(np.mean(apart[np.isfinite(apart)] ** 2))
    return f"{seconds:.1f} s of {named[0]}; {apart_uv:.1f} µV RMS from the PNG's"


def main() -> None:
    """Print everything; `formats` as an argument does the first part only."""
    image = strip()
    with tempfile.TemporaryDirectory() as name:
        part = Path(name) / "good"
        part.mkdir()
        files = good(image)
        for file, content in files.items():
            (part / file).write_bytes(content)
        # Told, so that what is compared are traces, not what each kind's blur does to the name.
        code, said = run(part, [*files, "digitize.layout=single"])
        print(f"\n## Formats: exit code {code}\n\n{said}\n")
        for file in files:
            path = part / "out" / f"{Path(file).stem}.csv"
            print(f"| {file} | {difference(path, part / 'out' / 'png.csv') if path.is_file() else 'FAILED'} |")
        if sys.argv[1:] == ["formats"]:
            return

        part = Path(name) / "ways"
        part.mkdir()
        code, said = run(part, *ways(part, image))
        print(f"\n## Ways to name: exit code {code}\n\n{said}\n")
        print(*sorted(p.name for p in (part / "out").iterdir() if p.suffix == ".csv"), sep="\n")

        part = Path(name) / "bad"
        part.mkdir()
        files = bad(image)
        for file, content in files.items():
            (part / file).write_bytes(content)
        (part / "empty folder").mkdir()
        code, said = run(part, [*files, "not there.png", "empty folder"])
        print(f"\n## Nothing to read: exit code {code}\n\n{said}\n")
        print(*sorted(p.name for p in (part / "out").iterdir()) if (part / "out").exists() else "no files", sep="\n")

        part = Path(name) / "two"
        part.mkdir()
        pages = [plain_page(record).image for record in ("s0462_re", "s0463_re")]
        Image.fromarray(on_a_table(pages, [2.0, -3.0])).save(part / "two sheets.png")
        code, said = run(part, ["two sheets.png"])
        print(f"\n## Two sheets in a picture: exit code {code}\n\n{said}\n")
        print(*sorted(p.name for p in (part / "out").iterdir()), sep="\n")


if __name__ == "__main__":
    main()
