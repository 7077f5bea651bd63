"""Locate the strips of a flat page: its rows, the layout that rows and lead names fit, and each lead's place in it."""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ecgseg.digitize.calibrate.caption import USUAL_SPEEDS
from ecgseg.digitize.locate.candidates import all_fits
from ecgseg.digitize.locate.echoes import Echoes
from ecgseg.digitize.locate.findings import Findings
from ecgseg.digitize.locate.fit import (
    END_MM,
    Fit,
    is_free,
    of_other_length,
    rhythm_prior,
    strip_windows,
)
from ecgseg.digitize.locate.leadnames import likely_strokes, page_names
from ecgseg.digitize.locate.records import left_of, parts_of, side_by_side
from ecgseg.digitize.locate.remarks import remarks, too_few_rows, unnamed_remark
from ecgseg.digitize.locate.rows import Row, begun_at_names, find_rows
from ecgseg.digitize.locate.starts import own_starts, refined_start, told_start, with_refined_gap
from ecgseg.digitize.locate.unnamed import named_by_print
from ecgseg.errors import LayoutError
from ecgseg.layout import LEADS, Layout, layout_names, load_layout, with_rhythm

TEMPER = 0.6  # the evidence's parts are not independent: log likelihoods count this much
SURE_NAME = 0.5  # probability of a name that counts when it contradicts
MIN_SHARE = 0.6  # of the posterior: below this a page is left unnamed
CONTESTED_SHARE = 0.85  # … or below this, where another fit has more rows and as many names
RHYTHM_SURE = 0.7  # below this a rhythm strip is left unnamed
FREE_PLAIN = 0.85  # below this its name is called doubtful
MIN_FOUND = 0.6  # of a forced layout's rows
PLAUSIBLE = -3.5  # nats per row of the layout, without names: less, and the page does not look like it …
NAMED_PLAUSIBLE = 4.0  # … times the share of strips, above half, whose names agree, less twice those that do not
MIN_SPELLED, SPELLED = 6, 0.8  # names, and their share of all strips, that tell a layout whatever the rows look like
ROW_SECONDS = 10.0  # of most pages' rows
SAME = 0.1  # by which speeds may differ and be one
MOSTLY_SPELLED = 0.6  # their share that tells one whose rows are of another length
LEAST_RHYTHM = 0.001  # … of one whose rows all can be leads, for it to be believed rather than one with others
MAYBE_RHYTHM = 0.3  # of the probability of all layouts that differ in their rhythm strips alone
SAME_START, SAME_HEIGHT = 5.0, 1.0  # mm: fits that start, and rows that lie, no further apart put a strip in one place
WITHIN = 15.0  # nats from the best in which a fit is looked at more closely
LAWFUL, LAWFUL_NAMES = 4.0, 3  # nats of the leads' laws, and names, that make rows of a layout's length believed
AS_LONG = 0.15  # of a row's length may be missing there, or lie outside
UNNAMED_CONFIDENCE = 0.2


@dataclass(frozen=True)
class LocatedStrip:
    """A strip on the flat page: x0, x1 (px) are its seconds t0, t1; `baseline` is its usual y (px); `sign` is −1 where
    it is printed upside down. `lead` is R2S3, row 2 strip 3, on a page whose leads are not known."""

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
    """A layout that the page may follow, its probability among the candidates, the rows (mm; None: not found) that it
    uses, and the parts of its log likelihood in nats."""

    layout: Layout
    score: float
    rows: tuple[Row | None, ...]
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Located:
    """The strips of a page, the layout they follow, and the layouts that were considered, best first.

    `layout` is None and `named` False where the leads are not known: the strips are then called R1, R2S1, …; so is a
    single rhythm strip (R4) where only its lead is not known. `seconds` is the length of the rows either way.
    `confidence` is the probability that layout and all names are right. To compare ways to read one page: `score` in
    nats, and how many printed names agree with the layout and how many contradict it. `parts`, where the page has
    several records: what was found of the one that these strips are of, and of the others.
    """

    layout: Layout | None
    strips: list[LocatedStrip]
    confidence: float
    warnings: list[str] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    named: bool = True
    seconds: float = 10.0
    speed: float = 25.0
    score: float = 0.0
    names_agreeing: int = 0
    names_contradicting: int = 0
    parts: tuple[Findings, Findings] | None = None


