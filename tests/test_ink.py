"""Whole pages in tiles: nothing is missed, and the seams do not show."""

from itertools import pairwise

import numpy as np
import pytest

from ecgseg.digitize.ink import tile_starts, trace_mask


@pytest.mark.parametrize("length", [64, 768, 769, 1400, 2230, 5000])
def test_tiles_cover_a_page_and_overlap(length):
    starts = tile_starts(length, 768, 128)
    assert starts[0] == 0
    assert length <= 768 or starts[-1] == length - 768
    assert all(b - a <= 640 for a, b in pairwise(starts))


@pytest.mark.parametrize("shape", [(300, 500), (70, 1000), (640, 640)])
def test_mask_of_a_net_that_sees_single_pixels_is_exact(shape):
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    shapes = []

    def net(tile, centred):
        shapes.append(tile.shape)
        assert not centred.any()
        logits = (tile[:, :1] - 0.5) * 4
        return {"mask": torch.cat([logits, -logits], dim=1)}

    mask = trace_mask(net, image, tile=256, overlap=64)
    expected = 1 / (1 + np.exp(-(image[..., 0] / 255.0 - 0.5) * 4))
    np.testing.assert_allclose(mask, expected, atol=1e-5)
    assert all(h % 64 == 0 and w % 64 == 0 and max(h, w) <= 256 for _, _, h, w in shapes)
