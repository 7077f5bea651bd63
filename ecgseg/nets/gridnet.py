"""The grid network: where in a picture is ECG paper, and how large and how turned is its grid there."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgseg.nets.gridbins import (
    ANGLES,
    AROUND,
    CONTRAST,
    GRID_STRIDE,
    HARMONICS,
    LARGEST_PX,
    LEAST_CONTRAST,
    LIMIT,
    LOWEST,
    RADII,
    RATIO,
    SIZES,
    SMALLEST,
    SMALLEST_PX,
    TURNS,
    WINDOW,
    log_polar,
    radius_bins,
)

__all__ = [
    "ANGLES",
    "GRID_STRIDE",
    "LARGEST_PX",
    "LOWEST",
    "RADII",
    "RATIO",
    "SIZES",
    "SMALLEST",
    "SMALLEST_PX",
    "TURNS",
    "WINDOW",
    "GridNet",
]


class GridNet(nn.Module):
    """Spectra of overlapping windows in logarithmic polar coordinates, where a larger or turned grid is only moved.

    forward(image (B, 3, H, W) in 0..1, sides multiples of GRID_STRIDE) returns per cell of 32 px (B, n, H/32, W/32):
    `paper` and `grid`, logits of ECG paper and of a grid printed there, and `lattice` (SIZES · TURNS), logits of the
    grid's size, SMALLEST · RATIO^i px per 5 mm, and how it is turned, j · 90° / TURNS, as index i · TURNS + j.
    """

    def __init__(self, channels: int = 8, hidden: int = 16, context: int = 64, blocks: int = 2):
        super().__init__()
        self.config = {"channels": channels, "hidden": hidden, "context": context, "blocks": blocks}
        self.peaks = nn.Sequential(_Around(1, channels, (3, 7)), _Around(channels, channels, (3, 3)))
        self.comb = nn.Sequential(
            nn.Conv2d(2 * channels * len(HARMONICS) + 1, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, 1, 1),
        )
        self.look = nn.Sequential(_down(4, 24, 7, 4), _down(24, 32, 3, 2), _down(32, 48, 3, 2), _down(48, 64, 3, 2))
        self.join = _down(64 + SIZES * TURNS, context, 1, 1)
        self.blocks = nn.ModuleList(_Block(context, dilation=2**k) for k in range(blocks))
        self.head = nn.Conv2d(context, 2 + SIZES * TURNS, 1)
        nn.init.zeros_(self.head.weight)
        index, share = map(torch.from_numpy, log_polar())
        self.register_buffer("window", _hann_window(), persistent=False)
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("share", share, persistent=False)
        self.register_buffer("ladder", torch.linspace(-1, 1, SIZES).view(1, 1, 1, SIZES), persistent=False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        dark, contrast = darkness(image)
        b, cells = image.shape[0], (image.shape[2] // GRID_STRIDE, image.shape[3] // GRID_STRIDE)
        lattice = self._combs(self.spectra(dark)).reshape(b, *cells, -1).permute(0, 3, 1, 2)
        looks = self.look(torch.cat([image * 2 - 1, contrast], dim=1))
        x = self.join(torch.cat([looks, lattice], dim=1))
        for block in self.blocks:
            x = block(x)
        paper, grid, more = self.head(x).split([1, 1, SIZES * TURNS], dim=1)
        return {"paper": paper, "grid": grid, "lattice": lattice + more}

    def spectra(self, dark: Tensor) -> Tensor:
        """Return each cell's logarithmic power (B·h·w, ANGLES, RADII) about its mean."""
        reach = (WINDOW - GRID_STRIDE) // 2
        tiles = F.pad(dark, (reach, reach, reach, reach), mode="reflect").unfold(2, WINDOW, GRID_STRIDE)
        tiles = tiles.unfold(3, WINDOW, GRID_STRIDE)[:, 0] * self.window
        power = torch.fft.rfft2(tiles.float().flatten(0, 2)).abs().square()
        log = torch.log(power + 1.0).flatten(1)
        polar = sum(log[:, self.index[k]] * self.share[k] for k in range(4))
        return (polar - polar.mean(dim=1, keepdim=True)).unflatten(1, (ANGLES, RADII)) / 2

    def _combs(self, polar: Tensor) -> Tensor:
        """Return the logits (n, SIZES · TURNS) of grids whose lines stand in the spectra (n, ANGLES, RADII)."""
        peaks = self.peaks(polar[:, None])
        one, other = peaks[:, :, :TURNS], peaks[:, :, TURNS:]  # the two families lie at right angles
        both = torch.cat([one + other, (one - other).abs()], dim=1)
        lines = []
        for k in HARMONICS:
            wanted, inside = (torch.from_numpy(v).to(polar.device) for v in radius_bins(k))
            lines.append(both[..., wanted] * inside)
        ladder = self.ladder.expand(len(polar), 1, TURNS, SIZES)
        return self.comb(torch.cat([*lines, ladder], dim=1))[:, 0].transpose(1, 2).flatten(1)


