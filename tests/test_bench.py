"""The benchmark: every part runs, on pictures too small to measure anything, and says what it was told."""

import pytest

from ecgseg.bench.__main__ import main, parser, rows
from ecgseg.bench.nets import TINY, Way, parameters_and_macs, ways_table
from ecgseg.bench.pages import page_table
from ecgseg.bench.table import spread, timed


def test_the_first_call_is_not_timed():
    calls = []
    seconds, cpu = timed(lambda: calls.append(1), 3)
    assert len(calls) == 4 and len(seconds) == 3 and all(s < 1 for s in seconds) and cpu < 1


def test_the_spread_is_of_the_middle_and_the_slow():
    assert spread([1.0] * 99 + [100.0]) == "p50   1.000 s  p95   1.000 s"


def test_shares_of_a_page_are_of_its_wall_time():
    lines = page_table({"read": [1.0, 1.0], "trace": [2.0, 4.0], "page": [4.0, 6.0]}, 9.0)
    assert [line.split()[0] for line in lines] == ["read", "trace", "page", "peak"]
    assert lines[0].endswith("20%") and lines[1].endswith("60%") and "0.20 pages/s  9.00 CPU s" in lines[2]


def test_multiplications_are_those_of_the_layers():
    # Sides twice as long: four times the work of a network without dense layers.
    size, small = parameters_and_macs("strip", (1, 64, 64))
    assert parameters_and_macs("strip", (1, 128, 128))[1] == pytest.approx(4 * small, rel=1e-6)
    assert size == pytest.approx(2.14, abs=0.01)


def test_a_change_is_told_in_db():
    crops = rows(*TINY["strip"][1:], count=2)
    lines = ways_table("cpu", crops, 1, [Way(), Way(channels_last=False)])
    assert lines[0].startswith("fp32, channels last") and "0.000 dB less" in lines[1]


def test_rows_lie_on_the_page():
    crops = rows(448, 2400, 3)
    assert crops.shape == (3, 448, 2400, 3) and crops.std() > 1


def test_networks_are_listed_with_every_runtime(capsys):
    from ecgseg.bench.__main__ import nets

    nets(None, 1, tiny=True)
    told = capsys.readouterr().out
    lines = [line.split() for line in told.splitlines() if "GMAC" in line]
    assert [line[0] for line in lines] == ["strip", "page", "name", "grid"]
    assert told.count("GMAC") == 4 and told.count("onnx") == told.count("torch") == 4 and told.count("int8") == 2


@pytest.mark.slow
def test_training_and_its_wait_are_timed(capsys):
    small = "data.batch_size=2 data.height=96 data.width=96 data.tall_every=0 data.simulated=1 data.workers=0".split()
    main(["--parts", "training", "--steps", "1", "--pages", "1", *(f"--override={o}" for o in small)])
    told = capsys.readouterr().out
    assert "crops/s" in told and "waiting for data" in told


def test_unknown_parts_are_refused(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["--parts", "everything"])
    assert "invalid choice" in capsys.readouterr().err
