"""A whole evaluation with a fake reader: it goes on where it stopped, and its tables say what its lines say."""

import csv

import numpy as np
import pytest
from fake_pages import job_and_page, options, reading_of, stored
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from PIL import Image

from ecgseg.errors import GridError
from ecgseg.evaluate import evaluate
from ecgseg.evaluation import running
from ecgseg.evaluation.conditions import Condition, Job, PlanError, grid, jobs
from ecgseg.evaluation.drawing import draw_page, stock
from ecgseg.evaluation.report import NONE_YET, report
from ecgseg.evaluation.results import FIELDS, ResultsError, ResultsFile, read_rows
from ecgseg.evaluation.worst import job_of, worst_rows, write_worst
from ecgseg.paths import CONFIGS


class FakeReader:
    """Reads the page that was drawn last as well as `quality_of(page)` says: an error in mV, or an exception."""

    def __init__(self, monkeypatch, error_of):
        self.page, self.error_of, self.calls = None, error_of, 0
        monkeypatch.setattr(running, "draw_page", self.draw)

    def draw(self, job, stock):
        self.page = job_and_page(*(getattr(job.condition, k) for k in Condition.__annotations__), job.number)[1]
        return self.page

    def __call__(self, image):
        self.calls += 1
        error = self.error_of(self.page)
        if isinstance(error, Exception):
            raise error
        alternating = error * (-1.0) ** np.arange(self.page.printed.signal.shape[1])
        return reading_of(self.page, change=lambda signal: signal + alternating)


def by_noise(page):
    return {"none": 0.01, "light": 0.2, "medium": GridError("no grid found"), "heavy": ZeroDivisionError("a bug")}[
        page.noise
    ]


def test_a_run_measures_every_page_once_and_reports(tmp_path, monkeypatch, caplog):
    read = FakeReader(monkeypatch, by_noise)
    cfg = options(noise_levels=["none", "light", "medium", "heavy"])
    rows = running.run(cfg, tmp_path, read)
    assert [row["status"] for row in rows] == ["read", "read", "refused", "failed"]
    assert "a bug" in caplog.text and rows[3]["message"] == "ZeroDivisionError: a bug"
    assert rows[0]["snr_db"] > rows[1]["snr_db"] + 20 and rows[1]["wrong_share"] > 0.9
    assert rows[0]["leads"]["V2"][2] == 0.8 and rows[0]["step_seconds"] == {"mask": 2.0, "trace": 3.0}
    assert len({row["version"] for row in rows}) == 1
    running.run(cfg, tmp_path, read)
    assert read.calls == 4
    text = report(rows, "layout", "noise", tmp_path, "a title")
    assert (tmp_path / "tables.md").read_text() == text and (tmp_path / "quality.png").is_file()
    assert "## Clinical content" in text and (tmp_path / "clinical.csv").is_file()
    # A condition has a line in several tables; the first is that of all figures.
    all_lines = [line for line in text.splitlines() if line.startswith("|")]
    lines = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in reversed(all_lines)}
    assert lines["none"][1:4] == ["1", "100%", "100%"] and lines["medium"][1:4] == ["1", "0%", "0%"]
    assert lines["medium"][-2:] == ["100%", "0% |"] and lines["heavy"][-2:] == ["0%", "100% |"]
    assert lines["trace"][1:] == ["2", "3.00", "3.00 |"]
    assert "- 1 × refused: no grid found" in text
    with open(tmp_path / "layout_noise.csv", newline="") as file:
        table = {row["noise"]: row for row in csv.DictReader(file)}
    assert float(table["light"]["median"]) == pytest.approx(rows[1]["snr_db"], abs=0.01)
    assert (table["none"]["lost"], table["medium"]["lost"], table["medium"]["map_rms_mm"]) == ("0", "1", "")


def test_a_killed_run_goes_on_where_it_was(tmp_path, monkeypatch):
    read = FakeReader(monkeypatch, lambda page: 0.1)
    cfg = options(noise_levels=["none", "light"], pages=2)
    running.run(options(noise_levels=["none", "light"], pages=1), tmp_path, read)
    path = tmp_path / "results.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])  # killed while the second line was written
    rows = running.run(cfg, tmp_path, read)
    assert read.calls == 2 + 3
    assert [row["page"] for row in rows] == [
        *("3x4_1r_none_25mms_10mmmv_seed3_000", "3x4_1r_light_25mms_10mmmv_seed3_000"),
        *("3x4_1r_none_25mms_10mmmv_seed3_001", "3x4_1r_light_25mms_10mmmv_seed3_001"),
    ]
    assert path.read_bytes().startswith(whole[:-30].rsplit(b"\n", 1)[0])
    assert [row["page"] for row in running.run(options(), tmp_path, read)] == ["3x4_1r_none_25mms_10mmmv_seed3_000"]


def test_time_is_kept_and_other_options_are_not_mixed(tmp_path, monkeypatch):
    read = FakeReader(monkeypatch, lambda page: 0.1)
    assert running.run(options(minutes=0), tmp_path, read) == [] and read.calls == 0
    assert report([], "layout", "noise", tmp_path, "x") == NONE_YET
    clock = iter([0.0, 10.0, 70.0])
    monkeypatch.setattr(running, "monotonic", lambda: next(clock))
    assert len(running.run(options(minutes=1, pages=5), tmp_path, read)) == 1
    with pytest.raises(ResultsError, match=r"other options \(split='val', now 'test'\)"):
        running.run(options(split="test"), tmp_path, read)


