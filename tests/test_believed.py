"""A layout that few names tell and whose leads break the laws between them is not believed."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from corrupt_findings import PX, draw_trace, make_scene, true_findings

from ecgseg.digitize.digitizer import Digitizer, _Page
from ecgseg.digitize.locate.locate import locate


@pytest.fixture
def reader():
    digitizer = object.__new__(Digitizer)
    digitizer.options = SimpleNamespace(layout=None)
    return digitizer


def located_page(digitizer, names: int, with_trace: bool, agreement: float) -> _Page:
    scene = make_scene("6x1_limb", 3, separator="none", crowding=1.0, name_jitter=0.0, name_note="none")
    found, trace = true_findings(scene, PX), draw_trace(scene)
    found = replace(found, names=found.names[:names])
    digitizer._look = lambda image: (SimpleNamespace(trace=trace), found)
    flat = SimpleNamespace(image=None, px_per_mm=PX, lines_there=None, error_along=lambda *at: 0.0)
    located = locate(found, PX, trace=trace if with_trace else None)
    assert located.layout.name == "6x1_limb"
    calibration = SimpleNamespace(speed=25.0)
    return _Page(flat, found, calibration, located, recording=object(), agreement=agreement)


@pytest.mark.parametrize(
    "names, with_trace, agreement, believed",
    [
        (3, False, 0.1, False),
        (5, False, 0.1, False),
        (3, False, 0.5, True),
        (6, False, 0.1, True),
        (3, True, 0.1, True),
    ],
)
def test_few_names_and_broken_laws_leave_strips_unnamed(reader, names, with_trace, agreement, believed):
    page = located_page(reader, names, with_trace, agreement)
    clock = SimpleNamespace(lap=lambda name: None)
    after = reader._believed(page, clock)
    assert (after is page) == believed
    if not believed:
        assert not after.located.named and after.recording is None
        assert "break the laws" in after.said[0]


def test_a_layout_that_was_asked_for_stays(reader):
    page = located_page(reader, 3, False, 0.1)
    reader.options.layout = "6x1_limb"
    assert reader._believed(page, SimpleNamespace(lap=lambda name: None)) is page
