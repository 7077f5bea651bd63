"""A page for a person: the picture with what was read, the ECG redrawn at true scale, quality, warnings, findings.

What is measured and said is passed in as plain data; nothing is measured or worded here.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from ecgseg.output import report_ecg
from ecgseg.output.about import software
from ecgseg.output.files import place
from ecgseg.recording import Recording

SUFFIX = ".report.pdf"
FOOTER = "Research tool, not a medical device. Check every value against the picture."
LEGEND = "25 mm/s   10 mm/mV   true scale when printed at 100 %; pale: low confidence; no line: not printed or not read"
# Landscape pages in mm, A4 and A3, and the distances between rows to try on each, the widest first: under 16 mm rows
# run into each other, which a larger page avoids as long as there is one.
A3 = (420.0, 297.0)
PAGES = (((297.0, 210.0), (25.0, 22.0, 19.0, 16.0)), (A3, (25.0, 22.0, 19.0, 16.0, 13.0, 11.0)))
MARGIN, HEADER, FOOT = 8.0, 9.0, 9.0  # mm
TOP_SHARE = 0.36  # of the page's height at least, for picture, numbers and text
LINE_MM, FONT_MM = 3.3, 2.25
PICTURE_DPI = 200
GREY, DARK, RED = "#666666", "#111111", "#a01818"


@dataclass
class _Column:
    """A column of text in mm that is filled from its top; what does not fit is counted, not dropped silently."""

    axes: object
    left: float
    right: float
    top: float
    bottom: float
    missed: int = 0

    def add(self, text: str, colour: str = DARK, bold: bool = False, indent: float = 0.0) -> None:
        """Write text, wrapped to the column."""
        room = self.right - self.left - indent
        # The mean letter first; a line of wide letters is then wrapped again, narrower.
        letters = max(8, int(room * len(text) / max(_width_mm(text), 1e-6)) + 4)
        while letters > 8 and any(_width_mm(line) > room for line in textwrap.wrap(text, letters)):
            letters -= 1
        for line in textwrap.wrap(text, letters):
            self.cells([(indent, line, colour, bold)])

    def cells(self, cells: Sequence[tuple[float, str, str, bool]]) -> None:
        """Write one line of (mm from the left, text, colour, bold)."""
        if self.top + LINE_MM > self.bottom - LINE_MM:
            self.missed += 1
            return
        for x, text, colour, bold in cells:
            _text(self.axes, self.left + x, self.top + LINE_MM / 2, text, colour=colour, bold=bold)
        self.top += LINE_MM

    def close(self) -> None:
        """Say in the last line how much is missing."""
        if self.missed:
            line = f"… and {self.missed} more line{'s' if self.missed > 1 else ''}: see the JSON"
            _text(self.axes, self.left, self.bottom - LINE_MM / 2, line, colour=GREY)


def write_report(
    recording: Recording,
    path,
    picture: np.ndarray | None = None,
    measurements: Sequence[Mapping] = (),
    text: Sequence[str] = (),
    overwrite: bool = False,
    made: datetime | None = None,
) -> Path:
    """Write the page as PDF, A4 landscape where that is large enough, else A3, else as large as needed.

    `picture` is (H, W, 3) uint8 RGB, the overlay for instance. `measurements` are rows with the keys name, value, unit,
    reference, note (only name must be there; a value of None is shown as a dash with the note as its reason) and
    `flag`, true for what lies outside its reference. `text` are paragraphs. `made` is the time in the footer (None:
    now). Raises OutputError if the file exists and `overwrite` is not set.
    """
    path = Path(path)
    figure = compose(recording, picture, measurements, text, made or datetime.now())

    def save(folder: Path) -> None:
        from matplotlib import rc_context

        about = {"Title": recording.name, "Creator": software(recording), "Subject": FOOTER}
        # 42: letters stay letters, so that the page can be searched.
        with rc_context({"pdf.fonttype": 42}):
            figure.savefig(folder / path.name, format="pdf", metadata=about)

    return place([path], save, overwrite)[0]


def rows_of(table: Sequence[Mapping]) -> list[dict]:
    """Return the rows that `write_report` takes, out of the table of an ecgseg.report.Report: those with a usual range.

    QT, which has none, belongs to its QTc; the other rows are in the report's own files, for want of room here.
    """
    return [
        {
            "name": row["measurement"],
            "value": None if row["value"] == "–" else row["value"],
            "reference": row["usual"],
            "note": row["note"],
            "flag": bool(row["flag"]),
        }
        for row in table
        if row["usual"] or row["measurement"].startswith("QT")
    ]


def compose(recording: Recording, picture, measurements: Sequence[Mapping], text: Sequence[str], made: datetime):
    """Return the page as a matplotlib figure, one axes in mm over all of it, y downwards."""
    from matplotlib.figure import Figure

    pieces = report_ecg.arrange(recording)
    width, height, ecg = page_size(recording, pieces)
    figure = Figure(figsize=(width / 25.4, height / 25.4))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    report_ecg.draw(axes, recording, pieces, ecg)
    _text(axes, ecg[0], ecg[3] + 2.2, LEGEND, colour=GREY)
    _header(axes, recording, width)
    top, bottom = MARGIN + HEADER, ecg[1] - 3
    left = MARGIN
    if picture is not None:
        left = 5 + _picture(axes, picture, (MARGIN, top, MARGIN + 0.47 * (width - 2 * MARGIN), bottom))
    middle = left + (width - MARGIN - left) * 0.58
    _findings(_Column(axes, left, middle - 4, top, bottom), measurements, text)
    _trust(_Column(axes, middle, width - MARGIN, top, bottom), recording)
    _text(axes, MARGIN, height - MARGIN / 2 - 1, FOOTER, colour=RED, bold=True)
    when = f"{software(recording)}, {made:%Y-%m-%d %H:%M}"
    _text(axes, width - MARGIN, height - MARGIN / 2 - 1, when, colour=GREY, ha="right")
    return figure


def page_size(
    recording: Recording, pieces: Sequence[report_ecg.Piece]
) -> tuple[float, float, tuple[float, float, float, float]]:
    """Return the page's width and height in mm, and the box (left, top, right, bottom) of the redrawn ECG on it."""
    sizes = [(page, report_ecg.size_mm(recording, pieces, pitch)) for page, pitches in PAGES for pitch in pitches]
    for (width, height), (across, down) in sizes:
        if across <= width - 2 * MARGIN and down <= _room(height):
            break
    else:
        width = max(A3[0], across + 2 * MARGIN)
        height = A3[1] + max(0.0, down - _room(A3[1]))
    left, bottom = (width - across) / 2, height - MARGIN - FOOT
    return width, height, (left, bottom - down, left + across, bottom)


