"""Locate the strips of a flat page: rows of ink, the layout they fit, and each lead's place in it."""

from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from ecgseg.digitize.rows import BAND, Row, find_rows, ink_mask
from ecgseg.errors import LayoutError
from ecgseg.layout import Layout, layout_names, load_layout

MIN_SCORE = 0.2  # below this the page looks like none of the layouts
NO_REPEATS = 0.4  # the evidence of a page without a repeated lead, between agreement and disagreement
SHIFT_MM = 7.5  # a row this far off is shifted; less may be a 5 mm calibration pulse or a faint beginning


@dataclass(frozen=True)
class LocatedStrip:
    """A strip on the flat page: x0, x1 (px) are its seconds t0, t1; `baseline` is its usual y (px); `sign` is −1 where
    it is printed upside down."""

    lead: str
    row: int
    t0: float
    t1: float
    x0: float
    x1: float
    baseline: float
    rhythm: bool = False
    sign: int = 1


@dataclass(frozen=True)
class Candidate:
    """A layout that the rows may follow, its score 0..1, and the rows (from the top) that it uses."""

    layout: Layout
    score: float
    rows: tuple[Row, ...]
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Located:
    """The strips of a page, the layout they follow, and the layouts that were considered, best first."""

    layout: Layout
    strips: list[LocatedStrip]
    confidence: float
    warnings: list[str] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)


def locate(mask: np.ndarray, px_per_mm: float, speed: float = 25.0, layout: str | Layout | None = None) -> Located:
    """Find the strips of a page in the probability (H, W) that a pixel is trace ink.

    `px_per_mm` is the flat page's scale, `speed` the paper speed in mm/s, `layout` a name that is known
    to be right. `confidence` is how well the rows' geometry fits, times the best layout's share among the
    plausible ones, less where a repeated lead does not repeat.
    Raises LayoutError if no layout, or not the given one, fits the rows found.
    """
    ink = ink_mask(mask, px_per_mm)
    rows = find_rows(ink, px_per_mm)
    if layout is None:
        tried = [load_layout(name) for name in layout_names("geometry")]  # names are not read yet
    else:
        tried = [layout if isinstance(layout, Layout) else load_layout(layout)]
    fits = [fit_layout(rows, one, px_per_mm, speed) for one in tried]
    # A layout the user names is held to having enough rows, not to looking usual.
    fits = [f for f in fits if f is not None and (layout is not None or f.score >= MIN_SCORE)]
    if not fits:
        raise LayoutError(_explain(rows, tried, px_per_mm, speed, forced=layout is not None))
    fits = sorted((weigh(f, ink, px_per_mm, speed) for f in fits), key=lambda f: -f.score)
    best = fits[0]
    strips, warnings = place(best, ink, px_per_mm, speed)
    if len(rows) > best.layout.n_rows:
        warnings.append(
            f"{len(rows)} rows of ink found, {best.layout.n_rows} used as layout {best.layout.name}: "
            "check that no row of leads was taken for text"
        )
    share = best.score / sum(f.score for f in fits)
    if share < 0.6:
        warnings.append(
            f"layout {best.layout.name} is only slightly more likely than {fits[1].layout.name}: "
            "give the layout if you know it"
        )
    geometry = best.parts["rows"] * best.parts["pitch"] * best.parts["length"]
    confidence = geometry * share * min(1.0, best.parts["repeats"] / NO_REPEATS)
    return Located(best.layout, strips, confidence, warnings, fits)


def fit_layout(rows: list[Row], layout: Layout, px_per_mm: float, speed: float) -> Candidate | None:
    """Score how the geometry of `rows` agrees with `layout`: rows left over, pitch, and trace length.

    Returns None if there are fewer rows than the layout has.
    """
    n, nominal = layout.n_rows, layout.seconds * speed * px_per_mm
    if len(rows) < n:
        return None
    # Text that looks like a row is the exception: a dozen spare rows are more than will ever be needed.
    strong = sorted(sorted(rows, key=lambda r: -_weight(r))[:14], key=lambda r: r.baseline)
    total = sum(_weight(r) for r in rows)
    full = max(_weight(r) for r in rows)
    best = None
    for chosen in combinations(strong, n):
        left = (total - sum(_weight(r) for r in chosen)) / full
        ratio = float(np.median([r.x1 - r.x0 for r in chosen])) / nominal
        parts = {
            "rows": float(np.exp(-2 * left)),
            "pitch": _pitch_score(np.array([r.baseline for r in chosen]) / px_per_mm, layout),
            # Recordings end early more often than they are printed too long.
            "length": float(np.exp(-(((ratio - 1) / (0.08 if ratio > 1 else 0.25)) ** 2))),
        }
        score = float(np.prod(list(parts.values())))
        if best is None or score > best.score:
            best = Candidate(layout, score, chosen, parts)
    return best


