"""Mains hum taken out as what it is, a steady sine: a notch filter would ring at every QRS and move its bounds."""

import numpy as np

from ecgseg.measure.prepare import bridged

_MAINS_HZ = (50.0, 60.0)
_REACH_HZ = 0.5
_PLAIN = 6.0  # a line this many times over its neighbours in the spectrum is hum


def without_hum(x: np.ndarray, fs: float, quiet: np.ndarray) -> np.ndarray:
    """Return leads (leads, samples) less the sine of 50 or 60 Hz (and its third harmonic) that fits quiet parts.

    quiet (samples,) bool: outside the QRS complexes. A lead is left as it is where no line stands out of its spectrum.
    """
    hz = _frequency(x, fs)
    if hz is None:
        return x
    t = np.arange(x.shape[1]) / fs
    turns = [k * hz for k in (1, 3) if k * hz < 0.45 * fs]
    waves = np.stack([f(2 * np.pi * h * t) for h in turns for f in (np.sin, np.cos)], axis=1)
    out = x.copy()
    # What moves slowly is no part of the fit: differences over half a turn keep hum and lose the rest.
    half = max(1, round(fs / hz / 2))
    for row in out:
        use = np.isfinite(row) & quiet
        pair = use[half:] & use[:-half]
        if pair.sum() < fs / 2:
            continue
        difference = (row[half:] - row[:-half])[pair]
        basis = (waves[half:] - waves[:-half])[pair]
        weights, *_ = np.linalg.lstsq(basis, difference, rcond=None)
        row -= waves @ weights
    return out


def _frequency(x: np.ndarray, fs: float) -> float | None:
    """Return the frequency of the hum in Hz, common to all leads, or None if there is no plain line."""
    filled = bridged(x) - np.nanmean(x, axis=1, keepdims=True)
    filled = np.where(np.isfinite(x), filled, 0.0)
    n = 8 * x.shape[1]
    power = (np.abs(np.fft.rfft(filled * np.hanning(x.shape[1]), n, axis=1)) ** 2).sum(axis=0)
    hz = np.fft.rfftfreq(n, 1 / fs)
    best, plain = None, _PLAIN
    for mains in _MAINS_HZ:
        near, beside = np.abs(hz - mains) < _REACH_HZ, (np.abs(hz - mains) > 1.5) & (np.abs(hz - mains) < 6)
        if not near.any() or not beside.any():
            continue
        top = power[near].max() / np.median(power[beside])
        if top > plain:
            best, plain = float(hz[near][np.argmax(power[near])]), top
    return best
