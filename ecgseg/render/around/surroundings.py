"""What lies around a sheet: a table, a scanner's lid, a screen's frame. Sizes are shares of the picture."""

from functools import partial

import cv2
import numpy as np

from ecgseg.render.around.covers import EFFECTS, cover
from ecgseg.render.around.grounds import TABLES, shades
from ecgseg.render.capture.noise import pattern_tile
from ecgseg.render.fields import add, coarse_shape, enlarge, multiply, normal_noise, smooth_field
from ecgseg.render.shapes import outline

__all__ = ["EFFECTS", "KINDS", "cover", "surroundings"]

STEP = 4  # px between the points at which a ground is worked out
# How often each of TABLES lies under a photographed page.
_TABLE_ODDS = np.array([0.26, 0.12, 0.24, 0.1, 0.06, 0.08, 0.09, 0.05])


def _contact(seen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the gain (h, w) of the sheet's own shadow on what it lies on."""
    h, w = coarse_shape(seen.shape, STEP)
    small = cv2.resize(seen, (w, h), interpolation=cv2.INTER_AREA)
    reach = max(seen.shape) / STEP * rng.uniform(0.002, 0.012)
    shift = np.float32([[1, 0, rng.normal(0, reach)], [0, 1, rng.normal(0, reach)]])
    moved = cv2.warpAffine(small, shift, (w, h), borderMode=cv2.BORDER_REPLICATE)
    dimmed = cv2.GaussianBlur(moved, (0, 0), max(0.5, reach))
    return 1 - np.float32(rng.uniform(0.2, 0.6) / 255) * dimmed.astype(np.float32)


def table(rng: np.random.Generator, seen: np.ndarray, kind: str | None = None) -> np.ndarray:
    """Return a table top (H, W, 3) uint8 with the sheet's shadow on it; kind: a name of TABLES, None for any."""
    shape = coarse_shape(seen.shape, STEP)
    kind = kind or list(TABLES)[rng.choice(len(TABLES), p=_TABLE_ODDS)]
    ground = TABLES[kind](rng, shape) * _contact(seen, rng)[..., None]
    image = np.ascontiguousarray(enlarge(np.clip(ground, 0, 255).astype(np.uint8), seen.shape))
    if kind == "cloth":
        weave = np.repeat(pattern_tile("weave")[..., None], 3, axis=2).astype(np.float32)
        weave = 1 - np.float32(rng.uniform(0.1, 0.4)) * (1 - weave)
        times = [-(-n // m) for n, m in zip(seen.shape, weave.shape[:2], strict=True)]
        image = multiply(image, cv2.repeat(weave, *times)[: seen.shape[0], : seen.shape[1]])
    return add(image, normal_noise(rng, seen.shape, rng.uniform(1, 6)))


def lid(rng: np.random.Generator, seen: np.ndarray) -> np.ndarray:
    """Return a scanner's background (H, W, 3) uint8: its white, grey or black lid, or the dark with the lid open."""
    level = rng.choice([rng.uniform(225, 255), rng.uniform(120, 220), rng.uniform(0, 50)], p=[0.6, 0.2, 0.2])
    color = level * rng.uniform(0.97, 1.0, 3)
    ground = shades(0.8 + 0.2 * smooth_field(rng, coarse_shape(seen.shape, 16), 2), color * 0.94, color)
    ground = enlarge(ground.astype(np.uint8), seen.shape)
    return multiply(np.ascontiguousarray(ground), 1 - 0.6 * (1 - _contact(seen, rng)))


def plain(rng: np.random.Generator, seen: np.ndarray) -> np.ndarray:
    """Return one flat colour (H, W, 3) uint8, most often white: the margin that a program leaves around a page."""
    level = 255 if rng.random() < 0.7 else rng.integers(0, 256)
    return np.full((*seen.shape, 3), level, np.uint8)


def bezel(rng: np.random.Generator, seen: np.ndarray) -> np.ndarray:
    """Return what is around a page on a screen (H, W, 3) uint8: the viewer's own ground, the frame, a dim room."""
    corners = outline(seen)
    middle = corners.mean(axis=0)
    image = table(rng, seen, ["dark", "desk", "wood"][rng.integers(3)])
    image = multiply(image, np.full((1, 1), rng.uniform(0.2, 0.7), np.float32))
    # From the outside in: the frame, the viewer's window, its bar of tools.
    viewer, frame = rng.uniform(1.01, 1.25), rng.uniform(0.03, 0.1)
    wide = rng.uniform(1.0, 1.3, 2) if rng.random() < 0.5 else np.ones(2)
    ground = rng.choice([rng.uniform(30, 90), rng.uniform(160, 250)])
    shade = rng.uniform(5, 40)
    for scale, level in ((viewer + frame, shade * 1.6), (viewer + 0.9 * frame, shade), (viewer, ground)):
        shape = middle + (corners - middle) * scale * wide
        cv2.fillConvexPoly(image, np.round(shape * 16).astype(np.int32), [float(level)] * 3, cv2.LINE_AA, 4)
    if rng.random() < 0.6:
        top = middle + (corners - middle) * viewer * wide
        bar = np.stack([top[0], top[1], top[1] + 0.04 * (top[2] - top[1]), top[0] + 0.04 * (top[3] - top[0])])
        level = float(np.clip(ground + rng.uniform(-60, 60), 10, 250))
        cv2.fillConvexPoly(image, np.round(bar * 16).astype(np.int32), [level] * 3, cv2.LINE_AA, 4)
    return add(image, normal_noise(rng, seen.shape, rng.uniform(0.5, 3)))


# name → f(rng, seen)
KINDS = {"table": table, "lid": lid, "bezel": bezel, "plain": plain} | {k: partial(table, kind=k) for k in TABLES}


def surroundings(rng: np.random.Generator, seen: np.ndarray, around: dict[str, float] | None = None) -> np.ndarray:
    """Return what lies around and under the sheet, (H, W, 3) uint8.

    seen (H, W) uint8: what the picture shows of the sheet, 255 where it covers all. around: name of KINDS → odds;
    empty or None: any table. Raises ValueError for any other name.
    """
    around = around or {"table": 1.0}
    if unknown := set(around) - set(KINDS):
        raise ValueError(f"unknown surroundings {sorted(unknown)}; choose from {', '.join(KINDS)}")
    odds = np.array(list(around.values()), float)
    return KINDS[list(around)[rng.choice(len(odds), p=odds / odds.sum())]](rng, seen)
