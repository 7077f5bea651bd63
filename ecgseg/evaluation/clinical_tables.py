"""Lines of a results file → what became of the clinical content: errors of each value, and P waves, by condition.

python -m ecgseg.evaluation.clinical_tables FOLDER: the same over all pages of FOLDER/results.csv, whatever their seeds.
"""

import sys
from pathlib import Path

import numpy as np

from ecgseg.errors import EcgsegError
from ecgseg.evaluation.clinical import ST, VALUES
from ecgseg.evaluation.results import READ, read_rows, write_rows
from ecgseg.evaluation.tables import ALL, Heading, drawn, listed

AIM_NOISE = "scan"
AIMS = {"rate": 1.0, "pr": 6.0, "qrs": 5.0, "qt": 8.0, ST: 0.03}  # median size of the error: /min, ms, mV
P_AIM = 0.98
NAMES = {"rate": "heart rate, /min", "pr": "PR, ms", "qrs": "QRS, ms", "qt": "QT, ms", ST: "ST at J, mV"}
_ERRORS = (
    Heading("n", "n", "d"),
    Heading("median", "median error", ".3g"),
    Heading("p75", "75 % within", ".3g"),
    Heading("low", "95 % limits: from", "+.3g"),
    Heading("high", "to", "+.3g"),
    Heading("lost", "not assessed after", "d"),
    Heading("before", "of", "d"),
    Heading("new", "assessed only after", "d"),
)
_P = (
    Heading("pages", "pages read", "d"),
    Heading("beats", "beats with P", "d"),
    Heading("agree", "P still there", ".1%"),
    Heading("lost", "gone", "d"),
    Heading("unread", "not read", "d"),
    Heading("free", "beats without", "d"),
    Heading("invented", "P invented", "d"),
    Heading("agree_all", "all agree", ".1%"),
)
LEGEND = (
    "The same code measures the printed signal, as far as it is printed, and what was read of it. Errors: reading less "
    "print over the pages on which both are assessed, their median and 75th percentile without sign. ST: of each page "
    "the median over its leads without sign; its limits are those of single leads. Not assessed after: of the pages "
    "on which the print allows it, those that were not read among them."
)
P_LEGEND = (
    "P waves, of the pages that were read: a beat has one where measuring finds P waves in print and a lead rises by "
    "0.1 mV or more there; it is gone below 0.05 mV. A beat is without one below 0.05 mV; it is invented from 0.1 mV "
    "on. Not read counts as not there."
)


def measured(rows: list[dict]) -> list[dict]:
    """Return the lines that tell of clinical content: those of older runs do not."""
    return [row for row in rows if np.isfinite(row["p_beats"])]


def value_lines(rows: list[dict], key: str) -> list[dict]:
    """Return a line per group of `key`, and for all if there are several, and value; errors as LEGEND says."""
    return [{key: group, **_of_value(some, name)} for group, some in _groups(rows, key) for name in (*VALUES, ST)]


def p_lines(rows: list[dict], key: str) -> list[dict]:
    """Return a line per group of `key`, and for all if there are several, with the P waves of the pages read."""
    return [{key: group, **_of_p(some)} for group, some in _groups(rows, key)]


def _groups(rows: list[dict], key: str) -> list[tuple[str, list[dict]]]:
    groups = {value: [row for row in rows if row[key] == value] for value in dict.fromkeys(row[key] for row in rows)}
    return [*groups.items(), (ALL, rows)] if len(groups) > 1 else list(groups.items())


def _of_value(rows: list[dict], name: str) -> dict:
    errors = np.array([row[f"{name}_error"] for row in rows], float)
    errors = errors[np.isfinite(errors)]
    limited = np.array([e for row in rows for e in row["st_errors"].values()], float) if name == ST else errors
    sizes = np.abs(errors)
    lost, new = (sum(name in row[which].split() for row in rows) for which in ("lost_values", "new_values"))
    low, high = np.percentile(limited, (2.5, 97.5)) if len(limited) else (np.nan, np.nan)
    return {
        "value": NAMES[name],
        "n": len(errors),
        "median": float(np.median(sizes)) if len(sizes) else np.nan,
        "p75": float(np.percentile(sizes, 75)) if len(sizes) else np.nan,
        "low": float(low),
        "high": float(high),
        "lost": lost,
        "before": len(errors) + lost,
        "new": new,
    }


def _of_p(rows: list[dict]) -> dict:
    read = [row for row in rows if row["status"] in READ]
    names = ("beats", "lost", "unread", "free", "invented")
    sums = {name: int(sum(row[f"p_{name}"] for row in read)) for name in names}
    there, kept = sums["beats"], sums["beats"] - sums["lost"] - sums["unread"]
    asked = there + sums["free"]
    return {
        "pages": len(read),
        **sums,
        "agree": kept / there if there else np.nan,
        "agree_all": (kept + sums["free"] - sums["invented"]) / asked if asked else np.nan,
    }


def aims(values: list[dict], p: list[dict]) -> str:
    """Return in one line what is aimed at, and what of it is reached; `values` and `p` by noise level."""
    found = {line["value"]: line["median"] for line in values if line["noise"] == AIM_NOISE}
    said = [f"{NAMES[name]} ≤ {aim:g}{_reached(found.get(NAMES[name], np.nan), aim, 1)}" for name, aim in AIMS.items()]
    kept = next((line["agree"] for line in p if line["noise"] == AIM_NOISE), np.nan)
    said.append(f"P waves still there ≥ {P_AIM:.0%}{_reached(kept, P_AIM, -1)}")
    return f"Aims on `{AIM_NOISE}`, medians: {'; '.join(said)}."


def _reached(value: float, aim: float, sign: int) -> str:
    return "" if np.isnan(value) else " (reached)" if sign * value <= sign * aim else " (missed)"


def clinical_section(rows: list[dict], out: Path, key: str = "noise") -> list[str]:
    """Write clinical.csv and p_waves.csv into `out` and return their part of a report; [] where nothing is told."""
    told = measured(rows)
    if not told:
        return []
    values, p = value_lines(told, key), p_lines(told, key)
    write_rows(values, out / "clinical.csv")
    write_rows(p, out / "p_waves.csv")
    less = [f"{len(rows) - len(told)} pages of an older version do not tell it."] if len(told) < len(rows) else []
    parts = ["## Clinical content", *less, listed(values, (key, "value"), _ERRORS), LEGEND]
    parts += [listed(p, (key,), _P), P_LEGEND]
    return [*parts, aims(values, p)] if key == "noise" else parts


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if len(arguments) != 1:
        print("error: give one folder with a results.csv", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    try:
        parts = clinical_section(drawn(read_rows(folder / "results.csv")), folder)
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n\n".join(parts) or f"{folder}: its pages were read before clinical content was measured")
    return 0


if __name__ == "__main__":
    sys.exit(main())
