"""A network's layers noted down as an ONNX graph, in the bytes that ONNX Runtime reads, without any other library.

Only what a graph of these networks needs of ONNX's protocol buffers is written (onnx.proto3, opset 17): a model is a
message of numbered fields, each a number, or bytes with their length.
"""

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from ecgseg.nets.plain import folded

OPSET, IR_VERSION = 17, 8
_TYPES = {np.dtype(t): k for t, k in ((np.float32, 1), (np.uint8, 2), (np.int8, 3), (np.int32, 6), (np.int64, 7))}


class Graph:
    """Collects operations; its methods are those of `plain.Layers`, on names of tensors."""

    def __init__(self, state: Mapping[str, np.ndarray]):
        self.state = state
        self.nodes: list[bytes] = []
        self.tensors: list[bytes] = []
        self.inputs: list[bytes] = []
        self.count = 0

    def input(self, name: str, dtype, dims: Sequence[int | str]) -> str:
        """Add an input; a side that is a word may have any length."""
        self.inputs.append(_value(name, np.dtype(dtype), dims))
        return name

    def node(self, op: str, *inputs: str, outputs: int = 1, **attributes) -> str | list[str]:
        """Add an operation and return the name, or names, of what it gives."""
        self.count += 1
        names = [f"{op}{self.count}_{k}" for k in range(outputs)]
        body = b"".join(_bytes(1, n.encode()) for n in inputs) + b"".join(_bytes(2, n.encode()) for n in names)
        body += _bytes(4, op.encode()) + b"".join(_bytes(5, _attribute(k, v)) for k, v in attributes.items())
        self.nodes.append(_bytes(1, body))
        return names[0] if outputs == 1 else names

    def tensor(self, values: np.ndarray) -> str:
        """Add a constant and return its name."""
        name = f"constant{len(self.tensors)}"
        values = np.asarray(values, order="C")
        body = b"".join(_int(1, n) for n in values.shape) + _int(2, _TYPES[values.dtype])
        self.tensors.append(_bytes(5, body + _bytes(8, name.encode()) + _bytes(9, values.tobytes())))
        return name

    def model(self, outputs: Mapping[str, str]) -> bytes:
        """Return the model that gives the tensors of `outputs` under its keys, all float32 or int64 of any shape."""
        for name, made in outputs.items():
            self.nodes.append(_bytes(1, _bytes(1, made.encode()) + _bytes(2, name.encode()) + _bytes(4, b"Identity")))
        graph = b"".join(self.nodes) + _bytes(2, b"ecgseg") + b"".join(self.tensors)
        graph += b"".join(_bytes(11, value) for value in self.inputs)
        graph += b"".join(_bytes(12, _value(name, np.dtype(np.float32), None)) for name in outputs)
        opset = _bytes(1, b"") + _int(2, OPSET)
        return _int(1, IR_VERSION) + _bytes(7, graph) + _bytes(8, opset)

    def conv(self, x, name, norm=None, relu=False, stride=1, dilation=1, border=None):
        weight, bias = folded(self.state, name, norm)
        around = dilation * (weight.shape[2] // 2) if border is None else border
        y = self.node(
            "Conv",
            x,
            *self.weights(x, weight, bias),
            kernel_shape=list(weight.shape[2:]),
            pads=[around] * 4,
            strides=[stride] * 2,
            dilations=[dilation] * 2,
        )
        return self.node("Relu", y) if relu else y

    def weights(self, x: str, weight: np.ndarray, bias: np.ndarray) -> tuple[str, str]:
        """Return the constants of a convolution of `x`."""
        return self.tensor(weight), self.tensor(bias)

    def linear(self, x, name):
        weight, bias = (self.state[f"{name}.{part}"].astype(np.float32) for part in ("weight", "bias"))
        return self.node("Gemm", x, self.tensor(weight), self.tensor(bias), transB=1)

    def add_relu(self, x, y):
        return self.node("Relu", self.node("Add", x, y))

    def join(self, *parts):
        return self.node("Concat", *parts, axis=1)

    def twice(self, x):
        scales = self.tensor(np.array([1, 1, 2, 2], np.float32))
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.node("Resize", x, "", scales, **how)

    def max_pool(self, x):
        return self.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)

    def mean_pool(self, x):
        return self.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])

    def over_pixels(self, x):
        means, most = (self.node(op, x, axes=[2, 3], keepdims=0) for op in ("ReduceMean", "ReduceMax"))
        return self.node("Concat", means, most, axis=1)

    def scaled(self, image):
        x = self.node("Transpose", self.node("Cast", image, to=1), perm=[0, 3, 1, 2])
        factor, one = (self.tensor(np.array(v, np.float32)) for v in (2 / 255, 1))
        return self.node("Sub", self.node("Mul", x, factor), one)

    def fold(self, image):
        x = self.node("SpaceToDepth", self.scaled(image), blocksize=2)
        # ONNX puts the channels of a pixel together, torch the pixels of a channel.
        order = np.arange(12).reshape(4, 3).T.ravel()
        return self.node("Gather", x, self.tensor(order), axis=1)

    def constant(self, values, like):
        values = self.tensor(values) if isinstance(values, np.ndarray) else values
        first = self.node("Slice", like, *(self.tensor(np.array([v])) for v in (0, 1, 1)))
        return self.node("Add", values, self.node("Mul", first, self.tensor(np.array(0, np.float32))))


def _varint(n: int) -> bytes:
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def _int(field: int, n: int) -> bytes:
    return _varint(field << 3) + _varint(int(n))


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _attribute(name: str, value) -> bytes:
    """Return an AttributeProto of a whole number, a fraction, a word, or whole numbers."""
    head = _bytes(1, name.encode())
    if isinstance(value, str):
        return head + _bytes(4, value.encode()) + _int(20, 3)
    if isinstance(value, float):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + _int(20, 1)
    if isinstance(value, int):
        return head + _int(3, value) + _int(20, 2)
    return head + b"".join(_int(8, n) for n in value) + _int(20, 7)


def _value(name: str, dtype: np.dtype, dims: Sequence[int | str] | None) -> bytes:
    """Return a ValueInfoProto; `dims` None leaves the shape open."""
    kind = _int(1, _TYPES[dtype])
    if dims is not None:
        shape = b"".join(_bytes(1, _int(1, d) if isinstance(d, int) else _bytes(2, d.encode())) for d in dims)
        kind += _bytes(2, shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, kind))
