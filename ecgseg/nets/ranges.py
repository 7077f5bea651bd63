"""The ranges that a network's layers have on rendered pictures, which it needs to run in 8-bit whole numbers.

python -m ecgseg.nets.ranges strip my.safetensors: measures them and writes them into the file. An export of a training
has them already.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ecgseg.errors import EcgsegError
from ecgseg.nets.int8 import RANGES, Int8Graph
from ecgseg.nets.plain import check_shape, row_heights
from ecgseg.nets.runtime import drawn_page, drawn_strip, noted_digest, read_weights, session

DRAWN = {"strip": drawn_strip, "page": drawn_page}  # the networks whose convolutions take most of a page's time
PICTURES = 48


def measured(kind: str, state: Mapping[str, np.ndarray], pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return the lowest and highest value (layers, 2) of a network's layers on pictures (H, W, 3) uint8."""
    g = Int8Graph(state, None)
    DRAWN[kind](g)
    ends = [g.node(end, layer, keepdims=0) for layer in g.made for end in ("ReduceMin", "ReduceMax")]
    run = session(g.model({f"end{k}": end for k, end in enumerate(ends)}))
    seen = []
    for picture in pictures:
        heights = {"heights": row_heights(len(picture))} if kind == "strip" else {}
        seen.append(np.reshape(run({"image": picture[None], **heights}), (-1, 2)))
    low, high = np.moveaxis(np.array(seen), 2, 0)
    return np.stack([low.min(axis=0), high.max(axis=0)], axis=1).astype(np.float32)


def add_ranges(path: Path | str, kind: str, pictures: Sequence[np.ndarray]) -> str:
    """Measure the ranges of a weights file's network on pictures (H, W, 3) and write them into it; returns its SHA-256.

    Raises WeightsError for a network that plain layers do not draw.
    """
    from safetensors import safe_open
    from safetensors.numpy import save_file

    state, about = read_weights(path, kind)
    check_shape(kind, about["config"])
    with safe_open(path, "np") as file:
        metadata = file.metadata()
    state[RANGES] = measured(kind, state, pictures)
    save_file(state, path, metadata)
    return noted_digest(Path(path))


def main(argv: list[str] | None = None) -> int:
    """Measure the ranges of one weights file; returns 0, or 2 for a mistake."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.nets.ranges", description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=list(DRAWN))
    parser.add_argument("weights", type=Path, help="a .safetensors file; it is changed, and the .sha256 beside it")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="pictures to look at (default %(default)s)")
    args = parser.parse_args(argv)
    try:
        from ecgseg.nets.fit import usual_pictures

        print(add_ranges(args.weights, args.kind, usual_pictures(args.kind, args.pictures)))
    except (EcgsegError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
