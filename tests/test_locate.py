import zlib
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from corrupt_findings import PX, corrupt, draw_trace, make_scene, true_findings, without_names

from ecgseg.digitize.locate.echoes import REPEATS_LIMIT, Echoes
from ecgseg.digitize.locate.findings import Box, Findings, LeadName, Point, Stretch
from ecgseg.digitize.locate.fit import Evidence, Fit, rhythm_prior
from ecgseg.digitize.locate.leadnames import page_names, reading
from ecgseg.digitize.locate.locate import _contested, _same_leads, locate
from ecgseg.digitize.locate.rows import Row, begun_at_names
from ecgseg.digitize.locate.textnames import lead_name
from ecgseg.digitize.locate.unnamed import usual_seconds
from ecgseg.errors import LayoutError
from ecgseg.layout import LEADS, layout_names, load_layout, parse_layout, with_rhythm, with_seconds

PLAIN = {"separator": "none", "crowding": 1.0, "name_jitter": 0.0, "name_note": "none"}


@lru_cache(maxsize=64)
def page(name, seed=0, **kwargs):
    scene = make_scene(name, seed, **{**PLAIN, **kwargs})
    return scene, true_findings(scene, PX)


def check(located, scene, at_mm=0.5):
    """All strips of the scene and no others, where they are."""
    assert located.named
    truth = [(t.strip.lead, t.strip.row, t.strip.sign) for t in scene.traces]
    assert [(s.lead, s.row, s.sign) for s in located.strips] == truth
    for s, t in zip(located.strips, scene.traces, strict=True):
        assert s.x0 == pytest.approx(t.x0 * PX, abs=at_mm * PX)
        assert s.x1 - s.x0 == pytest.approx(t.strip.seconds * scene.speed * PX)
        assert s.baseline == pytest.approx(t.baseline * PX, abs=at_mm * PX)
        assert (s.t0, s.t1) == (t.strip.t0, t.strip.t1)


def shifted(found: Findings, dx: float, dy: float) -> Findings:
    """Findings moved by dx, dy mm."""
    dx, dy = dx * PX, dy * PX
    boxes = [replace(n, x0=n.x0 + dx, x1=n.x1 + dx, y0=n.y0 + dy, y1=n.y1 + dy) for n in found.names]
    points = ([replace(p, x=p.x + dx, y=p.y + dy) for p in ps] for ps in (found.starts, found.ends))
    stretches = [replace(s, x0=s.x0 + dx, x1=s.x1 + dx, baseline=s.baseline + dy) for s in found.stretches]
    return Findings(boxes, [], [], stretches, *points)


def joined(a: Findings, b: Findings) -> Findings:
    keys = ("names", "pulses", "texts", "stretches", "starts", "ends")
    return Findings(**{k: [*getattr(a, k), *getattr(b, k)] for k in keys})


@pytest.mark.parametrize("name", layout_names())
def test_every_layout_is_recognised_from_perfect_findings(name):
    scene, found = page(name, 1)
    located = locate(found, PX)
    check(located, scene)
    assert located.layout.name == name or load_layout(name).strips == located.layout.strips
    assert located.confidence > 0.7 and not located.warnings
    assert (located.names_agreeing, located.names_contradicting) == (len(scene.traces), 0)
    assert sum(c.score for c in located.candidates) == pytest.approx(1)


@pytest.mark.parametrize("name", layout_names())
def test_damaged_findings_give_the_right_leads_or_none(name):
    scene, found = page(name, 2)
    truth = {(t.strip.lead, t.strip.row) for t in scene.traces}
    right = 0
    for seed in range(2):
        located = locate(corrupt(found, np.random.default_rng(zlib.crc32(name.encode()) + seed)), PX)
        if located.named:
            assert {(s.lead, s.row) for s in located.strips if not s.lead.startswith("R")} <= truth
            right += 1
        else:
            assert located.confidence <= 0.2 and any("digitize.layout=" in w for w in located.warnings)
    # Pages of one to three names cannot be told once most of them are missing.
    assert right == 2 or len(truth) <= 6


@pytest.mark.parametrize("name", ["3x4_0r", "3x4_1r", "3x4_3r", "6x2_1r"])
def test_usual_pages_are_known_without_names(name):
    scene, found = page(name, 3)
    located = locate(without_names(found), PX)
    check(located, scene)
    assert located.names_agreeing == 0


