"""Noise levels: what happens to a page from the printer to the file, read from configs/noise."""

from dataclasses import dataclass, field
from functools import lru_cache

import albumentations
import numpy as np
import yaml

from ecgseg.paths import CONFIGS
from ecgseg.render.around import surroundings
from ecgseg.render.capture import take
from ecgseg.render.geometry import warp
from ecgseg.render.sheet import damage

# stage → the named effects it may use
STAGES = {
    "paper": damage.EFFECTS,
    "geometry": warp.EFFECTS,
    "cover": surroundings.EFFECTS,
    "capture": take.EFFECTS,
}
KEYS = (*STAGES, "around", "dpi", "mix")


@dataclass(frozen=True)
class Noise:
    """A noise level: effects name → {p, parameter: [low, high], …} for each stage, in the order of their events.

    `paper` damages the flat sheet, `geometry` bends it and points the camera, `cover` lays things on it and
    `capture` changes the picture taken.
    `dpi` is the range of resolutions it is taken at (None: the caller's). A level with a `mix` has no effects of its
    own: it is one of the named levels, drawn by their odds. `around` are the odds of what the sheet lies on.
    """

    name: str
    paper: dict = field(default_factory=dict)
    geometry: dict = field(default_factory=dict)
    capture: dict = field(default_factory=dict)
    cover: dict = field(default_factory=dict)
    around: dict[str, float] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    mix: dict[str, float] = field(default_factory=dict)


def parse_noise(name: str, spec: dict) -> Noise:
    """Build a Noise from the content of its YAML file; raises ValueError naming the key or effect that is off."""
    spec = {k: v for k, v in spec.items() if k != "name"}
    for key in spec:
        if key not in KEYS:
            raise ValueError(f"noise level {name}: unknown key '{key}'; the keys are {', '.join(KEYS)}")
    for stage, known in STAGES.items():
        for effect, options in (spec.get(stage) or {}).items():
            if effect not in known and not (stage == "capture" and hasattr(albumentations, effect)):
                more = ", or an albumentations class" if stage == "capture" else ""
                raise ValueError(
                    f"noise level {name}: {stage} has no effect '{effect}'; choose from {', '.join(known)}{more}"
                )
            if not isinstance(options, dict) or not 0 <= options.get("p", -1) <= 1:
                raise ValueError(f"noise level {name}: effect '{effect}' needs a probability p between 0 and 1")
    dpi = tuple(float(v) for v in spec["dpi"]) if spec.get("dpi") else None
    if dpi and not (len(dpi) == 2 and 30 <= dpi[0] <= dpi[1]):
        raise ValueError(f"noise level {name}: dpi is {spec['dpi']}; give [low, high], 30 or more")
    grounds = (*surroundings.KINDS, *surroundings.TABLES)
    for kind in spec.get("around") or {}:
        if kind not in grounds:
            raise ValueError(f"noise level {name}: nothing '{kind}' to lie on; choose from {', '.join(grounds)}")
    odds = {key: {str(k): float(v) for k, v in (spec.get(key) or {}).items()} for key in ("around", "mix")}
    stages = {stage: dict(spec.get(stage) or {}) for stage in STAGES}
    return Noise(name, **stages, **odds, dpi=dpi)


def noise_names() -> list[str]:
    """Return the names of all noise levels, sorted."""
    return sorted(p.stem for p in (CONFIGS / "noise").glob("*.yaml"))


@lru_cache
def load_noise(name: str) -> Noise:
    """Read the noise level `name` from configs/noise; raises ValueError listing the choices if there is none."""
    path = CONFIGS / "noise" / f"{name}.yaml"
    if not path.is_file():
        raise ValueError(f"unknown noise level '{name}'; the choices are {', '.join(noise_names())}")
    noise = parse_noise(name, yaml.safe_load(path.read_text()) or {})
    for other in noise.mix:
        if load_noise(other).mix:
            raise ValueError(f"noise level {name}: it mixes '{other}', which is a mix itself")
    return noise


def choose(noise: Noise, rng: np.random.Generator) -> Noise:
    """Return the level itself, or one of its mix drawn by the odds."""
    if not noise.mix:
        return noise
    odds = np.array(list(noise.mix.values()))
    return load_noise(list(noise.mix)[rng.choice(len(odds), p=odds / odds.sum())])
