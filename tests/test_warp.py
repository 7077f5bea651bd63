"""The map of bent and photographed sheets: exact both ways, and the picture shows ink where the map says."""

import pickle

import cv2
import numpy as np
import pytest

from ecgseg.render.geometry.effects import draw_geometry
from ecgseg.render.geometry.surface import Bend, Surface
from ecgseg.render.geometry.warp import EFFECTS, sample_warp

SIZE = (180.0, 120.0)
SCALE = 8.0
CAMERA = {"perspective": {"p": 1, "tilt": [5, 25]}, "frame": {"p": 1, "share": [0.02, 0.08]}}
EACH = {
    "stretch": {"p": 1, "percent": [-1, 1]},
    "feed": {"p": 1, "mm": [0.1, 0.5]},
    "skew": {"p": 1, "degrees": [-3, 3]},
    "rotate": {"p": 1, "degrees": [-180, 180]},
    "quarter_turn": {"p": 1},
    "crop": {"p": 1, "mm": [-5, 5]},
    "shift": {"p": 1, "mm": [-4, 4]},
    "frame": {"p": 1, "share": [0, 0.1], "cut": [0, 0.05], "cut_p": 0.5},
    "perspective": {"p": 1, "tilt": [5, 30]},
    "lens": {"p": 1, "percent": [-5, 5]},
    "curl": {"p": 1, "degrees": [10, 30], "spine_p": 0.5},
    "folds": {"p": 1, "degrees": [4, 16]},
    "crumple": {"p": 1, "degrees": [4, 14]},
    "wave": {"p": 1, "mm": [1, 4]},
}


def cases():
    yield "none", {}
    yield from ((name, {name: options}) for name, options in EACH.items())
    yield from ((f"{name} seen askew", {name: EACH[name]} | CAMERA) for name in ("curl", "folds", "crumple", "wave"))
    yield "all", EACH | {"shift": {"p": 0, "mm": [0, 0]}}


CASES = [pytest.param(effects, id=name) for name, effects in cases()]


def test_each_effect_is_tried_here():
    assert set(EACH) == set(EFFECTS)


