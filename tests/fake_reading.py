"""A reading as a Digitizer returns it, made without one, for the tests of what is done with it."""

from types import SimpleNamespace

import numpy as np

from ecgseg.layout import LEADS, load_layout
from ecgseg.recording import Recording


def several(readings: list) -> list:
    """Return readings as those of the records of one picture, in this order."""
    for number, reading in enumerate(readings, 1):
        reading.recording.provenance |= {"record": number, "records": len(readings)}
    return readings


def fake_reading(name: str):
    """A reading of a small white page whose leads are sines, as a Digitizer would return it."""
    layout = load_layout("3x4_1r")
    t = np.arange(1000) / 100.0
    signal = np.full((12, 1000), np.nan, np.float32)
    windows = {}
    strips, traces = [], []
    for strip in layout.strips:
        i = LEADS.index(strip.lead)
        inside = (t >= strip.t0) & (t < strip.t1)
        signal[i, inside] = np.sin(2 * np.pi * t[inside])
        windows[strip.lead] = (strip.t0, strip.t1)
        x0, x1, baseline = 20 + 40 * strip.t0, 20 + 40 * strip.t1, 60.0 + 80 * strip.row
        strips.append(SimpleNamespace(lead=strip.lead, row=strip.row, x0=x0, x1=x1, baseline=baseline))
        x = np.linspace(x0, x1, 200)
        traces.append((x, baseline - 10 * np.sin(x), np.where(x < x0 + 20, 0.2, 0.9)))
    recording = Recording(
        name=name,
        signal=signal,
        fs=100.0,
        windows=windows,
        confidence=np.where(np.isfinite(signal), 0.9, 0.0).astype(np.float32),
        quality={lead: 0.9 for lead in LEADS},
        warnings=["a thing to look at"],
        provenance={
            "software": "ecgseg",
            "scale": {"px_per_mm_x": 8.0, "px_per_mm_y": 8.01},
            "layout": {"name": "3x4_1r"},
            "speed_mm_s": 25.0,
            "gain_mm_mv": 10.0,
        },
    )
    flat = SimpleNamespace(image=np.full((400, 460, 3), 255, np.uint8), px_per_mm=8.0)
    return SimpleNamespace(
        recording=recording, flat=flat, located=SimpleNamespace(layout=layout, strips=strips), traces=traces
    )
