"""A second chance for a grid whose lines' phase is upset by ink: crossings of 5 mm lines, one from the next.

From a place where both lines are plain, each crossing is predicted from its neighbours, and both lines are looked for
near there, to a fraction of a pixel, along a whole square: that bears a map several squares off, which would mislead
the phase, as long as it is right from one square to the next. Through all of them goes a thin plate.
"""

import cv2
import numpy as np
from scipy import ndimage
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from ecgseg.digitize.flat.field import LATTICE_MM, MIN_WEIGHT, Field

REACH = 0.28  # of a square: how far off its prediction a line is looked for
STEP = 0.02
ALONG = np.concatenate([np.linspace(-0.6, -0.08, 10), np.linspace(0.08, 0.6, 10)])  # of a line, the crossing left out
BESIDE = 0.13  # of a square: lines are darker than what lies so far beside them
PLAIN = 3.0  # of a line's answer over the scatter of the answers around it
SURE = 0.8  # of the surest cell's weight
TRIED = 8  # seeds, until one leads to so many of the crossings that there may be
ENOUGH = 0.4
SEEDS = 20  # cells in which the first crossing is looked for
MIN_CROSSINGS = 60  # 15 cm² of grid
BETWEEN = 2.5  # squares between a crossing and a cell in which the network sees the grid
OFF = 0.07  # of a square: crossings further off a plane through those around are left out
AROUND = 12
SMOOTHING = 2e-3


def follow_crossings(dark: np.ndarray, pixel: np.ndarray, field: Field) -> tuple[np.ndarray, np.ndarray] | None:
    """Return where crossings are in working px (n, 2) and their numbers (n, 2); None where too few are found."""
    seen = field.weight > MIN_WEIGHT
    cells = ((np.stack(np.meshgrid(field.x, field.y), axis=-1) + 0.5) / pixel - 0.5)[seen]
    axes = (np.linalg.inv(field.gradient) / pixel[:, None])[seen]  # px per period, a column for each family
    near = cKDTree(cells)
    size = int(2 * max(dark.shape) / np.sqrt(abs(np.linalg.det(np.median(axes, axis=0))))) + 8
    best = None
    for seed in _seeds(dark, cells, axes, field.weight[seen]):
        places = _grown(dark, seed, size, near, axes)
        if best is None or np.isfinite(places).sum() > np.isfinite(best).sum():
            best = places
        if np.isfinite(best).all(axis=2).sum() > ENOUGH * len(cells) / _cells_per_square(field):
            break
    numbers = np.argwhere(np.isfinite(best[..., 0])) if best is not None else np.zeros((0, 2), int)
    if len(numbers) < MIN_CROSSINGS:
        return None
    return best[numbers[:, 0], numbers[:, 1]], numbers[:, ::-1]


def _cells_per_square(field: Field) -> float:
    return field.period**2 / float((field.x[1] - field.x[0]) * (field.y[1] - field.y[0]))


def _grown(dark: np.ndarray, seed: np.ndarray, size: int, near: cKDTree, axes: np.ndarray) -> np.ndarray:
    """Return where the crossings (size, size, 2) are that are reached from a seed (2,), NaN for those that are not."""
    places = np.full((size, size, 2), np.nan)
    places[size // 2, size // 2] = seed
    tries = np.zeros((size, size), int)
    while True:
        known = np.isfinite(places[..., 0])
        count = cv2.filter2D(known.astype(np.float32), -1, np.ones((3, 3), np.float32), borderType=cv2.BORDER_CONSTANT)
        beside = cv2.dilate(known.astype(np.uint8), np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)) > 0
        at = np.argwhere(beside & ~known & (np.rint(count) > 2 * tries) & (tries < 3))
        at = at[((at > 1) & (at < size - 2)).all(axis=1)]
        if not len(at):
            break
        tries[at[:, 0], at[:, 1]] += 1
        guess, local = _predicted(places, at, near, axes)
        inside = ((guess >= 0) & (guess < dark.shape[::-1])).all(axis=1)
        squares = np.sqrt(np.abs(np.linalg.det(local)))
        inside &= near.query(np.where(inside[:, None], guess, 0.0))[0] < BETWEEN * squares
        at, guess, local = at[inside], guess[inside], local[inside]
        if len(at):
            found, good = _found(dark, guess, local)
            places[at[good, 0], at[good, 1]] = found[good]
    return places


