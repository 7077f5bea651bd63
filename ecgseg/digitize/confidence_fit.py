"""python -m ecgseg.digitize.confidence_fit: fit the confidence to the weights, on rendered pages of known truth.

    python -m ecgseg.digitize.confidence_fit [--weights FILE] [--pages 40] [--plot FILE.png] [--out FILE.json]

To be run again whenever the weights change. Pages of all noise levels, from recordings held out of the training and
simulated ones, are flattened with their true map, so that only the reading of the trace is judged.
"""

import argparse
import json
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from ecgseg.alignment import PrintedLead
from ecgseg.digitize.assemble import assemble
from ecgseg.digitize.confidence import (
    CALIBRATION,
    CLOSE_MM,
    FEATURES,
    TERMS,
    TRACE_MM,
    Calibration,
    Evidence,
    features,
    lead_terms,
    odds,
    page_db,
    predicted_db,
)
from ecgseg.digitize.locate import LocatedStrip
from ecgseg.digitize.trace import read_rows, row_spans, strip_traces
from ecgseg.layout import layout_names, load_layout
from ecgseg.metrics import score_page
from ecgseg.recording import Recording
from ecgseg.render.crops import SUBCOLUMNS, subcolumn_x
from ecgseg.render.page import Page, render_page
from ecgseg.simulate import simulate
from ecgseg.testpages import printed_leads, random_excerpt

PX_PER_MM = 8.0
LEVELS = ("mixed", "scan", "photo", "clean", "damaged", "none", "mixed", "photo")
MAX_WRONG = 0.02  # of the samples that are kept: share further off than WRONG_MM
WRONG_MM = 1.0
LEAST_KEEP = 0.5  # below this it is likelier that something else was read than the trace: a gap is better
_FAR_MM = 15.0  # what is further off is not more wrong
_STEP = 8  # px between the points of the map that are worked out; it is smooth


@dataclass
class Case:
    """A page as it was read: its strips, the evidence of its rows, per row the true y in px (NaN: none), its truth."""

    level: str
    strips: list[LocatedStrip]
    evidence: Evidence
    truth: np.ndarray
    zero: np.ndarray
    printed: tuple[PrintedLead, ...]
    speed: float
    gains: dict[str, float]


