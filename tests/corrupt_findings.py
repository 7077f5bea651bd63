"""Scenes without drawing, and findings with the errors that a real finder makes: for tests only."""

from dataclasses import replace

import cv2
import numpy as np

from ecgseg.digitize.locate.findings import Box, Findings, LeadName, Point, Stretch
from ecgseg.layout import LEADS, Layout, load_layout
from ecgseg.render.findings import true_findings
from ecgseg.render.printed.scene import build_scene, centred
from ecgseg.render.printed.style import sample_style
from ecgseg.simulate import simulate

PX = 8.0
ALIKE = {"V1": "V2", "V2": "V1", "V3": "V5", "V5": "V3", "V4": "V6", "V6": "V4"}
ALIKE |= {"aVL": "aVF", "aVF": "aVL", "aVR": "aVL", "I": "II", "II": "III", "III": "II"}


def make_scene(layout: str | Layout, seed: int, speed: float = 25.0, names: str | None = None, **style):
    """Return a scene of a simulated recording; `names` is where its style puts them (None: anywhere but none)."""
    rng = np.random.default_rng(seed)
    layout = load_layout(layout) if isinstance(layout, str) else layout
    recording = simulate(rng, seconds=10.0)
    recording = replace(recording, signal=centred(recording.signal))
    look = sample_style(rng)
    places = [names] if names else ["above", "above", "below", "below", "corner", "left", "line"]
    look = replace(look, names=str(rng.choice(places)), **style)
    return build_scene(recording, layout, look, rng, 0.0, speed)


def draw_trace(scene, px_per_mm: float = PX) -> np.ndarray:
    """Return the ink of the traces (h, w) float 0..1 at half of `px_per_mm`."""
    scale = px_per_mm / 2
    image = np.zeros((round(scene.height * scale), round(scene.width * scale)), np.uint8)
    for t in scene.traces:
        points = np.round((t.points * scale - 0.25) * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(image, [points], False, 255, 2, cv2.LINE_AA, shift=4)
    return image.astype(np.float32) / 255


def corrupt(
    found: Findings,
    rng: np.random.Generator,
    missed: float = 0.3,
    misread: float = 0.1,
    doubled: float = 0.05,
    header: float = 0.2,
    strips: bool = True,
) -> Findings:
    """Return findings with names missed, misread, doubled and false, and (`strips`) with stretches, starts and ends
    broken, merged, missing, off and false."""
    names = []
    for n in found.names:
        if rng.random() < missed:
            continue
        if rng.random() < misread:
            n = replace(
                n, lead=ALIKE[n.lead] if rng.random() < 0.6 else str(rng.choice(LEADS)), score=rng.uniform(0.4, 1)
            )
        names.append(replace(n, score=min(n.score, rng.uniform(0.7, 1))))
        if rng.random() < doubled:
            x, y = rng.uniform(-4, 4, 2)
            other = str(rng.choice(LEADS))
            names.append(LeadName(n.x0 + x, n.y0 + y, n.x1 + x, n.y1 + y, rng.uniform(0.3, 0.8), other, 1))
    top = min(s.baseline for s in found.stretches)
    left, right = min(s.x0 for s in found.stretches), max(s.x1 for s in found.stretches)
    if rng.random() < header:
        for _ in range(rng.integers(1, 4)):
            x, y = rng.uniform(left, right), top - rng.uniform(10, 30) * PX
            names.append(LeadName(x, y, x + 5 * PX, y + 3 * PX, rng.uniform(0.3, 0.9), str(rng.choice(LEADS)), 1))
    if not strips:
        return replace(found, names=names)
    return replace(
        found,
        names=names,
        stretches=_stretches(found, rng, (left, right), top),
        starts=_points(found.starts, rng, (left, right)),
        ends=_points(found.ends, rng, (left, right)),
    )


def _stretches(found: Findings, rng, span: tuple[float, float], top: float) -> list[Stretch]:
    rows: dict[float, list[Stretch]] = {}
    for s in found.stretches:
        rows.setdefault(round(s.baseline), []).append(s)
    out = []
    lost = rng.choice(list(rows)) if len(rows) > 2 and rng.random() < 0.08 else None
    for y, strips in rows.items():
        if y == lost:
            continue
        if rng.random() < 0.7:  # strips of one row run into each other
            strips = [replace(strips[0], x1=strips[-1].x1)]
        for s in strips:
            own = rng.normal(0, 0.4) * PX
            x0, x1 = s.x0 + rng.normal(0, 0.7) * PX, s.x1 + rng.normal(0, 0.7) * PX
            if rng.random() < 0.1:
                continue_at = rng.uniform(x0, x1)
                gap = rng.uniform(1, 12) * PX
                out += [Stretch(x0, continue_at, s.baseline + own), Stretch(min(continue_at + gap, x1), x1, s.baseline)]
            elif len(strips) == 1 or rng.random() > 0.04:
                out.append(Stretch(x0, x1, s.baseline + own))
    for _ in range(rng.integers(0, 3)):  # text and frames
        x = rng.uniform(*span)
        y = top - rng.uniform(8, 30) * PX if rng.random() < 0.6 else rng.uniform(top, max(rows) + 20 * PX)
        out.append(Stretch(x, x + rng.uniform(5, 50) * PX, y, rng.uniform(0.3, 0.8)))
    return out


def _points(points: list[Point], rng, span: tuple[float, float]) -> list[Point]:
    out = [
        Point(p.x + rng.normal(0, 0.5) * PX, p.y + rng.normal(0, 0.5) * PX, rng.uniform(0.6, 1))
        for p in points
        if rng.random() > 0.3
    ]
    for _ in range(rng.poisson(0.05 * len(points))):
        out.append(Point(rng.uniform(*span), points[rng.integers(len(points))].y, rng.uniform(0.3, 0.8)))
    return out


def without_names(found: Findings) -> Findings:
    """Return findings of a page whose names are all missing."""
    return replace(found, names=[])


__all__ = ["PX", "Box", "corrupt", "draw_trace", "make_scene", "true_findings", "without_names"]
