"""train(cfg): one training run from a composed config, apart from the command line."""

from pathlib import Path
from time import monotonic

import lightning
import numpy as np
import segmentation_models_pytorch as smp
import torch
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from omegaconf import DictConfig, OmegaConf

from ecgseg.layout import load_layout
from ecgseg.nets.data import CropDataset, Mix, RenderedData
from ecgseg.nets.griddata import GridCropDataset, GridCrops
from ecgseg.nets.gridnet import GRID_STRIDE
from ecgseg.nets.gridsystem import GridSystem
from ecgseg.nets.namedata import NameDataset, NameWindows
from ecgseg.nets.namesystem import NameSystem
from ecgseg.nets.pagedata import PageTileDataset, Tiles
from ecgseg.nets.pagenet import PAGE_STRIDE
from ecgseg.nets.pagesystem import PageSystem
from ecgseg.nets.plain import drawn
from ecgseg.nets.ranges import DRAWN, PICTURES, add_ranges
from ecgseg.nets.stripnet import STRIDE
from ecgseg.nets.system import StripSystem
from ecgseg.nets.weights import build_net, load_net, save_net
from ecgseg.paths import CONFIGS
from ecgseg.render.crops import CropSize, CropSizes
from ecgseg.render.levels import load_noise

_NET_KEYS = {task: ("encoder", "decoder_channels") for task in ("strip", "page")} | {
    "grid": ("channels", "hidden", "context", "blocks"),
    "name": ("channels",),
}
_SYSTEMS = {"strip": StripSystem, "page": PageSystem, "grid": GridSystem, "name": NameSystem}
_SIZES = {
    "strip": (("height", "width", "tall_height", "tall_width", "highest_height", "highest_width"), STRIDE),
    "page": (("side",), PAGE_STRIDE),
    "grid": (("side",), GRID_STRIDE),
    "name": ((), 1),
}
_POSITIVE = ("data.batch_size", "data.steps_per_epoch", "data.val_crops",
             "model.lr", "model.total_steps", "model.decay_steps")  # fmt: skip
_TASKS = {"strip": "data=crops", "page": "data=pages", "grid": "data=grids", "name": "data=names"}
_MONITORED = {"strip": "val/snr_db", "page": "val/names", "grid": "val/good", "name": "val/right"}


def check_config(cfg: DictConfig) -> None:
    """Raise ValueError naming the first key whose value cannot work, and what can; nothing has been started yet."""
    task = cfg.model.task
    if cfg.data.task != task:
        raise ValueError(f"model={cfg.model.task} learns from other pictures than {cfg.data.task}: {_TASKS[task]}")
    sides, stride = _SIZES[task]
    own = ("model.sigma_px",) if task == "strip" else ("data.per_page",)
    for key in (*_POSITIVE, *own, *(f"data.{side}" for side in sides)):
        value = OmegaConf.select(cfg, key)
        if not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"{key}={value}: expected a number above 0")
    for key in sides:
        if cfg.data[key] % stride:
            raise ValueError(f"data.{key}={cfg.data[key]}: it must be a multiple of {stride}")
    encoder, choices = cfg.model.get("encoder"), smp.encoders.get_encoder_names()
    if encoder is not None and encoder not in choices and not encoder.startswith("tu-"):
        raise ValueError(f"model.encoder={encoder}: choose tu-<a timm model> or one of {', '.join(choices)}")
    accelerators = ("auto", *AcceleratorRegistry.available_accelerators())
    if cfg.trainer.accelerator not in accelerators:
        raise ValueError(f"trainer.accelerator={cfg.trainer.accelerator}: choose one of {', '.join(accelerators)}")
    for key, load in (("noise", load_noise), ("val_noise", load_noise), ("layouts", load_layout)):
        for name in cfg.data[key]:
            try:
                load(name)
            except ValueError as error:
                raise ValueError(f"data.{key}: {error}") from error
    for key in ("ckpt_path", "init_weights"):
        value = cfg[key]
        if value not in (None, "last", "default") and not Path(value).is_file():
            raise ValueError(f"{key}={value}: there is no such file")