@pytest.mark.parametrize(
    "name", ["3x1_v4v6", "3x2_limb", "panel", "6x1_chest", "single", "cabrera_6x2", "cabrera_12x1"]
)
def test_pages_that_only_names_tell_stay_unnamed_without_them(name):
    scene, found = page(name, 3)
    for trace in (None, draw_trace(scene)):
        located = locate(without_names(found), PX, trace=trace)
        assert not located.named and located.layout is None and located.confidence <= 0.2
        assert len(located.strips) == len(scene.traces) and located.seconds == 10
        assert all(s.lead.startswith(f"R{s.row + 1}") for s in located.strips)
        for s, t in zip(located.strips, scene.traces, strict=True):
            assert s.x0 == pytest.approx(t.x0 * PX, abs=PX) and s.t1 - s.t0 == pytest.approx(t.strip.seconds)


def test_the_leads_laws_tell_the_usual_order_from_cabreras():
    scene, found = page("6x2_0r", 4)
    assert not locate(without_names(found), PX).named
    located = locate(without_names(found), PX, trace=draw_trace(scene))
    check(located, scene)
    cabrera = next(c for c in located.candidates if c.layout.name == "cabrera_6x2")
    assert located.candidates[0].parts["laws"] > cabrera.parts["laws"] + 3


def test_the_start_is_as_exact_as_the_ink():
    scene, found = page("3x4_1r", 5)
    coarse = corrupt(found, np.random.default_rng(0), missed=0, misread=0)
    located = locate(coarse, PX, trace=draw_trace(scene))
    check(located, scene, at_mm=1.5)
    assert located.strips[0].x0 / PX == pytest.approx(scene.traces[0].x0, abs=0.3)


@pytest.mark.parametrize("lead", ["V1", "V5", "aVF"])
def test_rhythm_strips_are_called_as_their_names_or_their_curves_say(lead):
    layout = with_rhythm(load_layout("3x4_1r"), [lead])
    scene, found = page(layout, 6)
    named = locate(found, PX)
    check(named, scene)
    repeated = locate(without_names(found), PX, trace=draw_trace(scene))
    # aVF looks much like II, and is no usual rhythm strip: without its name it may stay unnamed.
    assert repeated.strips[-1].lead in ((lead,) if lead != "aVF" else ("aVF", "R4"))


def test_a_rhythm_strip_of_doubtful_name_is_left_unnamed():
    _, found = page("3x4_1r", 7)
    names = [replace(n, lead="V1", score=0.3) if n.y > found.stretches[8].baseline else n for n in found.names]
    names = [n for n in names if n.lead != "V1" or n.score == 0.3 or n.y < found.stretches[8].baseline]
    located = locate(replace(found, names=names), PX)
    assert located.strips[-1].lead in ("II", "R4")
    if located.strips[-1].lead == "R4":
        assert any("row 4" in w and "unnamed" in w for w in located.warnings)


def test_a_single_misread_name_is_named_in_a_warning():
    scene, found = page("3x4_1r", 8)
    at = next(k for k, n in enumerate(found.names) if n.lead == "aVL")
    names = [replace(n, lead="V6") if k == at else n for k, n in enumerate(found.names)]
    located = locate(replace(found, names=names), PX)
    check(located, scene)
    assert located.names_contradicting == 1 and located.confidence > 0.7
    assert any("read as V6" in w and "aVL" in w for w in located.warnings)


def test_names_win_over_the_usual_order():
    scene, found = page("cabrera_6x2", 9)
    located = locate(found, PX)
    check(located, scene)
    assert located.layout.name == "cabrera_6x2"
    minus = [replace(n, sign=1) for n in found.names]
    doubtful = locate(replace(found, names=minus), PX)
    check(doubtful, scene)
    assert any("sign" in w for w in doubtful.warnings)


CUSTOM = {
    "rows": [["V1", "I", "aVL"], ["V2", "II", "aVR"], ["V3", "III", "aVF"], ["V4", "V5", "V6"]],
    "seconds": 7.5,
    "row_pitch_mm": [20, 30],
}