def _seeds(dark: np.ndarray, cells: np.ndarray, axes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the plainest crossings (n, 2) in cells of which the network is sure, the plainest first."""
    sure = np.flatnonzero(weight >= SURE * weight.max())
    order = sure[np.linspace(0, len(sure) - 1, SEEDS).astype(int)]  # all over the page
    shifts = np.stack(np.meshgrid(*[np.arange(-0.5, 0.5, 0.25)] * 2), axis=-1).reshape(-1, 2)
    local = np.repeat(axes[order], len(shifts), axis=0)
    guess = np.repeat(cells[order], len(shifts), axis=0) + np.einsum(
        "nij,nj->ni", local, np.tile(shifts, (len(order), 1))
    )
    found, scores = _searched(dark, guess, local)
    best = np.argsort(-scores)[:TRIED]
    return found[best[scores[best] > PLAIN]]


def _found(dark: np.ndarray, guess: np.ndarray, local: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, scores = _searched(dark, guess, local)
    return found, scores > PLAIN


def _searched(dark: np.ndarray, guess: np.ndarray, local: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the crossings (n, 2) next to guesses and how plain (n,) the less plain of their lines is."""
    shift = np.arange(-REACH, REACH + STEP / 2, STEP)
    offs, scores = [], []
    for k in (0, 1):
        across, along = local[:, :, k], local[:, :, 1 - k]
        answers = []
        for beside in (0.0, -BESIDE, BESIDE):
            at = (
                guess[:, None, None]
                + (shift + beside)[None, :, None, None] * across[:, None, None]
                + ALONG[None, None, :, None] * along[:, None, None]
            ).reshape(len(guess), -1, 2)
            values = cv2.remap(
                dark, at[..., 0].astype(np.float32), at[..., 1].astype(np.float32), cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
            answers.append(values.reshape(len(guess), len(shift), len(ALONG)).mean(axis=2))
        answer = cv2.blur(answers[0] - (answers[1] + answers[2]) / 2, (3, 1))
        peak = np.argmax(answer, axis=1)
        edge = (peak == 0) | (peak == len(shift) - 1)
        peak = np.clip(peak, 1, len(shift) - 2)
        rows = np.arange(len(guess))
        left, top, right = (answer[rows, peak + d] for d in (-1, 0, 1))
        part = 0.5 * (left - right) / np.minimum(left - 2 * top + right, -1e-9)
        middle = np.median(answer, axis=1)
        scatter = np.median(np.abs(answer - middle[:, None]), axis=1) + 1e-3
        offs.append(shift[peak] + np.clip(part, -1, 1) * STEP)
        scores.append(np.where(edge, 0.0, (top - middle) / scatter))
    found = guess + np.einsum("nij,nj->ni", local, np.stack(offs, axis=1))
    return found, np.minimum(*scores)


def _predicted(places: np.ndarray, at: np.ndarray, near: cKDTree, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where crossings at numbers (n, 2: row, column) should be and the local axes (n, 2, 2), from neighbours."""
    rows, columns = np.mgrid[-2:3, -2:3].reshape(2, -1)
    around = places[at[:, 0, None] + rows, at[:, 1, None] + columns]  # (n, 25, 2)
    ok = np.isfinite(around[..., 0])
    design = np.stack([columns, rows, np.ones(25)], axis=1)
    weight = ok / (1.0 + np.hypot(rows, columns))
    # Few neighbours tell no plane: the network's axes hold it.
    first = np.array([a[np.isfinite(a[:, 0])][0] for a in around])
    held = axes[near.query(first)[1]]
    prior = np.diag([0.05, 0.05, 0.0])
    normal = np.einsum("nk,ki,kj->nij", weight, design, design) + prior
    target = np.einsum("nk,ki,nkc->nic", weight, design, np.where(ok[..., None], around, 0.0))
    target[:, :2] += 0.05 * np.swapaxes(held, 1, 2)
    solution = np.linalg.solve(normal, target)
    return solution[:, 2], np.swapaxes(solution[:, :2], 1, 2)


def plate(px: np.ndarray, numbers: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the map (2, ny, nx) in mm at nodes x (nx,), y (ny,), a thin plate through crossings (n, 2) of `numbers`.

    Crossings that do not fit those around them are left out.
    """
    mm, off = LATTICE_MM * numbers.astype(float), _off_neighbours(px, numbers)
    keep = off < max(OFF, 3 * float(np.median(off)))
    scale = np.ptp(px, axis=0).max()
    thin = RBFInterpolator(px[keep] / scale, mm[keep], neighbors=40, smoothing=SMOOTHING, kernel="thin_plate_spline")
    nodes = np.stack(np.meshgrid(x[::4], y[::4]), axis=-1)
    coarse = thin(nodes.reshape(-1, 2) / scale).reshape(nodes.shape)
    return np.stack([_between(coarse[..., k], len(y), len(x)) for k in (0, 1)])


def steadiness(px: np.ndarray, numbers: np.ndarray) -> float:
    """Return the share of crossings (n, 2) that lie where those around them say.

    It is above 0.9 where there is a grid: places found by chance would scatter by ±REACH squares.
    """
    return float((_off_neighbours(px, numbers) < OFF).mean())


def _off_neighbours(px: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return how far (n,) each crossing is off the plane through those around it, in squares."""
    around = cKDTree(px).query(px, k=min(AROUND + 1, len(px)))[1][:, 1:]
    design = np.concatenate([px[around] - px[:, None], np.ones((*around.shape, 1))], axis=2)
    normal = np.einsum("nki,nkj->nij", design, design) + 1e-6 * np.eye(3)
    there = np.linalg.solve(normal, np.einsum("nki,nkc->nic", design, numbers[around].astype(float)))[:, 2]
    return np.hypot(*(there - numbers).T)


def _between(coarse: np.ndarray, ny: int, nx: int) -> np.ndarray:
    """Return values at every node from those at every fourth."""
    at = np.meshgrid(np.arange(ny) / 4 + 2, np.arange(nx) / 4 + 2, indexing="ij")
    padded = np.pad(coarse, 2, mode="reflect", reflect_type="odd")
    return ndimage.map_coordinates(padded, at, order=3, mode="nearest")
