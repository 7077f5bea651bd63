"""python -m ecgseg.bench: what pages, networks, training and archives cost on this machine.

On a machine with a GPU the one command measures it, too: pages/s sustained from files to files, and the strip network
in half precision, with other memory layouts and compiled, with what each changes in dB.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ecgseg.bench.table import machine

PARTS = ("pages", "nets", "training", "archive")


def main(argv: list[str] | None = None) -> int:
    """Print the tables of the parts asked for, the CPU first."""
    args = parser().parse_args(argv)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "ecgseg.bench.draw", folder, str(args.pages)], check=True)
        files = sorted(Path(folder).glob("*.png"))
        # Pages come first: peak memory is that of the whole process.
        devices = ["cpu"] if "pages" in args.parts else []
        for device in devices:
            pages(files, device, args.repeats)
        gpu = _gpu() if set(args.parts) - {"pages"} or args.gpu else None
        if gpu and "pages" in args.parts:
            pages(files, gpu, args.repeats)
        if "nets" in args.parts:
            nets(gpu, args.repeats, args.tiny)
        if "training" in args.parts:
            training(gpu or "cpu", args.steps, args.override)
        if "archive" in args.parts:
            archive(files, args.archive_pages, gpu or "cpu", args.workers, args.helpers)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="python -m ecgseg.bench", description=__doc__)
    result.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    result.add_argument("--pages", type=int, default=3, help="different pages that are drawn")
    result.add_argument("--repeats", type=int, default=3)
    result.add_argument("--steps", type=int, default=10, help="of training")
    result.add_argument("--override", action="append", default=[], help="of configs/train.yaml, such as model=page")
    result.add_argument("--archive-pages", type=int, default=24)
    result.add_argument("--workers", type=int, default=None, help="processes that digitize")
    result.add_argument("--helpers", type=int, default=None, help="processes that decode, and as many that write")
    result.add_argument("--gpu", action="store_true", help="pages on a GPU also where only pages are asked for")
    result.add_argument("--tiny", action="store_true", help="small pictures: to try the command, not to measure")
    return result


def pages(files: list[Path], device: str, repeats: int) -> None:
    """Print what a page costs step by step, at full quality, with digitize=fast, and with the classic extractor."""
    from ecgseg.bench.pages import page_table, page_times
    from ecgseg.digitize.digitizer import Digitizer
    from ecgseg.overrides import compose

    whole = {}
    for name, overrides in {"full": [], "fast": ["digitize=fast"], "classic": ["digitize.method=classic"]}.items():
        options = {**compose("infer", overrides)["digitize"], "device": device}
        times, cpu = page_times(Digitizer.from_pretrained(**options), files, repeats)
        whole[name] = times
        print(f"\npages, {name}, {device}: {len(files)} pages × {repeats}")
        print("\n".join(page_table(times, cpu)))
    for name, times in whole.items():
        page, trace = (np.median(times[k]) / np.median(whole["classic"][k]) for k in ("page", "trace"))
        print(f"{name:8} {page:.2f} × the classic page, {trace:.2f} × its tracing")


def nets(gpu: str | None, repeats: int, tiny: bool) -> None:
    """Print what each network costs, and the ways to compute the strip network."""
    from ecgseg.bench.nets import SHAPES, TINY, WAYS, runtime_table, ways_table

    print("\nnetworks, CPU")
    print("\n".join(runtime_table(repeats, tiny)))
    _, height, width = (TINY if tiny else SHAPES)["strip"]
    crops = rows(height, width)
    device = gpu or "cpu"
    # Compiling for the CPU needs a C++ compiler, and half precision is slow there.
    ways = WAYS if gpu else [way for way in WAYS if not (way.compiled or way.bf16)]
    print(f"\nstrip network, {device}, {len(crops)} rows in a batch")
    print("\n".join(ways_table(device, crops, repeats, ways)))


def rows(height: int, width: int, count: int = 4) -> np.ndarray:
    """Return crops (count, height, width, 3) of the scanned example page."""
    import cv2

    from ecgseg.paths import EXAMPLES

    page = cv2.imread(str(EXAMPLES / "scan_90037.png"))[..., ::-1]
    page = cv2.copyMakeBorder(page, 0, 0, 0, max(0, width - page.shape[1]), cv2.BORDER_REPLICATE)
    tops = np.linspace(0, page.shape[0] - height, count).astype(int)
    return np.stack([page[top : top + height, :width] for top in tops])


def training(device: str, steps: int, overrides: list[str]) -> None:
    """Print how fast a network trains and how long it waits for data."""
    from ecgseg.bench.training import training_rate

    told = training_rate(steps, device, tuple(overrides))
    print(f"\ntraining, {device}, {' '.join(overrides) or 'strip network'}: {told['crops_per_s']:.2f} crops/s")
    print(f"a step {told['step_s']:.3f} s; waiting for data {told['waiting']:.0%}, busy {1 - told['waiting']:.0%}")


def archive(files: list[Path], count: int, device: str, workers: int | None, helpers: int | None) -> None:
    """Print pages/s from files to files."""
    from ecgseg.bench.sustained import sustained

    rate, failed = sustained(files, count, device, workers, helpers)
    print(f"\narchive, {device}: {rate:.2f} pages/s sustained from files to files, {failed} of {count} failed")


def _gpu() -> str | None:
    """Return the GPU's name for torch, None where there is none; asked late, since torch is large."""
    import torch

    return "cuda" if torch.cuda.is_available() else None


if __name__ == "__main__":
    raise SystemExit(main())
