"""The page network: what is where on a flat page, at low resolution, before anyone knows which lead is where."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgseg.layout import LEADS

# What a text or a pulse says; -aVR is aVR printed upside down, as Cabrera's order has it.
CLASSES = ("none", *LEADS, "-aVR", "calibration", "pulse")
LINES = ("baseline", "start", "end")
PAGE_PX_PER_MM = 4.0  # of the network's input; names of 2 mm are still read
MAP_PX_PER_MM = 2.0  # of its maps, but for the trace's
PAGE_STRIDE = 32  # input sides are multiples of this


class PageNet(nn.Module):
    """U-Net over a page or a piece of one at 4 px/mm.

    forward(image (B, 3, H, W) in 0..1) returns logits: `trace` (B, 1, H, W), ink of any trace; at half the size
    `lines` (B, 3, H/2, W/2), a strip's zero line, start and end, and `text` (B, 16, H/2, W/2), a softmax over
    CLASSES; `lies` (B, 8, H/32, W/32), how the page lies: quarter turns to the right, and 4 more where it is mirrored.
    """

    def __init__(self, encoder: str = "tu-resnet10t", decoder_channels: tuple[int, ...] = (128, 96, 64, 32)):
        # The training's library: seconds to import, and nothing that uses a trained network needs it.
        import segmentation_models_pytorch as smp

        super().__init__()
        self.config = {"encoder": encoder, "decoder_channels": list(decoder_channels)}
        self.unet = smp.Unet(
            encoder,
            encoder_depth=len(decoder_channels),
            encoder_weights=None,
            in_channels=12,
            decoder_channels=tuple(decoder_channels),
            classes=4,
        )
        wide, deep = decoder_channels[-1], self.unet.encoder.out_channels[-1]
        self.head = nn.Sequential(
            nn.Conv2d(wide, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 4 + len(LINES) + len(CLASSES), 1),
        )
        self.unet.segmentation_head = nn.Identity()
        self.lies = nn.Sequential(nn.Conv2d(deep, 64, 1), nn.ReLU(inplace=True), nn.Conv2d(64, 8, 1))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = F.pixel_unshuffle(image * 2 - 1, 2).contiguous(memory_format=torch.channels_last)
        features = self.unet.encoder(x)
        y = self.head(self.unet.decoder(features))
        trace, lines, text = y.split([4, len(LINES), len(CLASSES)], dim=1)
        return {
            "trace": F.pixel_shuffle(trace, 2),
            "lines": lines,
            "text": text,
            "lies": self.lies(features[-1]),
        }
