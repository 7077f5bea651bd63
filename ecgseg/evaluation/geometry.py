"""Where a reading puts things on the true page: how far its map is off, how it is turned, which strip is which."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

STEP_MM = 5.0  # between the points at which the map is compared: a square of the grid
MARGIN_MM = 2.0  # around the traces' area
TURN_DEG = 20.0  # a page read upright is turned by less, its grid by next to nothing
SAME_STRIP = 0.5  # of the length that two strips cover together is common to both
FAR_MM = 12.0  # a strip that far from any true one shows something else
_FIND_PX = 0.02  # a place on the page is found when it maps to its pixel this closely


def page_mm(warp, pixels: np.ndarray) -> np.ndarray:
    """Return where on a rendered page (n, 2), in mm, pixels (n, 2) of its picture look, NaN where that is not found.

    Newton's method on `warp.forward`, from the homography that fits best.
    """
    pixels = np.asarray(pixels, float).reshape(-1, 2)
    w, h = warp.size
    known = np.stack(np.meshgrid(np.linspace(0, w, 9), np.linspace(0, h, 9)), axis=-1).reshape(-1, 2)
    back = cv2.findHomography(warp.forward(known), known)[0]
    at = cv2.perspectiveTransform(pixels[:, None], back)[:, 0]
    step = 0.02
    for _ in range(12):
        here, right, down = (warp.forward(at + move) for move in ([0, 0], [step, 0], [0, step]))
        jacobian = np.stack([right - here, down - here], axis=-1) / step
        flat = np.abs(np.linalg.det(jacobian)) < 1e-3
        jacobian[flat] = np.eye(2)
        move = np.linalg.solve(jacobian, (pixels - here)[..., None])[..., 0]
        at = at + np.clip(move, -20, 20)
    off = np.hypot(*(warp.forward(at) - pixels).T)
    return np.where((off < _FIND_PX)[:, None], at, np.nan)


@dataclass(frozen=True)
class MapError:
    """How a flat page lies on the true one. turn_deg: clockwise on the page, −180..180; mirrored: seen from behind;
    rms_mm: of the distance between the points of both over the traces' area, after one shift; points: how many;
    shift_mm (2,): true mm = flat mm, turned, + shift."""

    turn_deg: float = np.nan
    mirrored: bool = False
    rms_mm: float = np.nan
    points: int = 0
    shift_mm: tuple[float, float] = (np.nan, np.nan)

    @property
    def upright(self) -> bool:
        return not self.mirrored and abs(self.turn_deg) < TURN_DEG


def map_error(page, flat) -> MapError:
    """Compare a reading's FlatPage with the warp of the rendered page that it shows.

    Points every 5 mm over the area of the page's traces, as far as it is in the picture. A page that was not turned
    upright is compared as it lies. Scale and rotation count as errors, the origin, which is arbitrary, does not.
    """
    height, width = flat.image.shape[:2]
    step = STEP_MM * flat.px_per_mm
    points = np.stack(np.meshgrid(np.arange(0, width, step), np.arange(0, height, step)), axis=-1).reshape(-1, 2)
    pixels = flat.to_image(points)
    h, w = page.image.shape[:2]
    inside = ((pixels > -0.5) & (pixels < [w - 0.5, h - 0.5])).all(axis=1)
    points, pixels = points[inside], pixels[inside]
    if len(points) < 3:
        return MapError()
    mm = page_mm(page.warp, pixels)
    low, high = _traces_area(page)
    ok = ((mm > low) & (mm < high)).all(axis=1)
    if ok.sum() < 3:
        return MapError()
    true, read = mm[ok], points[ok] / flat.px_per_mm
    linear = np.linalg.lstsq(np.c_[read, np.ones(len(read))], true, rcond=None)[0][:2].T
    mirrored = bool(np.linalg.det(linear) < 0)
    turn = float(np.degrees(np.arctan2(linear[1, 0], linear[0, 0])))
    quarter = np.radians(90 * round(turn / 90))
    spin = np.round([[np.cos(quarter), -np.sin(quarter)], [np.sin(quarter), np.cos(quarter)]])
    off = true - read @ spin.T
    shift = off.mean(axis=0)
    rms = np.nan if mirrored else float(np.sqrt(((off - shift) ** 2).sum(axis=1).mean()))
    return MapError(turn, mirrored, rms, int(ok.sum()), tuple(map(float, shift)))


def _traces_area(page) -> tuple[np.ndarray, np.ndarray]:
    ink = np.concatenate([t.points for t in page.scene.traces])
    return ink.min(axis=0) - MARGIN_MM, ink.max(axis=0) + MARGIN_MM


@dataclass(frozen=True)
class StripMatch:
    """Which strip was read where. pairs: number of the true strip → number of the read one, by place alone; asked: the
    true strips of which at least half can be seen; extra: the read strips that lie where no strip is."""

    pairs: dict[int, int]
    asked: tuple[int, ...]
    extra: tuple[int, ...]


def match_strips(page, flat, strips) -> StripMatch:
    """Match the strips of a reading with those printed by their places on the page, whatever they are called."""
    traces = page.scene.traces
    true = np.array([(t.x0, t.x1, t.baseline) for t in traces])
    read = np.array([_on_page(page.warp, flat, s) for s in strips]).reshape(-1, 3)
    low, high = (np.sort(v[:, :2], axis=1) for v in (true, read))
    both = np.minimum(low[:, None, 1], high[None, :, 1]) - np.maximum(low[:, None, 0], high[None, :, 0])
    either = np.maximum(low[:, None, 1], high[None, :, 1]) - np.minimum(low[:, None, 0], high[None, :, 0])
    share = np.clip(both / either, 0, 1)
    apart = np.abs(true[:, None, 2] - read[None, :, 2])
    near = apart < _reach(true[:, 2])[:, None]
    fit = np.nan_to_num(np.where(near & (share >= SAME_STRIP), share + 0.1 * (1 - apart / FAR_MM), 0.0))
    pairs = {int(i): int(j) for i, j in zip(*linear_sum_assignment(-fit), strict=True) if fit[i, j] > 0}
    asked = tuple(k for k, seen in enumerate(page.visible) if seen.mean() >= 0.5)
    used = set(pairs.values())
    return StripMatch(pairs, asked, tuple(j for j in range(len(strips)) if j not in used))


def _on_page(warp, flat, strip) -> tuple[float, float, float]:
    """Return a read strip's first and last x and its usual y in mm on the true page, NaN where it is not on it."""
    x = np.linspace(strip.x0, strip.x1, 9)
    mm = page_mm(warp, flat.to_image(np.stack([x, np.full(9, float(strip.baseline))], axis=1)))
    found = np.isfinite(mm).all(axis=1)
    if found.sum() < 2:
        return np.nan, np.nan, np.nan
    # The ends may lie outside the picture, where a map is a guess: the line through what is found goes on.
    along = np.polyfit(x[found], mm[found, 0], 1)
    return *(float(np.polyval(along, end)) for end in (strip.x0, strip.x1)), float(np.median(mm[found, 1]))


def _reach(baselines: np.ndarray) -> np.ndarray:
    """Return for each strip how far in mm a read one may be off: half the way to the next row, 12 mm at the most."""
    apart = np.abs(baselines[:, None] - baselines[None])
    apart[apart < 0.5] = np.inf
    return np.minimum(apart.min(axis=1) / 2, FAR_MM)
