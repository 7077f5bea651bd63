"""A recording redrawn on mm paper at true scale, 25 mm/s and 10 mm/mV: where each strip goes, and its lines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgseg.layout import LEADS, load_layout
from ecgseg.plot import runs
from ecgseg.recording import Recording

SPEED, GAIN = 25.0, 10.0  # mm/s, mm/mV: what everyone is used to, whatever the page was printed at
PULSE_MM = 8.0  # left of each row, for the calibration pulse
LABEL_MM, LABEL_UP_MM = 2.6, 8.0  # size of a lead's name, and how far above the zero line it stands
FAR_MM = 40.0  # room that one tall complex may take above the first or below the last row
FINE, COARSE = "#f7d4d0", "#eaa9a2"
INK, PALE, SEPARATOR = "#111111", "#9db4cf", "#777777"
TRACE_MM, FINE_MM, COARSE_MM = 0.22, 0.06, 0.14
USUAL = "3x4_1r"


@dataclass(frozen=True)
class Piece:
    """One strip of the redrawn ECG: a lead from t0 to t1 s of the recording, `offset_s` of paper into its row."""

    lead: str
    row: int
    t0: float
    t1: float
    offset_s: float


def arrange(recording: Recording) -> list[Piece]:
    """Return the strips as they lay on the page; without a page, the usual 3x4 with a rhythm strip, or a row a lead.

    The usual arrangement is taken for twelve leads of 10 s that were not read from a page; it shows a part of each.
    """
    strips = recording.provenance.get("strips") or []
    rows = sorted({s["row"] for s in strips})
    if strips and {s["lead"] for s in strips} >= {lead for lead in recording.leads if _present(recording, lead)}:
        return [p for k, row in enumerate(rows) for p in _side_by_side(k, [s for s in strips if s["row"] == row])]
    if set(recording.leads) == set(LEADS) and 9.9 <= recording.seconds <= 10.1:
        return [Piece(s.lead, s.row, s.t0, s.t1, s.offset_s) for s in load_layout(USUAL).strips]
    return [Piece(lead, k, 0.0, recording.seconds, 0.0) for k, lead in enumerate(recording.leads)]


def size_mm(recording: Recording, pieces: Sequence[Piece], pitch: float) -> tuple[float, float]:
    """Return width and height in mm, in whole 5 mm, of the drawn rows with their pulses at a distance of `pitch` mm."""
    seconds = max((p.offset_s + p.t1 - p.t0 for p in pieces), default=0.0)
    above, below = _reach(recording, pieces)
    return _up_to_5(PULSE_MM + SPEED * seconds), _up_to_5(above + pitch * (_rows(pieces) - 1) + below)


def draw(axes, recording: Recording, pieces: Sequence[Piece], box: tuple[float, float, float, float]) -> None:
    """Draw grid, pulses, names and traces into `box` (left, top, right, bottom) of axes in mm, y downwards.

    Gaps stay gaps; where the confidence is below 0.5 the line is pale. Swings of more than FAR_MM beyond the first
    and last row are cut off at the box.
    """
    left, top, _, bottom = box
    _grid(axes, box)
    clip = _clip(axes, box)
    above, below = _reach(recording, pieces)
    rows = _rows(pieces)
    pitch = (bottom - top - above - below) / max(1, rows - 1)
    baselines = [top + above + pitch * k for k in range(rows)]
    for y in baselines:
        _line(axes, np.array([(1, 0), (2, 0), (2, -GAIN), (6, -GAIN), (6, 0), (7, 0)]) + (left, y), INK, clip)
    for piece in pieces:
        x, y = left + PULSE_MM + SPEED * piece.offset_s, baselines[piece.row]
        if piece.offset_s:
            _line(axes, np.array([(x, y - 4), (x, y - 1.5)]), SEPARATOR, clip)
        for points, doubtful in _lines(recording, piece):
            _line(axes, points * (SPEED, -GAIN) + (x, y), PALE if doubtful else INK, clip)
        label = axes.text(x + 0.8, y - LABEL_UP_MM, piece.lead, fontsize=LABEL_MM / 25.4 * 72, color=INK, va="center")
        # Under the traces: a name must not hide a complex.
        label.set(zorder=2, weight="bold", bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.3})


def _rows(pieces: Sequence[Piece]) -> int:
    return 1 + max((p.row for p in pieces), default=0)


def _reach(recording: Recording, pieces: Sequence[Piece]) -> tuple[float, float]:
    """Return how many mm the first row reaches above its zero line, at least its pulse, and the last one below."""
    first, last = (
        np.concatenate([[0.0], *(_samples(recording, p)[0] for p in pieces if p.row == row)])
        for row in (0, _rows(pieces) - 1)
    )
    above = max(GAIN * float(np.nanmax(first)), GAIN) + 1.5
    below = max(-GAIN * float(np.nanmin(last)), GAIN / 2) + 1.5
    return min(above, FAR_MM), min(below, FAR_MM)


def _up_to_5(mm: float) -> float:
    return 5.0 * float(np.ceil(mm / 5))


def _side_by_side(row: int, strips: list[dict]) -> list[Piece]:
    """Return the strips of one row, each right of the one before it, whether they follow in time or not."""
    pieces, offset = [], 0.0
    for strip in sorted(strips, key=lambda s: s["x0"]):
        pieces.append(Piece(strip["lead"], row, strip["t0"], strip["t1"], offset))
        offset += strip["t1"] - strip["t0"]
    return pieces


def _present(recording: Recording, lead: str) -> bool:
    return bool(np.isfinite(recording.lead(lead)).any())


def _lines(recording: Recording, piece: Piece) -> list[tuple[np.ndarray, bool]]:
    """Return runs of (s from the piece's start, mV), each with whether it is doubtful."""
    mv, sure = _samples(recording, piece)
    return runs(np.arange(len(mv)) / recording.fs, mv, sure)


def _samples(recording: Recording, piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    """Return a piece's mV and confidence, both empty where the recording does not have its lead."""
    if piece.lead not in recording.leads:
        return np.zeros(0), np.zeros(0)
    first, last = (round(t * recording.fs) for t in (piece.t0, piece.t1))
    mv = recording.lead(piece.lead)[first:last]
    if recording.confidence is None:
        return mv, np.ones(len(mv))
    return mv, recording.confidence[recording.leads.index(piece.lead)][first:last]


def _grid(axes, box: tuple[float, float, float, float]) -> None:
    """Draw 1 mm lines and, over them, 5 mm lines, counted from the box's left and top edges."""
    from matplotlib.collections import LineCollection

    left, top, right, bottom = box
    for step, colour, width in ((1, FINE, FINE_MM), (5, COARSE, COARSE_MM)):
        xs, ys = np.arange(left, right + 0.01, step), np.arange(top, bottom + 0.01, step)
        lines = [[(x, top), (x, bottom)] for x in xs] + [[(left, y), (right, y)] for y in ys]
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width / 25.4 * 72, zorder=0))


def _clip(axes, box: tuple[float, float, float, float]):
    from matplotlib.patches import Rectangle

    left, top, right, bottom = box
    return axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec=COARSE, lw=0.4))


def _line(axes, points: np.ndarray, colour: str, clip) -> None:
    """Draw a line through points (n, 2) in mm."""
    width = TRACE_MM / 25.4 * 72
    (line,) = axes.plot(points[:, 0], points[:, 1], color=colour, lw=width, solid_joinstyle="round", zorder=3)
    line.set_clip_path(clip)
