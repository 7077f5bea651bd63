"""What the network says of a trace → how likely it is right: calibrated confidence per sample, quality per lead."""

import json
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

from ecgseg.paths import WEIGHTS
from ecgseg.recording import Recording

CALIBRATION = WEIGHTS / "confidence.json"
CLOSE_MM = 0.5  # confidence: the probability that a sample is as close as this to the truth, 0.05 mV at 10 mm/mV
TRACE_MM = 2.0  # what is further off is not the trace: a neighbour, a letter, a grid line
_PX_PER_MM, _SUBCOLUMNS = 8.0, 4
_NEAR_MM = 2.5  # length over which two rows are compared: 0.1 s at 25 mm/s
_ASTRAY_MM = 10.0  # a complex reaches into the next row for less than that, a trace that took its place does not
SAME_INK_MM = 0.3  # two rows closer than this claim the same ink
# Of two rows that claim the same ink all along, each was right in 45 % on rendered pages, the plainer one no oftener.
_SHARED_COST = 0.6
CLAIM = 0.1  # mass times ink of a position that is more than the least unlikely one
LEAST_MASS = 0.2  # a position with less of the distribution is no peak, whatever is around it
_LONGEST = 2000  # sub-columns; a piece of trace longer than 60 mm is not more certain for its length
_CROSSING_MM = 1.0  # length over which a flank that crosses another row's is seen
FEATURES = ("mass", "ink", "spread", "slope", "piece", "around", "shared", "rival", "astray", "crossed")

# dB of signal over noise → quality; documented in the model card, never fitted.
_QUALITY_DB, _QUALITY = (0.0, 10.0, 20.0, 30.0), (0.0, 0.5, 0.9, 1.0)
TERMS = ("ratio", "doubt", "gap", "page")
_DOUBTFUL = 0.7  # confidence below which a sample counts as doubtful
_FEW_DOUBTS = 0.003  # share of them that counts as none
_HIGHER = 2.0  # what is lost of a peak is so much higher than the trace on both sides of the gap
_TOP = 20  # one sample in so many, the furthest from rest, is of the tops of complexes: most of a lead's energy
_USUAL_GAIN, _USUAL_SPEED = 10.0, 25.0  # mm/mV, mm/s where a recording does not say its own
PLACED_MM = 0.06  # rms by which rows were misplaced along time, on rendered pages and others
# Of a map's error: only its part along time shifts flanks, and in the middle it is half of what it is in the mean.
USUAL_SHARE = 1 / (2 * 2**0.5)
LAWFUL = 0.5  # agreement of the leads with the laws between them; where these cannot be tested it is this, too
_BLANK_DB = -10.0  # a lead of which nothing was read has no signal at all


