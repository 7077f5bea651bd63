"""Scenes: the truth is what is printed, whatever the style; the same seed is the same scene."""

from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest

from ecgseg.layout import LEADS, layout_names, load_layout, parse_layout, with_timing
from ecgseg.recording import Recording
from ecgseg.render.page import render_page
from ecgseg.render.printed.marks import spell
from ecgseg.render.printed.scene import build_scene
from ecgseg.render.printed.style import sample_style
from ecgseg.simulate import simulate


def waves(seconds=10.5, fs=250.0, height=1.0):
    t = np.arange(round(seconds * fs)) / fs
    signal = np.stack([height * np.sin(2 * np.pi * (0.8 + 0.13 * k) * t + k) for k in range(12)])
    return Recording("waves", signal.astype(np.float32), fs)


def plain(**changes):
    """A style without anything that happens by chance."""
    style = sample_style(np.random.default_rng(3))
    usual = dict(
        pulse="left", pulse_rows="all", pulse_shape="plain", pulse_width="5mm", separator="none", names="above"
    )
    usual |= dict(
        name_jitter=0.0, name_note="none", spelling="plain", limb="{}", chest="V", wrap="{}", caption="bottom"
    )
    usual |= dict(sheet="fit", crowding=1.0, clip=None, chest_gain=1.0, joined=False, frame="none", grid_area="sheet")
    return replace(style, **{**usual, "header": True, "footer": True, "text_height": 3.0, **changes})


def build(name="3x4_1r", recording=None, seed=0, **changes):
    options = {k: changes.pop(k) for k in ("speed", "gain", "start_s") if k in changes}
    layout = load_layout(name) if isinstance(name, str) else name
    return build_scene(recording or waves(), layout, plain(**changes), np.random.default_rng(seed), **options)


def mv_on_paper(scene, trace):
    """The signal read back from the printed points."""
    return (trace.baseline - trace.points[:, 1]) / scene.gain_of(trace.strip.lead) * trace.strip.sign


@pytest.mark.parametrize("name", layout_names())
def test_any_style_on_any_layout_prints_the_recording(name):
    recording, layout = waves(fs=100), load_layout(name)
    for seed in range(25):
        rng = np.random.default_rng(seed)
        scene = build_scene(recording, layout, sample_style(rng), rng, 0.2, *((25, 10), (50, 20), (12.5, 5))[seed % 3])
        assert [t.strip.lead for t in scene.traces] == [s.lead for s in layout.strips]
        for trace in scene.traces:
            first = round((0.2 + trace.strip.t0) * 100)
            signal = recording.lead(trace.strip.lead)[first : first + len(trace.signal)]
            if scene.style.clip is None:
                assert np.array_equal(trace.signal, signal.astype(float))
            assert np.allclose(mv_on_paper(scene, trace), trace.signal, atol=1e-9)
            assert np.isfinite(trace.points).all() and np.all(np.diff(trace.points[:, 0]) > 0)
            assert trace.points[0, 0] > 0 and trace.points[-1, 0] < scene.width
            assert 0 < trace.baseline < scene.height
        for pulse in scene.pulses:
            assert pulse.points[:, 0].min() > 0 and pulse.points[:, 0].max() < scene.width
            assert np.all(np.diff(pulse.points[:, 0]) >= 0)


def test_strips_lie_where_and_when_the_layout_says():
    recording, layout = waves(), load_layout("3x4_1r")
    for timing in ("consecutive", "simultaneous"):
        scene = build(with_timing(layout, timing), recording)
        left = scene.traces[0].x0
        for trace in scene.traces:
            assert trace.x0 == pytest.approx(left + trace.strip.offset_s * 25)
            t0 = trace.strip.offset_s if timing == "consecutive" else 0.0
            first = round(t0 * recording.fs)
            printed = recording.lead(trace.strip.lead)[first : first + len(trace.points)]
            assert np.allclose(mv_on_paper(scene, trace), printed, atol=1e-9)
            assert trace.points[-1, 0] == pytest.approx(trace.x1, abs=0.11)
            assert trace.baseline == scene.traces[3 * 4 if trace.strip.rhythm else trace.strip.row * 4].baseline


def test_cabrera_turns_avr_on_paper_but_not_in_the_truth():
    recording = waves()
    scene = build("cabrera_12x1", recording)
    trace = next(t for t in scene.traces if t.strip.lead == "aVR")
    assert np.array_equal(trace.signal, recording.lead("aVR")[: len(trace.signal)].astype(float))
    assert np.allclose(trace.points[:, 1] - trace.baseline, 10 * trace.signal)
    name = next(t for t in scene.texts if t.lead == "aVR")
    assert name.text == "-aVR" and name.role == "lead"


