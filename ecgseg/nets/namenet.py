"""The name network: which lead a small crop about a printed name says."""

import torch
from torch import Tensor, nn

from ecgseg.nets.plain import NAME_HEIGHT, NAME_WIDTH, NAMES

__all__ = ["NAMES", "NAME_HEIGHT", "NAME_WIDTH", "NameNet"]


class NameNet(nn.Module):
    """A small classifier; forward(image (B, 3, 56, 144) in 0..1) returns logits (B, 14) over NAMES.

    The name asked for is the one at the crop's middle: two channels tell how far a pixel is from it.
    """

    def __init__(self, channels: tuple[int, ...] = (24, 48, 96, 128)):
        super().__init__()
        self.config = {"channels": list(channels)}
        layers, before = [], 5
        for k, width in enumerate(channels):
            for stride in (2 if k < 3 else 1, 1):
                layers += [
                    nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
                ]  # fmt: skip
                before = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * before, len(NAMES)))

    def forward(self, image: Tensor) -> Tensor:
        b, _, h, w = image.shape
        y, x = (torch.linspace(-1, 1, n, device=image.device, dtype=image.dtype) for n in (h, w))
        place = torch.stack([x.expand(h, w), y[:, None].expand(h, w)]).expand(b, 2, h, w)
        seen = self.body(torch.cat([image * 2 - 1, place], dim=1).contiguous(memory_format=torch.channels_last))
        return self.head(torch.cat([seen.mean(dim=(2, 3)), seen.amax(dim=(2, 3))], dim=1))
