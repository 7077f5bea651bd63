"""Recording → beats, median beat and bounds: the steps in their order."""

from dataclasses import dataclass, field, replace

import numpy as np

from ecgseg.measure.atria import Atria, find_p
from ecgseg.measure.beats import Beats, find_beats, qrs_energy
from ecgseg.measure.delineate import qrs_bounds, rough_qrs
from ecgseg.measure.hum import without_hum
from ecgseg.measure.median_beat import MedianBeat, cut_beats, rough_beats
from ecgseg.measure.prepare import Signals, band_pass, prepare
from ecgseg.measure.recovery import Recovery, find_t
from ecgseg.recording import Recording

WAVES = ("p_on", "p_off", "qrs_on", "qrs_off", "t_peak", "t_end")


@dataclass(frozen=True)
class Analysis:
    """What all measurements are made of; `beat` is None where no QRS can be laid over the others, `why` says why.

    bounds: s on the median beat's axis by name out of WAVES, NaN where not known; reasons: by p, qrs, t; halves: the
    bounds again, from the odd and from the even beats alone.
    """

    signals: Signals
    beats: Beats
    beat: MedianBeat | None = None
    bounds: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    halves: tuple[dict[str, float], ...] = ()
    p_spread: float = float("nan")
    why: str = ""


def analyse(recording: Recording, options: dict) -> Analysis:
    """Return the analysis of a recording."""
    signals = prepare(recording, options["signal"])
    if not len(signals.x):
        return Analysis(signals, _no_beats(), why="no lead can be used")
    energy = np.nan_to_num(qrs_energy(band_pass(signals.x, signals.fs, 5.0, 25.0), signals.fs))
    quiet = energy < 0.4 * np.percentile(energy, 98)
    signals = replace(signals, x=without_hum(signals.x, signals.fs, quiet))
    beats = find_beats(signals, options["beats"])
    usual, other = int(beats.usual.sum()), int(beats.other.sum())
    if not len(beats.at):
        return Analysis(signals, beats, why="no QRS complex found")
    if usual < 2:
        return Analysis(signals, beats, why="no two beats of one form")
    if usual < options["beats"]["least_share_alike"] * (usual + other):
        return Analysis(signals, beats, why="no organised rhythm: hardly two beats are alike")
    rough = rough_qrs(rough_beats(signals, beats))
    beat = cut_beats(signals, beats, rough[0]) if rough else None
    rough = rough_qrs(beat) if beat else None
    if rough is None:
        return Analysis(signals, beats, why="no QRS stands out of the median beat")
    on, _ = qrs_bounds(beat, rough)
    beat = cut_beats(signals, beats, on if np.isfinite(on) else rough[0])
    shortest = _usual_interval(beats)
    bounds, reasons, atria = _bounds(beat, rough, options, shortest)
    halves = []
    if len(beat.single) >= 4:
        halves = [_bounds(beat.subset(slice(k, None, 2)), rough, options, shortest, p_known=atria)[0] for k in (0, 1)]
    return Analysis(signals, beats, beat, bounds, reasons, tuple(halves), atria.spread)


def _bounds(beat: MedianBeat, rough, options, rr: float, p_known: Atria | None = None):
    """Return bounds, reasons and P. p_known: P as all beats show it: a half of them need not prove it again."""
    nan = float("nan")
    on, off = qrs_bounds(beat, rough)
    reasons = {}
    if not (np.isfinite(on) and np.isfinite(off)):
        reasons["qrs"] = "no lead shows the whole QRS"
        return dict.fromkeys(WAVES, nan), {w: reasons["qrs"] for w in "p qrs t".split()}, Atria(nan, nan, nan, nan, "")
    wave: Recovery = find_t(beat, (on, off), options["t"], rr)
    within = None if p_known is None else (p_known.on, p_known.off)
    atria = find_p(beat, on, wave.end, options["p"], rr, within)
    reasons = {k: v for k, v in (("p", atria.why), ("t", wave.why)) if v}
    bounds = dict(zip(WAVES, (atria.on, atria.off, on, off, wave.peak, wave.end), strict=True))
    return bounds, reasons, atria


def _usual_interval(beats: Beats) -> float:
    """Return the interval in s that follows usual beats in the median; early beats are cut out elsewhere."""
    known = beats.rr[np.isfinite(beats.rr)]
    return float(np.median(known)) if len(known) else float("nan")


def _no_beats() -> Beats:
    none = np.zeros(0)
    return Beats(none, none.astype(bool), none.astype(bool), none, float("nan"))
