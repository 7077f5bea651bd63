"""What people bring by mistake, through the real command line: a plain sentence each, and the rest goes on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from ecgseg.nets.stripnet import StripNet  # noqa: E402
from ecgseg.nets.weights import save_net  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def landscape() -> np.ndarray:
    """A picture of something else: sky, hills and a fence, (900, 1200, 3) uint8."""
    y, x = np.mgrid[:900, :1200].astype(float)
    image = np.stack([120 + y / 12, 160 + y / 15, 235 - y / 20], axis=2)
    image[y > 500 + 60 * np.sin(x / 150) + 25 * np.sin(x / 41)] = (70, 120, 50)
    image[(np.abs(x - 900) < 14) & (y > 380)] = (90, 60, 40)
    image += np.random.default_rng(0).normal(0, 9, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """Run the command line once over all of them; returns (exit code, stdout, stderr, output folder)."""
    folder = tmp_path_factory.mktemp("brought")
    (folder / "empty").mkdir()
    good = np.full((300, 400, 3), 255, np.uint8)
    Image.fromarray(good).save(folder / "whole.png")
    data = (folder / "whole.png").read_bytes()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8)).save(folder / "noise.png")
    (folder / "corrupt.png").write_bytes((folder / "noise.png").read_bytes()[:20_000])
    (folder / "header.png").write_bytes(data[:12])
    (folder / "text.png").write_text("This is a letter to the clinic, not a picture.\n" * 20)
    (folder / "nothing.png").write_bytes(b"")
    Image.fromarray(landscape()).save(folder / "photo.jpg", quality=85)
    Image.new("RGB", (1, 1), "white").save(folder / "one.png")
    Image.new("1", (20_000, 20_000), 1).save(folder / "huge.png")
    weights = folder / "random.safetensors"
    torch.manual_seed(0)
    save_net(StripNet(), weights)
    names = [
        "corrupt.png",
        "header.png",
        "text.png",
        "nothing.png",
        "empty",
        "photo.jpg",
        "one.png",
        "huge.png",
    ]
    names += ["whole.png", "noise.png", "missing.png"]
    command = [sys.executable, "infer.py", *(str(folder / n) for n in names), "--out", str(folder / "out")]
    # One after the other, with a sentence each: of more than 8 files an archive tells in its failures.csv.
    command += [f"digitize.weights={weights}", "archive.above=100"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr, folder


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("corrupt.png", "damaged or cut off"),
        ("header.png", "header is damaged"),
        ("text.png", "is a text file, not a picture"),
        ("nothing.png", "is empty"),
        ("empty", "no pictures in this folder; expected .png"),
        ("photo.jpg", "no grid found"),
        ("one.png", "has 1×1 pixels; an ECG needs at least 64"),
        ("huge.png", "has 20000×20000 pixels (400 million), more than the limit of 100 million"),
        ("whole.png", "no grid found: nowhere in the picture is paper with a grid"),
        ("noise.png", "no grid found"),
        ("missing.png", "no such file"),
    ],
)
def test_each_is_named_with_its_reason(failed, name, expected):
    _, _, errors, folder = failed
    lines = [line for line in errors.splitlines() if line.startswith(f"failed: {folder / name}")]
    assert len(lines) == 1, errors
    assert expected in lines[0]
    assert len(lines[0]) < 120 + 500


def test_nothing_else_is_said_and_nothing_written(failed):
    code, printed, errors, folder = failed
    assert code == 1
    assert "Traceback" not in errors and "unexpected" not in errors
    assert "written to" not in printed
    assert list((folder / "out").iterdir()) == []
