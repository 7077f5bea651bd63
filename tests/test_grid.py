"""The grid is measured to 0.2 % and 0.05° on paper of known scale, and refused where there is none."""

import cv2
import numpy as np
import pytest
from grid_paper import draw_grid, draw_text, draw_traces

from ecgseg.digitize.flat.grid import flatten, grid_from_scale, measure_grid
from ecgseg.errors import GridError

PAGES = {
    "plain": {},
    "skewed left": {"angle": -5.0},
    "skewed right": {"angle": 4.0},
    "60 dpi": {"px_per_mm": (2.4, 2.4), "size": (504, 696), "angle": 1.3},
    "100 dpi jpeg": {"px_per_mm": (3.94, 3.94), "size": (700, 1000), "jpeg": 30, "angle": -0.7},
    "400 dpi, larger than the working copy": {"px_per_mm": (15.7, 15.8), "size": (1500, 2900), "angle": 0.6},
    "two scales": {"px_per_mm": (7.5, 8.1), "angle": 2.0},
    "faint and noisy": {"depth": (4, 8), "noise": 8, "angle": 2.0},
    "grey": {"colour": (1, 1, 1), "jpeg": 10, "angle": 0.4},
    "green on pink": {"colour": (1, 0.3, 0.9), "paper": (250, 215, 220), "angle": 1.1},
    "dotted": {"dotted": True, "fine": 0.2, "angle": -3.0},
    "thick": {"fine": 0.35, "bold": 0.6, "depth": (80, 140)},
    "8-pixel grid in 8-pixel JPEG blocks": {"px_per_mm": (8.0, 8.0), "jpeg": 30},
}
ONE_SPACING = {
    "only 5 mm lines": {"fine": None, "px_per_mm": (5.1, 5.1), "size": (1000, 1400), "angle": 1.0},
    "only 1 mm lines": {"bold": None, "px_per_mm": (5.1, 5.1), "size": (1000, 1400), "angle": 1.0},
    "only 1 mm dots": {"bold": None, "dotted": True, "fine": 0.25, "size": (1200, 1700), "angle": 0.5},
}


def check(grid, matrix):
    scale = np.hypot(matrix[0], matrix[1])[:2]
    assert grid.px_per_mm_x == pytest.approx(scale[0], rel=0.002)
    assert grid.px_per_mm_y == pytest.approx(scale[1], rel=0.002)
    assert grid.angle_deg == pytest.approx(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])), abs=0.05)
    # over a whole page 0.2 % would be half a millimetre; here the map itself is compared, modulo the lines
    points = np.array([[x, y] for x in (0.0, 60.0, 130.0) for y in (0.0, 40.0, 90.0)])
    off = grid.to_mm(points @ matrix[:, :2].T + matrix[:, 2]) - points
    off -= np.rint(off[0])
    assert np.abs(off).max() < 0.1


@pytest.mark.parametrize("name", PAGES)
def test_scale_angle_and_crossings(name):
    image, matrix = draw_grid(**PAGES[name])
    grid = measure_grid(image)
    check(grid, matrix)
    assert not grid.warnings
    assert grid.confidence > 0.7


@pytest.mark.parametrize("name", ONE_SPACING)
def test_one_spacing_is_decided_by_page_size_and_said(name):
    image, matrix = draw_grid(**ONE_SPACING[name])
    grid = measure_grid(image)
    check(grid, matrix)
    assert "digitize.px_per_mm" in grid.warnings[0]
    assert grid.confidence <= 0.6


def test_origin_is_a_five_millimetre_crossing():
    image, matrix = draw_grid(angle=1.5)
    off = measure_grid(image).to_mm(matrix[:, 2]) / 5
    assert np.abs(off - np.rint(off)).max() * 5 < 0.03