def _room(height: float) -> float:
    """Return how high the redrawn ECG may be on a page of that height."""
    return height * (1 - TOP_SHARE) - MARGIN - FOOT


def _header(axes, recording: Recording, width: float) -> None:
    """Write name, and how the page was taken."""
    about = recording.provenance
    parts = []
    if "layout" in about:
        parts.append(f"layout {about['layout']['name']}")
    if "speed_mm_s" in about and "gain_mm_mv" in about:
        parts.append(f"printed at {about['speed_mm_s']:g} mm/s, {about['gain_mm_mv']:g} mm/mV")
    if "scale" in about and "how" in about["scale"]:
        parts.append(f"scale {about['scale']['how']}")
    _text(axes, MARGIN, MARGIN + 1.5, recording.name, size_mm=4.2, bold=True)
    _text(axes, width - MARGIN, MARGIN + 1.5, "   ".join(parts), colour=GREY, ha="right")
    axes.plot([MARGIN, width - MARGIN], [MARGIN + HEADER - 3.2] * 2, color=GREY, lw=0.4)


def _picture(axes, picture: np.ndarray, room: tuple[float, float, float, float]) -> float:
    """Draw the picture as large as the room allows; returns its right edge in mm."""
    left, top, right, bottom = room
    rows, columns = picture.shape[:2]
    scale = min((right - left) / columns, (bottom - top) / rows)
    size = [max(1, round(n * scale / 25.4 * PICTURE_DPI)) for n in (columns, rows)]
    image = Image.fromarray(np.ascontiguousarray(picture))
    if size[0] < columns:
        image = image.resize(size, Image.Resampling.LANCZOS)
    extent = (left, left + columns * scale, top + rows * scale, top)
    axes.imshow(np.asarray(image), extent=extent, aspect="auto", interpolation="none", zorder=1)
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    return extent[1]


