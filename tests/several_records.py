"""Pictures that show more than one record, composed of rendered pages, for the tests of what is made of them."""

from dataclasses import replace

import cv2
import numpy as np

from ecgseg.ptb import load_records
from ecgseg.render.page import Page, render_page
from ecgseg.render.printed.style import sample_style

PX_PER_MM = 8.0
SQUARE = 40  # px of 5 mm: the grid goes on where pages of whole squares meet
TABLE = (96, 78, 60)


def plain_page(name: str, layout: str = "3x4_1r") -> Page:
    """Return a flat page of an embedded validation record, black ink on a red grid."""
    red = np.array([0.9, 0.35, 0.35])
    style = replace(
        sample_style(np.random.default_rng(0)),
        paper=np.ones(3),
        grid="full",
        minor_color=red,
        major_color=red,
        minor_strength=0.4,
        major_strength=0.9,
        grid_x=0.0,
        grid_y=0.0,
        grid_area="sheet",
        aligned=False,
        trace_color=np.zeros(3),
        trace_width=0.35,
        text_color=np.zeros(3),
        chest="V",
        name_scale=1.0,
        pulse="left",
        pulse_shape="plain",
        separator="none",
        names="above",
        dash_mm=0.0,
        header=False,
        footer=False,
        sheet="fit",
    )
    recording = next(r for r in load_records(split="val") if r.name == name)
    return render_page(recording, layout, rng=3, px_per_mm=PX_PER_MM, style=style)


def below(above: np.ndarray, under: np.ndarray) -> np.ndarray:
    """Return two pictures of pages (H, W, 3) of one width as one page, its grid unbroken."""
    return np.concatenate([_squares(above), _squares(under)])


def beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return two pictures of pages (H, W, 3) of one height as one page, its grid unbroken."""
    return np.concatenate([_squares(left), _squares(right)], axis=1)


def on_a_table(
    sheets: list[np.ndarray], angles: list[float], gap: float = 0.1, table: tuple[int, int, int] = TABLE
) -> np.ndarray:
    """Return a picture of sheets (H, W, 3) that lie one below the other on a table, each turned by so many degrees.

    `gap`: between them, in heights of the first.
    """
    turned = [_turned(sheet, angle, table) for sheet, angle in zip(sheets, angles, strict=True)]
    gap_px = round(gap * sheets[0].shape[0])
    width = max(t.shape[1] for t in turned) + 2 * gap_px
    rows = []
    for k, sheet in enumerate(turned):
        left = (width - sheet.shape[1]) * (k + 1) // (len(turned) + 1)
        right = width - sheet.shape[1] - left
        rows.append(cv2.copyMakeBorder(sheet, gap_px, 0, left, right, cv2.BORDER_CONSTANT, value=table))
    rows.append(np.full((gap_px, width, 3), table, np.uint8))
    return np.concatenate(rows)


def _turned(sheet: np.ndarray, angle: float, table: tuple[int, int, int]) -> np.ndarray:
    h, w = sheet.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1.0)
    size = np.ceil(np.abs(matrix[:, :2]) @ (w, h)).astype(int)
    matrix[:, 2] += (size - (w, h)) / 2
    return cv2.warpAffine(sheet, matrix, tuple(int(v) for v in size), flags=cv2.INTER_CUBIC, borderValue=table)


def _squares(page: np.ndarray) -> np.ndarray:
    """Return a page completed to whole squares of its grid, by pieces of its blank left and upper margins."""
    h, w = page.shape[:2]
    wide = np.concatenate([page, page[:, SQUARE - (-w) % SQUARE : SQUARE]], axis=1)
    return np.concatenate([wide, wide[SQUARE - (-h) % SQUARE : SQUARE]])
