"""A 12-lead recording in mV and its files: CSV, WFDB and a JSON sidecar."""

import json
import math
import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from io import StringIO
from pathlib import Path

import numpy as np
import wfdb
from scipy.signal import resample_poly

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

    def resample(self, fs: float) -> "Recording":
        """Return the recording at `fs` Hz, low-pass filtered where that is fewer; gaps stay gaps.

        A new sample is NaN unless the old samples on both sides of its instant are numbers.
        """
        if fs == self.fs:
            return replace(self)
        old_n = self.signal.shape[1]
        new_n = round(old_n * fs / self.fs)
        at = np.minimum(np.arange(new_n) * (self.fs / fs), old_n - 1)
        signal = np.full((len(self.leads), new_n), np.nan, dtype=np.float32)
        for row, samples in zip(signal, self.signal, strict=True):
            row[:] = _resample_lead(samples.astype(np.float64), fs / self.fs, at)
        confidence = None
        if self.confidence is not None:
            confidence = np.stack([np.interp(at, np.arange(old_n), c) for c in self.confidence])
        return replace(self, signal=signal, fs=fs, confidence=confidence)

    def write_csv(self, path) -> None:
        """Write `time_s` and the twelve leads in mV; an empty field is a sample that is not there."""
        columns = np.full((self.signal.shape[1], len(LEADS)), np.nan)
        for lead in self.leads:
            columns[:, LEADS.index(lead)] = self.lead(lead)
        text = StringIO()
        times = np.arange(len(columns)) / self.fs
        # 1e-5 mV is a fiftieth of PTB's own steps; nine digits of time give back fs exactly.
        np.savetxt(text, np.column_stack([times, columns]), fmt=["%.9g"] + ["%.5f"] * len(LEADS), delimiter=",")
        body = text.getvalue().replace("nan", "")
        Path(path).write_text(",".join(("time_s", *LEADS)) + "\n" + body, encoding="utf-8")

    def write_wfdb(self, folder, name: str | None = None) -> Path:
        """Write `name`.hea and .dat (16 bit, NaN as WFDB's invalid sample); returns the header's path.

        Steps are 0.5 µV, coarser only for swings over 16 mV. Clinical header lines are kept as comments. Raises
        RecordError on a name that WFDB does not allow.
        """
        folder, name = Path(folder), name or self.name
        peak = np.nanmax(np.abs(self.signal), initial=0.0, where=np.isfinite(self.signal))
        gain = WFDB_GAIN if peak * WFDB_GAIN < 32767 else math.floor(32767 / peak)
        n = len(self.leads)
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or not self.signal.size:
            raise RecordError(
                f"WFDB cannot hold '{name}' with {self.signal.shape[1]} samples; "
                "give a name of ASCII letters, digits, _ and -, and at least one sample"
            )
        wfdb.wrsamp(
            name,
            fs=self.fs,
            units=["mV"] * n,
            sig_name=list(self.leads),
            p_signal=self.signal.T.astype(np.float64),
            fmt=["16"] * n,
            adc_gain=[gain] * n,
            baseline=[0] * n,
            comments=[" ".join(str(c).split()) for c in self.clinical.get("comments", [])],
            write_dir=str(folder),
        )
        return folder / f"{name}.hea"

    def write_json(self, path) -> None:
        """Write what is not samples: rate, length, windows, quality, warnings, provenance, clinical."""
        finite = np.isfinite(self.signal)
        content = {
            "name": self.name,
            "fs_hz": self.fs,
            "samples": self.signal.shape[1],
            "length_s": self.seconds,
            "unit": "mV",
            "leads": list(self.leads),
            "share_present": dict(zip(self.leads, finite.mean(axis=1).round(4), strict=True)),
            "windows_s": self.windows,
            "quality": self.quality,
            "warnings": self.warnings,
            "provenance": self.provenance,
            "clinical": {k: v for k, v in self.clinical.items() if k != "comments"},
        }
        text = json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)
        Path(path).write_text(text + "\n", encoding="utf-8")


def read_csv(path) -> Recording:
    """Read a CSV file as `Recording.write_csv` writes it; raises RecordError saying what does not fit."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: cannot be read as CSV text ({error})") from error
    names = [name.strip() for name in lines[0].split(",")] if lines else []
    columns = _standard_channels(names)
    if "time_s" not in names or not columns:
        raise RecordError(f"{path}: columns are {names}; expected time_s and leads out of {', '.join(LEADS)}")
    try:
        table = np.array([[float(v) if v.strip() else np.nan for v in line.split(",")] for line in lines[1:]])
    except ValueError as error:
        raise RecordError(f"{path}: {error}; expected {len(names)} numbers or blanks a line") from error
    if len(table) < 2 or table.shape[1] != len(names):
        raise RecordError(f"{path}: table is {table.shape}; expected two or more lines of {len(names)} fields")
    times = table[:, names.index("time_s")]
    step = (times[-1] - times[0]) / (len(times) - 1)
    if not (step > 0 and np.allclose(np.diff(times), step, rtol=0.01, atol=0)):
        raise RecordError(f"{path}: time_s is not evenly spaced; expected rising times one step apart")
    signal = table[:, list(columns.values())].T
    return Recording(path.stem, signal, fs=round(1 / step, 3), leads=tuple(columns))


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
        record = wfdb.rdrecord(str(stem), sampfrom=first, sampto=last, channels=list(channels.values()), physical=False)
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
    if any(n != 1 for n in record.samps_per_frame or []):
        return  # wfdb has averaged these samples; the checksums are of the single ones
    sums = record.d_signal.astype(np.int64).sum(axis=0)
    for lead, found, expected in zip(record.sig_name, sums, record.checksum or [], strict=False):
        if expected is not None and (found - expected) % 65536:
            raise RecordError(
                f"{stem}: lead {lead} has checksum {found % 65536}, its header says {expected % 65536}; "
                "the file is damaged: fetch it again"
            )


def _resample_lead(samples: np.ndarray, ratio: float, at: np.ndarray) -> np.ndarray:
    """Return one lead at the instants `at` (in old samples), NaN where an old neighbour is NaN."""
    known = np.isfinite(samples)
    if not known.any():
        return np.full(len(at), np.nan)
    index = np.arange(len(samples))
    # A straight line across each gap keeps the filter from ringing at its ends; it is cut out again below.
    filled = np.interp(index, index[known], samples[known])
    factor = Fraction(ratio).limit_denominator(10_000)
    new = resample_poly(filled, factor.numerator, factor.denominator, padtype="line")
    new = np.pad(new, (0, max(0, len(at) - len(new))), mode="edge")[: len(at)]
    # An instant that falls on an old sample, but for rounding, needs only that one.
    before, after = np.floor(at + 1e-6).astype(int), np.ceil(at - 1e-6).astype(int)
    new[~(known[before] & known[after])] = np.nan
    return new


def _plain(value):
    """Return `value` as JSON can hold it: numpy types as Python's, NaN and infinities as None."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
