"""Measuring judged: python -m ecgseg.measure.judge [simulated] [ptb] [pages] [voices] [--each N] [--out FILE.md]

simulated: against exact bounds, clean, with noise, and cut to a printed page; ptb: findings against the diagnosis in
the header; pages: PTB, ten seconds of all leads against the same cut to a page; voices: other delineators beside ours.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ecgseg.layout import LEADS, load_layout
from ecgseg.measure import measure
from ecgseg.measure.axis import frontal_axis
from ecgseg.measure.model import PRESENT
from ecgseg.ptb import load_records
from ecgseg.recording import Recording
from ecgseg.simulate import KINDS, add_artefacts, simulate_with_truth

SHOWN = ("heart_rate", "p_duration", "pr", "qrs", "qt", "qrs_axis")
UNITS = {"heart_rate": "/min", "qrs_axis": "°"}
NOISE = ["wander", "mains", "muscle"]  # what every recording has; swapped, lost or clipped leads are other questions
PER_LEAD = ("st_j", "r_amplitude", "t_amplitude")
PAGE = "3x4_1r"


def as_page(recording: Recording, layout: str = PAGE) -> Recording:
    """Return the recording with NaN wherever a page of this layout prints nothing."""
    signal = np.full_like(recording.signal, np.nan)
    for strip in load_layout(layout).strips:
        k = recording.leads.index(strip.lead)
        part = slice(round(strip.t0 * recording.fs), round(strip.t1 * recording.fs))
        signal[k, part] = recording.signal[k, part]
    return replace(recording, signal=signal)


def truth_of(clean: Recording, truth) -> dict[str, float]:
    """Return what a perfect reader would find (units as Measurements), NaN where there is no such thing.

    QT ends where the tangent at T's steepest fall meets zero, found on the clean recording's own first principal
    component: the convention that is measured, 15 to 25 ms before the simulated T is exactly zero.
    """
    usual = ~truth.ectopic
    out = {
        "heart_rate": truth.rate,
        "p_duration": 1000 * _median((truth.p_offset - truth.p_onset)[usual]),
        "pr": 1000 * truth.pr,
        "qrs": 1000 * truth.qrs,
        "qt": 1000 * truth.qt,
        "qrs_axis": float("nan"),
    }
    whole = usual & np.isfinite(truth.qrs_onset) & np.isfinite(truth.qrs_offset) & np.isfinite(truth.t_end)
    beats = [
        _beat_truth(clean, *(getattr(truth, n)[k] for n in ("qrs_onset", "qrs_offset", "t_end")))
        for k in np.flatnonzero(whole)
    ]
    if beats:
        early, axis = np.array(beats).T
        out["qt"] -= 1000 * _median(early)
        out["qrs_axis"] = float(np.rad2deg(np.angle(np.exp(1j * np.deg2rad(axis)).mean())))
    return out


def _beat_truth(clean: Recording, on: float, off: float, end: float) -> tuple[float, float]:
    """Return how long before T's end its tangent meets zero (s), and the QRS axis, of one clean beat."""
    t = np.arange(clean.signal.shape[1]) / clean.fs
    x = clean.signal.astype(float)
    x = x - x[:, [int(np.searchsorted(t, on))]]
    qrs, wave = (t >= on) & (t <= off), (t >= off + 0.02) & (t <= end)
    y = np.linalg.svd(x[:, wave], full_matrices=False)[2][0]
    t = t[wave]
    y *= np.sign(y[np.argmax(np.abs(y))])
    peak = int(np.argmax(y))
    slope = np.gradient(y, t)
    steep = peak + int(np.argmin(slope[peak:])) if peak < len(y) - 1 else peak
    early = end - (t[steep] - y[steep] / slope[steep]) if slope[steep] < 0 else np.nan
    axis, _ = frontal_axis({lead: float(x[LEADS.index(lead), qrs].sum()) for lead in LEADS[:6]})
    return early, axis


