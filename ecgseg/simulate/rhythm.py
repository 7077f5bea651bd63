"""When the atria and the ventricles beat: one function per rhythm, each returning a Schedule.

All take (rng, pulse, pr): `pulse` is a Pulse, `pr` the PR interval in s.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

NONE = np.zeros(0)


@dataclass(frozen=True)
class Pulse:
    """The ventricular rate asked for, per minute, and the span of time in s to fill with beats."""

    rate: float
    first: float
    last: float


@dataclass(frozen=True)
class Schedule:
    """The events of a recording, in s.

    p (m,): onsets of P waves; p_to (m,): the beat each is conducted to, or -1; qrs (n,): QRS onsets; p_ectopic (m,),
    other (n,) bool: P waves and beats of the second form; spikes: pacemaker spikes; flutter: onsets of flutter waves.
    """

    p: np.ndarray
    p_to: np.ndarray
    qrs: np.ndarray
    p_ectopic: np.ndarray = field(default=None)
    other: np.ndarray = field(default=None)
    spikes: np.ndarray = field(default_factory=NONE.copy)
    flutter: np.ndarray = field(default_factory=NONE.copy)

    def __post_init__(self):
        for name, like in (("p_ectopic", self.p), ("other", self.qrs)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.zeros(len(like), bool))


def times(rng: np.random.Generator, pulse: Pulse, jitter: float = 0.01, breath: float = 0.02) -> np.ndarray:
    """Return rising instants that fill the span at the pulse's mean rate.

    jitter: the random part of each interval; breath: how much it swings with a breath of 3 to 6 s; both as shares.
    """
    mean = 60 / pulse.rate
    n = int(np.ceil((pulse.last - pulse.first) / mean)) + 3
    phase = 2 * np.pi * (rng.random() + mean * np.arange(n) / rng.uniform(3, 6))
    intervals = 1 + breath * np.sin(phase) + jitter * rng.standard_normal(n)
    intervals *= mean / intervals.mean()
    at = pulse.first - rng.random() * mean + np.cumsum(intervals)
    return at[at < pulse.last]


def conducted(qrs: np.ndarray, pr, **rest) -> Schedule:
    """Return the schedule in which a P wave `pr` s earlier leads to each QRS."""
    return Schedule(qrs - pr, np.arange(len(qrs)), qrs, **rest)


def sinus(rng, pulse, pr) -> Schedule:
    """A regular sinus rhythm that breathes a little."""
    return conducted(times(rng, pulse, 0.008, rng.uniform(0.0, 0.04)), pr)


def arrhythmic_sinus(rng, pulse, pr) -> Schedule:
    """Sinus arrhythmia: the interval swings with breathing by 10 to 25 %."""
    return conducted(times(rng, pulse, 0.02, rng.uniform(0.10, 0.25)), pr)


def supraventricular_tachycardia(rng, pulse, pr) -> Schedule:
    """Fast and even; in half of them the atria are excited backwards, a small P just behind the QRS."""
    qrs = times(rng, pulse, 0.003, 0.0)
    if rng.random() < 0.5:
        return Schedule(NONE, NONE.astype(int), qrs)
    behind = qrs + rng.uniform(0.09, 0.12)
    return Schedule(behind, np.full(len(qrs), -1), qrs, p_ectopic=np.ones(len(qrs), bool))


def irregular(rng, pulse, pr) -> Schedule:
    """Atrial fibrillation's ventricles: no P, every interval drawn by itself, none under 0.28 s."""
    mean = 60 / pulse.rate
    n = int(np.ceil(2 * (pulse.last - pulse.first) / mean)) + 5
    # 0.2 to 0.3 of the mean is how irregular untreated atrial fibrillation is; a gamma has the long tail.
    shape = 1 / rng.uniform(0.2, 0.3) ** 2
    floor = min(0.28, 0.7 * mean)
    at = pulse.first - rng.random() * mean + np.cumsum(np.maximum(rng.gamma(shape, mean / shape, n), floor))
    return Schedule(NONE, NONE.astype(int), at[at < pulse.last])


def flutter(rng, pulse, pr) -> Schedule:
    """Atrial flutter at 230 to 330 per minute with every second, third or fourth wave conducted, or a mix."""
    choices = [k for k in (2, 3, 4) if 230 <= k * pulse.rate <= 330]
    ratio = int(rng.choice(choices or [3]))
    waves = times(rng, Pulse(pulse.rate * ratio, pulse.first, pulse.last), 0.0, 0.0)
    steps = np.full(len(waves), ratio)
    if ratio > 2 and rng.random() < 0.5:
        steps += rng.permuted(np.resize([1, -1], len(waves)))
    conducting = np.cumsum(steps)
    conducting = conducting[conducting < len(waves)]
    delay = rng.uniform(0.1, 0.2)
    return Schedule(NONE, NONE.astype(int), waves[conducting] + delay, flutter=waves)