def flat_image(page: Page) -> np.ndarray:
    """Return a rendered page's picture flattened at 8 px/mm with its true map, (H, W, 3) uint8."""
    w, h = (round(side * PX_PER_MM) for side in (page.scene.width, page.scene.height))
    x, y = ((np.arange(-1, n // _STEP + 2)) * _STEP / PX_PER_MM for n in (w, h))
    mm = np.stack(np.meshgrid(x, y), axis=-1)
    at = page.warp.forward(mm.reshape(-1, 2)).reshape(mm.shape)
    steps = np.stack([np.diff(at, axis=0)[:, :-1], np.diff(at, axis=1)[:-1]], axis=-2) / _STEP
    scale = float(np.sqrt(np.abs(np.linalg.det(steps)).mean()))
    image = page.image
    if scale > 1.05:  # as the digitizer does before it shrinks a page
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * np.sqrt(scale**2 - 0.8))
    fine = np.meshgrid(*((np.arange(n) / _STEP + 1).astype(np.float32) for n in (w, h)))
    where = cv2.remap(at.astype(np.float32), *fine, cv2.INTER_LINEAR)
    paper = np.median(page.image[::8, ::8].reshape(-1, 3), axis=0)
    return cv2.remap(image, where, None, cv2.INTER_CUBIC, borderValue=tuple(float(v) for v in paper))


def true_strips(page: Page) -> list[LocatedStrip]:
    """Return the strips of a rendered page as a perfect `locate` would on its flat page."""
    speed = page.scene.speed * PX_PER_MM
    return [
        LocatedStrip(
            t.strip.lead,
            t.strip.row,
            t.strip.t0,
            t.strip.t1,
            t.x0 * PX_PER_MM,
            t.x0 * PX_PER_MM + t.strip.seconds * speed,
            t.baseline * PX_PER_MM,
            t.strip.rhythm,
            t.strip.sign,
        )
        for t in page.scene.traces
    ]


def draw_pages(count: int, seed: int):
    """Yield `count` rendered pages: all levels and layouts in turn, some with other gains or crowded rows."""
    from ecgseg.ptb import load_records

    records = load_records(None, "val")
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        layout = load_layout(str(rng.choice(layout_names())))
        simulated = k % 4 == 3
        recording = simulate(rng) if simulated else random_excerpt(records[k % len(records)], layout.seconds, rng)
        gain = float(rng.choice([10.0, 10.0, 10.0, 5.0, 20.0]))
        yield render_page(recording, layout, LEVELS[k % len(LEVELS)], rng, gain=gain)


def read_case(net, page: Page) -> Case | None:
    """Read a rendered page with the network; None where its printed leads hold no signal to score."""
    printed = printed_leads(page.printed)
    if sum(float((p.signal**2).sum()) for p in printed) < 1e-3:
        return None
    strips = true_strips(page)
    spans = row_spans(strips)
    evidence = read_rows(net, flat_image(page), list(spans.values()))
    truth, zero = np.full(evidence.y.shape, np.nan), np.zeros(evidence.y.shape)
    x = subcolumn_x(truth.shape[1] // SUBCOLUMNS)
    for i, (row, span) in enumerate(spans.items()):
        for trace, seen in zip(page.scene.traces, page.visible, strict=True):
            if trace.strip.row == row:
                known = seen[:-1] & seen[1:]
                px = trace.points * PX_PER_MM
                at = np.clip(np.searchsorted(px[:, 0], x + span.left) - 1, 0, len(px) - 2)
                inside = (x + span.left >= px[0, 0]) & (x + span.left < px[-1, 0]) & known[at]
                truth[i, inside] = np.interp(x[inside] + span.left, px[:, 0], px[:, 1])
                zero[i, inside] = trace.baseline * PX_PER_MM
    scene = page.scene
    gains = {t.strip.lead: scene.gain_of(t.strip.lead) for t in scene.traces}
    return Case(page.noise, strips, evidence, truth, zero, printed, scene.speed, gains)


def fit_samples(cases: list[Case]) -> Calibration:
    """Fit the models of single samples; the part for leads is left at the plain expectation."""
    values, off, height = [], [], []
    for case in cases:
        known = np.isfinite(case.truth)
        values.append(features(case.evidence)[known][::3])
        off.append((np.abs(case.evidence.y - case.truth)[known] / PX_PER_MM)[::3])
        height.append((np.abs(case.truth - case.zero)[known] / PX_PER_MM)[::3])
    x, e = np.concatenate(values), np.concatenate(off)
    page = np.repeat(np.arange(len(cases)), [len(o) for o in off])
    close, trace = (logistic(x, e < limit) for limit in (CLOSE_MM, TRACE_MM))
    keep = best_threshold(odds(x, trace), e, np.concatenate(height), page)
    kept = odds(x, trace) >= keep
    error = error_table(odds(x, close)[kept], e[kept])
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
    error = [float(np.mean(np.minimum(off[g], _FAR_MM) ** 2)) for g in groups]
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
    shrink = ridge * np.eye(x.shape[1])
    shrink[0, 0] = 0.0
    factors = np.linalg.solve(x.T @ x + shrink, x.T @ np.array(db))
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


def summary(rows: list[dict]) -> str:
    """Return what the held-out halves show, as text: rank correlations, and bins of promise against truth."""
    from scipy.stats import spearmanr

    leads = np.array([pair for row in rows for pair in row["leads"]])
    pages = np.array([row["page"] for row in rows])
    lines = [
        f"rank correlation of predicted and true dB: leads {spearmanr(*leads.T)[0]:.3f} (n {len(leads)}), "
        f"pages {spearmanr(*pages.T)[0]:.3f} (n {len(pages)}); mean page {pages[:, 1].mean():.2f} dB",
        f"{'predicted dB':>14} {'leads':>6} {'mean true dB':>13} {'median':>8}",
    ]
    for low, high in ((-10, 5), (5, 10), (10, 15), (15, 20), (20, 25), (25, 40)):
        inside = leads[(leads[:, 0] >= low) & (leads[:, 0] < high), 1]
        if len(inside):
            lines.append(f"{low:6d} … {high:3d}  {len(inside):6d} {inside.mean():13.2f} {np.median(inside):8.2f}")
    confidence, close = np.concatenate([row["samples"] for row in rows], axis=1)
    lines.append(f"{'confidence':>14} {'share':>7} {'within 0.5 mm':>14}")
    for low, high in ((0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 0.99), (0.99, 1.01)):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            lines.append(f"{low:6.2f} … {min(high, 1):.2f} {inside.mean():7.4f} {close[inside].mean():14.3f}")
    return "\n".join(lines)


def plot(rows: list[dict], path: Path) -> None:
    """Write a picture of predicted against true dB, of leads and of pages, and of confidence against its truth."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    leads = np.array([pair for row in rows for pair in row["leads"]])
    pages = np.array([row["page"] for row in rows])
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2))
    for axis, pairs, name in ((axes[0], leads, "leads"), (axes[1], pages, "pages")):
        axis.plot([-10, 40], [-10, 40], color="0.7")
        axis.scatter(*pairs.T, s=8, alpha=0.5)
        axis.set(xlabel="predicted dB", ylabel="true dB", title=name, xlim=(-10, 40), ylim=(-10, 40))
    confidence, close = np.concatenate([row["samples"] for row in rows], axis=1)
    edges = np.linspace(0, 1, 11)
    groups = [(confidence >= a) & (confidence <= b) for a, b in pairwise(edges)]
    shown = [(confidence[g].mean(), close[g].mean()) for g in groups if g.sum() > 20]
    axes[2].plot([0, 1], [0, 1], color="0.7")
    axes[2].plot(*np.array(shown).T, "o-")
    axes[2].set(xlabel="confidence", ylabel=f"share within {CLOSE_MM} mm", title="samples")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


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
    parser = argparse.ArgumentParser(prog="python -m ecgseg.digitize.confidence_fit", description=__doc__)
    parser.add_argument("--weights", default=None, help="network weights; the shipped ones if not given")
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--out", type=Path, default=CALIBRATION)
    parser.add_argument("--plot", type=Path, default=None)
    args = parser.parse_args(argv)
    from ecgseg.nets.weights import load_net

    net, info = load_net(args.weights)
    cases = [case for page in draw_pages(args.pages, args.seed) if (case := read_case(net, page)) is not None]
    rows = held_out(cases)
    print(summary(rows))
    if args.plot:
        plot(rows, args.plot)
    fitted = fit_leads(cases, fit_samples(cases))
    about = {"weights_sha256": info["sha256"], "pages": len(cases), "seed": args.seed, "module": __spec__.name}
    write(fitted, args.out, about)
    print(f"kept from {fitted.keep:g}; written to {args.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
