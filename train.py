"""Train the strip network: python train.py [key=value …]; -m noise=none,light,medium,heavy sweeps."""

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads starve the renderer on few cores

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from ecgseg.errors import EcgsegError
from ecgseg.overrides import check_keys
from ecgseg.paths import CONFIGS


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="train")
def main(cfg: DictConfig) -> float:
    from ecgseg.nets.fit import train
    from ecgseg.nets.sweep import in_sweep, record_run

    if in_sweep():  # each run of a sweep keeps to its own folder
        cfg.run_dir = HydraConfig.get().runtime.output_dir
    try:
        metrics, _ = train(cfg)
    except (EcgsegError, ValueError) as error:
        sys.exit(f"train.py: {error}")
    record_run(cfg, metrics)
    return metrics.get("val/snr_db", float("nan"))


def checked(overrides: list[str]) -> None:
    """Exit with one line if an override names a key that does not exist."""
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        # What keys there are depends on the model and the pictures chosen; of a sweep's the first is looked at.
        chosen = [o.split(",")[0] for o in overrides if o.split("=")[0] in ("model", "data")]
        # `noise` is a group without a default, so the composed config does not show it.
        defaults = {"noise": None} | OmegaConf.to_container(hydra.compose("train", chosen), resolve=False)
    try:
        check_keys(overrides, defaults)
    except EcgsegError as error:
        sys.exit(f"train.py: {error}")


if __name__ == "__main__":
    checked(sys.argv[1:])
    main()
