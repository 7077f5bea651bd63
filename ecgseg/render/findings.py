"""The truth of a rendered page as findings: what a perfect finder would find on its flat page."""

import numpy as np

from ecgseg.digitize.locate.findings import Box, Findings, LeadName, Point, Stretch
from ecgseg.render.draw.text import text_box
from ecgseg.render.printed.primitives import Scene


def true_findings(scene: Scene, px_per_mm: float, origin: tuple[float, float] = (0.0, 0.0)) -> Findings:
    """Return what is printed on a scene, on a flat page of `px_per_mm` whose pixel (0, 0) shows `origin` in mm."""
    zero = np.asarray(origin)

    def px(mm) -> np.ndarray:
        return (np.asarray(mm, float) - zero) * px_per_mm

    def box(mm: np.ndarray) -> tuple[float, float, float, float]:
        points = px(mm)
        return (*map(float, points.min(axis=0)), *map(float, points.max(axis=0)))

    strips = sorted(scene.traces, key=lambda t: (t.strip.row, t.x0))
    return Findings(
        names=[
            LeadName(*box(text_box(t)), lead=t.lead, sign=-1 if "-" in t.text else 1)
            for t in scene.texts
            if t.role == "lead"
        ],
        pulses=[Box(*box(p.points)) for p in scene.pulses],
        texts=[Box(*box(text_box(t))) for t in scene.texts if t.role == "calibration"],
        stretches=[
            Stretch(*(float(px((x, t.baseline))[0]) for x in (t.x0, t.x1)), float(px((0, t.baseline))[1]))
            for t in strips
        ],
        starts=[Point(*map(float, px((t.x0, t.baseline)))) for t in strips],
        ends=[Point(*map(float, px((t.x1, t.baseline)))) for t in strips],
    )
