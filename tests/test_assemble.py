from dataclasses import replace

import numpy as np
import pytest
from mask_drawer import draw_mask, made_up_ecg

from ecgseg.digitize.assemble.assemble import assemble, verify_layout, zero_level
from ecgseg.digitize.locate.locate import Located, LocatedStrip
from ecgseg.layout import LEADS, layout_names, load_layout

PX = 8.0


def traced(strips, lines, px_per_mm=PX):
    """Return what a perfect network would: four samples a column along each drawn polyline."""
    out = []
    for strip, line in zip(strips, lines, strict=True):
        x = np.arange(np.ceil(strip.x0) - 0.375, strip.x1, 0.25)
        inside = x <= line[-1, 0] + 1
        y = np.where(inside, np.interp(x, *line.T), np.nan)
        out.append((x, y, np.where(inside, 0.9995, 0.0)))
    return out


def page(name="3x4_1r", seed=0, speed=25.0, **options):
    layout, leads = load_layout(name), made_up_ecg(seed)
    _, rows, x0, lines = draw_mask(layout, leads, clutter=None, speed=speed, **options)
    located = Located(layout, placed(layout, rows, x0, speed), 1.0)
    return located, traced(located.strips, lines), leads


def placed(layout, rows, x0, speed=25.0):
    """Return the layout's strips on rows at these heights (px) that begin at x0 (px)."""
    starts = [x0 + s.offset_s * speed * PX for s in layout.strips]
    return [
        LocatedStrip(s.lead, s.row, s.t0, s.t1, x, x + s.seconds * speed * PX, float(rows[s.row]), s.rhythm, s.sign)
        for s, x in zip(layout.strips, starts, strict=True)
    ]


def snr_db(truth, found):
    error = found - truth
    error -= error.mean()
    return 10 * np.log10(np.sum((truth - truth.mean()) ** 2) / np.sum(error**2))


@pytest.mark.parametrize("name", layout_names("geometry"))
def test_every_layout_comes_back(name):
    located, traces, leads = page(name)
    rec = assemble(located.strips, traces, PX, 25.0, 10.0, fs=500, seconds=10)
    assert rec.signal.shape == (12, 5000) and rec.leads == LEADS and rec.fs == 500
    for lead in LEADS:
        a, b = (round(t * 500) for t in rec.windows[lead])
        found = rec.lead(lead)
        assert np.isfinite(found[a:b]).all(), lead
        assert np.isnan(found[:a]).all() and np.isnan(found[b:]).all()
        # An uncertainty of the start of half a px is 2.5 ms, most of what is left.
        best = max(snr_db(leads[lead][a + 3 + k : b - 3 + k], found[a + 3 : b - 3]) for k in range(-2, 3))
        assert best > 18, (lead, best)
        assert rec.quality[lead] > 0.5
    assert rec.warnings == []


def test_scale_of_speed_gain_and_time_is_exact():
    located, _, _ = page(seed=1)
    strip = located.strips[-1]
    x = np.arange(strip.x0, strip.x1, 0.25)
    t = (x - strip.x0) / (PX * 25)
    # 1 mV high for half a second from 3 s on, 0 elsewhere.
    pulse = ((t >= 3) & (t < 3.5)).astype(float)
    trace = (x, 700.0 - pulse * 10 * PX, np.ones_like(x))
    one = assemble([strip], [trace], PX).lead("II")
    assert one[:1490] == pytest.approx(0, abs=0.01) and one[1520:1730] == pytest.approx(1, abs=0.02)
    up, down = np.flatnonzero(one > 0.5)[[0, -1]] / 500
    assert (up, down) == (pytest.approx(3.0, abs=0.004), pytest.approx(3.5, abs=0.004))
    double = assemble([strip], [trace], PX, gain=5.0).lead("II")
    assert double[1520:1730] == pytest.approx(2, abs=0.03)


def test_paper_at_50_mm_per_s():
    located, traces, leads = page(speed=50.0)
    rec = assemble(located.strips, traces, PX, speed=50.0)
    assert snr_db(leads["V1"][2510:3740], rec.lead("V1")[2510:3740]) > 18