@dataclass(frozen=True)
class Evidence:
    """What the network says about each row of a page, arrays (rows, n) at four positions a pixel column.

    y: position in px of the flat page; mass, spread, ink: see `decode.Columns`; piece: sub-columns of the piece of
    trace that ink connects with it; left (rows,): the pixel column at which a row's columns begin; level (rows, n): the
    height in px about which it was read, its zero line where it does not drift.
    """

    left: np.ndarray
    level: np.ndarray
    y: np.ndarray
    mass: np.ndarray
    spread: np.ndarray
    ink: np.ndarray
    piece: np.ndarray

    def beside(self, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the sub-columns (n,) of row `j` that stand where those of row `i` do, and where there are any."""
        n = self.y.shape[1]
        at = np.arange(n) + int(self.left[i] - self.left[j]) * _SUBCOLUMNS
        return at.clip(0, n - 1), (at >= 0) & (at < n)

    def taking(self, to: tuple, other: "Evidence", of: tuple) -> "Evidence":
        """Return the evidence with its places `to` (row, sub-columns) read as the places `of` in another."""
        values = {f.name: getattr(self, f.name).copy() for f in fields(self) if f.name not in ("left", "level")}
        for name, into in values.items():
            into[to] = getattr(other, name)[of]
        return replace(self, **values)


def features(evidence: Evidence) -> np.ndarray:
    """Return the numbers that tell how sure a position is, (rows, n, len(FEATURES)).

    Logits of mass and ink; logarithms of the spread in px, of the steepness (px per px, mean of 2 px), of the length
    of the connected piece; the logit of mass times ink over 2.5 mm; the share of 2.5 mm in which another row was read
    within 0.3 mm of the same place, and that times how much plainer the other row's reading is; the share of 10 mm in
    which the trace lies nearer to another row's level than to its own, as one that jumped rows does.
    """
    steps = np.abs(np.diff(evidence.y, axis=1, append=evidence.y[:, -1:])) * _SUBCOLUMNS
    slope = uniform_filter1d(steps, 2 * _SUBCOLUMNS, axis=1)
    plain = uniform_filter1d(evidence.mass * evidence.ink, _length(), axis=1)
    shared, rival = _shared(evidence, plain)
    return np.stack(
        [
            _logit(evidence.mass),
            _logit(evidence.ink),
            np.log(evidence.spread + 0.1),
            np.log1p(slope),
            np.log(np.minimum(evidence.piece, _LONGEST)),
            _logit(plain),
            shared,
            rival,
            _astray(evidence),
            _crossed(evidence, plain),
        ],
        axis=-1,
    )


def _length(mm: float = _NEAR_MM) -> int:
    return round(mm * _PX_PER_MM * _SUBCOLUMNS) | 1


def _astray(evidence: Evidence) -> np.ndarray:
    """Return the share of the surroundings in which each row is nearer to another row's level, (rows, n)."""
    nearest = np.abs(evidence.y[None] - evidence.level[:, None]).min(axis=0)
    astray = np.abs(evidence.y - evidence.level) > nearest
    return uniform_filter1d(astray.astype(float), _length(_ASTRAY_MM), axis=1)


def _logit(p: np.ndarray) -> np.ndarray:
    return np.log((p + 1e-3) / (1 - p + 1e-3))


def _side_by_side(evidence: Evidence, *values: np.ndarray) -> tuple[list[np.ndarray], list[tuple[int, slice]]]:
    """Return arrays (rows, n) with each row where it lies on the page, NaN beside it, and where each row is now."""
    rows, n = evidence.y.shape
    start = (evidence.left - evidence.left.min()) * _SUBCOLUMNS
    cuts = [(i, slice(s, s + n)) for i, s in enumerate(start)]
    placed = []
    for v in values:
        wide = np.full((rows, n + start.max()), np.nan)
        for cut in cuts:
            wide[cut] = v[cut[0]]
        placed.append(wide)
    return placed, cuts


def _shared(evidence: Evidence, plain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of the ink about each sample another row claims, and by how much the other is plainer there."""
    (y, seen), cuts = _side_by_side(evidence, evidence.y, plain)
    seen = np.nan_to_num(seen)
    shared, rival = np.zeros_like(y), np.zeros_like(y)
    for a in range(len(y)):
        for b in range(len(y)):
            # A position without ink claims nothing.
            close = (np.abs(y[a] - y[b]) < SAME_INK_MM * _PX_PER_MM) & (seen[b] > CLAIM)
            if a == b or not close.any():
                continue
            share = uniform_filter1d(close.astype(float), _length())
            shared[a] = np.maximum(shared[a], share)
            rival[a] = np.maximum(rival[a], share * np.maximum(seen[b] - seen[a], 0))
    return np.stack([shared[c] for c in cuts]), np.stack([rival[c] for c in cuts])


def _crossed(evidence: Evidence, plain: np.ndarray) -> np.ndarray:
    """Return the share of the surroundings in which another row's trace passes the height of each sample, (rows, n)."""
    (y, seen), cuts = _side_by_side(evidence, evidence.y, plain)
    length, margin = _length(_CROSSING_MM), SAME_INK_MM * _PX_PER_MM
    drawn = np.nan_to_num(seen) > CLAIM
    low = minimum_filter1d(np.where(drawn, y, np.inf), length, axis=1) - margin
    high = maximum_filter1d(np.where(drawn, y, -np.inf), length, axis=1) + margin
    crossed = np.zeros_like(y)
    for a in range(len(y)):
        others = np.arange(len(y)) != a
        crossed[a] = ((y[a] > low[others]) & (y[a] < high[others])).any(axis=0)
    crossed = uniform_filter1d(crossed, length, axis=1)
    return np.stack([crossed[c] for c in cuts])


@dataclass(frozen=True)
class Calibration:
    """A fitted model of how sure a reading is; made by `confidence_fit`, kept beside the weights it belongs to.

    close, trace: intercept and a factor per feature of the log-odds that a sample lies within CLOSE_MM and TRACE_MM of
    the truth; keep: below this probability of being trace a sample is left out; error: pairs (confidence, expected
    squared error in mm²); lead: intercept and a factor per term of `lead_terms`, giving dB; about: how it was made.
    """

    close: tuple[float, ...]
    trace: tuple[float, ...]
    keep: float
    error: tuple[tuple[float, float], ...]
    lead: tuple[float, ...]
    about: dict = field(default_factory=dict)

    def __call__(self, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
        """Return confidence 0..1 and whether the sample is taken, both (rows, n)."""
        values = features(evidence)
        kept = (probability(values, self.trace) >= self.keep) & (evidence.mass >= LEAST_MASS)
        return probability(values, self.close), kept


def probability(values: np.ndarray, factors: tuple[float, ...]) -> np.ndarray:
    """Return `odds`, lowered where another row claims the same ink for long: one of the two at most is right."""
    return np.minimum(odds(values, factors), 1 - _SHARED_COST * values[..., FEATURES.index("shared")])


def odds(values: np.ndarray, factors: tuple[float, ...]) -> np.ndarray:
    """Return the probability of a logistic model, intercept first, at features (…, k)."""
    return 1 / (1 + np.exp(-(values @ np.array(factors[1:]) + factors[0])))


def load_calibration(path: Path | str) -> Calibration:
    """Read a calibration written by `confidence_fit`."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    numbers = {name: tuple(content[name]) for name in ("close", "trace", "lead")}
    error = tuple((float(c), float(e)) for c, e in content["error"])
    return Calibration(keep=float(content["keep"]), error=error, about=content["about"], **numbers)


@lru_cache
def shipped() -> Calibration:
    """Return the calibration of the shipped weights."""
    return load_calibration(CALIBRATION)


def lead_terms(recording: Recording, lead: str, error: tuple[tuple[float, float], ...]) -> np.ndarray | None:
    """Return what tells how well a lead was read, (len(TERMS),); None where nothing of it was read.

    ratio: signal over expected noise in dB, the noise being what samples so sure are usually off by, what a shift by
    PLACED_MM makes of the lead's slopes, and in a gap _HIGHER times the trace's height on both sides of it, or the
    whole signal where that is more; doubt: logarithm of the share of doubtful samples, its sign turned; gap: share of
    the lead's window that was not read; page: mean confidence of the samples of all leads that are furthest from rest,
    which hold most of the signal, since what blurs one complex blurs others.
    """
    samples = recording.lead(lead).astype(float)
    read = np.isfinite(samples)
    if read.sum() < 2:
        return None
    t0, t1 = recording.windows.get(lead, (0.0, recording.seconds))
    gap = max(0.0, 1 - read.sum() / max((t1 - t0) * recording.fs, 1.0))
    i = recording.leads.index(lead)
    confidence = np.ones(read.sum()) if recording.confidence is None else recording.confidence[i][read].astype(float)
    gain = recording.provenance.get("gains_mm_mv", {}).get(lead, _USUAL_GAIN)
    off = np.interp(confidence, *np.array(error).T) / gain**2
    off = off + PLACED_MM**2 * _slope(recording, samples) ** 2
    # About the most frequent height, not the mean: what is blank counts as lying there.
    level = samples - np.median(samples[read])
    power = max(float(np.mean(level[read] ** 2)), 1e-6)
    # What is lost is rarely rest: gaps lie where complexes are steep, high, or run into another row.
    at = np.arange(len(samples))
    missed = (_HIGHER * np.interp(at, at[read], level[read])[~read & _printed(recording, lead)]) ** 2
    lost = max(power, float(missed.mean())) if missed.size else power
    noise = (1 - gap) * float(off.mean()) + gap * lost
    ratio = 10 * np.log10(((1 - gap) * power + gap * lost) / noise)
    doubt = -np.log(_FEW_DOUBTS + np.mean(confidence < _DOUBTFUL))
    tops = [top for name in recording.leads if (top := _top_confidence(recording, name)) is not None]
    return np.array([ratio, doubt, gap, np.mean(tops)])


def _slope(recording: Recording, samples: np.ndarray) -> float:
    """Return the rms slope of a lead's samples in mV per mm of paper."""
    speed = recording.provenance.get("speed_mm_s", _USUAL_SPEED)
    return float(np.sqrt(np.nanmean(np.diff(samples) ** 2))) * recording.fs / speed


def _astray_noise(recording: Recording, lead: str) -> float:
    """Return noise over signal of what the error of the page's map makes of a lead's slopes.

    The error where the lead is printed counts, or that of the page if that is all that is known.
    """
    about, samples = recording.provenance, recording.lead(lead).astype(float)
    mm = about.get("map_errors_mm", {}).get(lead, about.get("map_error_mm", 0.0))
    power = max(float(np.nanmean((samples - np.nanmedian(samples)) ** 2)), 1e-6)
    return (USUAL_SHARE * mm * _slope(recording, samples)) ** 2 / power


def _top_confidence(recording: Recording, lead: str) -> float | None:
    """Return the mean confidence of the samples of a lead that are furthest from rest; None where few were read."""
    samples, i = recording.lead(lead).astype(float), recording.leads.index(lead)
    read = np.isfinite(samples)
    if read.sum() < 2:
        return None
    if recording.confidence is None:
        return 1.0
    height = np.abs(samples[read] - np.median(samples[read]))
    return float(recording.confidence[i][read][np.argsort(-height)[: max(1, len(height) // _TOP)]].mean())


def _printed(recording: Recording, lead: str) -> np.ndarray:
    """Return which samples lie in the lead's window on the page."""
    t0, t1 = recording.windows.get(lead, (0.0, recording.seconds))
    t = np.arange(recording.signal.shape[1]) / recording.fs
    return (t >= t0 - 1e-9) & (t < t1 - 1e-9)


def predicted_db(recording: Recording, calibration: Calibration | None = None) -> dict[str, float]:
    """Return the signal-to-noise ratio in dB that each lead is expected to have against the truth."""
    calibration = calibration or shipped()
    found = {}
    for lead in recording.leads:
        terms = lead_terms(recording, lead, calibration.error)
        if terms is None:
            found[lead] = _BLANK_DB
            continue
        # What a map that is off adds: the pages of the fit have none, so nothing else may stand for it.
        known = float(calibration.lead[0] + terms @ np.array(calibration.lead[1:]))
        known = -10 * np.log10(10 ** (-known / 10) + _astray_noise(recording, lead))
        found[lead] = float(np.clip(known, _BLANK_DB, 40.0))
    return found


def page_db(recording: Recording, calibration: Calibration | None = None) -> float:
    """Return the expected ratio in dB of all printed leads together: summed power over summed noise."""
    power, noise = 0.0, 0.0
    for lead, db in predicted_db(recording, calibration).items():
        samples = recording.lead(lead).astype(float)
        if np.isfinite(samples).any():
            power += (p := float(np.nansum((samples - np.nanmedian(samples)) ** 2)))
            noise += p / 10 ** (db / 10)
    return 10 * float(np.log10(power / noise)) if power > 0 and noise > 0 else _BLANK_DB


def to_quality(db: float) -> float:
    """Return the quality 0..1 of a ratio in dB: 0 dB is 0, 10 dB 0.5, 20 dB 0.9, 30 dB 1, straight lines between."""
    return float(np.interp(db, _QUALITY_DB, _QUALITY))


def lead_quality(
    recording: Recording, calibration: Calibration | None = None, agreement: float = LAWFUL, trust: float = 1.0
) -> dict[str, float]:
    """Return per lead the quality 0..1 of the ratio in dB that is expected of it; 0 where nothing was read.

    `agreement` 0..1: how the leads obey the laws between them. Where they plainly do not, each may be elsewhere, or the
    page's map may be wrong, so all are doubted. `trust` 0..1: how far the page's speed and gain are to be believed.
    """
    believed = trust * min(1.0, agreement / LAWFUL)
    return {lead: believed * to_quality(db) for lead, db in predicted_db(recording, calibration).items()}
