"""What gets on a sheet: coffee, water, mould, age, tape, dirt, and the print of its back. Sizes in mm."""

import numpy as np

from ecgseg.render.fields import Span, draw, draw_count, lay, multiply, paper_color, soft
from ecgseg.render.sheet.paper import Layer, Sheet, coarse_mm, page_field, ragged

# What coffee, tea, water, ink and disinfectant take from red, green and blue.
_LIQUIDS = ((0.45, 0.62, 0.85), (0.3, 0.45, 0.7), (0.15, 0.2, 0.35), (0.8, 0.6, 0.3), (0.2, 0.75, 0.7))


def _anywhere(sheet: Sheet, rng: np.random.Generator, margin: float = 10.0) -> np.ndarray:
    """Return a point (2,) in mm on the page or up to `margin` beyond its edge."""
    return rng.uniform([-margin, -margin], np.array(sheet.size) + margin)


class _Blob:
    """A round patch with a wavy outline: distance to its edge in mm, above 0 inside."""

    def __init__(self, rng: np.random.Generator, at: np.ndarray, radius: float, wavy: float):
        self.at, self.radius = at, radius
        self.waves = [(k, wavy / k**0.8 * rng.normal(), rng.uniform(0, 2 * np.pi)) for k in range(1, 8)]

    def inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        dx, dy = x - self.at[0], y - self.at[1]
        angle = np.arctan2(dy, dx)
        radius = self.radius * (1 + sum(a * np.cos(k * angle + p) for k, a, p in self.waves))
        return radius - np.hypot(dx, dy)


def _window(x: np.ndarray, y: np.ndarray, at: np.ndarray, reach: float) -> tuple[slice, slice] | None:
    """Return the rows and columns of a coarse grid within `reach` mm of a point, None if there are none."""
    rows, columns = np.flatnonzero(np.abs(y.ravel() - at[1]) < reach), np.flatnonzero(np.abs(x.ravel() - at[0]) < reach)
    if not len(rows) or not len(columns):
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def stains(sheet: Sheet, rng: np.random.Generator, strength: Span, count: Span = (1, 3)) -> None:
    """Rings of cups, dried puddles with dark rims, and splashes, of coffee, tea, ink, disinfectant or grease."""
    x, y = coarse_mm(sheet)
    taken = np.zeros((y.size, x.size, 3), np.float32)
    for _ in range(draw_count(rng, count)):
        color, s = np.array(_LIQUIDS[rng.choice(5, p=[0.4, 0.25, 0.15, 0.1, 0.1])]), draw(rng, strength)
        kind, at = rng.choice(3, p=[0.35, 0.35, 0.3]), _anywhere(sheet, rng)
        blobs, rim, ring = [], rng.uniform(0.4, 1.5), rng.uniform(1.0, 3.0)
        if kind == 0:
            blobs.append(_Blob(rng, at, rng.uniform(22, 45), 0.006))
        elif kind == 1:
            blobs.append(_Blob(rng, at, np.exp(rng.uniform(np.log(5), np.log(35))), 0.14))
        else:
            towards, n = rng.uniform(0, 2 * np.pi), draw_count(rng, (4, 18))
            for far in rng.exponential(18, n):
                a = towards + rng.normal(0, 0.5)
                radius = min(8.0, np.exp(rng.normal(0.2, 0.7)))
                blobs.append(_Blob(rng, at + far * np.array([np.cos(a), np.sin(a)]), radius, 0.05))
        gap, lobe = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.9)
        for blob in blobs:
            part = _window(x, y, blob.at, 1.8 * blob.radius + 4)
            if part is None:
                continue
            px, py = x[:, part[1]], y[part[0]]
            d = blob.inside(px, py)
            if kind == 0:
                # A cup stands unevenly: the ring is broken on one side.
                around = np.arctan2(py - blob.at[1], px - blob.at[0])
                ends = 1 - lobe * (0.5 + 0.5 * np.cos(around - gap))
                cover = np.exp(-((d / ring) ** 2)) * ends + 0.08 * soft(d, 1.0)
            else:
                edge = np.where(d > 0, np.exp(-d / (2 * rim)), 0.0)
                cover = soft(d, 0.5) * (0.35 + 0.65 * edge)
            taken[part] = np.maximum(taken[part], (s * cover)[..., None] * color)
    if taken.any():
        sheet.image = multiply(sheet.image, 1 - taken)


