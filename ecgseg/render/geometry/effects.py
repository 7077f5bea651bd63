"""The named geometry effects of the noise levels: each draws its parameters; `warp.sample_warp` puts them together."""

import numpy as np

Span = tuple[float, float]


def _between(rng: np.random.Generator, span: Span) -> float:
    return float(rng.uniform(*span))


def _signed(rng: np.random.Generator, span: Span) -> float:
    return _between(rng, span) * float(rng.choice([-1.0, 1.0]))


def stretch(rng: np.random.Generator, percent: Span) -> dict:
    """Printer and scanner do not keep the scale: percent of error, on each axis its own."""
    return {"stretch": 1 + rng.uniform(*percent, 2) / 100}


def feed(rng: np.random.Generator, mm: Span, period_mm: Span = (40.0, 200.0)) -> dict:
    """Uneven feed of paper: two waves of so many mm of displacement along one axis."""
    waves = []
    for _ in range(2):
        k = 2 * np.pi / _between(rng, period_mm)
        waves.append((_between(rng, mm), k, _between(rng, (0, 2 * np.pi))))
    return {"feed": (int(rng.integers(2)), waves)}


def skew(rng: np.random.Generator, degrees: Span) -> dict:
    """A sheet laid a little askew, clockwise above 0."""
    return {"skew": _between(rng, degrees)}


def rotate(rng: np.random.Generator, degrees: Span) -> dict:
    """A page turned by any angle, clockwise above 0."""
    return {"rotate": _between(rng, degrees)}


def quarter_turn(rng: np.random.Generator, turns: Span = (1, 3)) -> dict:
    """A page on its side or upside down: 90° clockwise times a whole number."""
    return {"quarter_turn": int(rng.integers(turns[0], turns[1] + 1))}


def crop(rng: np.random.Generator, mm: Span) -> dict:
    """The picture ends so many mm inside (above 0) or outside (below 0) of where it would, on each side its own."""
    return {"crop": -rng.uniform(*mm, 4)}


def shift(rng: np.random.Generator, mm: Span) -> dict:
    """The picture shows the scanner's glass, as big as the sheet, which lies so many mm off on each axis.

    Corners of an askew sheet are then cut; without this effect the picture is as large as the askew sheet.
    """
    return {"shift": rng.uniform(*mm, 2)}


def frame(rng: np.random.Generator, share: Span, cut: Span = (0.0, 0.0), cut_p: float = 0.0) -> dict:
    """The share of the sheet's length left free around it, on each side its own; with odds `cut_p` one side cuts it."""
    cuts = (int(rng.integers(4)), _between(rng, cut)) if rng.random() < cut_p else None
    return {"frame": rng.uniform(*share, 4), "cut": cuts}


def perspective(rng: np.random.Generator, tilt: Span, distance: Span = (1.2, 3.0)) -> dict:
    """A camera that does not look straight down: tilt in degrees towards any side, distance in lengths of the sheet."""
    towards = _between(rng, (0, 2 * np.pi))
    return {"perspective": (np.deg2rad(_between(rng, tilt)), towards, _between(rng, distance))}


def lens(rng: np.random.Generator, percent: Span) -> dict:
    """Barrel (below 0) or pincushion distortion: percent at 45° off the camera's axis."""
    return {"lens": _between(rng, percent) / 100}


def curl(
    rng: np.random.Generator,
    degrees: Span,
    spine_p: float = 0.3,
    spine_degrees: Span = (10.0, 35.0),
    spine_mm: Span = (15.0, 50.0),
) -> dict:
    """A bowed sheet, its ends steep by so many degrees; sometimes a book's spine bends one edge."""
    upright = rng.random() < 0.7
    angle = (0.0 if rng.random() < 0.5 else np.pi / 2) + rng.normal(0, 0.15) if upright else _between(rng, (0, np.pi))
    angle += np.pi * int(rng.integers(2))
    spine = np.deg2rad(_between(rng, spine_degrees)) if rng.random() < spine_p else 0.0
    return {"curl": (angle, np.deg2rad(_signed(rng, degrees)), spine * rng.choice([-1, 1]), _between(rng, spine_mm))}


def folds(rng: np.random.Generator, degrees: Span, count: Span = (1, 4), soft_mm: Span = (0.5, 4.0)) -> dict:
    """Creases of a folded sheet: its slope changes by so many degrees across each, within about `soft_mm`.

    Most are a letter's or a printer's, side by side; the others cross.
    """
    n = int(rng.integers(count[0], count[1] + 1))
    first = int(rng.integers(2))  # 0: the creases run down the page, 1: across it
    beside = n if n == 1 or rng.random() < 0.6 else n - n // 2
    zigzag = rng.random() < 0.6
    drawn = []
    for axis, many in ((first, beside), (1 - first, n - beside)):
        sign = float(rng.choice([-1.0, 1.0]))
        for k in range(many):
            at = np.full(2, 0.5)
            at[axis] = (k + 1) / (many + 1) + rng.normal(0, 0.015)
            slope = np.tan(np.deg2rad(_between(rng, degrees)) / 2) * sign
            drawn.append((at, axis * np.pi / 2 + rng.normal(0, 0.012), slope, _between(rng, soft_mm)))
            sign = -sign if zigzag else sign
    return {"folds": drawn}


def crumple(rng: np.random.Generator, degrees: Span, facet_mm: Span = (12.0, 40.0)) -> dict:
    """A sheet that was crumpled and smoothed out: facets of about `facet_mm`, steep by so many degrees rms."""
    slope = np.tan(np.deg2rad(_between(rng, degrees)))
    return {"crumple": (int(rng.integers(2**31)), _between(rng, facet_mm), slope)}


def wave(rng: np.random.Generator, mm: Span, period_mm: Span = (60.0, 250.0)) -> dict:
    """Paper that was moist: three gentle waves of some mm in height."""
    waves = []
    for _ in range(3):
        k, towards = 2 * np.pi / _between(rng, period_mm), _between(rng, (0, 2 * np.pi))
        # Steeper than 0.35 would hide paper behind paper.
        height = min(_between(rng, mm), 0.35 / k)
        waves.append((height, (k * np.cos(towards), k * np.sin(towards)), _between(rng, (0, 2 * np.pi))))
    return {"wave": waves}


# name → f(rng, **ranges) → what was drawn
EFFECTS = {
    f.__name__: f
    for f in (
        *(stretch, feed, skew, rotate, quarter_turn, crop, shift),
        *(frame, perspective, lens, curl, folds, crumple, wave),
    )
}


def draw_geometry(effects: dict, rng: np.random.Generator) -> dict:
    """Draw the effects name → {p, parameter: [low, high], …}, each with its probability; returns what was drawn."""
    drawn: dict = {}
    for name, options in effects.items():
        if rng.random() < options["p"]:
            spans = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items() if k != "p"}
            drawn |= EFFECTS[name](rng, **spans)
    return drawn
