"""Weights files: half-precision safetensors with the network's shape and a checksum in a file beside them."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from ecgseg.errors import WeightsError
from ecgseg.nets.int8 import RANGES
from ecgseg.nets.runtime import noted_digest, read_weights


def save_net(net: torch.nn.Module, path: Path | str, info: dict | None = None) -> str:
    """Write a network's weights in half precision; returns the SHA-256, also written to <path>.sha256."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().cpu().half() if v.is_floating_point() else v.cpu() for k, v in net.state_dict().items()}
    state = {k: v.contiguous().clone() for k, v in state.items()}
    metadata = {"config": json.dumps(net.config), "info": json.dumps(info or {})}
    save_file(state, path, metadata)
    return noted_digest(path)


def build_net(kind: str, config: dict) -> torch.nn.Module:
    """Return a new network, `strip`, `page`, `name` or `grid`, of the shape that `config` tells."""
    if kind == "page":
        from ecgseg.nets.pagenet import PageNet

        return PageNet(**config)
    if kind == "name":
        from ecgseg.nets.namenet import NameNet

        return NameNet(**config)
    if kind == "grid":
        from ecgseg.nets.gridnet import GridNet

        return GridNet(**config)
    from ecgseg.nets.stripnet import StripNet

    return StripNet(**config)


def load_net(path: Path | str | None = None, device: str = "cpu", kind: str = "strip") -> tuple[torch.nn.Module, dict]:
    """Load a StripNet, or the network of another kind, in evaluation mode; returns it and {sha256, file, config, info}.

    The file is read as `read_weights` does. Raises WeightsError. This is the module that is trained; what uses a
    network takes `open_net`, which is quicker to import and to run.
    """
    state, about = read_weights(path, kind)
    state.pop(RANGES, None)  # of its values in 8-bit whole numbers, which the module does not have
    try:
        net = build_net(kind, about["config"])
        net.load_state_dict({k: torch.from_numpy(_floats(v)) for k, v in state.items()})
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{about['file']} holds no ecgseg {kind} network: {error}") from error
    return net.to(device=device, memory_format=torch.channels_last).eval(), about


def _floats(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if np.issubdtype(values.dtype, np.floating) else values


def export_checkpoint(checkpoint: Path | str, path: Path | str) -> str:
    """Write the network of a training checkpoint as weights; returns the SHA-256.

    The checkpoint is read with torch's restricted unpickler, which builds tensors and plain containers only.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    net = build_net(state.get("net", "strip"), state["net_config"])
    prefix = "net."
    net.load_state_dict({k[len(prefix) :]: v for k, v in state["state_dict"].items() if k.startswith(prefix)})
    return save_net(net, path, {"steps": state["global_step"]})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m ecgseg.nets.weights CHECKPOINT.ckpt WEIGHTS.safetensors")
    print(export_checkpoint(*sys.argv[1:]))
