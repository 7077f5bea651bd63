"""The per-lead table of the original study: durations in ms, amplitudes in µV."""

from ecgseg.measure.model import Measurements

_COMMON = {"PR": "pr", "QT": "qt", "QTc": "qtc_fridericia"}
_OWN_MS = {"P": "p_duration", "QRS": "qrs_duration", "T": "t_duration", "ST": "st_duration"}
_PARTS_MS = {"Q": "q_duration", "R": "r_duration", "S": "s_duration"}
_OWN_UV = {
    "P": "p_amplitude",
    "Q": "q_amplitude",
    "R": "r_amplitude",
    "S": "s_amplitude",
    "T": "t_amplitude",
    "ST": "st_j",
}


def lead_table(measurements: Measurements) -> list[dict]:
    """Return a row for each lead: P_ms … S_ms and P_uV … ST_uV as whole numbers, None where missing.

    PR, QT and QTc (Fridericia) are those of all leads together: an interval read in a single lead is too short
    wherever that lead lies flat at a bound. P, QRS, T, Q, R and S are the lead's own.
    """
    rows = []
    for lead in measurements.leads:
        row: dict = {"lead": lead}
        row |= {f"{name}_ms": _whole(measurements, f"{key}.{lead}") for name, key in _OWN_MS.items()}
        row |= {f"{name}_ms": _whole(measurements, key) for name, key in _COMMON.items()}
        row |= {f"{name}_ms": _whole(measurements, f"{key}.{lead}") for name, key in _PARTS_MS.items()}
        row |= {f"{name}_uV": _whole(measurements, f"{key}.{lead}", 1000) for name, key in _OWN_UV.items()}
        rows.append(row)
    return rows


def as_text(rows: list[dict]) -> str:
    """Return the table as aligned text; a dash is a missing value."""
    if not rows:
        return "no lead could be measured\n"
    names = list(rows[0])
    cells = [names] + [["-" if row[n] is None else str(row[n]) for n in names] for row in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    return "".join(" ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) + "\n" for line in cells)


def _whole(measurements: Measurements, key: str, factor: float = 1.0) -> int | None:
    value = measurements.values[key].value
    return None if value is None else round(value * factor)
