"""Command-line overrides: a mistyped key is named with the choices before anything is started."""

import re
from pathlib import Path

from ecgseg.errors import EcgsegError
from ecgseg.paths import CONFIGS

OVERRIDE = re.compile(r"^(\+{0,2}|~)[A-Za-z_][\w./@-]*=")


class UsageError(EcgsegError):
    """What was asked for on the command line cannot be done."""


def check_key(override: str, defaults: dict) -> None:
    """Raise UsageError if the key of a hydra override names nothing in the nested dict `defaults`."""
    key = override.split("=", 1)[0].lstrip("+~")
    node, path = defaults, []
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            choices = node if isinstance(node, dict) else {}
            names = ", ".join(".".join([*path, name]) for name in choices)
            raise UsageError(f"unknown option '{key}' in '{override}'; the choices are {names or '.'.join(path)}")
        node, path = node[part], [*path, part]


def check_keys(overrides: list[str], defaults: dict) -> None:
    """Raise UsageError for the first hydra override (key=value) whose key names nothing in `defaults`.

    Keys of hydra itself and flags pass; a key that is added with + needs only a parent that is there.
    """
    for override in overrides:
        if "=" in override and not override.startswith(("-", "hydra", "+", "~")):
            check_key(override, defaults)


def split_arguments(arguments: list[str], if_none: str) -> tuple[list[Path], list[str]]:
    """Tell paths from `key=value` overrides; a file that exists is a path whatever its name.

    Raises UsageError, saying `if_none`, where there is no path.
    """
    paths, overrides = [], []
    for argument in arguments:
        is_override = OVERRIDE.match(argument) and not Path(argument).exists()
        overrides.append(argument) if is_override else paths.append(Path(argument))
    if not paths:
        raise UsageError(if_none)
    return paths, overrides


def compose(config: str, overrides: list[str]) -> dict:
    """Apply hydra overrides to configs/<config>.yaml; raises UsageError naming the key and the choices."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    with initialize_config_dir(str(CONFIGS.resolve()), version_base=None):
        defaults = OmegaConf.to_container(hydra_compose(config))
        check_keys(overrides, defaults)
        try:
            return OmegaConf.to_container(hydra_compose(config, overrides=overrides), resolve=True)
        except (HydraException, OmegaConfBaseException) as error:
            # Where hydra looked for files is of no use to someone who mistyped a value.
            reason = " ".join(str(error).split("Config search path")[0].split())
            raise UsageError(f"{' '.join(overrides)}: {reason}") from error


def read_options(config: str, overrides: list[str]) -> dict:
    """Read configs/<config>.yaml, which has no groups, and apply key=value; raises UsageError as `compose` does."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    defaults = OmegaConf.load(CONFIGS / f"{config}.yaml")
    check_keys(overrides, OmegaConf.to_container(defaults))
    try:
        return OmegaConf.to_container(OmegaConf.merge(defaults, OmegaConf.from_dotlist(overrides)))
    except OmegaConfBaseException as error:
        raise UsageError(f"{' '.join(overrides)}: {' '.join(str(error).split())}") from error
