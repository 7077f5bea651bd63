"""The networks ready for use: a weights file → something that takes pictures and gives arrays, on either runtime.

On the CPU that is ONNX Runtime, with a graph made from the weights file: torch's two seconds and half a gigabyte are
saved. It computes in 8-bit whole numbers where the file tells the ranges that they need (`int8`), else as torch does.
On a GPU, or where it is asked for, it is torch (`runtime_torch`). What that changes: docs/speed.md.
"""

import ctypes
import json
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np

from ecgseg.errors import OptionError, WeightsError
from ecgseg.nets import plain
from ecgseg.nets.columns import Columns, row_columns, stacked
from ecgseg.nets.gridbins import GRID_STRIDE, SIZES, TURNS, agreed, told
from ecgseg.nets.int8 import RANGES, Int8Graph
from ecgseg.nets.onnx_graph import Graph
from ecgseg.nets.onnx_grid import cell_graph, comb_graph, darkness, spectra
from ecgseg.paths import WEIGHTS
from ecgseg.subcolumns import SUBCOLUMNS

KINDS = ("strip", "page", "name", "grid")
_CELLS = 64  # of a picture whose spectra are compared with grids at a time
DEFAULTS = {kind: WEIGHTS / f"{kind}net.safetensors" for kind in KINDS}


