"""The original study's digitizer, without any learning: the baseline that the networks have to beat.

A strip is read in six steps, one function each: median filter (`denoise`), difference image (`difference`),
contour crop and merged segments (`trace_mask`), darkest pixel per column (`darkest_per_column`), high-pass
(`remove_drift`). Two choices favour it over the plain pipeline, so that the comparison is fair: the middle one of
equally dark pixels, and no high-pass on pages of short strips.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.signal import butter, sosfiltfilt

from ecgseg.recording import Recording
from ecgseg.render.study import PANELS, panel_frame

HIGHPASS_HZ = 0.5
# Ink is what is at least half as far from the paper as the darkest pixel of the usual column: below that are
# the grid, the pattern and the soft edges of the line.
INK_SHARE = 0.5


@dataclass(frozen=True)
class ClassicSizes:
    """The few lengths, in px, that depend on how thick a trace is printed.

    `denoise` and `background` are odd median windows (1 = none); a contour shorter than `speck` both ways is
    dirt; pieces of one trace that share columns lie at most `gap` apart.
    """

    denoise: int = 1
    background: int = 13
    speck: int = 6
    gap: int = 6


# On the study's own page the trace is 1 px wide, so that a 3x3 median would remove it: dots of noise go with the
# specks instead. As a background 3x3 is too small as well: a noisy signal fills more than half of the window.
STUDY_SIZES = ClassicSizes()


def page_sizes(px_per_mm: float) -> ClassicSizes:
    """Return the sizes for a flat page at `px_per_mm`, where a trace is some 0.3 to 0.5 mm wide."""
    # 6 mm: a QRS complex, two strokes side by side, must not fill half of the window.
    background = 2 * round(3 * px_per_mm) + 1
    return ClassicSizes(3, background, speck=max(3, round(1.2 * px_per_mm)), gap=max(2, round(0.5 * px_per_mm)))


def denoise(image: np.ndarray, window: int = 3) -> np.ndarray:
    """Return the grey (H,W) uint8 of a crop (H,W,3) RGB or (H,W), median filtered (step 1).

    The grey is the brightest of the three channels: black ink is dark in all of them, a coloured grid is not.
    """
    grey = image if image.ndim == 2 else image.max(axis=2)
    return cv2.medianBlur(grey, window) if window > 1 else np.ascontiguousarray(grey)


def difference(grey: np.ndarray, window: int) -> np.ndarray:
    """Return the difference image (H,W) uint8 (step 2): how much darker than its background each pixel is.

    The background is the median over `window` x `window` px, in which anything as thin as a trace is gone:
    subtracting it removes shadows and the broad parts of a pattern.
    """
    return cv2.subtract(cv2.medianBlur(grey, window), grey)


def trace_mask(diff: np.ndarray, sizes: ClassicSizes, center: float, reach: float) -> tuple[np.ndarray, slice, slice]:
    """Return the trace's pixels in a difference image (H,W): (mask of the crop, its rows, its columns).

    Steps 3 and 4. The thresholded difference falls into contours. Specks and the contours whose typical height
    is more than `reach` px from row `center` (another row's trace) are left out. The rest is merged from
    the widest on: a segment that brings mostly new columns joins, one that mostly overlaps in x with what is
    there joins only if it is near in y, which a broken QRS is and a printed lead name is not. The crop is the
    bounding box of what was merged. An empty mask means that no trace was found.
    """
    level = np.median(diff.max(axis=0)) * INK_SHARE
    # 20 grey levels: fainter than that is the paper's own texture or JPEG's.
    ink = (diff > max(level, 20)).astype(np.uint8)
    contours, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    segments = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        if max(w, h) < sizes.speck or abs(np.median(contour[:, 0, 1]) - center) > reach:
            continue
        # cv2 fills from the outline; the ink itself is what counts, so that a closed loop keeps its hole.
        piece = np.zeros((h, w), np.uint8)
        cv2.drawContours(piece, [contour - (x, y)], -1, 1, cv2.FILLED)
        segments.append((x, y, w, h, piece & ink[y : y + h, x : x + w]))
    segments.sort(key=lambda s: -s[2])

    width = diff.shape[1]
    top, bottom = np.full(width, np.inf), np.full(width, -np.inf)
    merged = np.zeros_like(ink)
    for x, y, w, h, piece in segments:
        here = slice(x, x + w)
        shared = np.isfinite(top[here])
        first, last = y + piece.argmax(axis=0), y + h - 1 - piece[::-1].argmax(axis=0)
        apart = np.maximum(first - bottom[here], top[here] - last)
        if shared.mean() > 0.5 and apart[shared].min() > sizes.gap:
            continue
        merged[y : y + h, here] |= piece
        top[here], bottom[here] = np.minimum(top[here], first), np.maximum(bottom[here], last)
    if not merged.any():
        return merged[:0, :0], slice(0, 0), slice(0, 0)
    x, y, w, h = cv2.boundingRect(merged)
    rows, columns = slice(y, y + h), slice(x, x + w)
    return merged[rows, columns].astype(bool), rows, columns


def darkest_per_column(diff: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the row (W,) float of the darkest masked pixel in each column of (H,W), NaN without one (step 5).

    Of equally dark pixels the middle one between the first and the last is taken. A plain argmin takes the
    topmost, which lengthens what points up and shortens what points down by a column's whole stroke.
    """
    within = np.where(mask, diff.astype(float), -1.0)
    first, last = within.argmax(axis=0), len(diff) - 1 - within[::-1].argmax(axis=0)
    return np.where(mask.any(axis=0), (first + last) / 2, np.nan)


def remove_drift(y: np.ndarray, per_second: float, cutoff_hz: float = HIGHPASS_HZ) -> np.ndarray:
    """Return a signal (n,) without what is slower than `cutoff_hz` (step 6), NaN where it was NaN.

    A second-order Butterworth run forth and back (no phase shift); gaps are bridged by straight lines for the
    filter only. `per_second` is the number of samples in a second. A signal with fewer samples than the
    filter needs only loses its median.
    """
    known = np.isfinite(y)
    if not known.any():
        return y.astype(float)
    index = np.arange(len(y))
    first, last = index[known][[0, -1]]
    inner = slice(first, last + 1)
    bridged = np.interp(index[inner], index[known], y[known])
    # The filter rings for about a period of its cutoff: that much is mirrored at either end.
    pad = min(round(per_second / cutoff_hz), len(bridged) - 1)
    result = np.full(len(y), np.nan)
    if pad < 12:
        result[inner] = bridged - np.median(bridged)
    else:
        sos = butter(2, cutoff_hz, "highpass", fs=per_second, output="sos")
        result[inner] = sosfiltfilt(sos, bridged, padlen=pad)
    result[~known] = np.nan
    return result


def classic_strip(
    crop: np.ndarray,
    sizes: ClassicSizes = STUDY_SIZES,
    center: float | None = None,
    reach: float | None = None,
    with_confidence: bool = False,
) -> "np.ndarray | tuple[np.ndarray, np.ndarray]":
    """Return the y px (W,) float of the trace in each column of a crop (H,W,3) RGB or (H,W), NaN where nothing is.

    Steps 1 to 5. `center` is the row where the strip's trace is expected (None = the middle) and `reach` how
    far from it, in px, the middle of a piece of its trace may lie (None = half of the height).
    `with_confidence` also returns (W,) in 0..1, how dark the chosen pixel is beside the darkest in the crop.
    """
    height, width = crop.shape[:2]
    center = (height - 1) / 2 if center is None else center
    reach = height / 2 if reach is None else reach
    y, confidence = np.full(width, np.nan), np.zeros(width)
    diff = difference(denoise(crop, sizes.denoise), sizes.background)
    mask, rows, columns = trace_mask(diff, sizes, center, reach)
    if mask.size:
        part = diff[rows, columns]
        y[columns] = rows.start + darkest_per_column(part, mask)
        confidence[columns] = np.where(mask, part, 0).max(axis=0) / max(int(diff.max()), 1)
    return (y, confidence) if with_confidence else y


def classic_digitize(
    flat_image: np.ndarray,
    strips: list,
    px_per_mm: float,
    speed: float = 25.0,
    highpass_hz: float | None = None,
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return (x_px, y_px, confidence), one value per pixel column, for each located strip of a flat page.

    `flat_image` (H,W,3) uint8 RGB at `px_per_mm`; `strips` have `row`, `x0`, `x1`, `baseline` in px; `speed` in
    mm/s. (baseline - y) / px_per_mm / gain is mV. `highpass_hz` (such as HIGHPASS_HZ) adds step 6, which takes
    the strip's level out and puts its baseline in its place. It is off because a strip of 2.5 s holds hardly
    more than one period of it: with it more of the ECG is lost than of the drift.
    """
    sizes = page_sizes(px_per_mm)
    height, width = flat_image.shape[:2]
    levels = {}
    for strip in strips:
        levels.setdefault(strip.row, []).append(strip.baseline)
    levels = {row: float(np.median(values)) for row, values in levels.items()}
    traces = []
    for strip in strips:
        others = [abs(y - strip.baseline) for row, y in levels.items() if row != strip.row]
        # With one row there is no neighbour to keep out; 40 mm is more than any QRS at 10 mm/mV.
        pitch = min(others, default=40.0 * px_per_mm)
        # Most of the way to the next row: tall complexes reach in there, the next row's line does not.
        top = max(0, round(strip.baseline - 0.85 * pitch))
        bottom = min(height, round(strip.baseline + 0.85 * pitch) + 1)
        left, right = max(0, round(strip.x0)), min(width, round(strip.x1) + 1)
        x = np.arange(left, max(left, right))
        crop = flat_image[top:bottom, left:right]
        if crop.size == 0:
            traces.append((x.astype(float), np.full(len(x), np.nan), np.zeros(len(x))))
            continue
        y, confidence = classic_strip(crop, sizes, strip.baseline - top, pitch / 2, with_confidence=True)
        y = y + top if highpass_hz is None else strip.baseline + remove_drift(y, px_per_mm * speed, highpass_hz)
        traces.append((x.astype(float), y, confidence))
    return traces


def classic_study_page(
    image: np.ndarray,
    leads: tuple,
    seconds: float = 10.0,
    name: str = "study",
    highpass_hz: float | None = HIGHPASS_HZ,
) -> Recording:
    """Read the study's own four-panel page (H,W,3) uint8 RGB into a Recording with one sample per pixel column.

    `leads` are the panels' leads from the top, `seconds` the time over which they are drawn; without `highpass_hz`
    each lead keeps its drift, and its ST segments. Raises ValueError unless there is one lead per panel.
    """
    if len(leads) != PANELS:
        raise ValueError(f"the four-panel page has {PANELS} leads, but {len(leads)} were named: {leads}")
    frame = panel_frame(seconds, image.shape[:2])
    half = image.shape[0] / PANELS / 2
    signal, confidence = [], []
    for baseline in frame.baselines:
        top, bottom = round(baseline - half), round(baseline + half)
        crop = image[top:bottom, frame.x0 :]
        y, sure = classic_strip(crop, STUDY_SIZES, with_confidence=True)
        above = half - y if highpass_hz is None else -remove_drift(y, frame.px_per_s, highpass_hz)
        signal.append(above / frame.px_per_mv)
        confidence.append(sure)
    return Recording(
        name=name,
        signal=np.asarray(signal, np.float32),
        fs=frame.px_per_s,
        leads=tuple(leads),
        confidence=np.asarray(confidence, np.float32),
        windows=dict.fromkeys(leads, (0.0, seconds)),
        provenance={"digitizer": "classic", "px_per_mv": frame.px_per_mv, "px_per_s": frame.px_per_s},
    )
