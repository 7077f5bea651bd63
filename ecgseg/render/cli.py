"""The command line of the renderer: parse, render one recording after the other, write."""

import argparse
import sys
from pathlib import Path

import numpy as np

from ecgseg.errors import EcgsegError
from ecgseg.layout import TIMINGS, layout_names, load_layout, with_timing
from ecgseg.overrides import UsageError, read_options, split_arguments

DESCRIPTION = """Draw pages of paper ECGs with their truth.

For each page it writes
  NAME.png        the picture
  NAME.mask.png   the traces alone, 2 px wide
  NAME.npz        the truth: what is printed in mV, and where each trace, grid crossing, label and pulse is in px
                  (python -m ecgseg.evaluate folder=DIR scores a reading against it)

RECORD is a WFDB record (its .hea file), a folder of them, the name of a record that comes with the package (s0462_re),
ptb for all of those, simulated for random simulated ones, or simulated:KIND."""
EXAMPLES = """examples:
  python -m ecgseg.render s0462_re -o page.png layout=6x2 noise=photo seed=7
  python -m ecgseg.render records/ -o pages/ noise=scan pages=3
  python -m ecgseg.render ptb --sheet 12 -o sheet.png layout=random noise=mixed
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0, 1 if a recording failed, 2 if none could be tried."""
    args = parser().parse_intermixed_args(sys.argv[1:] if argv is None else argv)
    try:
        names, overrides = split_arguments(args.records, "no recording given; name records before the options")
        options = read_options("render", overrides)
        check_options(options)
        if args.sheet is not None:
            return draw_sheet(names, options, args.sheet, Path(args.out))
        return draw_pages(names, options, Path(args.out), args.overwrite)
    except (EcgsegError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the pages written so far are complete", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the parser; its help shows the options' file, so that each is described in one place."""
    from ecgseg.paths import CONFIGS
    from ecgseg.render.levels import noise_names

    options = (CONFIGS / "render.yaml").read_text(encoding="utf-8")
    choices = f"layouts: {', '.join(layout_names())}\nnoise levels: {', '.join(noise_names())}"
    result = argparse.ArgumentParser(
        prog="python -m ecgseg.render",
        usage="%(prog)s RECORD [...] -o OUT [--sheet N] [--overwrite] [OPTION=VALUE ...]",
        description=DESCRIPTION,
        epilog=f"{EXAMPLES}\n{options}\n{choices}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("records", nargs="+", metavar="RECORD|KEY=VALUE")
    result.add_argument("-o", "--out", required=True, metavar="OUT", help="a .png for one page, else a folder")
    result.add_argument("--sheet", type=int, metavar="N", help="write N random pages as one picture instead")
    result.add_argument("--overwrite", action="store_true", help="replace files that are there")
    return result


def check_options(options: dict) -> None:
    """Raise UsageError or ValueError naming the first option that cannot work."""
    from ecgseg.render.levels import load_noise

    load_noise(str(options["noise"]))
    matching_layouts(str(options["layout"]))
    for key in ("speed", "gain", "dpi", "pages"):
        value = options[key]
        if key == "dpi" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise UsageError(f"{key}={value}: give a number above 0")
    if options["timing"] not in (None, *TIMINGS):
        raise UsageError(f"timing={options['timing']}: choose {' or '.join(TIMINGS)}")
    for key in ("pages", "seed"):
        if not isinstance(options[key], int) or options[key] < 0:
            raise UsageError(f"{key}={options[key]}: give a whole number, 0 or more")


def matching_layouts(name: str) -> list[str]:
    """Return the layouts meant by a name, the beginning of one, or `random`; raises UsageError with the choices."""
    names = layout_names()
    found = names if name == "random" else [name] if name in names else [n for n in names if n.startswith(f"{name}_")]
    if not found:
        raise UsageError(f"layout={name}: the choices are random, {', '.join(names)}, or what one of them begins with")
    return found


def draw(recording, options: dict, number: int):
    """Render page `number` of a recording, which with the seed decides all that is drawn."""
    from ecgseg.render.page import render_page

    rng = np.random.default_rng([int(options["seed"]), number])
    layouts = matching_layouts(str(options["layout"]))
    layout = load_layout(layouts[rng.integers(len(layouts))])
    if options["timing"]:
        layout = with_timing(layout, options["timing"])
    return render_page(
        recording,
        layout,
        str(options["noise"]),
        rng,
        px_per_mm=options["dpi"] / 25.4 if options["dpi"] else None,
        speed=float(options["speed"]),
        gain=float(options["gain"]),
        start_s=float(options["start_s"]),
    )


def draw_pages(names: list[Path], options: dict, out: Path, overwrite: bool) -> int:
    """Write the pages of all recordings; one that fails is named and the others go on."""
    from tqdm import tqdm

    from ecgseg.render.records import find_records

    records = find_records(names, int(options["seed"]))
    single = out.suffix.lower() == ".png"
    if single and (len(records) > 1 or options["pages"] > 1):
        raise UsageError(f"{len(records)} recordings, {options['pages']} pages of each: give a folder, not {out}")

    failed = 0
    with tqdm(total=len(records) * options["pages"], unit="page", disable=None) as bar:
        for name, load in records:
            for k in range(options["pages"]):
                stem = out.with_suffix("") if single else out / (name + (f"_{k}" if options["pages"] > 1 else ""))
                try:
                    write_page(load(), options, k, stem, overwrite)
                except (EcgsegError, ValueError, OSError) as error:
                    failed += 1
                    bar.write(f"error: {name}: {error}", file=sys.stderr)
                bar.update()
    return 1 if failed else 0


def write_page(recording, options: dict, number: int, stem: Path, overwrite: bool) -> None:
    """Render a page and write its picture, mask and truth; raises UsageError if one of them is there already."""
    import cv2

    from ecgseg.render.truth import write_truth

    image, mask, truth = (Path(f"{stem}{end}") for end in (".png", ".mask.png", ".npz"))
    for path in (image, mask, truth):
        if path.exists() and not overwrite:
            raise UsageError(f"{path} is there already; choose another place or give --overwrite")
    page = draw(recording, options, number)
    stem.parent.mkdir(parents=True, exist_ok=True)
    density = round(page.px_per_mm * 1000)
    from PIL import Image

    Image.fromarray(page.image).save(image, dpi=(density * 0.0254,) * 2, compress_level=3)
    if options["mask"]:
        cv2.imwrite(str(mask), page.mask)
    write_truth(page, truth, record=recording.name, seed=options["seed"], number=number)


def draw_sheet(names: list[Path], options: dict, count: int, out: Path) -> int:
    """Write one picture of `count` random pages."""
    from PIL import Image

    from ecgseg.render.contact import contact_sheet, tile
    from ecgseg.render.records import find_records

    if out.suffix.lower() != ".png" or count < 1:
        raise UsageError(f"--sheet {count} -o {out}: give a number of pages above 0 and a .png")
    records = find_records(names, int(options["seed"]))
    tiles = []
    for k in range(count):
        _, load = records[k % len(records)]
        page = draw(load(), options, k)
        tiles.append(tile(page, 640, 500, f"{page.layout.name} {page.noise} {page.px_per_mm * 25.4:.0f} dpi"))
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(contact_sheet(tiles)).save(out)
    return 0
