"""Weights files: half-precision safetensors with the network's shape and a checksum in a file beside them."""

import hashlib
import json
import sys
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ecgseg.errors import WeightsError
from ecgseg.paths import WEIGHTS

DEFAULTS = {kind: WEIGHTS / f"{kind}net.safetensors" for kind in ("strip", "page", "name", "grid")}


def sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_net(net: torch.nn.Module, path: Path | str, info: dict | None = None) -> str:
    """Write a network's weights in half precision; returns the SHA-256, also written to <path>.sha256."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().cpu().half() if v.is_floating_point() else v.cpu() for k, v in net.state_dict().items()}
    state = {k: v.contiguous().clone() for k, v in state.items()}
    metadata = {"config": json.dumps(net.config), "info": json.dumps(info or {})}
    save_file(state, path, metadata)
    digest = sha256(path)
    Path(f"{path}.sha256").write_text(f"{digest}  {path.name}\n")
    return digest


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

    path None loads the shipped weights. A <path>.sha256 beside the file is checked. Only safetensors files
    are read: nothing in a weights file is ever executed. Raises WeightsError.
    """
    path = DEFAULTS[kind] if path in (None, "default") else Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: give a .safetensors file, or train one with train.py export=…")
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path.name}: only .safetensors weights are read, since other formats can run code")
    digest = sha256(path)
    beside = Path(f"{path}.sha256")
    if beside.is_file() and beside.read_text().split()[0] != digest:
        raise WeightsError(f"{path.name} does not match its .sha256 file: it is damaged, fetch it again")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            state = {k: file.get_tensor(k) for k in file.keys()}
        config = json.loads(metadata["config"])
        net = build_net(kind, config)
        net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{path.name} holds no ecgseg {kind} network: {error}") from error
    net = net.to(device=device, memory_format=torch.channels_last).eval()
    return net, {"file": path.name, "sha256": digest, "config": config, "info": json.loads(metadata["info"])}


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
