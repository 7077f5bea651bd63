"""Trace ink → what the curves themselves say about a layout: laws between leads, and leads that are printed twice."""

import numpy as np

from ecgseg.digitize.locate.fit import Fit, strip_windows
from ecgseg.layout import LEADS, Strip

# Sums that are zero at every instant (Einthoven 1912, Goldberger 1942), as factors per lead.
LAWS = (
    {"I": 1.0, "II": -1.0, "III": 1.0},
    {"aVR": 1.0, "aVL": 1.0, "aVF": 1.0},
    {"I": 0.5, "II": 0.5, "aVR": 1.0},
    {"I": -0.5, "III": 0.5, "aVL": 1.0},
    {"II": -0.5, "III": -0.5, "aVF": 1.0},
)
BAND = 9.0  # mm above and below a baseline where its trace is looked for
INK = 0.3  # probability from which a pixel counts
MIN_COLUMNS = 60  # 15 mm of paper at 4 px/mm
FLAT_MM = 0.1  # rms of a curve that shows nothing
# Rms of a law's sum over that of its largest lead, and how much likelier it is under right names than under wrong ones:
# 162 laws of 55 photographs and damaged pages, and 646 of the same curves under each other's names.
LAW_SHARES, LAW_NATS = (0.3, 0.5, 0.7, 0.95, 1.3), (3.0, 1.3, 0.0, -0.5, -2.5)
# A lead printed twice differs by noise of unknown size: the log likelihood of a lead is that of its unexplained share,
# 1 - r, of so many independent samples, halved; reading leaves at least the least of it unexplained.
SAMPLES, LEAST_NOISE = 6.0, 0.005
UNLIKE, FEW_COMPARED = 0.5, 3  # a rhythm strip repeats none of so many short ones where the best r is lower
MIN_REPEAT = 0.95  # the best lead's r must reach this: with less, neighbours' complexes decide
REPEATS_LIMIT = 8.5  # nats between leads: curves may be of other rows in part, and a name that is read counts, too


def row_line(trace: np.ndarray, px_per_mm: float, baseline: float, half: float) -> np.ndarray:
    """Return per column the middle of the ink in mm below `baseline` (mm), within `half` mm of it; NaN where none.

    trace (h, w) is the probability of ink at half the flat page's `px_per_mm`.
    """
    scale = px_per_mm / 2
    top = max(0, round((baseline - half) * scale))
    band = trace[top : max(0, round((baseline + half) * scale)) + 1]
    band = np.where(band > INK, band, 0.0)
    total = band.sum(axis=0)
    y = (top + np.arange(len(band)) + 0.25) / scale - baseline
    return np.where(total > INK, (band * y[:, None]).sum(axis=0) / np.maximum(total, 1e-6), np.nan)


