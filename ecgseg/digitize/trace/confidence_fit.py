"""python -m ecgseg.digitize.trace.confidence_fit: fit the confidence to the weights, on rendered pages of known truth.

    python -m ecgseg.digitize.trace.confidence_fit [--weights FILE] [--pages 40] [--plot FILE.png] [--out FILE.json]

To be run again whenever the weights change.
"""

import argparse
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import lsq_linear

from ecgseg.digitize.assemble.assemble import assemble
from ecgseg.digitize.trace.confidence import (
    CALIBRATION,
    CLOSE_MM,
    FEATURES,
    TERMS,
    TRACE_MM,
    Calibration,
    features,
    lead_terms,
    page_db,
    predicted_db,
    probability,
)
from ecgseg.digitize.trace.confidence_cases import PX_PER_MM, Case, draw_pages, read_case
from ecgseg.digitize.trace.confidence_show import plot, summary
from ecgseg.digitize.trace.trace import strip_traces
from ecgseg.metrics import score_page
from ecgseg.recording import Recording

MORE_IS_SURER = (1, 1, -1, 0, 1, 1, -1, 0, 0, -1)  # of FEATURES: no claim may rise with doubt
MAX_WRONG = 0.02  # of the samples that are kept: share further off than WRONG_MM
WRONG_MM = 1.0
LEAST_KEEP = 0.5  # below this it is likelier that something else was read than the trace: a gap is better
_FAR_MM = 15.0  # what is further off is not more wrong
_PER_PAGE, _FEW = 10_000, 50  # samples of a page; for one place without trace so many with it


def fit_samples(cases: list[Case]) -> Calibration:
    """Fit the models of single samples; the part for leads is left at the plain expectation.

    Places where no trace is printed or can be seen count as wrong readings, a few of them: else nothing would tell
    that a position without ink is none.
    """
    values, off, height = [], [], []
    rng = np.random.default_rng(0)
    for case in cases:
        found, distance = features(case.evidence), np.abs(case.evidence.y - case.truth) / PX_PER_MM
        known = np.isfinite(case.truth)
        # As many from each page: a page of twelve long rows on which all went wrong must not decide.
        for where, most in ((known, _PER_PAGE), (~known, _PER_PAGE // _FEW)):
            at = np.flatnonzero(where)
            at = rng.choice(at, min(most, len(at)), replace=False)
            values.append(found.reshape(-1, len(FEATURES))[at])
            off.append(np.nan_to_num(distance.ravel()[at], nan=np.inf))
            height.append(np.abs(case.truth - case.zero).ravel()[at] / PX_PER_MM)
    x, e = np.concatenate(values), np.concatenate(off)
    page = np.repeat(np.arange(len(off)) // 2, [len(o) for o in off])
    close, trace = monotone(x, e < CLOSE_MM, MORE_IS_SURER), logistic(x, e < TRACE_MM)
    real = np.isfinite(e)
    p = probability(x, trace)
    keep = best_threshold(p[real], e[real], np.concatenate(height)[real], page[real])
    kept = real & (p >= keep)
    error = error_table(probability(x[kept], close), e[kept])
    return Calibration(close, trace, keep, error, (0.0, 1.0, *[0.0] * (len(TERMS) - 1)))


def logistic(x: np.ndarray, true: np.ndarray, ridge: float = 1e-4, rounds: int = 15) -> tuple[float, ...]:
    """Return intercept and factors of the logistic model of `true` (n,) on x (n, k), by Newton's method."""
    x = np.column_stack([np.ones(len(x)), x]).astype(float)
    factors, shrink = np.zeros(x.shape[1]), ridge * len(x) * np.eye(x.shape[1])
    shrink[0, 0] = 0.0
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-x @ factors))
        slope = x.T @ (true - p) - shrink @ factors
        factors = factors + np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + shrink, slope)
    return tuple(round(float(f), 5) for f in factors)


def monotone(x: np.ndarray, true: np.ndarray, signs: tuple[int, ...]) -> tuple[float, ...]:
    """Return `logistic` without the features whose factors have another sign than `signs` says (0: either)."""
    use = np.arange(x.shape[1])
    while True:
        intercept, *factors = logistic(x[:, use], true)
        right = np.array(factors) * np.array(signs)[use] >= 0
        if right.all():
            break
        use = use[right]
    every = np.zeros(x.shape[1])
    every[use] = factors
    return (intercept, *(float(f) for f in every))


def best_threshold(p: np.ndarray, off: np.ndarray, height: np.ndarray, page: np.ndarray) -> float:
    """Return the probability to keep from: the one with the best mean dB of the pages, blanks scored as zeros.

    off: mm from the truth; height: mm of the truth from its zero line. Only thresholds at which at most MAX_WRONG of
    what is kept is more than WRONG_MM off are considered, and none below LEAST_KEEP.
    """
    best = (-np.inf, 0.9)
    for threshold in np.arange(LEAST_KEEP, 0.95, 0.05):
        kept = p >= threshold
        if (off[kept] > WRONG_MM).mean() > MAX_WRONG:
            continue
        noise = np.bincount(page, np.where(kept, np.minimum(off, _FAR_MM), height) ** 2)
        power = np.bincount(page, height**2)
        best = max(best, (float(np.mean(10 * np.log10((power + 1e-3) / (noise + 1e-3)))), float(threshold)))
    return round(best[1], 2)


