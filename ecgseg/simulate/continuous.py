"""Signals without beats: slow random curves, fibrillation of the atria and of the ventricles."""

import numpy as np
from scipy.interpolate import CubicSpline


def smooth_noise(rng: np.random.Generator, rows: int, n: int, fs: float, knot_s: float) -> np.ndarray:
    """Return `rows` random curves (rows, n), splines through normal numbers `knot_s` s apart; about unit variance."""
    knots = int(np.ceil(n / fs / knot_s)) + 4
    curve = CubicSpline(knot_s * np.arange(knots), rng.standard_normal((knots, rows)))
    return curve((rng.random() + 1) * knot_s + np.arange(n) / fs).T


def _wobbling(rng: np.random.Generator, n: int, fs: float, hz: np.ndarray, spread: float) -> np.ndarray:
    """Return sines (k, n) whose frequencies `hz` (k,) wander by `spread` (a share) and whose height waxes and wanes."""
    curves = smooth_noise(rng, 2 * len(hz), n, fs, 0.35)
    frequency = hz[:, None] * (1 + spread * np.clip(curves[: len(hz)], -2, 2))
    phase = 2 * np.pi * (np.cumsum(frequency, axis=1) / fs + rng.random((len(hz), 1)))
    return np.sin(phase) * (1 + 0.35 * curves[len(hz) :])


def atrial_fibrillation(rng: np.random.Generator, n: int, fs: float) -> np.ndarray:
    """Return the heart vector (3, n) in mV of f waves: 5 to 8 Hz, largest in V1, fine to coarse."""
    sines = _wobbling(rng, n, fs, rng.uniform(5, 8) * np.array([1.0, 1.27, 0.81]), 0.08)
    to_front = np.array([-0.25, 0.35, -0.8]) + 0.15 * rng.standard_normal(3)
    directions = np.column_stack([to_front, 0.5 * rng.standard_normal(3), 0.35 * rng.standard_normal(3)])
    return rng.uniform(0.03, 0.13) * directions @ sines


def ventricular_fibrillation(rng: np.random.Generator, n: int, fs: float) -> np.ndarray:
    """Return the heart vector (3, n) in mV of ventricular fibrillation: 3 to 7 Hz, chaotic, fine to coarse."""
    sines = _wobbling(rng, n, fs, rng.uniform(3.5, 6) * rng.uniform(0.6, 1.4, 5), 0.15)
    return rng.uniform(0.05, 0.32) * rng.standard_normal((3, 5)) @ sines