def build_data(cfg: DictConfig) -> RenderedData:
    """Return the data module of a config."""
    data = cfg.data
    level = (cfg.get("noise") or {}).get("name")
    plain = OmegaConf.to_container(data, resolve=True)
    common = dict(layouts=plain["layouts"], speeds=plain["speeds"], gains=plain["gains"])
    mix = Mix(noise={level: 1} if level else plain["noise"], **common)
    val_mix = Mix(noise={level: 1} if level else plain["val_noise"], **common)
    if cfg.model.task == "page":
        dataset, size = PageTileDataset, Tiles(data.side, data.per_page, data.turned, data.mirrored, data.rescaled)
    elif cfg.model.task == "grid":
        dataset = GridCropDataset
        size = GridCrops(data.side, data.per_page, data.upright, data.turned, data.anywhere)
    elif cfg.model.task == "name":
        dataset, size = NameDataset, NameWindows(data.per_page)
    else:
        dataset = CropDataset
        usual, tall = CropSize(data.height, data.width), CropSize(data.tall_height, data.tall_width)
        highest = CropSize(data.highest_height, data.highest_width)
        size = CropSizes(usual, tall, data.tall_every, data.batch_size, highest)
    return RenderedData(
        dataset,
        mix,
        val_mix,
        size,
        root=data.root,
        extra=tuple(data.extra),
        batch_size=data.batch_size,
        steps_per_epoch=data.steps_per_epoch,
        val_crops=data.val_crops,
        seed=cfg.seed,
        workers=data.workers,
        simulated=data.simulated,
    )


def build_system(cfg: DictConfig) -> lightning.LightningModule:
    """Return the training system, from given weights where `init_weights` names some."""
    model = OmegaConf.to_container(cfg.model, resolve=True)
    task = model.pop("task")
    shape = {k: model.pop(k) for k in _NET_KEYS[task]}
    net = load_net(cfg.init_weights, kind=task)[0].train() if cfg.init_weights else build_net(task, shape)
    return _SYSTEMS[task](net.to(memory_format=torch.channels_last), **model)


class StopAfter(lightning.Callback):
    """Stops a training after some minutes of its own; Lightning's timer counts those of the run it resumes, too."""

    def __init__(self, minutes: float):
        self.end = monotonic() + 60 * minutes

    def on_train_batch_end(self, trainer, *_) -> None:
        trainer.should_stop = trainer.should_stop or monotonic() > self.end


def build_trainer(cfg: DictConfig, folder: Path) -> lightning.Trainer:
    """Return the Lightning trainer; precision `auto` is bf16 on CUDA and fp32 elsewhere."""
    options = OmegaConf.to_container(cfg.trainer, resolve=True)
    if options["precision"] == "auto":
        options["precision"] = "bf16-mixed" if torch.cuda.is_available() else "32-true"
    best = ModelCheckpoint(folder, "best-{step}", monitor=_MONITORED[cfg.model.task], mode="max")
    minutes = options.pop("max_minutes")
    slices = [] if minutes is None else [StopAfter(minutes)]
    last = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    return lightning.Trainer(
        logger=CSVLogger(folder, "log"),
        callbacks=[best, last, LearningRateMonitor("step"), *slices],
        use_distributed_sampler=False,
        default_root_dir=folder,
        **options,
    )


def train(cfg: DictConfig) -> tuple[dict[str, float], dict]:
    """Run one training; returns the last logged metrics and the objects (trainer, system, data)."""
    check_config(cfg)
    lightning.seed_everything(cfg.seed, workers=True, verbose=False)
    folder = Path(cfg.run_dir)
    data, system = build_data(cfg), build_system(cfg)
    trainer = build_trainer(cfg, folder)
    ckpt = cfg.ckpt_path
    if ckpt == "last":
        ckpt = str(folder / "last.ckpt") if (folder / "last.ckpt").is_file() else None
    # A checkpoint is a pickle: weights_only keeps a stranger's file from running code.
    trainer.fit(system, data, ckpt_path=ckpt, weights_only=True)
    metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
    made = {"trainer": trainer, "system": system, "data": data}
    if cfg.export:
        export(cfg, metrics, made, cfg.export)
    return metrics, made


def export(cfg: DictConfig, metrics: dict[str, float], made: dict, path: Path | str) -> None:
    """Write the network of a training, as `train` returns it, as a weights file with what it needs to run in int8."""
    trainer, net = made["trainer"], made["system"].net
    if not trainer.is_global_zero:
        return
    save_net(net, path, {"steps": trainer.global_step, "metrics": metrics, "seed": cfg.seed})
    if cfg.model.task in DRAWN and drawn(cfg.model.task, net.config):
        add_ranges(path, cfg.model.task, pictures_of(made["data"], PICTURES))


def pictures_of(data: RenderedData, count: int) -> list[np.ndarray]:
    """Return the first validation pictures of a data module, (H, W, 3) uint8."""
    pictures = (data.val_set[k]["image"] for k in range(min(count, len(data.val_set))))
    return [np.ascontiguousarray(picture.permute(1, 2, 0).numpy()) for picture in pictures]


def usual_pictures(task: str, count: int) -> list[np.ndarray]:
    """Return validation pictures of the default configuration of a network's training, (H, W, 3) uint8."""
    from hydra import compose, initialize_config_dir

    model = {"strip": "unet"}.get(task, task)
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        choices = [_TASKS[task], f"model={model}", f"data.val_crops={count}", "data.simulated=0"]
        data = build_data(compose("train", overrides=choices))
    data.setup()
    return pictures_of(data, count)
