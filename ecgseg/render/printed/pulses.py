"""Calibration pulses: 1 mV beside the rows, in the shapes that machines print."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ecgseg.layout import LIMB_LEADS
from ecgseg.render.printed.placing import MARGIN, Box, Frame
from ecgseg.render.printed.primitives import Pulse, Scene, Text
from ecgseg.render.printed.style import Style

_SETTLE = (0.0, 0.2, 0.45, 0.75, 1.1, 1.6, 2.3, 3.2, 5.0)  # time constants at which a rounded flank has a point


@dataclass(frozen=True)
class PulseForm:
    """The form of a page's pulses in mm: the lead-in, the pulse, the lead-out and the gap to the row beside it.

    `flank` is the width of a slanted flank or the time constant of a rounded one, 0 for upright flanks.
    """

    lead_in: float
    width: float
    lead_out: float
    gap: float
    shape: str
    flank: float

    @property
    def reach(self) -> float:
        return self.lead_in + self.width + self.lead_out + self.gap


def draw_form(style: Style, speed: float, rng: np.random.Generator) -> PulseForm:
    """Draw the form of the pulses of a page at `speed` mm/s."""
    width = 5.0 if style.pulse_width == "5mm" else 0.2 * speed
    lead_in, lead_out = (rng.uniform(0.3, 2.0) if rng.random() < 0.4 else 0.0 for _ in range(2))
    gap = rng.uniform(0.3, 3.0) if rng.random() < 0.4 else 0.0
    flank = {"plain": 0.0, "slanted": rng.uniform(0.15, 0.7), "rounded": rng.uniform(0.06, 0.05 * width)}
    flank = flank[style.pulse_shape]
    if style.pulse_shape == "slanted":
        lead_in, lead_out = max(lead_in, flank), max(lead_out, flank)
    elif style.pulse_shape == "rounded":
        lead_out = max(lead_out, 1.1 * _SETTLE[-1] * flank)
    return PulseForm(lead_in, width, lead_out, gap, style.pulse_shape, flank)


def make_pulse(form: PulseForm, heights: tuple[float, ...], x: float, baseline: float, row: int) -> Pulse:
    """Return a pulse whose lead-in begins at x mm; its plateaus are `heights` mm high and equally wide."""
    edges = np.linspace(0, form.width, len(heights) + 1)
    points = [(-form.lead_in, 0.0)] if form.lead_in else []
    for edge, (before, after) in zip(edges, pairwise((0.0, *heights, 0.0)), strict=True):
        points += _flank(form, edge, before, after)
    if form.lead_out:
        points.append((form.width + form.lead_out, 0.0))
    start = x + form.lead_in
    middle = form.flank * np.log(2) if form.shape == "rounded" else 0.0  # from an edge to its half height
    xy = np.array(points) * [1, -1] + [start, baseline]
    return Pulse(xy, baseline, float(start + middle), float(start + middle + form.width), row, heights)


def _flank(form: PulseForm, x: float, before: float, after: float) -> list[tuple[float, float]]:
    """Return the points of a flank from one height to the next."""
    if form.shape == "rounded":
        return [(x + t * form.flank, after + (before - after) * np.exp(-t)) for t in _SETTLE]
    return [(x - form.flank / 2, before), (x + form.flank / 2, after)]


def add_pulses(scene: Scene, frame: Frame, form: PulseForm, rng: np.random.Generator, free: list[Box]) -> list[Box]:
    """Add the pulses that the style asks for; returns the boxes of `free` that a pulse apart from the rows leaves."""
    style = scene.style
    stair = rng.random() < 0.6
    if style.pulse == "none":
        return free
    heights = {r: _heights(scene, r, stair) for r in sorted({t.strip.row for t in scene.traces})}
    if style.pulse_rows == "corner":
        every = tuple(sorted({h for of_row in heights.values() for h in of_row}, reverse=True))
        left = _corner(scene, form, every if stair else every[:1], rng, free)
        if left is not None:
            return left
    rows = list(heights) if style.pulse_rows == "all" else list(heights)[:1]
    for r in rows:
        if style.pulse in ("left", "both"):
            scene.pulses.append(make_pulse(form, heights[r], frame.left - form.reach, frame.baselines[r], r))
        if style.pulse in ("right", "both"):
            scene.pulses.append(make_pulse(form, heights[r], frame.right + form.gap, frame.baselines[r], r))
    return free


def _heights(scene: Scene, row: int, stair: bool) -> tuple[float, ...]:
    """Return 1 mV in mm as the row's pulse shows it: for limb leads, for precordial leads, or for both as a stair."""
    leads = [t.strip.lead for t in scene.traces if t.strip.row == row]
    leads.sort(key=lambda lead: lead not in LIMB_LEADS)
    gains = tuple(dict.fromkeys(scene.gain_of(lead) for lead in leads))
    return gains if stair else gains[:1]


def _corner(
    scene: Scene, form: PulseForm, heights: tuple[float, ...], rng: np.random.Generator, free: list[Box]
) -> list[Box] | None:
    """Put one pulse into the lower corner of the first free box that is high enough; None if there is none."""
    for k, (x0, y0, x1, y1) in enumerate(free):
        if y1 - y0 < max(heights) + 3:
            continue
        at_left, baseline = rng.random() < 0.5, y1 - 1.5
        x = x0 + MARGIN if at_left else x1 - MARGIN - form.reach
        scene.pulses.append(make_pulse(form, heights, x, baseline, -1))
        taken = form.reach + 2 * MARGIN
        if rng.random() < 0.5:
            style, size = scene.style, 0.8 * scene.style.text_height
            beside = x + form.reach + 1 if at_left else x - 3.2 * size
            scene.texts.append(Text("1 mV", beside, baseline, size, style.font, "calibration"))
            taken += 3.2 * size + 1
        left = (x0 + taken, y0, x1, y1) if at_left else (x0, y0, x1 - taken, y1)
        return [*free[:k], left, *free[k + 1 :]]
    return None
