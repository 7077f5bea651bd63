"""Recording -> warnings: does what was read agree with what any 12-lead ECG must obey?"""

import numpy as np

from ecgseg.recording import Recording

# Sums that are zero at every instant (Einthoven 1912, Goldberger 1942), as factors per lead.
IDENTITIES = {
    "II = I + III": {"I": 1.0, "II": -1.0, "III": 1.0},
    "aVR + aVL + aVF = 0": {"aVR": 1.0, "aVL": 1.0, "aVF": 1.0},
}
MIN_SECONDS = 1.0  # of simultaneous signal: with less, one beat decides
MIN_RESIDUAL_MV = 0.1  # a careful reading by eye is good to half a small square, 0.05 mV
MAX_RESIDUAL_SHARE = 0.7  # of the largest lead; swapped or wrongly scaled leads exceed 1
MIN_FOUND = 0.9  # of a lead's window
MIN_CONFIDENCE = 0.5


def identity_residual(recording: Recording, factors: dict[str, float]) -> tuple[float, float] | None:
    """Return the RMS of an identity's sum in mV, and the same as a share of the largest lead's RMS.

    Each lead is taken about its median, because on paper every strip has its own zero. None where the leads
    share less than MIN_SECONDS or all are flat.
    """
    signals = np.stack([recording.lead(lead) for lead in factors])
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


def lead_quality(recording: Recording) -> dict[str, float]:
    """Return per lead the mean confidence of its samples times the share of its window found, 0 to 1."""
    quality = {}
    for lead in recording.leads:
        value = found_share(recording, lead)
        finite = np.isfinite(recording.lead(lead))
        if recording.confidence is not None and finite.any():
            value *= float(recording.confidence[recording.leads.index(lead)][finite].mean())
        quality[lead] = value
    return quality


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
        elif quality < MIN_CONFIDENCE:
            warnings.append(f"{lead}: read with low confidence ({quality:.2f}); look at the overlay")
    for law, factors in IDENTITIES.items():
        if not set(factors) <= set(recording.leads):
            continue
        residual = identity_residual(recording, factors)
        if residual and residual[0] > MIN_RESIDUAL_MV and residual[1] > MAX_RESIDUAL_SHARE:
            warnings.append(
                f"{law} does not hold (off by {residual[0]:.2f} mV RMS): leads may be swapped, misread or "
                "not printed at the same time"
            )
    return warnings
