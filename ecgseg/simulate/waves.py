"""Waves of compact support: each is exactly zero outside its start and end, so intervals are known exactly."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Waves:
    """k waves: a raised cosine up, a plateau, a raised cosine down.

    start, rise, hold, fall (k,) in s; vector (k, c): the height of each wave in each of c channels. A wave leaves zero
    at `start`, is at full height from start + rise to start + rise + hold, and is back at zero at `end`. It passes 1 %
    of its height 6.4 % of `rise` after its start and of `fall` before its end; the tangent at its steepest fall meets
    zero 18.2 % of `fall` before its end.
    """

    start: np.ndarray
    rise: np.ndarray
    hold: np.ndarray
    fall: np.ndarray
    vector: np.ndarray

    @property
    def end(self) -> np.ndarray:
        """Return when each wave is back at zero, in s, shape (k,)."""
        return self.start + self.rise + self.hold + self.fall

    def at(self, times: np.ndarray, stretch=1.0, scale=1.0) -> "Waves":
        """Return a copy of all k waves at each of n times: times, stretch (of time) and scale (of height) are (n,)."""
        times, stretch, scale = (np.broadcast_to(v, np.shape(times))[:, None] for v in (times, stretch, scale))
        return Waves(
            (times + self.start * stretch).ravel(),
            (self.rise * stretch).ravel(),
            (self.hold * stretch).ravel(),
            (self.fall * stretch).ravel(),
            (scale[..., None] * self.vector).reshape(-1, self.vector.shape[1]),
        )


def waves(rows: list[tuple]) -> Waves:
    """Return waves out of rows (start, peak, end, vector) or (start, first full, last full, end, vector), in s."""
    full = [row if len(row) == 5 else (row[0], row[1], *row[1:]) for row in rows]
    times = np.array([row[:4] for row in full], float)
    return Waves(times[:, 0], *np.diff(times, axis=1).T, np.array([row[4] for row in full], float))


def join(parts: list[Waves]) -> Waves:
    """Return all waves of several lists as one."""
    fields = ("start", "rise", "hold", "fall", "vector")
    return Waves(*(np.concatenate([getattr(p, field) for p in parts]) for field in fields))


def draw(what: Waves, n: int, fs: float) -> np.ndarray:
    """Return the sum of the waves at the instants 0, 1/fs, …: shape (c, n), the unit of the vectors."""
    first = np.clip(np.ceil(what.start * fs).astype(int), 0, n)
    count = np.maximum(np.clip(np.floor(what.end * fs).astype(int) + 1, 0, n) - first, 0)
    which = np.repeat(np.arange(len(count)), count)
    sample = np.arange(len(which)) + np.repeat(first - np.cumsum(count) + count, count)
    since = sample / fs - what.start[which]
    length = what.end - what.start
    share = np.minimum(since / what.rise[which], (length[which] - since) / what.fall[which])
    # Rounding can put the first or last sample a hair outside its wave.
    height = np.sin(np.pi / 2 * np.clip(share, 0, 1)) ** 2
    rows = [np.bincount(sample, height * v[which], n) for v in what.vector.T]
    return np.stack(rows).astype(float)  # of no waves at all, bincount makes integers
