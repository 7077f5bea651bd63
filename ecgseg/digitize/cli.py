"""The command line of digitizing: parse, digitize one file after the other, write, say what happened.

Only what --help needs is imported at the top: torch and the rest take seconds and wait until there is work.
"""

import argparse
import re
import sys
from pathlib import Path

from ecgseg.errors import EcgsegError
from ecgseg.overrides import UsageError, check_keys
from ecgseg.paths import CONFIGS

OVERRIDE = re.compile(r"^(\+{0,2}|~)[A-Za-z_][\w./@-]*=")
DESCRIPTION = """Turn pictures of paper ECGs (PNG, JPEG, TIFF, WebP, BMP) into calibrated 12-lead recordings.

For each NAME.png it writes
  NAME.csv           time_s, then twelve leads in mV, blank where nothing is printed
  NAME.hea, .dat     the same as a WFDB record
  NAME.json          scale and how it was found, speed, gain, layout, quality, versions, warnings
  NAME.overlay.png   the extracted trace drawn on the page: look at it

Research software, not a medical device."""
EXAMPLES = """examples:
  python infer.py scan.png
  python infer.py scans/ more/page.jpg --out results digitize.speed=50 digitize.gain=5
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0, 1 if a file failed, 2 if none could be tried, 130 if interrupted."""
    args = parser().parse_intermixed_args(sys.argv[1:] if argv is None else argv)
    try:
        inputs, overrides = split_arguments(args.inputs)
        options = compose(overrides)["digitize"]
        from ecgseg.digitize.batch import run

        return run(inputs, Path(args.out), options, overwrite=args.overwrite)
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was written so far is complete", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the parser; its help shows the options' file, so that each is described in one place."""
    options = (CONFIGS / "digitize" / "default.yaml").read_text(encoding="utf-8")
    result = argparse.ArgumentParser(
        prog=Path(sys.argv[0]).name,
        usage="%(prog)s IMAGE|FOLDER [...] [--out DIR] [--overwrite] [digitize.OPTION=VALUE ...]",
        description=DESCRIPTION,
        epilog=f"{EXAMPLES}\nconfigs/digitize/default.yaml, each as digitize.NAME=VALUE:\n\n{options}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("inputs", nargs="+", metavar="IMAGE|FOLDER|KEY=VALUE", help="files, folders and options")
    result.add_argument("--out", default=".", metavar="DIR", help="where to write (default: the current folder)")
    result.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files that this program did not write for the same picture before (never an input)",
    )
    return result


def split_arguments(arguments: list[str]) -> tuple[list[Path], list[str]]:
    """Tell paths from `key=value` overrides; a file that exists is a path whatever its name."""
    paths, overrides = [], []
    for argument in arguments:
        is_override = OVERRIDE.match(argument) and not Path(argument).exists()
        overrides.append(argument) if is_override else paths.append(Path(argument))
    if not paths:
        raise UsageError("no picture given; name files or folders before the options, --help shows examples")
    return paths, overrides


def compose(overrides: list[str]) -> dict:
    """Apply hydra overrides to configs/infer.yaml; raises UsageError naming the key and the choices."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    with initialize_config_dir(str(CONFIGS.resolve()), version_base=None):
        defaults = OmegaConf.to_container(hydra_compose("infer"))
        check_keys(overrides, defaults)
        try:
            return OmegaConf.to_container(hydra_compose("infer", overrides=overrides), resolve=True)
        except (HydraException, OmegaConfBaseException) as error:
            # Where hydra looked for files is of no use to someone who mistyped a value.
            reason = " ".join(str(error).split("Config search path")[0].split())
            raise UsageError(f"{' '.join(overrides)}: {reason}") from error
