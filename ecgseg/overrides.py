"""Command-line overrides: a mistyped key is named with the choices before anything is started."""

from ecgseg.errors import EcgsegError


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
