"""What a recording tells of how it was read, and the clock of its steps."""

import platform
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter

import numpy as np

from ecgseg.digitize.options import Options

HOW = {
    "measured": "measured from the grid",
    "followed": "measured from the grid, followed over bent paper",
    "given": "given as digitize.px_per_mm",
    "pulse and text": "no grid: calibration pulses and the printed gain",
    "pulse": "no grid: calibration pulses",
    "text": "no grid: the length of the rows and the printed speed",
    "dpi": "no grid: the dpi that the file tells",
}


class Clock:
    """Adds the seconds since the last lap to what is under each step's name."""

    def __init__(self, laps: dict[str, float]):
        self.laps, self.last = laps, perf_counter()

    def resume(self) -> None:
        """Count from now on, not what was done meanwhile."""
        self.last = perf_counter()

    def lap(self, step: str) -> None:
        now = perf_counter()
        self.laps[step], self.last = self.laps.get(step, 0.0) + now - self.last, now


def provenance(nets, opt: Options, device: str, shape, page, seconds: dict) -> dict:
    """Return what a recording tells of how it was read: weights, scale, speed, gain, layout, and what each is from.

    nets, opt and device are the digitizer's, `shape` the picture's (h, w), `page` the record as it was read,
    `seconds` those of each step.
    """
    grid, located, calibration = page.flat.grid, page.located, page.calibration
    return {
        "software": "ecgseg",
        "versions": versions(),
        "weights": nets.about,
        "device": device,
        "runtime": getattr(nets.strip, "runtime", "torch"),
        "method": opt.method,
        "image": {"width": int(shape[1]), "height": int(shape[0])},
        "scale": {
            "how": HOW[grid.source],
            "px_per_mm_x": float(grid.px_per_mm_x),
            "px_per_mm_y": float(grid.px_per_mm_y),
            "angle_deg": float(grid.angle_deg),
            "turned_deg": 90 * page.flat.turns,
            "confidence": float(grid.confidence),
            "residual_mm": float(grid.residual_mm) if np.isfinite(grid.residual_mm) else None,
        },
        "speed_mm_s": float(calibration.speed),
        "gain_mm_mv": float(calibration.gain),
        "gains_mm_mv": {group: float(gain) for group, gain in calibration.gains.items()},
        "calibration": {
            "how": calibration.how,
            "speed_confidence": float(calibration.speed_confidence),
            "gain_confidence": float(calibration.gain_confidence),
        },
        "layout": {
            "name": located.layout.name if located.layout else "unnamed",
            "timing": located.layout.timing if located.layout else "consecutive",
            "confidence": float(located.confidence),
            "agreement": page.agreement,
            "names_agreeing": located.names_agreeing,
            "names_contradicting": located.names_contradicting,
            "how": "recognised" if opt.layout is None else "digitize.layout",
        },
        "step_seconds": {step: round(s, 3) for step, s in seconds.items()},
    }


def versions() -> dict[str, str]:
    """Return the versions of what made a recording; `not installed` for a package run from its folder."""
    found = {"python": platform.python_version()}
    for package in ("ecgseg", "torch", "onnxruntime", "numpy", "opencv-python-headless"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
