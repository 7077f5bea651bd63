"""A recording redrawn on mm paper as a picture, at 25 mm/s and 10 mm/mV."""

import numpy as np

from ecgseg.output import report_ecg
from ecgseg.recording import Recording

DPI = 150  # fine enough that 1 mm lines stay apart on a screen
PITCH_MM = 22.0  # between rows; on a page they usually lie 20 to 25 mm apart
EDGE_MM = 2.0


def redraw(recording: Recording) -> np.ndarray:
    """Return the picture, (H, W, 3) uint8 RGB: gaps as gaps, what was read with low confidence pale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pieces = report_ecg.arrange(recording)
    across, down = report_ecg.size_mm(recording, pieces, PITCH_MM)
    width, height = across + 2 * EDGE_MM, down + 2 * EDGE_MM
    figure = Figure(figsize=(width / 25.4, height / 25.4), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    report_ecg.draw(axes, recording, pieces, (EDGE_MM, EDGE_MM, EDGE_MM + across, EDGE_MM + down))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