def test_the_truth_is_clipped_where_the_trace_is():
    recording = waves(height=3.0)
    for name in ("3x4_0r", "cabrera_6x2"):
        scene = build(name, recording, clip=0.5, chest_gain=0.5)
        free = build(name, recording, clip=None, chest_gain=0.5)
        limit = max(np.abs(t.points[:, 1] - t.baseline).max() for t in scene.traces)
        assert 5 <= limit < 25
        for trace, whole in zip(scene.traces, free.traces, strict=True):
            off = np.clip(whole.points[:, 1] - whole.baseline, -limit, limit)
            assert np.allclose(trace.points[:, 1] - trace.baseline, off)
            assert np.allclose(mv_on_paper(scene, trace), trace.signal)
        assert sum((np.abs(t.points[:, 1] - t.baseline) > limit - 1e-9).sum() for t in scene.traces) > 100


def test_limb_and_precordial_leads_have_their_own_gain():
    recording = waves()
    scene = build("6x2_0r", recording, chest_gain=0.5, gain=10.0)
    assert scene.gains == {f"V{k}": 5.0 for k in range(1, 7)}
    for trace in scene.traces:
        gain = 5.0 if trace.strip.lead.startswith("V") else 10.0
        assert np.allclose(trace.baseline - trace.points[:, 1], gain * trace.signal)
    heights = {build("6x2_0r", seed=s, chest_gain=0.5).pulses[0].heights for s in range(8)}
    assert heights == {(10.0,), (10.0, 5.0)}
    assert build("6x1_chest", chest_gain=0.5).pulses[0].heights == (5.0,)
    words = " ".join(t.text for t in scene.texts if t.role == "calibration")
    assert "10" in words and "5" in words.replace("25", "")


@pytest.mark.parametrize("shape", ["plain", "slanted", "rounded"])
@pytest.mark.parametrize(("width", "mm"), [("5mm", 5.0), ("0.2s", 10.0)])
def test_a_pulse_is_one_mv_high_and_as_wide_as_it_says(shape, width, mm):
    scene = build("3x4_0r", pulse="both", pulse_shape=shape, pulse_width=width, speed=50.0)
    assert [p.row for p in scene.pulses] == [0, 0, 1, 1, 2, 2]
    for pulse in scene.pulses:
        x, rise = pulse.points[:, 0], pulse.baseline - pulse.points[:, 1]
        assert rise[0] == 0 and rise[-1] == pytest.approx(0, abs=0.1)
        assert rise.max() == pytest.approx(10, abs=0.1) and pulse.x1 - pulse.x0 == pytest.approx(mm)
        top = int(np.argmax(rise))
        if shape != "plain":  # half height lies on its flanks, to the polyline's own rounding
            assert np.interp(5, rise[: top + 1], x[: top + 1]) == pytest.approx(pulse.x0, abs=0.02)
        assert pulse.baseline == next(t for t in scene.traces if t.strip.row == pulse.row).baseline
        end = scene.traces[0].x0 + 500
        assert x[-1] <= scene.traces[0].x0 + 1e-9 or x[0] >= end - 1e-9


def test_one_pulse_may_stand_in_the_first_row_or_apart():
    assert {p.row for p in build("3x4_1r", pulse_rows="first").pulses} == {0}
    scene = build("3x4_1r", pulse_rows="corner", sheet="a4", header=True)
    (pulse,) = scene.pulses
    assert pulse.row == -1
    assert pulse.points[:, 1].max() < scene.traces[0].baseline or pulse.points[:, 1].min() > scene.traces[-1].baseline


@pytest.mark.parametrize("names", ["above", "below", "left", "corner", "line", "none"])
def test_each_strip_has_its_name_near_its_start(names):
    scene = build("3x4_1r", names=names, name_note="gain")
    found = [t for t in scene.texts if t.role == "lead"]
    assert all((t.lead in LEADS) == (t.role == "lead") for t in scene.texts)
    if names == "none":
        assert not found
        return
    assert [t.lead for t in found] == [t.strip.lead for t in scene.traces]
    for text, trace in zip(found, scene.traces, strict=True):
        assert text.text == trace.strip.lead
        if names == "left" and trace.strip.offset_s == 0:
            assert 0 < text.x < scene.pulses[0].points[0, 0] - 2
        else:
            assert abs(text.x - trace.x0) < 3
        assert abs(text.y - trace.baseline) < 0.6 * 38


