"""A rendered page's truth as one file: what is printed in mV, and where everything is in pixels."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ecgseg.layout import LEADS
from ecgseg.render.page import Page
from ecgseg.testpages import printed_leads


def truth_arrays(page: Page, **more) -> dict[str, np.ndarray]:
    """Return the arrays of a truth file.

    fs (Hz), sig_<lead> (mV), seg_start and seg_end (12,) in s, NaN for leads that are not on the page: what
    `ecgseg.evaluate folder=…` scores against. points (n, 2), visible (n,), points_strip (n,): the traces in px
    and the strip each point belongs to; baselines (m, 2), baselines_strip; crossings (k, 2) in px, crossings_mm;
    pulses (i, 2), pulses_number; outline (j, 2); label_corners (l, 4, 2); meta: JSON text with the strips, labels,
    layout, scale, speed, gains, turn_deg and whatever is given as `more`.
    """
    out: dict[str, np.ndarray] = {"fs": np.array(page.printed.fs), "variant": np.array(page.noise)}
    start, end = np.full(len(LEADS), np.nan), np.full(len(LEADS), np.nan)
    for lead in printed_leads(page.printed):
        k = LEADS.index(lead.lead)
        out[f"sig_{lead.lead}"] = lead.signal.astype(np.float32)
        start[k], end[k] = lead.t0, lead.t0 + len(lead.signal) / lead.fs
    out |= {"seg_start": start, "seg_end": end}
    out["points"], out["points_strip"] = _joined(page.points)
    out["visible"] = np.concatenate([*page.visible, np.zeros(0, bool)])
    out["baselines"], out["baselines_strip"] = _joined(page.baselines)
    out["pulses"], out["pulses_number"] = _joined(page.pulses)
    out |= {"crossings": page.crossings, "crossings_mm": page.crossings_mm, "outline": page.outline}
    out["label_corners"] = np.array([label.corners for label in page.labels]).reshape(-1, 4, 2)
    meta = {
        "layout": page.layout.name,
        "noise": page.noise,
        "px_per_mm": page.px_per_mm,
        "speed_mm_s": page.scene.speed,
        "gain_mm_mv": page.scene.gain,
        "gains_mm_mv": page.scene.gains,
        "sheet_mm": [page.scene.width, page.scene.height],
        "turn_deg": float(page.warp.turn_deg),
        "strips": [asdict(s) for s in page.strips],
        "labels": [{"text": b.text, "role": b.role, "lead": b.lead} for b in page.labels],
        **more,
    }
    out["meta"] = np.array(json.dumps(meta))
    return out


def write_truth(page: Page, path: Path, **more) -> None:
    """Write the truth file of a page as compressed NPZ; the same page gives the same bytes."""
    with open(path, "wb") as file:
        np.savez_compressed(file, **truth_arrays(page, **more))


def _joined(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return polylines end to end (n, 2), and the number of the one each point belongs to (n,)."""
    number = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    return np.concatenate([*parts, np.zeros((0, 2))]), number
