"""Rendered pages and readings of them as good or bad as a test wants, made without any network."""

from functools import cache
from types import SimpleNamespace

import numpy as np
from omegaconf import OmegaConf

from ecgseg.digitize.flat.grid import LATTICE_STEP, FlatPage
from ecgseg.evaluation.conditions import Condition, Job
from ecgseg.evaluation.drawing import draw_page, stock
from ecgseg.recording import Recording

PX = 8.0
OPTIONS = {
    **{"method": "network", "split": "val", "root": None, "recordings": {"simulated": 1}, "dpi": 50, "seed": 3},
    **{"style": {"sheet": "fit", "clip": None}, "max_shift_s": 0.2, "digitize": {}, "pages": 1, "minutes": None},
    **{"layouts": ["3x4_1r"], "noise_levels": ["none"], "speeds": [25], "gains": [10], "row_pitches": [None]},
    **{"workers": 1},
}


def options(**changes):
    return OmegaConf.create({**OPTIONS, **changes})


@cache
def stored():
    return stock(options())


@cache
def job_and_page(layout="3x4_1r", noise="none", speed=25.0, gain=10.0, pitch=None, number=0):
    job = Job(Condition(layout, noise, speed, gain, pitch), number, 3)
    return job, draw_page(job, stored())


def flat_of(page, origin=(0.0, 0.0), px_per_mm=PX, bend=lambda mm: 0.0):
    """A flat page whose pixel (0, 0) shows `origin`, off by `bend(mm)` mm, which has the form (n, 2)."""
    width, height = (round(side * PX) for side in (page.scene.width, page.scene.height))
    w, h = width // LATTICE_STEP + 3, height // LATTICE_STEP + 3
    at = [(np.arange(n) - 0.5) * LATTICE_STEP - 0.5 for n in (w, h)]
    mm = np.stack(np.meshgrid(*at), axis=-1).reshape(-1, 2) / px_per_mm + origin
    lattice = page.warp.forward(mm + bend(mm)).reshape(h, w, 2)
    image = np.full((height, width, 3), 255, np.uint8)
    return FlatPage(image, PX, np.array([[1.0, 0, 0], [0, 1.0, 0]]), None, lattice=lattice)


def reading_of(page, origin=(0.0, 0.0), names=None, unnamed=False, change=None, flat=None, **provenance):
    """What a Digitizer.read would return that reads a page perfectly, but for what is asked.

    `names` are read instead of others; `unnamed`: no strip has a name; `change(signal)` returns another signal.
    """
    strips, traces, signals = [], [], {}
    for k, t in enumerate(page.scene.traces):
        s = t.strip
        lead = f"R{s.row + 1}S{k + 1}" if unnamed else (names or {}).get(s.lead, s.lead)
        x0, x1 = ((x - origin[0]) * PX for x in (t.x0, t.x1))
        y = (t.baseline - origin[1]) * PX
        sign = 1 if unnamed else s.sign
        strips.append(SimpleNamespace(lead=lead, row=s.row, t0=s.t0, t1=s.t1, x0=x0, x1=x1, baseline=y, sign=sign))
        points = (t.points - origin) * PX
        traces.append((*points.T, np.full(len(points), 0.9)))
        printed = page.printed.lead(s.lead)
        signals.setdefault(lead, printed * (s.sign if unnamed else 1))
    signal = np.stack(list(signals.values()))
    recording = Recording("fake", signal if change is None else change(signal.copy()), page.printed.fs, tuple(signals))
    recording.quality = dict.fromkeys(signals, 0.8)
    recording.provenance = {
        "speed_mm_s": page.scene.speed,
        "gain_mm_mv": page.scene.gain,
        "step_seconds": {"mask": 2.0, "trace": 3.0},
        "scale": {"px_per_mm_x": PX, "px_per_mm_y": PX},
        "layout": {"name": page.layout.name},
        **provenance,
    }
    layout = None if unnamed else page.layout
    return SimpleNamespace(
        recording=recording,
        flat=flat or flat_of(page, origin),
        located=SimpleNamespace(layout=layout, strips=strips),
        traces=traces,
    )
