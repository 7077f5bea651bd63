"""Synthetic grid paper whose scale, angle and origin are exactly known: each pixel's distance to its nearest line."""

import cv2
import numpy as np


def draw_grid(
    px_per_mm=(7.9, 7.9),
    angle=0.0,
    size=(900, 1300),
    fine=0.12,
    bold=0.25,
    depth=(60, 120),
    colour=(0.2, 1.0, 1.0),
    paper=(252, 250, 246),
    origin=(3.3, 7.7),
    dotted=False,
    noise=0.0,
    jpeg=None,
    trace=True,
    seed=0,
):
    """Return (image (H, W, 3) uint8, matrix (2, 3) mm → px). `fine` and `bold` are line widths in mm, None for no
    such lines; `depth` their darkness in grey levels, `colour` the part of it that each channel loses."""
    rng = np.random.default_rng(seed)
    turn = np.deg2rad(angle)
    matrix = np.array(
        [
            [px_per_mm[0] * np.cos(turn), -px_per_mm[1] * np.sin(turn), origin[0]],
            [px_per_mm[0] * np.sin(turn), px_per_mm[1] * np.cos(turn), origin[1]],
        ]
    )
    inverse = cv2.invertAffineTransform(matrix)
    xs, ys = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    u = inverse[0, 0] * xs + inverse[0, 1] * ys + inverse[0, 2]
    v = inverse[1, 0] * xs + inverse[1, 1] * ys + inverse[1, 2]
    dark = np.zeros(size, np.float32)
    for pitch, width, strength in ((1.0, fine, depth[0]), (5.0, bold, depth[1])):
        if width is None:
            continue
        for along, across, scale in ((u, v, px_per_mm[0]), (v, u, px_per_mm[1])):
            off = np.abs(along - np.rint(along / pitch) * pitch) * scale
            ink = np.clip(0.5 + width * scale / 2 - off, 0, min(1.0, width * scale))
            if dotted and pitch == 1.0:
                ink = ink * (np.abs(across - np.rint(across)) < 0.15)
            dark = np.maximum(dark, strength * ink)
    image = np.array(paper, np.float32) - dark[..., None] * np.array(colour, np.float32)
    image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if trace:
        draw_traces(image, matrix, rng)
    if noise:
        noisy = image + rng.standard_normal(image.shape, np.float32) * noise
        image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if jpeg:
        ok, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, jpeg])
        assert ok
        image = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    return image, matrix


def draw_traces(image, matrix, rng, beat_mm=None, row_mm=26.5):
    """Draw rows of black ECG-like lines, a beat every `beat_mm` or irregular ones, and a line of text."""
    mm = np.arange(5, 500, 0.1)
    beats = np.cumsum(rng.uniform(14, 24, 40) if beat_mm is None else np.full(60, beat_mm))
    wave = sum(8 * np.exp(-((mm - b) ** 2) / 0.1) + 2 * np.exp(-((mm - b - 6) ** 2) / 4) for b in beats)
    for row in range(1, 12):
        drift = rng.normal(0, 0.005, len(mm)).cumsum()
        points = np.stack([mm, row_mm * row - wave * rng.uniform(-1, 1) + drift], axis=1)
        pixels = points @ matrix[:, :2].T + matrix[:, 2]
        cv2.polylines(image, [np.rint(pixels * 16).astype(np.int32)], False, (25, 25, 25), 2, cv2.LINE_AA, 4)
    cv2.putText(image, "25 mm/s 10 mm/mV", (30, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2, cv2.LINE_AA)


def draw_text(size=(1400, 1000), pitch=None, seed=0):
    """Return a page of lines of random words; with `pitch`, every character in a column of that many px."""
    rng = np.random.default_rng(seed)
    image = np.full((*size, 3), 255, np.uint8)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz      "))
    for y in range(60, size[0] - 40, 30):
        line = "".join(rng.choice(letters, 200))
        if pitch is None:
            cv2.putText(image, line, (40, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
            continue
        for i, letter in enumerate(line[: (size[1] - 80) // pitch]):
            cv2.putText(image, letter, (40 + i * pitch, y), 0, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
    return image
