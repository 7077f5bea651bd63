"""The exact size of a calibration pulse: its outline fitted to the ink around a box that is a mm or two off."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import maximum_filter1d

from ecgseg.digitize.locate.findings import Box

SLACK_MM = 2.5  # how far a pulse's sides may lie outside its box
INSIDE_MM = 4.5  # how far inside: a box holds the line before and behind the pulse too
STEP_MM = 0.25  # of the search for the outline
AROUND_MM = 10.0  # of paper around the box that shows how dark the grid's lines are
LEAST_HEIGHT_MM, LEAST_WIDTH_MM = 1.5, 1.5
PEN_MM = 0.8  # no pen is wider: ink whose neighbours at this distance are as dark is no line
SLANT_MM = 0.35  # a flank strays so far from the upright
DASHES = 60  # percentile along a line of the grid that still shows it: lines may be dashed, a pulse's roof is shorter
BLANK = 0.55  # ink (0..1) that the outline must have to be worth following: one flank of two is not enough
STAIRS = (0.5, 2.0)  # second step of a stair over its first: precordial leads at half or at double gain
LEAST_CONTRAST = 8.0  # of 255, between paper and pulse: less is noise
LEFT_BY_GRID = 0.3  # of the ink's darkness: what a line of the grid leaves at least; below, noise would be blown up
LEAST_SCORE = 0.4  # coverage of the outline's worst side from which a pulse is believed


@dataclass(frozen=True)
class PulseSize:
    """A pulse measured: `height_mm` of its highest plateau over its foot, `width_mm` between its outer flanks.

    `heights` in mm of its plateaus from left to right (two for a stair); `score` 0..1 is how much of its outline is
    inked; `left`, `right` and `foot` say where it stands, in px of the image.
    """

    height_mm: float
    width_mm: float
    heights: tuple[float, ...]
    score: float
    left: float
    right: float
    foot: float


@dataclass(frozen=True)
class _Outline:
    """A fitted outline in px: both flanks, the foot, the plateaus' heights (y), the gain in ink and its coverage."""

    x0: float
    x1: float
    foot: float
    tops: tuple[float, ...]
    gain: float
    coverage: float


def measure_pulse(image: np.ndarray, box: Box, px_per_mm: float) -> PulseSize | None:
    """Return the size of the pulse near a box; None where no outline of a pulse is found there.

    image (H, W, 3) uint8 RGB of a flat page, box in its pixels and up to 2 mm off. The pulse may be plain, slanted,
    rounded or a stair of two steps, on any grid, and may touch other ink.
    """
    ink, corner = _ink(image, box, px_per_mm)
    if ink is None:
        return None
    local = Box(box.x0 - corner[0], box.y0 - corner[1], box.x1 - corner[0], box.y1 - corner[1])
    outline = _fit(ink, local, px_per_mm)
    if outline is None or outline.coverage < LEAST_SCORE:
        return None
    return _measure(ink, outline, px_per_mm, corner)


def _ink(image: np.ndarray, box: Box, px_per_mm: float) -> tuple[np.ndarray | None, tuple[int, int]]:
    """Return how inked (0..1) the surroundings of a box are, grid lines taken out, and their top left corner in px.

    Coloured lines are bright in one channel at least, so darkness is that of the brightest; what runs through a whole
    row or column is a line of the grid.
    """
    h, w = image.shape[:2]
    around = AROUND_MM * px_per_mm
    x0, x1 = max(0, round(box.x0 - around)), min(w, round(box.x1 + around) + 1)
    y0, y1 = max(0, round(box.y0 - around)), min(h, round(box.y1 + around) + 1)
    if x1 - x0 < around or y1 - y0 < around:
        return None, (0, 0)
    bright = image[y0:y1, x0:x1].max(axis=2).astype(np.float32)
    dark = np.clip(np.percentile(bright, 80) - bright, 0, None)
    lines = np.maximum(_through(dark, px_per_mm), _through(dark.T, px_per_mm).T)
    # The darkest of the box and a mm around is the pulse's own ink: it covers 3 % of that at least.
    near = round(px_per_mm)
    left, top = max(0, round(box.x0) - x0 - near), max(0, round(box.y0) - y0 - near)
    part = np.clip(dark - lines, 0, None)[top : round(box.y1) - y0 + near, left : round(box.x1) - x0 + near]
    level = np.percentile(part, 98) if part.size else 0.0
    if level < LEAST_CONTRAST:
        return None, (0, 0)
    # A line of the grid under the pulse leaves less for the pulse to darken.
    return np.clip((dark - lines) / np.maximum(level - lines, LEFT_BY_GRID * level), 0, 1.2), (x0, y0)


