"""The pinhole camera that sees a sheet, and the picture's own turn, scale and place."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A pinhole over the sheet's middle, `distance` mm away; inf: seen from straight above, as by a scanner.

    turn (3, 3) turns the sheet before it; `lens` bends by r² (r in distances); then `matrix` (2, 3) takes mm in the
    plane of the sheet's middle to pixels.
    """

    turn: np.ndarray
    distance: float
    lens: float
    matrix: np.ndarray

    def project(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels x, y (m,) of places x, y, z (m,) in mm from the sheet's middle."""
        if np.isfinite(self.distance):
            (a, b, c), (d, e, f), (g, h, i) = self.turn
            near = 1 / (1 - (g * x + h * y + i * z) * (1 / self.distance))
            x, y = (a * x + b * y + c * z) * near, (d * x + e * y + f * z) * near
            if self.lens:
                growth = 1 + (self.lens / self.distance**2) * (x * x + y * y)
                x, y = x * growth, y * growth
        (a, b, c), (d, e, f) = self.matrix
        return a * x + b * y + c, d * x + e * y + f

    def moved(self, by: np.ndarray, scale: float = 1.0) -> "Camera":
        """Return the camera whose picture is enlarged by `scale` and then moved by (2,) pixels."""
        matrix = self.matrix * scale
        matrix[:, 2] += by
        return replace(self, matrix=matrix)
