"""What lies around and on a sheet."""

import numpy as np

KINDS = ("table", "paper")
EFFECTS: dict = {}


def surroundings(rng: np.random.Generator, seen: np.ndarray, around: dict) -> np.ndarray:
    return np.full((*seen.shape, 3), 200, np.uint8)


def cover(image, seen, effects, rng):
    return None
