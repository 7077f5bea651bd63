"""Recording → signals fit to be measured: one rate, unsure samples taken out, pacemaker spikes found and taken out."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import butter, sosfiltfilt

from ecgseg.layout import LEADS
from ecgseg.recording import Recording

# Both sides of a spike are back within this time; no part of a QRS is.
_SPIKE_S, _QRS_S = 0.005, 0.014


@dataclass(frozen=True)
class Signals:
    """Leads ready to be measured.

    x (leads, samples) in mV, NaN where nothing is known; fs in Hz; trust (leads, samples): the recording's confidence
    (1 where it gives none); spikes: instants of pacemaker spikes in s; dropped: lead -> why it is not used.
    """

    leads: tuple[str, ...]
    x: np.ndarray
    fs: float
    trust: np.ndarray
    spikes: np.ndarray
    dropped: dict[str, str]

    def lead(self, name: str) -> np.ndarray:
        return self.x[self.leads.index(name)]


def prepare(recording: Recording, options: dict) -> Signals:
    """Return the recording's leads at the rate for measuring, without what is unsure, flat or absent."""
    at_rate = recording.resample(options["fs_hz"])
    x = at_rate.signal.astype(np.float64)
    trust = np.ones_like(x) if at_rate.confidence is None else at_rate.confidence.astype(np.float64)
    x[trust < options["least_confidence"]] = np.nan
    kept, dropped = [], {}
    for k, lead in enumerate(recording.leads):
        finite = x[k][np.isfinite(x[k])]
        if len(finite) < options["shortest_lead_s"] * at_rate.fs:
            dropped[lead] = f"less than {options['shortest_lead_s']:g} s can be read"
        elif np.ptp(np.percentile(finite, [0.5, 99.5])) < options["flat_mv"]:
            dropped[lead] = f"flat: it stays within {1000 * options['flat_mv']:.0f} µV"
        else:
            kept.append(k)
    dropped.update({lead: "not in the recording" for lead in LEADS if lead not in recording.leads})
    x, trust = x[kept], trust[kept]
    x, spikes = _without_spikes(x, at_rate.fs, options["spike_mv"])
    return Signals(tuple(recording.leads[k] for k in kept), x, at_rate.fs, trust, spikes, dropped)


def bridged(x: np.ndarray) -> np.ndarray:
    """Return leads (leads, samples) with gaps filled by straight lines, ends by the last value; no lead is all NaN."""
    index = np.arange(x.shape[1])
    known = np.isfinite(x)
    return np.stack([np.interp(index, index[k], row[k]) for row, k in zip(x, known, strict=True)])


def band_pass(x: np.ndarray, fs: float, low: float, high: float) -> np.ndarray:
    """Return leads between two frequencies (Hz), without shift in time; NaN stays NaN."""
    sos = butter(2, [low, high], "bandpass", fs=fs, output="sos")
    pad = min(x.shape[1] - 1, round(fs))
    return np.where(np.isfinite(x), sosfiltfilt(sos, bridged(x), axis=1, padtype="even", padlen=pad), np.nan)


def _without_spikes(x: np.ndarray, fs: float, least_mv: float) -> tuple[np.ndarray, np.ndarray]:
    """Return leads with pacemaker spikes cut out by a straight line, and the spikes' instants in s.

    A spike stands nearly as high over what is 5 ms away as over what is 14 ms away; the tip of a QRS does not.
    """
    if not x.size:
        return x, np.zeros(0)
    near, far = (max(1, round(s * fs)) for s in (_SPIKE_S, _QRS_S))
    filled = bridged(x)
    size, broad, common = (np.zeros(x.shape[1]) for _ in range(3))
    for sign in (1, -1):
        over_near, over_far = (np.maximum(_over_both_sides(sign * filled, k), 0) for k in (near, far))
        common += over_near.sum(axis=0)
        size += np.where(over_near > least_mv, over_near, 0).sum(axis=0)
        broad += over_far.sum(axis=0)
    # Hum and muscle make sharp tips all the time; spikes fill less than a twentieth of it. And what is sharp in one
    # lead may be the tip of a QRS in all others.
    least = 4 * least_mv + 2 * np.percentile(common, 95)
    size[size < 0.65 * broad] = 0
    size[size < least] = 0
    tops = np.flatnonzero((size > 0) & (size == maximum_filter1d(size, 2 * far + 1)))
    tops = tops[np.diff(tops, prepend=-far - 1) > far]
    out = x.copy()
    for at in tops:
        a, b = max(at - near, 0), min(at + near, x.shape[1] - 1)
        inner = np.arange(a, b + 1)
        line = filled[:, [a]] + (filled[:, [b]] - filled[:, [a]]) * (inner - a) / max(b - a, 1)
        out[:, inner] = np.where(np.isfinite(x[:, inner]), line, np.nan)
    return out, tops / fs


def _over_both_sides(x: np.ndarray, k: int) -> np.ndarray:
    """Return how far each sample stands over the higher of the samples k before and k after it."""
    padded = np.pad(x, ((0, 0), (k, k)), mode="edge")
    return x - np.maximum(padded[:, : x.shape[1]], padded[:, 2 * k :])
