"""Which recordings are meant by what a user names: WFDB files, folders, records of the package, simulated ones."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ecgseg.errors import RecordError
from ecgseg.paths import DATA
from ecgseg.recording import Recording, read_wfdb
from ecgseg.simulate import KINDS, simulate


def find_records(names: list[Path], seed: int) -> list[tuple[str, Callable[[], Recording]]]:
    """Return (name, function that loads it) for each recording named, in the order given.

    Raises RecordError naming what was not found, with what can be named.
    """
    found = []
    for path in names:
        found += _find(path, seed)
    return found


def _find(path: Path, seed: int) -> list[tuple[str, Callable[[], Recording]]]:
    name = str(path)
    if name == "simulated" or name.startswith("simulated:"):
        return [_simulated(name, seed)]
    if path.is_dir() or name == "ptb":
        headers = sorted((DATA if name == "ptb" else path).rglob("*.hea"))
        if not headers:
            raise RecordError(f"{path}: no WFDB headers (*.hea) in or below this folder")
        return [(h.stem, partial(read_wfdb, h)) for h in headers]
    header = path if path.suffix == ".hea" else Path(f"{path}.hea")
    if header.is_file():
        return [(header.stem, partial(read_wfdb, header))]
    inside = [h for h in sorted(DATA.rglob("*.hea")) if h.stem == name]
    if not inside:
        raise RecordError(
            f"{name}: no such WFDB header, folder, or record of the package; give a .hea file, a folder, ptb, "
            "simulated or simulated:KIND"
        )
    return [(inside[0].stem, partial(read_wfdb, inside[0]))]


def _simulated(name: str, seed: int) -> tuple[str, Callable[[], Recording]]:
    kind = name.partition(":")[2] or None
    if kind is not None and kind not in KINDS:
        raise RecordError(f"{name}: the kinds are {', '.join(KINDS)}")
    return name.replace(":", "_"), lambda: simulate(np.random.default_rng(seed), kind)