def test_names_of_an_unknown_order_build_a_layout_of_their_own():
    scene, found = page(parse_layout("mixed", CUSTOM), 10)
    located = locate(found, PX)
    check(located, scene)
    assert located.layout.name == "custom" and 0.4 < located.confidence < 0.9
    one_left = locate(replace(found, names=found.names[1:]), PX)
    assert [s.lead for s in one_left.strips] == [s.lead for s in located.strips]
    fewer = locate(replace(found, names=found.names[2:]), PX)
    assert not fewer.named and len(fewer.strips) == 12
    assert fewer.strips[4].lead == "R2S2" and fewer.strips[4].t0 == pytest.approx(2.5)


def test_rows_at_few_of_many_names_are_not_called_by_these():
    """Of a page seen at half its size one of twelve rows was found, and called by its name as the only one."""
    _, found = page(with_seconds(load_layout("single"), 4.1), 3)
    assert locate(found, PX).named
    name = found.names[0]
    above = [
        replace(name, y0=name.y0 - k * 5 * PX, y1=name.y1 - k * 5 * PX, lead=lead)
        for k, lead in enumerate(("V5", "V4", "V3", "V2", "V1"), 4)
    ]
    assert not locate(replace(found, names=[*found.names, *above]), PX).named


def test_a_single_strip_is_called_as_its_name_says():
    layout = parse_layout("one", {"rows": [["V5"]], "seconds": 10, "row_pitch_mm": [25, 50]})
    scene, found = page(layout, 11)
    check(locate(found, PX), scene)


def test_a_page_of_no_layout_gives_unnamed_strips():
    spec = {"rows": [["I"], ["II"], ["III"], ["aVR"], ["aVL"]], "seconds": 10, "row_pitch_mm": [15, 25]}
    _, found = page(parse_layout("5x1", spec), 12)
    located = locate(without_names(found), PX)
    assert [s.lead for s in located.strips] == ["R1", "R2", "R3", "R4", "R5"]
    assert any("5 rows of trace found" in w and "digitize.layout=" in w for w in located.warnings)


def test_a_forced_layout_is_used_and_contradicting_names_are_told():
    _, found = page("3x4_3r", 13)
    located = locate(found, PX, layout="6x2_0r")
    assert located.layout.name == "6x2_0r" and len(located.strips) == 12
    assert located.names_contradicting > located.names_agreeing and located.confidence < 0.2
    assert any("was read as" in w for w in located.warnings)
    check(locate(without_names(page("cabrera_6x2", 13)[1]), PX, layout="cabrera_6x2"), page("cabrera_6x2", 13)[0])


def test_a_forced_layout_with_too_few_rows_is_refused():
    with pytest.raises(LayoutError, match=r"4 rows of trace found.*12x1 \(12 rows"):
        locate(page("3x4_1r", 14)[1], PX, layout="12x1")


@pytest.mark.parametrize("stretches", [[], [Stretch(100, 160, 200.0)]])
def test_a_page_without_rows_is_refused(stretches):
    with pytest.raises(LayoutError, match="no row of trace"):
        locate(Findings(stretches=stretches), PX)


@pytest.mark.parametrize("speed", [12.5, 50.0])
def test_the_speed_is_told_by_the_rows_where_it_is_open(speed):
    scene, found = page("3x4_1r", 15, speed=speed)
    located = locate(found, PX, speeds=(25.0, 50.0, 12.5))
    assert located.speed == speed
    check(located, scene)


def test_of_two_records_one_above_the_other_the_upper_is_read():
    scene, found = page("3x4_1r", 16)
    below = scene.traces[-1].baseline + 25 - scene.traces[0].baseline
    located = locate(joined(found, shifted(found, 0, below)), PX)
    check(located, scene)
    assert any("two records" in w and "upper" in w for w in located.warnings)


def test_of_two_records_side_by_side_the_left_is_read():
    scene, found = page("3x4_1r", 16)
    located = locate(joined(shifted(found, 265, 0), found), PX)
    check(located, scene)
    assert any("two records" in w and "left" in w for w in located.warnings)


