"""Crops of rendered pictures for the grid network: each page is drawn once and cut several times."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from ecgseg.layout import load_layout
from ecgseg.nets.data import Mix, choose_odds
from ecgseg.nets.gridnet import GRID_STRIDE, LARGEST_PX, SMALLEST_PX
from ecgseg.recording import Recording
from ecgseg.render.crops import vary
from ecgseg.render.lattice_target import LatticeCrop, LatticePage, cut_crop, lattice_page
from ecgseg.render.levels import load_noise
from ecgseg.render.page import render_page

KEPT = 8  # pages kept in memory: those whose crops an epoch's blocks still need
COARSEST, FINEST = 4.0, 12.0  # px per mm of pages whose noise level leaves the resolution open
LARGER = 1.3  # pictures are enlarged at most so far


@dataclass(frozen=True)
class GridCrops:
    """Size of a crop in px, crops cut from a page, odds of an upright and of a much turned one, and of a place
    anywhere in the picture instead of on the sheet."""

    side: int = 192
    per_page: int = 12
    upright: float = 0.4
    turned: float = 0.3
    anywhere: float = 0.2


class GridCropDataset(Dataset):
    """Map from an integer to a crop; the integer and `seed` alone decide what is drawn.

    Blocks of KEPT · per_page indices share KEPT pages, dealt so that the crops of a page do not follow each other.
    """

    def __init__(self, recordings: list[Recording], mix: Mix, crops: GridCrops, seed: int, length: int):
        if not recordings:
            raise ValueError("no recordings to render from: check data.root and data.extra")
        self.recordings, self.mix, self.crops, self.seed, self.length = recordings, mix, crops, seed, length
        self.noise = {name: load_noise(name) for name in mix.noise}
        self.layouts = {name: load_layout(name) for name in mix.layouts}
        self.drawn: OrderedDict[int, LatticePage] = OrderedDict()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        block, place = divmod(index, KEPT * self.crops.per_page)
        page = self._page(block * KEPT + place % KEPT)
        rng = np.random.default_rng([self.seed, 1, index])
        return _tensors(cut_crop(page, draw_view(page, self.crops, rng), self.crops.side, GRID_STRIDE))

    def _page(self, number: int) -> LatticePage:
        if number not in self.drawn:
            self.drawn[number] = self._draw(np.random.default_rng([self.seed, 0, number]))
            while len(self.drawn) > KEPT:
                self.drawn.popitem(last=False)
        return self.drawn[number]

    def _draw(self, rng: np.random.Generator) -> LatticePage:
        layout = self.layouts[choose_odds(rng, self.mix.layouts)]
        recording = vary(self.recordings[rng.integers(len(self.recordings))], rng, layout.seconds)
        noise = self.noise[choose_odds(rng, self.mix.noise)]
        fine = {} if noise.dpi else {"px_per_mm": float(np.exp(rng.uniform(*np.log([COARSEST, FINEST]))))}
        speed, gain = (float(choose_odds(rng, odds)) for odds in (self.mix.speeds, self.mix.gains))
        return lattice_page(render_page(recording, layout, noise, rng, speed=speed, gain=gain, **fine))


def draw_view(page: LatticePage, crops: GridCrops, rng: np.random.Generator) -> np.ndarray:
    """Draw the similarity (2, 3) from px of the picture to px of a crop: scale, turn, mirror and place."""
    largest = np.array(page.image.shape[1::-1], float)
    place = rng.uniform(0, 1, 2) * largest
    pick = int(rng.integers(len(page.points)))
    if rng.random() >= crops.anywhere:
        place = page.points[pick]
    px = float(np.sqrt(abs(np.linalg.det(page.axes[pick]))))
    finest = float(np.clip(LARGER * px, SMALLEST_PX, LARGEST_PX))
    scale = float(np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(finest)))) / px
    draw = rng.random()
    most = 0.0 if draw < crops.upright else (45.0 if draw < crops.upright + crops.turned else 12.0)
    a = np.deg2rad(rng.uniform(-most, most))
    linear = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    middle = crops.side / 2 + rng.uniform(-0.25, 0.25, 2) * crops.side
    return np.column_stack([linear, middle - linear @ place])


def _tensors(crop: LatticeCrop) -> dict[str, torch.Tensor]:
    return {
        "image": torch.from_numpy(crop.image).permute(2, 0, 1),
        "paper": torch.from_numpy(crop.paper),
        "grid": torch.from_numpy(crop.grid),
        "size": torch.from_numpy(crop.size),
        "turn": torch.from_numpy(crop.turn),
        "known": torch.from_numpy(crop.known),
    }