def simulated(each: int, condition: str, kinds: Iterable[str] = KINDS) -> list[dict]:
    """Return a row for each recording: kind, truth and measured by key. condition: clean, noise or page."""
    rows = []
    for kind in kinds:
        for seed in range(each):
            rng = np.random.default_rng([seed, KINDS.index(kind), 77])
            clean, truth = simulate_with_truth(rng, kind)
            recording = clean if condition == "clean" else add_artefacts(clean, rng, NOISE)
            recording = as_page(recording) if condition == "page" else recording
            found = measure(recording)
            row = {"kind": kind, "truth": truth_of(clean, truth), "found": {k: found.value(k) for k in SHOWN}}
            rows.append(
                row
                | {"findings": [f.key for f in found.present()], "reasons": {k: found.values[k].reason for k in SHOWN}}
            )
    return rows


def interval_table(rows: list[dict]) -> str:
    """Return, for each measurement: median error, 75th percentile of its size, 95 % limits, what was not assessed."""
    columns = (
        "",
        "n",
        "median error",
        "75 % within",
        "95 % limits",
        "not assessed though there",
        "given though not there",
    )
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for key in SHOWN:
        pairs = [(r["truth"][key], r["found"][key]) for r in rows]
        there = [p for p in pairs if np.isfinite(p[0])]
        errors = np.array([_error(key, *p) for p in there if p[1] is not None])
        invented = sum(f is not None for t, f in pairs if not np.isfinite(t))
        gone = sum(f is None for _, f in there)
        unit = UNITS.get(key, " ms")
        if not len(errors):
            continue
        lines.append(
            f"| {key} | {spread(errors, unit)} | {gone} of {len(there)} | {invented} of {len(pairs) - len(there)} |"
        )
    return "\n".join(lines) + "\n"


def spread(errors, unit: str) -> str:
    """Return the cells n, median, 75th percentile of the size, and 95 % limits of some errors."""
    low, high = np.percentile(errors, [2.5, 97.5])
    size = np.percentile(np.abs(errors), 75)
    return f"{len(errors)} | {np.median(errors):+.1f}{unit} | {size:.1f}{unit} | {low:+.0f} to {high:+.0f}{unit}"