def test_names_in_other_spellings_are_still_the_lead():
    strips = {("-" if s.sign < 0 else "") + s.lead: s for s in load_layout("cabrera_12x1").strips}
    style = plain(spelling="upper", limb="D", chest="C", wrap="({})")
    assert [spell(strips[k], style) for k in ("II", "-aVR", "V4")] == ["(D2)", "(-AVR)", "(C4)"]
    style = plain(spelling="turned", limb="L{}", wrap="Lead {}")
    assert [spell(strips[k], style) for k in ("III", "aVF", "V4")] == ["Lead LIII", "Lead avF", "Lead V4"]


@pytest.mark.parametrize("caption", ["bottom", "top"])
def test_speed_and_gain_are_written_outside_the_rows(caption):
    for seed in range(5):
        scene = build("3x4_1r", caption=caption, speed=50.0, gain=20.0, seed=seed)
        found = [t for t in scene.texts if t.role == "calibration"]
        words = " ".join(t.text for t in found)
        assert "50" in words and "20" in words
        below = scene.traces[-1].baseline
        assert all(t.y > below if caption == "bottom" else t.y < scene.traces[0].baseline for t in found)
    assert not [t for t in build(caption="none").texts if t.role == "calibration"]


@pytest.mark.parametrize(
    ("separator", "lines"), [("bar", 9), ("double", 18), ("tick", 18), ("slash", 18), ("notch", 9), ("none", 0)]
)
def test_separators_stand_between_strips(separator, lines):
    bare = len(build("3x4_1r", separator="none").lines)
    scene = build("3x4_1r", separator=separator)
    assert len(scene.lines) - bare == lines
    starts = {t.x0 for t in scene.traces if t.strip.offset_s > 0}
    for line in scene.lines[:lines]:
        assert min(abs(line.points[:, 0].mean() - x) for x in starts) < 1


def test_a_gap_belongs_to_no_lead_and_a_dotted_line_runs_through_all_rows():
    scene = build("3x4_1r", separator="gap")
    for a, b in zip(scene.traces[:3], scene.traces[1:4], strict=True):
        assert 0.3 < b.x0 - a.points[-1, 0] < 2.2 and a.strip.seconds < 2.5
    dotted = build("3x4_1r", separator="dotted")
    y = np.concatenate([line.points[:, 1] for line in dotted.lines])
    assert y.min() < dotted.traces[0].baseline and y.max() > dotted.traces[8].baseline
    assert y.max() < dotted.traces[-1].baseline


def test_a_joining_stroke_is_ink_but_no_truth():
    apart, joined = build("6x2_0r"), build("6x2_0r", joined=True)
    strokes = [line for line in joined.lines if line.color is joined.style.trace_color]
    assert len(strokes) == 6 and len(apart.lines) == len(joined.lines) - 6
    for stroke, k in zip(strokes, range(0, 12, 2), strict=True):
        assert np.array_equal(stroke.points, [joined.traces[k].points[-1], joined.traces[k + 1].points[0]])
        assert stroke.width == joined.style.trace_width
    for a, b in zip(apart.traces, joined.traces, strict=True):
        assert np.array_equal(a.points, b.points)


def test_sheets_have_their_size_and_give_way_when_too_small():
    assert {(s.width, s.height) for s in (build(sheet="a4", seed=k) for k in range(4))} == {(297, 210)}
    assert (build(sheet="letter").width, build(sheet="letter").height) == (279.4, 215.9)
    portrait = build("12x1", sheet="a4_portrait", speed=12.5)
    assert (portrait.width, portrait.height) == (210, 297)
    assert build(sheet="a4", speed=50.0).width > 500
    assert 60 <= build("3x1_limb", sheet="roll", header=False, footer=False, caption="none").height <= 120


def test_crowded_rows_are_closer_than_the_layout_s_closest():
    for seed in range(5):
        y = sorted({t.baseline for t in build("3x4_0r", crowding=0.6, seed=seed).traces})
        assert (np.diff(y) < 20).all() and (np.diff(y) > 11).all()


def test_a_short_recording_is_printed_as_far_as_it_goes():
    scene = build("3x4_1r", waves(seconds=6.0))
    assert {t.strip.lead for t in scene.traces} == {"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3"}
    v1 = next(t for t in scene.traces if t.strip.lead == "V1")
    assert len(v1.points) == 250 and v1.points[-1, 0] == pytest.approx(v1.x0 + 249 / 250 * 25)
    with pytest.raises(ValueError, match=r"waves.*nothing to print"):
        build("3x4_1r", waves(), start_s=20.0)