def test_names_without_rows_beside_a_record_are_no_second_one():
    _, found = page("12x1", 16, names="left")
    stray = shifted(found, 150, 0)
    first = min(found.stretches, key=lambda s: s.baseline)  # one row seems to begin where no other does
    stray = replace(
        stray, names=[*found.names, *stray.names], stretches=[*stray.stretches, replace(first, x1=first.x0 + 20 * PX)]
    )
    located = locate(stray, PX)
    assert not any("side by side" in w for w in located.warnings)


def test_a_record_that_runs_off_the_left_edge():
    scene, found = page("3x4_1r", 17)
    cut = scene.traces[0].x0 + 40.0
    moved = shifted(found, -cut, 0)
    kept = Findings(
        [n for n in moved.names if n.x0 > 0],
        stretches=[replace(s, x0=max(s.x0, 0)) for s in moved.stretches if s.x1 > 0],
        starts=[p for p in moved.starts if p.x > 0],
        ends=[p for p in moved.ends if p.x > 0],
    )
    located = locate(kept, PX, trace=draw_trace(scene)[:, round(cut * PX / 2) :])
    assert located.layout.name == "3x4_1r"
    assert located.strips[0].x0 == pytest.approx(-40 * PX, abs=PX)
    assert [s.lead for s in located.strips] == [t.strip.lead for t in scene.traces]
    assert any("off the left edge" in w for w in located.warnings)


def test_a_record_whose_last_rows_are_off_the_picture():
    scene, found = page("12x1", 18, names="above")
    end = (scene.traces[9].baseline + 2) * PX
    kept = Findings(
        [n for n in found.names if n.y1 < end],
        stretches=found.stretches[:10],
        starts=found.starts[:10],
        ends=found.ends[:10],
    )
    located = locate(kept, PX, trace=draw_trace(scene)[: round(end / 2)])
    assert [s.lead for s in located.strips] == [t.strip.lead for t in scene.traces[:10]]
    assert any("off the lower edge" in w for w in located.warnings)


def test_a_row_that_was_missed_is_looked_for_where_it_should_be():
    scene, found = page("6x1_chest", 19)
    y = found.stretches[2].baseline
    kept = replace(
        found,
        stretches=[s for s in found.stretches if s.baseline != y],
        starts=[p for p in found.starts if p.y != y],
        ends=[p for p in found.ends if p.y != y],
    )
    located = locate(kept, PX)
    check(located, scene)
    assert any("row 3 (V3) was not found" in w for w in located.warnings)


def test_a_shifted_row_keeps_its_own_start():
    _, found = page("6x1_limb", 20)
    y = found.stretches[3].baseline
    moved = [replace(s, x0=s.x0 + 80, x1=s.x1 + 80) if s.baseline == y else s for s in found.stretches]
    located = locate(replace(found, stretches=moved), PX)
    assert located.strips[3].x0 == pytest.approx(found.stretches[3].x0 + 80, abs=4)
    assert located.strips[2].x0 == pytest.approx(found.stretches[2].x0, abs=4)
    assert any("row 4 starts +10.0 mm" in w for w in located.warnings)


def test_layouts_with_the_same_leads_are_told_by_where_their_rows_are():
    """Rows may seem missed above the first: of one fit they are among the rows, of the other not."""
    rows = [Row(30.0 * k, 20.0, 270.0, ((20.0, 270.0, 30.0 * k),)) for k in range(6)]
    found, with_missed = (
        Evidence(seen, 30.0, page_names([], PX), 0.0, None, None, 25.0) for seen in (rows[2:], [*rows[:2], *rows[2:]])
    )
    one = Fit(load_layout("3x4_1r"), found, 20.0, (0, 1, 2, 3), 0.0)
    assert _same_leads(one, Fit(load_layout("3x4_2r"), with_missed, 20.0, (2, 3, 4, 5, -1), 0.0))
    assert not _same_leads(one, Fit(load_layout("3x4_2r"), with_missed, 20.0, (1, 2, 3, 4, 5), 0.0))
    assert not _same_leads(one, Fit(load_layout("4x3"), found, 20.0, (0, 1, 2, 3), 0.0))


