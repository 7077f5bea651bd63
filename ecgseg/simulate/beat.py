"""The form of one heartbeat: waves of the heart vector for P, QRS, ST and T, by what is wrong with the heart.

Vectors are in mV in Frank's axes (x left, y down, z back). A form gives the QRS in shares of its duration, and ST and T
in shares of the time from the J point to the end of T; `make_beat` gives both their seconds and millivolts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ecgseg.simulate.waves import Waves, draw, waves

# The ST level is reached at J: it rises under the end of the QRS, over this share of the time from J to the end of T.
_ST_RISE = 0.12
# Real limb leads are smaller than chest leads; where a form would turn that round, they set the size.
_LIMB_WEIGHT = np.array([1.4, 1.4, 1, 1, 1, 1, 1, 1])


@dataclass(frozen=True)
class Form:
    """What a beat looks like before it has a size.

    qrs: rows (start, peak, end, vector) in shares of the QRS, from 0 to 1; peak_mv: the range of its largest
    deflection in the chest leads; st, t: vectors in mV; t_start, t_peak: shares of the time from J to the end of T.
    """

    qrs: list[tuple]
    peak_mv: tuple[float, float]
    t: np.ndarray
    st: np.ndarray
    t_start: float = 0.2
    t_peak: float = 0.68


@dataclass(frozen=True)
class Beat:
    """One beat in the eight independent leads (mV).

    qrs: waves in s from the QRS onset, over exactly `duration` s; recovery: ST and T in shares of the time from J
    to the end of T; st (8,): the ST level in mV; r_at: s from the QRS onset to the longest heart vector.
    """

    qrs: Waves
    recovery: Waves
    duration: float
    st: np.ndarray
    r_at: float


def turn(vectors: np.ndarray, frontal_deg: float, flat_deg: float = 0.0) -> np.ndarray:
    """Return vectors (…, 3) turned clockwise in the frontal plane (left to down), then left to back."""
    a, b = np.deg2rad([frontal_deg, flat_deg])
    frontal = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    flat = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    return np.asarray(vectors) @ (flat @ frontal).T


def project(rng: np.random.Generator, what: Waves, matrix: np.ndarray, spread: float = 0.06) -> Waves:
    """Return heart-vector waves as waves of the eight leads, each lead a little off the dipole's projection."""
    size = np.linalg.norm(what.vector, axis=1, keepdims=True)
    own = spread * size * rng.standard_normal((len(size), len(matrix)))
    return replace(what, vector=what.vector @ matrix.T + own)


def make_beat(rng: np.random.Generator, form: Form, matrix: np.ndarray, duration: float) -> Beat:
    """Return the beat of a form seen through a torso `matrix` (8, 3), its QRS `duration` s long."""
    heart = waves([(*(duration * t for t in row[:-1]), row[-1]) for row in form.qrs])
    grid = 200
    size = np.linalg.norm(draw(heart, grid, grid / duration), axis=0)
    qrs = project(rng, heart, matrix)
    peak = (np.abs(draw(qrs, grid, grid / duration)).max(axis=1) * _LIMB_WEIGHT).max()
    qrs = replace(qrs, vector=qrs.vector * (rng.uniform(*form.peak_mv) / peak))
    # The ST plateau sinks below T, so that both end together.
    recovery = waves([(form.t_start, form.t_peak, 1.0, form.t), (-_ST_RISE, 0.0, 0.45, 1.0, form.st)])
    recovery = project(rng, recovery, matrix, 0.1)
    return Beat(qrs, recovery, duration, recovery.vector[1], size.argmax() * duration / grid)


def p_wave(rng: np.random.Generator, matrix: np.ndarray, duration: float, ectopic: bool = False) -> Waves:
    """Return a P wave in the eight leads, `duration` s long from 0: right atrium first, then left."""
    right = np.array([0.03, 0.10, -0.07]) * rng.uniform(0.6, 1.5)
    left = np.array([0.07, 0.06, 0.06]) * rng.uniform(0.6, 1.4)
    if ectopic:  # from low in the atria: upwards
        right, left = right * [1, -1, 1], left * [0.5, -1, 1]
    rows = [(0, 0.4 * duration, 0.8 * duration, right), (0.3 * duration, 0.65 * duration, duration, left)]
    return project(rng, waves(rows), matrix, 0.15)


def _near(rng: np.random.Generator, vector, spread: float = 0.15) -> np.ndarray:
    """Return a vector with a random part of `spread` times its length in each direction."""
    vector = np.asarray(vector, float)
    return vector + spread * np.linalg.norm(vector) * rng.standard_normal(3)


def _notches(rng: np.random.Generator, size: float) -> list[tuple]:
    """Return up to two small extra waves inside a QRS."""
    rows = []
    for _ in range(rng.integers(0, 3)):
        start, length = rng.uniform(0.1, 0.6), rng.uniform(0.15, 0.35)
        rows.append((start, start + length / 2, start + length, size * rng.standard_normal(3)))
    return rows