def _through(dark: np.ndarray, px_per_mm: float) -> np.ndarray:
    """Return how dark (h, 1) the grid's line in each row is: dark along the left or the right half, as a grid may end.

    A line of a grid has others 5 and 10 mm away; a flat trace, or flanks of pulses above each other, have not.
    """
    half = dark.shape[1] // 2
    along = np.maximum(*(np.percentile(part, DASHES, axis=1) for part in (dark[:, :half], dark[:, half:])))
    reach = round(10 * px_per_mm)
    padded = np.pad(maximum_filter1d(along, 3), reach)
    others = [padded[reach + round(mm * px_per_mm) :][: len(along)] for mm in (-10, -5, 5, 10)]
    return np.minimum(along, np.sort(others, axis=0)[-2])[:, None]


def _ridges(ink: np.ndarray, px_per_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how much each pixel lies on a level and on an upright line, a little beside it counting as well."""
    apart, slant = max(1, round(PEN_MM * px_per_mm)), max(1, round(SLANT_MM * px_per_mm))
    pad = np.pad(ink, apart, mode="edge")
    h, w = ink.shape
    up, down = pad[:h, apart : apart + w], pad[2 * apart :, apart : apart + w]
    left, right = pad[apart : apart + h, :w], pad[apart : apart + h, 2 * apart :]
    level = np.clip(ink - np.maximum(up, down), 0, 1)
    upright = np.clip(ink - np.maximum(left, right), 0, 1)
    near = max(1, round(STEP_MM * px_per_mm / 2))
    return (
        cv2.dilate(level, np.ones((2 * near + 1, 1), np.uint8)),
        cv2.dilate(upright, np.ones((1, 2 * slant + 1), np.uint8)),
    )


def _fit(ink: np.ndarray, box: Box, px_per_mm: float) -> _Outline | None:
    """Return the outline, plain or a stair, that gathers the most ink."""
    level, upright = _ridges(ink, px_per_mm)
    h, w = ink.shape
    step = STEP_MM * px_per_mm
    slack, inside = SLACK_MM * px_per_mm, INSIDE_MM * px_per_mm

    def places(low: float, high: float, size: int) -> np.ndarray:
        return np.unique(np.clip(np.rint(np.arange(low, high, step)), 0, size - 1).astype(int))

    lefts = places(box.x0 - slack, min(box.x0 + inside, box.x1), w)
    rights = places(max(box.x1 - inside, box.x0), box.x1 + slack, w)
    tops = places(box.y0 - slack, min(box.y0 + slack, box.y1), h)
    feet = places(max(box.y1 - slack, box.y0), box.y1 + slack, h)
    if not all(map(len, (lefts, rights, tops, feet))):
        return None
    sums = _Sums(
        np.cumsum(np.pad(level, ((0, 0), (1, 0))), axis=1), np.cumsum(np.pad(upright, ((1, 0), (0, 0))), axis=0)
    )
    grid = _Grid(lefts, rights, tops, feet)
    wide = (rights[None, :] - lefts[:, None] >= LEAST_WIDTH_MM * px_per_mm)[None, None]
    high = (feet[None, :] - tops[:, None] >= LEAST_HEIGHT_MM * px_per_mm)[:, :, None, None]
    if not wide.any() or not high.any():
        return None
    found = [_best(sums, grid, wide & high, (grid.top,))]
    for ratio in STAIRS:
        low = np.rint(feet[None, :] - min(ratio, 1 / ratio) * (feet[None, :] - tops[:, None])).astype(int)
        found.append(_best(sums, grid, wide & high, (grid.top, low) if ratio < 1 else (low, grid.top)))
    return max(found, key=lambda outline: outline.gain)


@dataclass(frozen=True)
class _Grid:
    """Where an outline's left and right flank, highest top and foot may be, in px; all combinations are tried."""

    lefts: np.ndarray
    rights: np.ndarray
    tops: np.ndarray
    feet: np.ndarray

    @property
    def top(self) -> np.ndarray:
        """The highest top of each pair of top and foot, (T, F)."""
        return np.repeat(self.tops[:, None], len(self.feet), axis=1)


@dataclass(frozen=True)
class _Sums:
    """Running sums of level ridges along x and of upright ridges along y, a zero first."""

    level: np.ndarray
    upright: np.ndarray

    def along(self, y, x0, x1) -> np.ndarray:
        return self.level[y, x1 + 1] - self.level[y, x0]

    def down(self, x, y0, y1) -> np.ndarray:
        return self.upright[y1 + 1, x] - self.upright[y0, x]

    def along_gain(self, y: np.ndarray, x0: np.ndarray, x1: np.ndarray) -> np.ndarray:
        """Return the ink along level lines less what they would need: y (T, F), x0 and x1 (L, R) → (T, F, L, R)."""
        heights, which = np.unique(y, return_inverse=True)
        gain = self.along(heights[:, None, None], x0, x1) - BLANK * (x1 - x0 + 1)
        return gain[which.reshape(y.shape)]

    def down_gain(self, x: np.ndarray, y0: np.ndarray, y1: np.ndarray) -> np.ndarray:
        """Return the same along upright lines: x of any shape, y0 and y1 (T, F) → (T, F, …)."""
        columns, which = np.unique(x, return_inverse=True)
        gain = self.down(columns, y0[:, :, None], y1[:, :, None]) - BLANK * (y1 - y0 + 1)[:, :, None]
        return gain[:, :, which.reshape(x.shape)]


def _best(sums: _Sums, grid: _Grid, allowed: np.ndarray, tops: tuple[np.ndarray, ...]) -> _Outline:
    """Return the best outline of one kind: what ink it follows, less what it would need.

    tops: of one plateau, or of the left and the right one, (T, F); allowed: which outlines are big enough, as
    (T, F, L, R).
    """
    foot = np.repeat(grid.feet[None, :], len(grid.tops), axis=0)
    lefts, rights = (np.ascontiguousarray(x) for x in np.meshgrid(grid.lefts, grid.rights, indexing="ij"))
    gain = sums.down_gain(grid.lefts[:, None], tops[0], foot) + sums.down_gain(grid.rights[None, :], tops[-1], foot)
    if len(tops) == 1:
        gain += sums.along_gain(tops[0], lefts, rights)
    else:
        middle = (lefts + rights) // 2
        gain += sums.along_gain(tops[0], lefts, middle) + sums.along_gain(tops[1], middle, rights)
        gain += sums.down_gain(middle, np.minimum(*tops), np.maximum(*tops))
    t, f, i, j = np.unravel_index(np.argmax(np.where(allowed, gain, -np.inf)), gain.shape)
    x0, x1, foot, tops = int(grid.lefts[i]), int(grid.rights[j]), int(grid.feet[f]), [int(top[t, f]) for top in tops]
    shares = [
        sums.down(x0, tops[0], foot) / (foot - tops[0] + 1),
        sums.down(x1, tops[-1], foot) / (foot - tops[-1] + 1),
    ]
    if len(tops) == 1:
        shares.append(sums.along(tops[0], x0, x1) / (x1 - x0 + 1))
    else:
        middle = (x0 + x1) // 2
        shares.append(sums.along(tops[0], x0, middle) / (middle - x0 + 1))
        shares.append(sums.along(tops[1], middle, x1) / (x1 - middle + 1))
        shares.append(sums.down(middle, min(tops), max(tops)) / (max(tops) - min(tops) + 1))
    coverage = min(float(share) for share in shares)
    return _Outline(float(x0), float(x1), float(foot), tuple(map(float, tops)), float(gain[t, f, i, j]), coverage)


def _measure(ink: np.ndarray, outline: _Outline, px_per_mm: float, corner: tuple[int, int]) -> PulseSize | None:
    """Return the size of an outline to a fraction of a pixel: between the lower edges of plateau and foot."""
    cuts = np.linspace(outline.x0, outline.x1, len(outline.tops) + 1)
    edges = [_line(ink, top, a, b, px_per_mm) for top, a, b in zip(outline.tops, cuts[:-1], cuts[1:], strict=True)]
    if any(edge is None for edge in edges):
        return None
    feet = [
        _foot(ink, outline.x0, edges[0][1], outline.foot, px_per_mm),
        _foot(ink, outline.x1, edges[-1][1], outline.foot, px_per_mm),
    ]
    found = [f for f in feet if f is not None]
    if not found:
        return None
    # A trace that touches a flank, or a gap in it, moves one foot only: the one that fits the outline is believed.
    agree = len(found) == 2 and abs(found[0] - found[1]) < 0.35 * px_per_mm
    foot = float(np.mean(found)) if agree else min(found, key=lambda f: abs(f - outline.foot))
    heights = tuple(float((foot - low) / px_per_mm) for _, low in edges)
    if not _is_pulse(heights):
        return None
    highest = min(outline.tops)
    middle = (highest + outline.foot) / 2 if len(edges) == 1 else (max(outline.tops) + outline.foot) / 2
    left, right = (_flank(ink, x, middle, px_per_mm) for x in (outline.x0, outline.x1))
    thick = float(np.mean([low - up for up, low in edges]))
    return PulseSize(
        height_mm=max(heights),
        width_mm=(right - left) / px_per_mm,
        heights=heights,
        score=float(np.clip(outline.coverage, 0, 1)) * (1.0 if agree else 0.7),
        left=left + corner[0],
        right=right + corner[0],
        foot=foot - thick / 2 + corner[1],
    )


def _is_pulse(heights: tuple[float, ...]) -> bool:
    """Return whether plateaus are as high as a pulse's, the second of a stair half or twice as high as the first."""
    if min(heights) < LEAST_HEIGHT_MM:
        return False
    return len(heights) == 1 or min(abs(np.log(heights[1] / heights[0] / ratio)) for ratio in STAIRS) < 0.15


def _line(ink: np.ndarray, y: float, x0: float, x1: float, px_per_mm: float) -> tuple[float, float] | None:
    """Return the upper and lower edge (y in px) of a level line near `y`, at half its darkness; None without one."""
    inset = 0.2 * (x1 - x0)
    reach = round(1.2 * px_per_mm)
    first = max(0, round(y) - reach)
    part = ink[first : round(y) + reach + 1, round(x0 + inset) : round(x1 - inset) + 1]
    if not part.size:
        return None
    profile = np.median(part, axis=1)
    near = round(0.5 * px_per_mm)
    middle = round(y) - first
    start = max(0, middle - near)
    peak = start + int(np.argmax(profile[start : middle + near + 1]))
    if profile[peak] < 0.25:
        return None
    up = _crossing(profile, peak, -1, profile[peak] / 2)
    low = _crossing(profile, peak, 1, profile[peak] / 2)
    if up is None or low is None:
        return None
    return first + up, first + low


def _foot(ink: np.ndarray, x: float, top: float, foot: float, px_per_mm: float) -> float | None:
    """Return where (y in px) the ink of a flank near `x` ends below, at half its darkness; None where it has none."""
    reach = round(2 * SLANT_MM * px_per_mm)
    part = ink[:, max(0, round(x) - reach) : round(x) + reach + 1]
    profile = cv2.blur(part, (3, 1)).max(axis=1)
    # From the middle of the flank down: what lies above it is plateau.
    start = round((top + foot) / 2)
    inside = profile[start : max(start + 1, round(foot - 0.5 * px_per_mm))]
    level = float(np.median(inside))
    if level < 0.25:
        return None
    begin = max(start, round(foot - 0.8 * px_per_mm))
    begin -= int(profile[begin] < level / 2)
    return _crossing(profile, begin, 1, level / 2)


def _crossing(profile: np.ndarray, start: int, way: int, level: float) -> float | None:
    """Return where a profile falls below `level` for two pixels, going from `start`; None where it never does."""
    k = start
    while 0 <= k + way < len(profile):
        beyond = profile[k + way]
        further = profile[k + 2 * way] if 0 <= k + 2 * way < len(profile) else 0.0
        if beyond < level and further < level and profile[k] >= level:
            return k + way * float((profile[k] - level) / max(profile[k] - beyond, 1e-6))
        k += way
    return None


def _flank(ink: np.ndarray, x: float, y: float, px_per_mm: float) -> float:
    """Return where (x in px) an upright line near `x` is about the height `y`."""
    reach, high = round(2 * SLANT_MM * px_per_mm), max(1, round(0.5 * px_per_mm))
    first = max(0, round(x) - reach)
    part = ink[max(0, round(y) - high) : round(y) + high + 1, first : round(x) + reach + 1]
    profile = np.clip(np.median(part, axis=0) - 0.2, 0, None)
    if profile.sum() <= 0:
        return x
    return first + float((profile * np.arange(len(profile))).sum() / profile.sum())
