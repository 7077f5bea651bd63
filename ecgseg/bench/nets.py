"""What each network costs: parameters, multiplications, and seconds on each runtime, with how alike the results are."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from ecgseg.bench.table import timed
from ecgseg.nets.runtime import KINDS, open_net

SHAPES = {"strip": (1, 448, 2144), "page": (1, 864, 1120), "name": (12, 56, 144), "grid": (1, 800, 1024)}
TINY = {"strip": (1, 64, 128), "page": (1, 64, 96), "name": (2, 56, 144), "grid": (1, 96, 128)}
AT_DB = 20.0  # a page that is read as well as this is what a difference is told at


@dataclass(frozen=True)
class Way:
    """A way to compute a network on torch: half precision, channels last in memory, compiled."""

    bf16: bool = False
    channels_last: bool = True
    compiled: bool = False

    @property
    def name(self) -> str:
        parts = ["bf16" if self.bf16 else "fp32", "channels last" if self.channels_last else "channels first"]
        return ", ".join([*parts, *(["compiled"] if self.compiled else [])])


WAYS = [Way(bf16, last, compiled) for bf16 in (False, True) for last in (True, False) for compiled in (False, True)]


def parameters_and_macs(kind: str, shape: tuple[int, int, int]) -> tuple[float, float]:
    """Return the millions of parameters and the billions of multiplications of a network on pictures (B, H, W).

    Convolutions and linear layers are counted, which is nearly all.
    """
    import torch

    from ecgseg.nets.weights import load_net

    net, macs = load_net(kind=kind)[0], []

    def count(module, _, out):
        macs.append(out.numel() * module.weight[0].numel() / 1e9)

    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(count)
    with torch.inference_mode():
        net(torch.rand(shape[0], 3, *shape[1:]))
    return sum(p.numel() for p in net.parameters()) / 1e6, sum(macs)


def call_of(kind: str, net, shape: tuple[int, int, int]) -> Callable[[], list[np.ndarray]]:
    """Return the call of a network on one picture of noise, (B, H, W)."""
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    if kind == "strip":
        return lambda: [net.columns(image).y]
    if kind == "name":
        return lambda: [net.names(image)]
    return lambda: net.maps(image[0]) if kind == "page" else net.cells(image[0])


def runtime_table(repeats: int, tiny: bool = False) -> list[str]:
    """Return a line per network: its size, and seconds and CPU seconds on each runtime, as a ratio to the first.

    int8 is listed where the weights tell the ranges that it needs. The largest difference is that from single precision
    on ONNX Runtime.
    """
    lines = []
    for kind in KINDS:
        shape = (TINY if tiny else SHAPES)[kind]
        size, macs = parameters_and_macs(kind, shape)
        nets = {runtime: open_net(kind, runtime=runtime) for runtime in ("onnx", "torch", "int8")}
        calls = {runtime: call_of(kind, net, shape) for runtime, net in nets.items() if net.runtime == runtime}
        right, first, told = calls["onnx"](), None, []
        for runtime, call in calls.items():
            seconds, cpu = timed(call, repeats)
            first = first or np.median(seconds)
            apart = max(float(np.max(np.abs(a - b))) for a, b in zip(call(), right, strict=True))
            told.append(
                f"{runtime} {np.median(seconds):.3f} s ({cpu:.3f} CPU s) = {np.median(seconds) / first:.2f} ×, "
                f"largest difference {apart:.2g}"
            )
        head = f"{kind:6} {size:5.2f} M parameters  {macs:7.2f} GMAC at {shape[2]}×{shape[1]}×{shape[0]}"
        lines.append("  ".join([head, *told]))
    return lines


def ways_table(device: str, crops: np.ndarray, repeats: int, ways: list[Way] | None = None):
    """Return a line per way to compute the strip network on a device: its seconds as a ratio, and what it changes.

    The change is told in dB of the trace over the difference, and as what a page of AT_DB dB would lose by it.
    """
    reference, lines = None, []
    for way in WAYS if ways is None else ways:
        columns = _strip_call(device, way, crops)
        seconds, _ = timed(columns, repeats, waiter(device))
        y = columns().y
        reference = reference or (float(np.median(seconds)), y)
        off = float(np.mean((y - reference[1]) ** 2))
        db = 10 * np.log10(max(float(np.var(reference[1])), 1e-12) / max(off, 1e-12))
        lost = 10 * np.log10(1 + 10 ** ((AT_DB - db) / 10))
        lines.append(
            f"{way.name:36} {np.median(seconds):.4f} s  {np.median(seconds) / reference[0]:5.2f} ×  "
            f"{db:5.1f} dB alike: {lost:.3f} dB less at {AT_DB:g} dB"
        )
    return lines


def waiter(device: str) -> Callable[[], None]:
    """Return what waits for a device to be done."""
    import torch

    return torch.cuda.synchronize if device.startswith("cuda") else lambda: None


def _strip_call(device: str, way: Way, crops: np.ndarray):
    import torch

    net = open_net("strip", device=device, runtime="torch")
    net.forward.layout = torch.channels_last if way.channels_last else torch.contiguous_format
    if way.compiled:
        net.forward = torch.compile(net.forward)
    kind = device.split(":")[0]

    def call():
        with torch.autocast(kind, torch.bfloat16) if way.bf16 else nullcontext():
            return net.columns(crops)

    return call
