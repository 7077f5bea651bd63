"""Rows that drift are followed to where they are; rows at home cost nothing."""

import numpy as np

from ecgseg.digitize.trace.drift import Row, levels

MM = 8.0
N = 4 * 2000  # sub-columns: 250 mm
DRIFT = 15 * MM / (1 + np.exp(-(np.arange(N) - N * 0.6) / (N * 0.03)))  # px, downward, within some 40 mm


def beats(size: float) -> np.ndarray:
    at = np.arange(N) / 32  # mm
    return -size * MM * np.exp(-(((at % 20 - 10) / 1.0) ** 2))


def nearest(traces: np.ndarray, at: slice, middle: np.ndarray) -> np.ndarray:
    """Return at each place the trace that is nearest to the middle of the window: what a network reads."""
    seen = traces[:, at]
    return np.take_along_axis(seen, np.abs(seen - middle).argmin(axis=0)[None], axis=0)[0]


def reader(traces: np.ndarray):
    def read(left: int, middle: np.ndarray):
        start, stop = max(0, 4 * left), min(N, 4 * (left + len(middle)))
        inside = slice(start - 4 * left, stop - 4 * left)
        wide = np.repeat(middle, 4)
        y, weight = wide.copy(), np.zeros(len(wide))
        y[inside] = nearest(traces, slice(start, stop), wide[inside])
        weight[inside] = 1.0
        return y, weight

    return read


def rows(traces: np.ndarray, zeros) -> list[Row]:
    return [Row(nearest(traces, slice(None), np.full(N, zero)), np.ones(N), zero) for zero in zeros]


def test_rows_that_drift_by_their_distance_are_told_apart():
    """Both drift by 15 mm, the distance between them: the lower row's place is then the upper row's trace."""
    traces = np.stack([300 + DRIFT + beats(8), 420 + DRIFT + beats(5)])
    found = levels(rows(traces, (300.0, 420.0)), MM, [reader(traces)] * 2)
    assert found[0] is not None
    for level, zero in zip(found, (300.0, 420.0), strict=True):
        if level is not None:
            assert np.abs(level - zero - DRIFT[::4]).max() < 2.5 * MM
    # Read about straight lines the upper row would be lost, and the lower one taken from it.
    assert np.abs(rows(traces, (420.0,))[0].y - traces[1])[-400:].min() > 10 * MM


def test_rows_at_home_are_not_read_again():
    traces = np.stack([300 + beats(20), 420 + 2 * MM * np.sin(np.arange(N) / 1000) + beats(-12)])

    def never(left, middle):
        raise AssertionError("a row at home was read again")

    assert levels(rows(traces, (300.0, 420.0)), MM, [never] * 2) == [None, None]


def test_an_empty_row_and_one_nowhere_at_home_are_left_as_they_are():
    empty = Row(np.full(N, 300.0), np.zeros(N), 300.0)
    away = Row(np.full(N, 300.0), np.ones(N), 400.0)
    assert levels([empty, away], MM, [reader(np.full((1, N), 300.0))] * 2) == [None, None]