def test_results_of_other_columns_are_refused(tmp_path):
    (tmp_path / "results.csv").write_text("page,snr_db\na,1\n")
    with pytest.raises(ResultsError, match="another version"):
        ResultsFile(tmp_path / "results.csv")
    with pytest.raises(ResultsError, match="no results here"):
        read_rows(tmp_path / "none.csv")


def test_a_page_that_cannot_be_drawn_is_a_line_that_no_table_counts(tmp_path, monkeypatch):
    def broken(job, stock):
        raise ValueError("the sheet is\ntoo small")

    monkeypatch.setattr(running, "draw_page", broken)
    (row,) = running.run(options(), tmp_path, lambda image: None)
    assert (row["status"], row["message"]) == ("undrawn", "ValueError: the sheet is too small")
    assert np.isnan(row["snr_db"]) and row["leads"] == {} and tuple(row) == FIELDS
    assert report([row], "layout", "noise", tmp_path, "x") == NONE_YET


def test_cells_are_visited_in_turn():
    cells = [Condition("single", "none"), Condition("single", "scan")]
    order = [(job.number, job.condition.noise) for job in jobs(cells, 2, 7)]
    assert order == [(0, "none"), (0, "scan"), (1, "none"), (1, "scan")]
    keys = {job.key for job in jobs([*cells, Condition("single", "none", row_pitch=9.0)], 3, 7)}
    assert len(keys) == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layouts": ["3x5"]}, "unknown layout '3x5'"),
        ({"noise_levels": ["foggy"]}, "unknown noise level 'foggy'"),
        ({"speeds": [0]}, "speeds"),
        ({"row_pitches": [-1]}, "row_pitches"),
        ({"noise_levels": []}, "0 conditions"),
        ({"gains": [10, 10]}, "1 different"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(PlanError, match=message):
        grid(options(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"recordings": {"mimic": 1}}, "recordings"), ({"style": {"colour": 1}}, "no colour")],
)
def test_a_stock_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(PlanError, match=message):
        stock(options(**changes))


def test_the_same_page_number_shows_the_same_whatever_is_varied():
    pages = [
        draw_page(Job(Condition("3x4_1r", noise, 25.0, gain, pitch), 4, 3), stored())
        for noise, gain, pitch in (("none", 10.0, None), ("light", 10.0, 12.0), ("photo", 5.0, 30.0))
    ]
    assert all(np.array_equal(p.scene.traces[5].signal, pages[0].scene.traces[5].signal) for p in pages)
    assert len({p.scene.style.font for p in pages}) == 1 and {p.scene.style.sheet for p in pages} == {"fit"}
    other = draw_page(Job(Condition("3x4_1r", "none"), 5, 3), stored())
    assert other.scene.style.font != pages[0].scene.style.font
    ptb = draw_page(Job(Condition("3x4_1r", "none"), 4, 3), stock(options(recordings={"ptb": 1})))
    assert ptb.printed.name.startswith("s0") and ptb.scene.style.font == pages[0].scene.style.font


@pytest.mark.parametrize(
    ("name", "cells"),
    [("noise", 4), ("layouts_by_noise", 25 * 6), ("speed_by_gain", 3 * 2 * 9), ("overlap", 3 * 2 * 6)],
)
def test_every_table_is_one_word(name, cells):
    with initialize_config_dir(str(CONFIGS.resolve()), version_base=None):
        cfg = compose("evaluate", [f"table={name}"])
    assert len(grid(cfg)) == cells
    assert {cfg.down, cfg.across} <= set(Condition.__annotations__)
    assert stock(cfg).style == ({"sheet": "fit", "crowding": 1.0, "clip": None} if name == "overlap" else {})


def composed(*overrides):
    with initialize_config_dir(str(CONFIGS.resolve()), version_base=None):
        cfg = compose("evaluate", list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    return cfg


def test_results_of_a_table_grow_in_one_place_and_those_of_a_folder_do_not():
    assert composed("table=overlap").hydra.run.dir == "outputs/evaluate/overlap"
    assert composed("table=overlap", "out=here").hydra.run.dir == "here"
    assert composed("folder=scans").hydra.run.dir.startswith("outputs/evaluate/20")


def test_tables_alone_need_no_networks(tmp_path, capsys):
    assert np.isnan(evaluate(composed("table=noise", "minutes=0"), tmp_path, "noise"))
    assert capsys.readouterr().out.strip() == NONE_YET


def test_the_worst_pages_are_drawn_with_their_truth(tmp_path, monkeypatch):
    errors = {"none": 0.3, "light": 0.1, "medium": GridError("no grid found"), "clean": 0.05}
    read = FakeReader(monkeypatch, lambda page: errors[page.noise])
    rows = running.run(options(noise_levels=list(errors)), tmp_path, read)
    chosen = worst_rows(rows, 2)
    assert {row["noise"] for row in chosen} == {"medium", "none"}
    assert [row["noise"] for row in worst_rows(rows, 5, "read")] == ["none", "light", "clean"]
    assert job_of(rows[0]) == Job(Condition("3x4_1r", "none"), 0, 3)
    pages = iter([job_and_page(noise=row["noise"])[1] for row in chosen])

    def read_next(image):
        read.page = next(pages)
        return read(image)

    paths = write_worst(chosen, stored(), read_next, tmp_path / "worst")
    heights = {row["noise"]: Image.open(path).size[1] for row, path in zip(chosen, paths, strict=True)}
    assert [p.name[:3] for p in paths] == ["01_", "02_"]
    assert heights["none"] > 1.7 * heights["medium"]  # the refused page has no reading above its truth
