"""python -m ecgseg.render: pages, masks and truth files, from whatever names recordings."""

import json

import cv2
import numpy as np
import pytest
import wfdb
from PIL import Image

from ecgseg.layout import LEADS
from ecgseg.render import cli
from ecgseg.testpages import read_truth

SMALL = ["dpi=60"]


def run(*arguments) -> int:
    return cli.main([str(a) for a in arguments])


def test_one_record_becomes_a_page_with_mask_and_truth(tmp_path, capsys):
    out = tmp_path / "page.png"
    assert run("s0462_re", "-o", out, "layout=6x2", "noise=photo", "seed=7", *SMALL) == 0
    image, mask = np.asarray(Image.open(out)), cv2.imread(str(tmp_path / "page.mask.png"), cv2.IMREAD_GRAYSCALE)
    assert image.ndim == 3 and mask.shape == image.shape[:2] and mask.max() > 100
    assert Image.open(out).info["dpi"][0] == pytest.approx(60, abs=1)
    with np.load(tmp_path / "page.npz") as file:
        truth = dict(file)
    about = json.loads(str(truth["meta"]))
    assert about["layout"].startswith("6x2") and about["noise"] == "photo" and about["seed"] == 7
    assert len(truth["points"]) == len(truth["visible"]) == len(truth["points_strip"])
    assert truth["points_strip"].max() + 1 == len(about["strips"])
    assert truth["label_corners"].shape == (len(about["labels"]), 4, 2)
    seen = truth["points"][truth["visible"]]
    at = np.rint(seen).astype(int)
    assert (mask[at[:, 1], at[:, 0]] > 30).mean() > 0.98


def test_the_truth_file_is_what_evaluation_reads(tmp_path):
    assert run("s0462_re", "-o", tmp_path / "a.png", "noise=scan", *SMALL) == 0
    variant, leads = read_truth(tmp_path / "a.npz")
    assert variant == "scan" and {p.lead for p in leads} == set(LEADS)
    assert next(p for p in leads if p.lead == "II").t1 == pytest.approx(10, abs=0.1)


def test_strips_of_a_row_may_begin_together(tmp_path):
    for timing, start in (("consecutive", 7.5), ("simultaneous", 0.0)):
        assert run("s0462_re", "-o", tmp_path / f"{timing}.png", f"timing={timing}", *SMALL) == 0
        _, leads = read_truth(tmp_path / f"{timing}.npz")
        v4 = next(p for p in leads if p.lead == "V4")
        assert v4.t0 == pytest.approx(start, abs=0.01) and v4.t1 - v4.t0 == pytest.approx(2.5, abs=0.1)


def test_same_seed_same_bytes_other_seed_other_page(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert run("simulated", "-o", tmp_path / f"{name}.png", "noise=mixed", f"seed={seed}", *SMALL) == 0
    for end in (".png", ".mask.png", ".npz"):
        a, b, c = ((tmp_path / f"{name}{end}").read_bytes() for name in "abc")
        assert a == b and a != c


def test_many_records_go_into_a_folder_and_one_bad_one_does_not_stop_them(tmp_path, capsys):
    records = tmp_path / "records"
    records.mkdir()
    (records / "bad.hea").write_text("bad 12 500 10\nnothing.dat 16 200 16 0 0 0 0 I\n")
    wave = np.sin(np.arange(1000) / 30)[:, None]
    wfdb.wrsamp("good", fs=100, units=["mV"], sig_name=["II"], p_signal=wave, fmt=["16"], write_dir=str(records))
    assert run(records, "simulated:atrial_fibrillation", "-o", tmp_path / "out", "pages=2", *SMALL) == 1
    assert "bad" in capsys.readouterr().err
    names = {p.name for p in (tmp_path / "out").glob("*.npz")}
    assert names == {f"{r}_{k}.npz" for r in ("good", "simulated_atrial_fibrillation") for k in (0, 1)}


def test_a_contact_sheet_is_one_picture(tmp_path):
    assert run("ptb", "--sheet", 3, "-o", tmp_path / "sheet.png", "layout=random", "noise=clean", *SMALL) == 0
    assert Image.open(tmp_path / "sheet.png").size[0] >= 640
    assert list(tmp_path.iterdir()) == [tmp_path / "sheet.png"]


def test_nothing_is_overwritten_unasked(tmp_path, capsys):
    out = tmp_path / "page.png"
    assert run("s0462_re", "-o", out, *SMALL) == 0
    before = out.read_bytes()
    assert run("s0462_re", "-o", out, "seed=1", *SMALL) == 1
    assert "--overwrite" in capsys.readouterr().err and out.read_bytes() == before
    assert run("s0462_re", "-o", out, "--overwrite", "seed=1", *SMALL) == 0
    assert out.read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nobody"], "nobody"),
        (["s0462_re", "noise=sparkle"], "sparkle"),
        (["s0462_re", "layout=7x7"], "7x7"),
        (["s0462_re", "colour=red"], "colour"),
        (["s0462_re", "speed=0"], "speed=0"),
        (["simulated:sneeze"], "sneeze"),
        (["s0462_re", "timing=odd"], "odd"),
        (["ptb"], "folder"),
        (["noise=scan"], "no recording"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, named, tmp_path, capsys):
    assert run(*arguments, "-o", tmp_path / "page.png") == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1 and "Traceback" not in error
    assert not list(tmp_path.iterdir())
