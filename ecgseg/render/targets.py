"""Page → what the page network learns from it: the flattened page at low resolution and its maps."""

from dataclasses import dataclass

import cv2
import numpy as np

from ecgseg.digitize.locate.findings import Box, Findings
from ecgseg.layout import LEADS
from ecgseg.render.crops import Residual, draw_residual
from ecgseg.render.draw.raster import traces_coverage
from ecgseg.render.findings import true_findings
from ecgseg.render.page import Page

BAND_MM = 1.5  # how high the zero line is drawn
SPREAD_MM = 1.0  # standard deviation of the blob at a strip's start or end
INK_MM = 0.4  # width of the traces' ink
_CALIBRATION, _PULSE = len(LEADS) + 2, len(LEADS) + 3


@dataclass
class Target:
    """A flattened page at `px_per_mm` and its maps.

    image (H, W, 3) uint8; trace (H, W) uint8, ink of any trace in 0..255; at half the size lines (3, H/2, W/2) uint8,
    zero line, starts and ends in 0..255, and text (H/2, W/2) uint8, the class of pagenet.CLASSES.
    """

    image: np.ndarray
    trace: np.ndarray
    lines: np.ndarray
    text: np.ndarray


def page_target(page: Page, px_per_mm: float, rng: np.random.Generator) -> Target:
    """Flatten a page with a small error, as a digitizer does, and draw what is on it; sides are multiples of 2."""
    scene = page.scene
    width, height = (2 * int(np.ceil(side * px_per_mm / 2)) for side in (scene.width, scene.height))
    residual = draw_residual(rng, np.array([scene.width, scene.height]) / 2, bent=page.warp.affine is None)
    polylines = [residual.flat(t.points) * px_per_mm for t in scene.traces]
    trace = traces_coverage(polylines, INK_MM * px_per_mm, (height, width))
    found = true_findings(scene, px_per_mm / 2)
    shape = (height // 2, width // 2)
    return Target(
        _flattened(page, residual, px_per_mm, (height, width)),
        np.rint(trace * 255).astype(np.uint8),
        _lines(found, px_per_mm / 2, shape),
        _text(found, shape),
    )


def _flattened(page: Page, residual: Residual, px_per_mm: float, shape: tuple[int, int]) -> np.ndarray:
    """Return the page's picture resampled to the flat page."""
    step = 8
    h, w = (n // step + 3 for n in shape)
    y, x = ((np.arange(-1, n - 1) + 0.5) * step - 0.5 for n in (h, w))
    flat = np.stack(np.meshgrid(x, y), axis=-1) / px_per_mm
    mm = flat + residual.error(flat.reshape(-1, 2)).reshape(flat.shape)
    at = page.warp.forward(mm.reshape(-1, 2)).reshape(mm.shape).astype(np.float32)
    full = cv2.resize(at, (w * step, h * step), interpolation=cv2.INTER_LINEAR)
    full = np.ascontiguousarray(full[step : step + shape[0], step : step + shape[1]])
    shrink = page.px_per_mm / px_per_mm
    picture = page.image
    if shrink > 1.05:  # about what averaging the pixels of a finer flat page does
        picture = cv2.GaussianBlur(picture, (0, 0), 0.45 * np.sqrt(shrink**2 - 0.8))
    return cv2.remap(picture, full, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _lines(found: Findings, px_per_mm: float, shape: tuple[int, int]) -> np.ndarray:
    """Draw the zero lines, starts and ends of all strips, (3, h, w) uint8."""
    out = np.zeros((3, *shape), np.uint8)
    for s in found.stretches:
        half = BAND_MM * px_per_mm / 2
        corners = [(s.x0, s.baseline - half), (s.x1, s.baseline + half)]
        cv2.rectangle(out[0], *(tuple(round(v) for v in c) for c in corners), 255, -1)
    for layer, points in ((out[1], found.starts), (out[2], found.ends)):
        for p in points:
            _blob(layer, p.x, p.y, SPREAD_MM * px_per_mm)
    return out


def _blob(layer: np.ndarray, x: float, y: float, sigma: float) -> None:
    reach = int(np.ceil(3 * sigma))
    j0, i0 = max(0, round(x) - reach), max(0, round(y) - reach)
    window = layer[i0 : max(0, round(y) + reach + 1), j0 : max(0, round(x) + reach + 1)]
    i, j = np.mgrid[i0 : i0 + window.shape[0], j0 : j0 + window.shape[1]]
    blob = np.rint(255 * np.exp(-((j - x) ** 2 + (i - y) ** 2) / (2 * sigma**2))).astype(np.uint8)
    np.maximum(window, blob, out=window)


def _text(found: Findings, shape: tuple[int, int]) -> np.ndarray:
    """Fill the boxes of calibration texts, pulses and lead names with their class, (h, w) uint8."""
    out = np.zeros(shape, np.uint8)
    for boxes, value in ((found.texts, _CALIBRATION), (found.pulses, _PULSE)):
        for box in boxes:
            _fill(out, box, value)
    for name in found.names:
        turned = name.lead == "aVR" and name.sign < 0
        _fill(out, name, len(LEADS) + 1 if turned else 1 + LEADS.index(name.lead))
    return out


def _fill(out: np.ndarray, box: Box, value: int) -> None:
    x0, y0, x1, y1 = (round(v) for v in (box.x0, box.y0, box.x1, box.y1))
    out[max(0, y0) : max(0, y1 + 1), max(0, x0) : max(0, x1 + 1)] = value