def locate(
    findings: Findings,
    px_per_mm: float,
    speed: float = 25.0,
    layout: str | Layout | None = None,
    trace: np.ndarray | None = None,
    speeds: tuple[float, ...] | None = None,
    several: bool = True,
    speed_told: bool = True,
    named: bool = True,
) -> Located:
    """Find the strips of a page in what was found on it.

    findings are in px of the flat page, `px_per_mm` its scale, `speed` the paper speed in mm/s; with `speeds` the best
    of these is taken instead. `layout` names the layout where it is known. `trace` (h, w) is the probability of trace
    ink at half the flat page's scale: it makes the start exact, names rhythm strips and tests the leads' laws.
    Unless `several`, no record in another layout is looked for beside the first one. Unless `speed_told`, rows that
    would have their usual seconds at another speed are not named: their times would be wrong by a factor. Unless
    `named`, no layout is believed.
    Raises LayoutError if there are no rows of trace, or not those of the given layout.
    """
    rows = find_rows(findings, px_per_mm)
    names = page_names(findings.names, px_per_mm)
    size = (None, None) if trace is None else (2 * trace.shape[1] / px_per_mm, 2 * trace.shape[0] / px_per_mm)
    forced = None if layout is None else layout if isinstance(layout, Layout) else load_layout(layout)
    if not rows:
        raise LayoutError(
            "no row of trace found on the page: expected rows of an ECG at least 12 mm long; check that the picture "
            "shows a whole page and give its scale with digitize.px_per_mm=…"
        )
    beside = side_by_side(rows, names)
    if beside is not None:
        rows, names = left_of(rows, names, beside)
    rows = begun_at_names(rows, [names.left[k] for k in _sure_names(names.names)])
    tried = [forced] if forced else [load_layout(name) for name in layout_names()]
    echoes = None if trace is None else Echoes(trace, px_per_mm)
    fits = all_fits(rows, names, size, speeds or (speed,), tried, unnamed=forced is None)
    fits = _listened(fits, echoes)
    if forced:
        best, share = fits[0], 1.0
        if best.found_rows < MIN_FOUND * forced.n_rows:
            raise LayoutError(too_few_rows(rows, forced, best.evidence.speed))
    elif named:
        best, share = _decide(fits, echoes, speed_told)
    else:
        best, share = next(f for f in fits if f.layout.name == "unnamed"), 1.0
    fit, sure, said = _with_free_names(best, echoes)
    if beside is not None:
        said.append("there are two records side by side on the page: the left one is read, the other left out")
    if fit.layout.name == "unnamed":
        said.append(unnamed_remark(fit, _rivals(fits)))
    ends = [(p.x / px_per_mm, True) for p in findings.starts] + [(p.x / px_per_mm, False) for p in findings.ends]
    located = _located(fit, share * sure, fits, said, echoes, px_per_mm, forced is not None, ends)
    alone = partial(
        locate, px_per_mm=px_per_mm, speed=speed, trace=trace, speeds=speeds, several=False, speed_told=speed_told
    )
    parts = parts_of(findings, fit, beside, (rows, names), px_per_mm, alone if several and not forced else None)
    return replace(located, parts=parts)


def _listened(fits: list[Fit], echoes: Echoes | None) -> list[Fit]:
    """Return the fits, best first, those near the best with what their leads' laws say."""
    if echoes is None:
        return fits
    near = [f for f in fits if f.score > fits[0].score - WITHIN and f.layout.name != "unnamed"]
    heard = []
    for f in near:
        nats = echoes.laws(f)
        heard.append(replace(f, score=f.score + nats, parts={**f.parts, "laws": nats}))
    return sorted(heard + [f for f in fits if f not in near], key=lambda f: -f.score)


