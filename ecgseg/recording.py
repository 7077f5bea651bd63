"""A recording in mV with all that is known of it; its files are in ecgseg/output."""

import math
import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ecgseg.layout import LEADS

_LEAD_BY_LOWER = {lead.lower(): lead for lead in LEADS}
# A strip whose lead is not known is called by its place: R2 is the second row from the top, R2S1 its first strip.
UNNAMED = re.compile(r"R[1-9]\d?(S[1-9]\d?)?")


@dataclass
class Recording:
    """Leads x samples in mV.

    `signal` is float32, shape (leads, samples), NaN where nothing is printed; `fs` is in Hz; `leads` are names out
    of `ecgseg.layout.LEADS`, or R1, R2S1 … (row, strip) where it is not known which lead it is; `confidence` has the
    signal's shape, 0 to 1; `windows` gives per lead the first and last second that its page shows. Raises ValueError
    when these do not fit together.
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
        unknown = [lead for lead in self.leads if lead not in LEADS and not UNNAMED.fullmatch(lead)]
        if unknown or len(set(self.leads)) != len(self.leads):
            raise ValueError(
                f"{self.name}: leads are {self.leads}; expected different names out of {LEADS} or R1, R2S1 …"
            )
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
        """Write CSV, see ecgseg/output/csv.py."""
        from ecgseg.output import csv

        csv.write(self, path)

    def write_wfdb(self, folder, name: str | None = None) -> Path:
        """Write `name`.hea and .dat, see ecgseg/output/wfdb.py; returns the header's path."""
        from ecgseg.output import wfdb

        stem = Path(folder) / (name or self.name)
        wfdb.write(self, stem)
        return stem.with_name(stem.name + ".hea")

    def write_json(self, path) -> None:
        """Write what is told of a recording beside its samples, see `about` in ecgseg/output/about.py."""
        from ecgseg.output.about import about_json

        Path(path).write_text(about_json(self, indent=1) + "\n", encoding="utf-8")


def read_csv(path) -> Recording:
    """Read a CSV file as `Recording.write_csv` writes it; raises RecordError saying what does not fit."""
    from ecgseg.output import csv

    return csv.read(path)


def read_wfdb(path, start_s: float = 0.0, seconds: float | None = None) -> Recording:
    """Read a WFDB record, see ecgseg/output/wfdb.py; raises RecordError if it is missing, damaged or no ECG."""
    from ecgseg.output import wfdb

    return wfdb.read(path, start_s, seconds)


def standard_channels(names: list[str]) -> dict[str, int]:
    """Return standard lead name -> channel number, in the order of LEADS."""
    found = {_LEAD_BY_LOWER.get(name.strip().lower()): i for i, name in enumerate(names)}
    return {lead: found[lead] for lead in LEADS if lead in found}


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
