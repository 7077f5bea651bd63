"""From a page's own targets the finder finds what is printed, where it is printed."""

import numpy as np
import pytest
import torch

from ecgseg.digitize.locate.find import FLAT_PER_CELL, PageMaps, find, page_maps
from ecgseg.nets.data import Mix
from ecgseg.nets.pagedata import PageTileDataset, Tiles, cut_tile
from ecgseg.nets.pagenet import CLASSES, PAGE_STRIDE, PageNet
from ecgseg.nets.pagesystem import count_names
from ecgseg.ptb import load_records
from ecgseg.render.findings import true_findings
from ecgseg.render.page import render_page
from ecgseg.render.targets import page_target


@pytest.fixture(scope="module")
def drawn():
    page = render_page(load_records(None, "val")[0], "3x4_1r", "none", 3, px_per_mm=8.0)
    return page, page_target(page, 4.0, np.random.default_rng(0))


def perfect_maps(target) -> PageMaps:
    text = np.zeros((len(CLASSES), *target.text.shape), np.float32)
    np.put_along_axis(text, target.text[None].astype(int), 1.0, axis=0)
    return PageMaps(target.trace / 255.0, target.lines / 255.0, text, np.eye(8)[0])


def test_perfect_maps_give_every_name_pulse_and_strip(drawn):
    page, target = drawn
    found, true = find(perfect_maps(target)), true_findings(page.scene, 8.0)
    assert true.names and true.stretches
    for wanted in true.names:
        near = min(found.names, key=lambda n: np.hypot(n.x - wanted.x, n.y - wanted.y))
        assert (near.lead, near.sign) == (wanted.lead, wanted.sign)
        assert np.hypot(near.x - wanted.x, near.y - wanted.y) < 4  # half a mm
    assert len(found.names) == len(true.names) and len(found.pulses) == len(true.pulses)
    for kind in ("starts", "ends"):
        for wanted in getattr(true, kind):
            away = min(np.hypot(p.x - wanted.x, p.y - wanted.y) for p in getattr(found, kind))
            assert away < 4
    for wanted in true.stretches:
        assert any(abs(s.baseline - wanted.baseline) < 2 and s.x0 - 8 < wanted.x0 < s.x1 for s in found.stretches)


def test_the_network_takes_any_page_and_returns_its_size():
    maps = page_maps(PageNet().eval(), np.full((401, 603, 3), 200, np.uint8))
    assert maps.trace.shape == (200, 301) and maps.lines.shape == (3, 100, 150)
    assert maps.text.shape == (len(CLASSES), 100, 150)
    assert np.allclose(maps.text.sum(axis=0), 1, atol=1e-4) and maps.lies.sum() == pytest.approx(1)


def test_a_tile_is_a_window_of_its_page_and_its_maps_lie_on_it(drawn):
    _, target = drawn
    upright = Tiles(side=8 * PAGE_STRIDE, turned=0.0)
    for seed in range(20):
        tile, lies = cut_tile(target, upright, np.random.default_rng(seed))
        assert lies == 0 and tile.image.shape == (256, 256, 3) and tile.text.shape == (128, 128)
    dark = tile.image.mean(axis=2)[tile.trace > 200].mean()
    assert dark < tile.image.mean() - 30


def test_a_turned_tile_says_how_it_lies(drawn):
    _, target = drawn
    for seed in range(12):
        rng = np.random.default_rng(seed)
        upright, _ = cut_tile(target, Tiles(side=256, turned=0.0), np.random.default_rng(seed))
        tile, lies = cut_tile(target, Tiles(side=256, turned=1.0), rng)
        back = np.rot90(tile.image, lies % 4)
        assert lies > 0
        assert np.array_equal(back[:, ::-1] if lies >= 4 else back, upright.image)


def test_the_same_index_is_the_same_tile_whoever_draws_it():
    records = load_records(None, "val")[:2]
    mix = Mix(noise={"clean": 1}, layouts={"single": 1})
    one, two = (PageTileDataset(records, mix, Tiles(side=128), 7, 10) for _ in range(2))
    one[0]
    a, b = one[25], two[25]
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_names_are_counted_by_where_they_stand():
    true = np.zeros((20, 40), int)
    true[2:6, 2:8] = 1
    true[2:6, 20:26] = 7
    said = np.zeros_like(true)
    said[2:6, 3:8] = 1  # right
    said[2:6, 20:26] = 8  # misread
    assert count_names(said, true) == (1, 2, 1, 2)


def test_a_slanted_stroke_through_the_rows_is_no_row():
    """A crease as bright as the zero lines joins them to one piece: the level lines are found, the crease is not."""
    lines = np.zeros((3, 300, 500), np.float32)
    x = np.arange(500)
    for y in (100, 200):
        lines[0, y - 1 : y + 3, 30:470] = 0.9
    stroke = np.round(260 - 0.45 * x).astype(int)
    for k in range(-2, 3):
        lines[0, stroke + k, x] = 0.9
    text = np.zeros((16, 300, 500), np.float32)
    found = find(PageMaps(np.zeros((600, 1000), np.float32), lines, text, np.eye(8)[0])).stretches
    heights = np.array([s.baseline for s in found]) / FLAT_PER_CELL
    assert all(min(abs(h - 100.6), abs(h - 200.6)) < 0.5 for h in heights)
    for y in (100.6, 200.6):
        covered = sum(s.x1 - s.x0 for s, h in zip(found, heights, strict=True) if abs(h - y) < 0.5)
        assert covered > 0.95 * FLAT_PER_CELL * 440
