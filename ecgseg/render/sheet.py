"""The sheet of paper as a picture, and the named effects that damage it while it lies flat."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Sheet:
    """A flat sheet or a window of it: image (H, W, 3) uint8 RGB; alpha (H, W) uint8, 0 where the paper is torn away,
    None while it is whole; px_per_mm; origin: the mm on the page at the centre of pixel (0, 0); size: the whole
    page's width and height in mm."""

    image: np.ndarray
    px_per_mm: float
    origin: tuple[float, float] = (0.0, 0.0)
    size: tuple[float, float] = (297.0, 210.0)
    alpha: np.ndarray | None = None


# name → f(sheet, rng, **ranges), changes the sheet in place
EFFECTS: dict = {}


def damage(sheet: Sheet, effects: dict, rng: np.random.Generator) -> None:
    """Apply the paper effects of a noise level to the sheet in place, in their order, each with its probability."""
    for name, options in effects.items():
        if rng.random() < options["p"]:
            spans = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items() if k != "p"}
            EFFECTS[name](sheet, rng, **spans)
