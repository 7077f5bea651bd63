"""python -m ecgseg.bench: seconds per page of the extractors, on the same page in one run."""

import argparse
import statistics
from time import perf_counter

import numpy as np


def timed(call, repeats: int) -> list[float]:
    """Return the wall seconds of each of `repeats` calls, after one that is not counted."""
    call()
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    return seconds


def main(argv: list[str] | None = None) -> int:
    """Time the decoder alone, the network with its decoder, and the classic extractor on one rendered page."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default=None, help="cpu or cuda; the GPU if there is one")
    args = parser.parse_args(argv)

    import torch

    from ecgseg.classic import classic_digitize
    from ecgseg.digitize.locate.find import look
    from ecgseg.digitize.locate.locate import LocatedStrip
    from ecgseg.digitize.trace.decode import line_position
    from ecgseg.digitize.trace.trace import trace_strips
    from ecgseg.nets.weights import load_net
    from ecgseg.ptb import load_records
    from ecgseg.render.page import render_page

    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    net, page_net, name_net = (load_net(device=device, kind=kind)[0] for kind in ("strip", "page", "name"))
    page = render_page(load_records(None, "val")[0], "3x4_1r", "light", 0, px_per_mm=8.0)
    strips = []
    for strip, points, baseline in zip(page.strips, page.points, page.baselines, strict=True):
        x0 = float(points[0, 0])
        x1 = x0 + strip.seconds * 200
        strips.append(
            LocatedStrip(
                strip.lead, strip.row, strip.t0, strip.t1, x0, x1, float(baseline[0, 1]), strip.rhythm, strip.sign
            )
        )
    line = torch.randn(4, 1, 320, 4 * 2080, device=device)
    mask = torch.randn(4, 320, 2080, device=device)

    def wait(call):
        def run():
            with torch.inference_mode():
                call()
            if device == "cuda":
                torch.cuda.synchronize()

        return run

    rows = {
        "decoder (vectorised extractor)": wait(lambda: line_position(line, mask)),
        "strips: network + decoder": wait(lambda: trace_strips(net, page.image, strips)),
        "whole page: rows, names, pulses": wait(lambda: look(page_net, name_net, page.image)),
        "classic extractor": lambda: classic_digitize(page.image, strips, 8.0),
    }
    h, w = page.image.shape[:2]
    parameters = sum(p.numel() for p in net.parameters()) / 1e6
    print(f"page {w}x{h} px, {len(strips)} strips, {device}, {torch.get_num_threads()} threads, {parameters:.2f} M")
    reference = None
    for name in reversed(rows):
        seconds = timed(rows[name], args.repeats)
        median = statistics.median(seconds)
        reference = reference or median
        p95 = float(np.quantile(seconds, 0.95))
        print(f"{name:32} p50 {median:7.3f} s  p95 {p95:7.3f} s  {median / reference:6.2f} × classic")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
