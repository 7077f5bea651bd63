"""The grid network on ONNX Runtime: its spectra by SciPy, its layers as two graphs; the same as GridNet."""

import cv2
import numpy as np
from scipy import fft

from ecgseg.nets import gridbins as bins
from ecgseg.nets.onnx_graph import Graph

_INDEX, _SHARE = bins.log_polar()
_HANN = np.sin(np.pi * np.arange(bins.WINDOW) / bins.WINDOW).astype(np.float32) ** 2


def comb_graph(state) -> bytes:
    """Return the graph from spectra (n, 1, ANGLES, RADII) to the logits (n, 1, TURNS, SIZES) of the grids in them."""
    g = Graph(state)
    x = g.input("polar", np.float32, ["n", 1, bins.ANGLES, bins.RADII])
    for k, (up, aside) in enumerate(((1, 3), (1, 1))):
        x = g.node("Concat", _part(g, x, 2, -up, bins.ANGLES), x, _part(g, x, 2, 0, up), axis=2)  # angles go round
        x = g.node("Pad", x, g.tensor(np.array([0, 0, 0, aside] * 2)), mode="edge")
        x = g.conv(x, f"peaks.{k}.conv", f"peaks.{k}.norm", relu=True, border=0)
    one, other = _part(g, x, 2, 0, bins.TURNS), _part(g, x, 2, bins.TURNS, bins.ANGLES)  # the families of lines
    both = g.join(g.node("Add", one, other), g.node("Abs", g.node("Sub", one, other)))
    lines = []
    for harmonic in bins.HARMONICS:
        wanted, inside = bins.radius_bins(harmonic)
        mask = g.tensor(inside.astype(np.float32).reshape(1, 1, 1, -1))
        lines.append(g.node("Mul", g.node("Gather", both, g.tensor(wanted), axis=3), mask))
    ladder = np.broadcast_to(np.linspace(-1, 1, bins.SIZES, dtype=np.float32), (1, 1, bins.TURNS, bins.SIZES))
    y = g.join(*lines, g.constant(ladder, lines[0]))
    y = g.conv(g.conv(y, "comb.0", "comb.1", relu=True), "comb.3")
    return g.model({"lattice": y})


def cell_graph(state, blocks: int) -> bytes:
    """Return the graph from a picture and what its spectra tell to paper, grid and the lattice's shares."""
    g = Graph(state)
    x = g.input("looks", np.float32, [1, 4, "height", "width"])
    lattice = g.input("lattice", np.float32, [1, bins.SIZES * bins.TURNS, "rows", "columns"])
    for k, stride in enumerate((4, 2, 2, 2)):
        x = g.conv(x, f"look.{k}.0", f"look.{k}.1", relu=True, stride=stride)
    x = g.conv(g.join(x, lattice), "join.0", "join.1", relu=True)
    for k in range(blocks):
        body = f"blocks.{k}.body"
        y = g.conv(x, f"{body}.0", f"{body}.1", relu=True, dilation=2**k)
        x = g.add_relu(x, g.conv(y, f"{body}.3", f"{body}.4"))
    y = g.conv(x, "head")
    seen = g.node("Sigmoid", _part(g, y, 1, 0, 2))
    more = _part(g, y, 1, 2, 2 + bins.SIZES * bins.TURNS)
    return g.model({"seen": seen, "share": g.node("Softmax", g.node("Add", lattice, more), axis=1)})


def darkness(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how much darker than around each pixel of (H, W, 3) uint8 is, in units of the local contrast, and the
    logarithm of that, both (H, W) float32: `gridnet.darkness`."""
    least = image.min(axis=2).astype(np.float32) / 255
    off = _mean(least, bins.AROUND) - least
    contrast = _mean(np.abs(off), bins.CONTRAST) + bins.LEAST_CONTRAST
    return np.clip(off / contrast, -bins.LIMIT, bins.LIMIT), np.log(contrast) + 3.0


def spectra(dark: np.ndarray) -> np.ndarray:
    """Return the logarithmic power (n, 1, ANGLES, RADII) about its mean of each cell of (H, W), row by row."""
    reach = (bins.WINDOW - bins.GRID_STRIDE) // 2
    padded = np.pad(dark, reach, mode="reflect")
    tiles = np.lib.stride_tricks.sliding_window_view(padded, (bins.WINDOW, bins.WINDOW))
    tiles = tiles[:: bins.GRID_STRIDE, :: bins.GRID_STRIDE].reshape(-1, bins.WINDOW, bins.WINDOW)
    power = fft.rfft2(tiles * np.outer(_HANN, _HANN))
    log = np.log(power.real**2 + power.imag**2 + 1).reshape(len(tiles), -1)
    polar = sum(log[:, index] * share for index, share in zip(_INDEX, _SHARE, strict=True))
    polar -= polar.mean(axis=1, keepdims=True)
    return polar.reshape(-1, 1, bins.ANGLES, bins.RADII) / 2


def _mean(values: np.ndarray, side: int) -> np.ndarray:
    """Return the mean over side × side px, of those that are in the picture."""
    h, w = values.shape
    total = cv2.boxFilter(values, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    count = [np.minimum(np.arange(n), side // 2) + np.minimum(np.arange(n)[::-1], side // 2) + 1 for n in (h, w)]
    return total / np.outer(*count).astype(np.float32)


def _part(g: Graph, x: str, axis: int, start: int, stop: int) -> str:
    """Return x from start to stop along an axis."""
    return g.node("Slice", x, *(g.tensor(np.array([v])) for v in (start, stop, axis)))
