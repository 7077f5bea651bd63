"""WFDB: NAME.hea and NAME.dat, 16 bit; a sample that is not there is WFDB's invalid sample, which readers show as NaN.

What should be known of a digitized recording stands in the header as comment lines.
"""

import math
import re
import unicodedata
from pathlib import Path

import numpy as np
import wfdb

from ecgseg.errors import RecordError
from ecgseg.layout import LEADS
from ecgseg.output.about import notes
from ecgseg.recording import UNNAMED, Recording, standard_channels

# Steps of 0.5 µV, as PTB has: 16 bits then hold ±16 mV, more than any ECG lead swings.
GAIN = 2000.0
LONGEST_COMMENT = 240  # WFDB's own library reads header lines of up to 255 characters
_SPELLED = str.maketrans({"µ": "u", "μ": "u", "–": "-", "—": "-", "−": "-", "×": "x", "°": " deg", "±": "+-"})
_MV_PER_UNIT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}


def write(recording: Recording, stem) -> None:
    """Write stem.hea and stem.dat in steps of 0.5 µV, coarser only for swings over 16 mV.

    Clinical header lines are kept as comments. Raises RecordError on a name that WFDB does not allow.
    """
    stem = Path(stem)
    finite = np.isfinite(recording.signal)
    peak = np.max(np.abs(recording.signal), initial=0.0, where=finite)
    gain = GAIN if peak * GAIN < 32767 else math.floor(32767 / peak)
    n = len(recording.leads)
    if not re.fullmatch(r"[A-Za-z0-9_-]+", stem.name) or not recording.signal.size or gain == 0:
        raise RecordError(
            f"WFDB cannot hold '{stem.name}' with {recording.signal.shape[1]} samples up to {peak:g} mV; "
            "give a name of ASCII letters, digits, _ and -, and at least one sample"
        )
    comments = [" ".join(str(c).split()) for c in recording.clinical.get("comments", [])]
    comments += [_ascii(line)[:LONGEST_COMMENT] for line in notes(recording)]
    wfdb.wrsamp(
        stem.name,
        fs=recording.fs,
        units=["mV"] * n,
        sig_name=list(recording.leads),
        p_signal=np.where(finite, recording.signal, np.nan).T.astype(np.float64),
        fmt=["16"] * n,
        adc_gain=[gain] * n,
        baseline=[0] * n,
        comments=comments,
        write_dir=str(stem.parent),
    )


def read(path, start_s: float = 0.0, seconds: float | None = None) -> Recording:
    """Read a WFDB record (path with or without .hea): the standard leads in mV, in the order of LEADS, then R1 ….

    Lead names may be in any case; other channels are left unread. Samples marked invalid become NaN. Raises
    RecordError if the record is missing, damaged (its checksums included) or has no such lead.
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix.lower() in (".hea", ".dat", ".mat") else path
    if not stem.with_name(stem.name + ".hea").is_file():
        raise RecordError(f"{stem}.hea: no such WFDB header; give the path of a record's .hea file")
    try:
        header = wfdb.rdheader(str(stem))
        names = header.sig_name or []
        channels = standard_channels(names) | {n: i for i, n in enumerate(names) if UNNAMED.fullmatch(n)}
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


def _ascii(text: str) -> str:
    """Return one line of ASCII: readers of WFDB headers drop other letters, which would turn 2 µV into 2 V."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(plain.encode("ascii", "replace").decode().split())


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
