"""What is told about a recording in every format that can hold it: where it comes from and how far to trust it."""

import json
import math
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from ecgseg.recording import Recording
from ecgseg.runs import runs

NOTE = "Digitized from a picture of an ECG on paper by research software; not a medical device."


def about(recording: Recording) -> dict:
    """Return all but the samples as plain JSON types (NaN as None): size, unit, leads, quality, provenance …"""
    finite = np.isfinite(recording.signal)
    share = finite.mean(axis=1).round(4) if finite.size else np.zeros(len(recording.leads))
    return plain(
        {
            "name": recording.name,
            "fs_hz": recording.fs,
            "samples": recording.signal.shape[1],
            "length_s": recording.seconds,
            "unit": "mV",
            "leads": list(recording.leads),
            "share_present": dict(zip(recording.leads, share, strict=True)),
            "windows_s": recording.windows,
            "quality": recording.quality,
            "warnings": recording.warnings,
            "provenance": recording.provenance,
            "clinical": {k: v for k, v in recording.clinical.items() if k != "comments"},
        }
    )


def about_json(recording: Recording, indent: int | None = None) -> str:
    """Return `about` as strict JSON text."""
    return json.dumps(about(recording), indent=indent, ensure_ascii=False, allow_nan=False)


def digitized(recording: Recording) -> bool:
    """Return whether a picture was read to make this recording (rather than a file of samples)."""
    return "software" in recording.provenance


def notes(recording: Recording) -> list[str]:
    """Return what a person should know, a line each: software, scale, quality per lead, every warning.

    Empty for a recording that was not digitized: nothing about it is our claim.
    """
    if not digitized(recording):
        return []
    source = recording.provenance
    lines = [NOTE, f"Software: {software(recording)}"]
    if "speed_mm_s" in source and "gain_mm_mv" in source:
        lines.append(f"Taken as {source['speed_mm_s']:g} mm/s and {source['gain_mm_mv']:g} mm/mV")
    quality = [f"{lead} {q:.2f}" for lead, q in recording.quality.items() if math.isfinite(q)]
    if quality:
        lines.append(f"Quality 0 to 1: {', '.join(quality)}")
    return lines + [f"Warning: {w}" for w in recording.warnings]


def software(recording: Recording) -> str:
    """Return the name and version of the software that read the picture, or else of this package."""
    found = recording.provenance.get("versions", {}).get("ecgseg")
    if found is None:
        try:
            found = version("ecgseg")
        except PackageNotFoundError:  # run from its folder
            found = "not installed"
    return f"ecgseg {found}"


def gaps(samples: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs (first, last + 1) of samples that are not there."""
    return [(int(a), int(b)) for a, b in runs(~np.isfinite(samples))]


def plain(value):
    """Return `value` as JSON can hold it: numpy types as Python's, NaN and infinities as None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)
