"""Pictures that have their truth beside them, scored: a table, CSV files and a plot. `evaluate_pages` is the core."""

import json
import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

import numpy as np

from ecgseg.alignment import PrintedLead
from ecgseg.errors import EcgsegError
from ecgseg.evaluation.clinical import as_recording, clinical
from ecgseg.evaluation.clinical_tables import clinical_section
from ecgseg.evaluation.results import write_rows
from ecgseg.layout import LEADS
from ecgseg.metrics import (
    LeadScore,
    PageScore,
    dtw_distance,
    finite_pairs,
    max_cross_correlation,
    score_page,
    summary,
)
from ecgseg.recording import Recording
from ecgseg.testpages import KnownPage, folder_pages

GOOD_R = 0.9  # correlation from which a lead counts as read
DTW_BAND_S = 0.1  # warping beyond a QRS width would compare one wave with another
ALL = "all"

log = logging.getLogger(__name__)


def evaluate_pages(
    pages: Iterable[KnownPage],
    digitize: Callable,
    max_shift_s: float = 0.2,
    keep: Callable[[KnownPage, object], None] | None = None,
) -> list[dict]:
    """Digitize and score pages one after the other; returns a row (dict) for each.

    `digitize(image)` returns an object with signal (leads, n) in mV, fs and leads; `keep(page, recording)` is
    called with each. A page on which it raises counts as failed: a flat line, with the error as its message.
    """
    rows = []
    for page in pages:
        begin, recording, message = perf_counter(), None, ""
        try:
            recording = digitize(page.image)
        except EcgsegError as error:
            message = str(error)
        except Exception as error:  # a bug on one page must not cost the figures of all others, nor hide
            log.exception("%s: digitizing failed unexpectedly", page.name)
            message = f"{type(error).__name__}: {error}"
        seconds = perf_counter() - begin
        if recording is not None and keep is not None:
            keep(page, recording)
        reading = {} if recording is None else dict(zip(recording.leads, recording.signal, strict=True))
        score = score_page(page.printed, reading, 1.0 if recording is None else recording.fs, max_shift_s)
        if score.read_nothing and not message:
            message = "no printed lead was read"
        rows.append(page_row(page, score, seconds, message, _content(page, recording)))
    return rows


def _content(page: KnownPage, found) -> dict:
    """Return the page's clinical columns; `found` is what `digitize` returned, None where it raised."""
    read = None
    if found is not None:
        read = Recording(page.name, found.signal, found.fs, found.leads, getattr(found, "confidence", None))
    return clinical(as_recording(page.printed, page.name), read)


def page_row(page: KnownPage, score: PageScore, seconds: float, message: str, content: dict) -> dict:
    """Return a page's line of results.csv: dB, mV and shares over its leads; medians over the leads found.

    `content` are its clinical columns.
    """
    found = [s for s in score.leads if s.found]
    shapes = [_shape(p, s) for p, s in zip(page.printed, score.leads, strict=True) if s.found]
    return {
        "page": page.name,
        "variant": page.variant,
        "failed": int(score.read_nothing),
        "snr_db": score.snr_db,
        "ratio": score.ratio,
        "lead_snr_db": _over(np.nanmean, [s.snr_db for s in score.leads]),
        "leads_found": len(found) / len(score.leads),
        "leads_good": float(np.mean([s.r >= GOOD_R for s in score.leads])),
        "r": _over(np.nanmedian, [s.r for s in found]),
        "rmse_mv": _over(np.nanmedian, [s.rmse_mv for s in found]),
        "xcorr": _over(np.nanmedian, [xcorr for xcorr, _ in shapes]),
        "dtw_mv": _over(np.nanmedian, [dtw for _, dtw in shapes]),
        "seconds": seconds,
        **{f"snr_db_{lead}": np.nan for lead in LEADS},
        **{f"snr_db_{s.lead}": s.snr_db for s in score.leads},
        **content,
        "message": message,
    }


def _shape(printed: PrintedLead, score: LeadScore) -> tuple[float, float]:
    """Return a lead's largest cross-correlation within ±0.1 s and its DTW distance in mV per sample read."""
    ref, est = finite_pairs(printed.signal, score.estimate)
    band = round(DTW_BAND_S * printed.fs)
    return max_cross_correlation(ref, est, band), dtw_distance(ref, est, band) / len(ref)


def _over(reduce: Callable, values: list[float]) -> float:
    return float(reduce(values)) if np.isfinite(values).any() else np.nan