def test_a_lead_that_the_recording_lacks_is_left_out():
    whole = waves()
    part = Recording("two", whole.signal[:2], whole.fs, ("I", "II"))
    scene = build("6x2_1r", part)
    assert [t.strip.lead for t in scene.traces] == ["I", "II", "II"]
    assert {p.row for p in scene.pulses} == {0, 1, 6}
    assert {t.lead for t in scene.texts if t.role == "lead"} == {"I", "II"}


def test_a_page_keeps_its_empty_third_and_its_blank_rows():
    assert build("panel", pulse="none").traces[0].x0 > 125
    one = {"rows": [["I"], ["II"]], "seconds": 10, "row_pitch_mm": [20, 20]}
    blank = parse_layout("blank", one | {"rows": [["I"], ["II"], *[[]] * 9]})
    below = [s.height - s.traces[-1].baseline for s in (build(parse_layout("two", one)), build(blank))]
    assert below[1] > 9 * 20 > below[0]


def test_a_grid_may_be_aligned_with_the_rows_or_end_with_them():
    scene = build("3x4_1r", aligned=True, grid_area="traces")
    x0, y0, x1, y1 = scene.style.grid_box
    for edge, origin in ((x0, scene.style.grid_x), (y0, scene.style.grid_y), (x1, scene.style.grid_x)):
        assert abs((edge - origin + 2.5) % 5 - 2.5) < 1e-6
    assert abs((scene.traces[0].x0 - scene.style.grid_x + 2.5) % 5 - 2.5) < 1e-6
    assert x0 <= scene.traces[0].x0 and y0 < scene.traces[0].baseline and y1 > scene.traces[-1].baseline
    assert 0 <= x0 and x1 <= scene.width and 0 <= y0 and y1 <= scene.height


def flat(value):
    """All numbers and words of a scene, arrays as bytes."""
    if isinstance(value, dict):
        return [(k, flat(v)) for k, v in value.items()]
    if isinstance(value, list | tuple):
        return [flat(v) for v in value]
    return value.tobytes() if isinstance(value, np.ndarray) else value


def test_the_same_seed_is_the_same_scene():
    scenes = []
    for seed in (7, 7, 8):
        rng = np.random.default_rng(seed)
        scenes.append(flat(asdict(build_scene(waves(), load_layout("3x4_1r"), sample_style(rng), rng))))
    assert scenes[0] == scenes[1] != scenes[2]


def test_styles_are_varied_and_most_are_ordinary():
    rng = np.random.default_rng(0)
    styles = [sample_style(rng) for _ in range(800)]
    ordinary = [s.trace_kind == "solid" and s.clip is None and s.crowding == 1 and s.chest_gain == 1 for s in styles]
    assert 0.7 < np.mean(ordinary) < 0.95
    for field, values in {
        "grid": {"full", "major", "minor", "dots", "none"},
        "trace_kind": {"solid", "broken", "double", "pixels"},
        "separator": {"bar", "double", "tick", "gap", "dotted", "slash", "notch", "none"},
        "names": {"above", "below", "left", "corner", "line", "none"},
        "sheet": {"fit", "a4", "letter", "roll", "a4_portrait", "letter_portrait"},
    }.items():
        assert {getattr(s, field) for s in styles} == values
    widths = np.array([s.trace_width for s in styles])
    assert widths.min() >= 0.1 and widths.max() <= 0.7 and 0.2 < np.median(widths) < 0.4
    for s in styles:
        for color in (s.paper, s.minor_color, s.major_color, s.trace_color, s.text_color, *(s.trace_colors or ())):
            assert color.shape == (3,) and (color >= 0).all() and (color <= 1).all()
        assert s.paper.min() > 0.6


def test_strips_apart_have_panels_and_an_axis():
    style = replace(sample_style(np.random.default_rng(3)), column_gap=6.0, panels=4.0, axis=True, grid="full")
    page = render_page(simulate(np.random.default_rng(1), seconds=10.0), "3x4_0r", "none", 5, style=style)
    row = [t for t in page.scene.traces if t.strip.row == 0]
    assert np.allclose([b.x0 - a.x1 for a, b in pairwise(row)], 6.0)
    boxes = np.array(page.scene.style.grid_panels)
    inside = (page.crossings_mm[:, None] >= boxes[:, :2]) & (page.crossings_mm[:, None] <= boxes[:, 2:])
    assert len(page.crossings_mm) and inside.all(axis=2).any(axis=1).all()
    assert {"0", "1", "9", "10"} <= {t.text for t in page.scene.texts}
