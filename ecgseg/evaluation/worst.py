"""The worst pages of a run as pictures for a person: what was read, above what is printed."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ecgseg.errors import EcgsegError
from ecgseg.evaluation.conditions import Condition, Job
from ecgseg.evaluation.drawing import Stock, draw_page
from ecgseg.evaluation.tables import drawn
from ecgseg.plot import COLOURS, overlay

WIDTH = 1800  # px of a picture: what a screen shows
LINE_HEIGHT = 22
TRUE = (200, 0, 120)  # names on the true page, in a colour of their own


def worst_rows(rows: list[dict], count: int, of: str | None = None) -> list[dict]:
    """Return the lines of the `count` pages of lowest dB, the worst first; `of` limits them to one status."""
    rows = [row for row in drawn(rows) if of is None or row["status"] == of]
    return sorted(rows, key=lambda row: row["snr_db"])[:count]


def job_of(row: dict) -> Job:
    """Return the job that a line of the results is of."""
    pitch = None if np.isnan(row["row_pitch"]) else row["row_pitch"]
    return Job(
        Condition(row["layout"], row["noise"], row["speed"], row["gain"], pitch), int(row["number"]), int(row["seed"])
    )


def write_worst(rows: list[dict], stock: Stock, read: Callable, folder: Path) -> list[Path]:
    """Draw and read the pages of these lines again and write a picture of each into `folder`; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, row in enumerate(rows, 1):
        page = draw_page(job_of(row), stock)
        try:
            seen, said = overlay(read(page.image)), row["message"]
        except EcgsegError as error:
            seen, said = None, str(error)
        path = folder / f"{number:02d}_{row['page']}.png"
        Image.fromarray(side_by_side(page, seen, about(row, said))).save(path)
        paths.append(path)
    return paths


def about(row: dict, said: str) -> list[str]:
    """Return what is written above a page's picture."""

    def figure(key: str, form: str) -> str:
        return "–" if np.isnan(row[key]) else format(row[key], form)

    return [
        f"{row['page']}   {row['status']}   {row['recording']}   {row['px_per_mm'] * 25.4:.0f} dpi",
        f"{row['snr_db']:.1f} dB, by place {row['snr_db_by_place']:.1f}   quality {figure('quality', '.2f')}   "
        f"read as {row['read_as'] or 'no layout'}, {row['strips_named']:.0f} of {row['strips']:.0f} names right   "
        f"map {figure('map_rms_mm', '.2f')} mm   not read {row['nan_share']:.0%}, wrong {figure('wrong_share', '.0%')}",
        row["style"],
        *([said] if said else []),
    ]


def side_by_side(page, seen: np.ndarray | None, lines: list[str]) -> np.ndarray:
    """Return the reading (if there is one) above the picture with its truth, under lines of text."""
    parts = [_text(lines), *([] if seen is None else [_wide(seen)]), _wide(with_truth(page))]
    return np.concatenate(parts)


def with_truth(page) -> np.ndarray:
    """Return the picture of a rendered page, faded, with its true traces and lead names on it."""
    canvas = np.ascontiguousarray(255 - ((255 - page.image.astype(np.float32)) * 0.4).round().astype(np.uint8))
    scale = max(1.0, page.image.shape[1] / WIDTH)
    for k, (strip, points, baseline) in enumerate(zip(page.strips, page.points, page.baselines, strict=True)):
        colour = COLOURS[(k + strip.row) % len(COLOURS)]
        cv2.polylines(
            canvas, [np.round(points * 16).astype(np.int32).reshape(-1, 1, 2)], False, colour, round(2 * scale), 16, 4
        )
        place = tuple(int(v) for v in np.rint(baseline[0]))
        name = ("-" if strip.sign < 0 else "") + strip.lead
        cv2.putText(canvas, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7 * scale, TRUE, round(2 * scale), cv2.LINE_AA)
    return canvas


def _wide(image: np.ndarray) -> np.ndarray:
    height = max(1, round(image.shape[0] * WIDTH / image.shape[1]))
    return cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA)


def _text(lines: list[str]) -> np.ndarray:
    picture = Image.new("RGB", (WIDTH, LINE_HEIGHT * len(lines) + 8), "white")
    draw = ImageDraw.Draw(picture)
    for k, line in enumerate(lines):
        draw.text((8, 4 + LINE_HEIGHT * k), line, fill=(20, 20, 20), font=ImageFont.load_default(15))
    return np.asarray(picture)