@pytest.mark.parametrize("effects", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_inverse_leads_back(effects, seed):
    warp = sample_warp(effects, np.random.default_rng(seed), SIZE, SCALE)
    mm = warp.inverse()
    assert mm.shape == (*warp.shape, 2) and np.isfinite(mm).all()
    y, x = np.mgrid[0 : warp.shape[0] : 3, 0 : warp.shape[1] : 3]
    seen = mm[y, x].reshape(-1, 2).astype(float)
    inside = ((seen > 0) & (seen < SIZE)).all(axis=1)
    error = np.linalg.norm(warp.forward(seen[inside]) - np.stack([x, y], -1).reshape(-1, 2)[inside], axis=1)
    assert len(error) > 1000
    assert np.median(error) < 0.005 and error.max() < 0.1


@pytest.mark.parametrize("effects", CASES)
def test_a_window_is_cut_from_the_whole(effects):
    warp = sample_warp(effects, np.random.default_rng(3), SIZE, SCALE)
    x, y, w, h = 211, 174, 150, 130
    whole, part = warp.inverse()[y : y + h, x : x + w], warp.inverse((x, y, w, h))
    inside = ((part > 0) & (part < SIZE)).all(axis=2)
    assert inside.any() and np.abs(whole - part)[inside].max() < 0.1 / SCALE


@pytest.mark.parametrize("effects", CASES)
def test_dots_are_found_where_the_map_says(effects):
    warp = sample_warp(effects, np.random.default_rng(4), SIZE, SCALE)
    h, w = (round(side * SCALE) for side in SIZE[::-1])
    rows, columns = np.arange(h)[:, None], np.arange(w)
    spots = np.stack(np.meshgrid(np.arange(8, 175, 9.3), np.arange(8, 115, 9.1)), -1).reshape(-1, 2)
    spots = np.random.default_rng(0).permutation(spots)[:60]
    sheet = np.zeros((h, w), np.float32)
    for x, y in spots * SCALE:
        sheet += np.exp(-((rows - y) ** 2) / 18) * np.exp(-((columns - x) ** 2) / 18)
    mm = warp.inverse()
    picture = cv2.remap(sheet, mm * SCALE, None, cv2.INTER_LINEAR)
    errors = []
    for spot in spots:
        x, y = warp.forward(spot[None])[0]
        x0, y0 = round(x) - 24, round(y) - 24
        if x0 < 0 or y0 < 0 or x0 + 49 > picture.shape[1] or y0 + 49 > picture.shape[0]:
            continue
        part = picture[y0 : y0 + 49, x0 : x0 + 49].astype(float)
        at = np.arange(49)
        errors.append(np.hypot(part.sum(0) @ at / part.sum() + x0 - x, part.sum(1) @ at / part.sum() + y0 - y))
    assert len(errors) > 15 and np.median(errors) < 0.02 and max(errors) < 0.2


def test_nothing_drawn_is_the_sheet_as_it_is():
    warp = sample_warp({}, np.random.default_rng(0), SIZE, SCALE)
    assert np.array_equal(warp.affine, [[SCALE, 0, 0], [0, SCALE, 0]])
    assert warp.shape == (960, 1440) and warp.turn_deg == 0 and warp.shade(np.zeros((3, 2))) is None


def test_the_affine_matrix_is_the_map():
    effects = {k: EACH[k] for k in ("stretch", "skew", "quarter_turn", "crop")}
    warp = sample_warp(effects, np.random.default_rng(5), SIZE, SCALE)
    mm = np.random.default_rng(0).uniform(0, 100, (50, 2))
    assert np.abs(mm @ warp.affine[:, :2].T + warp.affine[:, 2] - warp.forward(mm)).max() < 1e-9


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_clockwise(turns):
    warp = sample_warp({"quarter_turn": {"p": 1, "turns": [turns, turns]}}, np.random.default_rng(0), SIZE, SCALE)
    right = np.diff(warp.forward(np.array([[50.0, 50.0], [60.0, 50.0]])), axis=0)[0] / (10 * SCALE)
    assert np.allclose(right, [[0, 1], [-1, 0], [0, -1]][turns - 1], atol=1e-9)
    assert (warp.turn_deg - 90 * turns) % 360 == 0


def test_a_quarter_turn_moves_whole_pixels():
    image = np.random.default_rng(0).integers(0, 255, (960, 1440)).astype(np.uint8)
    for turns in (1, 2, 3):
        warp = sample_warp({"quarter_turn": {"p": 1, "turns": [turns, turns]}}, np.random.default_rng(0), SIZE, SCALE)
        picture = cv2.remap(image, warp.inverse() * np.float32(SCALE), None, cv2.INTER_LINEAR)
        assert np.array_equal(picture, np.rot90(image, -turns))


def test_a_tilted_plane_is_what_a_pinhole_sees():
    warp = sample_warp(CAMERA, np.random.default_rng(6), SIZE, SCALE)
    tilt, towards, lengths = draw_geometry(CAMERA, np.random.default_rng(6))["perspective"]
    distance = lengths * max(SIZE)
    mm = np.random.default_rng(0).uniform((0, 0), SIZE, (200, 2))
    # OpenCV's camera looks along +z, ours along −z: the same turn seen in a mirror.
    turn = -tilt * np.array([np.cos(towards), np.sin(towards), 0])
    lens = np.array([[distance * SCALE, 0, 0], [0, distance * SCALE, 0], [0, 0, 1]])
    places = np.column_stack([mm - np.array(SIZE) / 2, np.zeros(200)])
    seen = cv2.projectPoints(places, turn, np.array([0, 0, distance]), lens, None)[0][:, 0]
    off = warp.forward(mm) - seen
    assert np.abs(off - off.mean(axis=0)).max() < 1e-6
    assert np.linalg.norm(warp.forward(mm), axis=1).std() > 100


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0])
def test_a_bow_is_an_arc_of_a_circle(angle):
    across, radius = np.array([np.cos(angle), np.sin(angle)]), 150.0
    bend = Bend.of(across, lambda s: s / radius, 100.0)
    s = np.linspace(-100, 100, 501)
    x, y, z = Surface(bend).place(s * across[0], s * across[1])
    assert np.abs(x * across[0] + y * across[1] - radius * np.sin(s / radius)).max() < 1e-6
    assert np.abs(z - radius * (1 - np.cos(s / radius))).max() < 1e-6
    normal = Surface(bend).normal(s * across[0], s * across[1])
    expected = np.stack([-np.sin(s / radius) * across[0], -np.sin(s / radius) * across[1], np.cos(s / radius)])
    assert np.abs(normal - expected).max() < 1e-9


