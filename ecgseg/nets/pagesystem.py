"""Training of the page network: losses and what is measured on the way."""

import lightning
import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from ecgseg.layout import LEADS
from ecgseg.nets.losses import mask_loss
from ecgseg.nets.pagenet import PageNet
from ecgseg.nets.system import warm_stable_optimizer

NAMES = range(1, len(LEADS) + 2)  # the classes that are lead names


class PageSystem(lightning.LightningModule):
    """Trains a PageNet; every option is explained in configs/model/page.yaml."""

    def __init__(
        self,
        net: PageNet,
        lr: float = 2e-3,
        weight_decay: float = 1e-2,
        warmup_steps: int = 100,
        total_steps: int = 3000,
        decay_steps: int = 1000,
        text_weight: float = 2.0,
        rare: float = 4.0,
        lies_weight: float = 0.3,
    ):
        super().__init__()
        self.net = net
        self.save_hyperparameters(ignore=["net"])

    def losses(self, batch: dict, out: dict) -> dict[str, torch.Tensor]:
        """Return the losses of a batch; a tile that does not lie upright is asked for nothing else."""
        upright = batch["lies"] == 0
        # Where half a tile's cells see bare paper their guesses may be vague; the mean over all must be right.
        lies = F.cross_entropy(out["lies"].float().mean(dim=(2, 3)), batch["lies"])
        if not upright.any():
            return {"lies": lies}
        trace, lines = (batch[k][upright].float() / 255 for k in ("trace", "lines"))
        text = batch["text"][upright].long()
        logits = out["text"][upright].float()
        weight = torch.full((logits.shape[1],), self.hparams.rare, device=logits.device)
        weight[0] = 1.0
        return {
            "trace": mask_loss(out["trace"][upright], trace[:, None]),
            "lines": mask_loss(out["lines"][upright], lines),
            "text": F.cross_entropy(logits, text, weight=weight),
            "lies": lies,
        }

    def training_step(self, batch: dict, _: int) -> torch.Tensor:
        out = self.net(batch["image"].float() / 255)
        parts = self.losses(batch, out)
        weights = {"text": self.hparams.text_weight, "lies": self.hparams.lies_weight}
        total = sum(weights.get(k, 1.0) * v for k, v in parts.items())
        logged = {f"train/{k}": v for k, v in parts.items()} | {"train/loss": total}
        self.log_dict(logged, prog_bar=True, on_step=True, on_epoch=False)
        return total

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["net_config"] = self.net.config
        checkpoint["net"] = "page"

    def on_validation_epoch_start(self) -> None:
        self.counts: list[np.ndarray] = []

    def validation_step(self, batch: dict, _: int) -> None:
        out = self.net(batch["image"].float() / 255)
        said = out["lies"].float().mean(dim=(2, 3)).argmax(dim=1)
        text = out["text"].argmax(dim=1)
        line = out["lines"][:, 0] > 0
        for i, lies in enumerate(batch["lies"].tolist()):
            names = (0, 0, 0, 0)
            overlap = size = 0
            if lies == 0:
                names = count_names(text[i].cpu().numpy(), batch["text"][i].cpu().numpy())
                truth = batch["lines"][i, 0] > 127
                overlap, size = 2 * int((truth & line[i]).sum()), int(truth.sum() + line[i].sum())
            self.counts.append(np.array([*names, overlap, size, int(said[i] == lies), 1]))

    def on_validation_epoch_end(self) -> None:
        right, true, good, found, overlap, size, lies, n = np.sum(self.counts, axis=0) if self.counts else np.ones(8)
        values = {
            "val/names_recall": right / max(true, 1),
            "val/names_precision": good / max(found, 1),
            "val/names": (right + good) / max(true + found, 1),
            "val/baseline_dice": overlap / max(size, 1),
            "val/lies": lies / max(n, 1),
        }
        self.log_dict({k: float(v) for k, v in values.items()}, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> dict:
        return warm_stable_optimizer(self)


def count_names(said: np.ndarray, true: np.ndarray) -> tuple[int, int, int, int]:
    """Return of two class maps (h, w): true names, most of which is read as theirs; all true names; read names that
    touch a true one of their lead; all read names."""
    right = total = good = found = 0
    for k in NAMES:
        for piece in _pieces(true == k):
            total += 1
            right += bool((said[piece] == k).mean() > 0.4)
        for piece in _pieces(said == k):
            found += 1
            good += bool((true[piece] == k).any())
    return right, total, good, found


def _pieces(mask: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    labels, n = ndimage.label(mask)
    return [np.nonzero(labels == i) for i in range(1, n + 1)]