def _decide(fits: list[Fit], echoes: Echoes | None, speed_told: bool) -> tuple[Fit, float]:
    """Return the fit to believe, and its probability: the best if it is plainly so, else the page without names."""
    shares = _shares(fits)
    plain = next(f for f in fits if f.layout.name == "unnamed")
    best = fits[0]
    # Layouts that differ in their rhythm strips alone agree on all other leads: a row that may be one is read.
    alike = [(fit, p) for fit, p in zip(fits, shares, strict=True) if fit is best or _same_leads(fit, best)]
    share = sum(p for _, p in alike)
    # A sheet's edge in the rows' step looks more like a row than not, but what repeats no lead tells nothing.
    usual = [(fit, p) for fit, p in alike if p >= LEAST_RHYTHM * share and not _strange(fit, echoes)] or alike
    likely = [fit for fit, p in usual if p >= MAYBE_RHYTHM * sum(p for _, p in usual)] or [usual[0][0]]
    best = max(likely, key=lambda fit: (fit.found_rows, fit.score))
    if best is plain:
        custom = named_by_print(plain) if speed_told or not _of_other_speed(plain, ROW_SECONDS) else None
        return (custom, share * _all_read_right(custom)) if custom else (plain, share)
    named = _with_free_names(best, echoes)[0]
    least = CONTESTED_SHARE if _contested(best, fits, alike) else MIN_SHARE
    believed = share >= least and _told(named) and (_plausible(named) or _spelled_out(named) or _lawful(named))
    if of_other_length(named.layout):
        usual = load_layout(named.layout.name).seconds
        certain = speed_told or (_as_long(named) and not _of_other_speed(named, usual))
        believed = believed and _mostly_spelled_out(named) and certain
    return (best, share) if believed else (plain, share)


def _contested(best: Fit, fits: list[Fit], alike: list[tuple[Fit, float]]) -> bool:
    """Return whether a fit that says something else has more of the page's rows and as many names: names between the
    rows may be the upper or the lower ones'."""
    same, names = [id(fit) for fit, _ in alike], _agreement(best)[0]
    others = (fit for fit in fits if id(fit) not in same and fit.score > best.score - WITHIN)
    return any(fit.found_rows > best.found_rows and _agreement(fit)[0] >= max(names, 1) for fit in others)


def _strange(fit: Fit, echoes: Echoes | None) -> set[int]:
    """Return the rhythm rows of a fit that have no name and whose curve can be that of no lead."""
    if echoes is None or not fit.layout.rhythm_rows:
        return set()
    names = fit.evidence.names.names
    named = {s.row for s, k in zip(fit.layout.strips, fit.names, strict=True) if k >= 0 and names[k].score >= SURE_NAME}
    return echoes.strange(fit) - named


def _spelled_out(fit: Fit) -> bool:
    """Return whether nearly each of a fit's strips has its name printed at its start, and hardly one contradicts."""
    return _share_spelled(fit, SPELLED)


def _of_other_speed(fit: Fit, seconds: float) -> bool:
    """Return whether a fit's rows would have so many seconds at another of the usual speeds."""
    speed = fit.evidence.speed
    needed = speed * fit.layout.seconds / seconds
    others = [usual for usual in USUAL_SPEEDS if abs(usual / speed - 1) > SAME]
    return any(abs(needed / usual - 1) < SAME for usual in others)


def _mostly_spelled_out(fit: Fit) -> bool:
    """Return whether names at most of a fit's strips agree, and hardly one contradicts: rows of another length than
    the layout's are no evidence for it."""
    return _share_spelled(fit, MOSTLY_SPELLED)


def _share_spelled(fit: Fit, share: float) -> bool:
    agree, against = _agreement(fit, SURE_NAME)
    enough = agree >= max(MIN_SPELLED, share * len(fit.layout.strips))
    return enough and against + len(fit.astray) <= agree / MIN_SPELLED


def _lawful(fit: Fit) -> bool:
    """Return whether the leads obey the laws between them, some names agree, none contradicts, and all rows are as
    long as the layout's: starts seen where none are, as at each beat of a coarse print, do not matter then."""
    agree, against = _agreement(fit, SURE_NAME)
    lawful = fit.parts.get("laws", 0.0) >= LAWFUL
    return lawful and agree >= LAWFUL_NAMES and not against and _as_long(fit)