def test_a_curl_keeps_lengths_on_the_paper():
    across = np.array([np.cos(0.4), np.sin(0.4)])
    surface = Surface(Bend.of(across, lambda s: 0.5 * s / 100 + 0.6 * np.exp((s - 100) / 20.0), 100.0))
    # Beyond its edge at 100 mm the paper goes on straight.
    for along in (across, np.array([-across[1], across[0]]), np.array([0.6, 0.8])):
        x, y = (np.linspace(-110, 110, 20_001)[:, None] * along).T
        length = np.linalg.norm(np.diff(np.stack(surface.place(x, y)), axis=1), axis=0).sum()
        assert length == pytest.approx(220, abs=1e-3)


@pytest.mark.parametrize("name", ["folds", "crumple", "wave", "curl"])
def test_normals_are_those_of_the_surface(name):
    surface = sample_warp({name: EACH[name]}, np.random.default_rng(2), SIZE, SCALE).surface
    x, y = np.random.default_rng(0).uniform(-50, 50, (2, 300))
    e = 0.2
    right, down = (
        np.stack(surface.place(x + dx, y + dy)) - np.stack(surface.place(x - dx, y - dy)) for dx, dy in ((e, 0), (0, e))
    )
    normal = np.cross(right, down, axis=0)
    assert np.abs(normal / np.linalg.norm(normal, axis=0) - surface.normal(x, y)).max() < 1e-3


def test_a_lens_alone_bends_straight_lines():
    warp = sample_warp({"lens": {"p": 1, "percent": [5, 5]}}, np.random.default_rng(0), SIZE, SCALE)
    line = warp.forward(np.stack([np.linspace(0, 180, 30), np.zeros(30)], axis=1))
    assert warp.affine is None and np.ptp(line[:, 1]) > 1


@pytest.mark.parametrize("seed", range(4))
def test_a_picture_is_not_much_larger_than_its_sheet(seed):
    effects = {k: EACH[k] for k in ("rotate", "frame", "perspective")}
    warp = sample_warp(effects, np.random.default_rng(seed), SIZE, SCALE)
    assert np.prod(warp.shape) < 1.61 * np.prod(SIZE) * SCALE**2
    assert 0.55 * SCALE < warp.px_per_mm <= SCALE * 1.01


def test_no_paper_hides_behind_paper_however_steep_it_is_seen():
    effects = EACH | {"perspective": {"p": 1, "tilt": [55, 55], "distance": [1, 1]}}
    warp = sample_warp(effects, np.random.default_rng(0), SIZE, SCALE)
    x, y = np.meshgrid(np.arange(0, 180, 1.0), np.arange(0, 120, 1.0))
    px = warp.forward(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(*x.shape, 2)
    across, down = px[:-1, 1:] - px[:-1, :-1], px[1:, :-1] - px[:-1, :-1]
    assert (across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]).min() > 0


def test_the_scanners_glass_is_as_large_as_the_sheet():
    effects = {"skew": {"p": 1, "degrees": [3, 3]}, "shift": {"p": 1, "mm": [2, 2]}}
    warp = sample_warp(effects, np.random.default_rng(0), SIZE, SCALE)
    assert warp.shape == (960, 1440)
    middle = warp.forward(np.array(SIZE)[None] / 2)[0]
    assert np.allclose(middle, np.array([1440, 960]) / 2 - 2 * SCALE, atol=0.51)


def test_light_falls_off_across_a_fold():
    effects = {"folds": {"p": 1, "degrees": [15, 15], "count": [1, 1]}}
    warp = sample_warp(effects, np.random.default_rng(8), SIZE, SCALE)
    mm = np.stack(np.meshgrid(np.linspace(1, 179, 60), np.linspace(1, 119, 40)), -1).reshape(-1, 2)
    light = warp.shade(mm)
    assert light.shape == (2400,) and np.ptp(light) > 0.02 and 0.3 < light.min() <= light.max() < 1.6


def test_same_seed_same_warp():
    first, again, other = (sample_warp(EACH, np.random.default_rng(s), SIZE, SCALE) for s in (1, 1, 2))
    spots = np.random.default_rng(0).uniform(0, 100, (20, 2))
    assert np.array_equal(first.forward(spots), again.forward(spots))
    assert np.array_equal(first.forward(spots), pickle.loads(pickle.dumps(first)).forward(spots))
    assert not np.allclose(first.forward(spots), other.forward(spots))
