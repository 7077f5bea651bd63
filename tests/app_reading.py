"""A reading as the digitizer returns it, drawn from a real recording without any network, for the tests of the app."""

from dataclasses import replace
from functools import cache

import numpy as np

from ecgseg.app.relabel import renamed
from ecgseg.digitize.assemble.assemble import assemble
from ecgseg.digitize.assemble.verify import lead_quality, verify
from ecgseg.digitize.calibrate.calibration import Calibration
from ecgseg.digitize.digitizer import Reading
from ecgseg.digitize.flat.grid import FlatPage
from ecgseg.digitize.locate.locate import Located, LocatedStrip
from ecgseg.digitize.options import load_options
from ecgseg.errors import LayoutError
from ecgseg.layout import load_layout
from ecgseg.paths import DATA
from ecgseg.recording import Recording, read_wfdb

PX, TOP, PITCH, LEFT = 8.0, 160.0, 200.0, 80.0  # px


@cache
def heart() -> Recording:
    """Ten seconds of a recording of the package."""
    path = sorted(DATA.glob("ptbdb/*/*.hea"))[0]
    return read_wfdb(path, 0.0, 10.0).resample(500)


def reading(speed=25.0, gain=10.0, layout: str | None = None, px_per_mm: float | None = None) -> Reading:
    """Return a 3x4_1r page (or another layout) read perfectly, taken for printed at that speed and gain."""
    page = load_layout(layout or "3x4_1r")
    strips, traces = [], []
    for s in page.strips:
        x0, y = LEFT + 25 * PX * s.offset_s, TOP + PITCH * s.row
        # The paper is the same whatever it is taken for: at twice the speed the same line lasts half as long.
        factor = 25.0 / speed
        strips.append(
            LocatedStrip(s.lead, s.row, s.t0 * factor, s.t1 * factor, x0, x0 + 25 * PX * s.seconds, y, s.rhythm, s.sign)
        )
        mv = heart().lead(s.lead)[round(s.t0 * 500) : round(s.t1 * 500)]
        x = x0 + 25 * PX * np.arange(len(mv)) / 500
        traces.append((x, y - s.sign * mv * 10 * PX, np.full(len(mv), 0.999)))
    calibration = Calibration(speed, gain, how={"speed": "text", "gain": "pulse", "texts": [], "pulses": []})
    gains = {s.lead: gain for s in strips}
    recording = assemble(strips, traces, PX, speed, gains, fs=500, seconds=page.seconds * 25 / speed)
    recording.name, recording.quality, recording.warnings = "image", lead_quality(recording), verify(recording)
    recording.provenance |= {
        "software": "ecgseg",
        "versions": {"ecgseg": "0"},
        "weights": {},
        "scale": {"px_per_mm_x": px_per_mm or 7.9, "px_per_mm_y": 7.9, "how": "measured from the grid"},
        "speed_mm_s": speed,
        "gain_mm_mv": gain,
        "gains_mm_mv": {},
        "calibration": {"how": calibration.how},
        "layout": {
            "name": page.name,
            "confidence": 0.9,
            "agreement": 0.9,
            "how": "recognised" if layout is None else "digitize.layout",
        },
    }
    size = (round(TOP + PITCH * page.n_rows), round(2 * LEFT + 25 * PX * page.seconds), 3)
    flat = FlatPage(np.full(size, 255, np.uint8), PX, np.array([[1.0, 0, 0], [0, 1.0, 0]]), None)
    return Reading(recording, flat, Located(page, strips, 0.9), traces, calibration)


class FakeDigitizer:
    """Stands in for Digitizer: reads every picture as the page above, taken for what the options say; one that begins
    with green shows it twice, the second time with V1 and V2 exchanged."""

    read_so_far = 0

    def __init__(self, nets=None, options=None, device="cpu"):
        self.nets, self.options, self.device = nets, options or load_options(), device

    def read_all(self, picture) -> list[Reading]:
        type(self).read_so_far += 1
        if tuple(picture.pixels[0, 0]) == (255, 0, 0):
            raise LayoutError("no ECG was found here; look whether the page is complete")
        if tuple(picture.pixels[0, 0]) == (0, 0, 255):
            raise KeyError("Mrs Secret Name")
        given = self.options
        read = reading(given.speed or 25.0, given.gain or 10.0, given.layout, given.px_per_mm)
        readings = [replace(read, recording=replace(read.recording, provenance=dict(read.recording.provenance)))]
        if tuple(picture.pixels[0, 0]) == (0, 255, 0):
            readings.append(renamed(read, "I aVR V2 V4\nII aVL V1 V5\nIII aVF V3 V6\nII"))
        return readings
