"""The grid network: what it is asked, where lines stand in its spectra, and that what it says can be read."""

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from ecgseg.nets.fit import build_system, check_config
from ecgseg.nets.griddata import GridCrops, draw_view
from ecgseg.nets.gridnet import (
    ANGLES,
    GRID_STRIDE,
    LOWEST,
    RADII,
    RATIO,
    SIZES,
    SMALLEST,
    TURNS,
    WINDOW,
    GridNet,
    darkness,
    nearby_share,
    told,
)
from ecgseg.nets.gridsystem import GridSystem, lattice_target
from ecgseg.paths import CONFIGS
from ecgseg.ptb import load_records
from ecgseg.render.lattice_target import cut_crop, lattice_page, polar
from ecgseg.render.levels import Noise
from ecgseg.render.page import render_page


def axes(px: float, degrees: float) -> np.ndarray:
    a = np.deg2rad(degrees)
    return px * np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]])


@pytest.mark.parametrize("degrees", [0.0, 7.0, 44.0, 46.0, 80.0, -30.0])
def test_what_is_asked_can_be_read_again(degrees):
    size, turn = (torch.from_numpy(v.T).float().reshape(1, -1, 1, 1) for v in polar(axes(23.0, degrees)))
    target = lattice_target(size, turn)
    assert target.sum() == pytest.approx(1, abs=1e-5) and target.shape == (1, SIZES * TURNS, 1, 1)
    log_px, angle = told(torch.log(target + 1e-12))
    assert log_px.item() == pytest.approx(np.log(23.0), abs=1e-3)
    apart = (np.degrees(angle.item()) - degrees + 45) % 90 - 45
    assert abs(apart) < 0.05
    assert nearby_share(torch.log(target + 1e-12)).item() == pytest.approx(1, abs=1e-4)


def test_mirrored_and_swapped_axes_are_the_same_lattice():
    plain = axes(20.0, 12.0) * np.array([1.0, 1.1])
    for other in (plain[..., ::-1], plain * [-1, 1], plain * [-1, -1]):
        assert all(np.allclose(a, b) for a, b in zip(polar(plain), polar(other), strict=True))


@pytest.mark.parametrize(("period", "degrees"), [(8.0, 0.0), (4.0, 60.0), (5.5, 135.0)])
def test_lines_stand_at_their_angle_and_radius(period, degrees):
    y, x = np.mgrid[0:192, 0:192]
    a = np.deg2rad(degrees)
    wave = 0.8 + 0.1 * np.cos(2 * np.pi * (x * np.cos(a) + y * np.sin(a)) / period)
    image = torch.from_numpy(np.repeat(wave[None, None], 3, axis=1)).float()
    spectra = GridNet().spectra(darkness(image)[0])
    assert spectra.shape == (36, ANGLES, RADII)
    angle, radius = np.unravel_index(int(spectra[14].argmax()), (ANGLES, RADII))
    assert angle * 180 / ANGLES == degrees
    assert radius == pytest.approx(np.log(WINDOW / period / LOWEST) / np.log(RATIO), abs=1.0)


def test_a_crop_knows_its_lattice():
    page = render_page(load_records(split="val")[0], "3x4_1r", Noise("none"), 3, 8.0)
    lattice = lattice_page(page)
    a, scale = np.deg2rad(20.0), 0.5
    linear = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    middle = np.array(page.image.shape[1::-1]) / 2
    crop = cut_crop(lattice, np.column_stack([linear, 96 - linear @ middle]), 192, GRID_STRIDE)
    assert crop.paper.all()
    if page.scene.style.grid != "none" and crop.known.any():
        log_px, angle = told(
            torch.log(lattice_target(torch.from_numpy(crop.size)[None], torch.from_numpy(crop.turn)[None]) + 1e-12)
        )
        assert np.abs(log_px.numpy() - np.log(20.0)).max() < 2e-3
        assert np.abs(np.degrees(angle.numpy()) - 20.0).max() < 0.1


def test_views_stay_within_the_trained_sizes():
    page = lattice_page(render_page(load_records(split="val")[0], "3x4_1r", Noise("none"), 3, 8.0))
    rng = np.random.default_rng(0)
    px = [40 * np.sqrt(abs(np.linalg.det(draw_view(page, GridCrops(), rng)[:, :2]))) for _ in range(200)]
    assert min(px) > 9.9 and max(px) < 1.31 * 40


def test_outputs_are_per_cell_and_the_losses_teach():
    torch.manual_seed(0)
    system = GridSystem(GridNet())
    out = system.net(torch.rand(2, 3, 96, 128))
    assert out["paper"].shape == out["grid"].shape == (2, 1, 3, 4) and out["lattice"].shape == (2, SIZES * TURNS, 3, 4)
    size, turn = (torch.from_numpy(v).float().reshape(1, -1, 1, 1) for v in polar(axes(SMALLEST * RATIO**5, 15.0)))
    batch = {
        "paper": torch.ones(2, 3, 4), "grid": torch.ones(2, 3, 4), "known": torch.ones(2, 3, 4, dtype=torch.bool),
        "size": size.expand(2, 3, 3, 4), "turn": turn.expand(2, 2, 3, 4),
    }  # fmt: skip
    right = torch.full((1, SIZES * TURNS, 1, 1), -20.0)
    right[0, 5 * TURNS + 2] = 20.0
    good = {"paper": torch.full((2, 1, 3, 4), 9.0), "grid": torch.full((2, 1, 3, 4), 9.0),
            "lattice": right.expand(2, -1, 3, 4)}  # fmt: skip
    assert all(v < 0.01 for v in system.losses(batch, good).values())
    assert system.losses(batch, out)["lattice"] > 3


def test_the_config_trains_a_grid_network_and_names_its_data():
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", ["model=grid", "data=grids"])
        check_config(cfg)
        assert isinstance(build_system(cfg).net, GridNet)
        with pytest.raises(ValueError, match="data=grids"):
            check_config(compose("train", ["model=grid", "data=pages"]))
