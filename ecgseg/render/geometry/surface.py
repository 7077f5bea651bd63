"""The shape of a sheet in space: bent like a cylinder, with a relief of folds, crumples and waves on it.

Coordinates are mm from the sheet's middle: x right, y down, z towards the viewer. Every shape is a smooth spline
(C1 and better), so that a point's place is exact by definition.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

KNOT_MM = 2.0  # spacing of the knots of a bend: lengths are kept to 1e-5 down to radii of 30 mm
NODE_MM = 1.5  # spacing of the nodes of a relief: creases come out about as soft as that, and no sharper
AROUND_MM = 20.0  # the relief goes on beyond the sheet, so that its edge is like its middle


@dataclass(frozen=True)
class Curve:
    """Functions of one variable: cubic pieces between even knots, C1, straight beyond the ends.

    pieces (4, k, n): coefficients of the powers 0 to 3 of k functions in n pieces of `step` mm from `start`.
    """

    start: float
    step: float
    pieces: np.ndarray

    @classmethod
    def through(cls, start: float, step: float, values: np.ndarray, slopes: np.ndarray) -> "Curve":
        """Return the curves with these values and slopes (k, knots) at the knots."""
        v0, v1, m0, m1 = values[:, :-1], values[:, 1:], slopes[:, :-1] * step, slopes[:, 1:] * step
        return cls(start, step, np.stack([v0, m0, 3 * (v1 - v0) - 2 * m0 - m1, 2 * (v0 - v1) + m0 + m1]))

    def __call__(self, s: np.ndarray) -> list[np.ndarray]:
        """Return the k functions at s (m,), each (m,)."""
        t = (s - self.start) * (1 / self.step)
        piece = np.clip(t, 0, self.pieces.shape[2] - 1).astype(np.intp)
        t -= piece
        inside = np.clip(t, 0, 1)
        beyond = t - inside
        straight = bool(beyond.any())
        values = []
        for k in range(self.pieces.shape[1]):
            c0, c1, c2, c3 = (c.take(piece) for c in self.pieces[:, k])
            value = ((c3 * inside + c2) * inside + c1) * inside + c0
            if straight:
                value += beyond * ((3 * c3 * inside + 2 * c2) * inside + c1)
            values.append(value)
        return values


@dataclass(frozen=True)
class Bend:
    """A developable bend: along the unit vector `across` the sheet follows a curve in the (across, z) plane.

    path: place along `across` and z, over the length s on the paper, which it keeps; slope: its angle in radians;
    reach: where the sheet ends, in mm.
    """

    across: np.ndarray
    path: Curve
    slope: Curve
    reach: float

    @classmethod
    def of(cls, across: np.ndarray, slope: Callable[[np.ndarray], np.ndarray], reach: float) -> "Bend":
        """Return the bend of angle slope(s) for s mm within ±reach, straight beyond; s = 0 stays where it is."""
        half = int(np.ceil(reach / KNOT_MM))
        knots = KNOT_MM * np.arange(-half, half + 1)

        def held(s: np.ndarray) -> np.ndarray:
            return slope(np.clip(s, -reach, reach))

        nodes, weights = np.polynomial.legendre.leggauss(6)
        angle = held((knots[:-1] + knots[1:])[:, None] / 2 + nodes * KNOT_MM / 2)
        steps = np.stack([np.cos(angle) @ weights, np.sin(angle) @ weights]) * KNOT_MM / 2
        path = np.concatenate([np.zeros((2, 1)), steps.cumsum(axis=1)], axis=1)
        at = held(knots)
        tangent = np.stack([np.cos(at), np.sin(at)])
        angles = Curve.through(knots[0], KNOT_MM, at[None], np.gradient(at, KNOT_MM)[None])
        return cls(across, Curve.through(knots[0], KNOT_MM, path - path[:, half : half + 1], tangent), angles, reach)

    def scaled(self, share: float) -> "Bend":
        """Return the bend with a share of its slopes."""
        return Bend.of(self.across, lambda s: share * self.slope(s)[0], self.reach)


@dataclass(frozen=True)
class Relief:
    """A height field: a uniform cubic B-spline (C2) with coefficients (rows, columns) NODE_MM apart from `corner`."""

    corner: tuple[float, float]
    coefficients: np.ndarray

    @classmethod
    def of(cls, heights: Callable[[np.ndarray, np.ndarray], np.ndarray], size: np.ndarray) -> "Relief":
        """Return the field of heights(x (1, m), y (n, 1)) over a sheet of `size`, laid level and 0 on average."""
        axes = []
        for side in size:
            half = int(np.ceil((side / 2 + AROUND_MM) / NODE_MM)) + 2
            axes.append(NODE_MM * np.arange(-half, half + 1))
        x, y = axes
        z = heights(x[None, :], y[:, None])
        on_x, on_y = np.abs(x) <= size[0] / 2, np.abs(y) <= size[1] / 2
        on, sx, sy = z[on_y][:, on_x], x[on_x], y[on_y]
        tilt_x, tilt_y = on.mean(axis=0) @ sx / (sx @ sx), on.mean(axis=1) @ sy / (sy @ sy)
        return cls((x[0], y[0]), z - on.mean() - tilt_x * x - tilt_y * y[:, None])

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return z at x, y (m,); constant beyond the field's edge."""
        rows, columns = self.coefficients.shape
        at = np.empty((2, len(x)))
        np.clip((y - self.corner[1]) * (1 / NODE_MM), 1, rows - 2, out=at[0])
        np.clip((x - self.corner[0]) * (1 / NODE_MM), 1, columns - 2, out=at[1])
        return map_coordinates(self.coefficients, at, order=3, prefilter=False, mode="nearest")

    @property
    def steepest(self) -> float:
        """The slope that only one node in a thousand exceeds."""
        down, right = np.gradient(self.coefficients, NODE_MM)
        return float(np.quantile(np.hypot(down, right), 0.999))

    def scaled(self, share: float) -> "Relief":
        """Return the relief with a share of its heights."""
        return Relief(self.corner, share * self.coefficients)

    def slopes(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ∂z/∂x and ∂z/∂y (m,), as differences over 0.4 mm."""
        e = 0.2
        return (self(x + e, y) - self(x - e, y)) / (2 * e), (self(x, y + e) - self(x, y - e)) / (2 * e)


@dataclass(frozen=True)
class Surface:
    """A sheet in space: an optional bend, and an optional relief whose heights are along z."""

    bend: Bend | None = None
    relief: Relief | None = None

    @property
    def flat(self) -> bool:
        """Whether the sheet has no height anywhere."""
        return self.bend is None and self.relief is None

    def scaled(self, share: float) -> "Surface":
        """Return the surface with a share of its slopes."""
        return Surface(self.bend and self.bend.scaled(share), self.relief and self.relief.scaled(share))

    def place(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where the points x, y (m,) of the sheet are in space, three (m,)."""
        z = self.relief(x, y) if self.relief else np.zeros_like(x)
        if self.bend is None:
            return x, y, z
        dx, dy = self.bend.across
        s = x * dx + y * dy
        along, up = self.bend.path(s)
        along -= s
        return x + dx * along, y + dy * along, z + up

    def normal(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the unit normals (3, m) at points x, y (m,) of the sheet."""
        hx, hy = self.relief.slopes(x, y) if self.relief else (np.zeros_like(x), np.zeros_like(x))
        if self.bend is None:
            n = np.stack([-hx, -hy, np.ones_like(x)])
        else:
            dx, dy = self.bend.across
            (angle,) = self.bend.slope(x * dx + y * dy)
            cos, sin = np.cos(angle), np.sin(angle)
            # The tangents are (cos, 0, sin + hs) and (0, 1, ht) in (across, along, z).
            hs, ht = hx * dx + hy * dy, hy * dx - hx * dy
            ns, nt = -(sin + hs), -ht * cos
            n = np.stack([dx * ns - dy * nt, dy * ns + dx * nt, cos])
        return n / np.sqrt((n * n).sum(axis=0))
