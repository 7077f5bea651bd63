"""Small windows of pages about lead names, and about what may be taken for one, with what they say."""

from dataclasses import dataclass

import numpy as np

from ecgseg.layout import LEADS, Layout
from ecgseg.recording import Recording
from ecgseg.render.crops import CropSize, Shot, take_shot
from ecgseg.render.draw.text import end_box, text_box
from ecgseg.render.levels import Noise
from ecgseg.render.printed.primitives import Scene, Text

# Shares of windows about a name, about another text, and about an upright stroke; the rest lies anywhere near a row.
NAMED, OTHER, STROKE = 0.70, 0.12, 0.12
NEAR_START_MM = 12.0  # a wave so near its strip's start may be taken for a name: its tip looks like an I
TIP_MM = 2.0  # of a wave, at least, about what is usual there
JITTER_MM = 0.9  # of the window's middle about the text's, standard deviation
SCALE = 0.06  # of the window's scale, standard deviation
APART_MM = 4.0  # a window of something else keeps so far from any name
OWN, WORD = 0.5, 0.2  # of the windows about a name after a word ("Lead aVF"): about the name alone, the word alone


@dataclass(frozen=True)
class NameCrop:
    """image (H, W, 3) uint8 and the index of what it says: 0 nothing, 1 to 12 a lead, 13 -aVR."""

    image: np.ndarray
    label: int


def name_shot(recording: Recording, layout: Layout, noise: Noise, rng: np.random.Generator, **printed) -> Shot:
    """Print a page that has names and get ready to photograph windows of it; `printed` are speed and gain."""
    for _ in range(8):
        shot = take_shot(recording, layout, noise, rng, **printed)
        if any(t.role == "lead" for t in shot.scene.texts):
            break
    return shot


def cut_name(shot: Shot, rng: np.random.Generator, height: int, width: int) -> NameCrop:
    """Photograph a window of a shot about a lead's name or about something else."""
    centre, label = _place(shot.scene, rng)
    centre = centre + rng.normal(0, JITTER_MM, 2) * [1.0, 0.6]
    size = CropSize(height, width, 8.0 * float(np.exp(rng.normal(0, SCALE))))
    image, _, _ = shot.window(centre, rng, size)
    return NameCrop(image, label)


def _place(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    names = [t for t in scene.texts if t.role == "lead"]
    others = [t for t in scene.texts if t.role != "lead"]
    kind = rng.random()
    if names and kind < NAMED:
        return name_place(names[rng.integers(len(names))], rng)
    known = np.array([text_box(t).mean(axis=0) for t in names]).reshape(-1, 2)
    for _ in range(20):
        if others and kind < NAMED + OTHER:
            box = text_box(others[rng.integers(len(others))])
            place = rng.uniform(box.min(axis=0), box.max(axis=0))
        elif kind < NAMED + OTHER + STROKE:
            place = _stroke(scene, rng)
        else:
            trace = scene.traces[rng.integers(len(scene.traces))]
            place = np.array([rng.uniform(trace.x0 - 12, trace.x1), trace.baseline + rng.normal(0, 8)])
        if not len(known) or (np.abs(known - place) > [2 * APART_MM, APART_MM]).any(axis=1).all():
            break
    else:
        place = np.array([-20.0, -20.0])  # off the sheet: nothing is written there
    return place, 0


def name_place(text: Text, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Return a place (mm) on a lead's name, and what it says; a word before it alone says nothing."""
    turned = text.lead == "aVR" and "-" in text.text
    label = len(LEADS) + 1 if turned else 1 + LEADS.index(text.lead)
    whole, first = text_box(text), text.text.rfind(" ") + 1
    if not first:
        return whole.mean(axis=0), label
    own, kind = end_box(text, first), rng.random()
    if kind < OWN:
        return own.mean(axis=0), label
    if kind < OWN + WORD:
        # Clockwise from where reading begins: the word ends where the name does not yet begin.
        return (whole[[0, 3]].sum(axis=0) + own[[0, 3]].sum(axis=0)) / 4, 0
    return whole.mean(axis=0), label


def _stroke(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Return a place (mm) on what stands upright at a strip's start: the tip of a wave, or an edge of a pulse."""
    if scene.pulses and rng.random() < 0.3:
        pulse = scene.pulses[rng.integers(len(scene.pulses))]
        return pulse.points[rng.integers(len(pulse.points))]
    trace = scene.traces[rng.integers(len(scene.traces))]
    x, y = trace.points.T
    near = (x < trace.x0 + NEAR_START_MM) & np.isfinite(y)
    if not near.any():
        return np.array([trace.x0, trace.baseline])
    high = np.abs(y - np.median(y[near]))
    tips = np.flatnonzero(near & (high > min(TIP_MM, high[near].max())))
    tip = tips[rng.integers(len(tips))] if len(tips) else np.flatnonzero(near)[0]
    return np.array([x[tip], y[tip] + rng.uniform(-2.0, 2.0)])
