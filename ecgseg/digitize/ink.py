"""FlatPage -> mask: the network's probability of trace ink at every pixel of a page, in overlapping tiles."""

import numpy as np

TILE = 1152  # px, the largest tile: it sees several rows of a page and bounds the memory
OVERLAP = 64  # px that neighbouring tiles share
STEP = 64  # a multiple of the network's own 32


def tile_side(length: int, tile: int = TILE, overlap: int = OVERLAP) -> int:
    """Return the side, at most `tile` px, of equal tiles that cover `length` px with the least waste."""
    count = max(1, int(np.ceil((length - overlap) / (tile - overlap))))
    return int(np.ceil((length + (count - 1) * overlap) / count / STEP)) * STEP


def tile_starts(length: int, tile: int, overlap: int = OVERLAP) -> list[int]:
    """Return where tiles of `tile` px start that cover `length` px and share at least `overlap` px."""
    if length <= tile:
        return [0]
    count = int(np.ceil((length - overlap) / (tile - overlap)))
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def blend_weight(height: int, width: int, overlap: int = OVERLAP) -> np.ndarray:
    """Return (height, width) float32 weights that fall to the edges, where a tile sees least of its page."""

    def ramp(n: int) -> np.ndarray:
        edge = np.minimum(np.arange(n), np.arange(n)[::-1]) + 1
        return np.minimum(edge / overlap, 1.0).astype(np.float32)

    return np.outer(ramp(height), ramp(width))


def trace_mask(net, image: np.ndarray, device="cpu", tile: int = TILE, overlap: int = OVERLAP) -> np.ndarray:
    """Return the probability (H, W) float32 that a pixel of `image` (H, W, 3) uint8 is any lead's trace.

    `net(tile, centred)` maps (1, 3, h, w) floats in 0..1, h and w multiples of 64, to a dict whose `mask`
    (1, 2, h, w) holds logits with all trace ink first; `centred` False says that a tile has no middle strip.
    Where tiles overlap, their probabilities are blended.
    """
    import torch

    height, width = image.shape[:2]
    # A page smaller than a tile is padded to the tile by its own edge colour.
    th, tw = (tile_side(n, tile, overlap) for n in (height, width))
    pad = ((0, max(0, th - height)), (0, max(0, tw - width)), (0, 0))
    padded = np.pad(image, pad, mode="edge")
    total = np.zeros(padded.shape[:2], np.float32)
    weights = np.zeros_like(total)
    weight = blend_weight(th, tw, overlap)
    centred = torch.zeros(1, dtype=torch.bool, device=device)
    with torch.inference_mode():
        for y in tile_starts(padded.shape[0], th, overlap):
            for x in tile_starts(padded.shape[1], tw, overlap):
                crop = np.ascontiguousarray(padded[y : y + th, x : x + tw].transpose(2, 0, 1))
                batch = torch.from_numpy(crop)[None].to(device).float() / 255
                found = torch.sigmoid(net(batch, centred)["mask"][0, 0].float()).cpu().numpy()
                total[y : y + th, x : x + tw] += weight * found
                weights[y : y + th, x : x + tw] += weight
    return (total / weights)[:height, :width]