def _as_long(fit: Fit) -> bool:
    """Return whether all rows of a fit were found, and are as long as it says."""
    few = AS_LONG * fit.length
    for k in range(fit.layout.n_rows):
        row, long = fit.row(k), fit.row_length(k)
        seen = 0.0 if row is None else row.covered_in(fit.x0 - END_MM, fit.x0 + long + END_MM)
        if seen < fit.length - few or row.covered - seen > few:
            return False
    return True


def _same_leads(one: Fit, other: Fit) -> bool:
    """Return whether two fits have the same leads in the same places, but for rhythm strips."""
    strips = [[s for s in f.layout.strips if not s.rhythm] for f in (one, other)]
    leads = [[(s.lead, s.t0, s.t1) for s in of] for of in strips]
    if not leads[0] or leads[0] != leads[1] or abs(one.x0 - other.x0) >= SAME_START:
        return False
    # By their heights: the evidence of one fit may have rows that were missed, that of the other not.
    heights = [[_height(f, s.row) for s in of] for f, of in zip((one, other), strips, strict=True)]
    return np.allclose(*heights, rtol=0, atol=SAME_HEIGHT, equal_nan=True)


def _height(fit: Fit, k: int) -> float:
    """Return where (mm) the layout's row k was found, NaN where it was not."""
    row = fit.row(k)
    return np.nan if row is None else row.baseline


def _rivals(fits: list[Fit]) -> list[Layout]:
    """Return the layouts that fit a page nearly as well as any, where their rows are like the page's at all."""
    best = fits[0].score
    near = [f for f in fits if f.layout.name != "unnamed" and f.score > best - 3]
    return [f.layout for f in near if _plausible(f)]


def _plausible(fit: Fit) -> bool:
    """Return whether the rows found are at all like the layout's; the more names agree, the less they need be."""
    agree, against = _agreement(fit, SURE_NAME)
    named = (agree - 2 * (against + len(fit.astray))) / len(fit.layout.strips)
    return fit.parts["rows"] / fit.layout.n_rows > PLAUSIBLE - NAMED_PLAUSIBLE * max(0.0, named - 0.5)


