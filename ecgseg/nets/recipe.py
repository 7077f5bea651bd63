"""All networks from nothing to weights files: the stages of configs/experiment, in slices that resume exactly.

python -m ecgseg.nets.recipe gpu runs/gpu --minutes 9 [key=value …]
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from ecgseg.errors import EcgsegError
from ecgseg.overrides import UsageError
from ecgseg.paths import CONFIGS

EXPERIMENTS = CONFIGS / "experiment"
NOT_DONE = 3  # exit code where a slice ended before the last stage did
LEAST_MINUTES = 0.5  # a stage is not begun with less time left


@dataclass(frozen=True)
class Stage:
    """One network of a recipe: its kind, and the overrides of train.py that train it."""

    kind: str
    overrides: tuple[str, ...]

    def weights(self, folder: Path) -> Path:
        """Return where the finished stage leaves its weights."""
        return folder / f"{self.kind}net.safetensors"


def load_recipe(name: str) -> list[Stage]:
    """Return the stages of configs/experiment/<name>.yaml; raises UsageError naming the choices."""
    from omegaconf import OmegaConf

    path = EXPERIMENTS / f"{name}.yaml"
    if not path.is_file():
        choices = ", ".join(sorted(p.stem for p in EXPERIMENTS.glob("*.yaml")))
        raise UsageError(f"there is no recipe '{name}'; the choices are {choices}")
    stages = OmegaConf.to_container(OmegaConf.load(path))["stages"]
    return [Stage(kind, tuple(overrides)) for kind, overrides in stages.items()]


def run(stages: list[Stage], folder: Path, minutes: float | None = None, more: tuple[str, ...] = ()) -> bool:
    """Train what is not finished, stage by stage, for at most `minutes`; return whether all is done.

    Each stage has a folder of its own with its checkpoints and resumes from the last; a finished one leaves
    <kind>net.safetensors. `more` are overrides for all stages.
    """
    end = None if minutes is None else monotonic() + 60 * minutes
    for stage in stages:
        if stage.weights(folder).is_file():
            continue
        left = None if end is None else (end - monotonic()) / 60
        if left is not None and left < LEAST_MINUTES:
            return False
        if not _train(stage, folder, left, more):
            return False
    return True


def _train(stage: Stage, folder: Path, minutes: float | None, more: tuple[str, ...]) -> bool:
    """Train a stage on from its last checkpoint; return whether it reached its last step."""
    from hydra import compose, initialize_config_dir

    from ecgseg.nets.fit import export, train

    own = [f"run_dir={folder / stage.kind}", "ckpt_path=last"]
    own += [] if minutes is None else [f"trainer.max_minutes={minutes:.3f}"]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", overrides=[*stage.overrides, *more, *own])
    metrics, made = train(cfg)
    steps = made["trainer"].global_step
    done = steps >= cfg.model.total_steps
    if done:
        export(cfg, metrics, made, stage.weights(folder))
    print(f"{stage.kind}: step {steps} of {cfg.model.total_steps}{', done' if done else ''}", flush=True)
    return done


def main(argv: list[str] | None = None) -> int:
    """Run a slice of a recipe; returns 0 when all is done, 3 while there is more to do, 2 for a mistake."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.nets.recipe", description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="a file of configs/experiment: gpu, cpu")
    parser.add_argument("folder", type=Path, help="checkpoints and weights; the same folder resumes")
    parser.add_argument("--minutes", type=float, help="stop after this long (default: when all is done)")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="options of train.py for all stages")
    args = parser.parse_intermixed_args(argv)
    try:
        done = run(load_recipe(args.recipe), args.folder, args.minutes, tuple(args.overrides))
    except (EcgsegError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"all done: weights in {args.folder}" if done else "the slice is over; run the same command again")
    return 0 if done else NOT_DONE


if __name__ == "__main__":
    sys.exit(main())
