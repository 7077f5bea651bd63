"""The network's shapes, its losses, the decoder on perfect targets, weights files and the training loop."""

import csv
import subprocess
import sys

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from ecgseg.digitize.assemble.assemble import assemble
from ecgseg.digitize.locate.locate import LocatedStrip
from ecgseg.digitize.trace.decode import line_position, read_columns
from ecgseg.digitize.trace.pieces import piece_lengths
from ecgseg.digitize.trace.windows import cut
from ecgseg.errors import WeightsError
from ecgseg.metrics import score_page
from ecgseg.nets.losses import line_loss, mask_loss, noise_loss, steepness_weight
from ecgseg.nets.stripnet import StripNet
from ecgseg.nets.system import warm_stable_decay
from ecgseg.nets.weights import load_net, save_net
from ecgseg.paths import CONFIGS
from ecgseg.ptb import load_records
from ecgseg.render.crops import CropSize, CropSizes, row_line
from ecgseg.render.draw.raster import traces_coverage
from ecgseg.render.page import render_page
from ecgseg.testpages import printed_leads


def gaussian_logits(line, height, sigma=1.0):
    rows = torch.arange(height).view(1, 1, -1, 1)
    y = torch.from_numpy(np.nan_to_num(line, nan=-100)).view(1, 1, 1, -1)
    return -((rows - y) ** 2) / (2 * sigma**2)


def test_outputs_have_four_positions_per_column():
    net = StripNet().eval()
    with torch.inference_mode():
        out = net(torch.rand(2, 3, 96, 160))
    assert out["mask"].shape == (2, 2, 96, 160)
    assert out["line"].shape == (2, 1, 96, 640)


def test_each_line_logit_comes_from_its_own_place():
    """A pixel's four sub-columns follow each other in x and its two rows in y, as the target has them."""
    net = StripNet()
    x = torch.zeros(1, 3, 64, 64, requires_grad=True)
    net.eval()
    net(x)["line"][0, 0, 40, 4 * 20 + 2].backward()
    seen = x.grad.abs().sum(dim=(0, 1))
    rows, columns = (seen.sum(d) @ torch.arange(64.0) / seen.sum() for d in (1, 0))
    assert abs(rows - 40) < 8 and abs(columns - 20) < 8


def test_the_decoder_finds_a_known_line():
    line = (60 + 30 * np.sin(np.arange(400) / 25)).astype(np.float32)
    y, confidence = line_position(gaussian_logits(line, 128))
    assert np.abs(y[0].numpy() - line).max() < 0.01
    assert confidence.min() > 0.99


def test_a_far_second_candidate_does_not_drag_the_line():
    line = np.full(64, 30.3, np.float32)
    p = gaussian_logits(line, 96).softmax(2) * 0.7 + gaussian_logits(line + 50, 96).softmax(2) * 0.3
    y, confidence = line_position(p.log())
    assert np.abs(y.numpy() - 30.3).max() < 0.01
    assert confidence.numpy() == pytest.approx(0.7, abs=0.01)


def test_no_ink_no_confidence():
    line = np.full(64, 30.0, np.float32)
    mask = torch.full((1, 96, 16), -10.0)
    mask[:, 29:32, :8] = 10.0
    _, confidence = line_position(gaussian_logits(line, 96), mask)
    assert confidence[0, :32].min() > 0.99 and confidence[0, 36:].max() < 0.01


def test_a_piece_that_no_ink_connects_is_no_trace():
    y = torch.full((1, 1600), 60.0)
    y[0, 400:440] = 20.0  # a grid line taken for trace
    y[0, 800:820] = 20.0  # a QRS, drawn up and down
    mask = torch.full((1, 96, 400), -10.0)
    mask[:, 59:62] = 10.0
    mask[:, 19:62, 199:206] = 10.0
    joined = read_columns(gaussian_logits(y[0].numpy(), 96), mask).joined.numpy() > 0
    long = piece_lengths(joined, np.array([[0, 1600]]))[0] >= 160
    assert not long[400:440].any()
    assert long[:400].all() and long[440:].all()
    assert not piece_lengths(joined, np.array([[0, 1500]]))[0, 1501:].max() >= 160


