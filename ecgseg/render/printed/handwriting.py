"""Handwriting as pen lines in mm: block letters by an unsteady hand, and words that nobody can read."""

import numpy as np

from ecgseg.render.draw.letters import STROKES


def written(text: str, x: float, y: float, size: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the pen's lines (n, 2) in mm for a text in block letters by hand: `size` high, its left end at (x, y)."""
    slant, climb, lines = rng.normal(0.15, 0.15), rng.normal(0, 0.05), []
    narrow, gap = rng.uniform(0.6, 1.0), rng.uniform(1.2, 2.2)
    at = 0.0
    for letter in text:
        if letter == " ":
            at += 4.0
            continue
        grown = rng.uniform(0.88, 1.15)
        for stroke in STROKES[letter]:
            points = np.array([(int(p[0]), int(p[1]) - 2) for p in stroke], float)
            points = softened(points + rng.normal(0, 0.22, points.shape)) * grown
            lines.append(points + np.array([at, 0.0]))
        at += 4 * grown + gap
    unit = size / 6
    out = []
    for points in lines:
        across, up = points[:, 0] * narrow + points[:, 1] * slant, points[:, 1] + points[:, 0] * climb
        out.append(np.stack([x + across * unit, y - up * unit], axis=1))
    return out


def softened(points: np.ndarray) -> np.ndarray:
    """Return a stroke with its corners cut twice; the ends stay."""
    for _ in range(2):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return points


def scrawl(x: float, y: float, size: float, letters: int, rng: np.random.Generator) -> np.ndarray:
    """Return one pen line (n, 2) in mm that looks like a word in joined letters nobody can read."""
    n = letters * 14
    t = np.linspace(0, letters, n)
    knots = np.arange(letters + 1)
    # Each loop of its own height: some letters rise, a few hang.
    high = rng.choice([1.0, 1.0, 1.0, 2.1, 2.3, -1.2], size=letters + 1) * rng.uniform(0.75, 1.25, letters + 1)
    high[0] = rng.choice([1.0, 2.4])
    loop = np.interp(t, knots, rng.uniform(0.15, 0.6, letters + 1))
    phase = 2 * np.pi * t + np.interp(t, knots, rng.normal(0, 0.5, letters + 1))
    up = 0.5 * (1 - np.cos(phase)) * high[np.minimum(np.round(t).astype(int), letters)]
    up = np.convolve(np.pad(up, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    across = t * rng.uniform(0.75, 1.25) - loop * np.sin(phase) + up * rng.normal(0.25, 0.12)
    up = up + t * rng.normal(0, 0.04)
    return np.stack([x + across * size, y - up * size], axis=1)
