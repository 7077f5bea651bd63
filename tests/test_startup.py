"""What starting costs: which libraries are imported, and that a network is the same on every runtime."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from ecgseg.errors import OptionError, WeightsError
from ecgseg.nets.runtime import KINDS, open_net, read_weights
from ecgseg.paths import EXAMPLES

TRAINING = ("segmentation_models_pytorch", "lightning", "timm", "transformers", "pandas", "neurokit2", "albumentations")


def imported(code: str) -> set[str]:
    """Return the top-level modules that a fresh Python has after running some code."""
    told = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{told}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_nothing_heavy():
    code = "from ecgseg.digitize.cli import parser; parser().format_help()"
    assert not imported(code) & {"numpy", "scipy", "cv2", "torch", "onnxruntime", "hydra", *TRAINING}


def test_the_digitizer_on_the_cpu_needs_neither_torch_nor_the_training():
    code = "from ecgseg.digitize.digitizer import Digitizer; Digitizer.from_pretrained(device='cpu')"
    found = imported(code)
    assert "onnxruntime" in found
    assert not found & {"torch", "matplotlib", *TRAINING}


def test_torch_runs_the_networks_without_the_training():
    found = imported("from ecgseg.nets.runtime import open_net\nfor kind in ('strip', 'page', 'name', 'grid'):\n"
                     "    open_net(kind, runtime='torch')")  # fmt: skip
    assert "torch" in found
    assert not found & {"matplotlib", *TRAINING}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A piece of a scanned page, (448, 512, 3)."""
    found = cv2.imread(str(EXAMPLES / "scan_90037.png"))[..., ::-1]
    return np.ascontiguousarray(found[600:1048, 300:812])


def outputs(kind: str, net, picture: np.ndarray) -> list[np.ndarray]:
    if kind == "strip":
        columns = net.columns(np.stack([picture, picture[::-1]]))
        return [columns.y, columns.mass, columns.spread, columns.ink, columns.joined]
    if kind == "name":
        return [net.names(np.stack([picture[k : k + 56, 40:184] for k in (0, 100, 200)]))]
    return net.maps(picture) if kind == "page" else net.cells(picture)


@pytest.mark.parametrize("kind", KINDS)
def test_every_runtime_gives_what_the_trained_module_gives(kind, picture):
    from ecgseg.nets.runtime import usable
    from ecgseg.nets.weights import load_net

    wanted = outputs(kind, usable(load_net(kind=kind)[0]), picture)
    for runtime in ("onnx", "torch"):
        for found, right in zip(outputs(kind, open_net(kind, runtime=runtime), picture), wanted, strict=True):
            assert found.shape == right.shape
            # Where ink is within rounding of a threshold, a trace may break there or not: a few columns may differ.
            assert (np.abs(found - right) < 2e-3).mean() > 0.999, runtime


def test_weights_of_another_network_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"pagenet\.safetensors"):
        open_net("strip", read_file("page"))
    with pytest.raises(OptionError, match="computes on the CPU"):
        open_net("page", device="cuda", runtime="onnx")


def read_file(kind: str):
    from ecgseg.nets.runtime import DEFAULTS

    return DEFAULTS[kind]


def test_an_encoder_that_is_not_drawn_names_the_way_out(monkeypatch):
    from ecgseg.nets import runtime

    state, about = read_weights(None, "strip")
    other = {**about, "config": {**about["config"], "encoder": "tu-mobilenetv3_small_050"}}
    monkeypatch.setattr(runtime, "read_weights", lambda path, kind: (state, other))
    with pytest.raises(WeightsError, match=r"digitize\.runtime=torch"):
        open_net("strip", runtime="onnx")


def test_the_fast_reading_is_a_config_of_known_options():
    from ecgseg.digitize.options import load_options
    from ecgseg.overrides import compose

    usual, fast = (load_options(**compose("infer", over)["digitize"]) for over in ([], ["digitize=fast"]))
    assert usual.read_apart and not fast.read_apart and fast.row_mm < usual.row_mm
    with pytest.raises(OptionError, match="24 to 80 mm high"):
        load_options(row_mm=20)
    with pytest.raises(OptionError, match="true or false"):
        load_options(look_again="no")


def test_what_touches_the_border_is_left_out_where_it_is_not_read_again():
    from ecgseg.digitize.trace.trace import Span, read_rows
    from ecgseg.nets.columns import Columns

    class Strip:
        about = None

        def columns(self, crops):
            y = np.full((len(crops), 4 * crops.shape[2]), crops.shape[1] / 2)
            y[:, 400:500] = 2.0
            return Columns(y, *(np.ones_like(y) for _ in range(4)))

    found = read_rows(Strip(), np.full((600, 800, 3), 255, np.uint8), [Span(300.0, 100.0, 700.0)], 288, again=False)
    beside = 48  # 1.5 mm of four positions a pixel
    assert np.all(found.mass[0, 400 - beside : 500 + beside] == 0)
    assert np.all(found.mass[0, : 400 - beside] == 1) and np.all(found.mass[0, 500 + beside :] == 1)
