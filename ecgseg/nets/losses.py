"""Losses: Gaussian cross-entropy over y and noise over signal for the line, cross-entropy and Dice for the masks."""

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST_SEEN = 64  # sub-columns
LEAST_NOISE, LEAST_POWER = 0.05, 1.0  # px²: better is exact enough, and a level line has no signal


def steepness_weight(line: Tensor, gain: float, reach: int = 8, cap: float = 4.0) -> Tensor:
    """Return a weight ≥ 1 per sub-column: flanks and tips of the QRS are few and carry most of the error.

    line: (B, N) y in pixels, NaN where absent. The weight is 1 + gain · the largest |Δy| within ±reach.
    """
    slope = F.pad(line.diff(dim=1).abs().nan_to_num(0).clamp(max=cap), (0, 1))
    return 1 + gain * F.max_pool1d(slope[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0]


def line_loss(
    logits: Tensor, line: Tensor, sigma: float, steep: float, distance: float, extra: Tensor | None = None
) -> Tensor:
    """Return the mean over present sub-columns of Gaussian cross-entropy plus `distance` · |E[y] − y| in px.

    logits: (B, 1, H, N); line: (B, N), NaN where nothing is printed or outside the crop; sigma in px;
    extra: (B, N) further weight of each sub-column.
    """
    h = logits.shape[2]
    present = torch.isfinite(line) & (line > -0.5) & (line < h - 0.5)
    y = torch.where(present, line, torch.zeros_like(line))
    rows = torch.arange(h, device=logits.device, dtype=torch.float32).view(1, -1, 1)
    logp = logits[:, 0].float().log_softmax(dim=1)
    target = torch.softmax(-((rows - y[:, None]) ** 2) / (2 * sigma**2), dim=1)
    error = -(target * logp).sum(dim=1)
    if distance:
        mean = (logp.exp() * rows).sum(dim=1)
        error = error + distance * F.smooth_l1_loss(mean, y, reduction="none", beta=0.5)
    weight = steepness_weight(line, steep)
    weight = (weight if extra is None else weight + extra) * present
    return (error * weight).sum() / weight.sum().clamp_min(1)


def noise_loss(logits: Tensor, line: Tensor) -> Tensor:
    """Return the mean over crops of log10 of the power of E[y] − y over that of y: what the score of a page is made of.

    logits: (B, 1, H, N); line: (B, N) y in px, NaN where nothing is printed. Crops with less than LEAST_SEEN
    sub-columns of trace do not count.
    """
    h = logits.shape[2]
    present = torch.isfinite(line) & (line > -0.5) & (line < h - 0.5)
    y = torch.where(present, line, torch.zeros_like(line))
    rows = torch.arange(h, device=logits.device, dtype=torch.float32).view(1, -1, 1)
    mean = (logits[:, 0].float().softmax(dim=1) * rows).sum(dim=1)
    n = present.sum(dim=1).clamp_min(1)
    middle = (y * present).sum(dim=1) / n
    power = ((y - middle[:, None]) ** 2 * present).sum(dim=1) / n
    noise = ((mean - y) ** 2 * present).sum(dim=1) / n
    seen = present.sum(dim=1) >= LEAST_SEEN
    ratio = torch.log10((noise + LEAST_NOISE) / (power + LEAST_POWER))
    return (ratio * seen).sum() / seen.sum().clamp_min(1)


def mask_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Return cross-entropy plus soft Dice loss of logits (B, C, H, W) against coverage in 0..1."""
    p = logits.float().sigmoid()
    overlap = 2 * (p * mask).sum(dim=(0, 2, 3))
    dice = 1 - (overlap + 1) / (p.sum(dim=(0, 2, 3)) + mask.sum(dim=(0, 2, 3)) + 1)
    return F.binary_cross_entropy_with_logits(logits.float(), mask) + dice.mean()
