"""Windows of rendered pages for the name network: each page is printed once and looked at in several places."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from ecgseg.layout import load_layout
from ecgseg.nets.data import Mix, choose_odds
from ecgseg.nets.namenet import NAME_HEIGHT, NAME_WIDTH
from ecgseg.recording import Recording
from ecgseg.render.crops import Shot
from ecgseg.render.levels import load_noise
from ecgseg.render.namecrops import cut_name, name_shot


@dataclass(frozen=True)
class NameWindows:
    """Windows taken of a printed page; more cost less, and teach less."""

    per_page: int = 8


class NameDataset(Dataset):
    """Map from an integer to a window; the integer and `seed` alone decide what is drawn."""

    def __init__(self, recordings: list[Recording], mix: Mix, windows: NameWindows, seed: int, length: int):
        if not recordings:
            raise ValueError("no recordings to render from: check data.root and data.extra")
        self.recordings, self.mix, self.windows, self.seed, self.length = recordings, mix, windows, seed, length
        self.noise = {name: load_noise(name) for name in mix.noise}
        self.layouts = {name: load_layout(name) for name in mix.layouts}
        self.last: tuple[int, Shot] | None = None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        page = index // self.windows.per_page
        if self.last is None or self.last[0] != page:
            self.last = page, self._print(np.random.default_rng([self.seed, 0, page]))
        crop = cut_name(self.last[1], np.random.default_rng([self.seed, 1, index]), NAME_HEIGHT, NAME_WIDTH)
        return {"image": torch.from_numpy(crop.image).permute(2, 0, 1), "label": torch.tensor(crop.label)}

    def _print(self, rng: np.random.Generator) -> Shot:
        return name_shot(
            self.recordings[rng.integers(len(self.recordings))],
            self.layouts[choose_odds(rng, self.mix.layouts)],
            self.noise[choose_odds(rng, self.mix.noise)],
            rng,
            speed=float(choose_odds(rng, self.mix.speeds)),
            gain=float(choose_odds(rng, self.mix.gains)),
        )
