"""python -m ecgseg.render.bench speed|exact|roundtrip: how fast, how exact, and how far perfect targets reach."""

import argparse
from time import process_time

import numpy as np

from ecgseg.layout import layout_names, load_layout
from ecgseg.render.levels import load_noise, noise_names
from ecgseg.render.page import Page, render_page


def main(argv: list[str] | None = None) -> int:
    """Run one of the benchmarks and print its table."""
    parser = argparse.ArgumentParser(prog="python -m ecgseg.render.bench", description=__doc__)
    parser.add_argument("what", choices=("speed", "exact", "roundtrip"))
    parser.add_argument("--pages", type=int, default=None, help="pages per line of the table")
    parser.add_argument("--noise", nargs="+", default=None, help="noise levels; all if not given")
    args = parser.parse_args(argv)
    import cv2

    from ecgseg.ptb import load_records

    cv2.setNumThreads(1)  # per core
    records = load_records(None, "val")
    levels = args.noise or noise_names()
    {"speed": speed_table, "exact": exact_table, "roundtrip": roundtrip_table}[args.what](records, levels, args.pages)
    return 0


def speed_table(records: list, levels: list[str], pages: int | None) -> None:
    """Print pages per second of CPU at 200 dpi and training crops per second, for each noise level."""
    from ecgseg.render.crops import CropSize, render_crop

    pages = pages or 12
    layout, size = load_layout("3x4_1r"), CropSize()
    render_page(records[0], layout, "none", 0)  # fonts and caches
    first = None
    print(f"{'level':10} {'pages/s/core':>12} {'s/page':>8} {'crops/s/core':>13} {'ms/crop':>8} {'page vs first':>14}")
    for level in levels:
        page = _cpu_seconds(lambda k, n=level: render_page(records[k % len(records)], layout, n, k, 200 / 25.4), pages)
        noise = load_noise(level)
        crop = _cpu_seconds(
            lambda k, n=noise: render_crop(records[k % len(records)], layout, n, np.random.default_rng(k), size),
            10 * pages,
        )
        first = first or page
        print(f"{level:10} {1 / page:12.1f} {page:8.3f} {1 / crop:13.1f} {crop * 1e3:8.1f} {page / first:13.2f}x")


def exact_table(records: list, levels: list[str], pages: int | None) -> None:
    """Print the distance in px between markers found on the picture and the truth, over all layouts."""
    from ecgseg.render.exactness import marker_errors

    pages, names = pages or 200, layout_names()
    print(f"{'level':10} {'pages':>6} {'markers':>8} {'median px':>10} {'p99 px':>8} {'max px':>8}")
    for level in levels:
        errors = []
        for k in range(pages):
            rng = np.random.default_rng([k, 5])
            page = render_page(records[k % len(records)], names[k % len(names)], level, rng)
            errors.append(marker_errors(page, seed=k))
        e = np.concatenate(errors)
        print(f"{level:10} {pages:6d} {len(e):8d} {np.median(e):10.4f} {np.quantile(e, 0.99):8.4f} {e.max():8.4f}")


def roundtrip_table(records: list, levels: list[str], pages: int | None) -> None:
    """Print the SNR in dB of perfect targets, flattened with the true map, decoded and assembled."""
    pages = pages or 20
    print(f"{'level':10} {'pages':>6} {'mean dB':>8} {'median':>8} {'p10':>8}")
    for level in levels:
        values = []
        for k in range(pages):
            page = render_page(records[k % len(records)], "3x4_1r", level, np.random.default_rng([k, 6]))
            values.append(round_trip_db(page))
        v = np.array(values)
        print(f"{level:10} {pages:6d} {v.mean():8.2f} {np.median(v):8.2f} {np.quantile(v, 0.1):8.2f}")


def round_trip_db(page: Page, px_per_mm: float = 8.0) -> float:
    """Return the page's SNR in dB when each strip's `line` target is perfect.

    The trace's points in the picture are brought to the flat page by the true map as the picture holds it (mm at
    each pixel), become Gaussian targets at four positions a column, and are decoded and assembled as a reading is.
    """
    import torch

    from ecgseg.digitize.assemble.assemble import assemble
    from ecgseg.digitize.locate.locate import LocatedStrip
    from ecgseg.digitize.trace.decode import line_position
    from ecgseg.metrics import score_page
    from ecgseg.testpages import printed_leads

    mm_at = page.warp.inverse()
    strips, traces = [], []
    for strip, trace, points, seen in zip(page.strips, page.scene.traces, page.points, page.visible, strict=True):
        if seen.sum() < 2:
            continue
        flat = _bilinear(mm_at, points[seen]) * px_per_mm
        x0, base = trace.x0 * px_per_mm, trace.baseline * px_per_mm
        x, y = _target(flat, x0, strip.seconds * page.scene.speed * px_per_mm)
        top = np.nanmin(y) - 16
        rows = torch.arange(int(np.nanmax(y) - top + 32), dtype=torch.float32)[:, None]
        known = np.isfinite(y)
        target = torch.from_numpy(np.where(known, y - top, 0).astype(np.float32))
        read, _ = line_position((-((rows - target) ** 2) / 2)[None, None])
        traces.append((x, read[0].numpy().astype(float) + top, known.astype(float)))
        end = x0 + strip.seconds * page.scene.speed * px_per_mm
        strips.append(LocatedStrip(strip.lead, strip.row, strip.t0, strip.t1, x0, end, base, strip.rhythm, strip.sign))
    recording = assemble(strips, traces, px_per_mm, page.scene.speed, page.scene.gain, 500.0)
    gain = page.scene.gain
    reading = {
        lead: signal * (gain / page.scene.gains.get(lead, gain))
        for lead, signal in zip(recording.leads, recording.signal, strict=True)
    }
    return score_page(printed_leads(page.printed), reading, recording.fs).snr_db


def _target(flat: np.ndarray, x0: float, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Return four positions a column over a strip, and the trace's y there, NaN where it is not."""
    x = np.arange(np.floor(x0), x0 + length, 0.25) + 0.125
    rising = np.maximum.accumulate(flat[:, 0])
    y = np.interp(x, rising, flat[:, 1], np.nan, np.nan)
    # Not across what cannot be seen: points lie closer than a millimetre.
    gap = np.interp(x, (rising[1:] + rising[:-1]) / 2, np.diff(rising)) if len(rising) > 2 else np.zeros(len(x))
    return x, np.where(gap > 8.0, np.nan, y)


def _bilinear(field: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return a field (H, W, 2) at points (n, 2) in px."""
    h, w = field.shape[:2]
    i = np.clip(np.floor(at).astype(int), 0, [w - 2, h - 2])
    f = at - i
    x, y = i.T
    top = field[y, x] * (1 - f[:, :1]) + field[y, x + 1] * f[:, :1]
    low = field[y + 1, x] * (1 - f[:, :1]) + field[y + 1, x + 1] * f[:, :1]
    return top * (1 - f[:, 1:]) + low * f[:, 1:]


def _cpu_seconds(call, repeats: int) -> float:
    start = process_time()
    for k in range(repeats):
        call(k)
    return (process_time() - start) / repeats


if __name__ == "__main__":
    raise SystemExit(main())
