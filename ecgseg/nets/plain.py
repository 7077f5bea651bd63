"""The networks as they are used: plain layers, written once for every runtime, none of the training's libraries.

A definition takes `layers`, which holds a weights file and does, or notes down, one operation after the other. Names
are those of the training's modules, so that a weights file fits both.
"""

from collections.abc import Mapping
from typing import Protocol, TypeVar

import numpy as np

from ecgseg.errors import WeightsError
from ecgseg.layout import LEADS

T = TypeVar("T")
STRIDE = 32  # sides of a strip's crop and of a page are multiples of this
ENCODER = "tu-resnet10t"  # of timm; what `unet` draws are ResNets of basic blocks with its stem
DEPTH = 4  # levels of the U-Nets
NAMES = ("none", *LEADS, "-aVR")  # none: no lead's name; -aVR is aVR printed upside down
NAME_HEIGHT, NAME_WIDTH = 56, 144  # px at 8 px/mm: 7 × 18 mm


class Layers(Protocol[T]):
    """What a runtime can do with tensors (B, C, H, W); `name` is the weights' name in the file."""

    def conv(self, x: T, name: str, norm: str | None = None, relu: bool = False, stride: int = 1, dilation: int = 1):
        """Convolve, zeros around, then normalise by the batch norm `norm`, then cut off below 0."""

    def linear(self, x: T, name: str) -> T: ...

    def add_relu(self, x: T, y: T) -> T: ...

    def join(self, *parts: T) -> T:
        """Put channels one after the other."""

    def twice(self, x: T) -> T:
        """Repeat each pixel 2 × 2 times."""

    def max_pool(self, x: T) -> T:
        """Return the largest of 3 × 3 pixels at every second pixel."""

    def mean_pool(self, x: T) -> T:
        """Return the mean of each 2 × 2 pixels."""

    def over_pixels(self, x: T) -> T:
        """Return the mean and the largest value of each channel, (B, 2·C)."""

    def fold(self, image: T) -> T:
        """Return the pixels -1..1 of an image (B, H, W, 3) 0..255, each 2 × 2 of them as channels (B, 12, H/2, W/2)."""

    def scaled(self, image: T) -> T:
        """Return the pixels -1..1 of an image (B, H, W, 3) 0..255 as (B, 3, H, W)."""

    def constant(self, values: np.ndarray, like: T) -> T:
        """Return `values` (1, C, h, w), or (1, C, h, 1), for each image and pixel of `like`."""


def row_heights(height: int) -> np.ndarray:
    """Return the strip network's channel of places, (1, 1, H/2, 1): 1 at the middle row, by 1 more every 160 px."""
    rows = np.arange(height // 2) * 2 + 0.5
    return (1 + (rows - (height - 1) / 2) / 160).astype(np.float32).reshape(1, 1, -1, 1)


def strip(layers: Layers, image: T, heights: T) -> T:
    """Return the strip network's head (B, 8 + 4·SUBCOLUMNS, H/2, W/2), see StripNet."""
    x = layers.fold(image)
    x = layers.join(x, layers.constant(heights, x))
    features = _encoder(layers, x)
    y = layers.conv(_decoder(layers, features), "unet.segmentation_head.0")
    y = layers.join(y, layers.conv(x, "detail.0", "detail.1", relu=True))
    return layers.conv(layers.conv(y, "head.0", "head.1", relu=True), "head.3")


def page(layers: Layers, image: T) -> tuple[T, T]:
    """Return the page network's head (B, 4 + 3 + 16, H/2, W/2) and `lies` (B, 8, H/32, W/32), see PageNet."""
    features = _encoder(layers, layers.fold(image))
    y = layers.conv(_decoder(layers, features), "head.0", "head.1", relu=True)
    lies = layers.conv(layers.conv(features[-1], "lies.0", relu=True), "lies.2")
    return layers.conv(y, "head.3"), lies


def name(layers: Layers, image: T, size: tuple[int, int]) -> T:
    """Return the name network's logits (B, 14) of crops of `size` (height, width), see NameNet."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in size)
    place = np.stack(np.broadcast_arrays(x[None], y[:, None]))[None]
    seen = layers.scaled(image)
    seen = layers.join(seen, layers.constant(place, seen))
    for k in range(8):
        stride = 2 if k in (0, 2, 4) else 1
        seen = layers.conv(seen, f"body.{3 * k}", f"body.{3 * k + 1}", relu=True, stride=stride)
    return layers.linear(layers.over_pixels(seen), "head.1")


def drawn(kind: str, config: Mapping) -> bool:
    """Return whether a network of this shape is drawn here; others need the training's libraries."""
    if kind == "name":
        return len(config["channels"]) == DEPTH
    return kind == "grid" or (config["encoder"] == ENCODER and len(config["decoder_channels"]) == DEPTH)


def check_shape(kind: str, config: Mapping) -> None:
    """Raise WeightsError where a network is not one that is drawn here."""
    if not drawn(kind, config):
        raise WeightsError(
            f"a {kind} network of the shape {dict(config)} cannot be built without the training's libraries, only one "
            f"with {DEPTH} levels and, where it has an encoder, {ENCODER}: give digitize.runtime=torch"
        )


def _encoder(layers: Layers, x: T) -> list[T]:
    """Return the features of a ResNet-10-t at 1/2, 1/4, 1/8 and 1/16 of the size of `x`."""
    root = "unet.encoder.model"
    x = layers.conv(x, f"{root}.conv1.0", f"{root}.conv1.1", relu=True, stride=2)
    x = layers.conv(x, f"{root}.conv1.3", f"{root}.conv1.4", relu=True)
    x = layers.conv(x, f"{root}.conv1.6", f"{root}.bn1", relu=True)
    features = [x]
    x = layers.max_pool(x)
    for k in (1, 2, 3):
        block, stride = f"{root}.layer{k}.0", 1 if k == 1 else 2
        y = layers.conv(x, f"{block}.conv1", f"{block}.bn1", relu=True, stride=stride)
        y = layers.conv(y, f"{block}.conv2", f"{block}.bn2")
        if k > 1:
            x = layers.conv(layers.mean_pool(x), f"{block}.downsample.1", f"{block}.downsample.2")
        x = layers.add_relu(x, y)
        features.append(x)
    return features


def _decoder(layers: Layers, features: list[T]) -> T:
    """Return the U-Net's features at full size from those of its encoder."""
    x = features[-1]
    for k in range(DEPTH):
        x = layers.twice(x)
        if k < DEPTH - 1:
            x = layers.join(x, features[DEPTH - 2 - k])
        for part in ("conv1", "conv2"):
            root = f"unet.decoder.blocks.{k}.{part}"
            x = layers.conv(x, f"{root}.0", f"{root}.1", relu=True)
    return x


def folded(state: Mapping[str, np.ndarray], name: str, norm: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return weight and bias (float32) of a convolution with the batch norm after it folded in."""
    weight = state[f"{name}.weight"].astype(np.float64)
    bias = state[f"{name}.bias"].astype(np.float64) if f"{name}.bias" in state else np.zeros(len(weight))
    if norm is not None:
        gamma, beta, mean, var = (
            state[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(var + 1e-5)  # torch's default epsilon
        weight, bias = weight * factor.reshape(-1, 1, 1, 1), beta + (bias - mean) * factor
    return weight.astype(np.float32), bias.astype(np.float32)
