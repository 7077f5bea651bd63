"""How a sheet lies and is seen: the exact map from mm on the page to pixels of the picture, and its inverse."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ecgseg.render.geometry import heights
from ecgseg.render.geometry.camera import Camera
from ecgseg.render.geometry.effects import EFFECTS, draw_geometry
from ecgseg.render.geometry.inversion import invert, sampled
from ecgseg.render.geometry.surface import Bend, Relief, Surface

__all__ = ["EFFECTS", "Warp", "sample_warp"]

MIN_AREA = 0.5  # of a bent patch of paper in the picture beside the same patch laid flat: less is seen edge-on
MAX_AREA = 1.6  # of the picture beside the sheet at its full resolution: larger pictures are taken coarser
USUAL_DISTANCE = 2.0  # lengths of the sheet, of a camera that looks straight down
STEEPEST = 0.4  # slope of a relief: paper that was smoothed out is no steeper
# How far apart the inverse needs to be exact: creases of a relief are some 2 mm wide, all else is smoother.
DETAIL_MM = {"crease": 0.8, "wave": 3.0, "bend": 3.0, "feed": 4.0, "camera": 4.0}
FINEST = 8.0  # px per mm: a finer picture's inverse is exact at as many pixels, so that its errors are no larger
AFFINE_STEP = 32  # px between exact nodes where any step would do
LIGHT_TILT = (20.0, 60.0)  # degrees from straight above
DIFFUSE = (0.35, 0.7)  # share of the light that comes from all sides


@dataclass(frozen=True)
class Warp:
    """The map of one picture of one sheet.

    shape: (H, W) of the picture; size: the sheet's in mm; turn_deg: how far the page's top is turned clockwise in
    the picture, −180..180; feed: axis and waves (mm, radians per mm, phase) of uneven feed; light: the direction it
    comes from (3,) and the share from all sides; detail_mm: how far the map may be taken for smooth.
    """

    shape: tuple[int, int]
    size: tuple[float, float]
    surface: Surface
    feed: tuple[int, list[tuple[float, float, float]]]
    camera: Camera
    light: tuple[np.ndarray, float]
    turn_deg: float
    detail_mm: float

    def forward(self, mm: np.ndarray) -> np.ndarray:
        """Map points (n, 2) in mm on the page to pixels (n, 2), exactly."""
        mm = np.asarray(mm, np.float64)
        affine = self.affine
        if affine is not None:
            return mm @ affine[:, :2].T + affine[:, 2]
        return np.stack(self._seen(mm[:, 0].copy(), mm[:, 1].copy()), axis=1)

    def _seen(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels of points x, y (m,) in mm."""
        return self.camera.project(*self.surface.place(*self._lies(x, y)))

    def _lies(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mm from the sheet's middle, where the paper was not fed evenly."""
        at = [x - self.size[0] / 2, y - self.size[1] / 2]
        axis, waves = self.feed
        if waves:
            at[axis] = at[axis] + sum(a * np.sin(k * at[axis] + phase) for a, k, phase in waves)
        return at[0], at[1]

    @property
    def affine(self) -> np.ndarray | None:
        """The (2, 3) matrix mm → px where the whole map is affine, else None."""
        if not self.surface.flat or self.feed[1] or np.isfinite(self.camera.distance):
            return None
        linear = self.camera.matrix[:, :2]
        shift = self.camera.matrix[:, 2] - linear @ (np.array(self.size) / 2)
        # Without the last digits of rounding a sheet that lies as drawn is known by its matrix.
        return np.column_stack([linear, np.round(shift, 9) + 0.0])

    @property
    def px_per_mm(self) -> float:
        """The resolution of the picture at the sheet's middle."""
        middle = np.array(self.size) / 2
        at = self.forward(middle + [[0, 0], [0.01, 0], [0, 0.01]])
        return float(np.sqrt(np.linalg.det(at[1:] - at[0])) / 0.01)

    def inverse(self, window: tuple[int, int, int, int] | None = None) -> np.ndarray:
        """Return the mm on the page (h, w, 2) float32 that each pixel of a window (x0, y0, w, h) of the picture sees.

        Beyond the sheet the map goes on, up to some 60 mm. Measured on the sheet with every effect of the noise
        levels: forward(inverse) is off by less than 0.005 px in the median and 0.1 px at the most.
        """
        window = window or (0, 0, self.shape[1], self.shape[0])
        if self.affine is not None:
            back = np.vstack([cv2.invertAffineTransform(self.affine), [0, 0, 1]])
            return sampled(lambda x, y: _through(back, x, y), window, AFFINE_STEP)
        step = max(4, round(self.detail_mm * min(self.px_per_mm, FINEST)))
        back = self._plane_back()
        return invert(self._seen, lambda x, y: _through(back, x, y), self.size, window, step)

    def _plane_back(self) -> np.ndarray:
        """Return the (3, 3) map px → mm that is best if the sheet is taken for a plane."""
        w, h = self.size
        mm = np.stack(np.meshgrid(np.linspace(0, w, 9), np.linspace(0, h, 9)), axis=-1).reshape(-1, 2)
        return cv2.findHomography(self.forward(mm), mm)[0]

    def shade(self, mm: np.ndarray) -> np.ndarray | None:
        """Return how bright the paper is (n,) float32 at points (n, 2), 1 where it lies flat; None for a flat sheet."""
        if self.surface.flat:
            return None
        direction, diffuse = self.light
        lit = direction @ self.surface.normal(*self._lies(mm[:, 0].astype(np.float64), mm[:, 1].astype(np.float64)))
        gain = diffuse + (1 - diffuse) / direction[2] * np.maximum(lit, 0)
        return np.clip(gain, 0.3, 1.5).astype(np.float32)


def _through(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Map x, y (m,) through a homography; what lies behind its horizon goes far off."""
    a, b, w = (row[0] * x + row[1] * y + row[2] for row in matrix)
    w = np.maximum(w, 0.05)
    return a / w, b / w


def sample_warp(effects: dict, rng: np.random.Generator, size_mm: tuple[float, float], px_per_mm: float) -> Warp:
    """Draw a warp from the geometry effects of a noise level: name → {p, parameter: [low, high], …}.

    A sheet bent so far that parts of it would be seen edge-on is flattened until they are not. px_per_mm is the
    resolution at the sheet's middle, less where the picture would be more than 1.6 times as large as the sheet.
    """
    drawn = draw_geometry(effects, rng)
    azimuth, tilt = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(*LIGHT_TILT))
    direction = np.array([np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), np.cos(tilt)])
    light = (direction, float(rng.uniform(*DIFFUSE)))
    size = np.array(size_mm, float)
    surface = _surface(drawn, size)
    warp = _framed(drawn, size, px_per_mm, surface, light)
    if not surface.flat:
        flat = _areas(warp, Surface())
        while (_areas(warp, surface) / flat).min() < MIN_AREA:
            surface = surface.scaled(0.75)
            warp = _framed(drawn, size, px_per_mm, surface, light)
    return warp


def _surface(drawn: dict, size: np.ndarray) -> Surface:
    """Build the sheet's shape from what was drawn."""
    bend = None
    if "curl" in drawn:
        angle, bow, spine, spine_mm = drawn["curl"]
        across = np.array([np.cos(angle), np.sin(angle)])
        reach = float(np.abs(across) @ size / 2)
        bend = Bend.of(across, lambda s: bow * s / reach + spine * np.exp((s - reach) / spine_mm), reach)

    def relief(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        z = np.zeros((y.size, x.size))
        for at, angle, slope, soft in drawn.get("folds", []):
            z += heights.crease(x, y, (at - 0.5) * size, angle, slope, soft)
        for height, numbers, phase in drawn.get("wave", []):
            z += heights.ripple(x, y, height, numbers, phase)
        if "crumple" in drawn:
            seed, facet, slope = drawn["crumple"]
            z += heights.facets(x, y, np.random.default_rng(seed), facet, slope)
        return z

    if not {"folds", "wave", "crumple"} & set(drawn):
        return Surface(bend)
    field = Relief.of(relief, size)
    return Surface(bend, field.scaled(min(1.0, STEEPEST / field.steepest)))


def _camera(drawn: dict, size: np.ndarray, px_per_mm: float, flat: bool) -> Camera:
    """Point the camera at the sheet's middle, which is at pixel (0, 0)."""
    turn, distance = np.eye(3), np.inf
    if "perspective" in drawn:
        tilt, towards, lengths = drawn["perspective"]
        axis = np.array([np.cos(towards), np.sin(towards), 0.0])
        turn, distance = cv2.Rodrigues(axis * tilt)[0], lengths * float(size.max())
    elif not flat or "lens" in drawn:
        distance = USUAL_DISTANCE * float(size.max())
    a = np.deg2rad(drawn.get("skew", 0.0) + drawn.get("rotate", 0.0))
    spin = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    linear = px_per_mm * spin @ _quarters(drawn) @ np.diag(drawn.get("stretch", np.ones(2)))
    return Camera(turn, distance, drawn.get("lens", 0.0), np.column_stack([linear, np.zeros(2)]))


def _quarters(drawn: dict) -> np.ndarray:
    return np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), drawn.get("quarter_turn", 0))


def _framed(drawn: dict, size: np.ndarray, px_per_mm: float, surface: Surface, light: tuple) -> Warp:
    """Point the camera and cut the picture around the sheet."""
    total = drawn.get("skew", 0.0) + drawn.get("rotate", 0.0) + 90 * drawn.get("quarter_turn", 0)
    parts = {
        "crease": {"folds", "crumple"} & set(drawn),
        "wave": "wave" in drawn,
        "bend": surface.bend is not None,
        "feed": "feed" in drawn,
    }
    detail = min((DETAIL_MM[part] for part, there in parts.items() if there), default=DETAIL_MM["camera"])
    camera = _camera(drawn, size, px_per_mm, surface.flat)
    shot = Warp((1, 1), tuple(size), surface, drawn.get("feed", (0, [])), camera, light,
                (total + 180) % 360 - 180, detail)  # fmt: skip
    low, high = _box(drawn, size, px_per_mm, shot)
    area, whole = np.prod(high - low + 1), np.prod(size * px_per_mm)
    scale = min(1.0, float(np.sqrt(MAX_AREA * whole / area)))
    low, high = low * scale, high * scale
    width, height = (int(max(32, round(v) + 1)) for v in high - low)
    return replace(shot, shape=(height, width), camera=camera.moved(-low, scale))


def _box(drawn: dict, size: np.ndarray, px_per_mm: float, shot: Warp) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture's first and last pixel (2,) about the camera's own (0, 0)."""
    last = (np.maximum(1, np.round(size * px_per_mm)) - 1) / px_per_mm  # mm of the drawn sheet's last pixel
    if "shift" in drawn:
        glass = np.abs(_quarters(drawn) @ (drawn.get("stretch", np.ones(2)) * last)) * px_per_mm
        middle = shot.forward(last[None] / 2)[0] + drawn["shift"] * px_per_mm
        low, high = middle - glass / 2, middle + glass / 2
    else:
        edge = shot.forward(_rim(last))
        low, high = edge.min(axis=0), edge.max(axis=0)
    room = drawn.get("crop", np.zeros(4)) * px_per_mm
    if "frame" in drawn:
        room = room + drawn["frame"] * (high - low).max()
        if drawn["cut"] is not None:
            side, share = drawn["cut"]
            room[side] = -share * (high - low)[side % 2]
    return low - room[:2], high + room[2:]


def _rim(last: np.ndarray) -> np.ndarray:
    """Return points (n, 2) along the edge of a sheet whose last corner is `last`."""
    t = np.linspace(0, 1, 41)
    zero, one = np.zeros_like(t), np.ones_like(t)
    return np.concatenate([np.stack(s, axis=1) for s in ((t, zero), (t, one), (zero, t), (one, t))]) * last


def _areas(warp: Warp, surface: Surface) -> np.ndarray:
    """Return the area in the picture of each patch of 3 × 3 mm of a surface seen so; below 0 where it is hidden."""
    w, h = warp.size
    x, y = np.meshgrid(np.arange(0, w + 3, 3.0), np.arange(0, h + 3, 3.0))
    px = np.stack(replace(warp, surface=surface)._seen(x.ravel(), y.ravel()), axis=1).reshape(*x.shape, 2)
    across, down = px[:-1, 1:] - px[:-1, :-1], px[1:, :-1] - px[:-1, :-1]
    return across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