def darkness(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return how much darker than around each pixel is, in units of the local contrast, and the logarithm of that.

    image (B, 3, H, W) in 0..1; both (B, 1, H, W). The darkest channel is used: grids of any colour look alike.
    """
    least = image.amin(dim=1, keepdim=True)
    off = _mean(least, AROUND) - least
    contrast = _mean(off.abs(), CONTRAST) + LEAST_CONTRAST
    return (off / contrast).clamp(-LIMIT, LIMIT), torch.log(contrast) + 3.0


def told(lattice: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logarithm of px per 5 mm and the turn in radians, 0..π/2, (B, h, w) that lattice logits tell.

    The mean over the likeliest bin and those beside it.
    """
    near, sizes, turns, i, j = _nearby(lattice)
    total = near.sum(dim=(1, 2))
    size = i + (near * sizes).sum(dim=(1, 2)) / total
    turn = j + (near * turns).sum(dim=(1, 2)) / total
    return math.log(SMALLEST) + size * math.log(RATIO), turn * (math.pi / 2 / TURNS)


def nearby_share(lattice: Tensor) -> Tensor:
    """Return how sure lattice logits are (B, h, w), 0..1: the share of the likeliest bin and of those beside it."""
    return _nearby(lattice)[0].sum(dim=(1, 2))


def _nearby(lattice: Tensor) -> tuple[Tensor, ...]:
    """Return shares (B, SIZES, TURNS, h, w), 0 but about the likeliest bin, how far each is off it, and that bin."""
    share = torch.softmax(lattice.float(), dim=1).unflatten(1, (SIZES, TURNS))
    best = share.flatten(1, 2).argmax(dim=1)
    i, j = best // TURNS, best % TURNS
    sizes = torch.arange(SIZES, device=share.device).view(1, -1, 1, 1, 1) - i[:, None, None]
    turns = torch.arange(TURNS, device=share.device).view(1, 1, -1, 1, 1) - j[:, None, None]
    turns = torch.remainder(turns + TURNS // 2, TURNS) - TURNS // 2
    return share * (sizes.abs() <= 1) * (turns.abs() <= 1), sizes, turns, i, j


def _mean(x: Tensor, side: int) -> Tensor:
    for kernel in ((1, side), (side, 1)):
        half = (kernel[0] // 2, kernel[1] // 2)
        x = F.avg_pool2d(x, kernel, 1, half, count_include_pad=False)
    return x


def _hann_window() -> Tensor:
    hann = torch.hann_window(WINDOW, periodic=True)
    return torch.outer(hann, hann)


class _Around(nn.Module):
    """A convolution over angles, which go round, and radii."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int]):
        super().__init__()
        self.reach = (kernel[0] // 2, kernel[1] // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        up, aside = self.reach
        if up:
            x = torch.cat([x[:, :, -up:], x, x[:, :, :up]], dim=2)
        x = F.pad(x, (aside, aside, 0, 0), mode="replicate")
        return F.relu(self.norm(self.conv(x)))


def _down(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Block(nn.Module):
    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))
