"""Electrical axis in the frontal plane, from the areas of a wave in the limb leads."""

import numpy as np

# Direction (degrees, clockwise from lead I) and length of the limb leads' vectors in Einthoven's triangle.
_DIRECTIONS = {"I": 0, "II": 60, "III": 120, "aVR": -150, "aVL": -30, "aVF": 90}
_AUGMENTED = np.sqrt(3) / 2
# What must be left in the frontal plane, against the area a lead could have, for a direction to mean anything.
LEAST_MV_MS = {"p": 0.8, "qrs": 4.0, "t": 4.0}


def frontal_axis(areas: dict[str, float]) -> tuple[float, float]:
    """Return the axis in degrees (-180 to 180) and the vector's length in the unit of the areas.

    The vector that fits all limb leads there are best (least squares): Einthoven's triangle, in which the augmented
    leads are cos(30°) as long. Two leads are enough; of six, one misread lead turns it less. NaN with fewer than two.
    """
    known = {lead: a for lead, a in areas.items() if lead in _DIRECTIONS and np.isfinite(a)}
    if len(known) < 2:
        return float("nan"), float("nan")
    angles = np.deg2rad([_DIRECTIONS[lead] for lead in known])
    length = np.array([_AUGMENTED if lead.startswith("aV") else 1.0 for lead in known])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1) * length[:, None]
    (x, y), *_ = np.linalg.lstsq(rows, np.array(list(known.values())), rcond=None)
    return float(np.rad2deg(np.arctan2(y, x))), float(np.hypot(x, y))
