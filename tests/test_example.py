"""The README's first command: the shipped scan through the real command line and the shipped weights."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import find_peaks

from ecgseg.digitize.assemble.verify import IDENTITIES, identity_residual
from ecgseg.layout import LEADS
from ecgseg.metrics import score_page
from ecgseg.paths import EXAMPLES
from ecgseg.recording import read_csv, read_wfdb
from ecgseg.testpages import read_truth

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder that the command writes for the example scan."""
    out = tmp_path_factory.mktemp("out")
    command = [sys.executable, "infer.py", str(EXAMPLES / "scan_90037.png"), "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_twelve_leads_with_a_plausible_heart_rate(out):
    recording = read_csv(out / "scan_90037.csv")
    assert recording.leads == LEADS
    for lead in LEADS:
        assert np.isfinite(recording.lead(lead)).mean() > (0.97 if lead == "II" else 0.24)
    two = np.nan_to_num(recording.lead("II"))
    peaks, _ = find_peaks(two, height=0.6 * two.max(), distance=int(0.4 * recording.fs))
    # The truth beside the scan has nine beats and 52.4 bpm in its rhythm strip.
    assert len(peaks) == 9
    assert 51.5 < 60 * recording.fs / np.median(np.diff(peaks)) < 53.5
    assert 0.5 < two.max() < 1.5
    residual, _ = identity_residual(recording, IDENTITIES["II = I + III"])
    assert residual < 0.1


@pytest.mark.slow
def test_it_is_what_was_printed(out):
    recording = read_csv(out / "scan_90037.csv")
    _, printed = read_truth(EXAMPLES / "scan_90037.npz")
    score = score_page(printed, {lead: recording.lead(lead) for lead in LEADS}, recording.fs)
    assert score.snr_db > 9


@pytest.mark.slow
def test_all_files_agree_and_say_how_they_came_about(out):
    recording, wfdb = read_csv(out / "scan_90037.csv"), read_wfdb(out / "scan_90037")
    np.testing.assert_allclose(wfdb.signal, recording.signal, atol=0.001)
    about = json.loads((out / "scan_90037.json").read_text())
    # 278 mm of paper on 2038 px, by the page's own grid.
    assert about["provenance"]["scale"]["px_per_mm_x"] == pytest.approx(7.33, rel=0.004)
    assert about["provenance"]["layout"]["name"] == "3x4_1r"
    assert len(about["provenance"]["weights"]["sha256"]) == 64
    assert about["seconds"] > 0 and about["cpu_s"] > 0 and about["peak_rss_mb"] > 100
    assert (out / "scan_90037.overlay.png").stat().st_size > 50_000
