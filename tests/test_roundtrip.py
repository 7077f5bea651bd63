"""Every format keeps a real recording with gaps to within its own resolution, as readers see it that are not ours."""

import pytest
from roundtrip import READERS, errors, tall, with_gaps

from ecgseg.output.formats import FORMATS
from ecgseg.ptb import load_records


def test_a_real_recording_with_gaps_comes_back(tmp_path):
    found = errors(with_gaps(load_records()[0]), tmp_path)
    assert {name for name, _ in READERS.values()} == set(FORMATS)
    for reader, (name, _) in READERS.items():
        largest_uv, gap_samples, rate = found[reader]
        assert gap_samples == 0 and rate < 1e-8, reader
        # Half a step; float32 itself is good for a few nV at these voltages.
        assert largest_uv <= 1000 * (FORMATS[name].resolution_mv or 0) + 0.001, reader
        assert (largest_uv == 0) == (FORMATS[name].resolution_mv is None), reader


def test_swings_over_16_mv_cost_resolution_but_no_more(tmp_path):
    for reader, (largest_uv, gap_samples, _) in errors(tall(), tmp_path).items():
        assert largest_uv == pytest.approx(0, abs=0.51) and gap_samples == 0, reader
