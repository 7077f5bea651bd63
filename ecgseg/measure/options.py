"""The thresholds of measuring, read from configs/measure."""

from functools import lru_cache

import yaml

from ecgseg.paths import CONFIGS


@lru_cache
def load_options(name: str = "default") -> dict:
    """Return configs/measure/<name>.yaml as nested dicts; raises ValueError listing the choices if there is none."""
    folder = CONFIGS / "measure"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise ValueError(
            f"unknown measuring options '{name}'; the choices are {sorted(p.stem for p in folder.glob('*.yaml'))}"
        )
    return yaml.safe_load(path.read_text(encoding="utf-8"))
