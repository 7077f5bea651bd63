"""A smooth surface over a raster, through values known at its nodes and steps known between them."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn
from scipy.sparse.linalg import LinearOperator, cg

ROUNDS = 3  # of robust reweighting
TOLERANCE = 1e-3  # of the surface's own height
MOST_STEPS = 50
FREE = 1e-7  # weight of nothing: a surface that no value holds is flat


@dataclass(frozen=True)
class Steps:
    """Steps of a surface between neighbours, (ny, nx - 1) to the right and (ny - 1, nx) down, and their weights."""

    right: np.ndarray
    down: np.ndarray
    right_weight: np.ndarray
    down_weight: np.ndarray


def solve(
    shape: tuple[int, int],
    bend: float,
    values: tuple[np.ndarray, np.ndarray] | None = None,
    steps: Steps | None = None,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Return the surface (ny, nx) that minimises the squared misfits, by weight, and `bend` times squared bending.

    values: (ny, nx) and their weights. By conjugate gradients, preconditioned by the even surface of the mean weights,
    which a cosine transform solves (Ghiglia and Romero, J. Opt. Soc. Am. A 11, 1994).
    """
    ny, nx = shape
    zero = np.zeros(shape)
    target, weight = values if values is not None else (zero, zero)
    rhs = weight * target
    if steps is not None:
        rhs = rhs + _divergence(steps.right_weight * steps.right, steps.down_weight * steps.down, shape)

    def apply(flat: np.ndarray) -> np.ndarray:
        z = flat.reshape(shape)
        out = (weight + FREE) * z + bend * _bending(z)
        if steps is not None:
            out += _divergence(steps.right_weight * np.diff(z, axis=1), steps.down_weight * np.diff(z, axis=0), shape)
        return out.ravel()

    wave = (2 - 2 * np.cos(np.pi * np.arange(ny) / ny))[:, None] + (2 - 2 * np.cos(np.pi * np.arange(nx) / nx))
    mean_step = 0.0 if steps is None else (steps.right_weight.mean() + steps.down_weight.mean()) / 2
    even = max(float(weight.mean()), FREE) + mean_step * wave + bend * wave**2

    def precondition(flat: np.ndarray) -> np.ndarray:
        return idctn(dctn(flat.reshape(shape), norm="ortho") / even, norm="ortho").ravel()

    size = ny * nx
    found, _ = cg(
        LinearOperator((size, size), apply),
        rhs.ravel(),
        x0=None if start is None else start.ravel(),
        rtol=TOLERANCE,
        maxiter=MOST_STEPS,
        M=LinearOperator((size, size), precondition),
    )
    return found.reshape(shape)


def through_values(values: np.ndarray, weight: np.ndarray, bend: float, least: float) -> np.ndarray:
    """Return the smooth surface through values (ny, nx) where weight is above 0; what lies far off loses its say.

    least: of the values' scatter, what is never called far.
    """
    seen = weight > 0
    centre = float(np.average(values[seen], weights=weight[seen]))
    surface, w = None, weight
    for _ in range(ROUNDS):
        surface = solve(values.shape, bend, values=(np.where(seen, values - centre, 0.0), w), start=surface)
        off = np.abs(surface - (values - centre))
        scale = max(3 * float(np.median(off[seen])), least)
        w = weight / (1 + (off / scale) ** 2)
    return surface + centre


def through_steps(steps: Steps, bend: float, least: float, pull: float = 0.0) -> np.ndarray:
    """Return the smooth surface whose steps are nearest to those given; a few may be quite wrong.

    least: of the steps' scatter, what is never called far; pull: weight that holds each node at 0.
    """
    shape = (steps.right.shape[0], steps.down.shape[1])
    right, down = steps.right_weight, steps.down_weight
    values = (np.zeros(shape), np.full(shape, pull))
    surface = None
    for _ in range(ROUNDS):
        surface = solve(shape, bend, values, Steps(steps.right, steps.down, right, down), surface)
        off = [np.abs(np.diff(surface, axis=1) - steps.right), np.abs(np.diff(surface, axis=0) - steps.down)]
        seen = [steps.right_weight > 0, steps.down_weight > 0]
        scale = max(3 * float(np.median(np.concatenate([o[s] for o, s in zip(off, seen, strict=True)]))), least)
        right, down = (
            w / (1 + (o / scale) ** 2) ** 2 for w, o in zip((steps.right_weight, steps.down_weight), off, strict=True)
        )
    return surface


def _divergence(right: np.ndarray, down: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The transpose of taking steps."""
    out = np.zeros(shape)
    out[:, 1:] += right
    out[:, :-1] -= right
    out[1:] += down
    out[:-1] -= down
    return out


def _bending(z: np.ndarray) -> np.ndarray:
    """Return the gradient (half of it) of the squared second differences along x, y and, twice, across."""
    out = np.zeros_like(z)
    for turned, result in ((z, out), (z.T, out.T)):
        second = turned[:, 2:] - 2 * turned[:, 1:-1] + turned[:, :-2]
        result[:, 2:] += second
        result[:, 1:-1] -= 2 * second
        result[:, :-2] += second
    across = np.diff(np.diff(z, axis=0), axis=1) * 2
    out[1:, 1:] += across
    out[:-1, :-1] += across
    out[1:, :-1] -= across
    out[:-1, 1:] -= across
    return out
