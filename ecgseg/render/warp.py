"""How a sheet lies and is seen: the exact map from mm on the page to pixels of the picture, and its inverse."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from ecgseg.render.surface import Curl, Surface

COARSE = 32  # px between the points at which the inverse is searched for
FINE = 8  # px between those at which it is polished; between these it is as good as straight
MIN_AREA = 0.35  # of a paper patch in the picture beside the typical one: less is seen edge-on


@dataclass(frozen=True)
class Camera:
    """A pinhole camera over the sheet's middle: `turn` (3, 3) turns the sheet, `distance` mm is how far it looks from,
    `lens` bends by r² (r in distances); then `matrix` (2, 3) takes mm in the middle's plane to pixels."""

    turn: np.ndarray
    distance: float  # inf: seen from straight above, as by a scanner
    lens: float
    matrix: np.ndarray

    def project(self, place: np.ndarray) -> np.ndarray:
        """Return pixels (n, 2) of places (n, 3)."""
        seen = place @ self.turn.T
        flat = seen[:, :2]
        if np.isfinite(self.distance):
            flat = flat / (1 - seen[:, 2:] / self.distance)
            if self.lens:
                r2 = (flat**2).sum(axis=1, keepdims=True) / self.distance**2
                flat = flat * (1 + self.lens * r2)
        return flat @ self.matrix[:, :2].T + self.matrix[:, 2]


@dataclass(frozen=True)
class Warp:
    """The map of one picture of one sheet.

    shape: (H, W) of the picture; turn_deg: how far the page's top is turned clockwise in the picture, −180..180.
    """

    shape: tuple[int, int]
    size: tuple[float, float]
    surface: Surface
    camera: Camera
    light: np.ndarray
    turn_deg: float

    def forward(self, mm: np.ndarray) -> np.ndarray:
        """Map points (n, 2) in mm on the page to pixels, exactly."""
        return self.camera.project(self.surface.place(np.asarray(mm, np.float64)))

    @property
    def affine(self) -> np.ndarray | None:
        """The (2, 3) matrix mm → px where the whole map is affine, else None."""
        if not self.surface.plain or np.isfinite(self.camera.distance):
            return None
        linear = self.camera.matrix[:, :2] @ self.camera.turn[:2, :2]
        shift = self.camera.matrix[:, 2] - linear @ (self.surface.size / 2)
        return np.column_stack([linear, shift])

    def inverse(self, window: tuple[int, int, int, int] | None = None) -> np.ndarray:
        """Return the mm on the page (h, w, 2) float32 that each pixel of a window (x0, y0, w, h) of the picture sees.

        Beyond the sheet the map goes on, up to 10 mm outside. It is searched for on a coarse raster by Newton's
        method, polished on a finer one, and straight in between: creases softer than 3 mm stay within 0.1 px.
        """
        x0, y0, w, h = window or (0, 0, self.shape[1], self.shape[0])
        x, y = _raster(x0, w, FINE), _raster(y0, h, FINE)
        px = np.stack(np.meshgrid(x, y), axis=-1)
        if self.affine is not None:
            back = cv2.invertAffineTransform(self.affine)
            mm = px @ back[:, :2].T + back[:, 2]
        else:
            mm = self._searched(px)
        mm = np.clip(mm, -10, np.array(self.size) + 10).astype(np.float32)
        full = cv2.resize(mm, (len(x) * FINE, len(y) * FINE), interpolation=cv2.INTER_LINEAR)
        return full[FINE : FINE + h, FINE : FINE + w]

    def _searched(self, px: np.ndarray) -> np.ndarray:
        """Return the mm (h, w, 2) seen at a raster (h, w, 2) of pixels FINE apart."""
        x, y = px[0, :, 0], px[:, 0, 1]
        cx, cy = (np.arange(v[0], v[-1] + COARSE, COARSE) for v in (x, y))
        coarse = np.stack(np.meshgrid(cx, cy), axis=-1)
        flat = coarse.reshape(-1, 2)
        mm = self._newton(flat, self._start(flat), rounds=8).reshape(coarse.shape)
        at = np.stack(np.meshgrid((y - cy[0]) / COARSE, (x - cx[0]) / COARSE, indexing="ij"))
        guess = np.stack([map_coordinates(mm[..., k], at, order=3, mode="nearest") for k in (0, 1)], axis=-1)
        # The slope of the inverse is known from the raster itself: Newton's method without a matrix to invert.
        slopes = np.stack([np.gradient(guess, FINE, axis=1), np.gradient(guess, FINE, axis=0)], axis=-1)
        for _ in range(2):
            off = px - self.forward(guess.reshape(-1, 2)).reshape(guess.shape)
            guess = guess + np.einsum("hwij,hwj->hwi", slopes, off)
        return guess

    def _start(self, px: np.ndarray) -> np.ndarray:
        """Return a first guess (n, 2) in mm: the best map of a plane."""
        w, h = self.size
        mm = np.stack(np.meshgrid(np.linspace(0, w, 9), np.linspace(0, h, 9)), axis=-1).reshape(-1, 2)
        matrix, _ = cv2.findHomography(self.forward(mm), mm)
        guess = cv2.perspectiveTransform(px[None].astype(np.float64), matrix)[0]
        return np.clip(guess, [-60, -60], [w + 60, h + 60])

    def _newton(self, px: np.ndarray, mm: np.ndarray, rounds: int) -> np.ndarray:
        w, h = self.size
        steps = 0.05 * np.eye(2)
        for _ in range(rounds):
            here = self.forward(mm)
            slope = np.stack([(self.forward(mm + step) - here) / 0.05 for step in steps], axis=-1)
            move = np.linalg.solve(slope, (px - here)[..., None])[..., 0]
            mm = np.clip(mm + np.clip(move, -40, 40), [-60, -60], [w + 60, h + 60])
            if np.abs(move).max() < 1e-4:
                break
        return mm

    def shade(self, mm: np.ndarray) -> np.ndarray | None:
        """Return how bright the paper is (n,) float32 at points (n, 2), 1 where it lies flat; None for a flat sheet."""
        if self.surface.flat:
            return None
        lit = self.surface.normal(mm) @ self.light / self.light[2]
        return np.clip(lit, 0.35, 1.5).astype(np.float32)


