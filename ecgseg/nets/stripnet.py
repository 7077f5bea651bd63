"""The network: an smp U-Net over 2×2 pixel blocks whose head gives the masks and the line."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgseg.nets.plain import STRIDE
from ecgseg.subcolumns import SUBCOLUMNS

__all__ = ["STRIDE", "StripNet"]


class StripNet(nn.Module):
    """U-Net for a strip crop.

    Pixels are folded 2×2 into channels, so that the U-Net runs at half size at a quarter of the cost; a
    shallow branch carries the unreduced pixels past it, and the head unfolds the result again.
    forward(image (B, 3, H, W) in 0..1) returns
    `mask` logits (B, 2, H, W): ink of any trace, ink of the strip whose baseline is the crop's middle;
    `line` logits (B, 1, H, 4·W): a column-wise softmax over H gives the centred trace's position.
    """

    def __init__(self, encoder: str = "tu-resnet10t", decoder_channels: tuple[int, ...] = (128, 64, 48, 32)):
        # The training's library: seconds to import, and nothing that uses a trained network needs it.
        import segmentation_models_pytorch as smp

        super().__init__()
        self.config = {"encoder": encoder, "decoder_channels": list(decoder_channels)}
        depth, detail, width = len(decoder_channels), 32, 64
        self.unet = smp.Unet(
            encoder,
            encoder_depth=depth,
            encoder_weights=None,
            in_channels=13,
            decoder_channels=tuple(decoder_channels),
            classes=decoder_channels[-1],
        )
        self.detail = nn.Sequential(
            nn.Conv2d(13, detail, 3, padding=1, bias=False), nn.BatchNorm2d(detail), nn.ReLU(inplace=True)
        )
        self.head = nn.Sequential(
            nn.Conv2d(decoder_channels[-1] + detail, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 2 * 4 + 2 * 2 * SUBCOLUMNS, 1),
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        b, _, h, w = image.shape
        x = F.pixel_unshuffle(image * 2 - 1, 2)
        # 1 at the middle row, changing by 1 every 160 px (20 mm): the same at any crop height.
        rows = 1 + (torch.arange(h // 2, device=x.device, dtype=x.dtype) * 2 + 0.5 - (h - 1) / 2) / 160
        position = rows.view(1, 1, -1, 1).expand(b, 1, -1, w // 2)
        x = torch.cat([x, position], dim=1).contiguous(memory_format=torch.channels_last)
        return unfolded(self.head(torch.cat([self.unet(x), self.detail(x)], dim=1)))


def unfolded(y: Tensor) -> dict[str, Tensor]:
    """Return `mask` (B, 2, H, W) and `line` (B, 1, H, 4·W) of a head (B, 8 + 4·SUBCOLUMNS, H/2, W/2)."""
    b, _, h, w = y.shape
    mask = F.pixel_shuffle(y[:, :8], 2)
    line = y[:, 8:].reshape(b, 2, 2 * SUBCOLUMNS, h, w)
    line = line.permute(0, 3, 1, 4, 2).reshape(b, 1, 2 * h, 2 * w * SUBCOLUMNS)
    return {"mask": mask, "line": line}