def test_perfect_targets_come_back_at_30_db():
    """From true line and mask at 8 px/mm through decoder and assembly, over 20 records."""
    records = [r for split in ("val", "test", "train") for r in load_records(None, split)][:20]
    scores = []
    for k, recording in enumerate(records):
        page = render_page(recording, "3x4_1r", rng=k, px_per_mm=8.0)
        if not all(seen.all() for seen in page.visible):
            continue  # it runs off the sheet: the printed truth has a gap there
        traces, strips = [], []
        for strip, points, baseline in zip(page.strips, page.points, page.baselines, strict=True):
            x0 = points[0, 0]
            x1 = x0 + strip.seconds * 25 * 8
            left, top = int(x0) - 32, int(points[:, 1].min()) - 32
            local = points - [left, top]
            height = int(local[:, 1].max()) + 32
            width = int(np.ceil((x1 - left) / 32)) * 32 + 32
            line = row_line([local], width)
            mask = traces_coverage([local], 2.0, (height, width))
            logits = torch.logit(torch.from_numpy(mask).clamp(0.001, 0.999))[None]
            y, confidence = line_position(gaussian_logits(line, height), logits)
            x = (np.arange(4 * width) + 0.5) / 4 - 0.5 + left
            inside = (x >= x0) & (x < x1)
            traces.append((x[inside], y[0].numpy()[inside] + top, confidence[0].numpy()[inside]))
            strips.append(
                LocatedStrip(
                    strip.lead, strip.row, strip.t0, strip.t1, x0, x1, float(baseline[0, 1]), strip.rhythm, strip.sign
                )
            )
        read = assemble(strips, traces, 8.0, fs=1000.0)
        # Some pages print limb and chest leads at gains of their own.
        leads = {name: read.lead(name) * 10 / page.scene.gain_of(name) for name in read.leads}
        scores.append(score_page(printed_leads(page.printed), leads, read.fs).snr_db)
    assert len(scores) >= 18
    assert min(scores) >= 30, np.round(scores, 1)


def test_line_loss_is_least_at_the_truth_and_skips_what_is_absent():
    line = torch.full((1, 32), 20.0)
    right = line_loss(gaussian_logits(line[0].numpy(), 64), line, 1.0, 1.0, 0.05)
    wrong = line_loss(gaussian_logits(line[0].numpy() + 3, 64), line, 1.0, 1.0, 0.05)
    entropy = 0.5 * np.log(2 * np.pi * np.e)
    assert right.item() == pytest.approx(entropy, abs=0.01)
    assert wrong > right + 3
    line[0, 16:] = float("nan")
    half = gaussian_logits(np.r_[np.full(16, 20.0), np.full(16, 50.0)].astype(np.float32), 64)
    assert line_loss(half, line, 1.0, 1.0, 0.05).item() == pytest.approx(entropy, abs=0.01)


def test_flanks_weigh_more_than_the_baseline():
    line = torch.full((1, 200), 50.0)
    line[0, 100:103] = torch.tensor([48.0, 44.0, 48.0])
    weight = steepness_weight(line, 1.0)
    assert weight[0, 20] == 1 and weight[0, 101] == pytest.approx(5.0) and weight[0, 108] > 1


def test_noise_loss_by_hand():
    line = torch.from_numpy(32 + 10 * np.sin(np.arange(256) / 256 * 8 * np.pi)).float()[None]
    for off in (0.0, 3.0):
        ratio = noise_loss(gaussian_logits(line[0].numpy() + off, 64), line).item()
        assert ratio == pytest.approx(np.log10((off**2 + 0.05) / (50 + 1.0)), abs=0.02)
    both = torch.cat([line, torch.full_like(line, np.nan)])
    logits = gaussian_logits(line[0].numpy() + 3, 64)
    assert noise_loss(logits.repeat(2, 1, 1, 1), both) == pytest.approx(noise_loss(logits, line).item())


def test_mask_loss_by_hand():
    logits, mask = torch.full((1, 1, 4, 4), 30.0), torch.ones(1, 1, 4, 4)
    assert mask_loss(logits, mask).item() == pytest.approx(0, abs=1e-4)
    assert mask_loss(-logits, mask).item() == pytest.approx(30 + 1 - 1 / 17, abs=1e-3)


def test_schedule():
    rate = [warm_stable_decay(s, 10, 100, 40) for s in range(101)]
    assert rate[0] == pytest.approx(0.1) and rate[10] == 1 and rate[60] == 1
    assert rate[100] == 0 and all(np.diff(rate[61:]) < 0)


def test_weights_survive_a_round_trip_and_damage_is_noticed(tmp_path):
    net = StripNet().eval()
    path = tmp_path / "net.safetensors"
    digest = save_net(net, path, {"steps": 3})
    again, info = load_net(path)
    assert info["sha256"] == digest and info["info"] == {"steps": 3}
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(net(x)["mask"], again(x)["mask"], atol=0.05)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(WeightsError, match="damaged"):
        load_net(path)


