"""Tiles of rendered pages for the page network: each page is drawn once and cut several times."""

from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from ecgseg.layout import load_layout
from ecgseg.nets.data import Mix, choose_odds
from ecgseg.nets.pagenet import PAGE_PX_PER_MM
from ecgseg.recording import Recording
from ecgseg.render.crops import vary
from ecgseg.render.levels import load_noise
from ecgseg.render.page import render_page
from ecgseg.render.targets import Target, page_target

KEPT = 24  # pages kept in memory: those whose tiles an epoch's blocks still need


@dataclass(frozen=True)
class Tiles:
    """Size of a tile in px, tiles cut from a page, the odds of a turned one and of a wrongly scaled page."""

    side: int = 512
    per_page: int = 8
    turned: float = 0.2
    mirrored: float = 0.25  # of the turned ones
    rescaled: float = 0.2
    scale: float = 1.3  # a page without a grid is first seen at a guessed scale


class PageTileDataset(Dataset):
    """Map from an integer to a tile; the integer and `seed` alone decide what is drawn.

    Blocks of KEPT · per_page indices share KEPT pages, dealt so that the tiles of a page do not follow each other.
    """

    def __init__(self, recordings: list[Recording], mix: Mix, tiles: Tiles, seed: int, length: int):
        if not recordings:
            raise ValueError("no recordings to render from: check data.root and data.extra")
        self.recordings, self.mix, self.tiles, self.seed, self.length = recordings, mix, tiles, seed, length
        self.noise = {name: load_noise(name) for name in mix.noise}
        self.layouts = {name: load_layout(name) for name in mix.layouts}
        self.drawn: OrderedDict[int, Target] = OrderedDict()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        block, place = divmod(index, KEPT * self.tiles.per_page)
        target = self._page(block * KEPT + place % KEPT)
        rng = np.random.default_rng([self.seed, 1, index])
        return _tensors(cut_tile(target, self.tiles, rng))

    def _page(self, number: int) -> Target:
        if number not in self.drawn:
            self.drawn[number] = self._draw(np.random.default_rng([self.seed, 0, number]))
            while len(self.drawn) > KEPT:
                self.drawn.popitem(last=False)
        return self.drawn[number]

    def _draw(self, rng: np.random.Generator) -> Target:
        layout = self.layouts[choose_odds(rng, self.mix.layouts)]
        recording = vary(self.recordings[rng.integers(len(self.recordings))], rng, layout.seconds)
        scale = np.exp(rng.uniform(-1, 1) * np.log(self.tiles.scale)) if rng.random() < self.tiles.rescaled else 1.0
        noise = self.noise[choose_odds(rng, self.mix.noise)]
        fine = {} if noise.dpi else {"px_per_mm": float(rng.uniform(4.5, 9.0))}
        page = render_page(
            recording,
            layout,
            noise,
            rng,
            speed=float(choose_odds(rng, self.mix.speeds)),
            gain=float(choose_odds(rng, self.mix.gains)),
            **fine,
        )
        return page_target(page, PAGE_PX_PER_MM * scale, rng)


def cut_tile(target: Target, tiles: Tiles, rng: np.random.Generator) -> tuple[Target, int]:
    """Cut a tile (side × side) at an even place, and turn or mirror it; also return how it lies, 0 to 7.

    Of a tile that does not lie upright only how it lies is asked; its maps are those of the upright tile.
    """
    h, w = target.trace.shape
    side = tiles.side
    y, x = (2 * int(rng.integers(min(0, n - side) // 2 - 32, max(0, n - side) // 2 + 33)) for n in (h, w))
    cut = Target(
        _window(target.image, y, x, side, cv2.BORDER_REPLICATE),
        _window(target.trace, y, x, side),
        np.stack([_window(line, y // 2, x // 2, side // 2) for line in target.lines]),
        _window(target.text, y // 2, x // 2, side // 2),
    )
    lies = 0
    if rng.random() < tiles.turned:
        mirrored = bool(rng.random() < tiles.mirrored)
        turns = int(rng.integers(4)) if mirrored else int(rng.integers(1, 4))
        lies = turns + 4 * mirrored
        image = cut.image[:, ::-1] if mirrored else cut.image
        cut.image = np.ascontiguousarray(np.rot90(image, -turns))
    return cut, lies


def _window(image: np.ndarray, y: int, x: int, side: int, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
    """Return the window (side, side) whose first pixel is y, x, also where it leaves the image."""
    h, w = image.shape[:2]
    inner = image[max(0, y) : min(h, y + side), max(0, x) : min(w, x + side)]
    top, left = max(0, -y), max(0, -x)
    below, right = side - top - inner.shape[0], side - left - inner.shape[1]
    return cv2.copyMakeBorder(inner, top, below, left, right, border) if top or left or below or right else inner


def _tensors(tile: tuple[Target, int]) -> dict[str, torch.Tensor]:
    target, lies = tile
    return {
        "image": torch.from_numpy(np.ascontiguousarray(target.image)).permute(2, 0, 1),
        "trace": torch.from_numpy(np.ascontiguousarray(target.trace)),
        "lines": torch.from_numpy(target.lines),
        "text": torch.from_numpy(np.ascontiguousarray(target.text)),
        "lies": torch.tensor(lies),
    }
