"""Training of the name network."""

import lightning
import torch
from torch.nn import functional as F

from ecgseg.nets.namenet import NameNet
from ecgseg.nets.system import warm_stable_optimizer


class NameSystem(lightning.LightningModule):
    """Trains a NameNet; every option is explained in configs/model/name.yaml."""

    def __init__(
        self,
        net: NameNet,
        lr: float = 2e-3,
        weight_decay: float = 1e-2,
        warmup_steps: int = 50,
        total_steps: int = 1000,
        decay_steps: int = 400,
        smoothing: float = 0.05,
    ):
        super().__init__()
        self.net = net
        self.save_hyperparameters(ignore=["net"])

    def training_step(self, batch: dict, _: int) -> torch.Tensor:
        logits = self.net(batch["image"].float() / 255)
        loss = F.cross_entropy(logits.float(), batch["label"], label_smoothing=self.hparams.smoothing)
        right = (logits.argmax(dim=1) == batch["label"]).float().mean()
        self.log_dict({"train/loss": loss, "train/right": right}, prog_bar=True, on_step=True, on_epoch=False)
        return loss

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["net_config"] = self.net.config
        checkpoint["net"] = "name"

    def validation_step(self, batch: dict, _: int) -> None:
        said = self.net(batch["image"].float() / 255).argmax(dim=1)
        named = batch["label"] > 0
        right = (said == batch["label"]).float()
        self.log("val/right", right.mean(), prog_bar=True, on_epoch=True, sync_dist=True)
        if named.any():
            self.log("val/names", right[named].mean(), on_epoch=True, batch_size=int(named.sum()), sync_dist=True)

    def configure_optimizers(self) -> dict:
        return warm_stable_optimizer(self)