def normal(rng: np.random.Generator) -> Form:
    """Septum to the front, then left and down, then back, last the base: R grows from V1 to V5, T upright."""
    frontal, flat = 22 * rng.standard_normal(), 4 + 16 * rng.standard_normal()
    parts = [
        (0.0, 0.2, 0.42, _near(rng, [-0.15, 0.02, -0.35], 0.2) * rng.uniform(0.5, 1.3)),
        (0.12, 0.4, 0.68, _near(rng, [1.0, 0.7, 0.1])),
        (0.34, 0.6, 0.88, _near(rng, [0.35, 0.1, 0.85])),
        (0.62, 0.8, 1.0, _near(rng, [-0.25, -0.25, 0.25], 0.3) * rng.uniform(0.3, 1.3)),
    ]
    rows = [(*row[:3], turn(row[3], frontal, flat)) for row in parts] + _notches(rng, 0.06)
    t = turn(_near(rng, [0.3, 0.25, -0.14], 0.12), 0.3 * frontal) * rng.uniform(0.5, 1.35)
    return Form(rows, (1.0, 3.2), t, rng.uniform(-0.02, 0.15) * t, rng.uniform(0.02, 0.25), rng.uniform(0.62, 0.74))


def low_voltage(rng: np.random.Generator) -> Form:
    """A normal beat with no deflection over about 0.8 mV in the chest leads."""
    form = normal(rng)
    return replace(form, peak_mv=(0.25, 0.75), t=0.35 * form.t, st=0.35 * form.st)


def hypertrophy(rng: np.random.Generator) -> Form:
    """Left ventricular hypertrophy: tall R left, deep S right, up to 5 mV; often ST down and T inverted on the left."""
    form = normal(rng)
    rows = [(*row[:-1], row[-1] * [1.0, 0.6, 1.1]) for row in form.qrs]
    form = replace(form, qrs=rows, peak_mv=(2.6, 5.0))
    if rng.random() < 0.5:
        return form
    strain = _near(rng, [-0.3, -0.1, -0.25]) * rng.uniform(0.7, 1.4)
    return replace(form, t=strain, st=rng.uniform(0.2, 0.5) * strain, t_start=0.05, t_peak=0.72)


def left_bundle(rng: np.random.Generator) -> Form:
    """Left bundle branch block: no septal q, broad notched R left, QS or rS right, ST and T against the QRS."""
    turned = 20 * rng.standard_normal()
    rows = [
        (0.0, 0.3, 0.62, turn(_near(rng, [0.75, 0.35, 0.7]), turned)),
        (0.24, 0.64, 1.0, turn(_near(rng, [0.75, 0.0, 1.0]), turned)),
        (0.0, 0.1, 0.22, np.array([0.0, 0.05, -0.2]) * rng.uniform(0.0, 1.5)),
    ]
    t = turn(_near(rng, [-0.3, -0.05, -0.33]), 0.7 * turned) * rng.uniform(0.6, 1.4)
    return Form(rows + _notches(rng, 0.08), (1.3, 3.2), t, rng.uniform(0.25, 0.5) * t, 0.05, 0.66)


def right_bundle(rng: np.random.Generator) -> Form:
    """Right bundle branch block: rsR' in V1, a broad S in I and V6, T inverted in V1 and V2."""
    first = [(*(0.64 * t for t in row[:-1]), row[-1] * [1, 1, 0.7]) for row in normal(rng).qrs]
    late = _near(rng, [-0.55, -0.05, -0.65]) * rng.uniform(0.7, 1.3)
    t = _near(rng, [0.3, 0.2, 0.12]) * rng.uniform(0.6, 1.3)
    return Form([*first, (0.42, 0.68, 1.0, late)], (0.9, 2.2), t, 0.05 * t, 0.12, 0.68)


def preexcited(rng: np.random.Generator) -> Form:
    """A delta wave: a slurred start over a bypass tract, then the rest of a normal QRS; T leans against it."""
    rest = [(*(0.26 + 0.74 * t for t in row[:-1]), row[-1]) for row in normal(rng).qrs[1:]]
    delta = _near(rng, [0.6, rng.choice([0.5, -0.5]), rng.uniform(-0.6, 0.1)]) * rng.uniform(0.5, 0.9)
    t = _near(rng, [-0.05, 0.1, -0.2], 0.3) * rng.uniform(0.6, 1.4)
    return Form([(0.0, 0.3, 0.55, 0.95, delta), *rest], (1.0, 2.6), t, 0.2 * t, 0.1, 0.68)


