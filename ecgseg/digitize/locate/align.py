"""Found rows ↔ a layout's rows: the best way to match them in order, with rows missing on both sides."""

import numpy as np

# Nats, each of one observation against its usual state.
ROW_MISSED = 5.0  # a whole row of the layout is not found
OFF_PAGE = 3.5  # a row of the layout lies off the paper
STEP_LIMIT = 8.0
STEP_SPREAD = 0.1  # of the distance of two rows, relative to the usual one
RHYTHM_STEP = (0.75, 1.25)  # a rhythm row stands apart by this many row distances


def align(
    emission: np.ndarray,
    spare: np.ndarray,
    y: np.ndarray,
    pitch: float,
    height: float | None,
    rhythm_rows: int,
    first: int | None = None,
) -> tuple[list[int], float, float]:
    """Choose the found row of each of a layout's rows, in order: dynamic programming over (found row, layout row).

    emission (found, rows) and spare (found,) are nats; y (found,) the baselines, `pitch` their usual distance and
    `height` the page's in mm; the last `rhythm_rows` of the layout may stand apart. Rows of the layout may be missing
    at the top and at the bottom; those missing in between are among the found ones, marked so. With `first` so many
    are missing at the top. Returns the choice (-1: none), its score, and the part of it that comes from the distances
    of the rows.
    """
    m, n = emission.shape
    skipped = np.concatenate([[0.0], np.cumsum(spare)])  # nats of all rows above
    above = np.array([[_absent(y[i] - k * pitch, height) for k in range(1, n + 1)] for i in range(m)])
    below = np.array([[_absent(y[i] + k * pitch, height) for k in range(1, n + 1)] for i in range(m)])
    before = np.concatenate([np.zeros((m, 1)), np.cumsum(above, axis=1)], axis=1)
    after = np.concatenate([np.zeros((m, 1)), np.cumsum(below, axis=1)], axis=1)
    steps = (y[None, :] - y[:, None]) / pitch  # [from, to]
    upward = np.tril(np.ones((m, m), bool))
    between = skipped[None, :-1] - skipped[1:, None]  # rows skipped between two
    low, high = RHYTHM_STEP
    apart = np.maximum(np.maximum(low - steps, steps - high), 0)
    usual, rhythm = (
        np.where(upward, -np.inf, -np.minimum((off / STEP_SPREAD) ** 2 / 2, STEP_LIMIT) - between)
        for off in (steps - 1, apart)
    )
    best = np.full((m, n), -np.inf)
    came = np.full((m, n), -1)
    first_rhythm = n - rhythm_rows
    for a in range(n):
        if first is None or a == first:
            best[:, a] = emission[:, a] - skipped[:-1] - before[:, a]
        if a:
            reach = best[:, a - 1][:, None] + (rhythm if a >= first_rhythm else usual)
            through = emission[:, a] + reach.max(axis=0)
            better = through > best[:, a]
            best[better, a], came[better, a] = through[better], reach.argmax(axis=0)[better]
    total = best - (skipped[-1] - skipped[1:])[:, None] - after[:, n - 1 - np.arange(n)]
    i, a = np.unravel_index(np.argmax(total), total.shape)
    score, chosen, regular = float(total[i, a]), [-1] * n, 0.0
    while True:
        chosen[a] = int(i)
        previous = came[i, a]
        if previous < 0:
            return chosen, score, regular
        regular += float((rhythm if a >= first_rhythm else usual)[previous, i] + between[previous, i])
        i, a = previous, a - 1


def _absent(y: float, height: float | None) -> float:
    """Return the nats that a row at height y (mm) costs where none was found: less where there is no paper."""
    off = y < 2 or (height is not None and y > height - 2)
    return OFF_PAGE if off else ROW_MISSED + 0.5
