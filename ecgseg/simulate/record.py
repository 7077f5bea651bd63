"""Simulated 12-lead recordings with the truth of their intervals."""

from dataclasses import dataclass

import numpy as np

from ecgseg.layout import LEADS
from ecgseg.recording import Recording
from ecgseg.simulate.beat import Beat, make_beat, p_wave, project
from ecgseg.simulate.kinds import KINDS, TABLE, Kind
from ecgseg.simulate.leads import torso, twelve
from ecgseg.simulate.rhythm import Pulse, Schedule
from ecgseg.simulate.waves import Waves, draw, join, waves

# A pacemaker's pulse lasts 0.4 to 2 ms; what a recorder with 150 Hz shows of it is about 2 ms wide.
_SPIKE_S = 0.002
_SHORTEST_JT_S = 0.08


@dataclass(frozen=True)
class Truth:
    """What a simulated recording holds; times in s from its start, NaN where there is no such thing.

    r_peaks, ectopic, p_onset, p_offset, qrs_onset, qrs_offset, t_end: one entry for each beat whose R peak is inside
    the recording. A wave has a start and an end outside which it is exactly zero in every lead: these are its onset
    and end, the same in all leads (`Waves` says how far inside them a threshold or a tangent finds it). R is where the
    heart vector of the QRS is longest. P is the one that led to the beat. T's end is NaN where the next QRS begins
    before it. p_waves, spikes: onsets of all P waves and of all pacemaker spikes. rate (per minute): from the first R
    to the last. pr, qrs, qt (s): medians over the beats not ectopic. st: in these, the height in mV of the plateau
    that begins at the J point, by lead (empty without beats).
    """

    kind: str
    r_peaks: np.ndarray
    ectopic: np.ndarray
    p_onset: np.ndarray
    p_offset: np.ndarray
    qrs_onset: np.ndarray
    qrs_offset: np.ndarray
    t_end: np.ndarray
    p_waves: np.ndarray
    spikes: np.ndarray
    rate: float
    pr: float
    qrs: float
    qt: float
    st: dict[str, float]


@dataclass(frozen=True)
class _Heart:
    """One patient: the torso's matrix, the two forms of beat, the two P waves, P's length and the QT of each beat."""

    matrix: np.ndarray
    beats: tuple[Beat, Beat]
    p_waves: tuple[Waves, Waves]
    p_s: float
    qt: np.ndarray


def simulate(rng: np.random.Generator, kind: str | None = None, seconds: float = 10.0, fs: float = 500.0) -> Recording:
    """Return a simulated recording without noise; see `simulate_with_truth`."""
    return simulate_with_truth(rng, kind, seconds, fs)[0]


def simulate_with_truth(
    rng: np.random.Generator,
    kind: str | None = None,
    seconds: float = 10.0,
    fs: float = 500.0,
    rate: float | None = None,
    pr: float | None = None,
    qrs: float | None = None,
    qt: float | None = None,
) -> tuple[Recording, Truth]:
    """Return a simulated 12-lead recording without noise, in mV, and its truth.

    kind is one of KINDS, or None for any. rate (of the ventricles, per minute), pr, qrs and qt (s) are drawn from
    the kind's ranges unless given. I + III = II and aVR + aVL + aVF = 0 hold exactly. The same generator state
    gives the same recording. Raises ValueError on an unknown kind, or where QT does not exceed QRS by 0.08 s.
    """
    kind = str(rng.choice(KINDS)) if kind is None else kind
    if kind not in TABLE:
        raise ValueError(f"unknown kind '{kind}'; the choices are {', '.join(KINDS)}")
    spec = TABLE[kind]
    rate = rng.uniform(*spec.rate) if rate is None else rate
    pr = rng.uniform(*spec.pr) if pr is None else pr
    qrs = rng.uniform(*spec.qrs) if qrs is None else qrs
    # Two seconds before and one after: the record opens and closes in the middle of things.
    plan = spec.rhythm(rng, Pulse(rate, -2.0, seconds + 1.0), pr)
    heart = _heart(rng, spec, plan, rate, pr, qrs, qt)
    n = round(seconds * fs)
    events = _events(rng, plan, heart)
    leads = draw(join(events), n, fs) if events else np.zeros((8, n))
    _add_spikes(rng, leads, plan.spikes, heart.matrix, fs)
    if spec.under is not None:
        leads += heart.matrix @ spec.under(rng, n, fs)
    recording = Recording(
        f"simulated_{kind}",
        twelve(leads),
        fs,
        clinical={"diagnosis": kind.replace("_", " "), "comments": []},
        provenance={"source": "simulated", "kind": kind},
    )
    return recording, _truth(kind, plan, heart, seconds)


