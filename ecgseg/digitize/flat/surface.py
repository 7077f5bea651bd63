"""A smooth surface over a raster, through values known at its nodes and steps known between them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn

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
    """Return the surface (ny, nx) float32 that minimises the squared misfits, by weight, and `bend` times squared
    bending.

    values: (ny, nx) and their weights. By conjugate gradients, preconditioned by the even surface of the mean weights,
    which a cosine transform solves (Ghiglia and Romero, J. Opt. Soc. Am. A 11, 1994).
    """
    ny, nx = shape
    zero = np.zeros(shape)
    target, weight = values if values is not None else (zero, zero)
    rhs = (weight * target).astype(np.float32)
    hold = (weight + FREE).astype(np.float32)
    if steps is not None:
        right, down = steps.right_weight.astype(np.float32), steps.down_weight.astype(np.float32)
        _add_divergence(right * steps.right.astype(np.float32), down * steps.down.astype(np.float32), rhs)

    def apply(z: np.ndarray) -> np.ndarray:
        out = hold * z
        _add_bending(z, np.float32(bend), out)
        if steps is not None:
            _add_divergence(right * (z[:, 1:] - z[:, :-1]), down * (z[1:] - z[:-1]), out)
        return out

    wave = (2 - 2 * np.cos(np.pi * np.arange(ny) / ny))[:, None] + (2 - 2 * np.cos(np.pi * np.arange(nx) / nx))
    mean_step = 0.0 if steps is None else (steps.right_weight.mean() + steps.down_weight.mean()) / 2
    even = (max(float(weight.mean()), FREE) + mean_step * wave + bend * wave**2).astype(np.float32)

    def precondition(z: np.ndarray) -> np.ndarray:
        return idctn(dctn(z, norm="ortho") / even, norm="ortho", overwrite_x=True)

    first = np.zeros(shape, np.float32) if start is None else start.astype(np.float32)
    return _conjugate_gradients(apply, precondition, rhs, first)


def _conjugate_gradients(apply: Callable, precondition: Callable, rhs: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return z with apply(z) = rhs nearly, from a first z.

    In single precision and without BLAS, whose threads wait for each other on a busy machine: SciPy's took 2.4 times
    the CPU time on one thread and 37 times on two, beside another program, and was no more exact.
    """
    left = rhs - apply(z)
    enough = TOLERANCE**2 * _dot(rhs, rhs)
    way, before = np.zeros_like(z), np.inf
    for _ in range(MOST_STEPS):
        if _dot(left, left) <= enough:
            break
        upright = precondition(left)
        length = _dot(left, upright)
        way = upright + np.float32(length / before) * way
        bent = apply(way)
        step = np.float32(length / _dot(way, bent))
        z = z + step * way
        left -= step * bent
        before = length
    return z


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum())


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


def _add_divergence(right: np.ndarray, down: np.ndarray, out: np.ndarray) -> None:
    """Add the transpose of taking steps."""
    out[:, 1:] += right
    out[:, :-1] -= right
    out[1:] += down
    out[:-1] -= down


def _add_bending(z: np.ndarray, bend: np.float32, out: np.ndarray) -> None:
    """Add the gradient (half of it) of the squared second differences along x, y and, twice, across."""
    for turned, result in ((z, out), (z.T, out.T)):
        second = bend * (turned[:, 2:] - 2 * turned[:, 1:-1] + turned[:, :-2])
        result[:, 2:] += second
        result[:, :-2] += second
        result[:, 1:-1] -= 2 * second
    rows = z[1:] - z[:-1]
    across = (2 * bend) * (rows[:, 1:] - rows[:, :-1])
    out[1:, 1:] += across
    out[:-1, :-1] += across
    out[1:, :-1] -= across
    out[:-1, 1:] -= across
