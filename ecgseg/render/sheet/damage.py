"""The sheet of paper as a picture, and the named effects that damage it while it lies flat."""

import numpy as np

from ecgseg.render.sheet import screen, stains, tears, wear
from ecgseg.render.sheet.paper import Sheet

__all__ = ["EFFECTS", "Sheet", "damage"]

# name → f(sheet, rng, **ranges), changes the sheet in place
EFFECTS = stains.EFFECTS | wear.EFFECTS | tears.EFFECTS | screen.EFFECTS


def damage(sheet: Sheet, effects: dict, rng: np.random.Generator) -> None:
    """Apply the paper effects of a noise level to the sheet in place, in their order, each with its probability."""
    for name, options in effects.items():
        # Each effect draws from its own generator: how much one draws does not change the next.
        own = np.random.default_rng(rng.integers(2**63))
        if own.random() < options["p"]:
            spans = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items() if k != "p"}
            EFFECTS[name](sheet, own, **spans)
