"""Recording -> warnings: does what was read agree with what any 12-lead ECG must obey?"""

from itertools import combinations, permutations

import numpy as np

from ecgseg.digitize.trace.confidence import lead_quality
from ecgseg.layout import LIMB_LEADS
from ecgseg.recording import Recording

__all__ = ["IDENTITIES", "LAWS", "found_share", "identity_residual", "lead_quality", "mends", "verify"]

# Sums that are zero at every instant (Einthoven 1912, Goldberger 1942), as factors per lead.
IDENTITIES = {
    "II = I + III": {"I": 1.0, "II": -1.0, "III": 1.0},
    "aVR + aVL + aVF = 0": {"aVR": 1.0, "aVL": 1.0, "aVF": 1.0},
}
# The same two laws, solved for each lead: which of them can be checked depends on what is printed at the same time.
LAWS = {
    **IDENTITIES,
    "aVR = -(I + II) / 2": {"aVR": 1.0, "I": 0.5, "II": 0.5},
    "aVL = (I - III) / 2": {"aVL": 1.0, "I": -0.5, "III": 0.5},
    "aVF = (II + III) / 2": {"aVF": 1.0, "II": -0.5, "III": -0.5},
    "I = 2/3 (aVL - aVR)": {"I": 1.5, "aVL": -1.0, "aVR": 1.0},
    "II = 2/3 (aVF - aVR)": {"II": 1.5, "aVF": -1.0, "aVR": 1.0},
    "III = 2/3 (aVF - aVL)": {"III": 1.5, "aVF": -1.0, "aVL": 1.0},
}
MIN_SECONDS = 1.0  # of simultaneous signal: with less, one beat decides
MIN_RESIDUAL_MV = 0.1  # a careful reading by eye is good to half a small square, 0.05 mV
MAX_RESIDUAL_SHARE = 0.7  # of the largest lead; swapped or wrongly scaled leads exceed 1
HOLDS_SHARE = 0.3  # of the largest lead: a law that a mended order obeys leaves less
MIN_FOUND = 0.9  # of a lead's window
MIN_QUALITY = 0.5  # 10 dB: the noise of the reading is a third of the signal

Order = dict[str, tuple[str, int]]


def identity_residual(
    recording: Recording, factors: dict[str, float], order: Order | None = None
) -> tuple[float, float] | None:
    """Return the RMS of an identity's sum in mV, and the same as a share of the largest lead's RMS.

    Each lead is taken about its median, because on paper every strip has its own zero. `order` says for a lead which
    lead's trace, and with which sign, is taken for it. None where a lead is missing, the leads share less than
    MIN_SECONDS, or all are flat.
    """
    taken = [(order or {}).get(lead, (lead, 1)) for lead in factors]
    if not {lead for lead, _ in taken} <= set(recording.leads):
        return None
    signals = np.stack([sign * recording.lead(lead) for lead, sign in taken])
    together = np.isfinite(signals).all(axis=0)
    if together.sum() < MIN_SECONDS * recording.fs:
        return None
    signals = signals[:, together]
    signals = signals - np.median(signals, axis=1, keepdims=True)
    residual = np.array(list(factors.values())) @ signals
    largest = np.sqrt((signals**2).mean(axis=1)).max()
    if largest == 0:
        return None
    rms = float(np.sqrt((residual**2).mean()))
    return rms, rms / float(largest)


def found_share(recording: Recording, lead: str) -> float:
    """Return the share of a lead's printed window that holds samples, 0 where the lead is not on the page."""
    if lead not in recording.windows:
        return 0.0
    t0, t1 = recording.windows[lead]
    expected = (t1 - t0) * recording.fs
    return min(1.0, float(np.isfinite(recording.lead(lead)).sum()) / expected) if expected > 0 else 0.0


def verify(recording: Recording) -> list[str]:
    """Return one sentence for each thing about the recording that a person should look at, often none."""
    warnings = []
    missing = [lead for lead in recording.leads if not np.isfinite(recording.lead(lead)).any()]
    if missing:
        warnings.append(f"no trace found for {', '.join(missing)}")
    for lead, quality in lead_quality(recording).items():
        if lead in missing:
            continue
        share = found_share(recording, lead)
        if share < MIN_FOUND:
            warnings.append(f"{lead}: only {share:.0%} of its strip could be read, the rest is left blank")
        elif quality < MIN_QUALITY:
            warnings.append(f"{lead}: read with low quality ({quality:.2f}); look at the overlay")
    return warnings + law_warnings(recording)


def law_warnings(recording: Recording) -> list[str]:
    """Return a sentence for each law between the limb leads that is broken, and what other order would mend it."""
    broken = []
    for law, factors in LAWS.items():
        residual = identity_residual(recording, factors)
        if residual and residual[0] > MIN_RESIDUAL_MV * _size(factors) and residual[1] > MAX_RESIDUAL_SHARE:
            broken.append((law, residual[0]))
    if not broken:
        return []
    # The same break shows in several laws: the first two are the ones people know.
    said = [b for b in broken if b[0] in IDENTITIES] or broken[:1]
    ways = mends(recording)
    if ways:
        reason = f"{' or '.join(ways)}: look at the names on the page"
    else:
        reason = "leads may be swapped, misread or not printed at the same time"
    return [f"{law} does not hold (off by {rms:.2f} mV RMS): {reason}" for law, rms in said]


def _size(factors: dict[str, float]) -> float:
    """Return how much larger than in the sum of three leads the same error of each lead shows."""
    return float(np.sqrt(sum(f**2 for f in factors.values()) / 3))


def mends(recording: Recording) -> list[str]:
    """Return what change of the limb leads' names or signs would make all laws hold, the simplest ones; often none.

    One change is tried first (two leads swapped, or one upside down), then three leads in turn, then two changes. Only
    orders under which at least as many laws can be checked count. Laws cannot tell all orders apart: II = I + III
    also holds with I and III swapped, and where I and II are swapped it holds too with III upside down.
    """
    laws = len(_shares(recording, {}))
    if laws == 0:
        return []
    for group in _orders([lead for lead in LIMB_LEADS if lead in recording.leads]):
        found = []
        for words, order in group:
            shares = _shares(recording, order)
            if len(shares) >= laws and max(shares) < HOLDS_SHARE:
                found.append((max(shares), words))
        if found:
            # What mends much worse than the best is chance.
            best = min(found)[0]
            return [words for share, words in sorted(found) if share < best + 0.1][:3]
    return []


def _shares(recording: Recording, order: Order) -> list[float]:
    """Return the residual, as a share of the largest lead, of each law that can be checked under this order."""
    found = (identity_residual(recording, factors, order) for factors in LAWS.values())
    return [residual[1] for residual in found if residual is not None]


def _orders(leads: list[str]) -> list[list[tuple[str, Order]]]:
    """Return groups of orders, the simplest group first, each order with its words."""
    swaps = [(f"{a} and {b} look swapped", {a: (b, 1), b: (a, 1)}) for a, b in combinations(leads, 2)]
    flips = [(f"{a} looks upside down", {a: (a, -1)}) for a in leads]
    turns = [
        (f"{a}, {b} and {c} look out of order", {a: (p, 1), b: (q, 1), c: (r, 1)})
        for a, b, c in combinations(leads, 3)
        for p, q, r in permutations((a, b, c))
        if p != a and q != b and r != c
    ]
    pairs = [(f"{u} and {v}", {**x, **y}) for (u, x), (v, y) in combinations(swaps + flips, 2) if not set(x) & set(y)]
    return [swaps + flips, turns, pairs]