def test_names_between_rows_that_may_be_the_upper_or_the_lower_ones_are_contested():
    """Six lines of names between seven rows: a layout of six rows leaves the first out, one of seven takes all."""
    scene, found = page("6x2_1r", 1)
    y = sorted({t.baseline for t in scene.traces})
    rows = [Row(b, 20.0, 270.0, ((20.0, 270.0, b),)) for b in y]
    read = page_names([n for n in found.names if n.y < (y[-2] + y[-1]) / 2 * PX], PX)
    of = {n.lead: k for k, n in enumerate(read.names)}
    evidence = Evidence(rows, y[1] - y[0], read, 0.0, None, None, 25.0)
    few, many = (
        Fit(layout, evidence, 20.0, used, 30.0, {}, tuple(-1 if s.rhythm else of[s.lead] for s in layout.strips))
        for layout, used in ((load_layout("6x2_0r"), tuple(range(1, 7))), (load_layout("6x2_1r"), tuple(range(7))))
    )
    assert _contested(few, [few, many], [(few, 0.7)])
    assert not _contested(many, [few, many], [(many, 0.7)])
    assert not _contested(few, [few, replace(many, score=0.0)], [(few, 1.0)])
    assert not _contested(few, [few, replace(many, names=(-1,) * 13)], [(few, 0.7)])


def test_a_rare_layout_needs_a_name():
    """Without one the usual layout of its shape is meant."""
    scene, found = page("cabrera_3x4_0r", 3)
    check(locate(found, PX), scene)
    assert locate(without_names(found), PX).layout.name == "3x4_0r"


def test_short_pieces_beside_a_row_do_not_tell_its_length():
    row, piece = (Row(y, 60.0, x1, ((60.0, x1, y),)) for y, x1 in ((20.0, 309.0), (120.0, 130.0)))
    assert usual_seconds([row, piece], 25.0) == 10.0 == usual_seconds([row], 25.0)


def test_a_pattern_beside_the_rows_is_cut_off_at_their_names():
    """Lines of a cloth or of another sheet go on where some rows begin: the others begin at their names."""
    rows = [Row(20.0 * k, 60.0 - 35 * (k > 4), 310.0, ((60.0 - 35 * (k > 4), 310.0, 20.0 * k),)) for k in range(12)]
    cut = begun_at_names(rows, [52.0 + k % 2 for k in range(11)])
    assert {(r.x0, r.x1, r.covered) for r in cut} == {(60.0, 310.0, 250.0)}
    assert begun_at_names(rows, [52.0] * 3) == rows  # names of few rows
    assert begun_at_names(rows, [120.0] * 11) == rows  # the second column's, the first one's were not read
    assert begun_at_names(rows[4:], [52.0] * 8) == rows[4:]  # too few rows begin there


def test_false_names_in_the_header_change_nothing():
    scene, found = page("3x1_limb", 21)
    y = found.stretches[0].baseline - 30 * PX
    false = [LeadName(x, y, x + 40, y + 24, 0.9, lead) for x, lead in ((200, "V1"), (900, "V2"), (1500, "V3"))]
    check(locate(replace(found, names=[*false, *found.names]), PX), scene)


def test_an_upside_down_page_scores_less():
    scene, found = page("3x4_1r", 22)
    w, h = scene.width * PX, scene.height * PX
    turned = Findings(
        # A network reads few names upside down, and those wrong.
        [
            LeadName(w - n.x1, h - n.y1, w - n.x0, h - n.y0, 0.5, "V1")
            for n in found.names
            if n.lead in ("I", "V4", "aVF", "V3")
        ],
        stretches=[Stretch(w - s.x1, w - s.x0, h - s.baseline) for s in found.stretches],
        starts=[replace(p, x=w - p.x, y=h - p.y) for p in found.ends],
        ends=[replace(p, x=w - p.x, y=h - p.y) for p in found.starts],
    )
    upright, other = locate(found, PX), locate(turned, PX)
    assert upright.score > other.score + 10
    assert upright.names_agreeing > other.names_agreeing + 8
    assert upright.confidence > other.confidence


def test_names_at_all_strips_tell_a_layout_whose_starts_were_not_found():
    """As of a ventricular tachycardia, whose waves are taken for starts and its starts for waves."""
    scene = make_scene("3x4_1r", 3, names="above")
    found = true_findings(scene, PX)
    rng = np.random.default_rng(0)
    wrong = [replace(p, x=p.x + rng.uniform(5, 50) * PX) for p in found.starts for _ in range(3)]
    astray = replace(found, starts=wrong, ends=wrong)
    check(locate(astray, PX), scene, at_mm=2.5)
    assert not locate(without_names(astray), PX).named