@pytest.mark.parametrize("fs", [100.0, 250.0, 1000.0])
def test_other_rates_are_free_of_alias(fs):
    located, _, _ = page()
    strip = located.strips[-1]
    x = np.arange(strip.x0, strip.x1, 0.25)
    t = (x - strip.x0) / (PX * 25)
    y = 700 - 40 * np.sin(2 * np.pi * 8 * t) - 40 * np.sin(2 * np.pi * 92 * t)
    found = assemble([strip], [(x, y, np.ones_like(x))], PX, fs=fs).lead("II")
    assert len(found) == 10 * fs
    k = np.arange(len(found)) / fs
    slow, fast = (0.5 * np.sin(2 * np.pi * f * k) for f in (8, 92))
    expected = slow if fs < 2 * 92 else slow + fast
    middle = slice(int(fs), int(9 * fs))
    assert snr_db(expected[middle], found[middle]) > 20


def test_long_gap_is_nan_short_gap_is_bridged():
    located, traces, leads = page()
    k = next(i for i, s in enumerate(located.strips) if s.lead == "V3")
    x, y, conf = traces[k]
    t = located.strips[k].t0 + (x - located.strips[k].x0) / 200
    conf[(t > 5.5) & (t < 5.7)] = 0.01
    y[(t > 5.5) & (t < 5.7)] = 0.0  # nonsense that must not leak out
    conf[(t > 6.0) & (t < 6.01)] = 0.01
    rec = assemble(located.strips, traces, PX)
    v3 = rec.lead("V3")
    assert np.isnan(v3[2752:2848]).all() and np.isfinite(v3[2990:3020]).all()
    assert np.isfinite(v3[2500:2745]).all() and np.nanmax(np.abs(v3)) < 1.5 * np.abs(leads["V3"]).max()
    assert rec.confidence[LEADS.index("V3"), 2800] == 0
    assert rec.quality["V3"] < rec.quality["V2"] - 0.02


def test_a_peak_that_was_not_read_is_a_gap_and_no_lower_wave():
    located, traces, _ = page()
    k = next(i for i, s in enumerate(located.strips) if s.lead == "V3")
    x, y, conf = traces[k]
    t = located.strips[k].t0 + (x - located.strips[k].x0) / 200
    inner = (t > 5.5) & (t < 7.0)
    tip = float(t[inner][np.abs(y[inner] - np.median(y)).argmax()])
    conf[np.abs(t - tip) < 0.008] = 0.01
    conf[(t > tip + 0.3) & (t < tip + 0.316)] = 0.01  # as long, where nothing is steep
    v3 = assemble(located.strips, traces, PX).lead("V3")
    at = round(tip * 500)
    assert np.isnan(v3[at - 2 : at + 3]).all()
    assert np.isfinite(v3[at + 140 : at + 170]).all()


def test_recording_that_ended_early_ends_in_nan():
    located, traces, leads = page(seconds=9.6)
    rec = assemble(located.strips, traces, PX)
    assert np.isnan(rec.lead("V6")[4810:]).all() and np.isnan(rec.lead("II")[4810:]).all()
    assert snr_db(leads["II"][5:4790], rec.lead("II")[5:4790]) > 18


def test_gap_in_the_rhythm_strip_is_filled_from_the_short_strip():
    located, traces, leads = page(seed=2)
    strip, (x, _, conf) = located.strips[-1], traces[-1]
    t = (x - strip.x0) / 200
    conf[((t > 1) & (t < 1.6)) | ((t > 6) & (t < 6.6))] = 0
    rec = assemble(located.strips, traces, PX)
    two = rec.lead("II")
    assert snr_db(leads["II"][5:2900], two[5:2900]) > 18
    assert np.isnan(two[3010:3290]).all()
    assert rec.windows["II"] == (0.0, 10.0) and rec.provenance["repeats"]["II"]["r"] > 0.98


