"""How print and paper wear: ink that runs, fades, is rubbed or scratched off; creases. Sizes in mm."""

import cv2
import numpy as np

from ecgseg.render.fields import Span, draw, draw_count, enlarge, lay, multiply, paper_color, soft
from ecgseg.render.sheet.paper import Layer, Sheet, coarse_mm, page_field, page_speckle, ragged, to_px


def bleed(sheet: Sheet, rng: np.random.Generator, mm: Span, strength: Span = (0.8, 1.6)) -> None:
    """Ink that ran into the paper: lines swell and get soft, farther along the paper's fibres."""
    reach = draw(rng, mm) * sheet.px_per_mm
    along = reach * rng.uniform(1.0, 1.8)
    sides = (along, reach) if rng.random() < 0.5 else (reach, along)
    soaked = cv2.GaussianBlur(sheet.image, (0, 0), max(sides[0], 0.1), sigmaY=max(sides[1], 0.1))
    paper, s = paper_color(sheet.image), draw(rng, strength)
    table = np.clip(np.rint(paper - (paper - np.arange(256)[:, None]) * s), 0, 255).astype(np.uint8)
    sheet.image = cv2.min(sheet.image, cv2.LUT(soaked, table[:, None]))


def smudge(sheet: Sheet, rng: np.random.Generator, strength: Span, count: Span = (1, 4)) -> None:
    """Wet ink wiped by a hand: a grey ghost of the print, drawn out to both sides within an oval patch."""
    ppm, (h, w) = sheet.px_per_mm, sheet.image.shape[:2]
    paper = paper_color(sheet.image)
    for _ in range(draw_count(rng, count)):
        at, size = rng.uniform(0, 1, 2) * sheet.size, rng.uniform([10, 5], [45, 15])
        angle, length, s = rng.uniform(0, np.pi), rng.uniform(2, 7), draw(rng, strength)
        low, high = to_px(sheet, at - size.max()), to_px(sheet, at + size.max())
        (x0, y0), (x1, y1) = np.clip(low, 0, [w, h]).astype(int), np.clip(high, 0, [w, h]).astype(int)
        if x1 - x0 < 4 or y1 - y0 < 4:
            continue
        part = sheet.image[y0:y1, x0:x1]
        n = 2 * max(1, round(length * ppm / 8)) + 1  # at a quarter of the size
        kernel = np.zeros((n, n), np.float32)
        reach = (n - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
        ends = np.round(((n - 1) / 2 + np.stack([-reach, reach])) * 16).astype(int).tolist()
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
        small = cv2.resize(part, (max(2, (x1 - x0) // 4), max(2, (y1 - y0) // 4)), interpolation=cv2.INTER_AREA)
        ghost = cv2.filter2D(small, -1, kernel / kernel.sum())
        # Wiped ink is spread, not thinned: the ghost is darker than a blur.
        table = np.clip(np.rint(paper - 1.8 * (paper - np.arange(256)[:, None])), 0, 255).astype(np.uint8)
        ghost = cv2.min(part, cv2.LUT(enlarge(ghost, part.shape), table[:, None]))
        ys, xs = np.mgrid[y0 : y1 : len(small) * 1j, x0 : x1 : small.shape[1] * 1j] / ppm
        dx, dy = xs + sheet.origin[0] - at[0], ys + sheet.origin[1] - at[1]
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        inside = 1 - np.hypot(along / size[0], across / size[1])
        share = enlarge((s * soft(inside - 0.25, 0.25)).astype(np.float32), part.shape)
        rest = np.float32(1) - share
        sheet.image[y0:y1, x0:x1] = cv2.blendLinear(ghost, np.ascontiguousarray(part), share, rest)


def fading(sheet: Sheet, rng: np.random.Generator, strength: Span) -> None:
    """Thermal paper that lost its print: paler in patches, in bands, or from one side."""
    x, y = coarse_mm(sheet, 1.0)
    kind = rng.integers(3)
    if kind == 0:
        lost = 0.5 + 0.5 * page_field(sheet, rng, rng.uniform(20, 60), x, y)
    elif kind == 1:
        lost = 0.5 + 0.5 * page_field(sheet, rng, rng.uniform(8, 25), x, np.zeros((1, 1))) + 0 * y
    else:
        angle = rng.uniform(0, 2 * np.pi)
        span = np.hypot(*sheet.size)
        lost = 0.5 + ((x - sheet.size[0] / 2) * np.cos(angle) + (y - sheet.size[1] / 2) * np.sin(angle)) / span
    cover = draw(rng, strength) * np.clip(lost, 0, 1)
    sheet.image = lay(sheet.image, cover, paper_color(sheet.image))


def darkening(sheet: Sheet, rng: np.random.Generator, strength: Span) -> None:
    """Thermal paper that saw heat or light: grey patches, or a grey bar where something hot lay."""
    x, y = coarse_mm(sheet, 1.0)
    dark = np.maximum(page_field(sheet, rng, rng.uniform(15, 50), x, y), 0)
    if rng.random() < 0.4:
        at, angle = rng.uniform(0, 1, 2) * sheet.size, rng.uniform(0, np.pi)
        across = (x - at[0]) * np.cos(angle) + (y - at[1]) * np.sin(angle)
        dark = np.maximum(dark * 0.5, soft(rng.uniform(3, 15) - np.abs(across), 2.0))
    sheet.image = multiply(sheet.image, 1 - draw(rng, strength) * dark[..., None] * rng.uniform([1, 1, 0.9], [1, 1, 1]))


def dead_dots(sheet: Sheet, rng: np.random.Generator, strength: Span, count: Span = (1, 6)) -> None:
    """Dots of a print head that fail: thin straight lines without print along the whole page."""
    layer = Layer(sheet)
    w, h = sheet.size
    across = rng.random() < 0.7
    for _ in range(draw_count(rng, count)):
        at = rng.uniform(0, h if across else w)
        ends = [[0, at], [w, at]] if across else [[at, 0], [at, h]]
        layer.line(np.array(ends), rng.uniform(0.1, 0.2), draw(rng, strength))
    # The grid was there before: only what is darker loses its ink.
    red, green, _ = cv2.split(sheet.image)
    spared = np.clip(960 - 6 * np.arange(256), 0, 255).astype(np.uint8)
    layer.cover = cv2.min(layer.cover, cv2.LUT(cv2.max(red, green), spared))
    layer.lay(paper_color(sheet.image))


def scratches(sheet: Sheet, rng: np.random.Generator, strength: Span, count: Span = (3, 25)) -> None:
    """Scratches: fine pale lines, straight or slightly bent, where ink and paper are gone."""
    layer = Layer(sheet)
    main = rng.uniform(0, np.pi)
    for _ in range(draw_count(rng, count)):
        angle = main + rng.normal(0, 0.5)
        length = np.exp(rng.uniform(np.log(4), np.log(90)))
        t = np.linspace(-0.5, 0.5, 9)[:, None] * length
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        bow = rng.normal(0, 0.02) * (t**2 / length) + 0.05 * ragged(rng, 9)[:, None]
        mm = rng.uniform(0, 1, 2) * sheet.size + t * along + bow * across
        layer.line(mm, rng.uniform(0.05, 0.2), draw(rng, strength))
    if not layer.empty:
        layer.cover = cv2.multiply(layer.cover, cv2.max(page_speckle(sheet, rng, 0.4), 60), scale=1 / 200)
    layer.lay(np.minimum(paper_color(sheet.image) * 1.02 + 4, 255))


def rubbed(sheet: Sheet, rng: np.random.Generator, strength: Span, patches: Span = (1, 4)) -> None:
    """Worn patches: print lost in grains, as on a sheet carried in a pocket."""
    x, y = coarse_mm(sheet, 1.0)
    near = np.full((y.size, x.size), -9.0, np.float32)
    for _ in range(draw_count(rng, patches)):
        at, size, angle = rng.uniform(0, 1, 2) * sheet.size, rng.uniform([8, 4], [45, 15]), rng.uniform(0, np.pi)
        along = (x - at[0]) * np.cos(angle) + (y - at[1]) * np.sin(angle)
        across = (y - at[1]) * np.cos(angle) - (x - at[0]) * np.sin(angle)
        near = np.maximum(near, 1 - np.hypot(along / size[0], across / size[1]))
    share = draw(rng, strength) * soft(near + 0.3 * page_field(sheet, rng, 4.0, x, y), 0.5)
    grains = page_speckle(sheet, rng, rng.uniform(0.15, 0.35))
    if share.max() < 0.02:
        return
    level = enlarge(np.rint(share * 255).astype(np.uint8), sheet.image.shape)
    # A grain's ink is lost where its own strength is below the patch's wear.
    lost = cv2.multiply(cv2.subtract(level, cv2.LUT(grains, (40 + np.arange(256) * 0.8).astype(np.uint8))), 5)
    sheet.image = lay(sheet.image, lost, paper_color(sheet.image))


def creases(sheet: Sheet, rng: np.random.Generator, strength: Span, count: Span = (1, 3)) -> None:
    """Print broken along folds: a thin white line, ragged and interrupted, with a dirty shade beside it.

    Some folds run at any angle, and some are dark instead of white, with a wide shade, as under light from the side.
    """
    white, dark, shade = Layer(sheet), Layer(sheet), Layer(sheet)
    n = 400
    for _ in range(draw_count(rng, count)):
        at, along = _fold(sheet, rng)
        across = np.array([-along[1], along[0]])
        line = at + np.linspace(-0.5, 0.5, n)[:, None] * np.hypot(*sheet.size) * 1.5 * along
        line = line + 0.12 * ragged(rng, n)[:, None] * across
        width, s = rng.uniform(0.1, 0.35), draw(rng, strength)
        if rng.random() < 0.35:
            shade.line(line, rng.uniform(0.8, 6.0), s * rng.uniform(0.1, 0.6))
            if rng.random() < 0.6:
                dark.line(line, rng.uniform(0.2, 0.9), s * rng.uniform(0.2, 0.9))
            continue
        broken = ragged(rng, n, 0.8)
        for k in range(0, n - 8, 8):
            level = np.clip(0.55 + 0.9 * broken[k], 0, 1) * s
            if level > 0.05:
                white.line(line[k : k + 9], width, level)
        side = rng.choice([-1, 1]) * (width * 0.8 + 0.1)
        dark.line(line + side * across, rng.uniform(0.3, 0.9), s * rng.uniform(0.1, 0.35))
    shade.soften(rng.uniform(0.3, 2.0))
    shade.lay(paper_color(sheet.image) * 0.3)
    dark.soften(0.25)
    dark.lay(paper_color(sheet.image) * 0.4)
    white.soften(0.04)
    white.lay(np.minimum(paper_color(sheet.image) * 1.03 + 6, 255))


def _fold(sheet: Sheet, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a point (mm) and the direction of a fold: mostly across the sheet at a usual share of its length."""
    if rng.random() < 0.35:
        angle = rng.uniform(0, np.pi)
        return rng.uniform(0.1, 0.9, 2) * sheet.size, np.array([np.cos(angle), np.sin(angle)])
    share = rng.choice([1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4]) + rng.normal(0, 0.02)
    if rng.random() < 0.3:
        share = rng.uniform(0.1, 0.9)
    tilt = rng.normal(0, 0.015)
    along = np.array([tilt, 1.0]) if rng.random() < 0.5 else np.array([1.0, tilt])
    at = 0.5 * np.asarray(sheet.size)
    at[int(along[0] > along[1])] = share * np.asarray(sheet.size)[int(along[0] > along[1])]
    return at, along / np.hypot(*along)


EFFECTS = {f.__name__: f for f in (bleed, smudge, fading, darkening, dead_dots, scratches, rubbed, creases)}