def soaking(sheet: Sheet, rng: np.random.Generator, strength: Span, reach: Span = (8, 60)) -> None:
    """Water from an edge or corner: the soaked paper a little darker, with wavy tide lines where it dried."""
    x, y = coarse_mm(sheet, 0.6)
    w, h = sheet.size
    towards = rng.integers(4) * np.pi / 2 + (rng.uniform(0, np.pi / 2) if rng.random() < 0.5 else 0.0)
    dx, dy = np.cos(towards), np.sin(towards)
    # How far inside, from the corner or edge where the water came in.
    inside = (x - w / 2) * dx + (y - h / 2) * dy + abs(dx) * w / 2 + abs(dy) * h / 2
    deep, waves = draw(rng, reach), page_field(sheet, rng, rng.uniform(18, 40), x, y)
    waves = waves + 0.35 * page_field(sheet, rng, rng.uniform(5, 10), x, y)
    s, color = draw(rng, strength), np.array([0.35, 0.5, 0.8]) * rng.uniform(0.5, 1)
    cover = np.zeros((y.size, x.size), np.float32)
    for k in range(draw_count(rng, (1, 3))):
        d = deep * (1 - 0.25 * k) + 0.25 * deep * waves - inside  # mm inside the soaked part
        line = np.where(d > 0, np.exp(-np.maximum(d, 0) / rng.uniform(1.0, 4.0)), np.exp(-((d / 0.5) ** 2)))
        cover = np.maximum(cover, 0.3 * soft(d, 0.6) + rng.uniform(0.4, 0.8) * line)
    sheet.image = multiply(sheet.image, 1 - s * cover[..., None] * color)


def mould(sheet: Sheet, rng: np.random.Generator, strength: Span, clusters: Span = (2, 8)) -> None:
    """Clusters of grey, green or brown dots."""
    layer = Layer(sheet)
    s = draw(rng, strength)
    for _ in range(draw_count(rng, clusters)):
        at, spread, n = _anywhere(sheet, rng), rng.uniform(3, 20), draw_count(rng, (15, 110))
        places = at + rng.normal(0, spread, (n, 2)) * rng.uniform(0.5, 1, 2)
        radii = np.minimum(np.exp(rng.normal(-1.5, 0.6, n)), 1.5)
        for place, radius, level in zip(places, radii, rng.uniform(0.3, 1.0, n), strict=True):
            layer.disc(place, radius, s * level)
    layer.soften(0.12)
    layer.lay([(70, 80, 62), (60, 60, 60), (110, 85, 50)][rng.integers(3)])


def yellowing(sheet: Sheet, rng: np.random.Generator, strength: Span) -> None:
    """Old paper: yellow all over in part, and browner towards its edges, unevenly."""
    x, y = coarse_mm(sheet, 2.0)
    w, h = sheet.size
    edge = np.minimum(np.minimum(x, w - x), np.minimum(y, h - y))
    edge = edge + 6 * page_field(sheet, rng, 25.0, x, y)
    brown = np.exp(-np.maximum(edge, 0) / rng.uniform(6, 40))
    uneven = 0.5 + 0.5 * page_field(sheet, rng, 60.0, x, y)
    cover = draw(rng, strength) * (rng.uniform(0, 0.5) * (0.7 + 0.3 * uneven) + rng.uniform(0.2, 1) * brown)
    sheet.image = multiply(sheet.image, 1 - cover[..., None] * np.array([0.18, 0.38, 0.8]))


