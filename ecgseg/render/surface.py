"""The shape of a sheet that does not lie flat: from (x, y) on the paper to a place in space, all in mm.

Every shape is closed-form or a C1 spline, so a point's place is exact by definition.
"""

from dataclasses import dataclass, field

import numpy as np

TABLE_MM = 1.0  # spacing of the spline through a curled sheet's profile


@dataclass(frozen=True)
class Curl:
    """A bend along one direction that keeps lengths on the paper: the sheet's slope, in radians, changes with the
    distance along `direction`, by a gentle bow and, near one edge, as at the spine of a book."""

    direction: np.ndarray
    start: float
    place: np.ndarray  # (n, 2): along the direction and height, every TABLE_MM
    slope: np.ndarray  # (n,) radians

    @staticmethod
    def of(direction: np.ndarray, reach: float, bow: float, spine: float, spine_mm: float) -> "Curl":
        """Return the curl of a sheet that reaches ±`reach` mm: slope ±bow at its ends, and spine more near one."""
        s = np.arange(-reach - 20, reach + 20 + TABLE_MM, TABLE_MM)
        fine = np.linspace(s[0], s[-1], 8 * (len(s) - 1) + 1)

        def angle(at: np.ndarray) -> np.ndarray:
            return bow * at / reach + spine * np.exp((at - reach) / spine_mm)

        steps = np.stack([np.cos(angle(fine)), np.sin(angle(fine))], axis=1)
        # Simpson's rule over each pair of fine steps.
        h = fine[1] - fine[0]
        pairs = (steps[:-2:2] + 4 * steps[1:-1:2] + steps[2::2]) * h / 3
        place = np.concatenate([np.zeros((1, 2)), np.cumsum(pairs, axis=0)])[::4]
        middle = np.argmin(np.abs(s))
        place = place - place[middle] + [s[middle], 0]
        return Curl(direction, float(s[0]), place, angle(s))

    def at(self, s: np.ndarray) -> np.ndarray:
        """Return the place (n, 2) along the direction and in height by cubic Hermite interpolation."""
        u = np.clip((s - self.start) / TABLE_MM, 0, len(self.slope) - 1.000001)
        i = u.astype(int)
        f = (u - i)[:, None]
        p0, p1 = self.place[i], self.place[i + 1]
        tangent = TABLE_MM * np.stack([np.cos(self.slope), np.sin(self.slope)], axis=1)
        d0, d1 = tangent[i], tangent[i + 1]
        beyond = (s - self.start)[:, None] / TABLE_MM - u[:, None]
        inside = p0 + f * (d0 + f * (3 * (p1 - p0) - 2 * d0 - d1 + f * (2 * (p0 - p1) + d0 + d1)))
        return inside + beyond * d1


@dataclass(frozen=True)
class Surface:
    """A sheet's shape about its middle: an optional curl, soft creases, ridges and waves on top of it.

    creases (k, 5): a point x, y, the direction's angle, the slope (mm of height per mm away) and the softness in mm;
    ridges (k, 6): the same, then the reach in mm; waves (k, 4): amplitude, wave numbers per mm and phase;
    feed (k, 5): displacement dx, dy in mm, wave numbers and phase, in the plane of the paper.
    """

    size: np.ndarray
    curl: Curl | None = None
    creases: np.ndarray = field(default_factory=lambda: np.zeros((0, 5)))
    ridges: np.ndarray = field(default_factory=lambda: np.zeros((0, 6)))
    waves: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    feed: np.ndarray = field(default_factory=lambda: np.zeros((0, 5)))

    @property
    def flat(self) -> bool:
        """Whether the sheet has no height anywhere."""
        return self.curl is None and not (len(self.creases) or len(self.ridges) or len(self.waves))

    @property
    def plain(self) -> bool:
        """Whether the sheet is flat and evenly fed: its map is a camera's alone."""
        return self.flat and not len(self.feed)

    def place(self, mm: np.ndarray) -> np.ndarray:
        """Return where points (n, 2) of the paper are (n, 3), from the sheet's middle, z towards the camera."""
        p = mm - self.size / 2
        x, y = p.T
        for dx, dy, kx, ky, phase in self.feed:
            wave = np.sin(kx * x + ky * y + phase)
            p = p + np.stack([dx * wave, dy * wave], axis=1)
        z = np.zeros(len(p))
        for cx, cy, angle, slope, soft in self.creases:
            d = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
            z += slope * (np.sqrt(d * d + soft * soft) - soft)
        for cx, cy, angle, slope, soft, reach in self.ridges:
            a, b = x - cx, y - cy
            d = a * np.cos(angle) + b * np.sin(angle)
            z += slope * (np.sqrt(d * d + soft * soft) - soft - 0.4 * reach) * np.exp(-(a * a + b * b) / reach**2)
        for amplitude, kx, ky, phase in self.waves:
            z += amplitude * np.sin(kx * x + ky * y + phase)
        out = np.concatenate([p, z[:, None]], axis=1)
        if self.curl is not None:
            s = p @ self.curl.direction
            bent = self.curl.at(s)
            out[:, :2] += (bent[:, 0] - s)[:, None] * self.curl.direction
            out[:, 2] += bent[:, 1]
        return out

    def normal(self, mm: np.ndarray) -> np.ndarray:
        """Return the unit normals (n, 3) at points (n, 2) of the paper."""
        here = self.place(mm)
        across, down = (self.place(mm + step) - here for step in 0.5 * np.eye(2))
        n = np.cross(across, down)
        return n / np.linalg.norm(n, axis=1, keepdims=True)
