"""Training of the grid network: losses and what is measured on the way."""

import math

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ecgseg.nets.gridnet import RATIO, SIZES, SMALLEST, TURNS, GridNet, told
from ecgseg.nets.system import warm_stable_optimizer

GOOD = 0.06  # of the grid's size and, in radians, of its turn: the phase's own step then finds the frequency


class GridSystem(lightning.LightningModule):
    """Trains a GridNet; every option is explained in configs/model/grid.yaml."""

    def __init__(
        self,
        net: GridNet,
        lr: float = 2e-3,
        weight_decay: float = 1e-2,
        warmup_steps: int = 50,
        total_steps: int = 1500,
        decay_steps: int = 500,
        mask_weight: float = 2.0,
    ):
        super().__init__()
        self.net = net
        self.save_hyperparameters(ignore=["net"])

    def losses(self, batch: dict, out: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses of a batch: paper, grid, and the cross entropy of the lattice where there is one."""
        known = batch["known"].float()
        target = lattice_target(batch["size"], batch["turn"])
        miss = -(target * F.log_softmax(out["lattice"], dim=1)).sum(dim=1)
        return {
            "paper": F.binary_cross_entropy_with_logits(out["paper"][:, 0], batch["paper"]),
            "grid": F.binary_cross_entropy_with_logits(out["grid"][:, 0], batch["grid"]),
            "lattice": (miss * known).sum() / known.sum().clamp(min=1.0),
        }

    def training_step(self, batch: dict, _: int) -> Tensor:
        parts = self.losses(batch, self.net(batch["image"].float() / 255))
        total = parts["lattice"] + self.hparams.mask_weight * (parts["paper"] + parts["grid"])
        logged = {f"train/{k}": v for k, v in parts.items()} | {"train/loss": total}
        self.log_dict(logged, prog_bar=True, on_step=True, on_epoch=False)
        return total

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["net_config"] = self.net.config
        checkpoint["net"] = "grid"

    def on_validation_epoch_start(self) -> None:
        self.masks, self.off = [], []

    def validation_step(self, batch: dict, _: int) -> None:
        out = self.net(batch["image"].float() / 255)
        for key in ("paper", "grid"):
            self.masks.append(((out[key][:, 0] > 0) == (batch[key] > 0.5)).float().mean().item())
        known = batch["known"]
        size, turn = told(out["lattice"])
        size = (size - log_size(batch["size"])).abs()[known]
        apart = turn - torch.atan2(batch["turn"][:, 1], batch["turn"][:, 0]) / 4
        turn = (torch.remainder(apart + torch.pi / 4, torch.pi / 2) - torch.pi / 4).abs()[known]
        self.off.append(torch.stack([size, turn]).float().cpu().numpy())

    def on_validation_epoch_end(self) -> None:
        size, turn = np.concatenate(self.off, axis=1) if self.off else np.ones((2, 1))
        values = {
            "val/paper": np.mean(self.masks[::2]),
            "val/grid": np.mean(self.masks[1::2]),
            "val/size": np.median(size),
            "val/turn_deg": np.degrees(np.median(turn)),
            "val/good": np.mean((size < GOOD) & (turn < GOOD)),
        }
        self.log_dict({k: float(v) for k, v in values.items()}, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> dict:
        return warm_stable_optimizer(self)


def log_size(size: Tensor) -> Tensor:
    """Return the logarithm of px per 5 mm, both axes' mean, of a target's size (B, 3, h, w)."""
    return (size[:, 0] + size[:, 2]) / 2


def lattice_target(size: Tensor, turn: Tensor) -> Tensor:
    """Return what `lattice` should say (B, SIZES · TURNS, h, w): the four nearest of its bins, by nearness."""
    at = (log_size(size) - math.log(SMALLEST)) / math.log(RATIO)
    at = at.clamp(0, SIZES - 1)
    bins = torch.arange(SIZES, device=size.device).view(1, -1, 1, 1)
    sizes = (1 - (at[:, None] - bins).abs()).clamp(min=0)
    at = torch.atan2(turn[:, 1], turn[:, 0]) / (2 * torch.pi) * TURNS
    bins = torch.arange(TURNS, device=size.device).view(1, -1, 1, 1)
    apart = torch.remainder(at[:, None] - bins + TURNS / 2, TURNS) - TURNS / 2
    turns = (1 - apart.abs()).clamp(min=0)
    return (sizes[:, :, None] * turns[:, None]).flatten(1, 2)
