"""Furniture: the same seed the same marks, all of it on the sheet, traces stay readable, and every kind turns up."""

import pickle
import re
import time

import numpy as np
import pytest

from ecgseg.layout import Strip
from ecgseg.render.draw.strokes import polygon_cover
from ecgseg.render.draw.text import text_box
from ecgseg.render.printed import pens
from ecgseg.render.printed.emblems import bar_code, square_code, stamp
from ecgseg.render.printed.furniture import add_furniture
from ecgseg.render.printed.handwriting import scrawl, written
from ecgseg.render.printed.headers import Writer, write_header
from ecgseg.render.printed.primitives import Area, Line, Scene, Text, Trace
from ecgseg.render.printed.style import sample_style
from ecgseg.render.printed.wording import LANGUAGE_ODDS, STATEMENTS, TITLES, VERDICTS, WORDS, about_patient, draw_facts

_WIDTH, _HEIGHT = 297.0, 210.0
_FREE = [(2.0, 2.0, 295.0, 45.0), (2.0, 170.0, 295.0, 200.0)]


def _trace(row: int) -> Trace:
    """A trace with a steep beat each 20 mm."""
    x = np.arange(0, 250, 0.1)
    y = 70.0 + 25 * row - 10 * np.exp(-((((x + 10) % 20) - 10) ** 2) / 0.5)
    return Trace(Strip("II", row, 0, 10, 0), np.stack([20 + x, y], axis=1), 70.0 + 25 * row, 20, 270, y, 250.0)


def _page(seed: int, free: list = _FREE) -> Scene:
    rng = np.random.default_rng(seed)
    scene = Scene(_WIDTH, _HEIGHT, [_trace(k) for k in range(4)], style=sample_style(rng))
    add_furniture(scene, rng, free)
    return scene


@pytest.fixture(scope="module")
def pages() -> list[Scene]:
    return [_page(seed) for seed in range(160)]


def _points(item: Line | Area | Text) -> np.ndarray:
    return text_box(item) if isinstance(item, Text) else item.points


def test_the_same_seed_makes_the_same_marks(pages: list[Scene]) -> None:
    for seed in range(0, 40, 7):
        again = _page(seed)
        for name in ("texts", "lines", "areas", "over"):
            assert pickle.dumps(getattr(again, name)) == pickle.dumps(getattr(pages[seed], name))
    assert {t.text for t in pages[0].texts} != {t.text for t in pages[1].texts}


def test_everything_is_on_the_sheet(pages: list[Scene]) -> None:
    for scene in pages:
        for item in (*scene.texts, *scene.lines, *scene.areas, *scene.over):
            points = _points(item)
            assert np.isfinite(points).all()
            assert points.min() > -0.5 and (points.max(axis=0) < [_WIDTH + 0.5, _HEIGHT + 0.5]).all(), item


def test_headers_and_footers_keep_to_the_free_boxes(pages: list[Scene]) -> None:
    for scene in pages[:80]:
        for text in scene.texts:
            low, high = text_box(text).min(axis=0), text_box(text).max(axis=0)
            boxed = any(x0 - 1 < low[0] and high[0] < x1 + 1 and y0 - 1 < low[1] and high[1] < y1 + 1
                        for x0, y0, x1, y1 in _FREE)  # fmt: skip
            # What is printed along the rows are beat letters and distances, nothing longer.
            assert boxed or len(text.text) <= 5, text


def test_columns_do_not_run_into_each_other(pages: list[Scene]) -> None:
    crossing = total = 0
    for scene in pages:
        corners = np.array([text_box(t)[[0, 2]] for t in scene.texts]).reshape(-1, 2, 2)
        low, high = corners[:, 0] + 0.3, corners[:, 1]
        over = ((low[:, None] < high[None]) & (low[None] < high[:, None])).all(axis=2)
        crossing += (over.sum() - len(low)) // 2
        total += len(low)
    assert crossing < 0.005 * total


def test_nothing_opaque_lies_on_the_traces(pages: list[Scene]) -> None:
    for scene in pages:
        for item in (*scene.areas, *scene.over):
            if isinstance(item, Area) and item.strength > 0.8:
                assert item.points[:, 1].max() < 46 or item.points[:, 1].min() > 169
        for item in scene.over:
            assert not isinstance(item, Line) or item.width <= 0.8


def test_kinds_turn_up_as_often_as_they_should(pages: list[Scene]) -> None:
    n = len(pages)
    assert 0.8 < sum(len(p.texts) > 2 for p in pages) / n < 1.0
    pen = sum(any(isinstance(i, Line) for i in p.over) for p in pages) / n
    stamped = sum(any(isinstance(i, Area) for i in p.over) for p in pages) / n
    assert 0.07 < pen < 0.22 and 0.03 < stamped < 0.14
    assert not _page(3, []).texts or max(len(t.text) for t in _page(3, []).texts) <= 5


