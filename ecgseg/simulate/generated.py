"""Recordings by a generative network: Pulse2Pulse, out of the optional package deepfake-ecg (MIT) with its weights.

Thambawita et al., "DeepFake electrocardiograms using generative adversarial networks are the beginning of the end for
privacy issues in medicine", Scientific Reports 11 (2021) 21896. Mostly normal hearts, with the texture of real signals.
"""

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ecgseg.errors import RecordError
from ecgseg.recording import Recording
from ecgseg.simulate.leads import twelve

_FS = 500.0
_SAMPLES = 5000
# The network ends in tanh; the package's own scale to µV.
_MV = 6.0
# As many at once as keep a CPU's cache busy without filling its memory.
_BATCH = 8


def generated(rng: np.random.Generator, n: int) -> list[Recording]:
    """Return n recordings of 10 s at 500 Hz; the same generator state gives the same ones on the same machine.

    I + III = II and aVR + aVL + aVF = 0 hold exactly. The first and last 0.04 s are rougher than the rest: the network
    pads with zeros there. Raises RecordError where deepfake-ecg is not installed.
    """
    network, recordings = _network(), []
    for first in range(0, n, _BATCH):
        count = min(_BATCH, n - first)
        noise = torch.from_numpy(rng.uniform(-1, 1, (count, 8, _SAMPLES)).astype(np.float32))
        with torch.inference_mode():
            leads = _MV * network(noise).numpy().astype(np.float64)
        recordings += [
            Recording(f"generated_{first + k}", twelve(leads[k]), _FS, provenance={"source": "deepfake-ecg"})
            for k in range(count)
        ]
    return recordings


@lru_cache
def _network() -> torch.nn.Module:
    try:
        import deepfakeecg
    except ModuleNotFoundError as error:
        raise RecordError("deepfake-ecg is not installed; `pip install deepfake-ecg` brings it (38 MB)") from error
    with warnings.catch_warnings():  # it fills its layers by a torch function of an old name before loading them
        warnings.simplefilter("ignore", FutureWarning)
        network = deepfakeecg.Generator()
    weights = Path(deepfakeecg.__file__).parent / "checkpoints" / "g_stat.pt"
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["stat_dict"])
    return network.eval()