def _findings(column: _Column, measurements: Sequence[Mapping], text: Sequence[str]) -> None:
    """Write the table of measurements and the paragraphs under it."""
    wide = column.right - column.left
    if measurements:
        heads = [(0.0, "Measurements", DARK, True), (0.62 * wide, "Reference", GREY, False)]
        column.cells(heads)
    for row in measurements:
        value, note, flag = row.get("value"), row.get("note") or "", bool(row.get("flag"))
        shown = "–" if value is None else f"{value} {row.get('unit') or ''}".strip()
        colour = RED if flag else DARK
        cells = [(0.0, str(row["name"]), DARK, False), (0.36 * wide, shown, colour, flag)]
        if row.get("reference"):
            cells.append((0.62 * wide, str(row["reference"]), GREY, False))
        column.cells(cells)
        if note:
            column.add(str(note), GREY, indent=3.0)
    if measurements and text:
        column.top += LINE_MM / 2
    for paragraph in text:
        column.add(paragraph)
    column.close()


def _trust(column: _Column, recording: Recording) -> None:
    """Write the quality of each lead with a bar, then the warnings."""
    if recording.quality:
        column.cells([(0.0, "Quality per lead, 0 to 1", DARK, True)])
        names = [lead for lead in recording.leads if lead in recording.quality]
        half = math.ceil(len(names) / 2)
        for pair in zip(names[:half], [*names[half:], ""], strict=False):
            top = column.top
            column.cells([])
            if column.top > top:
                for k, lead in enumerate(n for n in pair if n):
                    _quality(column, column.left + k * (column.right - column.left) / 2, top, lead, recording)
    column.top += LINE_MM / 2
    if recording.warnings:
        column.cells([(0.0, "Warnings", RED, True)])
    for warning in recording.warnings:
        column.add(f"• {warning}")
    column.close()


def _quality(column: _Column, left: float, top: float, lead: str, recording: Recording) -> None:
    """Draw a lead's name, a bar of its quality and the number; a lead of which nothing was read says so."""
    quality = recording.quality[lead]
    y, start, full = top + LINE_MM / 2, left + 9, (column.right - column.left) / 2 - 20
    _text(column.axes, left, y, lead)
    if not math.isfinite(quality) or not np.isfinite(recording.lead(lead)).any():
        _text(column.axes, start, y, "not read", colour=RED)
        return
    column.axes.plot([start, start + full], [y, y], color="#dddddd", lw=3, solid_capstyle="butt")
    filled = start + full * min(max(quality, 0.0), 1.0)
    column.axes.plot([start, filled], [y, y], color=report_ecg.PALE, lw=3, solid_capstyle="butt")
    _text(column.axes, start + full + 1.5, y, f"{quality:.2f}")


def _text(axes, x, y, text, size_mm=FONT_MM, colour=DARK, bold=False, ha="left") -> None:
    axes.text(
        x, y, _drawable(text), fontsize=_points(size_mm), color=colour, ha=ha, va="center",
        weight="bold" if bold else "normal", parse_math=False,
    )  # fmt: skip


def _width_mm(text: str) -> float:
    """Return how wide a text is in the size of the columns."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    points = text_to_path.get_text_width_height_descent(_drawable(text), FontProperties(size=_points(FONT_MM)), False)[
        0
    ]
    return points / 72 * 25.4


def _points(mm: float) -> float:
    """Return the font size in points whose capitals and ascenders are about that high."""
    return 1.25 * mm / 25.4 * 72


def _drawable(text: str) -> str:
    """Return the text with � for letters that the font does not have, and no control characters."""
    return "".join(c if ord(c) in _letters() else "�" for c in text if c.isprintable())


@lru_cache
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(findfont("DejaVu Sans")).get_charmap())