def tape(sheet: Sheet, rng: np.random.Generator, strength: Span, count: Span = (1, 3)) -> None:
    """Pieces of sticky tape: a yellowed, shiny strip with darker sides and pale bubbles."""
    x, y = coarse_mm(sheet)
    taken, shine = np.zeros((y.size, x.size, 3), np.float32), np.zeros((y.size, x.size), np.float32)
    for _ in range(draw_count(rng, count)):
        at, angle = _anywhere(sheet, rng, 5.0), rng.integers(2) * np.pi / 2 + rng.normal(0, 0.25)
        wide, long, s = rng.uniform(12, 25), rng.uniform(25, 90), draw(rng, strength)
        saw = ragged(rng, 24, 0.9) * 0.6
        spots = at + rng.uniform(-0.5, 0.5, (30, 2)) * long
        part = _window(x, y, at, 0.6 * long + wide)
        if part is None:
            continue
        px, py = x[:, part[1]], y[part[0]]
        along = (px - at[0]) * np.cos(angle) + (py - at[1]) * np.sin(angle)
        across = (py - at[1]) * np.cos(angle) - (px - at[0]) * np.sin(angle)
        # Torn off over teeth at its ends.
        end = long / 2 + np.interp(across, np.linspace(-wide / 2, wide / 2, 24), saw)
        d = np.minimum(wide / 2 - np.abs(across), end - np.abs(along)).astype(np.float32)
        on = soft(d, 0.3)
        rim = on * np.exp(-np.maximum(d, 0) / 0.5)
        taken[part] = np.maximum(taken[part], (s * (0.55 * on + 0.45 * rim))[..., None] * np.float32([0.22, 0.35, 0.7]))
        bubbles = sum(np.exp(-(((px - sx) / 1.5) ** 2)) * np.exp(-((py - sy) ** 2)) for sx, sy in spots)
        shine[part] = np.maximum(shine[part], s * on * (0.1 + 0.3 * np.minimum(bubbles, 1)))
    if taken.any():
        sheet.image = lay(multiply(sheet.image, 1 - taken), shine, (250, 248, 240))


def dirt(sheet: Sheet, rng: np.random.Generator, specks: Span = (20, 200), hairs: Span = (0, 6)) -> None:
    """Specks and hairs on the paper, and a greyish smear of fingers."""
    layer = Layer(sheet)
    n = draw_count(rng, specks)
    radii = np.minimum(np.exp(rng.normal(-2.3, 0.6, n)), 0.6)
    places = rng.uniform(0, 1, (n, 2)) * sheet.size
    for place, radius, level in zip(places, radii, rng.uniform(0.2, 0.9, n), strict=True):
        layer.disc(place, radius, level)
    for _ in range(draw_count(rng, hairs)):
        turns = rng.normal(0, 0.35, 12).cumsum() + rng.uniform(0, 2 * np.pi)
        steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * rng.uniform(0.2, 1.3)
        layer.line(_anywhere(sheet, rng, 0) + steps.cumsum(axis=0), rng.uniform(0.05, 0.1), rng.uniform(0.4, 0.9))
    layer.lay((60, 52, 45))
    x, y = coarse_mm(sheet, 2.0)
    smear = np.maximum(page_field(sheet, rng, 30.0, x, y) - 0.2, 0)
    sheet.image = multiply(sheet.image, 1 - rng.uniform(0, 0.12) * smear)


def show_through(sheet: Sheet, rng: np.random.Generator, strength: Span) -> None:
    """The print of the back side, mirrored and faint: lines of writing, or another ECG's traces."""
    layer = Layer(sheet)
    w, h = sheet.size
    if rng.random() < 0.6:
        pitch, y = rng.uniform(4, 8), rng.uniform(8, 30)
        letter = pitch * 0.28
        while y < h * rng.uniform(0.8, 1.2):
            x, end = w - 12.0, 12 + rng.exponential(0.2) * w
            # Letters are a stroke or two each; their shapes cannot be told through the paper.
            n = int((x - end) / letter)
            marks = rng.uniform(-0.4, 0.4, (max(n, 0), 2, 2)) * letter * [1.2, 2.0]
            keep = np.flatnonzero(rng.random(len(marks)) < 0.84)
            starts = np.stack([x - keep * letter, np.full(len(keep), y)], axis=1)
            layer.strokes(starts[:, None] + marks[keep], 0.3)
            y += pitch
    else:
        for baseline in np.linspace(0.25, 0.9, draw_count(rng, (3, 6))) * h:
            beat = rng.uniform(14, 28)
            shape = np.array([[0, 0], [3, 0], [4, -1], [5, 0], [6, 1], [7, -9], [8, 3], [9, 0], [12, -2], [14, 0]])
            shape = shape * [beat / 22, rng.uniform(-0.6, 1.2)]
            starts = w - 10 - beat * np.arange(int((w - 20) / beat))
            beats = [np.array([start, baseline]) + shape * [-1, 1] for start in starts]
            layer.line(np.concatenate(beats), 0.35)
    layer.soften(rng.uniform(0.15, 0.5))
    ground = paper_color(sheet.image)
    layer.cover = (layer.cover * np.float32(draw(rng, strength))).astype(np.uint8)
    layer.lay(ground * 0.45)


EFFECTS = {f.__name__: f for f in (stains, soaking, mould, yellowing, tape, dirt, show_through)}
