"""Sheet → picture: the sheet seen through its warp, on what lies around it, as a camera or scanner takes it."""

import cv2
import numpy as np

from ecgseg.render.around.surroundings import cover, surroundings
from ecgseg.render.capture.take import capture
from ecgseg.render.geometry.warp import Warp
from ecgseg.render.levels import Noise
from ecgseg.render.sheet.damage import Sheet

SHADE_STEP = 8  # px between the points at which the light is worked out; creases are softer than that


def take_picture(
    sheet: Sheet, warp: Warp, mm: np.ndarray | None, noise: Noise, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the picture (H, W, 3) uint8 of a sheet, and what of it shows the sheet (H, W) uint8, None for all.

    mm (H, W, 2) is the place on the page that each pixel sees, `warp.inverse()` of a picture or of a window of it;
    None: the sheet as it is. The sheet must hold all paper that is seen.
    """
    image, seen = see(sheet, mm)
    image = light(image, warp, mm)
    if seen is not None:
        image = _lay(image, seen, surroundings(rng, seen, noise.around))
    hidden = cover(image, seen, noise.cover, rng)
    if hidden is not None:
        seen = 255 - hidden if seen is None else np.minimum(seen, 255 - hidden)
    return capture(image, noise.capture, rng), seen


def see(sheet: Sheet, mm: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the sheet resampled once through the map `mm`, and the share of paper (H, W) uint8 in each pixel."""
    if mm is None:
        return sheet.image, sheet.alpha
    at = cv2.transform(mm, _to_pixels(sheet))
    image = cv2.remap(sheet.image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return image, _paper(sheet, mm, at)


def _to_pixels(sheet: Sheet) -> np.ndarray:
    """Return the matrix (2, 3) mm on the page → pixels of the sheet."""
    scale, (x, y) = sheet.px_per_mm, sheet.origin
    return np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])


def light(image: np.ndarray, warp: Warp, mm: np.ndarray | None) -> np.ndarray:
    """Return the picture with the light and shade of a sheet that does not lie flat."""
    if mm is None:
        return image
    half = SHADE_STEP // 2
    coarse = mm[half::SHADE_STEP, half::SHADE_STEP]
    gain = warp.shade(coarse.reshape(-1, 2).astype(float))
    return image if gain is None else _shaded(image, gain.reshape(coarse.shape[:2]).astype(np.float32))


def _shaded(image: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Multiply by a gain known at every SHADE_STEP-th pixel."""
    h, w = image.shape[:2]
    # The last cell may be cut off by the picture's edge.
    rows, columns = -(-h // SHADE_STEP) - gain.shape[0], -(-w // SHADE_STEP) - gain.shape[1]
    gain = np.pad(gain, ((0, rows), (0, columns)), mode="edge")
    fine = cv2.resize(gain, (gain.shape[1] * SHADE_STEP, gain.shape[0] * SHADE_STEP), interpolation=cv2.INTER_LINEAR)
    fine = np.ascontiguousarray(fine[:h, :w])
    return cv2.multiply(image, cv2.merge([fine] * 3), dtype=cv2.CV_8U)


def _paper(sheet: Sheet, mm: np.ndarray, at: np.ndarray) -> np.ndarray | None:
    """Return how much of each pixel is paper, None if all is: the sheet ends half a pixel round its last one."""
    coarse = mm[::SHADE_STEP, ::SHADE_STEP]
    # Beyond what the coarse points see, the last rows and columns of the picture reach.
    far = np.concatenate([coarse.reshape(-1, 2), mm[-1, ::SHADE_STEP], mm[::SHADE_STEP, -1], mm[-1:, -1]])
    inside = (far.min(axis=0) > 2).all() and (far.max(axis=0) < np.array(sheet.size) - 2).all()
    if inside and sheet.alpha is None:
        return None
    seen = None
    if not inside:
        for k, side in enumerate(sheet.size):
            # 255 · (mm · px/mm + 1/2), clipped to a byte, is how much of a pixel at the edge is paper.
            place = cv2.extractChannel(mm, k)
            for sign, start in ((1, 0.0), (-1, side)):
                scale = 255 * sheet.px_per_mm
                near = _clipped(place, sign * scale, 127.5 - sign * start * scale)
                seen = near if seen is None else cv2.min(seen, near)
    if sheet.alpha is not None:
        alpha = cv2.remap(sheet.alpha, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = alpha if seen is None else np.minimum(seen, alpha)
    return seen


def _clipped(field: np.ndarray, scale: float, shift: float) -> np.ndarray:
    """Return scale · field + shift rounded and clipped to a byte."""
    out = np.empty(field.shape, np.uint8)
    rows = 64  # at a time, to stay in the processor's cache
    for y in range(0, len(field), rows):
        part = field[y : y + rows] * np.float32(scale) + np.float32(shift)
        out[y : y + rows] = np.clip(part, 0, 255)
    return out


def _lay(image: np.ndarray, seen: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Return the sheet's picture where it is seen, and the ground elsewhere."""
    out = cv2.copyTo(image, cv2.compare(seen, 0, cv2.CMP_GT), ground)
    # Most pixels are wholly the one or the other: only the few between are blended.
    ys, xs = np.nonzero(cv2.inRange(seen, 1, 254))
    share = seen[ys, xs, None].astype(np.float32) / 255
    out[ys, xs] = np.rint(image[ys, xs] * share + ground[ys, xs] * (1 - share)).astype(np.uint8)
    return out