def error_table(confidence: np.ndarray, off: np.ndarray, bins: int = 24) -> tuple[tuple[float, float], ...]:
    """Return pairs (confidence, mean squared error in mm²) in bins of doubt, errors never rising with confidence."""
    order = np.argsort(confidence)
    # As many bins among the doubtful tenth as among the rest.
    edges = np.unique(np.r_[np.linspace(0, 0.1, bins // 2), np.linspace(0.1, 1, bins // 2)[1:]] * len(order)).astype(
        int
    )
    groups = [order[a:b] for a, b in pairwise(edges) if b > a]
    at = [float(confidence[g].mean()) for g in groups]
    # A reading that is quite elsewhere is as wrong at 15 mm as at 2: a few such decided how sure all others seem.
    error = [float(np.mean(np.minimum(off[g], TRACE_MM) ** 2)) for g in groups]
    falling = _falling(error, [len(g) for g in groups])
    return tuple((round(c, 5), round(v, 5)) for c, v in zip(at, falling, strict=True))


def _falling(values: list[float], weights: list[int]) -> list[float]:
    """Return the nearest sequence that never rises (pool adjacent violators)."""
    pools: list[list[float]] = []
    for value, weight in zip(values, weights, strict=True):
        pools.append([value, weight, 1])
        while len(pools) > 1 and pools[-1][0] > pools[-2][0]:
            v, w, n = pools.pop()
            u = pools[-1]
            pools[-1] = [(u[0] * u[1] + v * w) / (u[1] + w), u[1] + w, u[2] + n]
    return [p[0] for p in pools for _ in range(p[2])]


def fit_leads(cases: list[Case], samples: Calibration, ridge: float = 1.0) -> Calibration:
    """Fit the dB of each lead against its truth on the terms of its recording."""
    terms, db = [], []
    for case in cases:
        recording = record(case, samples)
        for score in score_page(case.printed, by_lead(recording), recording.fs).leads:
            found = lead_terms(recording, score.lead, samples.error)
            if found is not None and np.isfinite(score.snr_db):
                terms.append(found)
                db.append(np.clip(score.snr_db, -10, 40))
    x = np.column_stack([np.ones(len(terms)), np.array(terms)])
    shrink = np.sqrt(ridge) * np.eye(x.shape[1])[1:]
    # Fewer pages than shapes of leads: what must not rise with doubt, gaps and small signals is kept from it.
    least = [-np.inf] + [0.0 if name != "gap" else -np.inf for name in TERMS]
    most = [np.inf] + [np.inf if name != "gap" else 0.0 for name in TERMS]
    target = np.append(np.array(db), np.zeros(len(TERMS)))
    factors = lsq_linear(np.vstack([x, shrink]), target, bounds=(least, most)).x
    return replace(samples, lead=tuple(round(float(f), 5) for f in factors))


def record(case: Case, calibration: Calibration) -> Recording:
    """Return the recording of a case as the digitizer would assemble it."""
    traces = strip_traces(case.strips, case.evidence, calibration)
    return assemble(case.strips, traces, PX_PER_MM, case.speed, case.gains, calibration=calibration)


def by_lead(recording: Recording) -> dict[str, np.ndarray]:
    return dict(zip(recording.leads, recording.signal, strict=True))


def held_out(cases: list[Case]) -> list[dict]:
    """Return predicted and true dB of every lead and page, each half of the pages predicted by a fit to the other."""
    rows = []
    for half in (0, 1):
        fitted = fit_leads(cases[1 - half :: 2], fit_samples(cases[1 - half :: 2]))
        for case in cases[half::2]:
            recording = record(case, fitted)
            score = score_page(case.printed, by_lead(recording), recording.fs)
            expected = predicted_db(recording, fitted)
            pairs = [(expected[s.lead], s.snr_db) for s in score.leads if s.lead in expected]
            page = (page_db(recording, fitted), score.snr_db)
            rows.append({"level": case.level, "page": page, "leads": pairs, "samples": _samples(case, fitted)})
    return rows


def _samples(case: Case, calibration: Calibration) -> np.ndarray:
    """Return confidence and whether it was close (2, n) of the samples kept."""
    confidence, kept = calibration(case.evidence)
    kept &= np.isfinite(case.truth)
    close = np.abs(case.evidence.y - case.truth) < CLOSE_MM * PX_PER_MM
    return np.stack([confidence[kept], close[kept]])[:, ::7]


def write(calibration: Calibration, path: Path, about: dict) -> None:
    """Write a calibration as JSON, with the names of its factors and how it was made."""
    content = {
        "about": about,
        "features": ["intercept", *FEATURES],
        "close": calibration.close,
        "trace": calibration.trace,
        "keep": calibration.keep,
        "error": calibration.error,
        "terms": ["intercept", *TERMS],
        "lead": calibration.lead,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Render, read, fit, print how well it holds on held-out pages, and write the calibration."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.digitize.trace.confidence_fit", description=__doc__)
    parser.add_argument("--weights", default=None, help="network weights; the shipped ones if not given")
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--out", type=Path, default=CALIBRATION)
    parser.add_argument("--plot", type=Path, default=None)
    args = parser.parse_args(argv)
    from ecgseg.nets.runtime import open_net

    net = open_net("strip", args.weights)
    cases = [case for page in draw_pages(args.pages, args.seed) if (case := read_case(net, page)) is not None]
    rows = held_out(cases)
    print(summary(rows))
    if args.plot:
        plot(rows, args.plot)
    fitted = fit_leads(cases, fit_samples(cases))
    about = {"weights_sha256": net.about["sha256"], "pages": len(cases), "seed": args.seed, "module": __spec__.name}
    write(fitted, args.out, about)
    print(f"kept from {fitted.keep:g}; written to {args.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
