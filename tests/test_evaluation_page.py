"""One page's line: it says what a reading deserves, whatever was right or wrong about it."""

import numpy as np
import pytest
from fake_pages import flat_of, job_and_page, reading_of

from ecgseg.evaluation.geometry import map_error, match_strips, page_mm
from ecgseg.evaluation.measures import measure, told_gain, undrawn
from ecgseg.evaluation.results import FIELDS


def line(reading=None, status="read", message="", **page):
    job, drawn = job_and_page(**page)
    return measure(job, drawn, reading(drawn) if reading else None, status, message, 1.5)


RIGHT = ("layout_right", "names_right", "times_right", "turned_right", "speed_right", "gain_right")


@pytest.mark.parametrize("layout", ["3x4_1r", "cabrera_12x1", "panel"])
@pytest.mark.parametrize("noise", ["none", "photo"])
def test_a_perfect_reading_has_everything_right(layout, noise):
    row = line(lambda page: reading_of(page, (-3.0, 7.5)), layout=layout, noise=noise)
    assert [row[key] for key in RIGHT] == [1.0] * 6
    assert row["status"] == "read" and row["strips_named"] == row["strips"] and row["strips_extra"] == 0
    assert row["map_rms_mm"] < (1e-6 if noise == "none" else 0.03)
    assert row["snr_db"] > 80 and row["snr_db_by_place"] > 80
    assert (row["nan_share"], row["wrong_share"]) == (0.0, 0.0)
    assert row["quality"] == pytest.approx(0.8) and row["seconds"] == 1.5
    assert {*row, "version"} == set(FIELDS)


def test_a_page_without_a_reading_has_nothing_right():
    row = line(status="refused", message="no grid\nfound")
    assert (row["status"], row["message"]) == ("refused", "no grid found")
    assert all(np.isnan(row[key]) for key in RIGHT) and row["strips_named"] == 0 and row["strips"] == 13
    assert row["nan_share"] == 1.0 and row["snr_db"] < 3 and np.isnan(row["quality"]) and np.isnan(row["wrong_share"])
    assert set(row) | {"version"} == set(FIELDS)
    assert set(undrawn(job_and_page()[0], "x")) <= set(FIELDS)


def test_exchanged_names_are_seen_and_told_apart_from_a_bad_trace():
    row = line(lambda page: reading_of(page, names={"V1": "V2", "V2": "V1"}))
    assert (row["layout_right"], row["names_right"], row["strips"] - row["strips_named"]) == (1.0, 0.0, 2)
    assert row["snr_db"] < 20 < 80 < row["snr_db_by_place"]


def test_strips_without_names_are_scored_by_their_places_alone():
    row = line(lambda page: reading_of(page, unnamed=True), layout="cabrera_12x1")
    assert (row["status"], row["layout_right"], row["names_right"]) == ("unnamed", 0.0, 0.0)
    assert row["snr_db"] < 3 and row["snr_db_by_place"] > 80 and row["nan_share"] == 1.0
    assert row["quality"] == pytest.approx(0.8)
    assert '"aVR": [9' in row["leads"]  # upside down on the page, and turned back


