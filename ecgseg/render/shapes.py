"""Outlines of things that come between a sheet and the camera or lamp: hands, phones, heads, pens."""

import cv2
import numpy as np

OUTLINES = ("hand", "phone", "head")


def thick_line(canvas: np.ndarray, points: np.ndarray, radius: float) -> None:
    """Draw a rounded stroke of `radius` pixels through points (n, 2) px on a float32 canvas, in place, as 1."""
    fixed = np.round(np.asarray(points) * 16).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [fixed], False, 1.0, max(1, round(2 * radius)), cv2.LINE_AA, 4)
    for p in fixed[:, 0]:
        cv2.circle(canvas, p.tolist(), round(radius * 16), 1.0, -1, cv2.LINE_AA, 4)


def turned(points: np.ndarray, angle: float, at: np.ndarray) -> np.ndarray:
    """Return points (n, 2) turned by `angle` about 0 and moved to `at`."""
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, s], [-s, c]]) + at


def border_point(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Return a point (x, y) on the border of a picture and the angle that leads from it to about the middle."""
    h, w = shape
    edge, t = rng.integers(4), rng.uniform(0.1, 0.9)
    at = np.array([[t * w, 0], [w, t * h], [t * w, h], [0, t * h]][edge], float)
    inward = np.array([w / 2, h / 2]) - at
    return at, float(np.arctan2(inward[1], inward[0])) + rng.uniform(-0.5, 0.5)


def hand(canvas: np.ndarray, rng: np.random.Generator, tip: np.ndarray, angle: float, size: float) -> None:
    """Draw a hand of `size` pixels on a float32 canvas in place: its fingers point along `angle`, to about `tip`."""
    palm = np.array([-0.75, 0.0]) * size
    spread = rng.uniform(0.02, 0.14)
    bent = rng.uniform(0.55, 1.0, 4)
    for k in range(4):
        root = palm + np.array([0.22, (k - 1.5) * 0.13]) * size
        length = size * (0.42, 0.5, 0.46, 0.36)[k] * bent[k]
        a = (k - 1.5) * spread
        end = root + length * np.array([np.cos(a), np.sin(a)])
        thick_line(canvas, turned(np.stack([root, end]), angle, tip), 0.058 * size)
    side = rng.choice([-1, 1])
    thumb = palm + np.array([[-0.1, side * 0.2], [0.1, side * 0.36], [0.25, side * 0.4]]) * size
    thick_line(canvas, turned(thumb, angle, tip), 0.07 * size)
    thick_line(canvas, turned(palm + np.array([[-0.12, 0], [0.1, 0]]) * size, angle, tip), 0.26 * size)
    thick_line(
        canvas, turned(palm + np.array([[-0.3, 0], [-3.0, rng.uniform(-0.3, 0.3)]]) * size, angle, tip), 0.17 * size
    )


def random_outline(rng: np.random.Generator, shape: tuple[int, int], kind: str | None = None) -> np.ndarray:
    """Return the cover (h, w) float32 0..1 of a hand, a phone held by a hand, or a head and shoulders from a border."""
    canvas = np.zeros(shape, np.float32)
    kind = kind or OUTLINES[rng.integers(len(OUTLINES))]
    side, (at, angle) = max(shape), border_point(rng, shape)
    inward = np.array([np.cos(angle), np.sin(angle)])
    if kind == "hand":
        hand(canvas, rng, at + inward * side * rng.uniform(0.05, 0.5), angle, side * rng.uniform(0.25, 0.5))
    elif kind == "phone":
        tip, size = at + inward * side * rng.uniform(0.0, 0.3), side * rng.uniform(0.12, 0.2)
        body = np.array([[-1, -0.5], [1, -0.5], [1, 0.5], [-1, 0.5]]) * size
        corners = turned(body, angle + rng.normal(0, 0.3), tip)
        cv2.fillConvexPoly(canvas, np.round(corners * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
        hand(canvas, rng, tip + inward * 0.1 * side, angle, side * 0.35)
    else:
        middle, r = at + inward * side * rng.uniform(0.0, 0.25), side * rng.uniform(0.08, 0.16)
        thick_line(canvas, np.stack([middle, middle - inward * 0.4 * r]), r)
        across = np.array([-inward[1], inward[0]])
        shoulders = middle - inward * 2.3 * r
        thick_line(canvas, np.stack([shoulders - 1.6 * r * across, shoulders + 1.6 * r * across]), 1.1 * r)
    return canvas


def outline(seen: np.ndarray) -> np.ndarray:
    """Return the corners (4, 2) px, in order round it, of the four-sided shape about what is seen of a page (H, W)."""
    step = 4
    small = cv2.resize(seen, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    y, x = np.nonzero(small > 127)
    if not len(x):
        return np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (np.array(seen.shape[1::-1]) - 1.0)
    p = np.stack([x, y], axis=1)
    total, apart = p @ [1, 1], p @ [1, -1]
    corners = p[[total.argmin(), apart.argmax(), total.argmax(), apart.argmin()]]
    a, b = corners[2] - corners[0], corners[3] - corners[1]
    if abs(a[0] * b[1] - a[1] * b[0]) < 1.2 * len(x):  # twice the shape's area: it stands on a corner
        corners = cv2.boxPoints(cv2.minAreaRect(p.astype(np.float32)))
    return (corners + 0.5) * step - 0.5
