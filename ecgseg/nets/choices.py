"""python -m ecgseg.nets.choices --crops 96: what each way to use the strip network is worth, on fresh crops.

Crops of validation patients; each way reads the same ones. Further weights files are compared with the shipped ones.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ecgseg.digitize.trace.decode import WINDOW, line_position
from ecgseg.errors import EcgsegError
from ecgseg.nets.data import CropDataset, Mix
from ecgseg.nets.weights import load_net
from ecgseg.ptb import load_records
from ecgseg.render.crops import CropSize, CropSizes
from ecgseg.subcolumns import SUBCOLUMNS

LEVELS = ("clean", "scan", "photo", "damaged")
MIN_SEEN = 64  # sub-columns of a crop whose SNR counts
FLAT = 1.0  # px² of signal: a crop of a zero line alone has no SNR
Net = Callable[[Tensor], dict[str, Tensor]]


def shipped(net: Net, image: Tensor) -> Tensor:
    """The mean about the peak of each of four positions a column: what the digitizer does."""
    return line_position(net(image)["line"])[0]


def peak(net: Net, image: Tensor) -> Tensor:
    """The peak itself, a whole pixel."""
    return net(image)["line"][:, 0].argmax(dim=1).float()


def whole_column(net: Net, image: Tensor) -> Tensor:
    """The mean of the whole column, not about the peak alone."""
    p = net(image)["line"][:, 0].softmax(dim=1)
    return (p * torch.arange(p.shape[1]).view(1, -1, 1)).sum(dim=1)


def coarser(per_column: int) -> Callable[[Net, Tensor], Tensor]:
    """Fewer positions a column, straight lines between them."""

    def way(net: Net, image: Tensor) -> Tensor:
        every = SUBCOLUMNS // per_column
        p = F.avg_pool1d(net(image)["line"][:, 0].softmax(dim=1), every)
        y = _about_peak(p)
        return F.interpolate(y[:, None], scale_factor=every, mode="linear", align_corners=False)[:, 0]

    return way


def ink(net: Net, image: Tensor) -> Tensor:
    """The middle of the strip's own ink in each column: the mask alone, without the line."""
    p = net(image)["mask"][:, 1].sigmoid()
    y = _about_peak(p / p.sum(dim=1, keepdim=True).clamp_min(1e-6))
    return F.interpolate(y[:, None], scale_factor=SUBCOLUMNS, mode="linear", align_corners=False)[:, 0]


def flipped(axis: int) -> Callable[[Net, Tensor], Tensor]:
    """The mean of the distributions of a crop and of the crop upside down (axis 2) or mirrored (axis 3)."""

    def way(net: Net, image: Tensor) -> Tensor:
        other = net(image.flip(axis))["line"].flip(axis)
        p = (net(image)["line"][:, 0].softmax(dim=1) + other[:, 0].softmax(dim=1)) / 2
        return _about_peak(p)

    return way


WAYS: dict[str, Callable[[Net, Tensor], Tensor]] = {
    "four positions a column, mean about the peak (shipped)": shipped,
    "two positions a column": coarser(2),
    "one position a column": coarser(1),
    "the peak alone": peak,
    "mean of the whole column": whole_column,
    "the strip's ink alone, without the line": ink,
    "upside down too": flipped(2),
    "mirrored too": flipped(3),
}


def _about_peak(p: Tensor) -> Tensor:
    """Return the mean of distributions (B, H, N) within ±WINDOW px of their peaks, (B, N)."""
    return line_position(p.clamp_min(1e-12).log()[:, None], window=WINDOW)[0]


def crop_db(y: np.ndarray, truth: np.ndarray, height: int) -> float | None:
    """Return the SNR (dB) of a crop's positions (N,) px, the mean error taken out; None where little is to be seen."""
    seen = np.isfinite(truth) & (truth > 0) & (truth < height - 1)
    if seen.sum() < MIN_SEEN or np.var(truth[seen]) < FLAT:
        return None
    error = y[seen] - truth[seen]
    signal = truth[seen] - np.median(truth[seen])
    return float(10 * np.log10(np.sum(signal**2) / max(np.sum((error - error.mean()) ** 2), 1e-9)))


def crops(level: str, count: int, seed: int) -> Iterator[tuple[Tensor, np.ndarray]]:
    """Yield images (1, 3, H, W) in 0..1 and lines (4·W,) of validation patients; every fourth crop is tall."""
    layouts = {"3x4_1r": 6.0, "3x4_3r": 1.0, "6x2_0r": 1.0, "6x2_1r": 1.0, "12x1": 1.0, "4x3": 1.0}
    size = CropSizes(CropSize(448, 320), CropSize(640, 224), 4, 1, CropSize(896, 160))
    data = CropDataset(load_records(split="val"), Mix({level: 1.0}, layouts), size, seed, count)
    for i in range(count):
        yield data[i]["image"][None].float() / 255, data[i]["line"].numpy()


@torch.inference_mode()
def compare(nets: dict[str, tuple[Net, Callable]], count: int, seed: int) -> list[dict]:
    """Return a row per way (name → network, way) with its dB: mean and 10th percentile at each level, mean of all."""
    rows = []
    drawn = {level: list(crops(level, count, seed)) for level in LEVELS}
    for name, (net, way) in nets.items():
        row, every = {"way": name}, []
        for level, of_level in drawn.items():
            db = [crop_db(way(net, image)[0].numpy(), line, image.shape[2]) for image, line in of_level]
            db = [d for d in db if d is not None]
            row[level] = f"{np.mean(db):.1f} ({np.quantile(db, 0.1):.1f})"
            every += db
        row |= {"n": len(every), "all": f"{np.mean(every):.2f}", "median": f"{np.median(every):.2f}"}
        rows.append(row)
    return rows


def main(argv: list[str] | None = None) -> int:
    """Print the table; returns 0, or 2 for weights that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.nets.choices", description=__doc__.splitlines()[0])
    parser.add_argument("--crops", type=int, default=96, help="crops, shared by four noise levels")
    parser.add_argument("--seed", type=int, default=55)
    parser.add_argument("--weights", nargs="*", default=[], type=Path, help="further weights files: compare only these")
    args = parser.parse_args(argv)
    try:
        net = load_net()[0]
        ways = {name: (net, way) for name, way in WAYS.items()}
        if args.weights:
            ways = {"shipped": (net, shipped)} | {str(w): (load_net(w)[0], shipped) for w in args.weights}
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = compare(ways, max(1, args.crops // len(LEVELS)), args.seed)
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(str(v) for v in row.values()) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
