"""Job → Page: recordings and styles to draw from, and the page that a job means, always the same."""

from dataclasses import dataclass, field, replace

import numpy as np

from ecgseg.evaluation.conditions import Job, PlanError
from ecgseg.layout import load_layout
from ecgseg.ptb import load_records
from ecgseg.recording import Recording
from ecgseg.render.levels import choose, load_noise
from ecgseg.render.page import Page, draw_dpi, render_page
from ecgseg.render.printed.style import sample_style
from ecgseg.simulate import add_artefacts, simulate

SOURCES = ("ptb", "simulated")
# What a seed is drawn for: changing one must not change the others.
_RECORDING, _STYLE, _PRINT, _LEVEL, _DAMAGE, _DPI = range(6)


@dataclass(frozen=True)
class Stock:
    """What pages are drawn from: PTB recordings, the odds of the sources, fields of Style that every page has, and
    the resolution in px/mm (None: drawn from the noise level's range)."""

    records: list[Recording]
    odds: dict[str, float]
    style: dict = field(default_factory=dict)
    px_per_mm: float | None = None


def stock(cfg) -> Stock:
    """Load what the configuration names; raises PlanError naming the option that is off."""
    odds = {name: float(v) for name, v in cfg.recordings.items()}
    if set(odds) - set(SOURCES) or min(odds.values(), default=-1) < 0 or sum(odds.values()) <= 0:
        raise PlanError(f"recordings={odds}: give odds of {', '.join(SOURCES)}, 0 or more, one above 0")
    records = load_records(cfg.root, split=cfg.split) if odds.get("ptb") else []
    if odds.get("ptb") and not records:
        raise PlanError(f"no recordings in the split '{cfg.split}' of {cfg.root or 'the embedded excerpts'}")
    unknown = set(cfg.style) - set(sample_style(np.random.default_rng(0)).__dict__)
    if unknown:
        raise PlanError(f"style: a page has no {', '.join(sorted(unknown))}; see ecgseg/render/printed/style.py")
    return Stock(records, odds, dict(cfg.style), cfg.dpi / 25.4 if cfg.dpi else None)


def draw_page(job: Job, stock: Stock) -> Page:
    """Render the page of a job: the same recording, style and damage in every cell, as far as the cell allows."""

    def rng(what: int) -> np.random.Generator:
        return np.random.default_rng([job.seed, job.number, what])

    cell, layout = job.condition, load_layout(job.condition.layout)
    noise = choose(load_noise(cell.noise), rng(_LEVEL))
    return render_page(
        draw_recording(stock, layout.seconds, rng(_RECORDING)),
        layout,
        noise,
        rng(_DAMAGE),
        px_per_mm=stock.px_per_mm or draw_dpi(noise, rng(_DPI)) / 25.4,
        speed=cell.speed,
        gain=cell.gain,
        style=replace(sample_style(rng(_STYLE)), **stock.style),
        row_pitch=cell.row_pitch,
        scene_rng=rng(_PRINT),
    )


def draw_recording(stock: Stock, seconds: float, rng: np.random.Generator) -> Recording:
    """Return `seconds` of a recording of one of the sources: a random excerpt, or a simulated one with artefacts."""
    odds = np.array([stock.odds.get(name, 0.0) for name in SOURCES])
    source = SOURCES[rng.choice(len(SOURCES), p=odds / odds.sum())]
    if source == "simulated":
        return add_artefacts(simulate(rng, seconds=seconds + 0.1), rng)
    record = stock.records[rng.integers(len(stock.records))]
    n = round(seconds * record.fs) + 1
    start = int(rng.integers(max(0, record.signal.shape[1] - n) + 1))
    return replace(record, signal=record.signal[:, start : start + n], confidence=None)