def test_disagreeing_repeat_and_wrong_layout_are_told():
    located, traces, _ = page(seed=3)
    x, y, conf = traces[-1]
    traces[-1] = (x, y[::-1].copy(), conf)
    rec = assemble(located.strips, traces, PX)
    assert any(w.startswith("II: the rhythm strip and the short strip disagree") for w in rec.warnings)
    assert any("the rhythm strip is left out" in w for w in rec.warnings)
    short = next(k for k, s in enumerate(located.strips) if s.lead == "II" and not s.rhythm)
    window = (located.strips[short].t0, located.strips[short].t1)
    assert rec.windows["II"] == window and np.isnan(rec.lead("II")[round(window[1] * 500) + 5 :]).all()
    alone = [k for k, s in enumerate(located.strips) if not s.rhythm]
    plain = assemble([located.strips[k] for k in alone], [traces[k] for k in alone], PX, seconds=10.0)
    assert np.array_equal(rec.lead("II"), plain.lead("II"), equal_nan=True)
    assert rec.quality["II"] < plain.quality["II"]
    score, warnings = verify_layout(rec, located.layout)
    assert score < 0.8 and warnings


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("true, wrong", [("3x4_3r", "6x2_0r"), ("6x2_0r", "3x4_3r")])
def test_signal_tells_layouts_of_six_rows_apart(true, wrong, seed):
    leads = made_up_ecg(seed)
    _, rows, x0, lines = draw_mask(load_layout(true), leads, clutter=None)
    drawn = {}
    for s, line in zip(load_layout(true).strips, lines, strict=True):
        drawn[s.row] = np.concatenate([drawn[s.row], line]) if s.row in drawn else line
    score = {}
    for name in (true, wrong):
        layout = load_layout(name)
        strips = placed(layout, rows, x0)
        traces = traced(strips, [drawn[s.row] for s in strips])
        score[name] = verify_layout(assemble(strips, traces, PX), layout)[0]
    assert score[true] > 0.8 and score[true] > score[wrong] + 0.25


def test_unreadable_strip_is_blank_and_provenance_names_every_strip():
    located, traces, _ = page()
    x, y, conf = traces[0]
    traces[0] = (x, np.full_like(y, np.nan), conf)
    rec = assemble(located.strips, traces, PX, provenance={"source": "test"})
    assert np.isnan(rec.lead("I")).all() and rec.quality["I"] == 0
    assert rec.provenance["source"] == "test" and len(rec.provenance["strips"]) == 13
    assert rec.provenance["strips"][0]["zero_level"] is None


def test_zero_is_where_the_trace_rests_not_its_mean():
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.normal(400, 0.5, 600), rng.uniform(250, 395, 400)])
    assert zero_level(y, PX) == pytest.approx(400, abs=1)
    assert zero_level(np.full(50, 123.0), PX) == pytest.approx(123, abs=0.5)


def test_unnamed_strips_keep_their_names_and_times():
    located, traces, _ = page()
    some = [replace(s, lead=f"R{s.row + 1}S{k % 4 + 1}") for k, s in enumerate(located.strips[:4])]
    rec = assemble(some, traces[:4], PX, seconds=10)
    assert rec.leads == tuple(s.lead for s in some)
    for strip in some:
        assert rec.windows[strip.lead] == (strip.t0, strip.t1)
        assert np.isfinite(rec.lead(strip.lead)).sum() == pytest.approx(2.5 * 500, abs=2)
        assert 0 < rec.quality[strip.lead] <= 1
    mixed = assemble([*located.strips[1:4], some[0]], [*traces[1:4], traces[0]], PX, seconds=10)
    assert mixed.leads == (*LEADS, some[0].lead)


def test_each_lead_may_have_its_gain():
    located, traces, _ = page()
    gains = {lead: 5.0 if lead.startswith("V") else 10.0 for lead in LEADS}
    one, two = assemble(located.strips, traces, PX), assemble(located.strips, traces, PX, gain=gains)
    np.testing.assert_allclose(two.lead("V2"), 2 * one.lead("V2"), atol=1e-5)
    np.testing.assert_array_equal(two.lead("II"), one.lead("II"))
    assert two.provenance["gains_mm_mv"]["V2"] == 5.0
    del gains["V3"]
    with pytest.raises(ValueError, match="no gain for V3"):
        assemble(located.strips, traces, PX, gain=gains)


def test_strip_that_runs_off_the_page_is_nan_there():
    located, traces, _ = page()
    x, y, conf = traces[-1]
    cut = x > located.strips[-1].x0 + 1500
    traces[-1] = (x, np.where(cut, np.nan, y), np.where(cut, 0.0, conf))
    two = assemble(located.strips, traces, PX).lead("II")
    assert np.isnan(two[3755:]).all() and np.isfinite(two[:3745]).all()


def test_missing_trace_is_an_error():
    located, traces, _ = page()
    with pytest.raises(ValueError, match="13 strips but 12 traces"):
        assemble(located.strips, traces[:-1], PX)
