"""How exact a page's truth is, measured on the picture itself: markers drawn on the sheet and found again in it."""

import numpy as np

from ecgseg.render.page import Page
from ecgseg.render.picture import see
from ecgseg.render.sheet.damage import Sheet

SIGMA_MM = 0.2  # a marker's size: some pixels wide at 100 dpi, small beside any bend of the paper
APART_MM = 4.0


def marker_errors(page: Page, count: int = 40, seed: int = 0) -> np.ndarray:
    """Return how far (n,) in px markers at trace points are found from where the truth says they are.

    Markers, Gaussian dots at points of the traces, take the place of the ink and go through the same warp; each is
    found again as the centroid of its darkness, knowing nothing of the map but where to look.
    Only markers that lie wholly on the sheet and in the picture count.
    """
    rng = np.random.default_rng(seed)
    spots = _spread(np.concatenate([t.points for t in page.scene.traces]), count, rng)
    size = np.array([page.scene.width, page.scene.height])
    spots = spots[((spots > 2) & (spots < size - 2)).all(axis=1)]
    scale = page.px_per_mm
    shape = tuple(max(1, round(side * scale)) for side in size[::-1])
    sheet = np.zeros(shape, np.float32)
    for x, y in spots * scale:
        _add_dot(sheet, x, y, SIGMA_MM * scale)
    # As grey levels on paper, like the ink itself.
    image = np.repeat(255 - np.rint(sheet * 255).astype(np.uint8)[..., None], 3, axis=2)
    seen, paper = see(Sheet(image, scale, (0.0, 0.0), tuple(size)), page.warp.inverse())
    dark = 255.0 - seen[..., 1]
    at = page.warp.forward(spots)
    errors = [_off(dark, paper, x, y, _reach(page, spot)) for (x, y), spot in zip(at, spots, strict=True)]
    return np.array([e for e in errors if e is not None])


def _spread(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return up to `count` of the points, none nearer than APART_MM to another."""
    chosen: list[np.ndarray] = []
    for p in points[rng.permutation(len(points))[: 20 * count]]:
        if all(np.abs(p - q).max() > APART_MM for q in chosen):
            chosen.append(p)
        if len(chosen) == count:
            break
    return np.array(chosen).reshape(-1, 2)


def _add_dot(image: np.ndarray, x: float, y: float, sigma: float) -> None:
    h, w = image.shape
    reach = int(np.ceil(4 * sigma))
    x0, x1 = max(0, int(x) - reach), min(w, int(x) + reach + 1)
    y0, y1 = max(0, int(y) - reach), min(h, int(y) + reach + 1)
    dy, dx = np.arange(y0, y1)[:, None] - y, np.arange(x0, x1) - x
    image[y0:y1, x0:x1] += np.exp(-(dx**2 + dy**2) / (2 * sigma**2))


def _reach(page: Page, spot: np.ndarray) -> int:
    """Return half the side in px of the window that holds a marker, however the picture stretches it."""
    ring = spot + 4 * SIGMA_MM * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    return int(np.ceil(np.abs(page.warp.forward(ring) - page.warp.forward(spot[None])).max())) + 1


def _off(dark: np.ndarray, paper: np.ndarray | None, x: float, y: float, reach: int) -> float | None:
    """Return the distance from (x, y) to the darkness' centroid, None where the window leaves picture or sheet."""
    x0, y0 = round(x) - reach, round(y) - reach
    side = 2 * reach + 1
    if x0 < 0 or y0 < 0 or x0 + side > dark.shape[1] or y0 + side > dark.shape[0]:
        return None
    if paper is not None and paper[y0 : y0 + side, x0 : x0 + side].min() < 255:
        return None
    part = dark[y0 : y0 + side, x0 : x0 + side]
    total = part.sum()
    rows = np.arange(side)
    cx, cy = (part.sum(axis=0) * rows).sum() / total + x0, (part.sum(axis=1) * rows).sum() / total + y0
    return float(np.hypot(cx - x, cy - y))
