"""How a fitted confidence holds on held-out pages: as text and as a picture."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from ecgseg.digitize.trace.confidence import CLOSE_MM


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