def test_what_a_rhythm_strip_repeats_does_not_overrule_its_name_and_what_is_usual_together(monkeypatch):
    """Other rows' ink in its short strip made a strip printed and read as II look like V4."""
    seen, repeats = [], Echoes.repeats
    monkeypatch.setattr(Echoes, "repeats", lambda self, fit: seen.append(repeats(self, fit)) or seen[-1])
    scene, found = page("3x4_1r", 4)
    locate(found, PX, trace=draw_trace(scene))
    (nats,) = seen[-1].values()
    assert LEADS[int(nats.argmax())] == "II" and nats.max() == 0 and nats.min() == -REPEATS_LIMIT
    named, unnamed = rhythm_prior("II") + reading("II", 0.92), rhythm_prior("II")
    other = np.where(np.arange(len(LEADS)) == LEADS.index("V4"), 0.0, -REPEATS_LIMIT)
    assert LEADS[int((named + other).argmax())] == "II" and LEADS[int((unnamed + other).argmax())] == "V4"


@pytest.mark.parametrize("stray", [None, "V1"])
def test_the_edge_of_a_sheet_is_no_rhythm_strip(stray):
    """A level line below the rows, as long as these and with no name but a doubtful one, repeats no lead."""
    scene, found = page("6x2_0r", 4)
    last, pitch = scene.traces[-1], 0.5 * (scene.traces[-1].baseline - scene.traces[-5].baseline)
    y = (last.baseline + pitch) * PX
    edge = Stretch(scene.traces[0].x0 * PX, last.x1 * PX, y)
    trace = draw_trace(scene)
    trace = np.pad(trace, ((0, max(0, round(y / 2) + 8 - len(trace))), (0, 0)))
    trace[round(y / 2) - 1 : round(y / 2) + 1, round(edge.x0 / 2) : round(edge.x1 / 2)] = 1
    if stray:
        x0 = scene.traces[0].x0 * PX
        name = LeadName(x0, y - 40, x0 + 30, y - 20, score=0.17, lead=stray)
        found = replace(found, names=[*found.names, name])
    located = locate(replace(found, stretches=[*found.stretches, edge]), PX, trace=trace)
    assert located.named and "R7" not in located.layout.name
    limb = {s.lead for s in located.strips if not s.rhythm}
    assert limb == {t.strip.lead for t in scene.traces}
    assert not any(s.rhythm and not s.lead.startswith("R") for s in located.strips)


@pytest.mark.parametrize(
    "name, gap", [("3x4_1r", 6.0), ("6x2_0r", 2.5), ("4x3", 9.0), ("cabrera_6x2", 4.0), ("12x1", 6.0)]
)
def test_strips_that_stand_apart_are_found_where_they_are(name, gap):
    scene, found = page(name, 4, column_gap=gap)
    check(locate(found, PX), scene)
    few = locate(replace(found, names=found.names[2:], ends=found.ends[::2]), PX)
    check(few, scene, 1.0)


def test_an_unknown_order_of_strips_that_stand_apart_is_named_by_its_print():
    scene, found = page(parse_layout("mixed", CUSTOM), 10, column_gap=6.0)
    located = locate(found, PX)
    check(located, scene, 1.0)
    assert located.layout.name == "custom"


def test_a_row_without_any_name_leaves_an_unknown_order_unnamed():
    """Names half-way between rows were once those of the next row on a page whose first ones were not read."""
    scene, found = page(parse_layout("mixed", CUSTOM), 10)
    first = {t.strip.lead for t in scene.traces if t.strip.row == 0}
    assert not locate(replace(found, names=[n for n in found.names if n.lead not in first]), PX).named


