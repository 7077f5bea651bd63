"""Named photometric effects on the picture taken of a sheet: what scanners, cameras and files do to it.

None of them moves ink: kernels are symmetric and resampling is centred.
"""

import albumentations
import numpy as np

from ecgseg.render.capture import copies, light, optics, sensor

# name → f(image (H, W, 3) uint8 RGB, rng, **ranges) → image of the same size
EFFECTS = light.EFFECTS | optics.EFFECTS | copies.EFFECTS | sensor.EFFECTS


def capture(image: np.ndarray, effects: dict, rng: np.random.Generator) -> np.ndarray:
    """Apply the capture effects of a noise level in their order, each with its probability.

    image: (H, W, 3) uint8 RGB; effects: name → {p, parameter: [low, high], …}, a name of EFFECTS or of a
    pixel-level albumentations transform. Returns a new image of the same size.
    """
    for name, options in effects.items():
        if rng.random() >= options["p"]:
            continue
        spans = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items() if k != "p"}
        if name in EFFECTS:
            image = EFFECTS[name](image, rng, **spans)
        else:
            transform = getattr(albumentations, name)(p=1.0, **spans)
            transform.set_random_seed(int(rng.integers(2**31)))
            image = transform(image=image)["image"]
    return image