def ventricular(rng: np.random.Generator) -> Form:
    """A beat from a ventricle: broad, in any direction that an ectopic focus can give, ST and T against it."""
    left_sided = rng.random() < 0.4
    sideways = rng.uniform(-0.9, -0.1) if left_sided else rng.uniform(0.2, 0.9)
    main = np.array([sideways, rng.uniform(-1.1, 1.1), rng.uniform(-1, -0.4) if left_sided else rng.uniform(0.3, 1.0)])
    first, second = turn(main, 25 * rng.standard_normal()), turn(main, 15 * rng.standard_normal(), rng.uniform(-35, 35))
    rows = [
        (0.0, rng.uniform(0.3, 0.4), 0.72, 0.8 * first),
        (0.2, rng.uniform(0.5, 0.62), 1.0, second),
        (0.5, 0.75, 1.0, _near(rng, -0.3 * main, 0.5)),
    ]
    t = -_near(rng, main, 0.12) * rng.uniform(0.25, 0.5)
    return Form(rows + _notches(rng, 0.1), (1.2, 3.4), t, rng.uniform(0.2, 0.5) * t, 0.03, rng.uniform(0.5, 0.65))


def paced(rng: np.random.Generator) -> Form:
    """A beat paced from the right ventricle: broad, upwards and back, like left bundle branch block with axis up."""
    main = _near(rng, [rng.uniform(-0.1, 0.6), -0.9, 0.75], 0.1)
    rows = [
        (0.0, 0.34, 0.7, turn(main, rng.uniform(-20, 20)) * 0.85),
        (0.25, 0.6, 1.0, turn(main, rng.uniform(-20, 20))),
    ]
    t = -_near(rng, main, 0.12) * rng.uniform(0.3, 0.5)
    return Form(rows + _notches(rng, 0.08), (1.2, 2.8), t, rng.uniform(0.2, 0.45) * t, 0.05, 0.62)


# Directions towards the wall: anterior (V1–V4), inferior (II, III, aVF), lateral (I, aVL, V5, V6).
TERRITORIES = {"anterior": (0.12, -0.12, -0.3), "inferior": (-0.06, 0.32, 0.1), "lateral": (0.32, -0.16, 0.06)}


def _territory(rng: np.random.Generator) -> np.ndarray:
    return _near(rng, TERRITORIES[str(rng.choice(list(TERRITORIES)))], 0.1)


def st_elevation(rng: np.random.Generator) -> Form:
    """ST raised over one wall, mirrored opposite to it, running into a tall T of the same wall."""
    wall = _territory(rng)
    form = normal(rng)
    t = 0.5 * form.t + wall * rng.uniform(0.6, 1.6)
    return replace(form, st=wall * rng.uniform(0.5, 1.8), t=t, t_start=0.08, t_peak=0.66)


def st_depression(rng: np.random.Generator) -> Form:
    """ST lowered in the leads that look at the left ventricle, raised in aVR; T small, upright or inverted."""
    form = normal(rng)
    down = _near(rng, [-0.16, -0.14, 0.08]) * rng.uniform(0.5, 1.6)
    return replace(form, st=down, t=form.t * rng.uniform(-0.5, 0.9), t_start=rng.uniform(0.2, 0.4))


def hyperacute_t(rng: np.random.Generator) -> Form:
    """T tall, broad and nearly symmetric."""
    form = normal(rng)
    return replace(form, t=form.t + _territory(rng) * rng.uniform(1.2, 3.0), t_start=0.1, t_peak=0.58)


def inverted_t(rng: np.random.Generator) -> Form:
    """T inverted over the left ventricle or one wall, symmetric, shallow to 1 mV deep."""
    form = normal(rng)
    wall = _near(rng, [0.25, 0.15, -0.2], 0.2) if rng.random() < 0.4 else _territory(rng)
    return replace(form, t=0.2 * form.t - wall * rng.uniform(0.6, 2.0), st=0 * form.st, t_start=0.25, t_peak=0.64)


def flat_t(rng: np.random.Generator) -> Form:
    """T hardly to be seen."""
    form = normal(rng)
    return replace(form, t=form.t * rng.uniform(0.02, 0.2), st=0.1 * form.st)


def old_infarct(rng: np.random.Generator) -> Form:
    """Q waves of a third of the QRS over one wall, often with T inverted there."""
    form = normal(rng)
    wall = _territory(rng)
    wall = wall / np.linalg.norm(wall)
    rows = [(0.0, 0.24, 0.52, -wall * rng.uniform(0.5, 0.9)), *form.qrs[1:]]
    rows = [(*row[:-1], row[-1] - 0.5 * max(0.0, row[-1] @ wall) * wall) for row in rows]
    t = form.t - wall * rng.uniform(0.0, 0.5)
    return replace(form, qrs=rows, t=t, st=wall * rng.uniform(-0.02, 0.08))


FormMaker = Callable[[np.random.Generator], Form]
