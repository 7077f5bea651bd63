"""Where a page's rows lie: the sheet's size, its margins, the distance between rows."""

from dataclasses import dataclass

import numpy as np

from ecgseg.layout import Layout
from ecgseg.render.printed.style import Style

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in mm

SHEETS = {"a4": (297.0, 210.0), "a4_portrait": (210.0, 297.0)}
SHEETS |= {"letter": (279.4, 215.9), "letter_portrait": (215.9, 279.4)}
ROLL_HEIGHT = (60.0, 120.0)
# Paper that belongs to the first row above its baseline and to the last row below it, in row distances.
ABOVE, BELOW = 0.6, 0.5
MARGIN = 2.0  # between ink and the sheet's edge


@dataclass(frozen=True)
class Frame:
    """A sheet of `width` × `height` mm; its rows run from `left` to `right` about `baselines`, about `pitch` apart.

    `header` and `footer` are the boxes above and below the rows, None where there is no room for a text.
    """

    width: float
    height: float
    left: float
    right: float
    baselines: tuple[float, ...]
    pitch: float
    header: Box | None
    footer: Box | None


def place_rows(
    layout: Layout,
    style: Style,
    rng: np.random.Generator,
    speed: float,
    before: float,
    after: float,
    row_pitch: float | None = None,
) -> Frame:
    """Choose a sheet and put the layout's rows on it.

    `speed` is in mm/s; `before` and `after` mm are needed left and right of the rows for pulses and names; `row_pitch`
    mm is the distance between rows (None: drawn from the layout's range). A sheet of a fixed size that the rows do not
    fit on, however close, gives way to one that is as large as needed.
    """
    low, high = (style.crowding * v if style.crowding < 1 else v for v in layout.row_pitch_mm)
    if style.crowding < 1:
        high = layout.row_pitch_mm[0]
    if row_pitch is not None:
        if not row_pitch > 0:
            raise ValueError(f"row_pitch is {row_pitch!r}; give the mm between rows, above 0")
        low = high = row_pitch
    steps = _steps(layout, rng)
    rows = ABOVE + sum(steps) + BELOW  # in row distances
    wide = before + layout.left_mm + layout.paper_seconds * speed + after
    head, foot = _margins(style, rng)
    size = _fixed_size(style, wide, head + low * rows + foot, rng)
    if size is None:
        pitch = rng.uniform(low, high)
        head += rng.uniform(0, 30) if style.header else rng.uniform(0, 10)
        width = wide + rng.uniform(0, 14) + rng.uniform(0, 16)
        height = max(head + pitch * rows + foot + rng.uniform(0, 10), 0.5 * width if rng.random() < 0.5 else 0)
    else:
        width, height = size
        room = (height - head - foot) / rows
        # Machines use the height that a sheet has: wide rows are commoner than close ones.
        pitch = low + (min(high, room) - low) * np.sqrt(rng.uniform())
        head += rng.uniform(0, 1) * (height - head - foot - pitch * rows)
    left = before + layout.left_mm + rng.uniform(0, 1) * (width - wide)
    baselines = head + pitch * (ABOVE + np.concatenate([[0.0], np.cumsum(steps)]))[: layout.n_rows]
    top, bottom = head, head + pitch * rows
    header, footer = (
        (MARGIN, y0, width - MARGIN, y1) if y1 - y0 >= 1.3 * style.text_height else None
        for y0, y1 in ((MARGIN, top), (bottom, height - MARGIN))
    )
    right = left + layout.paper_seconds * speed
    return Frame(width, height, left, right, tuple(map(float, baselines)), pitch, header, footer)


def _steps(layout: Layout, rng: np.random.Generator) -> list[float]:
    """Return the distances from row to row, blank rows too, in units of the usual one; rhythm rows may stand apart."""
    apart = rng.uniform(0.8, 1.15)
    rows = layout.n_rows + layout.blank_rows
    return [
        apart if r + 1 >= layout.n_rows - layout.rhythm_rows and layout.rhythm_rows else 1.0 for r in range(rows - 1)
    ]


def _margins(style: Style, rng: np.random.Generator) -> tuple[float, float]:
    """Return the least height in mm above and below the rows. Without a header, tall waves may leave the sheet."""
    if style.sheet == "roll":
        head, foot = rng.uniform(2, 9), rng.uniform(2, 8)
    else:
        head = rng.uniform(12, 30) if style.header else rng.uniform(2, 14)
        foot = rng.uniform(7, 16) if style.footer else rng.uniform(2, 10)
    line = 1.5 * style.text_height + MARGIN  # speed and gain take one line of text
    return max(head, line if style.caption == "top" else 0), max(foot, line if style.caption == "bottom" else 0)


def _fixed_size(style: Style, wide: float, high: float, rng: np.random.Generator) -> tuple[float, float] | None:
    """Return the size of the style's sheet in mm if `wide` × `high` mm fit on it, else None."""
    if style.sheet == "fit":
        return None
    if style.sheet == "roll":
        lowest, highest = ROLL_HEIGHT
        size = (wide + rng.uniform(0, 40), rng.uniform(min(max(lowest, high), highest), highest))
    else:
        size = SHEETS[style.sheet]
    return size if wide <= size[0] and high <= size[1] else None
