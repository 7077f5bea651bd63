"""What hides a little of a sheet near its edge: fingers, hands, pens, clips, phones, with their shadows."""

import cv2
import numpy as np

from ecgseg.render.fields import Span, coarse_shape, draw, enlarge
from ecgseg.render.shapes import hand as draw_hand
from ecgseg.render.shapes import outline, thick_line, turned

STEP = 4  # px between the points at which things are drawn
SHARE = (0.005, 0.04)  # of the sheet that one thing hides at most
_SKIN = ((255, 219, 190), (241, 194, 160), (224, 172, 125), (198, 134, 92), (141, 88, 56), (92, 58, 40))
_GLOVE = ((120, 160, 215), (235, 238, 240), (95, 70, 150))


def _place(rng: np.random.Generator, corners: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a point on an edge of the sheet and the angle that leads inwards from it."""
    edge = int(rng.integers(4))
    start, end = corners[edge], corners[(edge + 1) % 4]
    at = start + rng.uniform(0.08, 0.92) * (end - start)
    inward = corners.mean(axis=0) - (start + end) / 2
    return at, float(np.arctan2(inward[1], inward[0]))


def _round(cover: np.ndarray, color, depth: float) -> np.ndarray:
    """Return colours (h, w, 3) float32 of a thing that is round: darker where it turns away, within `depth` px."""
    inside = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    shade = 0.62 + 0.38 * np.sqrt(np.clip(inside / max(depth, 1.0), 0, 1))
    return shade[..., None] * np.float32(color)


def _skin(rng: np.random.Generator) -> np.ndarray:
    tones = _GLOVE if rng.random() < 0.12 else _SKIN
    return np.array(tones[rng.integers(len(tones))]) * rng.uniform(0.8, 1.0)


# Each thing is f(rng, cover (h, w) float32 to draw on, tip px, inward angle, larger side px) → colours (h, w, 3).
def _finger(rng: np.random.Generator, cover: np.ndarray, tip: np.ndarray, angle: float, side: float) -> np.ndarray:
    radius, color = side * rng.uniform(0.022, 0.036), _skin(rng)
    n = int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
    lean = angle + rng.normal(0, 0.35)
    nails = np.zeros_like(cover)
    for k in range(n):
        at = turned(np.array([[-rng.uniform(0, 1.2) * (k > 0), 2.05 * k]]) * radius, lean, tip)[0]
        body = turned(np.array([[0.0, 0.0], [-2.5, 0.05], [-30.0, rng.uniform(-3, 3)]]) * radius, lean, at)
        thick_line(cover, body, radius * (1 - 0.08 * k))
        nail = np.round(turned(np.array([[-0.1, 0.0]]) * radius, lean, at)[0]).astype(int).tolist()
        axes = (max(1, round(0.62 * radius)), max(1, round(0.5 * radius)))
        cv2.ellipse(nails, nail, axes, np.degrees(lean), 0, 360, 1.0, -1, cv2.LINE_AA)
    colors = _round(cover, color, radius)
    nails = cv2.GaussianBlur(nails, (0, 0), 0.8)[..., None] * (rng.random() < 0.75)
    return colors + 0.5 * nails * (np.float32(color) * [1.0, 0.93, 0.92] + 18 - colors)


def _hand(rng: np.random.Generator, cover: np.ndarray, tip: np.ndarray, angle: float, side: float) -> np.ndarray:
    size = side * rng.uniform(0.35, 0.5)
    draw_hand(cover, rng, tip, angle + rng.normal(0, 0.4), size)
    return _round(cover, _skin(rng), 0.06 * size)


def _pen(rng: np.random.Generator, cover: np.ndarray, tip: np.ndarray, angle: float, side: float) -> np.ndarray:
    radius = side * rng.uniform(0.008, 0.014)
    lean = angle + rng.uniform(-1.2, 1.2)
    thick_line(cover, turned(np.array([[-4.0, 0.0], [-34.0, 0.0]]) * radius, lean, tip), radius)
    point = turned(np.array([[0.0, 0.0], [-4.5, -0.9], [-4.5, 0.9]]) * radius, lean, tip)
    cv2.fillConvexPoly(cover, np.round(point * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
    color = rng.choice([rng.uniform(0, 60, 3), rng.uniform(40, 240, 3)], axis=0)
    return _round(cover, color, radius) + 60 * (_round(cover, np.ones(3), radius) > 0.97)


def _clip(rng: np.random.Generator, cover: np.ndarray, tip: np.ndarray, angle: float, side: float) -> np.ndarray:
    if rng.random() < 0.5:  # a bulldog clip
        wide, deep = side * rng.uniform(0.05, 0.12), side * rng.uniform(0.02, 0.035)
        body = np.array([[0, -wide / 2], [0, wide / 2], [-2 * deep, wide * 0.45], [-2 * deep, -wide * 0.45]])
        cv2.fillConvexPoly(cover, np.round(turned(body, angle, tip) * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
        return _round(cover, rng.choice([[25, 25, 28], [150, 152, 158], [40, 70, 150]]), deep)
    # A paper clip: three bends of wire.
    unit = side * rng.uniform(0.016, 0.024)
    loop = np.array([[-3.2, 0.5], [-0.8, 0.5], [-0.3, 0], [-0.8, -0.5], [-4.6, -0.5], [-4.9, -0.1], [-4.6, 0.3]])
    loop = np.concatenate([loop, [[-1.0, 0.3], [-0.7, 0], [-1.0, -0.25], [-3.4, -0.25]]]) * unit
    thick_line(cover, turned(loop, angle + rng.normal(0, 0.1), tip), max(0.5, 0.07 * unit))
    return _round(cover, rng.choice([[175, 178, 184], [200, 60, 50], [50, 90, 190]]), 0.1 * unit)


def _phone(rng: np.random.Generator, cover: np.ndarray, tip: np.ndarray, angle: float, side: float) -> np.ndarray:
    wide, long, r = side * 0.24, side * 0.5, side * 0.02
    body = np.array([[-r, -wide / 2], [-r, wide / 2], [-long, wide / 2], [-long, -wide / 2]])
    lean = turned(body, angle + rng.normal(0, 0.5), tip)
    cv2.fillConvexPoly(cover, np.round(lean * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
    thick_line(cover, np.concatenate([lean, lean[:1]]), r)
    return _round(cover, rng.uniform(8, 60) * rng.uniform(0.9, 1.1, 3), r)


def _laid(
    thing, image: np.ndarray, seen: np.ndarray, rng: np.random.Generator, share: Span, reach: Span = (0.05, 0.2)
) -> np.ndarray:
    """Draw a thing and its shadow into the picture in place, up to `reach` sides in from the sheet's edge.

    Where that would hide more of the sheet than `share`, it lies farther out.
    Returns what it hides (H, W) uint8.
    """
    shape = coarse_shape(image.shape, STEP)
    paper = cv2.resize(seen, shape[::-1], interpolation=cv2.INTER_AREA) > 127
    side, most = max(shape), draw(rng, share) * max(1, paper.sum())
    at, angle = _place(rng, outline(seen) * (np.array(shape[::-1]) / image.shape[1::-1]))
    inward = np.array([np.cos(angle), np.sin(angle)])
    seed, deep = int(rng.integers(2**63)), side * draw(rng, reach)
    for _ in range(12):
        cover = np.zeros(shape, np.float32)
        colors = thing(np.random.default_rng(seed), cover, at + deep * inward, angle, side)
        if (paper & (cover > 0.5)).sum() <= most:
            break
        # Drawn again, farther out.
        deep -= side * 0.035
    else:
        cover[:] = 0
    soft = cv2.GaussianBlur(cover, (0, 0), 0.6)
    shift, dark = rng.normal(0, 0.012, 2) * side, np.float32(rng.uniform(0.15, 0.5))
    moved = cv2.warpAffine(cover, np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), shape[::-1])
    shadow = dark * cv2.GaussianBlur(moved, (0, 0), max(0.6, side * rng.uniform(0.004, 0.02)))
    dim = (1 - soft) * (1 - shadow)
    hidden, dim, over = (
        enlarge(np.rint(np.clip(f, 0, 255)).astype(np.uint8), image.shape)
        for f in (255 * soft, 255 * dim, colors * soft[..., None])
    )
    cv2.multiply(image, cv2.merge([dim] * 3), dst=image, scale=1 / 255)
    cv2.add(image, over, dst=image)
    return hidden


def finger(image, seen, rng, share: Span = SHARE) -> np.ndarray:
    """A thumb or fingers that hold the sheet."""
    return _laid(_finger, image, seen, rng, share)


def hand(image, seen, rng, share: Span = SHARE) -> np.ndarray:
    """A hand that lies on the sheet's edge."""
    return _laid(_hand, image, seen, rng, share)


def pen(image, seen, rng, share: Span = SHARE) -> np.ndarray:
    """A pen left on the sheet's edge."""
    return _laid(_pen, image, seen, rng, share)


def clip(image, seen, rng, share: Span = SHARE) -> np.ndarray:
    """A paper clip or bulldog clip."""
    return _laid(_clip, image, seen, rng, share, (0.02, 0.05))


def phone(image, seen, rng, share: Span = SHARE) -> np.ndarray:
    """The corner or end of a phone."""
    return _laid(_phone, image, seen, rng, share)


# name → f(image, seen, rng, **ranges) → what it hides (H, W) uint8; draws into the image
EFFECTS = {f.__name__: f for f in (finger, hand, pen, clip, phone)}


def cover(image: np.ndarray, seen: np.ndarray | None, effects: dict, rng: np.random.Generator) -> np.ndarray | None:
    """Lay things on the sheet's edge as a noise level says, drawing into the image (H, W, 3) uint8 in place.

    seen (H, W) uint8: where the picture shows the sheet, None for everywhere. effects: name of EFFECTS → {p, share}.
    Returns what is hidden (H, W) uint8, 255 wholly, or None where nothing is.
    """
    hidden = None
    for name, options in effects.items():
        if rng.random() < options["p"]:
            spans = {k: tuple(v) for k, v in options.items() if k != "p"}
            sheet = np.full(image.shape[:2], 255, np.uint8) if seen is None else seen
            more = EFFECTS[name](image, sheet, rng, **spans)
            hidden = more if hidden is None else cv2.max(hidden, more)
    return hidden
