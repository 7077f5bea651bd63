"""Crops rendered on the fly: the same index of the same epoch is the same crop, whoever renders it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, Sampler

from ecgseg.layout import load_layout
from ecgseg.ptb import load_folder, load_records
from ecgseg.recording import Recording
from ecgseg.render.crops import CropSizes, render_crop
from ecgseg.render.levels import load_noise
from ecgseg.simulate import add_artefacts, simulate


@dataclass
class Mix:
    """What is drawn: odds of noise levels and layouts, paper speeds (mm/s) and gains (mm/mV)."""

    noise: dict[str, float]
    layouts: dict[str, float]
    speeds: dict[float, float] = field(default_factory=lambda: {25.0: 1.0})
    gains: dict[float, float] = field(default_factory=lambda: {10.0: 1.0})


def choose_odds(rng: np.random.Generator, odds: dict):
    """Draw a key of `odds`, each as often as its value says."""
    weights = np.array(list(odds.values()), float)
    return list(odds)[rng.choice(len(odds), p=weights / weights.sum())]


class CropDataset(Dataset):
    """Map from an integer to a rendered crop; the integer and `seed` alone decide what is drawn."""

    def __init__(self, recordings: list[Recording], mix: Mix, size: CropSizes, seed: int, length: int):
        if not recordings:
            raise ValueError("no recordings to render from: check data.root and data.extra")
        self.recordings, self.mix, self.size, self.seed, self.length = recordings, mix, size, seed, length
        self.noise = {name: load_noise(name) for name in mix.noise}
        self.layouts = {name: load_layout(name) for name in mix.layouts}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.seed, index])
        crop = render_crop(
            self.recordings[rng.integers(len(self.recordings))],
            self.layouts[choose_odds(rng, self.mix.layouts)],
            self.noise[choose_odds(rng, self.mix.noise)],
            rng,
            self.size.of(index),
            speed=float(choose_odds(rng, self.mix.speeds)),
            gain=float(choose_odds(rng, self.mix.gains)),
        )
        return {
            "image": torch.from_numpy(crop.image).permute(2, 0, 1),
            "mask": torch.from_numpy(crop.mask),
            "line": torch.from_numpy(crop.line),
            "edge": torch.from_numpy(crop.edge),
        }


class StepSampler(Sampler):
    """The indices of the coming epoch, told from the trainer's step: none is drawn twice, also after a resume.

    Lightning's own epoch counter is one ahead after a resume, so it is not used. Each device takes its own block.
    """

    def __init__(self, length: int, batch_size: int, trainer):
        self.length, self.batch_size, self.trainer = length, batch_size, trainer

    def __len__(self) -> int:
        return self.length

    def __iter__(self):
        first = self.trainer.global_step * self.batch_size * self.trainer.world_size
        first += self.trainer.global_rank * self.length
        return iter(range(first, first + self.length))


def simulated_recordings(count: int, seed: int) -> list[Recording]:
    """Return simulated recordings of any kind, with the artefacts that real ones have."""
    rng = np.random.default_rng([seed, 4])
    return [add_artefacts(simulate(rng), rng) for _ in range(count)]


def _single_threaded(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


class RenderedData(LightningDataModule):
    """Training and validation loaders over recordings split by patient.

    `dataset(recordings, mix, size, seed, length)` makes the pictures: CropDataset with CropSizes, or PageTileDataset
    with Tiles.
    """

    def __init__(
        self,
        dataset: Callable[..., Dataset],
        mix: Mix,
        val_mix: Mix,
        size,
        root: str | None = None,
        extra: tuple[str, ...] = (),
        batch_size: int = 8,
        steps_per_epoch: int = 200,
        val_crops: int = 48,
        seed: int = 0,
        workers: int = 1,
        simulated: int = 0,
    ):
        super().__init__()
        self.dataset, self.mix, self.val_mix, self.size = dataset, mix, val_mix, size
        self.root, self.extra = root, extra
        self.batch_size, self.steps_per_epoch, self.val_crops = batch_size, steps_per_epoch, val_crops
        self.seed, self.workers, self.simulated = seed, workers, simulated

    def setup(self, stage: str | None = None) -> None:
        recordings = load_records(self.root, "train")
        for folder in self.extra:
            recordings += load_folder(folder)
        recordings += simulated_recordings(self.simulated, self.seed)
        length = self.batch_size * self.steps_per_epoch
        self.train_set = self.dataset(recordings, self.mix, self.size, self.seed, length)
        # Far from every training index, so that the fixed validation set shares no random stream with it.
        val_seed = self.seed + 1_000_003
        recordings = load_records(self.root, "val")
        self.val_set = self.dataset(recordings, self.val_mix, self.size, val_seed, self.val_crops)

    def _loader(self, dataset: Dataset, sampler: Sampler | None) -> DataLoader:
        return DataLoader(
            dataset,
            self.batch_size,
            sampler=sampler,
            num_workers=self.workers,
            worker_init_fn=_single_threaded,
            persistent_workers=False,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if self.workers else None,
        )

    def train_dataloader(self) -> DataLoader:
        return self._loader(self.train_set, StepSampler(len(self.train_set), self.batch_size, self.trainer))

    def val_dataloader(self) -> DataLoader:
        return self._loader(self.val_set, None)
