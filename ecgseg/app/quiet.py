"""What keeps the libraries under the page from telling anyone anything."""

import os

SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime's own packages send events to Microsoft unless this is set
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}


def be_quiet() -> None:
    """Set the variables that turn telemetry off; they count only before those libraries are imported."""
    os.environ.update(SILENT)
