"""Libraries that only some formats need: asked for when such a file is written, named when they are missing."""

from importlib import import_module

from ecgseg.output.files import OutputError


def need(module: str, what: str):
    """Return the module; raises OutputError saying what to install if it is not there."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise OutputError(f"{what} needs the package {package} ({error}); install it: pip install {package}") from error
