"""The networks in 8-bit whole numbers: the same layers on ONNX Runtime, some 2.5 times as fast on a CPU.

What a layer gives is rounded to 256 steps over the range that it had on rendered pictures; a weights file holds these
ranges as the tensor RANGES (`ranges` measures them). Without them a network runs in single precision.
"""

from collections.abc import Mapping

import numpy as np

from ecgseg.errors import WeightsError
from ecgseg.nets.onnx_graph import Graph

RANGES = "int8.ranges"  # (layers, 2): lowest and highest value
_STEPS = 255
# Weights have 7 bits: two products of 8-bit weights can overflow the 16 bits in which older processors add them.
_WEIGHT = 63


class Int8Graph(Graph):
    """A graph whose layers take rounded values; those that nothing takes, its outputs, stay as they are.

    `ranges` (layers, 2): of what each layer gives, in the order of the layers. None: nothing is rounded, and `made` are
    the layers' names. Raises WeightsError where there are not as many ranges as layers.
    """

    def __init__(self, state: Mapping[str, np.ndarray], ranges: np.ndarray | None):
        super().__init__(state)
        self.ranges = ranges
        self.made: list[str] = []
        self.range_of: dict[str, tuple[float, float]] = {}
        self.taken: dict[str, str] = {}
        self.scale_of: dict[str, float] = {}

    def conv(self, x, name, norm=None, **how):
        return self._given(super().conv(self._rounded(x), name, norm, **how))

    def weights(self, x, weight, bias):
        if x not in self.scale_of:
            return super().weights(x, weight, bias)
        scale = np.maximum(np.abs(weight).max(axis=(1, 2, 3)), 1e-12) / _WEIGHT
        whole = np.rint(weight / scale.reshape(-1, 1, 1, 1)).astype(np.int8)
        bias_scale = (scale * self.scale_of[x]).astype(np.float32)
        whole_bias = np.clip(np.rint(bias / bias_scale), -(2**31), 2**31 - 1).astype(np.int32)
        return self._floats(whole, scale.astype(np.float32)), self._floats(whole_bias, bias_scale)

    def add_relu(self, x, y):
        return self._given(super().add_relu(self._rounded(x), self._rounded(y)))

    def join(self, *parts):
        return self._given(super().join(*map(self._rounded, parts)))

    def mean_pool(self, x):
        return self._given(super().mean_pool(self._rounded(x)))

    def twice(self, x):
        return self._alike(super().twice(self._rounded(x)), x)

    def max_pool(self, x):
        return self._alike(super().max_pool(self._rounded(x)), x)

    def model(self, outputs):
        if self.ranges is not None and len(self.ranges) != len(self.made):
            raise WeightsError(
                f"{len(self.ranges)} ranges for {len(self.made)} layers: measure them anew with "
                "python -m ecgseg.nets.ranges, or give digitize.runtime=onnx"
            )
        return super().model(outputs)

    def _given(self, x: str) -> str:
        """Note a layer's range, if it is known."""
        if self.ranges is not None and len(self.made) < len(self.ranges):
            low, high = self.ranges[len(self.made)]
            self.range_of[x] = min(float(low), 0.0), max(float(high), 1e-6)
        self.made.append(x)
        return x

    def _alike(self, y: str, x: str) -> str:
        if x in self.range_of:
            self.range_of[y] = self.range_of[x]
        return y

    def _rounded(self, x: str) -> str:
        """Return a layer's values as others take them."""
        if x not in self.range_of:
            return x
        if x not in self.taken:
            low, high = self.range_of[x]
            scale = (high - low) / _STEPS
            how = [self.tensor(np.array(scale, np.float32)), self.tensor(np.array(round(-low / scale), np.uint8))]
            self.taken[x] = self.node("DequantizeLinear", self.node("QuantizeLinear", x, *how), *how)
            self.scale_of[self.taken[x]] = float(np.float32(scale))
        return self.taken[x]

    def _floats(self, whole: np.ndarray, scale: np.ndarray) -> str:
        zeros = self.tensor(np.zeros(len(scale), whole.dtype))
        return self.node("DequantizeLinear", self.tensor(whole), self.tensor(scale), zeros, axis=0)