def premature_atrial(rng, pulse, pr) -> Schedule:
    """Sinus rhythm with early beats from elsewhere in the atria; the sinus starts anew after each."""
    qrs = times(rng, replace(pulse, last=1.5 * pulse.last))  # each early beat draws all later ones forward
    early = _picked(rng, len(qrs), every=rng.uniform(3, 7))
    advance = early * rng.uniform(0.25, 0.42, len(qrs)) * 60 / pulse.rate
    before = np.cumsum(advance) - advance
    return conducted(qrs - advance - rng.uniform(0.85, 1.0) * before, pr, p_ectopic=early)


def premature_ventricular(rng, pulse, pr) -> Schedule:
    """Sinus rhythm with single early ventricular beats, or every second or third beat one; full pauses."""
    qrs = times(rng, pulse)
    if rng.random() < 0.3:
        early = np.arange(len(qrs)) % rng.integers(2, 4) == 1
    else:
        early = _picked(rng, len(qrs), every=rng.uniform(3, 7))
    return _ventricular_early(rng, qrs, pr, early)


def ventricular_couplets(rng, pulse, pr) -> Schedule:
    """Sinus rhythm with pairs of early ventricular beats."""
    qrs = times(rng, pulse)
    first = _picked(rng, len(qrs), every=rng.uniform(4.5, 8))
    first[-1] = False
    early = first | np.roll(first, 1)
    return _ventricular_early(rng, qrs, pr, early)


def _ventricular_early(rng, qrs, pr, early) -> Schedule:
    """Put the beats marked early before their sinus beat, whose P wave stays where it was and is not conducted."""
    interval = np.median(np.diff(qrs))
    # A focus keeps its coupling to the beat before.
    at = qrs - early * rng.uniform(0.28, 0.42) * interval * rng.uniform(0.95, 1.05, len(qrs))
    return Schedule(qrs - pr, np.where(early, -1, np.arange(len(qrs))), at, other=early)


def _picked(rng, n: int, every: float) -> np.ndarray:
    """Return a mask (n,) with about one in `every` set, never two beside each other, at least one if n > 2."""
    gaps = np.maximum(2, rng.poisson(every, n))
    picked = np.zeros(n, bool)
    at = rng.integers(1, 4) + np.cumsum(gaps) - gaps[0]
    picked[at[at < n]] = True
    return picked


def wenckebach(rng, pulse, pr) -> Schedule:
    """PR grows beat by beat, by less each time, until one P is not conducted; the atria stay regular."""
    group = int(rng.integers(3, 6))  # P waves a group, of which one is lost
    p = times(rng, replace(pulse, rate=pulse.rate * group / (group - 1)))
    place = (np.arange(len(p)) + rng.integers(group)) % group
    growth = np.cumsum([0.0, rng.uniform(0.06, 0.12), *rng.uniform(0.015, 0.05, group)])
    through = place < group - 1
    return _dropping(p, pr + growth[place], through)


def two_to_one(rng, pulse, pr) -> Schedule:
    """Every second P is conducted, with the same PR."""
    p = times(rng, replace(pulse, rate=2 * pulse.rate))
    return _dropping(p, pr, (np.arange(len(p)) + rng.integers(2)) % 2 == 0)


def _dropping(p, pr, through) -> Schedule:
    return Schedule(p, np.where(through, np.cumsum(through) - 1, -1), (p + pr)[through])


def complete_block(rng, pulse, pr) -> Schedule:
    """Atria at 60 to 105 per minute, ventricles at their own rate, neither knowing of the other."""
    p = times(rng, replace(pulse, rate=rng.uniform(60, 105)))
    return Schedule(p, np.full(len(p), -1), times(rng, pulse, 0.005, 0.0))


def ventricular_tachycardia(rng, pulse, pr) -> Schedule:
    """Beats fast and even, over atria that go on at their own rate."""
    p = times(rng, replace(pulse, rate=rng.uniform(60, 105)))
    return Schedule(p, np.full(len(p), -1), times(rng, pulse, 0.006, 0.0))


def paced_ventricle(rng, pulse, pr) -> Schedule:
    """A spike before every QRS, in step with no P (as in atrial fibrillation) or behind each P."""
    qrs = times(rng, pulse, 0.0, 0.0)
    spikes = qrs - rng.uniform(0.006, 0.014)
    if rng.random() < 0.4:
        return Schedule(NONE, NONE.astype(int), qrs, spikes=spikes)
    return conducted(qrs, pr, spikes=spikes)


def paced_both(rng, pulse, pr) -> Schedule:
    """A spike before every P and one before every QRS."""
    qrs = times(rng, pulse, 0.0, 0.0)
    lead = rng.uniform(0.006, 0.014)
    return conducted(qrs, pr, spikes=np.sort(np.concatenate([qrs - lead, qrs - pr - lead])))


def still(rng, pulse, pr) -> Schedule:
    """No beat at all."""
    return Schedule(NONE, NONE.astype(int), NONE)


Rhythm = Callable[[np.random.Generator, Pulse, float], Schedule]