def _raster(start: int, length: int, step: int) -> np.ndarray:
    """Return the middles of cells of `step` px over a length, and of one cell more on either side."""
    return start + (np.arange(-1, -(-length // step) + 1) + 0.5) * step - 0.5


def _between(rng: np.random.Generator, span) -> float:
    return float(rng.uniform(*span))


def _signed(rng: np.random.Generator, span) -> float:
    return _between(rng, span) * float(rng.choice([-1.0, 1.0]))


# Each effect draws its parameters; `sample_warp` puts them together.
def stretch(rng, percent) -> dict:
    """Printer and scanner do not keep the scale: percent of error, on each axis its own."""
    return {"stretch": 1 + rng.uniform(*percent, 2) / 100}


def feed(rng, mm, period_mm=(40.0, 200.0)) -> dict:
    """Uneven feed of paper: waves of displacement along one axis."""
    waves = []
    for _ in range(2):
        k = 2 * np.pi / _between(rng, period_mm)
        waves.append((_between(rng, mm), k, _between(rng, (0, 2 * np.pi))))
    return {"feed": (bool(rng.random() < 0.5), waves)}


def skew(rng, degrees) -> dict:
    """A sheet laid a little askew."""
    return {"skew": _between(rng, degrees)}


def rotate(rng, degrees) -> dict:
    """A page turned by any angle."""
    return {"rotate": _between(rng, degrees)}


def quarter_turn(rng, turns=(1, 3)) -> dict:
    """A page on its side or upside down: 90° times a whole number."""
    return {"quarter_turn": int(rng.integers(turns[0], turns[1] + 1))}


def crop(rng, mm) -> dict:
    """The picture ends up to so many mm inside (above 0) or outside (below 0) the sheet, on each side its own."""
    return {"crop": -rng.uniform(*mm, 4)}


def frame(rng, share, cut=(0.0, 0.0), cut_p=0.0) -> dict:
    """The share of the sheet's length left free around it, on each side its own; with odds `cut_p` one side cuts it."""
    cuts = (int(rng.integers(4)), _between(rng, cut)) if rng.random() < cut_p else None
    return {"frame": rng.uniform(*share, 4), "cut": cuts}


def perspective(rng, tilt, distance=(1.2, 3.0)) -> dict:
    """A camera that does not look straight down: tilt in degrees towards any side, distance in lengths of the sheet."""
    towards = _between(rng, (0, 2 * np.pi))
    return {"perspective": (np.deg2rad(_between(rng, tilt)), towards, _between(rng, distance))}


def lens(rng, percent) -> dict:
    """Barrel (below 0) or pincushion distortion: percent at one distance from the middle."""
    return {"lens": _between(rng, percent) / 100}


def curl(rng, degrees, spine_p=0.3, spine_degrees=(10.0, 35.0), spine_mm=(15.0, 50.0)) -> dict:
    """A bowed sheet, its ends steep by so many degrees; sometimes a book's spine bends one edge."""
    upright = rng.random() < 0.7
    angle = (0.0 if rng.random() < 0.5 else np.pi / 2) + rng.normal(0, 0.15) if upright else _between(rng, (0, np.pi))
    spine = np.deg2rad(_between(rng, spine_degrees)) if rng.random() < spine_p else 0.0
    return {"curl": (angle, np.deg2rad(_signed(rng, degrees)), spine * rng.choice([-1, 1]), _between(rng, spine_mm))}


def folds(rng, degrees, count=(1, 3), soft_mm=(3.0, 8.0)) -> dict:
    """Creases of a folded letter: the paper's slope changes by so many degrees across each."""
    n = int(rng.integers(count[0], count[1] + 1))
    drawn = []
    for _ in range(n):
        along = (0.0 if rng.random() < 0.5 else np.pi / 2) + rng.normal(0, 0.03)
        drawn.append((rng.uniform(0.2, 0.8, 2), along, np.deg2rad(_signed(rng, degrees)) / 2, _between(rng, soft_mm)))
    return {"folds": drawn}


def crumple(rng, degrees, count=(6, 20), reach_mm=(25.0, 80.0), soft_mm=(3.0, 8.0)) -> dict:
    """A sheet that was crumpled and smoothed out: short ridges all over it."""
    n = int(rng.integers(count[0], count[1] + 1))
    return {
        "crumple": [
            (rng.uniform(0, 1, 2), _between(rng, (0, np.pi)), np.deg2rad(_signed(rng, degrees)) / 2,
             _between(rng, soft_mm), _between(rng, reach_mm))
            for _ in range(n)
        ]
    }  # fmt: skip


def wave(rng, mm, period_mm=(60.0, 250.0)) -> dict:
    """Paper that was moist: gentle waves of some mm in height."""
    waves = []
    for _ in range(3):
        k, towards = 2 * np.pi / _between(rng, period_mm), _between(rng, (0, 2 * np.pi))
        # Steeper than 0.35 would hide paper behind paper.
        height = min(_between(rng, mm), 0.35 / k)
        waves.append((height, k * np.cos(towards), k * np.sin(towards), _between(rng, (0, 2 * np.pi))))
    return {"wave": waves}


EFFECTS = {
    f.__name__: f
    for f in (stretch, feed, skew, rotate, quarter_turn, crop, frame, perspective, lens, curl, folds, crumple, wave)
}


def sample_warp(effects: dict, rng: np.random.Generator, size_mm: tuple[float, float], px_per_mm: float) -> Warp:
    """Draw a warp from the geometry effects of a noise level: name → {p, parameter: [low, high], …}.

    A sheet bent so far that parts of it would be seen edge-on is flattened until they are not.
    """
    drawn: dict = {}
    for name, options in effects.items():
        if rng.random() < options["p"]:
            spans = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items() if k != "p"}
            drawn |= EFFECTS[name](rng, **spans)
    light = rng.normal(0, 0.5, 2)
    light = np.array([*light, 1.0])
    size = np.array(size_mm, float)
    amount = 1.0
    while True:
        surface = _surface(drawn, size, amount)
        warp = _framed(drawn, size, px_per_mm, surface, light)
        if surface.flat or _min_area(warp) > MIN_AREA:
            return warp
        amount *= 0.7


def _surface(drawn: dict, size: np.ndarray, amount: float) -> Surface:
    """Build the sheet's shape, bent by `amount` of what was drawn."""
    none = Surface(size)
    bent = None
    if "curl" in drawn:
        angle, bow, spine, spine_mm = drawn["curl"]
        direction = np.array([np.cos(angle), np.sin(angle)])
        reach = float(np.abs(direction) @ size / 2)
        bent = Curl.of(direction, reach, bow * amount, spine * amount, spine_mm)
    creases = [(*((at - 0.5) * size), along, amount * slope, soft) for at, along, slope, soft in drawn.get("folds", [])]
    ridges = [
        (*((at - 0.5) * size), along, amount * slope, soft, reach)
        for at, along, slope, soft, reach in drawn.get("crumple", [])
    ]
    waves = [(amount * height, kx, ky, phase) for height, kx, ky, phase in drawn.get("wave", [])]
    along_x, uneven = drawn.get("feed", (True, []))
    fed = [(a, 0.0, k, 0.0, p) if along_x else (0.0, a, 0.0, k, p) for a, k, p in uneven]

    def table(rows: list, like: np.ndarray) -> np.ndarray:
        return np.array(rows, float) if rows else like

    return Surface(
        size,
        bent,
        table(creases, none.creases),
        table(ridges, none.ridges),
        table(waves, none.waves),
        table(fed, none.feed),
    )


def _framed(drawn: dict, size: np.ndarray, px_per_mm: float, surface: Surface, light: np.ndarray) -> Warp:
    """Point the camera and cut the picture around the sheet."""
    turn, distance = np.eye(3), np.inf
    if "perspective" in drawn:
        tilt, towards, lengths = drawn["perspective"]
        axis = np.array([np.cos(towards), np.sin(towards), 0.0])
        turn, distance = cv2.Rodrigues(axis * tilt)[0], lengths * float(size.max())
    elif not surface.flat:
        distance = 2.0 * float(size.max())
    degrees = drawn.get("skew", 0.0) + drawn.get("rotate", 0.0)
    quarter = drawn.get("quarter_turn", 0)
    a = np.deg2rad(degrees)
    spin = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    spin = spin @ np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), quarter)
    linear = px_per_mm * spin @ np.diag(drawn.get("stretch", np.ones(2)))
    shot = Camera(turn, distance, drawn.get("lens", 0.0), np.column_stack([linear, np.zeros(2)]))
    total = (degrees + 90 * quarter + 180) % 360 - 180
    if set(drawn) <= {"stretch"} or not drawn:
        # As drawn: the first pixel's centre is the sheet's corner.
        middle = linear @ (size / 2)
        shape = tuple(int(max(1, round(v))) for v in (linear @ size)[::-1])
        return Warp(shape, tuple(size), surface, _moved(shot, middle), light, total)
    edge = shot.project(surface.place(_rim(size)))
    low, high = edge.min(axis=0), edge.max(axis=0)
    room = np.zeros(4)
    if "crop" in drawn:
        room = drawn["crop"] * px_per_mm
    if "frame" in drawn:
        room = room + drawn["frame"] * (high - low).max()
        if drawn["cut"] is not None:
            side, share = drawn["cut"]
            room[side] = -share * (high - low)[side % 2]
    low, high = low - room[:2], high + room[2:]
    shape = tuple(int(max(32, round(v))) for v in (high - low)[::-1])
    return Warp(shape, tuple(size), surface, _moved(shot, -low), light, total)


def _moved(camera: Camera, by: np.ndarray) -> Camera:
    matrix = camera.matrix.copy()
    matrix[:, 2] += by
    return Camera(camera.turn, camera.distance, camera.lens, matrix)


def _rim(size: np.ndarray) -> np.ndarray:
    t = np.linspace(0, 1, 25)
    zero, one = np.zeros_like(t), np.ones_like(t)
    sides = [np.stack(s, axis=1) for s in ((t, zero), (t, one), (zero, t), (one, t))]
    return np.concatenate(sides) * size


def _min_area(warp: Warp) -> float:
    """Return the smallest area in the picture of a patch of paper, over the median's; below 0 where it is hidden."""
    w, h = warp.size
    mm = np.stack(np.meshgrid(np.arange(0, w, 3.0), np.arange(0, h, 3.0)), axis=-1)
    px = warp.forward(mm.reshape(-1, 2)).reshape(mm.shape)
    across, down = px[:-1, 1:] - px[:-1, :-1], px[1:, :-1] - px[:-1, :-1]
    area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
    return float(area.min() / np.median(area))
