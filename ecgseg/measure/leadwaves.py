"""What each lead shows of the median beat: Q, R, S, P, T, ST, the QRS area, and its own durations."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ecgseg.measure.median_beat import MedianBeat, noise, running_mean

_ST_WIDTH_S = 0.008  # a level is the mean over this time: one sample is noise
_ST_LATER_S = 0.06
NO_WAVE = "no such wave in this lead"


@dataclass(frozen=True)
class Waves:
    """One wave of one lead: its height (mV) over the PR level; when it peaks, begins and ends (s, beat's axis)."""

    height: float
    at: float
    on: float
    off: float

    @property
    def ms(self) -> float:
        return 1000 * (self.off - self.on)


def qrs_waves(t: np.ndarray, y: np.ndarray, least_mv: float, least_ms: float) -> dict[str, Waves]:
    """Return Q, R, S (and R', called R2) of a lead inside the QRS, by name; a wave that is not there is left out.

    t (n,) s, y (n,) mV over the PR level, from the QRS onset to its end. A wave counts from least_mv and least_ms on.
    A QRS that is all negative is a QS, named Q. Names after the CSE working party, Eur Heart J 6 (1985) 815–825.
    """
    runs = _runs(t, y, least_mv, least_ms)
    ups = [k for k, w in enumerate(runs) if w.height > 0]
    if not ups:
        return {"Q": min(runs, key=lambda w: w.height)} if runs else {}
    out = {"R": runs[ups[0]]}
    if ups[0] > 0:
        out["Q"] = min(runs[: ups[0]], key=lambda w: w.height)
    later = [w for w in runs[ups[0] + 1 :] if w.height < 0]
    if later:
        out["S"] = min(later, key=lambda w: w.height)
    if len(ups) > 1:
        out["R2"] = max((runs[k] for k in ups[1:]), key=lambda w: w.height)
    return out


def _runs(t: np.ndarray, y: np.ndarray, least_mv: float, least_ms: float) -> list[Waves]:
    """Return the deflections one after the other; each lasts from the crossing of zero before it to the one behind."""
    sign = np.sign(y)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(sign) != 0) + 1, [len(y)]])
    runs: list[Waves] = []
    for a, b in pairwise(edges):
        top = a + int(np.argmax(np.abs(y[a:b])))
        wave = Waves(float(y[top]), float(t[top]), float(t[a]), float(t[min(b, len(t) - 1)]))
        if abs(wave.height) < least_mv or wave.ms < least_ms:
            continue
        if runs and (runs[-1].height > 0) == (wave.height > 0):
            # What lay between was no wave: two humps of one sign are one wave, the taller one its height.
            higher = max(runs[-1], wave, key=lambda w: abs(w.height))
            wave = Waves(higher.height, higher.at, runs[-1].on, wave.off)
            runs.pop()
        runs.append(wave)
    return runs


@dataclass(frozen=True)
class LeadWaves:
    """One lead: waves by name (P, Q, R, R2, S, T), ST levels (mV), area (mV·ms), its own bounds (s), noise (mV)."""

    waves: dict[str, Waves]
    st_j: float
    st_j60: float
    area: float
    qrs: tuple[float, float]
    noise: float


def lead_waves(beat: MedianBeat, bounds: dict[str, float], options: dict) -> dict[str, LeadWaves]:
    """Return what each lead shows, without leads whose QRS is unknown or too noisy; `bounds` as in Measurements."""
    on, off = bounds["qrs_on"], bounds["qrs_off"]
    error = noise(beat)
    out = {}
    for k, lead in enumerate(beat.leads):
        qrs = beat.part(on, off)
        y = beat.x[k]
        known = beat.count[k] >= options["least_beats"] and np.isfinite(y[qrs]).all()
        if not known or error[k] > options["most_noise_mv"]:
            continue
        least = max(options["wave_uv"] / 1000, options["noise_factor"] * error[k])
        waves = qrs_waves(beat.t[qrs], y[qrs], least, options["wave_ms"])
        waves |= _p_wave(beat, k, bounds, least) | _t_wave(beat, k, bounds, least)
        mine = np.flatnonzero(np.abs(y[qrs]) >= least)
        own = (beat.t[qrs][mine[0]], beat.t[qrs][mine[-1]]) if len(mine) else (np.nan, np.nan)
        st = (_level(beat, k, off), _level(beat, k, off + _ST_LATER_S))
        area = float(np.trapezoid(y[qrs], 1000 * beat.t[qrs]))
        out[lead] = LeadWaves(waves, *st, area, own, float(error[k]))
    return out


def _level(beat: MedianBeat, k: int, at: float) -> float:
    part = beat.x[k, beat.part(at - _ST_WIDTH_S / 2, at + _ST_WIDTH_S / 2)]
    return float(part.mean()) if len(part) else float("nan")


def _p_wave(beat: MedianBeat, k: int, bounds: dict[str, float], least: float) -> dict[str, Waves]:
    """Return the lead's P over the line from its onset to its end, if it is there."""
    on, off = bounds["p_on"], bounds["p_off"]
    if not (np.isfinite(on) and np.isfinite(off)):
        return {}
    part = beat.part(on, off)
    y = running_mean(beat.x[k], 0.012, beat.fs)[part]
    if not np.isfinite(y).all():
        return {}
    y = y - np.linspace(y[0], y[-1], len(y))
    return _wave(beat.t[part], y, least)("P")


def _t_wave(beat: MedianBeat, k: int, bounds: dict[str, float], least: float) -> dict[str, Waves]:
    """Return the lead's T: its largest swing from 0.1 s before the common peak to T's end, over the PR level."""
    peak, end = bounds["t_peak"], bounds["t_end"]
    if not (np.isfinite(peak) and np.isfinite(end)):
        return {}
    part = beat.part(max(peak - 0.1, bounds["qrs_off"] + 0.03), end)
    y = running_mean(beat.x[k], 0.02, beat.fs)[part]
    return _wave(beat.t[part], y, least)("T") if np.isfinite(y).all() else {}


def _wave(t: np.ndarray, y: np.ndarray, least: float):
    """Return name -> {name: the largest deflection}, {} where it is below `least`."""
    top = int(np.argmax(np.abs(y)))
    if abs(y[top]) < least:
        return lambda name: {}
    over = np.flatnonzero(y * np.sign(y[top]) > 0.1 * abs(y[top]))
    return lambda name: {name: Waves(float(y[top]), float(t[top]), float(t[over[0]]), float(t[over[-1]]))}