@pytest.mark.parametrize(
    "text, lead, sign",
    [("aVR", "aVR", 1), ("AVL:", "aVL", 1), ("l aVF", "aVF", 1), ("-aVR", "aVR", -1), ("1v3", "V3", 1), ("C4", "V4", 1)]
    + [("Ⅱ", "II", 1), ("(III)", "III", 1), ("D2", "II", 1), ("aVE", "aVF", 1)]
    + [("Lead AVL 47/min", "aVL", 1), ("Lead I", "I", 1), ("lead l1", "II", 1), ("Lead -aVR", "aVR", -1)]
    + [
        (other, None, 0)
        for other in ("11", "2.5", "V7", "25 mm/s", "I", "", "VIVID", "aV", "PR", "Lead 12", "Leads V1")
    ],
)
def test_lines_of_text_that_are_lead_names(text, lead, sign):
    name = lead_name(text, 0.9, Box(100, 10, 140, 30, 0.9))
    assert (name.lead, name.sign) == (lead, sign) if lead else name is None


def test_a_separator_read_as_a_letter_does_not_move_its_name():
    assert lead_name("laVR", 0.9, Box(100, 10, 140, 30)).x0 == 110


@pytest.mark.parametrize("name, seconds", [("12x1", 5.0), ("3x4_0r", 12.0), ("6x2_0r", 16.0)])
def test_rows_of_other_seconds_need_their_names(name, seconds):
    scene, found = page(with_seconds(load_layout(name), seconds), 6)
    located = locate(found, PX)
    check(located, scene, 1.0)
    said = any(f"the rows are {seconds:g} s long at 25 mm/s" in w for w in located.warnings)
    assert said or located.layout.name == "custom"
    assert not locate(without_names(found), PX).named


def test_names_that_stand_where_a_layout_has_no_strip_outvote_those_that_agree():
    """A page with names of three more columns was once read as four rows of one lead each, the last one wrongly."""
    scene, found = page("panel", 7, names="above")
    names = [replace(n, lead="II") if n.lead == "aVR" else n for n in found.names]
    rows = [n for n in names if n.lead in ("I", "II", "III")][:3]
    across = [(column, n) for column in (1, 2) for n in rows]
    step = scene.speed * 2.5 * PX
    more = [
        replace(n, x0=n.x0 + column * step, x1=n.x1 + column * step, lead=lead)
        for (column, n), lead in zip(across, ["III", "aVF", "V1", "aVL", "V2", "V4"], strict=True)
    ]
    assert locate(replace(found, names=names), PX).named
    assert not locate(replace(found, names=names + more), PX).named


def test_rows_that_another_speed_would_explain_are_not_named_while_it_is_not_told():
    """A page at 12.5 mm/s whose speed was not read once came out with all names and twice its heart rate."""
    for name, seconds, named in (("12x1", 5.0, False), ("6x2_0r", 5.0, False), ("12x1", 6.0, True)):
        _, found = page(with_seconds(load_layout(name), seconds), 6)
        assert locate(found, PX).named
        assert locate(found, PX, speed_told=False).named == named
    _, found = page("12x1", 6)
    assert not locate(found, PX, speed=5.0, speed_told=False).named
    # Rows that are not as long as the layout's were once named with eight seconds instead of ten.
    _, found = page(with_seconds(load_layout("12x1"), 8.0), 6)
    assert locate(found, PX, speed_told=False).named
    torn = [
        replace(s, x0=s.x0 + a * (s.x1 - s.x0), x1=s.x0 + b * (s.x1 - s.x0))
        for s in found.stretches
        for a, b in ((0.0, 0.4), (0.65, 1.0))
    ]
    assert not locate(replace(found, stretches=torn), PX, speed_told=False).named


def test_lawful_leads_of_whole_rows_are_believed_whatever_starts_are_seen():
    """A page of two colours without greys showed ends of strips at each beat."""
    scene, found = page("6x1_limb", 3)
    beats = [Point((t.x0 + x) * PX, t.baseline * PX, 1.0) for t in scene.traces for x in np.arange(15.0, 240.0, 17.0)]
    noisy = replace(found, starts=[*found.starts, *beats], ends=[*found.ends, *beats], names=found.names[:3])
    assert not locate(noisy, PX).named
    check(locate(noisy, PX, trace=draw_trace(scene)), scene)
    short = [replace(s, x1=s.x0 + 0.7 * (s.x1 - s.x0)) for s in noisy.stretches]
    assert not locate(replace(noisy, stretches=short), PX, trace=draw_trace(scene)).named