def _heart(rng, spec: Kind, plan: Schedule, rate: float, pr: float, qrs: float, qt: float | None) -> _Heart:
    matrix = torso(rng)
    forms = ((spec.form, qrs), (spec.other, rng.uniform(*spec.other_qrs)))
    beats = tuple(make_beat(rng, form(rng), matrix, duration) for form, duration in forms)
    p_s = min(rng.uniform(0.085, 0.125), 0.85 * pr)
    ps = tuple(p_wave(rng, matrix, p_s, ectopic) for ectopic in (False, True))
    longest = np.where(plan.other, beats[1].duration, qrs)
    if qt is None:
        # Fridericia's cube root; a fast heart leaves less, and a beat follows the interval before it a little.
        usual = min(rng.uniform(*spec.qtc) * np.cbrt(60 / rate), 0.88 * 60 / rate) + (qrs > 0.12) * (qrs - 0.1)
        intervals = np.diff(plan.qrs, prepend=plan.qrs[:1] - 60 / rate)
        each = usual * np.clip(intervals * rate / 60, 0.6, 1.5) ** 0.12
        each = np.maximum(each + (longest - qrs), longest + _SHORTEST_JT_S)
    elif qt < qrs + _SHORTEST_JT_S:
        raise ValueError(f"QT is {qt:.3f} s with a QRS of {qrs:.3f} s; expected {_SHORTEST_JT_S} s more or longer")
    else:
        each = qt + longest - qrs
    return _Heart(matrix, beats, ps, p_s, each)


def _events(rng, plan: Schedule, heart: _Heart) -> list[Waves]:
    """Return all waves of the recording in the eight leads."""
    # Breathing moves the heart and the lungs' resistance: QRS heights swing by some percent.
    swing = 1 + rng.uniform(0.0, 0.07) * np.sin(2 * np.pi * (rng.random() + plan.qrs / rng.uniform(3, 6)))
    events = []
    for beat, mine in zip(heart.beats, (~plan.other, plan.other), strict=True):
        onset, qt = plan.qrs[mine], heart.qt[mine]
        events.append(beat.qrs.at(onset, 1.0, swing[mine]))
        events.append(beat.recovery.at(onset + beat.duration, qt - beat.duration))
    for form, mine in zip(heart.p_waves, (~plan.p_ectopic, plan.p_ectopic), strict=True):
        events.append(form.at(plan.p[mine]))
    if len(plan.flutter):
        events.append(_flutter(rng, heart.matrix, np.diff(plan.flutter).mean()).at(plan.flutter))
    return events


def _flutter(rng, matrix: np.ndarray, period: float) -> Waves:
    """Return one flutter wave: down slowly and up steeply in the inferior leads, small and upright in V1."""
    vector = np.array([-0.02, -0.24, -0.12]) * rng.uniform(0.5, 1.4)
    return project(rng, waves([(0.0, rng.uniform(0.6, 0.72) * period, period, vector)]), matrix, 0.15)


def _add_spikes(rng, leads: np.ndarray, spikes: np.ndarray, matrix: np.ndarray, fs: float) -> None:
    """Add pacemaker pulses to leads (8, n): small when bipolar, up to several mV when unipolar."""
    size = rng.uniform(0.15, 0.6) if rng.random() < 0.6 else rng.uniform(0.8, 3.0)
    height = size * matrix @ (np.array([0.4, 0.8, -0.2]) + 0.3 * rng.standard_normal(3))
    width = max(1, round(_SPIKE_S * fs))
    at = np.rint(spikes * fs).astype(int)[:, None] + np.arange(width)
    leads[:, at[(at >= 0) & (at < leads.shape[1])]] += height[:, None]


def _truth(kind: str, plan: Schedule, heart: _Heart, seconds: float) -> Truth:
    def inside(t):
        return np.where((t >= 0) & (t <= seconds), t, np.nan)

    duration, r_at = (np.where(plan.other, *(getattr(b, f) for b in heart.beats[::-1])) for f in ("duration", "r_at"))
    p_onset = np.full(len(plan.qrs), np.nan)
    leading = (plan.p_to >= 0) & (plan.p_to < len(plan.qrs))
    p_onset[plan.p_to[leading]] = plan.p[leading]
    t_end = plan.qrs + heart.qt
    t_end[:-1][t_end[:-1] > plan.qrs[1:]] = np.nan
    seen = (plan.qrs + r_at >= 0) & (plan.qrs + r_at < seconds)
    usual = seen & ~plan.other
    r = (plan.qrs + r_at)[seen]
    pr, qt = (plan.qrs - p_onset)[usual], heart.qt[usual]
    height = heart.beats[0].st[:, None]
    return Truth(
        kind=kind,
        r_peaks=r,
        ectopic=plan.other[seen],
        p_onset=inside(p_onset[seen]),
        p_offset=inside(p_onset[seen] + heart.p_s),
        qrs_onset=inside(plan.qrs[seen]),
        qrs_offset=inside((plan.qrs + duration)[seen]),
        t_end=inside(t_end[seen]),
        p_waves=plan.p[(plan.p >= 0) & (plan.p < seconds)],
        spikes=plan.spikes[(plan.spikes >= 0) & (plan.spikes < seconds)],
        rate=60 * (len(r) - 1) / (r[-1] - r[0]) if len(r) > 1 else float("nan"),
        pr=_median(pr),
        qrs=heart.beats[0].duration if usual.any() else float("nan"),
        qt=_median(qt),
        st=dict(zip(LEADS, twelve(height)[:, 0].tolist(), strict=True)) if usual.any() else {},
    )


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
