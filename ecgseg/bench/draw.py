"""Pages to measure with: python -m ecgseg.bench.draw FOLDER COUNT; a process of its own keeps its memory apart."""

import sys
from pathlib import Path

LAYOUTS = ("3x4_1r", "6x2_1r", "12x1")
PX_PER_MM = 8.0  # 200 dpi


def draw(folder: Path, count: int) -> None:
    """Write `count` scanned pages as PNG, the usual layout first."""
    import cv2

    from ecgseg.ptb import load_records
    from ecgseg.render.page import render_page

    records = load_records(None, "val")
    for k in range(count):
        page = render_page(records[k % len(records)], LAYOUTS[k % len(LAYOUTS)], "scan", k, px_per_mm=PX_PER_MM)
        (folder / f"page{k:04d}.png").write_bytes(cv2.imencode(".png", page.image[..., ::-1])[1].tobytes())


if __name__ == "__main__":
    draw(Path(sys.argv[1]), int(sys.argv[2]))
