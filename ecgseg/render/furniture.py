"""What else stands on a page: lines of text above and below the rows."""

import numpy as np

from ecgseg.render.primitives import Scene, Text

_LINES = (
    "ID: {a}{b}  Name:",
    "Age: {c} yrs",
    "Sex: Male",
    "Date: 19{c}-0{d}-1{d}, 0{d}:{c}:{c}",
    "HR {c} bpm   PR 1{c} ms   QRS {c} ms",
    "25mm/s   10mm/mV   0.05-150 Hz",
    "Sinus rhythm. Normal ECG",
    "Unconfirmed diagnosis",
    "QT/QTc 3{c}/4{c} ms   P-R-T axes {c} {c} {c}",
    "Weight: {c} kg",
    "Height: 1{c} cm",
    "F 50~ 0,15-40 Hz  {b}",
)


def add_furniture(scene: Scene, rng: np.random.Generator, free: list[tuple[float, float, float, float]]) -> None:
    """Write made-up lines into the free boxes (x0, y0, x1, y1) in mm of a scene, in up to three columns."""
    values = dict(a=rng.integers(100, 999), b=rng.integers(1000, 99999), c=rng.integers(20, 99), d=rng.integers(1, 9))
    size, font = scene.style.text_height, scene.style.font
    for x0, y0, x1, y1 in free:
        for share in (0.0, rng.uniform(0.27, 0.4), rng.uniform(0.52, 0.75)):
            y = y0 + 1.2 * size
            while y < y1 and rng.random() < 0.8:
                text = str(rng.choice(_LINES)).format(**values)
                scene.texts.append(Text(text, x0 + share * (x1 - x0), y, size, font))
                y += 1.35 * size
