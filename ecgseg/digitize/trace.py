"""Flat page and strips → trace positions: every row is one crop of one batch through the network."""

import numpy as np
import torch

from ecgseg.digitize.decode import connected, line_position
from ecgseg.nets.stripnet import STRIDE
from ecgseg.render.crops import SUBCOLUMNS, subcolumn_x

_SIDE = 32  # px of page kept left and right of a row, so that its ends are seen in their surroundings


def cut(image: np.ndarray, x: int, y: int, width: int, height: int) -> np.ndarray:
    """Return the window (height, width, 3) whose first pixel is x, y; outside the page it is paper-coloured."""
    h, w = image.shape[:2]
    window = np.empty((height, width, 3), np.uint8)
    window[:] = np.median(image[::8, ::8], axis=(0, 1)).astype(np.uint8)
    y0, y1, x0, x1 = max(0, y), min(h, y + height), max(0, x), min(w, x + width)
    if y1 > y0 and x1 > x0:
        window[y0 - y : y1 - y, x0 - x : x1 - x] = image[y0:y1, x0:x1]
    return window


def _up(n: float) -> int:
    return int(np.ceil(n / STRIDE)) * STRIDE


@torch.inference_mode()
def trace_strips(net: torch.nn.Module, image: np.ndarray, strips: list, height: int = 448) -> list[tuple]:
    """Read the trace of every strip.

    image (H, W, 3) uint8 at the network's 8 px/mm; strips have row, x0, x1 and baseline in pixels of it;
    height: rows of pixels read about the baseline, 56 mm: more than the crops of the training have, so that
    tall complexes are not cut off. Returns one (x, y, confidence) per strip, each (n,) float
    with four positions a pixel column, x and y in pixels of the flat page; y is NaN where no ink connects the trace.
    """
    device = next(net.parameters()).device
    rows = sorted({s.row for s in strips})
    by_row = [[s for s in strips if s.row == r] for r in rows]
    lefts = [int(np.floor(min(s.x0 for s in group))) - _SIDE for group in by_row]
    width = _up(max(max(s.x1 for s in g) - left for g, left in zip(by_row, lefts, strict=True)) + _SIDE)
    tops = [round(float(np.median([s.baseline for s in g])) - (height - 1) / 2) for g in by_row]
    crops = np.stack([cut(image, x, y, width, height) for x, y in zip(lefts, tops, strict=True)])
    batch = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float() / 255
    out = net(batch)
    own = out["mask"][:, 1].float()
    y, confidence = line_position(out["line"].float(), own)
    spans = [(min(s.x0 for s in g) - left, max(s.x1 for s in g) - left) for g, left in zip(by_row, lefts, strict=True)]
    ends = (torch.tensor(spans, device=device) * SUBCOLUMNS).round().long()
    kept = connected(y, own, ends)
    # Neither value nor confidence: what is left out must not be bridged with what was wrongly read.
    y, confidence = y.masked_fill(~kept, float("nan")), confidence * kept
    y, confidence, x = y.cpu().numpy(), confidence.cpu().numpy(), subcolumn_x(width)
    traces = []
    for strip in strips:
        i = rows.index(strip.row)
        inside = (x + lefts[i] >= strip.x0) & (x + lefts[i] < strip.x1)
        traces.append((x[inside] + lefts[i], y[i][inside] + tops[i], confidence[i][inside]))
    return traces