def test_no_box_no_header() -> None:
    for seed in range(60):
        assert all(len(t.text) <= 5 for t in _page(seed, []).texts)


def test_a_box_too_small_for_text_stays_empty() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scene = Scene(_WIDTH, _HEIGHT, [_trace(0)], style=sample_style(rng))
        write_header(Writer(scene, rng, draw_facts(rng, "en"), 3.0, 0), (2.0, 2.0, 9.0, 4.0))
        assert all(text_box(t)[:, 0].max() < 9.5 for t in scene.texts)


def test_every_language_has_every_word() -> None:
    for language in LANGUAGE_ODDS:
        assert WORDS[language].keys() == WORDS["en"].keys()
        assert STATEMENTS[language] and VERDICTS[language] and TITLES[language]


def test_patients_have_no_names() -> None:
    allowed = re.compile(r"|[A-Z]\. ?[A-Z]\.|[A-Z]{2}|ANON|ANONYMOUS|Patient \d{4}|X+|-+|\*+|TEST, PATIENT|,")
    rng = np.random.default_rng(0)
    for _ in range(300):
        facts = draw_facts(rng, "en")
        assert allowed.fullmatch(facts.name)
        assert dict(about_patient(facts, rng))["Name"] == facts.name
        assert 30 < facts.rate < 200 and facts.qt < 600 and 0 < facts.age < 100


def _drawn(area: Area, px_per_mm: float) -> np.ndarray:
    shape = (int(60 * px_per_mm), int(60 * px_per_mm))
    y, x, cover = polygon_cover(area.points * px_per_mm, shape)
    out = np.zeros(shape)
    out[y : y + cover.shape[0], x : x + cover.shape[1]] = cover
    return out


def test_a_bar_code_is_bars() -> None:
    cover = _drawn(bar_code(10.0, 10.0, 40.0, 12.0, np.random.default_rng(2)), 10.0)
    row = cover[150]
    assert 15 < (np.diff(row > 0.5).sum() + 1) // 2 < 60
    np.testing.assert_allclose(cover[110:210], np.broadcast_to(row, (100, 600)), atol=1e-6)
    assert np.isin(np.round(row, 6), (0, 1)).mean() > 0.8 and row[:99].max() == 0 and row[501:].max() < 1e-6


def test_a_square_code_is_square_and_half_black() -> None:
    for seed in range(4):
        cover = _drawn(square_code(20.0, 20.0, 20.0, np.random.default_rng(seed)), 10.0)
        assert 0.35 < cover[200:400, 200:400].mean() < 0.65
        assert cover[:, :199].max() < 1e-6 and cover[402:].max() < 1e-6


def test_stamps_are_thin_ink_on_the_sheet() -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        scene = Scene(60, 60, [], style=sample_style(rng))
        stamp(scene, draw_facts(rng, "de"), 55.0, 3.0, rng)
        (area,) = scene.over
        assert area.points.min() > 0.9 and area.points.max() < 59.1
        cover = _drawn(area, 10.0)
        low, high = area.points.min(axis=0), area.points.max(axis=0)
        assert 0.02 < cover.sum() / 100 / np.prod(high - low) < 0.4


def test_beats_are_found_where_they_are() -> None:
    at = pens.beats(_trace(0))[:, 0]
    assert len(at) in (12, 13)
    assert np.abs((at - 20 + 10) % 20 - 10).max() < 1.5
    flat = _trace(0)
    flat.points = np.stack([flat.points[:, 0], np.full(len(flat.points), 70.0)], axis=1)
    assert len(pens.beats(flat)) == 0


@pytest.mark.parametrize("kind", sorted(pens._MARKS))
def test_every_pen_mark_leaves_something(kind: str) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        scene = Scene(_WIDTH, _HEIGHT, [_trace(0)], style=sample_style(rng))
        scene.texts.append(Text("Sinus rhythm", 20, 20, 3))
        pens._MARKS[kind](pens.Pen(scene, rng), draw_facts(rng, "en"), _FREE)
        marks = [*scene.over, *scene.areas]
        assert marks
        assert all(m.points.min() >= 0.5 and (m.points.max(axis=0) <= [_WIDTH, _HEIGHT]).all() for m in marks)


def test_handwriting_keeps_its_size_and_place() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        points = np.concatenate(written("QTc 440", 50, 80, 5.0, rng))
        assert 40 < points[:, 0].min() < 55 and 70 < points[:, 1].min() < points[:, 1].max() < 88
        assert 15 < np.ptp(points[:, 0]) < 60
        line = scrawl(50, 80, 3.0, 6, rng)
        assert np.ptp(line[:, 1]) < 25 and np.hypot(*np.diff(line, axis=0).T).max() < 6


def test_furniture_takes_little_time() -> None:
    _page(0)
    start = time.process_time()
    for seed in range(100, 200):
        _page(seed)
    # About 1.5 ms a page on a free core; the bound leaves room for a busy one.
    assert (time.process_time() - start) / 100 < 0.012
