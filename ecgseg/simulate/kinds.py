"""The table of what can be simulated: a rhythm, the forms of its beats, and the ranges of its intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ecgseg.simulate import beat, continuous, rhythm

Range = tuple[float, float]
NARROW: Range = (0.074, 0.108)
WIDE: Range = (0.13, 0.18)


@dataclass(frozen=True)
class Kind:
    """How one kind is made.

    form, other: the usual and the second form of beat; rate per minute; pr, qrs, other_qrs in s; qtc: QT in s at 60 per
    minute; under: a heart vector (3, n) that goes on under the beats.
    """

    rhythm: rhythm.Rhythm
    form: beat.FormMaker = beat.normal
    rate: Range = (52, 98)
    pr: Range = (0.124, 0.196)
    qrs: Range = NARROW
    qtc: Range = (0.375, 0.445)
    other: beat.FormMaker = beat.ventricular
    other_qrs: Range = (0.13, 0.17)
    under: Callable[[np.random.Generator, int, float], np.ndarray] | None = None


def _sinus(form: beat.FormMaker, **ranges) -> Kind:
    return Kind(rhythm.sinus, form, **ranges)


TABLE = {
    "normal": _sinus(beat.normal),
    "sinus_tachycardia": _sinus(beat.normal, rate=(105, 165), pr=(0.11, 0.15)),
    "sinus_bradycardia": _sinus(beat.normal, rate=(28, 49), pr=(0.15, 0.2)),
    "sinus_arrhythmia": Kind(rhythm.arrhythmic_sinus, rate=(50, 85)),
    "supraventricular_tachycardia": Kind(rhythm.supraventricular_tachycardia, rate=(155, 240)),
    "atrial_fibrillation": Kind(rhythm.irregular, rate=(48, 165), under=continuous.atrial_fibrillation),
    "atrial_flutter": Kind(rhythm.flutter, rate=(62, 160)),
    "premature_atrial": Kind(rhythm.premature_atrial),
    "premature_ventricular": Kind(rhythm.premature_ventricular),
    "ventricular_couplets": Kind(rhythm.ventricular_couplets),
    "paced_ventricle": Kind(rhythm.paced_ventricle, beat.paced, rate=(58, 92), qrs=(0.14, 0.18)),
    "paced_both": Kind(rhythm.paced_both, beat.paced, rate=(58, 92), pr=(0.15, 0.2), qrs=(0.14, 0.18)),
    "left_bundle_branch_block": _sinus(beat.left_bundle, qrs=(0.125, 0.17)),
    "right_bundle_branch_block": _sinus(beat.right_bundle, qrs=(0.122, 0.16)),
    "first_degree_block": _sinus(beat.normal, pr=(0.21, 0.36), rate=(48, 88)),
    "wenckebach": Kind(rhythm.wenckebach, rate=(42, 68), pr=(0.16, 0.22)),
    "two_to_one_block": Kind(rhythm.two_to_one, rate=(30, 48), pr=(0.14, 0.24)),
    "complete_block_narrow": Kind(rhythm.complete_block, rate=(36, 52)),
    "complete_block_wide": Kind(rhythm.complete_block, beat.ventricular, rate=(22, 42), qrs=WIDE),
    "hypertrophy": _sinus(beat.hypertrophy, qrs=(0.085, 0.115)),
    "low_voltage": _sinus(beat.low_voltage),
    "st_elevation": _sinus(beat.st_elevation),
    "st_depression": _sinus(beat.st_depression, rate=(60, 125)),
    "hyperacute_t": _sinus(beat.hyperacute_t),
    "inverted_t": _sinus(beat.inverted_t),
    "flat_t": _sinus(beat.flat_t),
    "long_qt": _sinus(beat.normal, rate=(45, 80), qtc=(0.48, 0.6)),
    "short_qt": _sinus(beat.normal, rate=(50, 90), qtc=(0.29, 0.34)),
    "old_infarct": _sinus(beat.old_infarct, qrs=(0.085, 0.115)),
    "preexcitation": _sinus(beat.preexcited, pr=(0.08, 0.115), qrs=(0.112, 0.15)),
    "ventricular_tachycardia": Kind(rhythm.ventricular_tachycardia, beat.ventricular, rate=(130, 230), qrs=WIDE),
    "ventricular_fibrillation": Kind(rhythm.still, under=continuous.ventricular_fibrillation),
    "asystole": Kind(rhythm.still),
}
KINDS = tuple(TABLE)
