"""Does a quality keep what it promises? Predicted quality against the true signal-to-noise ratio."""

from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from ecgseg.digitize.trace.confidence import to_quality
from ecgseg.evaluation.results import READ
from ecgseg.evaluation.tables import markdown

BINS = 10
FEWEST = 5  # pages in a bin: fewer have no 10th percentile to speak of


def page_pairs(rows: list[dict]) -> np.ndarray:
    """Return predicted quality and true dB (n, 2) of the pages read; unnamed ones by the place of their strips."""
    read = [row for row in rows if row["status"] in READ]
    true = [row["snr_db_by_place"] if row["status"] == "unnamed" else row["snr_db"] for row in read]
    return _finite([(row["quality"], db) for row, db in zip(read, true, strict=True)])


def lead_pairs(rows: list[dict], of_read: bool = False) -> np.ndarray:
    """Return predicted quality and true dB (n, 2) of all leads of the pages read; `of_read`: of the samples read."""
    leads = [lead for row in rows if row["status"] in READ for lead in row["leads"].values()]
    return _finite([(lead[2], lead[1 if of_read else 0]) for lead in leads])


def _finite(pairs: list) -> np.ndarray:
    pairs = np.array(pairs, float).reshape(-1, 2)  # None becomes NaN
    return pairs[np.isfinite(pairs).all(axis=1)]


def promised_db(quality: np.ndarray) -> np.ndarray:
    """Return the dB that a quality promises: `to_quality` turned round, which knows no more than 0 and 30 dB."""
    db = np.linspace(0.0, 30.0, 301)
    return np.interp(quality, [to_quality(v) for v in db], db)


def rank_correlation(pairs: np.ndarray) -> float:
    """Return Spearman's rank correlation of pairs (n, 2), NaN for fewer than 3 or where one of both is constant."""
    if len(pairs) < 3 or (np.ptp(pairs, axis=0) == 0).any():
        return float("nan")
    return float(spearmanr(*pairs.T).statistic)


def bins(pairs: np.ndarray, count: int = BINS) -> list[dict]:
    """Return up to `count` bins by quality, nearly equal in number: range, mean, what it promises, and the true dB."""
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    count = min(count, len(pairs) // FEWEST)
    out = []
    for part in np.array_split(pairs, count) if count else []:
        quality, db = part.T
        p10, p50, p90 = np.percentile(db, (10, 50, 90))
        out.append(
            {
                "from": quality[0],
                "to": quality[-1],
                "quality": quality.mean(),
                "n": len(part),
                "promised": promised_db(quality).mean(),
            }
            | {"p10": p10, "median": p50, "p90": p90, "mean": db.mean()}
        )
    return out


def bins_table(lines: list[dict]) -> str:
    """Return the lines of `bins` as Markdown."""
    return markdown(
        ["quality", "n", "promised dB", "true dB: p10", "median", "p90", "mean"],
        [
            [
                f"{x['from']:.3f} – {x['to']:.3f}",
                str(x["n"]),
                *(f"{x[k]:.1f}" for k in ("promised", "p10", "median", "p90", "mean")),
            ]
            for x in lines
        ],
    )


def plot_promise(rows: list[dict], path: Path) -> None:
    """Draw true dB over predicted quality, of pages and of leads, with median and 10th to 90th percentile per bin."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(11, 4.5), constrained_layout=True, sharey=True)
    for axes, pairs, what in zip(both, (page_pairs(rows), lead_pairs(rows)), ("pages", "leads"), strict=True):
        axes.plot(*pairs.T, ".", ms=4, color="C0", alpha=0.35)
        lines = bins(pairs)
        if lines:
            x, median, low, high = (np.array([b[k] for b in lines]) for k in ("quality", "median", "p10", "p90"))
            axes.errorbar(x, median, [median - low, high - median], fmt="o-", color="black", ms=4, capsize=3, lw=1)
        axes.plot(promise := np.linspace(0, 1, 101), promised_db(promise), "--", color="C3", lw=1, label="promised")
        axes.legend()
        rho = rank_correlation(pairs)
        axes.set(xlabel="predicted quality", title=f"{len(pairs)} {what}, rank correlation {rho:.2f}")
        axes.grid(alpha=0.3)
    both[0].set_ylabel("true SNR (dB)")
    figure.suptitle("bars: 10th to 90th percentile of a tenth of all, point: median", fontsize=9)
    figure.savefig(path, dpi=120)
    plt.close(figure)
