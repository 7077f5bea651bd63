"""Other delineators on the same simulated recordings: NeuroKit2 (wavelets) and openecg (a network, if installed).

For judging only. Both read one lead at a time; each gets leads II, V2 and V5 and gives the median over leads and beats.
"""

import importlib
import warnings

import numpy as np

from ecgseg.errors import EcgsegError
from ecgseg.measure import measure
from ecgseg.measure.judge import NOISE, spread, truth_of
from ecgseg.simulate import KINDS, add_artefacts, simulate_with_truth

LEADS = ("II", "V2", "V5")
# Kinds in which every interval exists: how often the others invent one is not asked here.
KINDS_ASKED = (
    "normal",
    "sinus_bradycardia",
    "premature_atrial",
    "left_bundle_branch_block",
    "right_bundle_branch_block",
    "first_degree_block",
    "hypertrophy",
    "st_elevation",
    "inverted_t",
    "long_qt",
    "old_infarct",
)
ASKED = ("pr", "qrs", "qt")


def voices(each: int) -> str:
    """Return a table of errors in ms by delineator, on simulated recordings with noise."""
    found: dict[str, list[tuple[dict, dict]]] = {"this package": [], "NeuroKit2 (dwt)": [], "openecg": []}
    for kind in KINDS_ASKED:
        for seed in range(each):
            rng = np.random.default_rng([seed, KINDS.index(kind), 99])
            clean, truth = simulate_with_truth(rng, kind)
            recording = add_artefacts(clean, rng, NOISE)
            right = truth_of(clean, truth)
            mine = measure(recording)
            found["this package"].append((right, {k: mine.value(k) for k in ASKED}))
            found["NeuroKit2 (dwt)"].append((right, _pooled(_neurokit, recording)))
            found["openecg"].append((right, _pooled(_openecg, recording)))
    lines = ["| delineator | value | n | median error | 75 % within | 95 % limits | none given |", "|---" * 7 + "|"]
    for name, pairs in found.items():
        for key in ASKED:
            errors = np.array([f[key] - t[key] for t, f in pairs if f[key] is not None])
            none = len(pairs) - len(errors)
            if not len(errors):
                lines.append(f"| {name} | {key} | 0 | | | | {none} |")
                continue
            lines.append(f"| {name} | {key} | {spread(errors, ' ms')} | {none} |")
    return "\n".join(lines) + "\n"


def _pooled(delineate, recording) -> dict[str, float | None]:
    """Return the median of each interval in ms over the leads' beats, None where there is none."""
    rows = [row for lead in LEADS for row in delineate(recording.lead(lead).astype(float), recording.fs)]
    out: dict[str, float | None] = {}
    for key in ASKED:
        values = [1000 * row[key] for row in rows if np.isfinite(row[key])]
        out[key] = float(np.median(values)) if values else None
    return out


def _neurokit(x: np.ndarray, fs: float) -> list[dict[str, float]]:
    """Return PR, QRS and QT in s of each beat, by NeuroKit2's wavelets."""
    nk = _package("neurokit2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of every beat that it cannot delineate
        clean = nk.ecg_clean(x, sampling_rate=int(fs))
        _, peaks = nk.ecg_peaks(clean, sampling_rate=int(fs))
        _, waves = nk.ecg_delineate(clean, peaks["ECG_R_Peaks"], sampling_rate=int(fs), method="dwt")
    on, off = (np.array(waves[f"ECG_R_{end}"], float) for end in ("Onsets", "Offsets"))
    p, t = np.array(waves["ECG_P_Onsets"], float), np.array(waves["ECG_T_Offsets"], float)
    n = min(len(on), len(off), len(p), len(t))
    return [{"pr": (on[k] - p[k]) / fs, "qrs": (off[k] - on[k]) / fs, "qt": (t[k] - on[k]) / fs} for k in range(n)]


def _openecg(x: np.ndarray, fs: float) -> list[dict[str, float]]:
    """Return PR, QRS and QT in s of each beat, by openecg's network; its classes are 1 P, 2 QRS, 3 T."""
    package = _package("openecg")
    global _CODEC
    _CODEC = _CODEC or package.load_codec_onnx()
    spans = package.encode(x, fs=int(fs), model=_CODEC).events("frame")
    rows = []
    spans = [s for s in spans if s[2] in (1, 2, 3)]
    for k, (first, last, kind) in enumerate(spans):
        if kind != 2:
            continue
        before = spans[k - 1] if k and spans[k - 1][2] == 1 else None
        after = spans[k + 1] if k + 1 < len(spans) and spans[k + 1][2] == 3 else None
        rows.append(
            {
                "pr": (first - before[0]) / fs if before else np.nan,
                "qrs": (last - first) / fs,
                "qt": (after[1] - first) / fs if after else np.nan,
            }
        )
    return rows


_CODEC = None


def _package(name: str):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise EcgsegError(
            f"{name} is not installed; `pip install 'openecg[report]' neurokit2` brings both voices"
        ) from error
