"""NPZ for numpy: `signal` (leads, samples) float32 in mV, NaN where nothing is there; confidence, fs, leads, about.

`about` is JSON text: provenance, quality, windows, warnings. The file loads without pickle, so it can run no code.
"""

import json
import zipfile
from pathlib import Path

import numpy as np

from ecgseg.errors import RecordError
from ecgseg.output.about import about_json
from ecgseg.recording import Recording


def write(recording: Recording, path) -> None:
    """Write everything the recording holds, exactly."""
    arrays = {"signal": recording.signal, "fs": np.float64(recording.fs), "leads": np.array(recording.leads)}
    if recording.confidence is not None:
        arrays["confidence"] = recording.confidence
    with open(path, "wb") as file:
        np.savez_compressed(file, **arrays, about=np.array(about_json(recording)))


def read(path) -> Recording:
    """Read what `write` wrote; raises RecordError if it is damaged or something else."""
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            content = json.loads(str(file["about"]))
            return from_arrays(
                content,
                file["signal"],
                float(file["fs"]),
                tuple(str(lead) for lead in file["leads"]),
                file["confidence"] if "confidence" in file.files else None,
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise RecordError(
            f"{path}: cannot be read as a recording in NPZ ({error}); was it written by ecgseg?"
        ) from error


def from_arrays(content: dict, signal, fs: float, leads: tuple[str, ...], confidence=None) -> Recording:
    """Return the recording of these arrays and what `about` told of it."""
    return Recording(
        name=content["name"],
        signal=signal,
        fs=fs,
        leads=leads,
        confidence=confidence,
        windows={lead: (t0, t1) for lead, (t0, t1) in content["windows_s"].items()},
        clinical=content["clinical"],
        provenance=content["provenance"],
        quality={lead: np.nan if q is None else q for lead, q in content["quality"].items()},
        warnings=content["warnings"],
    )
