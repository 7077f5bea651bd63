"""The networks in 8-bit whole numbers: exact enough, and in single precision where their ranges are not known."""

import shutil

import cv2
import numpy as np
import pytest

from ecgseg.errors import WeightsError
from ecgseg.nets.int8 import RANGES, Int8Graph
from ecgseg.nets.onnx_graph import Graph
from ecgseg.nets.ranges import add_ranges, main
from ecgseg.nets.runtime import DEFAULTS, file_digest, open_net, read_weights, session
from ecgseg.paths import EXAMPLES

PX_PER_MM = 8


@pytest.fixture(scope="module")
def row() -> np.ndarray:
    """A row of the scan that comes with the package, (448, 1024, 3) at 8 px/mm."""
    found = cv2.imread(str(EXAMPLES / "scan_90037.png"))[..., ::-1]
    return np.ascontiguousarray(found[600:1048, 300:1324])


def test_a_trace_is_where_single_precision_sees_it(row):
    exact, rounded = (open_net("strip", runtime=runtime).columns(row[None]) for runtime in ("onnx", "int8"))
    sure = exact.mass[0] > 0.9
    off = np.abs(exact.y - rounded.y)[0][sure] / PX_PER_MM
    assert sure.mean() > 0.5
    assert np.median(off) < 0.005 and np.mean(off > 0.1) < 0.01
    assert np.abs(exact.mass - rounded.mass).mean() < 0.01


def test_a_page_is_seen_as_in_single_precision(row):
    exact, rounded = (open_net("page", runtime=runtime).maps(row) for runtime in ("onnx", "int8"))
    for one, other in zip(exact, rounded, strict=True):
        assert np.abs(one - other).mean() < 0.01


def test_eight_bits_are_the_usual_way_on_the_cpu():
    kinds = ("strip", "page", "name", "grid")
    assert [open_net(kind).runtime for kind in kinds] == ["int8", "int8", "onnx", "onnx"]
    assert open_net("strip", runtime="onnx").runtime == "onnx"


def test_a_layer_is_exact_to_the_steps_of_its_range():
    rng = np.random.default_rng(0)
    state = {"a.weight": rng.normal(size=(5, 4, 3, 3)), "a.bias": rng.normal(size=5)}
    state |= {"b.weight": rng.normal(size=(3, 5, 1, 1)), "b.bias": rng.normal(size=3)}

    def run(g: Graph, image):
        x = g.join(g.input("x", np.float32, [1, 4, "h", "w"]))
        return session(g.model({"y": g.conv(g.conv(x, "a", relu=True), "b")}))({"x": image})[0]

    image = rng.uniform(-1, 1, (1, 4, 20, 20)).astype(np.float32)
    exact = run(Graph(state), image)
    rounded = run(Int8Graph(state, np.array([[-1, 1], [0, 12], [np.nan, np.nan]])), image)
    assert 0 < np.abs(exact - rounded).max() < 0.05 * np.abs(exact).max()
    # A range that is too small cuts off what lies beyond it.
    cut = run(Int8Graph(state, np.array([[-1, 1], [0, 0.5], [np.nan, np.nan]])), image)
    assert np.abs(exact - cut).max() > 0.2 * np.abs(exact).max()


def test_weights_without_ranges_run_in_single_precision_until_they_are_measured(tmp_path, row):
    path = tmp_path / "mine.safetensors"
    shutil.copy(DEFAULTS["strip"], path)
    shipped = read_weights(path, "strip")[0][RANGES]
    strip_ranges(path)
    assert open_net("strip", path).runtime == "onnx"
    digest = add_ranges(path, "strip", [row, row[:, ::-1]])
    assert digest == file_digest(path) == (tmp_path / "mine.safetensors.sha256").read_text().split()[0]
    state, about = read_weights(path, "strip")
    assert open_net("strip", path).runtime == "int8" and about["config"] == read_weights(None, "strip")[1]["config"]
    assert state[RANGES].shape == shipped.shape and np.all(state[RANGES][:, 0] <= state[RANGES][:, 1])


def test_ranges_of_another_network_are_refused(tmp_path):
    path = tmp_path / "mine.safetensors"
    shutil.copy(DEFAULTS["strip"], path)
    for count in (3, 60):
        strip_ranges(path, {RANGES: np.zeros((count, 2), np.float32)})
        with pytest.raises(WeightsError, match=f"{count} ranges for .* layers.*runtime=onnx"):
            open_net("strip", path)
    assert open_net("strip", path, runtime="onnx").runtime == "onnx"


def test_a_file_that_holds_no_network_is_one_line(tmp_path, capsys):
    assert main(["strip", str(tmp_path / "nothing.safetensors"), "--pictures", "1"]) == 2
    assert "no weights at" in capsys.readouterr().err


def strip_ranges(path, instead=None) -> None:
    """Write a weights file anew without its ranges, or with others."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, "np") as file:
        metadata = file.metadata()
        state = {key: file.get_tensor(key) for key in file.keys() if key != RANGES}
    save_file(state | (instead or {}), path, metadata)
