"""Columns that show the same seconds are told from those that follow each other by their beats and their laws."""

from dataclasses import replace

import numpy as np
import pytest

from ecgseg.digitize.assemble.timing import begin_together, same_seconds, simultaneous
from ecgseg.digitize.locate.locate import Located, LocatedStrip
from ecgseg.digitize.options import load_options
from ecgseg.errors import OptionError
from ecgseg.layout import load_layout, with_timing
from ecgseg.simulate import simulate

PX, SPEED = 8.0, 25.0
KINDS = ("normal", "atrial_fibrillation", "left_bundle_branch_block", "sinus_tachycardia")


def columns_of(recording, layout) -> tuple[list[dict], dict]:
    """Return what a page of a layout shows of a recording: its columns and its rhythm strips, lead -> mV."""
    columns, rhythm = {}, {}
    for s in layout.strips:
        x = recording.lead(s.lead)[round(s.t0 * recording.fs) : round(s.t1 * recording.fs)]
        (rhythm if s.rhythm else columns.setdefault(s.offset_s, {}))[s.lead] = x
    return [columns[k] for k in sorted(columns)], rhythm


@pytest.mark.parametrize("name", ["3x4_1r", "6x2_1r", "4x3_1r", "6x2_0r"])
@pytest.mark.parametrize("kind", KINDS)
def test_columns_that_follow_each_other_are_never_taken_for_simultaneous(kind, name):
    layout = load_layout(name)
    for seed in range(3):
        recording = simulate(np.random.default_rng(seed), kind)
        assert not begin_together(*columns_of(recording, layout), recording.fs)


@pytest.mark.parametrize("name", ["3x4_1r", "6x2_1r", "6x2_0r"])
def test_simultaneous_columns_are_mostly_found(name):
    layout = with_timing(load_layout(name), "simultaneous")
    found = []
    for kind in KINDS:
        for seed in range(3):
            recording = simulate(np.random.default_rng(seed), kind)
            found.append(begin_together(*columns_of(recording, layout), recording.fs))
    assert np.mean(found) > 0.5


def drawn(recording, layout):
    """Return the strips of a layout on paper and their exact traces."""
    strips, traces = [], []
    for s, paper in zip(layout.strips, with_timing(layout, "consecutive").strips, strict=True):
        x0, n = 100 + s.offset_s * SPEED * PX, round(s.seconds * recording.fs)
        at = round(s.t0 * recording.fs)
        y = 300 + 200 * s.row - 10 * PX * s.sign * recording.lead(s.lead)[at : at + n]
        x = x0 + np.arange(n) / recording.fs * SPEED * PX
        strips.append(
            LocatedStrip(
                s.lead, s.row, paper.t0, paper.t1, x0, x0 + s.seconds * SPEED * PX, 300 + 200 * s.row, s.rhythm, s.sign
            )
        )
        traces.append((x, y, np.ones(n)))
    return strips, traces


def test_a_page_is_retimed_by_its_traces():
    recording = simulate(np.random.default_rng(1), "normal")
    layout = load_layout("3x4_1r")
    gains = dict.fromkeys(recording.leads, 10.0)
    assert not same_seconds(*drawn(recording, layout), PX, SPEED, gains)
    strips, traces = drawn(recording, with_timing(layout, "simultaneous"))
    assert same_seconds(strips, traces, PX, SPEED, gains)
    lost = [(x, np.full_like(y, np.nan), 0 * c) for x, y, c in traces]
    assert not same_seconds(strips, lost, PX, SPEED, gains)
    gone = [lost[k] if s.lead.startswith("aV") else traces[k] for k, s in enumerate(strips)]
    assert not same_seconds(strips, gone, PX, SPEED, gains)  # without a column the others' places are not known
    shorter = [replace(s, t1=s.t1 - 0.5) if s.lead == "V6" else s for s in strips]
    assert not same_seconds(shorter, traces, PX, SPEED, gains)
    after = simultaneous(Located(layout, strips, 1.0))
    assert {(s.t0, s.t1) for s in after.strips} == {(0.0, 2.5), (0.0, 10.0)}
    assert after.layout.timing == "simultaneous" and after.seconds == 10.0
    assert simultaneous(Located(None, strips[:-1], 1.0)).seconds == 2.5


def test_the_timing_can_be_given():
    assert load_options().timing is None and load_options(timing="simultaneous").timing == "simultaneous"
    with pytest.raises(OptionError, match=r"digitize\.timing is 'both'"):
        load_options(timing="both")