def kind_table(rows: list[dict]) -> str:
    """Return a line for each kind: median error ± 75th percentile of its size, share not assessed."""
    lines = ["| kind | " + " | ".join(SHOWN) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    for kind in dict.fromkeys(r["kind"] for r in rows):
        cells = []
        for key in SHOWN:
            pairs = [(r["truth"][key], r["found"][key]) for r in rows if r["kind"] == kind]
            errors = np.array([_error(key, *p) for p in pairs if p[1] is not None and np.isfinite(p[0])])
            none = sum(f is None for _, f in pairs)
            invented = sum(f is not None and not np.isfinite(t) for t, f in pairs)
            cell = f"{np.median(errors):+.0f} ({np.percentile(np.abs(errors), 75):.0f})" if len(errors) else "–"
            cells.append(
                cell + (f", {none} n. a." if none else "") + (f", **{invented} invented**" if invented else "")
            )
        lines.append(f"| {kind.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _error(key: str, truth: float, found: float) -> float:
    error = found - truth
    return (error + 180) % 360 - 180 if key.endswith("axis") else error


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _ten_seconds(recording: Recording) -> Recording:
    return replace(recording, signal=recording.signal[:, : round(10 * recording.fs)])


def ptb() -> tuple[str, str]:
    """Return PTB's findings by diagnosis, record by record, and how often each was found in each diagnosis."""
    lines = ["| record | sex, age | diagnosis | rate | PR | QRS | QTc | axis | findings |", "|---" * 9 + "|"]
    by: dict[str, list[list[str]]] = {}
    for recording in load_records():
        c = recording.clinical
        found = measure(_ten_seconds(recording), c["sex"], c["age"])
        cells = [
            "–" if found.value(k) is None else f"{found.value(k):.0f}"
            for k in ("heart_rate", "pr", "qrs", "qtc_fridericia", "qrs_axis")
        ]
        keys = [f.key for f in found.present()]
        by.setdefault(c["diagnosis"] or "none given", []).append(keys)
        fields = c["fields"].get("Diagnose", {})
        said = [c["diagnosis"] or "none given"]
        for name, short in (
            ("Acute infarction (localization)", "acute"),
            ("Former infarction (localization)", "former"),
            ("Additional diagnoses", ""),
        ):
            value = fields.get(name, "no")
            said += [f"{short} {value}".strip()] if value.lower() not in ("no", "n/a", "unknown", "") else []
        lines.append(
            f"| {recording.name} | {c['sex']}, {c['age']} | {'; '.join(said)} | "
            + " | ".join(cells)
            + f" | {', '.join(keys)} |"
        )
    counts = ["| diagnosis | records | findings (records) |", "|---|---|---|"]
    for diagnosis, lists in sorted(by.items(), key=lambda item: -len(item[1])):
        tally = sorted(
            ((sum(k in keys for keys in lists), k) for k in {k for keys in lists for k in keys}), reverse=True
        )
        counts.append(f"| {diagnosis} | {len(lists)} | " + ", ".join(f"{k} {n}" for n, k in tally) + " |")
    return "\n".join(lines) + "\n", "\n".join(counts) + "\n"


def pages() -> str:
    """Return how far measurements of a page (2.5 s a lead) lie from those of ten seconds of all leads, on PTB."""
    errors: dict[str, list[float]] = {k: [] for k in (*SHOWN, *PER_LEAD)}
    gone, extra, lost, kept = dict.fromkeys(SHOWN, 0), 0, 0, 0
    for recording in load_records():
        whole = _ten_seconds(recording)
        c = recording.clinical
        one, other = measure(whole, c["sex"], c["age"]), measure(as_page(whole), c["sex"], c["age"])
        for key in SHOWN:
            if one.value(key) is not None and other.value(key) is None:
                gone[key] += 1
            elif one.value(key) is not None:
                errors[key].append(_error(key, one.value(key), other.value(key)))
        for key, m in one.values.items():
            name = key.partition(".")[0]
            if "." in key and name in PER_LEAD and None not in (m.value, other.value(key)):
                errors[name].append(1000 * (other.value(key) - m.value))
        a, b = ({f.key for f in m.findings.values() if f.status == PRESENT} for m in (one, other))
        extra, lost, kept = extra + len(b - a), lost + len(a - b), kept + len(a & b)
    lines = ["| | n | median difference | 75 % within | 95 % limits | lost on the page |", "|---|---|---|---|---|---|"]
    for key, values in errors.items():
        unit = UNITS.get(key, " ms" if key in SHOWN else " µV")
        lines.append(f"| {key} | {spread(values, unit)} | {gone.get(key, '')} |")
    return (
        "\n".join(lines) + f"\n\nFindings: {kept} in both, {lost} only in the ten seconds, {extra} only on the page.\n"
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.measure.judge", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", help="simulated, ptb, pages, voices (default: the first three)")
    parser.add_argument("--each", type=int, default=4, help="simulated recordings of each kind (default 4)")
    parser.add_argument("--out", type=Path, help="a file for the tables (default: the terminal)")
    args = parser.parse_args(argv)
    parts = args.parts or ["simulated", "ptb", "pages"]
    unknown = [p for p in parts if p not in ("simulated", "ptb", "pages", "voices")]
    if unknown:
        parser.error(f"unknown parts {unknown}; choose out of simulated, ptb, pages, voices")
    text = []
    if "simulated" in parts:
        for condition in ("clean", "noise", "page"):
            start = time.process_time()
            rows = simulated(args.each, condition)
            took = (time.process_time() - start) / len(rows)
            text += [
                f"## Simulated, {condition}: {len(rows)} recordings, {took:.2f} s of CPU each\n",
                interval_table(rows),
                kind_table(rows),
            ]
    if "ptb" in parts:
        text += ["## PTB\n", *reversed(ptb())]
    if "pages" in parts:
        text += ["## PTB, page against ten seconds\n", pages()]
    if "voices" in parts:
        from ecgseg.measure.voices import voices

        text += ["## Other delineators\n", voices(args.each)]
    out = "\n".join(text)
    print(out) if args.out is None else args.out.write_text(out, encoding="utf-8")
    return 0


if __name__ == "__main__":
    warnings.simplefilter("error", RuntimeWarning)
    sys.exit(main())