class Echoes:
    """The curves of a page's rows, read from its trace ink as far as comparing them needs."""

    def __init__(self, trace: np.ndarray, px_per_mm: float):
        self.trace, self.px_per_mm = np.asarray(trace, np.float32), px_per_mm
        self._lines: dict[tuple[float, float], np.ndarray] = {}

    def strip(self, x0: float, x1: float, baseline: float, half: float) -> np.ndarray:
        """Return the curve between x0 and x1 (mm) about a baseline, in mm upwards; NaN where there is no ink."""
        key = (round(baseline, 2), round(half, 2))
        if key not in self._lines:
            self._lines[key] = row_line(self.trace, self.px_per_mm, baseline, half)
        scale = self.px_per_mm / 2
        first, count = round(x0 * scale), round((x1 - x0) * scale)
        columns = first + np.arange(count)
        inside = (columns >= 0) & (columns < self.trace.shape[1])
        out = np.full(count, np.nan)
        out[inside] = -self._lines[key][columns[inside]]
        return out

    def laws(self, fit: Fit) -> float:
        """Return the nats of the laws between the leads that a fit says are printed at the same time.

        0 where none can be checked; strips of a row that follow each other are compared with those above and below.
        """
        groups: dict[tuple[float, float], dict[str, np.ndarray]] = {}
        for s, curve in self._curves(fit):
            if not s.rhythm:
                groups.setdefault((s.t0, s.t1), {})[s.lead] = s.sign * curve
        nats = [_law(law, group) for group in groups.values() for law in LAWS if set(law) <= set(group)]
        # Several laws of the same leads are not several witnesses.
        return float(np.sum(nats) / np.sqrt(len(nats))) if nats else 0.0

    def repeats(self, fit: Fit) -> dict[int, np.ndarray]:
        """Return per rhythm row of a fit (its number) the nats (12,) of each lead: does it repeat the short strip?

        Leads that are not printed as short strips have the mean of the others. Rows that repeat none are left out.
        """
        curves = self._curves(fit)
        found = {}
        for long, line in curves:
            if not long.rhythm:
                continue
            nats, best = np.full(len(LEADS), np.nan), 0.0
            for short, piece in curves:
                if short.rhythm:
                    continue
                r = _correlation(short.sign * piece, _beside(long, line, short, piece))
                if np.isfinite(r):
                    best = max(best, r)
                    nats[LEADS.index(short.lead)] = -SAMPLES / 2 * np.log(max(1 - r, LEAST_NOISE))
            if best >= MIN_REPEAT:
                nats = np.where(np.isfinite(nats), nats, np.nanmean(nats))
                found[long.row] = np.maximum(nats - nats.max(), -REPEATS_LIMIT)
        return found

    def strange(self, fit: Fit) -> set[int]:
        """Return the rhythm rows of a fit (their numbers) that can repeat no short strip: level lines, such as a
        sheet's edge, and curves unlike all that is printed at the same time."""
        curves = self._curves(fit)
        short = [(s, c) for s, c in curves if not s.rhythm and _rms(c) >= FLAT_MM]
        found = set()
        for long, line in curves:
            if not long.rhythm or not short or np.isfinite(line).sum() < MIN_COLUMNS:
                continue
            like = [_correlation(s.sign * piece, _beside(long, line, s, piece)) for s, piece in short]
            like = [r for r in like if np.isfinite(r)]
            if _rms(line) < FLAT_MM or (len(like) >= FEW_COMPARED and max(like) < UNLIKE):
                found.add(long.row)
        return found

    def _curves(self, fit: Fit) -> list[tuple[Strip, np.ndarray]]:
        pitch = fit.evidence.pitch
        half = min(BAND, 0.5 * pitch)
        return [(s, self.strip(x0, x1, y, half)) for s, x0, x1, y in strip_windows(fit)]


def _law(law: dict[str, float], group: dict[str, np.ndarray]) -> float:
    curves = np.stack([group[lead] for lead in law])
    together = np.isfinite(curves).all(axis=0)
    if together.sum() < MIN_COLUMNS:
        return 0.0
    curves = curves[:, together]
    curves = curves - np.median(curves, axis=1, keepdims=True)
    largest = np.sqrt((curves**2).mean(axis=1)).max()
    if largest < FLAT_MM:
        return 0.0
    share = np.sqrt(((np.array(list(law.values())) @ curves) ** 2).mean()) / largest
    return float(np.interp(share, LAW_SHARES, LAW_NATS))


def _beside(long: Strip, line: np.ndarray, short: Strip, piece: np.ndarray) -> np.ndarray:
    """Return the part of a long strip's curve that is of the same time as a short strip's."""
    first = round((short.t0 - long.t0) / long.seconds * len(line))
    return line[first : first + len(piece)]


def _rms(curve: np.ndarray) -> float:
    seen = curve[np.isfinite(curve)]
    return float(seen.std()) if len(seen) >= MIN_COLUMNS else 0.0


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    n = min(len(a), len(b))
    both = np.isfinite(a[:n]) & np.isfinite(b[:n])
    if both.sum() < MIN_COLUMNS:
        return float("nan")
    a, b = a[:n][both], b[:n][both]
    if min(a.std(), b.std()) < FLAT_MM:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
