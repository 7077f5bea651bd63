"""The original study's pages: four leads stacked beside an empty third, or 15 rows, each with its mask.

Both the 1 px trace and the 2 px mask are drawn from the same whole-pixel points by `cv2.drawContours`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ecgseg.layout import LEADS
from ecgseg.render.draw.stepped import draw_stepped
from ecgseg.render.printed.scene import centred

PAGE_WIDTH, PAGE_HEIGHT = 1970, 960
PANELS = 4
# The 15-row plot: the twelve leads and the three Frank leads that some records also have.
STACK_LEADS = (*LEADS, "vx", "vy", "vz")
TRACE_PX, MASK_PX = 1, 2


@dataclass
class StudyPage:
    """A page of the study and its truth, in pixels with centres at whole numbers.

    `image` (H,W,3) uint8 RGB; `mask` (H,W) uint8, 255 on the traces; `points` lead -> (n,2) float64 exact
    (x, y) per sample, y NaN where the recording is; `baselines` lead -> y of 0 mV; `warnings` say what was
    not drawn, or not wholly.
    """

    image: np.ndarray
    mask: np.ndarray
    points: dict[str, np.ndarray]
    px_per_mv: float
    px_per_s: float
    baselines: dict[str, float]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class StudyFrame:
    """Where a study page puts its rows: their baselines (y px), the first column, px per second and per mV."""

    baselines: tuple[float, ...]
    x0: int
    px_per_s: float
    px_per_mv: float


def panel_frame(seconds: float, shape: tuple[int, int] = (PAGE_HEIGHT, PAGE_WIDTH)) -> StudyFrame:
    """Return the frame of the four-panel page: right two thirds, `seconds` wide, 1 mV = a tenth of its height."""
    height, width = shape
    return _frame(seconds, shape, PANELS, x0=round(width / 3), px_per_mv=height / 10)


def stack_frame(seconds: float, shape: tuple[int, int] = (PAGE_HEIGHT, PAGE_WIDTH)) -> StudyFrame:
    """Return the frame of the 15-row plot: the whole width, and 1 mV = half of the distance between rows."""
    rows = len(STACK_LEADS)
    return _frame(seconds, shape, rows, x0=0, px_per_mv=shape[0] / rows / 2)


def _frame(seconds: float, shape: tuple[int, int], rows: int, x0: int, px_per_mv: float) -> StudyFrame:
    if not seconds > 0:
        raise ValueError(f"a page of {seconds} s cannot be drawn; give a recording with samples in it")
    height, width = shape
    baselines = tuple((row + 0.5) * height / rows for row in range(rows))
    # The last column is width - 1: pixel centres are at whole numbers.
    return StudyFrame(baselines, x0, (width - 1 - x0) / seconds, px_per_mv)


def panel_page(recording, leads=None, background=None, ink=(0, 0, 0), seconds: float = 10.0) -> StudyPage:
    """Draw the study's four-panel page, 1970 x 960 px: four leads stacked in the right two thirds.

    `recording` is a Recording, of which the first `seconds` are drawn (all of it if it is shorter); `leads` are
    four of its leads (None = its first four); `background` is (960,1970,3) uint8 (None = white); `ink` is
    RGB. Each lead is drawn with its median at 0 mV. Raises ValueError for a lead that is not in the
    recording or a background of another size.
    """
    leads = tuple(recording.leads[:PANELS] if leads is None else leads)
    if len(leads) != PANELS:
        raise ValueError(f"the four-panel page takes {PANELS} leads, but got {len(leads)}: {leads}")
    if missing := [lead for lead in leads if lead not in recording.leads]:
        raise ValueError(f"the recording has no lead {', '.join(missing)}; it has {recording.leads}")
    signal = excerpt(recording, seconds)
    frame = panel_frame(signal.shape[1] / recording.fs)
    return _draw_page(recording, signal, dict(zip(leads, frame.baselines, strict=True)), frame, background, ink, [])


def stacked_page(recording, background=None, ink=(0, 0, 0), seconds: float = 10.0) -> StudyPage:
    """Draw the study's 15-row plot: each lead in its own row over the full width of 1970 x 960 px.

    `recording` is a Recording, or anything with `signal`, `fs` and `leads` that also has the Frank leads. The
    rows of leads that it lacks (vx, vy and vz in a 12-lead one) stay empty, and `warnings` names them. Raises
    ValueError if it has none of the 15 leads or the background is of another size.
    """
    signal = excerpt(recording, seconds)
    frame = stack_frame(signal.shape[1] / recording.fs)
    rows = dict(zip(STACK_LEADS, frame.baselines, strict=True))
    present = {lead: y for lead, y in rows.items() if lead in recording.leads}
    if not present:
        raise ValueError(f"the recording has the leads {recording.leads}, none of {STACK_LEADS}")
    warnings = []
    if missing := [lead for lead in rows if lead not in present]:
        warnings.append(f"drew {len(present)} of {len(rows)} rows: the recording has no {', '.join(missing)}")
    return _draw_page(recording, signal, present, frame, background, ink, warnings)


def excerpt(recording, seconds: float) -> np.ndarray:
    """Return the first `seconds` of a recording's leads (n_leads,n) float64 mV, each with its median at 0."""
    signal = np.asarray(recording.signal, np.float64)[:, : round(seconds * recording.fs)]
    return centred(signal) if signal.size else signal


def trace_points(signal: np.ndarray, fs: float, frame: StudyFrame, baseline: float) -> np.ndarray:
    """Return the exact trace (n,2) float64 px of a signal (n,) in mV; NaN samples keep their x."""
    x = frame.x0 + np.arange(len(signal)) / fs * frame.px_per_s
    return np.stack([x, baseline - np.asarray(signal, np.float64) * frame.px_per_mv], axis=1)


def study_mask(
    points: "Mapping[str, np.ndarray] | Iterable[np.ndarray] | np.ndarray", shape: tuple[int, ...]
) -> np.ndarray:
    """Return the mask (H,W) uint8 of one or more traces: each polyline 2 px wide, 255 on 0, at page size.

    `points` is lead -> (n,2), a list of such arrays, or one array, in px (x, y); a NaN breaks the line.
    `shape` is the page's (H,W) or (H,W,3).
    """
    if isinstance(points, Mapping):
        points = points.values()
    elif isinstance(points, np.ndarray) and points.ndim == 2:
        points = [points]
    mask = np.zeros(tuple(shape[:2]), np.uint8)
    for trace in points:
        draw_stepped(mask, trace, 255, MASK_PX)
    return mask


def _draw_page(recording, signal, rows: dict, frame: StudyFrame, background, ink, warnings: list) -> StudyPage:
    shape = (PAGE_HEIGHT, PAGE_WIDTH, 3)
    image = np.full(shape, 255, np.uint8) if background is None else np.array(background)
    if image.shape != shape or image.dtype != np.uint8:
        raise ValueError(f"the background is {image.shape} {image.dtype}; give {shape} uint8")
    points = {}
    for lead, baseline in rows.items():
        trace = trace_points(signal[recording.leads.index(lead)], recording.fs, frame, baseline)
        points[lead] = trace
        draw_stepped(image, trace, ink, TRACE_PX)
        if ((trace[:, 1] < 0) | (trace[:, 1] > PAGE_HEIGHT - 1)).any():
            warnings.append(f"lead {lead} leaves the page at {frame.px_per_mv:g} px/mV and is cut there")
    mask = study_mask(points, shape)
    return StudyPage(image, mask, points, frame.px_per_mv, frame.px_per_s, dict(rows), warnings)