def read_weights(path: Path | str | None, kind: str) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays of a weights file, None the shipped one, and {file, sha256, config, info}.

    A <path>.sha256 beside the file is checked. Only safetensors files are read: nothing in a weights file is ever
    executed. Raises WeightsError.
    """
    from safetensors import SafetensorError, safe_open

    path = DEFAULTS[kind] if path in (None, "default") else Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: give a .safetensors file, or train one with train.py export=…")
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path.name}: only .safetensors weights are read, since other formats can run code")
    digest = file_digest(path)
    beside = Path(f"{path}.sha256")
    if beside.is_file() and beside.read_text().split()[0] != digest:
        raise WeightsError(f"{path.name} does not match its .sha256 file: it is damaged, fetch it again")
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}
        config, info = json.loads(metadata["config"]), json.loads(metadata["info"])
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path.name} holds no ecgseg {kind} network: {error}") from error
    return state, {"file": path.name, "sha256": digest, "config": config, "info": info}


def file_digest(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def noted_digest(path: Path) -> str:
    """Write the SHA-256 of a file to <path>.sha256 and return it."""
    digest = file_digest(path)
    Path(f"{path}.sha256").write_text(f"{digest}  {path.name}\n")
    return digest


def open_net(kind: str, path: Path | str | None = None, device: str = "cpu", runtime: str | None = None):
    """Return the network of a weights file (None: the shipped one) ready for use; raises WeightsError.

    `runtime` None: int8 on the CPU for the shapes that `plain` draws, torch for all others and on a GPU. `int8` and
    `onnx` are ONNX Runtime, the second in single precision, as the first is where the file tells no ranges.
    """
    if runtime is None:
        runtime = "int8" if device == "cpu" and plain.drawn(kind, read_weights(path, kind)[1]["config"]) else "torch"
    if runtime == "torch":
        from ecgseg.nets.runtime_torch import open_torch

        return open_torch(kind, path, device)
    if device != "cpu":
        raise OptionError(f"digitize.runtime is {runtime}, which computes on the CPU; digitize.device is '{device}'")
    state, about = read_weights(path, kind)
    plain.check_shape(kind, about["config"])
    if runtime == "onnx":
        state.pop(RANGES, None)
    try:
        return {"strip": StripOnnx, "page": PageOnnx, "name": NameOnnx, "grid": GridOnnx}[kind](state, about)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{about['file']} holds no ecgseg {kind} network: {error}") from error


def usable_device(device: str | None) -> str:
    """Return the device to compute on, None being a GPU if there is one; raises OptionError where it cannot.

    Torch, which takes seconds to import, is asked only where a GPU's driver is installed.
    """
    if device == "cpu" or (device is None and not _gpu_driver()):
        return "cpu"
    import torch

    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=where)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise OptionError(f"digitize.device is '{where}', which cannot be used here: {reason}") from error
    return where


def _gpu_driver() -> bool:
    """Return whether a driver of NVIDIA's or AMD's GPUs can be loaded."""
    names = ("nvcuda.dll",) if sys.platform == "win32" else ("libcuda.so.1", "libamdhip64.so")
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def usable(net):
    """Return a network ready for use; a torch module is made so."""
    if hasattr(net, "about"):
        return net
    from ecgseg.nets.runtime_torch import wrapped

    return wrapped(net)


def drawn_strip(g: Graph) -> str:
    """Note down the strip network; returns its head (see plain.strip)."""
    image = g.input("image", np.uint8, ["n", "height", "width", 3])
    return plain.strip(g, image, g.input("heights", np.float32, [1, 1, "rows", 1]))


def drawn_page(g: Graph) -> tuple[str, str]:
    """Note down the page network; returns what plain.page does."""
    return plain.page(g, g.input("image", np.uint8, ["n", "height", "width", 3]))


class _Onnx:
    """A network on ONNX Runtime, in 8-bit whole numbers where its weights tell their ranges."""

    def __init__(self, state: Mapping[str, np.ndarray], about: dict):
        self.about = about
        ranges = state.get(RANGES)
        self.runtime = "onnx" if ranges is None else "int8"
        self._build(Graph(state) if ranges is None else Int8Graph(state, ranges))


class StripOnnx(_Onnx):
    """The strip network: crops of rows → where the trace is."""

    def _build(self, g: Graph) -> None:
        head = drawn_strip(g)
        mask, line = _channels(g, head, 4, 8), _channels(g, head, 8, 8 + 4 * SUBCOLUMNS)
        line = g.node("Transpose", line, perm=[0, 3, 2, 1])
        line = g.node("Reshape", line, g.tensor(np.array([0, 0, 0, 2, 2 * SUBCOLUMNS])))
        # A sub-column's distribution lies in one piece, as `row_columns` goes through it.
        line = g.node("Transpose", line, perm=[0, 1, 4, 2, 3])
        self.run = session(g.model({"mask": _unfold(g, mask), "line": line}), keep_memory=True, cores=1)

    def columns(self, crops: np.ndarray) -> Columns:
        """Return the trace's position and evidence in crops (B, H, W, 3) uint8.

        A row at a time on each core: quicker than all cores on one row, in less memory than all rows at once.
        """
        heights = plain.row_heights(crops.shape[1])

        def read(crop: np.ndarray) -> Columns:
            mask, line = self.run({"image": crop[None], "heights": heights})
            return row_columns(line.reshape(-1, crop.shape[0]), mask[0, 0])

        if len(crops) == 1 or threads() == 1:
            return stacked([read(crop) for crop in crops])
        with ThreadPoolExecutor(threads()) as pool:
            return stacked(list(pool.map(read, crops)))


class PageOnnx(_Onnx):
    """The page network: a flat page → its maps."""

    def _build(self, g: Graph) -> None:
        head, lies = drawn_page(g)
        self.run = session(
            g.model(
                {
                    "trace": g.node("Sigmoid", _unfold(g, _channels(g, head, 0, 4))),
                    "lines": g.node("Sigmoid", _channels(g, head, 4, 7)),
                    "text": g.node("Softmax", _channels(g, head, 7, 23), axis=1),
                    "lies": g.node("Softmax", g.node("ReduceMean", lies, axes=[2, 3], keepdims=0), axis=1),
                }
            )
        )

    def maps(self, image: np.ndarray) -> list[np.ndarray]:
        """Return the probabilities trace (H, W), lines (3, H/2, W/2), text (16, H/2, W/2) and lies (8,) of an image
        (H, W, 3) uint8 at 4 px/mm, its sides multiples of plain.STRIDE."""
        trace, lines, text, lies = self.run({"image": image[None]})
        return [trace[0, 0], lines[0], text[0], lies[0]]


class NameOnnx:
    """The name network: crops about printed names → which names they are."""

    runtime = "onnx"

    def __init__(self, state: Mapping[str, np.ndarray], about: dict):
        self.about = about
        g = Graph(state)
        size = (plain.NAME_HEIGHT, plain.NAME_WIDTH)
        logits = plain.name(g, g.input("image", np.uint8, ["n", *size, 3]), size)
        self.run = session(g.model({"name": g.node("Softmax", logits, axis=1)}))

    def names(self, crops: np.ndarray) -> np.ndarray:
        """Return the probabilities (B, 14) of plain.NAMES in crops (B, 56, 144, 3) uint8."""
        return self.run({"image": crops})[0]


class GridOnnx:
    """The grid network: a picture → paper, and its grid's size and turn, per cell."""

    runtime = "onnx"

    def __init__(self, state: Mapping[str, np.ndarray], about: dict):
        self.about = about
        self.combs = session(comb_graph(state))
        self.run = session(cell_graph(state, about["config"]["blocks"]))

    def cells(self, image: np.ndarray) -> list[np.ndarray]:
        """Return paper, grid (0..1), logarithm of px per 5 mm, turn (radians) and how sure these are (0..1), each
        (H/32, W/32), of an image (H, W, 3) uint8 whose sides are multiples of GRID_STRIDE."""
        dark, contrast = darkness(image)
        h, w = (n // GRID_STRIDE for n in image.shape[:2])
        polar = spectra(dark)
        # Some cells at a time fit the processor's cache: all at once take 1.6 times as long.
        parts = [self.combs({"polar": polar[k : k + _CELLS]})[0] for k in range(0, len(polar), _CELLS)]
        lattice = np.concatenate(parts)[:, 0].transpose(2, 1, 0).reshape(1, SIZES * TURNS, h, w)
        looks = np.concatenate([image.transpose(2, 0, 1).astype(np.float32) * (2 / 255) - 1, contrast[None]])
        seen, share = self.run({"looks": looks[None], "lattice": np.ascontiguousarray(lattice)})
        paper, grid = seen[0].astype(np.float64)
        return [paper, grid, *told(agreed(share[0].astype(np.float64), paper * grid))]


def _channels(g: Graph, x: str, start: int, stop: int) -> str:
    return g.node("Slice", x, *(g.tensor(np.array([v])) for v in (start, stop, 1)))


def _unfold(g: Graph, x: str) -> str:
    return g.node("DepthToSpace", x, blocksize=2, mode="CRD")


def threads() -> int:
    """Return how many threads a network may use: OMP_NUM_THREADS, else the cores that this process may run on."""
    told_so = os.environ.get("OMP_NUM_THREADS", "")
    if told_so.isdigit() and int(told_so) > 0:
        return int(told_so)
    cores = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(cores(0)) if cores else os.cpu_count() or 1


def session(model: bytes, keep_memory: bool = False, cores: int | None = None):
    """Return the function that runs a graph: a dict of inputs → the list of its outputs.

    `keep_memory`: what it needs is kept for its next run, which pays where there are many runs on one page. `cores`:
    on which a run is computed, None: on all that there are.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores or threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = keep_memory
    # Threads that spin while they wait cost more than they bring where other work is done beside.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)
