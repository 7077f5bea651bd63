"""Network output → trace position: a local soft-argmax in every sub-column, for all strips at once."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ecgseg.nets.columns import INK, JUMP_PX, PARTS, PEAKS, WINDOW, steadiest


@dataclass
class Columns:
    """What the network says of the trace in every sub-column, each (B, S·W).

    y: position in px; mass: share of the distribution within ±WINDOW px of it; spread: its standard deviation
    there in px; ink: probability that ink of this strip is there; joined: 1 where ink connects it with the next
    sub-column, else 0.
    """

    y: Tensor
    mass: Tensor
    spread: Tensor
    ink: Tensor
    joined: Tensor


def line_position(line: Tensor, mask: Tensor | None = None, window: int = WINDOW) -> tuple[Tensor, Tensor]:
    """Return the trace's y and how plainly it is seen in every sub-column.

    line: logits (B, 1, H, S·W) whose softmax over H is the position's distribution; mask: logits (B, H, W)
    of the strip's ink, or None. The position is the mean of the distribution within ±window pixels of its
    peak, so that a far second candidate does not drag it; differentiable but for the choice of the peak.
    The second value is the probability mass in that window times the mask's probability there.
    Returns y (B, S·W) in pixels and the latter (B, S·W) in 0..1.
    """
    p = line[:, 0].softmax(dim=1)
    y, mass, _ = _about(p, p.argmax(dim=1), window)
    return (y, mass) if mask is None else (y, mass * _ink_at(_near_ink(mask), y))


def read_columns(line: Tensor, mask: Tensor) -> Columns:
    """Return position and evidence in every sub-column.

    line: logits (B, 1, H, S·W); mask: logits (B, H, W) of the strip's ink.
    """
    p = line[:, 0].softmax(dim=1)
    left = F.avg_pool2d(p[:, None], (2 * WINDOW + 1, 1), stride=1, padding=(WINDOW, 0))[:, 0]
    found = []
    for _ in range(PEAKS):
        peak = left.argmax(dim=1)
        found.append(torch.stack(_about(p, peak, WINDOW)))
        rows = peak[:, None] + torch.arange(-2 * WINDOW, 2 * WINDOW + 1, device=p.device).view(1, -1, 1)
        left.scatter_(1, rows.clamp(0, p.shape[1] - 1), 0.0)
    each = torch.stack(found, dim=-1)  # (y mass spread, B, N, PEAKS)
    chosen = [steadiest(y, mass) for y, mass in zip(*each[:2].cpu().numpy(), strict=True)]
    at = torch.from_numpy(np.stack(chosen)).to(p.device)
    y, mass, spread = each.gather(3, at[None, :, :, None].expand(3, -1, -1, 1))[..., 0]
    near = _near_ink(mask)
    return Columns(y, mass, spread, _ink_at(near, y), _joined(y, near))


def _about(p: Tensor, peak: Tensor, window: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean (px), mass and standard deviation (px) of p (B, H, N) within ±window of `peak` (B, N)."""
    rows = peak[:, None] + torch.arange(-window, window + 1, device=p.device).view(1, -1, 1)
    valid = (rows >= 0) & (rows < p.shape[1])
    near = p.gather(1, rows.clamp(0, p.shape[1] - 1)) * valid
    mass = near.sum(dim=1)
    y = (near * rows).sum(dim=1) / mass.clamp_min(1e-6)
    spread = ((near * (rows - y[:, None]) ** 2).sum(dim=1) / mass.clamp_min(1e-6)).clamp_min(0).sqrt()
    return y, mass, spread


def _near_ink(mask: Tensor) -> Tensor:
    """Return the mask's largest probability within a pixel: it is the trace drawn 2 px wide, whose edge y may touch."""
    return F.max_pool2d(mask.sigmoid()[:, None], 3, stride=1, padding=1)[:, 0]


def _ink_at(near: Tensor, y: Tensor) -> Tensor:
    h, w = near.shape[1:]
    columns = torch.arange(y.shape[1], device=y.device) * w // y.shape[1]
    return near[:, :, columns].gather(1, y.detach().round().long().clamp(0, h - 1)[:, None])[:, 0]


def _joined(y: Tensor, near: Tensor) -> Tensor:
    """Return whether ink connects each sub-column with the next, (B, S·W) 0 or 1; y in px, near (B, H, W): ink."""
    n = y.shape[1]
    h, w = near.shape[1:]
    near = near[:, :, torch.arange(n - 1, device=y.device) * w // n]
    start, step = y[:, :-1], y.diff(dim=1)
    least = torch.ones_like(start)
    for part in PARTS:
        row = (start + step * part).round().long().clamp(0, h - 1)
        least = torch.minimum(least, near.gather(1, row[:, None])[:, 0])
    broken = (step.abs() > JUMP_PX) & (least < INK)
    return F.pad((~broken).float(), (0, 1), value=1.0)
