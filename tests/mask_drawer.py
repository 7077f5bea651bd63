"""Draws trace masks of whole pages from made-up beats, with what a network leaves behind: for tests only."""

import cv2
import numpy as np

from ecgseg.layout import LEADS, Layout

FS = 500.0


def made_up_ecg(seed: int = 0, seconds: float = 10.0, height: float = 1.0) -> dict[str, np.ndarray]:
    """Return twelve leads (mV, 500 Hz) of irregular P-QRS-T beats that obey Einthoven and Goldberger."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * FS)) / FS
    beats = np.cumsum(rng.uniform(0.7, 1.0, 20)) - 0.4

    def lead(p, q, r, s, w) -> np.ndarray:
        y = np.zeros_like(t)
        parts = ((-0.16, 0.025, p), (-0.025, 0.008, q), (0, 0.010, r), (0.025, 0.009, s), (0.26, 0.045, w))
        for b in beats:
            for at, width, size in parts:
                y += height * size * np.exp(-(((t - b - at) / width) ** 2) / 2)
        wander = rng.uniform(0.02, 0.12) * np.sin(2 * np.pi * t / rng.uniform(4, 9) + rng.uniform(0, 6))
        return y + wander + 0.005 * rng.standard_normal(len(t))

    one, two = lead(0.08, -0.05, 0.7, -0.1, 0.15), lead(0.12, -0.08, 1.1, -0.2, 0.3)
    chest = {f"V{k + 1}": lead(0.05, 0.0, 0.2 + 0.3 * k, -1.2 + 0.22 * k, 0.1 + 0.08 * k) for k in range(6)}
    return {
        "I": one,
        "II": two,
        "III": two - one,
        "aVR": -(one + two) / 2,
        "aVL": one - two / 2,
        "aVF": two - one / 2,
        **chest,
    }


def row_heights(layout: Layout, pitch_mm: float, top_mm: float) -> np.ndarray:
    """Return the rows' zero lines in mm from the top; rhythm rows stand a little closer, as on many pages."""
    gaps = [pitch_mm] * (layout.n_rows - 1)
    for k in range(layout.rhythm_rows):
        gaps[len(gaps) - 1 - k] = 0.92 * pitch_mm
    return top_mm + np.concatenate([[0.0], np.cumsum(gaps)])


def draw_mask(
    layout: Layout,
    leads: dict[str, np.ndarray],
    x0_mm: float = 15.3,
    pitch_mm: float | None = None,
    px_per_mm: float = 8.0,
    speed: float = 25.0,
    clutter: int | None = 0,
    pulses: bool = False,
    seconds: float | None = None,
):
    """Return (mask (H, W) float32, rows' zero lines in px, start x in px, polyline per strip in px).

    `clutter` seeds gaps in the traces, letters and specks (None: clean); `pulses` draws the whole
    calibration pulses that the network should have removed; `seconds` ends the traces early.
    """
    pitch = pitch_mm or float(np.mean(layout.row_pitch_mm))
    rows = row_heights(layout, pitch, top_mm=35.0) * px_per_mm
    width = int((x0_mm + layout.seconds * speed + 15) * px_per_mm)
    image = np.zeros((int(rows[-1] + 25 * px_per_mm), width), np.uint8)
    lines = []
    for s in layout.strips:
        a, b = int(s.t0 * FS), int(min(s.t1, seconds or s.t1) * FS)
        t = np.arange(a, max(b, a)) / FS - s.t0
        x = (x0_mm + (s.offset_s + t) * speed) * px_per_mm
        y = rows[s.row] - leads[s.lead][a : max(b, a)] * 10 * px_per_mm
        lines.append(np.stack([x, y], axis=1))
        polyline(image, lines[-1])
    if pulses:
        for y in rows:
            a, b, h = (x0_mm - 5) * px_per_mm, x0_mm * px_per_mm, 10 * px_per_mm
            polyline(image, np.array([(a, y), (a, y - h), (b, y - h), (b, y)]))
    if clutter is not None:
        _clutter(image, np.random.default_rng(clutter), rows, x0_mm, px_per_mm)
    return image.astype(np.float32) / 255, rows, x0_mm * px_per_mm, lines


def polyline(image: np.ndarray, points: np.ndarray, width: int = 2) -> None:
    fixed = np.round(points * 16).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(image, [fixed], False, 255, width, cv2.LINE_AA, shift=4)


def _clutter(image, rng, rows, x0_mm: float, px_per_mm: float) -> None:
    height, width = image.shape
    for _ in range(40):  # gaps of up to 1.5 mm
        x, y = rng.integers(0, width), int(rng.choice(rows))
        image[max(y - 80, 0) : y + 80, x : x + rng.integers(2, 12)] = 0
    font = cv2.FONT_HERSHEY_SIMPLEX
    for k, y in enumerate(rows):  # what is left of lead names under the trace
        at = (int(x0_mm * px_per_mm), int(y + 4 * px_per_mm))
        cv2.putText(image, LEADS[k % 12], at, font, 0.7, 200, 2, cv2.LINE_AA)
    cv2.putText(image, "Name: somebody 25 mm/s 10 mm/mV", (40, 60), font, 0.8, 255, 2, cv2.LINE_AA)
    for _ in range(60):
        cv2.circle(image, (int(rng.integers(0, width)), int(rng.integers(0, height))), 2, 255, -1)
    for y in rows[:: max(len(rows) // 3, 1)]:  # pieces of calibration pulses
        x = int((x0_mm - 5) * px_per_mm)
        cv2.line(image, (x, int(y)), (x, int(y - 6 * px_per_mm)), 255, 2)
        top = int(y - 10 * px_per_mm)
        cv2.line(image, (x + 8, top), (x + 25, top), 255, 2)
