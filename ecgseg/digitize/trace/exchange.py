"""Rows that were read as if they bounced off each other, where they cross: what lies between is exchanged.

Where a downward wave of one row crosses an upward wave of another, each may be read to turn round where they meet and
to go on as the other, twice: there and back. That both turn sharply at one place, and both again a little later, is
less likely than that both go straight on.
"""

import numpy as np

from ecgseg.digitize.trace.confidence import Evidence
from ecgseg.subcolumns import SUBCOLUMNS

_PX_PER_MM = 8.0
MEET_MM = 7.0  # rows nearer than this may meet within a few sub-columns, as steep as waves are
LONGEST_MM = 5.0  # between both places: 0.2 s, as long as a wide QRS lasts
SHORTEST_MM = 0.6
WINDOW = 8  # sub-columns, 2 px, on either side by which a trace's way is told …
AWAY = 6  # … this far from where they meet, where steep flanks are read askew
TURN_PX = 16.0  # by which both together turn at least
STRAIGHTER = 0.5  # of that is what is left once they are exchanged


def exchanged(evidence: Evidence, inside: np.ndarray) -> Evidence:
    """Return the evidence with pieces exchanged between rows that bounce off each other twice within a complex.

    inside (rows, n): the sub-columns in which each row is printed.
    """
    order = np.argsort(evidence.level.mean(axis=1))
    for upper, i in enumerate(order):
        for j in order[upper + 1 :]:
            evidence = _pair(evidence, int(i), int(j), inside)
    return evidence


def _pair(evidence: Evidence, i: int, j: int, inside: np.ndarray) -> Evidence:
    at, there = evidence.beside(i, j)
    usable = inside[i] & there & inside[j, at]
    bounces = _bounces(*(np.where(usable, y, np.nan) for y in (evidence.y[i], evidence.y[j, at])))
    k = 0
    while k + 1 < len(bounces):
        long = (bounces[k + 1] - bounces[k]) / (_PX_PER_MM * SUBCOLUMNS)
        if long > LONGEST_MM:
            k += 1
            continue
        if long >= SHORTEST_MM:
            here = np.arange(bounces[k] + 1, bounces[k + 1] + 1)
            one, other_one = (i, here), (j, at[here])
            evidence = evidence.taking(one, evidence, other_one).taking(other_one, evidence, one)
        k += 2
    return evidence


def _bounces(upper: np.ndarray, lower: np.ndarray) -> list[int]:
    """Return the sub-columns after which two traces (n,) turn round at each other though they would cross straight."""
    near = lower - upper
    with np.errstate(invalid="ignore"):
        apart = (near > 0) & (near < MEET_MM * _PX_PER_MM)
    if not apart.any():
        return []
    ways = [_ways(y) for y in (upper, lower)]
    before, after = [way[:2] for way in ways], [way[2:] for way in ways]

    def turn(one: int, next_one: int) -> np.ndarray:
        (mean, slope), (next_mean, next_slope) = before[one], after[next_one]
        reach = WINDOW + 2 * AWAY - 1
        return np.abs(mean + slope * reach - next_mean) + np.abs(slope - next_slope) * WINDOW

    as_read, crossed = turn(0, 0) + turn(1, 1), turn(0, 1) + turn(1, 0)
    with np.errstate(invalid="ignore"):
        # The upper one comes down and the lower one up, and both go back.
        turns = (before[0][1] > 0) & (after[0][1] < 0) & (before[1][1] < 0) & (after[1][1] > 0)
        found = apart & turns & (as_read > TURN_PX) & (crossed < STRAIGHTER * as_read)
    gain = np.where(found, as_read - crossed, 0.0)
    places = []
    while gain.max() > 0:
        k = int(gain.argmax())
        first = max(0, k - WINDOW)
        places.append(first + int(np.nanargmin(near[first : k + WINDOW + 1])))
        gain[max(0, k - 2 * WINDOW) : k + 2 * WINDOW + 1] = 0
    return sorted(places)


def _ways(y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return mean and slope (n,) of a trace in the windows before and after each sub-column, NaN where not known."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(y, WINDOW + AWAY, constant_values=np.nan), WINDOW)
    x = np.arange(WINDOW) - (WINDOW - 1) / 2
    mean, slope = windows.mean(axis=1), windows @ x / (x @ x)
    n = len(y)
    first = slice(1, n + 1)  # ends AWAY - 1 before the sub-column itself
    second = slice(WINDOW + 2 * AWAY, WINDOW + 2 * AWAY + n)
    return mean[first], slope[first], mean[second], slope[second]
