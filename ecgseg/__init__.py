"""ecgseg: a picture of an ECG on paper in, a calibrated recording out. A research tool, not a medical device."""

import os
from importlib import import_module

# ONNX Runtime's own packages send events to their maker unless this is set; a patient's page is nobody's business.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_PUBLIC = {"Digitizer": "ecgseg.digitize.digitizer", "Recording": "ecgseg.recording"}


def __getattr__(name: str):
    """Import the public classes on first use, so that `import ecgseg` costs nothing."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'ecgseg' has no attribute '{name}'; it offers {', '.join(_PUBLIC)}")
