"""The networks on torch: on a GPU, or on the CPU where it is asked for, in one batch where several pictures are given.

A network whose shape `plain` knows is built from plain layers with the norms folded in; any other one is the training's
module, which needs the training's libraries.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ecgseg.errors import WeightsError
from ecgseg.nets import plain
from ecgseg.nets.columns import Columns
from ecgseg.nets.gridbins import agreed, told
from ecgseg.nets.runtime import read_weights


def open_torch(kind: str, path: Path | str | None, device: str):
    """Return the network of a weights file ready for use on a device; raises WeightsError."""
    state, about = read_weights(path, kind)
    if kind == "grid" or not plain.drawn(kind, about["config"]):
        from ecgseg.nets.weights import load_net

        return _KINDS[kind](load_net(path, device, kind)[0], device, about)
    try:
        return _KINDS[kind](_Plain(kind, state, device), device, about)
    except (KeyError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{about['file']} holds no ecgseg {kind} network: {error}") from error


def wrapped(module: torch.nn.Module):
    """Return a module of one of the training's classes ready for use where it is."""
    kind = {"StripNet": "strip", "PageNet": "page", "NameNet": "name", "GridNet": "grid"}.get(type(module).__name__)
    device = next((str(p.device) for p in module.parameters()), "cpu")
    return _KINDS[kind or "strip"](module, device, {})


class _Torch:
    """A network on a device; `forward` gives what the training's module gives of images (B, 3, H, W) in 0..1."""

    runtime = "torch"

    def __init__(self, forward, device: str, about: dict):
        self.forward, self.device, self.about = forward, device, about

    def __call__(self, images: np.ndarray):
        """Return the network's output of images (B, H, W, 3) uint8."""
        batch = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
        return self.forward(batch.permute(0, 3, 1, 2).float() / 255)


class StripTorch(_Torch):
    """As runtime.StripOnnx, but all crops at once."""

    @torch.inference_mode()
    def columns(self, crops: np.ndarray) -> Columns:
        from ecgseg.digitize.trace.decode import read_columns

        out = self(crops)
        found = read_columns(out["line"].float(), out["mask"][:, 1].float())
        return Columns(*(getattr(found, k).cpu().numpy() for k in Columns.__dataclass_fields__))


class PageTorch(_Torch):
    """As runtime.PageOnnx."""

    @torch.inference_mode()
    def maps(self, image: np.ndarray) -> list[np.ndarray]:
        out = {k: v[0].float() for k, v in self(image[None]).items()}
        lies = out["lies"].mean(dim=(1, 2)).softmax(dim=0)
        maps = (out["trace"][0].sigmoid(), out["lines"].sigmoid(), out["text"].softmax(dim=0), lies)
        return [m.cpu().numpy() for m in maps]


class NameTorch(_Torch):
    """As runtime.NameOnnx."""

    @torch.inference_mode()
    def names(self, crops: np.ndarray) -> np.ndarray:
        return self(crops).float().softmax(dim=1).cpu().numpy()


class GridTorch(_Torch):
    """As runtime.GridOnnx."""

    @torch.inference_mode()
    def cells(self, image: np.ndarray) -> list[np.ndarray]:
        out = {k: v[0].float() for k, v in self(image[None]).items()}
        share = out["lattice"].softmax(dim=0).cpu().numpy().astype(np.float64)
        seen = [out[k][0].sigmoid().cpu().numpy().astype(np.float64) for k in ("paper", "grid")]
        return [*seen, *told(agreed(share, seen[0] * seen[1]))]


_KINDS = {"strip": StripTorch, "page": PageTorch, "name": NameTorch, "grid": GridTorch}


class _Plain(torch.nn.Module):
    """A network of plain layers; its methods beside `forward` are those of `plain.Layers`."""

    def __init__(self, kind: str, state: Mapping[str, np.ndarray], device: str):
        super().__init__()
        self.kind, self.state, self.device = kind, state, device
        self.layout = torch.channels_last  # of memory
        self.weights: dict[str, tuple[Tensor, Tensor]] = {}

    def forward(self, image: Tensor):
        x = image * 2 - 1
        if self.kind == "strip":
            from ecgseg.nets.stripnet import unfolded

            return unfolded(plain.strip(self, x, plain.row_heights(x.shape[2])))
        if self.kind == "page":
            head, lies = plain.page(self, x)
            trace, lines, text = head.split([4, 3, 16], dim=1)
            return {"trace": F.pixel_shuffle(trace, 2), "lines": lines, "text": text, "lies": lies}
        return plain.name(self, x, tuple(x.shape[2:]))

    def conv(self, x, name, norm=None, relu=False, stride=1, dilation=1):
        if name not in self.weights:
            weight, bias = (torch.from_numpy(v).to(self.device) for v in plain.folded(self.state, name, norm))
            self.weights[name] = weight.contiguous(memory_format=self.layout), bias
        weight, bias = self.weights[name]
        y = F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), stride, dilation * (weight.shape[2] // 2), dilation)
        return F.relu_(y) if relu else y

    def linear(self, x, name):
        weight, bias = (torch.from_numpy(self.state[f"{name}.{k}"]).to(x) for k in ("weight", "bias"))
        return F.linear(x, weight, bias)

    def add_relu(self, x, y):
        return F.relu_(x + y)

    def join(self, *parts):
        return torch.cat(parts, dim=1)

    def twice(self, x):
        return F.interpolate(x, scale_factor=2, mode="nearest")

    def max_pool(self, x):
        return F.max_pool2d(x, 3, 2, 1)

    def mean_pool(self, x):
        return F.avg_pool2d(x, 2)

    def over_pixels(self, x):
        return torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)

    def fold(self, image):
        return F.pixel_unshuffle(image, 2).contiguous(memory_format=self.layout)

    def scaled(self, image):
        return image.contiguous(memory_format=self.layout)

    def constant(self, values, like):
        values = torch.from_numpy(np.ascontiguousarray(values)).to(like)
        return values.expand(len(like), -1, *like.shape[2:])
