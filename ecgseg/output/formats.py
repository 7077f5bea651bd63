"""The registry of output formats: which there are, what files they make, how each is written and read back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path

from ecgseg.output.files import OutputError, place
from ecgseg.recording import Recording


@dataclass(frozen=True)
class Format:
    """One format: `module` of this package holds its code, imported when first needed.

    `suffixes` are its files, the one that names the others last; `takes_stem` where the code wants the path without
    suffix; `knows_time` where the file has a place for the time of recording; `exact` is its resolution in mV
    (None: as the recording); `reads` where it can be read back.
    """

    name: str
    suffixes: tuple[str, ...]
    resolution_mv: float | None
    takes_stem: bool = False
    knows_time: bool = False
    reads: bool = False

    def paths(self, path_stem) -> list[Path]:
        """Return the files that writing to `path_stem` makes; a stem with dots keeps them."""
        stem = Path(path_stem)
        return [stem.with_name(stem.name + suffix) for suffix in self.suffixes]

    def write(
        self, recording: Recording, path_stem, overwrite: bool = False, acquired: datetime | None = None
    ) -> list[Path]:
        """Write the recording as path_stem + suffix, whole or not at all; returns the files.

        `acquired` is when the ECG was recorded, for formats that have a place for it. Raises OutputError if a file
        exists and `overwrite` is not set, or a library is missing, and RecordError if the format cannot hold it.
        """
        name = Path(path_stem).name
        return place(self.paths(path_stem), lambda folder: self.make(recording, folder / name, acquired), overwrite)

    def make(self, recording: Recording, path_stem: Path, acquired: datetime | None = None) -> None:
        """Write the files in place, without the care that `write` takes."""
        write = self._function("write")
        if self.knows_time:
            write = partial(write, acquired=acquired)
        suffix = "" if self.takes_stem else self.suffixes[0]
        write(recording, path_stem.with_name(path_stem.name + suffix))

    def read(self, path) -> Recording:
        """Read a file of this format back; raises OutputError for a format that is only written."""
        if not self.reads:
            raise OutputError(f"{self.name} files are only written here; read {path} with another program")
        return self._function("read")(path)

    def _function(self, name: str) -> Callable:
        return getattr(import_module(f"ecgseg.output.{self.name}"), name)


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("csv", (".csv",), 0.5e-5, reads=True),
        Format("wfdb", (".dat", ".hea"), 0.25e-3, takes_stem=True, reads=True),
        Format("npz", (".npz",), None, reads=True),
        Format("parquet", (".parquet",), None, reads=True),
        Format("edf", (".edf",), 0.25e-3, knows_time=True),
        Format("dicom", (".dcm",), 0.25e-3, knows_time=True),
    )
}


def check_formats(names: Sequence[str]) -> list[str]:
    """Return the names, each once; raises OutputError naming the choices for one that is unknown."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise OutputError(f"output.formats is {names!r}; give a list such as [csv,wfdb]")
    for name in names:
        if name not in FORMATS:
            raise OutputError(f"output.formats names '{name}'; the choices are {', '.join(FORMATS)}")
    return list(dict.fromkeys(names))


def output_paths(path_stem, names: Sequence[str]) -> list[Path]:
    """Return all files that `write_formats` would make."""
    return [path for name in check_formats(names) for path in FORMATS[name].paths(path_stem)]


def write_formats(
    recording: Recording, path_stem, names: Sequence[str], overwrite: bool = False, acquired: datetime | None = None
) -> list[Path]:
    """Write the recording in each format, all files or none; returns them. Raises as Format.write does."""
    formats = [FORMATS[name] for name in check_formats(names)]
    paths = output_paths(path_stem, names)
    if not paths:
        return []

    def make(folder: Path) -> None:
        for each in formats:
            each.make(recording, folder / Path(path_stem).name, acquired)

    return place(paths, make, overwrite)
