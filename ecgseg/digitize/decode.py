"""Network output → trace position: a local soft-argmax in every sub-column, for all strips at once."""

import torch
from torch import Tensor
from torch.nn import functional as F


def line_position(line: Tensor, mask: Tensor | None = None, window: int = 6) -> tuple[Tensor, Tensor]:
    """Return the trace's y and its confidence in every sub-column.

    line: logits (B, 1, H, S·W) whose softmax over H is the position's distribution; mask: logits (B, H, W)
    of the strip's ink, or None. The position is the mean of the distribution within ±window pixels of its
    peak, so that a far second candidate does not drag it; differentiable but for the choice of the peak.
    The confidence is the probability mass in that window times the mask's probability there.
    Returns y (B, S·W) in pixels and confidence (B, S·W) in 0..1.
    """
    p = line[:, 0].softmax(dim=1)
    _, h, n = p.shape
    peak = p.argmax(dim=1, keepdim=True)
    offsets = torch.arange(-window, window + 1, device=p.device).view(1, -1, 1)
    rows = peak + offsets
    valid = (rows >= 0) & (rows < h)
    near = p.gather(1, rows.clamp(0, h - 1)) * valid
    mass = near.sum(dim=1)
    y = (near * rows).sum(dim=1) / mass.clamp_min(1e-6)
    if mask is None:
        return y, mass
    # The mask is the trace drawn 2 px wide: its largest value near the position says whether ink is there.
    ink = F.max_pool2d(mask.sigmoid()[:, None], 3, stride=1, padding=1)[:, 0]
    columns = torch.arange(n, device=p.device) * ink.shape[2] // n
    at = ink[:, :, columns].gather(1, y.detach().round().long().clamp(0, h - 1)[:, None])[:, 0]
    return y, mass * at


def connected(
    y: Tensor, mask: Tensor, ends: Tensor | None = None, jump: float = 6.0, ink: float = 0.1, shortest: int = 160
) -> Tensor:
    """Return which sub-columns (B, S·W) bool belong to a piece of trace that ink connects.

    y (B, S·W) in pixels; mask: logits (B, H, W) of the strip's ink. A pen leaves ink on its way: where y jumps by
    more than `jump` pixels from one sub-column to the next and the mask's probability falls below `ink` between,
    the trace is broken. Pieces of fewer than `shortest` sub-columns (5 mm at 8 px/mm) between breaks are a
    grid line or a letter taken for trace. ends (B, 2) are the first and last sub-columns of each row: what lies
    outside does not lengthen a piece inside.
    """
    b, n = y.shape
    h, w = mask.shape[1:]
    near = F.max_pool2d(mask.sigmoid()[:, None], 3, stride=1, padding=1)[:, 0]
    near = near[:, :, torch.arange(n - 1, device=y.device) * w // n]
    start, step = y[:, :-1], y.diff(dim=1)
    least = torch.ones_like(start)
    for part in (0.2, 0.35, 0.5, 0.65, 0.8):
        row = (start + step * part).round().long().clamp(0, h - 1)
        least = torch.minimum(least, near.gather(1, row[:, None])[:, 0])
    broken = (step.abs() > jump) & (least < ink)
    if ends is not None:
        at = torch.arange(n - 1, device=y.device)
        broken |= (at == ends[:, :1] - 1) | (at == ends[:, 1:])
    piece = F.pad(broken.long().cumsum(1), (1, 0))
    size = torch.zeros(b, n, device=y.device).scatter_add_(1, piece, torch.ones_like(y))
    return size.gather(1, piece) >= shortest
