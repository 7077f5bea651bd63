"""Contact sheets: many rendered pages as one picture, to look at."""

import cv2
import numpy as np

from ecgseg.render.page import Page


def tile(page: Page, width: int, height: int, caption: str) -> np.ndarray:
    """Return the page's picture shrunk into (height, width, 3) uint8, under a caption."""
    room = 18  # px for the caption
    h, w = page.image.shape[:2]
    zoom = min(width / w, (height - room) / h)
    small = cv2.resize(page.image, (max(1, int(w * zoom)), max(1, int(h * zoom))), interpolation=cv2.INTER_AREA)
    out = np.full((height, width, 3), 255, np.uint8)
    out[room : room + small.shape[0], : small.shape[1]] = small
    cv2.putText(out, caption, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return out


def contact_sheet(tiles: list[np.ndarray]) -> np.ndarray:
    """Return tiles of one size side by side and below each other, as nearly square as they go."""
    columns = max(1, round(np.sqrt(len(tiles) * tiles[0].shape[0] / tiles[0].shape[1])))
    blank = np.full_like(tiles[0], 255)
    padded = tiles + [blank] * (-len(tiles) % columns)
    return np.concatenate([np.concatenate(padded[i : i + columns], 1) for i in range(0, len(padded), columns)])