def _told(fit: Fit) -> bool:
    """Return whether what tells the layout is there: for one told by names, two names that agree, or all it has.

    No layout is told where more than a third of the names, and more than two, contradict it, nor where more do so or
    stand where none of its strips begins than agree: a name that was read without being sure of it may be any, and
    its part in the fit's score is small already.
    """
    layout = fit.layout
    agree, against = _agreement(fit)
    read = fit.evidence.names.names
    sure = _sure_names(read)
    surely_against = sum(k in sure and read[k].lead != s.lead for s, k in zip(layout.strips, fit.names, strict=True))
    if surely_against > max(2, agree // 2):
        return False
    elsewhere = sum(k in sure for k in fit.astray)
    if surely_against + elsewhere > max(2, agree):
        return False
    if layout.told_by == "geometry":
        return True
    short = with_rhythm(layout, ()).strips
    usual = any(with_rhythm(load_layout(name), ()).strips == short for name in layout_names("geometry"))
    # The leads' laws may hold by chance: they are no second name.
    return usual or (agree >= min(2, len(layout.strips)) and agree > against)


def _sure_names(names) -> set[int]:
    """Return which names are surely read, and not single strokes that are many."""
    sure = [k for k, name in enumerate(names) if name.score >= SURE_NAME]
    strokes = likely_strokes([names[k] for k in sure])
    return {k for j, k in enumerate(sure) if j not in strokes}


def _shares(fits: list[Fit]) -> list[float]:
    """Return the probability of each fit among those that say something else about where which lead is."""
    scores = np.array([f.score for f in fits])
    weight = np.exp(TEMPER * (scores - scores.max()))
    return [float(w) for w in weight / weight.sum()]


def _all_read_right(fit: Fit) -> float:
    read = fit.evidence.names
    p = [np.exp(read.says[k, LEADS.index(read.names[k].lead)]) / len(LEADS) for k in fit.names if k >= 0]
    return float(np.prod(p))


def _agreement(fit: Fit, least: float = 0.0) -> tuple[int, int]:
    """Return how many names at the fit's strips, read with a probability of `least`, agree and contradict it."""
    read = [(s, fit.evidence.names.names[k]) for s, k in zip(fit.layout.strips, fit.names, strict=True) if k >= 0]
    read = [(s, n) for s, n in read if n.score >= least]
    agree = sum(n.lead == s.lead for s, n in read)
    return agree, len(read) - agree


def _with_free_names(fit: Fit, echoes: Echoes | None) -> tuple[Fit, float, list[str]]:
    """Return the fit with its rhythm rows called as names and repeated leads say, how sure that is, and doubts.

    They differ from machine to machine, and so does the lead of a single strip.
    """
    layout, doubts, sure, strips = fit.layout, [], 1.0, []
    if layout.name in ("unnamed", "custom"):
        return fit, sure, doubts
    repeats, strange = echoes.repeats(fit) if echoes else {}, _strange(fit, echoes)
    for s, k in zip(layout.strips, fit.names, strict=True):
        if not is_free(s, layout):
            strips.append(s)
            continue
        score = rhythm_prior(s.lead) + repeats.get(s.row, 0.0)
        if k >= 0:
            score = score + fit.evidence.names.says[k]
        p = np.exp(score - np.logaddexp.reduce(score))
        lead = LEADS[int(p.argmax())]
        if s.row in strange:
            doubts.append(f"what was found in row {s.row + 1} repeats no lead of the page: it is left unnamed")
            lead = f"R{s.row + 1}"
        elif p.max() < RHYTHM_SURE:
            doubts.append(f"rhythm strip in row {s.row + 1}: perhaps {lead}, but that is not sure; it is left unnamed")
            lead = f"R{s.row + 1}"
        else:
            sure *= float(p.max())
            if p.max() < FREE_PLAIN:
                doubts.append(f"the strip in row {s.row + 1} is {lead} with {p.max():.0%}: its name is hard to read")
        strips.append(replace(s, lead=lead))
    return replace(fit, layout=replace(layout, strips=tuple(strips))), sure, doubts


def _located(
    fit: Fit,
    confidence: float,
    fits: list[Fit],
    doubts: list[str],
    echoes: Echoes | None,
    px_per_mm: float,
    forced: bool,
    ends: list[tuple[float, bool]],
) -> Located:
    """Put a fit on the page: strips in px, warnings, confidence; `ends`: where (mm) strips start (True) or end."""
    speed, named = fit.evidence.speed, fit.layout.name != "unnamed"
    fit = with_refined_gap(fit, echoes)
    fit = replace(fit, x0=refined_start(fit, echoes, told_start(fit, ends)))
    starts, shifted = own_starts(fit)
    strips = []
    for s, x0, x1, y in strip_windows(fit):
        x0, x1 = x0 + starts[s.row], x1 + starts[s.row]
        if _on_paper(fit, x0, x1, y):
            px = (x0 * px_per_mm, x1 * px_per_mm, y * px_per_mm)
            strips.append(LocatedStrip(s.lead, s.row, s.t0, s.t1, *px, s.rhythm, s.sign))
    agree, against = _agreement(fit) if named else (0, 0)
    against += len(fit.astray) if named else 0
    if not named:
        confidence = min(confidence, UNNAMED_CONFIDENCE)
    elif forced:
        confidence *= 0.5 ** max(0, against - agree)
    shares = _shares(fits)
    return Located(
        layout=fit.layout if named else None,
        strips=strips,
        confidence=float(np.clip(confidence, 0, 1)),
        warnings=[*doubts, *shifted, *remarks(fit, named)],
        candidates=[
            Candidate(f.layout, p, tuple(f.row(k) for k in range(f.layout.n_rows)), f.parts)
            for f, p in zip(fits, shares, strict=True)
        ],
        named=named,
        seconds=fit.layout.seconds,
        speed=speed,
        score=fit.score,
        names_agreeing=agree,
        names_contradicting=against,
    )


def _on_paper(fit: Fit, x0: float, x1: float, y: float) -> bool:
    """Return whether any of a strip can be on the paper."""
    width, height = fit.evidence.width, fit.evidence.height
    return x1 > 1 and y > 0 and (width is None or x0 < width - 1) and (height is None or y < height)
