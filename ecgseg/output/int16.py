"""mV as 16-bit integers, with one value kept for samples that are not there."""

import numpy as np

from ecgseg.errors import RecordError

MISSING = -32768  # outside the range of samples, so no sample can be taken for a gap or a gap for a sample
STEPS_UV = (0.5, 1, 2, 5, 10, 20, 50, 100)  # 0.5 µV is as fine as PTB's own files and holds ±16 mV


def quantise(signal: np.ndarray) -> tuple[float, np.ndarray]:
    """Return (step in µV, int16 of the signal's shape) for a signal in mV; what is not finite becomes MISSING.

    The step is the finest of STEPS_UV that holds the largest swing. Raises RecordError above 3.2 V.
    """
    known = np.isfinite(signal)
    peak_uv = 1e3 * float(np.max(np.abs(signal, dtype=np.float64), initial=0.0, where=known))
    step = next((s for s in STEPS_UV if round(peak_uv / s) <= 32767), None)
    if step is None:
        raise RecordError(f"the signal reaches {peak_uv / 1e6:.3g} V; an ECG stays below 0.1 V: check gain and scale")
    counts = np.rint(np.where(known, signal, 0.0).astype(np.float64) * (1e3 / step))
    return step, np.where(known, counts, MISSING).astype(np.int16)