def summarize(rows: list[dict]) -> list[dict]:
    """Return one line per variant, in the order in which they came, and one for all pages if there are several.

    n; score, mean, median, p10 in dB as metrics.summary says; failed as a share; r and rmse_mv as medians over
    the pages on which something was read; seconds_per_page as the mean.
    """
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    lines = []
    for variant in [*variants, ALL] if len(variants) > 1 else variants:
        some = [row for row in rows if variant in (ALL, row["variant"])]
        lines.append(
            {
                "variant": variant,
                **summary([row["ratio"] for row in some], [row["failed"] for row in some]),
                "r": _over(np.nanmedian, [row["r"] for row in some]),
                "rmse_mv": _over(np.nanmedian, [row["rmse_mv"] for row in some]),
                "seconds_per_page": float(np.mean([row["seconds"] for row in some])),
            }
        )
    return lines


def clinical_report(rows: list[dict], out: Path) -> str:
    """Write clinical.csv and p_waves.csv of some pages into `out`, return their tables by variant as Markdown."""
    told = [
        row | {"st_errors": json.loads(row["st_errors"]), "status": "nothing" if row["failed"] else "read"}
        for row in rows
    ]
    return "\n\n".join(clinical_section(told, out, "variant"))


def table(lines: list[dict]) -> str:
    """Return the lines of `summarize` as text."""
    head = ["variant", "n", "score", "mean", "median", "p10 dB", "failed", "r", "RMSE mV", "s/page"]
    form = ["", "d", ".2f", ".2f", ".2f", ".2f", ".0%", ".3f", ".3f", ".1f"]
    cells = [head] + [[format(v, f) for v, f in zip(line.values(), form, strict=True)] for line in lines]
    width = [max(len(row[k]) for row in cells) for k in range(len(head))]
    return "\n".join(
        "  ".join([row[0].ljust(width[0]), *(c.rjust(w) for c, w in zip(row[1:], width[1:], strict=True))])
        for row in cells
    )


def plot_rows(rows: list[dict], path: Path, title: str = "") -> None:
    """Draw the pages' dB per variant, with median and 10th percentile, and the share of pages above each dB."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    variants = list(dict.fromkeys(row["variant"] for row in rows))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    for k, variant in enumerate(variants):
        some = [row for row in rows if row["variant"] == variant]
        db = np.sort([row["snr_db"] for row in some])
        failed = np.array([row["failed"] for row in some], bool)
        x = k + np.linspace(-0.2, 0.2, len(some)) if len(some) > 1 else np.array([float(k)])
        in_order = np.array([row["snr_db"] for row in some])
        left.plot(x[~failed], in_order[~failed], "o", ms=4, color=f"C{k}")
        left.plot(x[failed], in_order[failed], "x", color=f"C{k}")
        left.hlines(np.median(db), k - 0.3, k + 0.3, color="black")
        left.hlines(np.percentile(db, 10), k - 0.3, k + 0.3, color="black", linestyle="dotted")
        share = 1 - np.arange(len(db)) / len(db)
        right.step([db[0] - 1, *db, db[-1]], [1, *share, 0], where="pre", color=f"C{k}", label=variant)
    left.set_xticks(range(len(variants)), variants)
    left.set(ylabel="SNR of a page (dB)", title="line: median, dotted: 10th percentile, ×: failed")
    right.set(xlabel="SNR (dB)", ylabel="share of pages at or above", ylim=(0, 1.02), title=title)
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def evaluate_folder(cfg, out: Path, digitize: Callable) -> list[dict]:
    """Score the pictures of the folder `cfg.folder` into the folder `out`, print the table; returns its lines."""
    from tqdm import tqdm

    pages = folder_pages(cfg.folder)

    def save(page: KnownPage, recording) -> None:
        recording.write_csv(out / "predictions" / f"{page.name}.csv")

    (out / "predictions" if cfg.save_predictions else out).mkdir(parents=True, exist_ok=True)
    bar = tqdm(pages, unit="page", file=sys.stderr, disable=None)
    rows = evaluate_pages(bar, digitize, cfg.max_shift_s, save if cfg.save_predictions else None)
    lines = summarize(rows)
    write_rows(rows, out / "results.csv")
    write_rows(lines, out / "summary.csv")
    plot_rows(rows, out / "snr.png", f"method {cfg.method}, {len(rows)} pages")
    print(table(lines))
    print("\n" + clinical_report(rows, out) + "\n")
    for row in rows:
        if row["message"]:
            print(f"failed: {row['page']}: {row['message']}")
    print(
        f"written to {out}: results.csv, summary.csv, clinical.csv, p_waves.csv, snr.png"
        + ", predictions/" * cfg.save_predictions
    )
    return lines
