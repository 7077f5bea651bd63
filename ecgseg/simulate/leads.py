"""Heart vector → eight independent leads → twelve leads, and electrode potentials, from which all leads are formed."""

import numpy as np

from ecgseg.layout import LEADS

# Leads from the Frank vector (x to the left, y to the feet, z to the back): Dower, Machado, Osborne, "On deriving the
# electrocardiogram from vectorcardiographic leads", Clin Cardiol 3 (1980) 87–95. Its pseudo-inverse is the inverse
# transform of Edenbrandt and Pahlm, J Electrocardiol 21 (1988) 361–367.
DOWER = np.array(
    [
        [0.632, -0.235, 0.059],  # I
        [0.235, 1.066, -0.132],  # II
        [-0.515, 0.157, -0.917],  # V1
        [0.044, 0.164, -1.387],  # V2
        [0.882, 0.098, -1.277],  # V3
        [1.213, 0.127, -0.601],  # V4
        [1.125, 0.127, -0.086],  # V5
        [0.831, 0.076, 0.230],  # V6
    ]
)
INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
# Sums, differences and halves of whole steps of 2^-12 mV (0.24 µV) are exact in float32, so the leads' identities are.
STEP_MV = 2.0**-12


def torso(rng: np.random.Generator, spread: float = 0.1) -> np.ndarray:
    """Return one patient's (8, 3) matrix from heart vector to leads: Dower's, with body and electrodes a little off."""
    return DOWER * (1 + spread * rng.standard_normal(DOWER.shape)) + 0.3 * spread * rng.standard_normal(DOWER.shape)


def twelve(independent: np.ndarray) -> np.ndarray:
    """Return the twelve leads (12, n) float32 in the order of LEADS from I, II, V1…V6 (8, n), all in mV.

    I + III = II and aVR + aVL + aVF = 0 hold exactly: I, II, V1…V6 are rounded to whole steps of STEP_MV first.
    """
    i, ii, *chest = np.rint(independent / STEP_MV) * STEP_MV
    limb = [i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2]
    return np.stack([*limb, *chest]).astype(np.float32)


def independent_leads(signal: np.ndarray) -> np.ndarray:
    """Return I, II, V1…V6 (8, n) as float64 out of twelve leads (12, n)."""
    return signal[[LEADS.index(lead) for lead in INDEPENDENT]].astype(np.float64)


def potentials(independent: np.ndarray) -> np.ndarray:
    """Return the potentials (9, n) of ELECTRODES in mV against the right arm from I, II, V1…V6 (8, n)."""
    i, ii = independent[:2]
    return np.vstack([np.zeros_like(i), i, ii, independent[2:] + (i + ii) / 3])


def from_potentials(electrodes: np.ndarray) -> np.ndarray:
    """Return I, II and, against Wilson's terminal, V1…V6 (8, n) from the potentials (9, n) of ELECTRODES."""
    ra, la, ll = electrodes[:3]
    return np.vstack([la - ra, ll - ra, electrodes[3:] - (ra + la + ll) / 3])
