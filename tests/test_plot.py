"""The overlay shows what was read, where, and where it is doubtful."""

import numpy as np
from fake_reading import fake_reading

from ecgseg.plot import DOUBTFUL, overlay, runs, strip_colour


def count(picture, colour):
    return int((np.abs(picture.astype(int) - np.array(colour)).max(axis=2) < 12).sum())


def test_overlay_draws_every_strip_and_marks_doubt():
    reading = fake_reading("page")
    picture = overlay(reading)
    assert picture.dtype == np.uint8 and picture.shape[1:] == (460, 3)
    assert count(picture, DOUBTFUL) > 100
    for strip in reading.located.strips:
        assert count(picture, strip_colour(reading.located.strips, strip)) > 300
    reading.traces = [(x, np.full_like(y, np.nan), c) for x, y, c in reading.traces]
    assert count(overlay(reading), DOUBTFUL) == 0


def test_trace_lies_on_its_pixels():
    reading = fake_reading("page")
    flat_line = np.full(200, 100.0)
    reading.traces = [(x, flat_line, np.ones(200)) for x, _, _ in reading.traces]
    picture = overlay(reading)
    band = picture.shape[0] - reading.flat.image.shape[0]
    colour = strip_colour(reading.located.strips, reading.located.strips[-1])
    assert tuple(picture[band + 100, 230]) == colour
    assert tuple(picture[band + 104, 230]) != colour


def test_neighbouring_strips_differ_in_colour():
    strips = fake_reading("page").located.strips
    colours = [[strip_colour(strips, s) for s in strips if s.row == r] for r in range(3)]
    for r in range(3):
        for c in range(4):
            assert c == 3 or colours[r][c] != colours[r][c + 1]
            assert r == 2 or colours[r][c] != colours[r + 1][c]


def test_runs_cut_at_gaps_and_at_doubt():
    x = np.arange(8.0)
    y = np.array([1, 1, np.nan, 1, 1, 1, 1, 1.0])
    confidence = np.array([1, 1, 0, 1, 1, 0.1, 0.1, 1])
    pieces = runs(x, y, confidence)
    assert [(p[0, 0], p[-1, 0], doubtful) for p, doubtful in pieces] == [
        (0, 1, False),
        (3, 5, False),
        (5, 7, True),
        (7, 7, False),
    ]
    assert runs(x[:0], y[:0], confidence[:0]) == []