def weigh(fit: Candidate, ink: np.ndarray, px_per_mm: float, speed: float) -> Candidate:
    """Scale a candidate's score by what the ink says: steps between leads, and repeated leads."""
    strips, _ = place(fit, ink, px_per_mm, speed)
    lines = [row_line(ink, r.baseline, _half_pitch(fit.rows, px_per_mm)) for r in fit.rows]
    parts = {
        **fit.parts,
        "steps": _step_evidence(lines, strips, px_per_mm),
        "repeats": _repeat_evidence(lines, strips),
    }
    return replace(fit, score=fit.score * parts["steps"] * parts["repeats"], parts=parts)


def place(fit: Candidate, ink: np.ndarray, px_per_mm: float, speed: float) -> tuple[list[LocatedStrip], list[str]]:
    """Turn a candidate into strips with px positions and own baselines; also return warnings."""
    starts, warnings = row_starts(fit.rows, fit.layout.seconds * speed * px_per_mm, px_per_mm)
    half = min(_half_pitch(fit.rows, px_per_mm), BAND * px_per_mm)
    strips, scale = [], speed * px_per_mm
    lines = [row_line(ink, r.baseline, half) for r in fit.rows]
    for s in fit.layout.strips:
        x0 = starts[s.row] + s.offset_s * scale
        x1 = x0 + s.seconds * scale
        piece = lines[s.row][max(int(x0), 0) : max(int(x1), 0)]
        seen = piece[np.isfinite(piece)]
        # Less ink than half a second says little about where the strip's own baseline is.
        own = len(seen) > 0.5 * scale
        baseline = float(np.median(seen)) if own else fit.rows[s.row].baseline
        if not own:
            warnings.append(f"hardly any ink where lead {s.lead} (row {s.row + 1}) should be")
        strips.append(LocatedStrip(s.lead, s.row, s.t0, s.t1, x0, x1, baseline, s.rhythm, s.sign))
    return strips, warnings


def row_starts(rows: tuple[Row, ...], nominal: float, px_per_mm: float) -> tuple[list[float], list[str]]:
    """Return each row's start x (px): the common one, unless a full-length row is plainly shifted.

    Rows begin faintly or behind a calibration pulse, so the common start is where most beginnings, and
    ends less the `nominal` length (px), agree. Ends count a little less: a recording may end early.
    """
    # A row longer than it can be has something in front of it, mostly a calibration pulse.
    begins = np.array([r.x0 for r in rows if r.x1 - r.x0 <= nominal + px_per_mm])
    ends = np.array([r.x1 - nominal for r in rows])
    near = 0.25 * px_per_mm  # ± 10 ms at 25 mm/s

    def votes(x: float) -> float:
        by_begin, by_end = (np.maximum(1 - np.abs(a - x) / (2 * near), 0).sum() for a in (begins, ends))
        return by_begin + 0.9 * by_end

    best = max([*begins, *ends], key=votes)
    agreeing = begins[np.abs(begins - best) <= near]
    # A single beginning may agree by chance; ends are blunter by half a sample, but there is one per row.
    if len(agreeing) < 2:
        agreeing = np.concatenate([agreeing, ends[np.abs(ends - best) <= near]])
    common = float(np.median(agreeing))
    starts, warnings = [], []
    for i, r in enumerate(rows):
        shift = (r.x0 - common) / px_per_mm
        whole = abs(r.x1 - r.x0 - nominal) <= px_per_mm
        used = common
        if abs(shift) > SHIFT_MM:
            used = r.x0 if whole else common
            what = "its own" if whole else "their"
            warnings.append(f"row {i + 1} starts {shift:+.1f} mm from the other rows; {what} start is used")
        starts.append(used)
    return starts, warnings


def row_line(ink: np.ndarray, baseline: float, half: float) -> np.ndarray:
    """Return the mean y (px) of the ink within `half` px of a baseline per column, NaN where none."""
    top = max(round(baseline - half), 0)
    band = ink[top : round(baseline + half) + 1]
    count = band.sum(axis=0)
    total = (band * (top + np.arange(len(band)))[:, None]).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _weight(row: Row) -> float:
    return row.coverage * (row.x1 - row.x0)


def _half_pitch(rows: tuple[Row, ...], px_per_mm: float) -> float:
    gaps = np.diff([r.baseline for r in rows])
    return 0.55 * float(np.min(gaps)) if len(gaps) else 2 * BAND * px_per_mm


