"""Whether the strips of a row follow each other in time or all show the same seconds, as their beats tell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.signal import find_peaks

from ecgseg.digitize.assemble.assemble import Trace, strip_signal
from ecgseg.digitize.assemble.verify import LAWS, MAX_RESIDUAL_SHARE, identity_residual
from ecgseg.digitize.locate.locate import Located, LocatedStrip
from ecgseg.layout import with_timing
from ecgseg.measure.beats import qrs_energy
from ecgseg.measure.prepare import band_pass
from ecgseg.recording import Recording

FS = 500.0
READ = 0.5  # of a strip, for its beats to count
SAME_S = 0.02  # between the lengths of columns
QRS_HZ = 5.0, 25.0
TALL = 0.4  # of the usual QRS's energy
REFRACTORY_S = 0.25
EDGE_S = 0.06  # a QRS so near to a strip's end may be seen in one column and not in the next
APART_S = 0.04  # between the tops of one QRS in two columns of leads
SPREAD_S = 0.012  # … from beat to beat
PLAINLY_HOLDS = 0.15  # a law broken by less, as a share of the largest lead, needs no beats to say so
BREAK_S = 0.07  # by which the interval over a column's end differs from the others
ENOUGH_BEATS = 4  # that coincide, where no law tells plainly

Column = dict[str, np.ndarray]  # lead -> mV


def same_seconds(
    strips: Sequence[LocatedStrip],
    traces: Sequence[Trace],
    px_per_mm: float,
    speed: float,
    gains: Mapping[str, float],
) -> bool:
    """Return whether the columns of strips, as they were traced (as `assemble` takes them), show the same seconds."""
    starts = {strip.t0 for strip in strips if not strip.rhythm}
    if len(starts) < 2:
        return False
    columns: dict[float, Column] = {}
    rhythm: Column = {}
    for strip, trace in zip(strips, traces, strict=True):
        own = replace(strip, t0=0.0, t1=strip.t1 - strip.t0)
        mv = strip_signal(own, trace, px_per_mm, speed, gains[strip.lead], FS, round(own.t1 * FS))[2]
        if np.isfinite(mv).mean() >= READ:
            (rhythm if strip.rhythm else columns.setdefault(strip.t0, {}))[strip.lead] = mv
    lengths = [len(x) for column in columns.values() for x in column.values()]
    if len(columns) < len(starts) or max(lengths) - min(lengths) > SAME_S * FS:
        return False
    cut = [{lead: x[: min(lengths)] for lead, x in columns[t0].items()} for t0 in sorted(columns)]
    return begin_together(cut, rhythm, FS)


def simultaneous(located: Located) -> Located:
    """Return a page whose strips, but for rhythm strips, all begin at 0 s."""
    strips = [s if s.rhythm else replace(s, t0=0.0, t1=s.t1 - s.t0) for s in located.strips]
    layout = located.layout and with_timing(located.layout, "simultaneous")
    return replace(located, strips=strips, layout=layout, seconds=max(s.t1 for s in strips))


def begin_together(columns: Sequence[Column], rhythm: Column, fs: float) -> bool:
    """Return whether the columns (each lead -> mV (n,), equally long) of a page show the same seconds.

    Their beats, and where laws between their leads can be checked these, must say so, and the beats must contradict
    that the columns follow each other: by the interval over their ends or, where the beats of the first column are
    those of the rhythm strips (lead -> mV (m,) of all columns' seconds), by these.
    """
    if len(columns) < 2:
        return False
    beats = [_beats(column, fs) for column in columns]
    seconds = max(len(x) for x in columns[0].values()) / fs
    if min(len(b) for b in beats) == 0:
        return False
    laws = _laws(columns, fs)
    if laws is not None and laws > MAX_RESIDUAL_SHARE:
        return False
    lawful = laws is not None and laws <= PLAINLY_HOLDS
    if not lawful:
        pairs = [_offsets(beats[0], other, seconds) for other in beats[1:]]
        if not all(_alike(p) for p in pairs) or sum(len(p) for p in pairs) < ENOUGH_BEATS:
            return False
    long = _beats(rhythm, fs) if rhythm else np.zeros(0)
    first, *others = (_alike(_offsets(b, long - k * seconds, seconds)) for k, b in enumerate(beats))
    return not any(others) if first or (rhythm and lawful) else _broken(beats, seconds)


def _beats(leads: Column, fs: float) -> np.ndarray:
    """Return the instants in s of the QRS complexes of leads that are printed at the same time."""
    energy = np.nan_to_num(qrs_energy(band_pass(np.stack(list(leads.values())), fs, *QRS_HZ), fs))
    high = TALL * np.percentile(energy, 98)
    return find_peaks(energy, height=high, distance=max(1, round(REFRACTORY_S * fs)))[0] / fs


def _offsets(one: np.ndarray, other: np.ndarray, seconds: float) -> np.ndarray:
    """Return by how much the beats of another row of leads are later than one's; none where not each beat of either,
    but those at its ends, has its like."""
    inner = [b[(b > EDGE_S) & (b < seconds - EDGE_S)] for b in (one, other)]
    if min(len(b) for b in inner) < 2:
        return np.zeros(0)
    for b, c in ((inner[0], other), (inner[1], one)):
        if np.abs(b[:, None] - c).min(axis=1).max() > APART_S:
            return np.zeros(0)
    return np.array([other[np.abs(other - b).argmin()] - b for b in inner[0]])


def _alike(offsets: np.ndarray) -> bool:
    return len(offsets) > 0 and bool(np.abs(offsets - np.median(offsets)).max() <= SPREAD_S)


def _broken(beats: Sequence[np.ndarray], seconds: float) -> bool:
    """Return whether the interval over the columns' ends, if they followed each other, is none of those within them."""
    within = np.concatenate([np.diff(b) for b in beats])
    if not len(within):
        return False
    over = [seconds - one[-1] + other[0] for one, other in pairwise(beats)]
    return float(np.median([np.abs(within - gap).min() for gap in over])) > BREAK_S


def _laws(columns: Sequence[Column], fs: float) -> float | None:
    """Return by how much, as a share of the largest lead, laws between leads of several columns are broken if these
    show the same seconds: the median of all laws that can be checked, None where none can."""
    leads = {lead: (k, x) for k, column in enumerate(columns) for lead, x in column.items()}
    recording = Recording(
        name="", signal=np.stack([x for _, x in leads.values()]).astype(np.float32), fs=fs, leads=tuple(leads)
    )
    shares = []
    for factors in LAWS.values():
        if set(factors) <= leads.keys() and len({leads[lead][0] for lead in factors}) > 1:
            residual = identity_residual(recording, factors)
            if residual is not None:
                shares.append(residual[1])
    return float(np.median(shares)) if shares else None