def _jpeg(image, quality):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def no_grids():
    rng = np.random.default_rng(1)
    shape = (800, 1100, 3)
    noise = rng.integers(0, 256, shape, dtype=np.uint8)
    yield "white", np.full(shape, 255, np.uint8)
    yield "noise", noise
    yield "jpeg noise", _jpeg(noise // 8 + 200, 50)
    ramp = np.linspace(0, 255, 1100)[None, :, None] * np.linspace(0.3, 1, 800)[:, None, None]
    gradient = np.repeat(ramp, 3, axis=2).astype(np.uint8)
    yield "gradient", gradient
    yield "jpeg gradient", _jpeg(gradient, 20)
    for sigma in (3, 10, 40):
        clouds = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), sigma)
        clouds = cv2.normalize(clouds, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
        for quality in (80, 10):
            yield f"clouds {sigma} jpeg {quality}", _jpeg(clouds, quality)
    yield "text", draw_text()
    yield "typewriter", draw_text(pitch=14)
    for beat, row in ((None, 26.5), (25, 25), (20, 20), (22, 21)):
        page = np.full((1100, 1500, 3), 255, np.uint8)
        draw_traces(page, np.array([[6.0, 0, 0], [0, 6.0, 0]]), rng, beat, row)
        yield f"traces without grid, beat {beat} row {row}", page
        yield f"traces without grid jpeg, beat {beat} row {row}", _jpeg(page, 40)


@pytest.mark.parametrize("name, image", [pytest.param(n, i, id=n) for n, i in no_grids()])
def test_no_grid_is_refused(name, image):
    with pytest.raises(GridError, match="no grid found"):
        measure_grid(image)


def test_given_scale():
    image = np.full((300, 400, 3), 250, np.uint8)
    grid = grid_from_scale(image, 4.0)
    assert (grid.px_per_mm_x, grid.px_per_mm_y, grid.angle_deg, grid.source) == (4.0, 4.0, 0.0, "given")
    assert flatten(image, grid, 8.0).image.shape == (600, 800, 3)
    with pytest.raises(GridError, match="px_per_mm is 200"):
        grid_from_scale(image, 200)


@pytest.mark.parametrize("px_per_mm", [(5.0, 5.2), (15.0, 14.5)])
def test_flat_page_has_the_asked_scale_and_maps_back(px_per_mm):
    image, _ = draw_grid(px_per_mm=px_per_mm, angle=2.0, size=(1000, 1400), trace=False)
    grid = measure_grid(image)
    flat = flatten(image, grid, 8.0)
    again = measure_grid(flat.image)
    assert again.px_per_mm_x == pytest.approx(8.0, rel=0.001)
    assert again.px_per_mm_y == pytest.approx(8.0, rel=0.001)
    assert again.angle_deg == pytest.approx(0.0, abs=0.02)
    crossing = flat.to_image(again.to_image(np.array([[50.0, 40.0]])))  # seen in the flat page, on the original
    off = grid.to_mm(crossing)
    assert np.abs(off - np.rint(off)).max() < 0.03
    h, w = image.shape[:2]
    corners = np.array([[0.0, 0.0], [w - 1, 0.0], [0.0, h - 1], [w - 1, h - 1]])
    inside = (corners - flat.matrix[:, 2]) @ np.linalg.inv(flat.matrix[:, :2]).T
    assert (inside > -1).all() and (inside < np.array(flat.image.shape[1::-1])).all()
    assert flat.provenance["source_size"] == [w, h]


def test_shrinking_keeps_the_mean_of_fine_lines():
    image = np.full((800, 800, 3), 255, np.uint8)
    image[:, ::3] = 0  # finer than the flat page can hold: without a low-pass this turns into moiré
    flat = flatten(image, grid_from_scale(image, 24.0), 8.0).image[20:-20, 20:-20]
    assert flat.std() < 4
    assert flat.mean() == pytest.approx(170, abs=3)


def test_outside_of_the_page_is_paper():
    image = np.full((400, 600, 3), (240, 230, 225), np.uint8)
    turn = np.deg2rad(5)
    matrix = 6 * np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]])
    given = grid_from_scale(image, 6.0)
    flat = flatten(image, type(given)(6.0, 6.0, 5.0, matrix, 1.0))
    assert np.abs(flat.image.astype(int) - (240, 230, 225)).max() <= 1


def test_absurd_flat_page_is_refused():
    image = np.full((3000, 4000, 3), 255, np.uint8)
    with pytest.raises(GridError, match="too large"):
        flatten(image, grid_from_scale(image, 2.0), 8.0)