def _pitch_score(y_mm: np.ndarray, layout: Layout) -> float:
    """Score the distances between rows: regular, of usual size, rhythm rows somewhat freer."""
    gaps = np.diff(y_mm)
    if not len(gaps):
        return 1.0
    regular = gaps[: layout.n_rows - layout.rhythm_rows - 1]
    pitch = float(np.median(regular if len(regular) else gaps))
    low, high = layout.row_pitch_mm
    off = max(low - pitch, pitch - high, 0.0) / pitch
    spread = np.std(regular) / pitch if len(regular) else 0.0
    score = np.exp(-((spread / 0.2) ** 2)) / (1 + (off / 0.2) ** 2)
    for gap in gaps[len(regular) :]:
        extra = max(0.6 - gap / pitch, gap / pitch - 1.8, 0.0)
        score *= np.exp(-((extra / 0.3) ** 2))
    return float(score)


def _step_evidence(lines: list[np.ndarray], strips: list[LocatedStrip], px_per_mm: float) -> float:
    """Score 0.1..1 whether the trace jumps where one strip follows another; 0.33 says nothing.

    The jump at a boundary is ranked among the row's jumps everywhere (u in 0..1). Without a boundary u
    is uniform; with one its density is taken as 3 u^2, and the mean log ratio of the two is returned.
    """
    logs = []
    reach = max(int(0.75 * px_per_mm), 2)
    for r, line in enumerate(lines):
        starts = sorted(s.x0 for s in strips if s.row == r)[1:]
        jumps = _jumps(line, reach)
        known = np.sort(jumps[np.isfinite(jumps)])
        for x in starts:
            i = round(x)
            here = jumps[max(i - 2, 0) : i + 3]
            here = here[np.isfinite(here)]
            if len(here) and len(known) > 100:
                u = np.searchsorted(known, np.median(here)) / len(known)
                logs.append(np.log(3 * max(u, 0.2) ** 2))
    top = np.log(3.0)
    return float(np.exp((np.mean(logs) if logs else 0.0) - top))


def _jumps(line: np.ndarray, reach: int) -> np.ndarray:
    """Return |y just right - y just left| of each column, from means over `reach` columns, NaN at gaps."""
    seen = np.isfinite(line)
    sums = np.concatenate([[0.0], np.cumsum(np.where(seen, line, 0.0))])
    counts = np.concatenate([[0], np.cumsum(seen)])
    out = np.full(len(line), np.nan)
    i = np.arange(reach + 1, len(line) - reach - 1)
    # The column of the boundary itself is left out: a separator may stand there.
    left, right = counts[i] - counts[i - reach], counts[i + 1 + reach] - counts[i + 1]
    ok = (left > reach / 2) & (right > reach / 2)
    a = (sums[i] - sums[i - reach]) / np.maximum(left, 1)
    b = (sums[i + 1 + reach] - sums[i + 1]) / np.maximum(right, 1)
    out[i[ok]] = np.abs(b - a)[ok]
    return out


def _repeat_evidence(lines: list[np.ndarray], strips: list[LocatedStrip]) -> float:
    """Score 0.1..1 whether rhythm strips repeat the short strip of their lead, or NO_REPEATS."""
    found = []
    for long in (s for s in strips if s.rhythm):
        for short in (s for s in strips if s.lead == long.lead and not s.rhythm):
            n = int(short.x1 - short.x0)
            shift = (short.t0 - long.t0) / (long.t1 - long.t0) * (long.x1 - long.x0)
            a = lines[short.row][max(round(short.x0), 0) :][:n]
            b = lines[long.row][max(round(long.x0 + shift), 0) :][:n]
            m = min(len(a), len(b))
            ok = np.isfinite(a[:m]) & np.isfinite(b[:m])
            if ok.sum() > 0.5 * n and min(np.std(a[:m][ok]), np.std(b[:m][ok])) > 0:
                found.append(np.corrcoef(a[:m][ok], b[:m][ok])[0, 1])
    if not found:
        return NO_REPEATS
    return float(np.clip((np.mean(found) - 0.3) / 0.4, 0.1, 1.0))


def _explain(rows: list[Row], tried: list[Layout], px_per_mm: float, speed: float, forced: bool) -> str:
    """Say what was found, what would fit and what to do."""
    known = ", ".join(f"{t.name} ({t.n_rows} rows of {t.seconds * speed:g} mm)" for t in tried)
    if not rows:
        found = "no row of continuous trace found"
    else:
        length = float(np.median([r.x1 - r.x0 for r in rows])) / px_per_mm
        found = f"{len(rows)} rows of trace found, {length:.0f} mm long"
    if forced:
        return f"{found}, but layout {known} was asked for: choose another of {', '.join(layout_names())}"
    return (
        f"{found}, which fits none of {known}: name the nearest with digitize.layout=…, check the paper speed "
        f"({speed:g} mm/s assumed), or add a layout file"
    )