def test_no_pickle_is_ever_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save(Trap(), tmp_path / "net.ckpt")
    (tmp_path / "renamed.safetensors").write_bytes((tmp_path / "net.ckpt").read_bytes())
    for name in ("net.ckpt", "renamed.safetensors", "missing.safetensors"):
        with pytest.raises(WeightsError):
            load_net(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_a_window_past_the_page_is_paper():
    image = np.full((20, 30, 3), 200, np.uint8)
    image[5, 5] = 0
    window = cut(image, -10, -10, 64, 32)
    assert window.shape == (32, 64, 3) and window[15, 15].max() == 0 and window[0, 0].min() == 200


def config(*overrides):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", list(overrides))


SMALL = (
    "data.height=64",
    "data.width=64",
    "data.batch_size=2",
    "data.steps_per_epoch=2",
    "data.val_crops=2",
    "data.workers=0",
    "data.tall_every=0",
    "model.decoder_channels=[16,8]",
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
)


@pytest.mark.slow
def test_a_run_stopped_and_resumed_is_the_run_unbroken(tmp_path):
    from ecgseg.nets.fit import train

    def weights(objects):
        return torch.cat([p.detach().flatten() for p in objects["system"].net.parameters()])

    _, whole = train(config(*SMALL, f"run_dir={tmp_path}/whole", "model.total_steps=6", "model.decay_steps=2"))
    _, _ = train(
        config(*SMALL, f"run_dir={tmp_path}/cut", "model.total_steps=6", "model.decay_steps=2", "trainer.max_steps=4")
    )
    metrics, resumed = train(
        config(
            *SMALL, f"run_dir={tmp_path}/cut", "model.total_steps=6", "model.decay_steps=2", "ckpt_path=last",
            f"export={tmp_path}/net.safetensors",
        )
    )  # fmt: skip
    assert resumed["trainer"].global_step == 6
    assert torch.allclose(weights(whole), weights(resumed), atol=1e-6)
    assert {"val/snr_db", "val/dice", "val/iou", "train/loss"} <= set(metrics)
    assert list((tmp_path / "cut" / "samples").glob("*.png"))
    assert load_net(tmp_path / "net.safetensors")[1]["info"]["steps"] == 6


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("data.height=100", r"data\.height=100.*multiple of 32"),
        ("data.batch_size=0", r"data\.batch_size=0"),
        ("model.lr=fast", r"model\.lr=fast.*number"),
        ("model.encoder=resnet19", r"model\.encoder=resnet19.*resnet18"),
        ("trainer.accelerator=gpus", r"trainer\.accelerator=gpus.*cuda"),
        ("+data.noise.foggy=1", r"data\.noise.*'foggy'.*light"),
        ("ckpt_path=gone.ckpt", r"ckpt_path=gone\.ckpt"),
    ],
)
def test_a_bad_value_is_named_with_its_choices(override, named):
    from ecgseg.nets.fit import check_config

    check_config(config())
    with pytest.raises(ValueError, match=named):
        check_config(config(override))


def test_the_noise_group_replaces_the_mix():
    from ecgseg.nets.fit import build_data

    assert build_data(config("noise=heavy")).mix.noise == {"heavy": 1}
    assert set(build_data(config()).mix.noise) == set(config().data.noise) > {"scan", "photo"}


@pytest.mark.slow
def test_a_sweep_leaves_one_table_and_one_plot_of_all_its_runs(tmp_path):
    command = [sys.executable, "train.py", "-m", "noise=none,medium", *SMALL, f"hydra.sweep.dir={tmp_path}"]
    command += ["data.height=96", "data.width=96", "model.total_steps=2", "model.decay_steps=1"]
    done = subprocess.run(command, cwd=CONFIGS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "runs.csv").open()))
    assert [r["noise"] for r in rows] == ["none", "medium"]
    assert all(np.isfinite(float(r["val/snr_db"])) for r in rows)
    assert (tmp_path / "runs.png").stat().st_size > 1000
    assert len(list(tmp_path.glob("*/last.ckpt"))) == 2


def test_every_fourth_batch_is_of_tall_crops():
    usual, tall, highest = CropSize(448, 320), CropSize(640, 224), CropSize(896, 160)
    sizes = CropSizes(usual, tall, 4, 8, highest)
    assert [sizes.of(8 * batch + 7) for batch in range(4)] == [usual, usual, usual, tall]
    assert {sizes.of(i) for i in range(24, 32)} == {tall}
    assert sizes.of(8 * 7) == highest and sizes.of(8 * 11) == tall
    assert CropSizes(usual, tall, 0, 8, highest).of(31) == usual
