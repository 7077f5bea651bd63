"""A 12-lead recording in mV and its files: CSV, WFDB and a JSON sidecar."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import wfdb

from ecgseg.errors import RecordError
from ecgseg.layout import LEADS

# Steps of 0.5 µV, as PTB has: 16 bits then hold ±16 mV, more than any ECG lead swings.
WFDB_GAIN = 2000.0
_MV_PER_UNIT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}
_LEAD_BY_LOWER = {lead.lower(): lead for lead in LEADS}


@dataclass
class Recording:
    """Leads x samples in mV.

    `signal` is float32, shape (leads, samples), NaN where nothing is printed; `fs` is in Hz; `leads` are
    names out of `ecgseg.layout.LEADS`; `confidence` has the signal's shape, 0 to 1; `windows` gives per lead
    the first and last second that its page shows. Raises ValueError when these do not fit together.
    """

    name: str
    signal: np.ndarray
    fs: float
    leads: tuple[str, ...] = LEADS
    confidence: np.ndarray | None = None
    windows: dict[str, tuple[float, float]] = field(default_factory=dict)
    clinical: dict = field(default_factory=dict)
    provenance: dict = field(default_factory=dict)
    quality: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.signal = np.asarray(self.signal, dtype=np.float32)
        self.leads = tuple(self.leads)
        unknown = [lead for lead in self.leads if lead not in LEADS]
        if unknown or len(set(self.leads)) != len(self.leads):
            raise ValueError(f"{self.name}: leads are {self.leads}; expected different names out of {LEADS}")
        if self.signal.ndim != 2 or len(self.signal) != len(self.leads):
            raise ValueError(
                f"{self.name}: signal has shape {self.signal.shape}; expected ({len(self.leads)}, samples)"
            )
        if not (math.isfinite(self.fs) and self.fs > 0):
            raise ValueError(f"{self.name}: fs is {self.fs}; expected a positive number of Hz")
        if self.confidence is not None:
            self.confidence = np.asarray(self.confidence, dtype=np.float32)
            if self.confidence.shape != self.signal.shape:
                raise ValueError(
                    f"{self.name}: confidence has shape {self.confidence.shape}; expected {self.signal.shape}"
                )

    @property
    def seconds(self) -> float:
        """Return the length of the recording in s."""
        return self.signal.shape[1] / self.fs

    def lead(self, name: str) -> np.ndarray:
        """Return one lead's samples in mV, shape (samples,); raises KeyError naming the leads there are."""
        if name not in self.leads:
            raise KeyError(f"{self.name} has no lead '{name}'; its leads are {', '.join(self.leads)}")
        return self.signal[self.leads.index(name)]


def read_wfdb(path, start_s: float = 0.0, seconds: float | None = None) -> Recording:
    """Read a WFDB record (path with or without .hea): the standard leads in mV, in the order of LEADS.

    Lead names may be in any case; other channels are left unread. Samples marked invalid become NaN. Raises
    RecordError if the record is missing, damaged (its checksums included) or has no standard lead.
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix.lower() in (".hea", ".dat", ".mat") else path
    if not stem.with_name(stem.name + ".hea").is_file():
        raise RecordError(f"{stem}.hea: no such WFDB header; give the path of a record's .hea file")
    try:
        header = wfdb.rdheader(str(stem))
        channels = _standard_channels(header.sig_name or [])
        if not channels:
            raise RecordError(f"{stem}: the leads are {header.sig_name}; expected some of {', '.join(LEADS)}")
        first = round(start_s * header.fs)
        last = None if seconds is None else min(first + round(seconds * header.fs), header.sig_len)
        # Digital first: the header's checksums are of the stored integers.
        record = wfdb.rdrecord(
            str(stem), sampfrom=first, sampto=last, channels=list(channels.values()), physical=False
        )
    except (OSError, ValueError, IndexError, TypeError, KeyError, AttributeError) as error:
        # What wfdb raises on a truncated or garbled file, by trying it; the cause stays in the message.
        raise RecordError(f"{stem}: cannot be read as WFDB ({error}); the record may be damaged") from error
    if first == 0 and last in (None, header.sig_len):
        _verify_checksums(stem, record)
    signal = record.dac().T
    scale = [_MV_PER_UNIT.get(unit.lower()) for unit in record.units]
    if None in scale:
        raise RecordError(f"{stem}: units are {record.units}; expected mV, uV or V")
    return Recording(
        name=stem.name,
        signal=signal * np.array(scale)[:, None],
        fs=float(header.fs),
        leads=tuple(channels),
        clinical={"comments": list(header.comments)},
    )


def _standard_channels(names: list[str]) -> dict[str, int]:
    """Return standard lead name -> channel number, in the order of LEADS."""
    found = {_LEAD_BY_LOWER.get(name.strip().lower()): i for i, name in enumerate(names)}
    return {lead: found[lead] for lead in LEADS if lead in found}


def _verify_checksums(stem: Path, record) -> None:
    """Compare the stored samples with the header's 16-bit checksums; raises RecordError where they differ."""
    sums = record.d_signal.astype(np.int64).sum(axis=0)
    for lead, found, expected in zip(record.sig_name, sums, record.checksum or [], strict=False):
        if expected is not None and (found - expected) % 65536:
            raise RecordError(
                f"{stem}: lead {lead} has checksum {found % 65536}, its header says {expected % 65536}; "
                "the file is damaged: fetch it again"
            )