def test_gaps_and_wrong_samples_are_counted():
    def spoil(signal):
        signal[:, : signal.shape[1] // 2] += np.where(np.arange(signal.shape[1] // 2) % 10 == 0, 0.5, 0.0)
        signal[1, signal.shape[1] // 2 :] = np.nan  # half of II
        return signal

    row = line(lambda page: reading_of(page, change=spoil), layout="12x1")
    assert row["nan_share"] == pytest.approx(0.5 / 12, abs=1e-3)
    assert row["wrong_share"] == pytest.approx(0.05 * 12 / 11.5, abs=5e-3)
    assert row["snr_db"] < 30


def test_a_gap_costs_the_score_but_not_what_was_read():
    def blank(signal):
        signal[:, ::7] += 0.05
        signal[:, 3000:3400] = np.nan
        return signal

    row = line(lambda page: reading_of(page, change=blank), layout="12x1")
    _, page = job_and_page("12x1")
    assert page.printed.fs == 500
    kept = np.ones(page.printed.signal.shape[1], bool)
    kept[3000:3400] = False
    ink = page.printed.signal.astype(float)[:, kept]
    # The alignment takes the mean of the error out.
    noise = 0.05**2 * (1 / 7) * (6 / 7) * np.isfinite(ink).sum()
    assert row["snr_db_read"] == pytest.approx(10 * np.log10(np.nansum(ink**2) / noise), abs=0.05)
    assert row["snr_db"] < row["snr_db_read"] - 3 and row["wrong_share"] < 1e-3


def test_what_lies_on_no_strip_and_what_is_missing_spoil_the_names():
    def more(page):
        reading = reading_of(page)
        far = vars(reading.located.strips[0]) | {"baseline": reading.located.strips[-1].baseline + 300}
        reading.located.strips.append(type(reading.located.strips[0])(**far))
        return reading

    def fewer(page):
        reading = reading_of(page)
        reading.located.strips.pop(5)
        return reading

    assert [line(more)[k] for k in ("names_right", "strips_extra", "strips_named")] == [0.0, 1, 13]
    assert [line(fewer)[k] for k in ("names_right", "strips_extra", "strips_named")] == [0.0, 0, 12]


def test_strips_read_from_the_wrong_row_are_not_named_right():
    def down(page):
        reading = reading_of(page)
        rows = sorted({s.baseline for s in reading.located.strips})
        for s in reading.located.strips:
            s.baseline = rows[(s.row + 1) % len(rows)]
        return reading

    row = line(down, layout="12x1")
    assert row["strips_named"] == 0 and row["names_right"] == 0


def test_times_of_strips_are_checked():
    def early(page):
        reading = reading_of(page)
        for s in reading.located.strips:
            s.t0 = 0.0
        return reading

    assert [line(early)[k] for k in ("names_right", "times_right")] == [1.0, 0.0]


def test_speed_and_gain_as_the_recording_tells_them():
    wrong = line(lambda page: reading_of(page, speed_mm_s=25.0, gain_mm_mv=10.0), speed=50.0, gain=5.0)
    assert (wrong["speed_right"], wrong["gain_right"]) == (0.0, 0.0)
    silent = line(lambda page: reading_of(page, speed_mm_s=None, gain_mm_mv=None, step_seconds=None))
    assert np.isnan(silent["speed_right"]) and np.isnan(silent["gain_right"]) and silent["step_seconds"] == "{}"
    about = {"gain_mm_mv": 10.0, "gains_mm_mv": {"limb": 10.0, "precordial": 5.0}}
    assert (told_gain(about, "aVR"), told_gain(about, "V3")) == (10.0, 5.0)
    assert told_gain({"gain_mm_mv": {"V3": 20}}, "V3") == 20.0 and told_gain({}, "I") is None


@pytest.mark.parametrize("noise", ["none", "photo", "damaged"])
def test_places_on_the_page_are_found_from_pixels(noise):
    _, page = job_and_page(noise=noise)
    rng = np.random.default_rng(0)
    mm = rng.uniform((5, 5), (page.scene.width - 5, page.scene.height - 5), (200, 2))
    assert np.abs(page_mm(page.warp, page.warp.forward(mm)) - mm).max() < 0.01


def test_the_map_is_judged_after_one_shift():
    _, page = job_and_page(noise="photo")
    assert map_error(page, flat_of(page, (4.0, -2.0))).rms_mm < 0.03
    wave = map_error(page, flat_of(page, bend=lambda mm: np.c_[0.3 * np.sin(mm[:, 1] / 5), 0 * mm[:, 1]]))
    assert wave.rms_mm == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    scale = map_error(page, flat_of(page, px_per_mm=8 * 1.01))
    span = np.ptp(np.concatenate([t.points for t in page.scene.traces]), axis=0) + 4
    assert scale.rms_mm == pytest.approx(0.01 * np.hypot(*span) / np.sqrt(12), rel=0.1)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_that_lies_turned_is_seen(turns):
    _, page = job_and_page(noise="scan")
    error = map_error(page, flat_of(page).turned(turns))
    assert not error.upright and not error.mirrored
    assert abs(abs(error.turn_deg) - (180 if turns == 2 else 90)) < 1 and error.rms_mm < 0.05


def test_a_mirrored_map_is_not_upright():
    _, page = job_and_page()
    width = page.scene.width
    mirrored = map_error(page, flat_of(page, bend=lambda mm: np.c_[width - 2 * mm[:, 0], 0 * mm[:, 1]]))
    assert mirrored.mirrored and not mirrored.upright and np.isnan(mirrored.rms_mm)


def test_a_map_of_nothing_on_the_page_is_no_map():
    _, page = job_and_page()
    assert np.isnan(map_error(page, flat_of(page, origin=(5000.0, 5000.0))).rms_mm)
    assert match_strips(page, flat_of(page), []).pairs == {}
