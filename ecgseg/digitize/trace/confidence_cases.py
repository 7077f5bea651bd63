"""Rendered pages of known truth, read by a network: what the confidence is fitted to.

Pages of all noise levels, from recordings held out of the training and simulated ones, are flattened with their true
map, so that only the reading of the trace is judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ecgseg.alignment import PrintedLead
from ecgseg.digitize.locate.locate import LocatedStrip
from ecgseg.digitize.trace.confidence import Evidence, shipped
from ecgseg.digitize.trace.place import place_strips
from ecgseg.digitize.trace.trace import read_rows, row_spans, rows_told_apart
from ecgseg.layout import layout_names, load_layout
from ecgseg.render.crops import SUBCOLUMNS, subcolumn_x
from ecgseg.render.page import Page, render_page
from ecgseg.simulate import simulate
from ecgseg.testpages import printed_leads

PX_PER_MM = 8.0
LEVELS = ("mixed", "scan", "photo", "clean", "damaged", "none", "mixed", "photo")
LOCATED_MM = 0.3  # rms by which rows are found too far left or right before their trace is read
_STEP = 8  # px between the points of the map that are worked out; it is smooth


@dataclass
class Case:
    """A page as it was read: its strips as placed, its rows' evidence and true y in px (NaN: none), its truth."""

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


def draw_pages(count: int, seed: int) -> Iterator[Page]:
    """Yield `count` rendered pages: all levels and layouts in turn, some with other gains or crowded rows."""
    from ecgseg.ptb import load_records

    records = load_records(None, "val")
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        layout = load_layout(str(rng.choice(layout_names())))
        simulated = k % 4 == 3
        recording = simulate(rng) if simulated else records[k % len(records)]
        start = rng.uniform(0, max(0.0, recording.seconds - layout.seconds))
        gain = float(rng.choice([10.0, 10.0, 10.0, 5.0, 20.0]))
        yield render_page(recording, layout, LEVELS[k % len(LEVELS)], rng, gain=gain, start_s=start)


def read_case(net, page: Page) -> Case | None:
    """Read a rendered page with the network; None where its printed leads hold no signal to score."""
    printed = printed_leads(page.printed)
    if sum(float((p.signal**2).sum()) for p in printed) < 1e-3:
        return None
    strips = true_strips(page)
    spans = row_spans(strips)
    # Seeded by what differs from page to page.
    shift = np.random.default_rng(int(page.scene.width * 1e6)).normal(0, LOCATED_MM) * PX_PER_MM
    flat = flat_image(page)
    evidence = read_rows(net, flat, list(spans.values()))
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
    located = [replace(s, x0=s.x0 + shift, x1=s.x1 + shift) for s in strips]
    strips, _ = place_strips(located, evidence, flat)
    # Which rows are read again goes by the former fit.
    evidence = rows_told_apart(net, flat, list(spans.values()), evidence, shipped())
    return Case(page.noise, strips, evidence, truth, zero, printed, scene.speed, gains)
