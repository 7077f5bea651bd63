"""What goes wrong between the heart and the paper, on simulated and real recordings.

Each artefact acts on the potentials of the nine electrodes (against the right arm's: what all electrodes share shows in
no lead), or, for the amplifier, on its eight channels. Leads are formed afterwards, so that I + III = II and
aVR + aVL + aVF = 0 hold exactly, whatever happened.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.signal import lfilter

from ecgseg.layout import LEADS
from ecgseg.recording import Recording
from ecgseg.simulate.continuous import smooth_noise
from ecgseg.simulate.leads import ELECTRODES, from_potentials, independent_leads, potentials, twelve

_COUNT = len(ELECTRODES)


def add_artefacts(recording: Recording, rng: np.random.Generator, kinds: list[str] | None = None) -> Recording:
    """Return the recording with artefacts, its lead III and augmented leads formed anew from I and II.

    kinds: names out of ARTEFACTS, applied in that order; None draws each by its odds. The names go to
    provenance["artefacts"]. Raises ValueError on an unknown name, or unless all twelve leads are there without gaps.
    """
    if kinds is None:
        kinds = [name for name, (odds, _) in ARTEFACTS.items() if rng.random() < odds]
    unknown = [name for name in kinds if name not in ARTEFACTS]
    if unknown:
        raise ValueError(f"unknown artefacts {unknown}; the choices are {', '.join(ARTEFACTS)}")
    if recording.leads != LEADS or not np.isfinite(recording.signal).all():
        raise ValueError(f"{recording.name}: artefacts need the twelve leads without gaps, in the order of LEADS")
    electrodes = potentials(independent_leads(recording.signal))
    for name in ARTEFACTS:
        if name in kinds:
            electrodes = ARTEFACTS[name][1](rng, electrodes, recording.fs)
    provenance = {**recording.provenance, "artefacts": [name for name in ARTEFACTS if name in kinds]}
    return replace(recording, signal=twelve(from_potentials(electrodes)), provenance=provenance)


def _one_each(rng: np.random.Generator, spread: float = 0.5) -> np.ndarray:
    """Return a positive factor (9, 1) for each electrode: contacts differ."""
    return np.exp(spread * rng.standard_normal((_COUNT, 1)))


def swap_limbs(rng, electrodes, fs):
    """Exchange two limb electrodes, mostly those of the arms."""
    a, b = (0, 1) if rng.random() < 0.7 else rng.choice(3, 2, replace=False)
    return _exchange(electrodes, a, b)


def swap_chest(rng, electrodes, fs):
    """Exchange two chest electrodes beside each other, mostly V1 and V2."""
    a = 3 if rng.random() < 0.5 else rng.integers(3, _COUNT - 1)
    return _exchange(electrodes, a, a + 1)


def _exchange(electrodes: np.ndarray, a: int, b: int) -> np.ndarray:
    order = np.arange(len(electrodes))
    order[[a, b]] = b, a
    return electrodes[order]


def wander(rng, electrodes, fs):
    """Add slow drift and breathing: 0.05 to 1.5 mV from end to end, other at each electrode."""
    n = electrodes.shape[1]
    drift = smooth_noise(rng, _COUNT, n, fs, rng.uniform(1.2, 4.0))
    breath = np.sin(2 * np.pi * (rng.random() + np.arange(n) / fs / rng.uniform(2.5, 6)))
    size = np.exp(rng.uniform(np.log(0.02), np.log(0.35)))
    return electrodes + size * _one_each(rng) * (0.8 * drift + 0.6 * rng.standard_normal((_COUNT, 1)) * breath)


def mains(rng, electrodes, fs):
    """Add hum of 50 or 60 Hz and a little of its third harmonic, up to about 0.2 mV from end to end."""
    hz = rng.choice([50.0, 60.0]) + 0.05 * rng.standard_normal()
    phase = 2 * np.pi * hz * np.arange(electrodes.shape[1]) / fs
    shape = np.sin(phase) + rng.uniform(0, 0.2) * np.sin(3 * phase)
    # The hum reaches all electrodes at once and becomes visible by the difference of their contacts.
    return electrodes + rng.uniform(0.005, 0.05) * rng.standard_normal((_COUNT, 1)) * shape


def muscle(rng, electrodes, fs):
    """Add muscle noise: 20 to 150 Hz, 0.003 to 0.06 mV, in bursts, and sometimes tremor of 4 to 8 Hz in the limbs."""
    n = electrodes.shape[1]
    noise = rng.standard_normal((_COUNT, n + 1))
    # A difference (up with frequency) and a first-order low pass at 90 Hz make the broad hump of an electromyogram.
    keep = np.exp(-2 * np.pi * 90 / fs)
    noise = lfilter([1 - keep], [1, -keep], np.diff(noise, axis=1), axis=1)
    noise *= np.exp(0.5 * smooth_noise(rng, _COUNT, n, fs, 1.0)) / noise.std()
    noise *= np.exp(rng.uniform(np.log(0.003), np.log(0.06))) * _one_each(rng)
    if rng.random() < 0.15:
        size, hz = rng.uniform(0.02, 0.12), rng.uniform(4, 8)
        swing = 2 * np.pi * (hz * np.arange(n) / fs + 0.3 * smooth_noise(rng, 3, n, fs, 0.8))
        noise[:3] += size * np.sin(swing) * rng.uniform(0, 1, (3, 1))
    return electrodes + noise


def motion(rng, electrodes, fs):
    """Add one to four steps or spikes of a moving electrode, to 3 mV; a step dies away as an AC amplifier lets it."""
    out, n = electrodes.copy(), electrodes.shape[1]
    for _ in range(rng.integers(1, 5)):
        since = np.arange(n) / fs - rng.uniform(0, n / fs)
        size = rng.choice([-1, 1]) * np.exp(rng.uniform(np.log(0.2), np.log(3.0)))
        if rng.random() < 0.5:
            shape = (since >= 0) * np.exp(-np.maximum(since, 0) / rng.uniform(0.15, 2.0))
        else:
            shape = np.maximum(0, 1 - np.abs(since) / rng.uniform(0.008, 0.06))
        out[rng.integers(_COUNT)] += size * shape
    return out


def lead_off(rng, electrodes, fs):
    """Take one electrode off, from the start or on the way: its lead goes flat, or drifts and hums freely."""
    out, n = electrodes.copy(), electrodes.shape[1]
    which = rng.integers(_COUNT)
    off = slice(0 if rng.random() < 0.6 else rng.integers(n), n)
    # A held input shows no difference: a chest electrode's to Wilson's terminal, a limb's to another limb.
    held = electrodes[:3].mean(axis=0) if which > 2 else electrodes[which - 1 if which else 1]
    if rng.random() < 0.5:
        hum = np.sin(2 * np.pi * rng.choice([50.0, 60.0]) * np.arange(n) / fs)
        drift = smooth_noise(rng, 1, n, fs, rng.uniform(0.3, 2.0))[0]
        held = held + rng.uniform(0.05, 0.8) * drift + rng.uniform(0, 0.3) * hum
    out[which, off] = held[off]
    return out


def clipping(rng, electrodes, fs):
    """Limit the amplifier's eight channels to 55 to 95 % of the largest swing."""
    channels = from_potentials(electrodes)
    limit = rng.uniform(0.55, 0.95) * np.abs(channels).max()
    return potentials(np.clip(channels, -limit, limit))


# name -> (odds of being drawn, what it does to (electrodes (9, n) in mV, fs)); in the order in which they happen.
Artefact = Callable[[np.random.Generator, np.ndarray, float], np.ndarray]
ARTEFACTS: dict[str, tuple[float, Artefact]] = {
    "swap_limbs": (0.02, swap_limbs),
    "swap_chest": (0.03, swap_chest),
    "wander": (0.5, wander),
    "mains": (0.25, mains),
    "muscle": (0.5, muscle),
    "motion": (0.08, motion),
    "lead_off": (0.04, lead_off),
    "clipping": (0.03, clipping),
}
