"""The training system: loss, schedule, and what is logged."""

import math
from pathlib import Path

import cv2
import lightning
import numpy as np
import torch

from ecgseg.digitize.trace.decode import line_position
from ecgseg.nets.losses import line_loss, mask_loss, noise_loss
from ecgseg.nets.stripnet import StripNet


def warm_stable_decay(step: int, warmup: int, total: int, decay: int) -> float:
    """Return the factor of the learning rate: linear warm-up, constant, then 1 − √ over the last steps.

    A run can be lengthened by resuming with a larger total, since nothing before the decay depends on it
    (Hägele et al. 2024, arXiv 2405.18392).
    """
    rise = min(1.0, (step + 1) / max(1, warmup))
    left = (total - step) / max(1, decay)
    return rise * (1.0 if left >= 1 else 1 - math.sqrt(1 - max(0.0, left)))


def warm_stable_optimizer(system: lightning.LightningModule) -> dict:
    """Return AdamW with the schedule of `warm_stable_decay`, as the system's hyperparameters say."""
    hp = system.hparams
    optimizer = torch.optim.AdamW(system.parameters(), lr=hp.lr, weight_decay=hp.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: warm_stable_decay(s, hp.warmup_steps, hp.total_steps, hp.decay_steps)
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class StripSystem(lightning.LightningModule):
    """Trains a StripNet; every option is explained in configs/model."""

    def __init__(
        self,
        net: StripNet,
        lr: float = 2e-3,
        weight_decay: float = 1e-2,
        warmup_steps: int = 100,
        total_steps: int = 5000,
        decay_steps: int = 1500,
        sigma_px: float = 1.0,
        steep: float = 1.0,
        distance: float = 0.05,
        edge: float = 3.0,
        mask_weight: float = 1.0,
        noise_weight: float = 0.3,
    ):
        super().__init__()
        self.net = net
        self.save_hyperparameters(ignore=["net"])

    def losses(self, batch: dict, out: dict) -> dict[str, torch.Tensor]:
        """Return the line and mask losses of a batch."""
        hp, mask = self.hparams, batch["mask"].float() / 255
        return {
            "line": line_loss(out["line"], batch["line"], hp.sigma_px, hp.steep, hp.distance, hp.edge * batch["edge"]),
            "noise": noise_loss(out["line"], batch["line"]),
            "mask": mask_loss(out["mask"][:, :1], mask[:, :1]) + mask_loss(out["mask"][:, 1:], mask[:, 1:]),
        }

    def training_step(self, batch: dict, _: int) -> torch.Tensor:
        out = self.net(batch["image"].float() / 255)
        parts = self.losses(batch, out)
        hp = self.hparams
        total = parts["line"] + hp.noise_weight * parts["noise"] + hp.mask_weight * parts["mask"]
        logged = {f"train/{k}": v for k, v in parts.items()} | {"train/loss": total}
        self.log_dict(logged, prog_bar=True, on_step=True, on_epoch=False)
        return total

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["net_config"] = self.net.config
        checkpoint["net"] = "strip"

    def on_validation_epoch_start(self) -> None:
        self.rows: list[dict] = []
        self.samples: list[np.ndarray] = []

    def validation_step(self, batch: dict, _: int) -> None:
        out = self.net(batch["image"].float() / 255)
        y, _ = line_position(out["line"].float(), out["mask"][:, 1].float())
        target, predicted = batch["mask"].float() / 255 > 0.5, out["mask"] > 0
        both = (target & predicted).sum(dim=(2, 3)).cpu().numpy()
        sizes = (target.sum(dim=(2, 3)) + predicted.sum(dim=(2, 3))).cpu().numpy()
        truth, y = batch["line"].cpu().numpy(), y.cpu().numpy()
        for i in range(len(y)):
            t = truth[i]
            seen = np.isfinite(t) & (t > 0) & (t < out["line"].shape[2] - 1)
            if seen.sum() < 64:
                continue
            error = y[i][seen] - t[seen]
            error = error - np.mean(error)
            signal = t[seen] - np.median(t[seen])
            snr = 10 * np.log10(np.sum(signal**2) / max(np.sum(error**2), 1e-9))
            dice = 2 * both[i] / np.maximum(sizes[i], 1)
            self.rows.append({"snr_db": snr, "dice": dice[0], "dice_own": dice[1]})
        if len(self.samples) < 6:
            self.samples += [
                sample_image(image, yy, t) for image, yy, t in zip(batch["image"].cpu().numpy(), y, truth, strict=True)
            ][: 6 - len(self.samples)]

    def on_validation_epoch_end(self) -> None:
        # Without a crop that shows a trace there is no SNR; the worst value keeps such an epoch from being best.
        rows = self.rows or [{"snr_db": -99.0, "dice": 0.0, "dice_own": 0.0}]
        snr, dice, own = (np.array([r[k] for r in rows]) for k in ("snr_db", "dice", "dice_own"))
        values = {
            "val/snr_db": snr.mean(),
            "val/snr_median_db": np.median(snr),
            "val/snr_p10_db": np.quantile(snr, 0.1),
            "val/dice": dice.mean(),
            "val/iou": (dice / (2 - dice)).mean(),
            "val/dice_own": own.mean(),
        }
        self.log_dict({k: float(v) for k, v in values.items()}, prog_bar=True, sync_dist=True)
        if self.samples and self.trainer.is_global_zero and not self.trainer.fast_dev_run:
            folder = Path(self.trainer.default_root_dir) / "samples"
            folder.mkdir(parents=True, exist_ok=True)
            picture = np.concatenate(self.samples, axis=2).transpose(1, 2, 0)
            cv2.imwrite(str(folder / f"step-{self.global_step:06d}.png"), picture[..., ::-1])

    def configure_optimizers(self) -> dict:
        return warm_stable_optimizer(self)


def sample_image(image: np.ndarray, y: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Draw the true (green) and the extracted line (red) on a crop (3, H, W) uint8."""
    picture = image.copy()
    h, n = picture.shape[1], len(y)
    columns = np.arange(n) * picture.shape[2] // n
    for line, color in ((truth, (0, 170, 0)), (y, (230, 0, 0))):
        ok = np.isfinite(line) & (line >= 0) & (line < h - 0.5)
        picture[:, np.round(line[ok]).astype(int), columns[ok]] = np.array(color, np.uint8)[:, None]
    return picture
