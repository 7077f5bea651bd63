import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgseg import metrics as m
from ecgseg.alignment import place

WINDOWS = {"I": (0.0, 2.5), "II": (0.0, 10.0), "V1": (5.0, 7.5), "V6": (7.5, 10.0)}


def wave(lead: str, t: np.ndarray) -> np.ndarray:
    """A deterministic beat train that differs from lead to lead, in mV."""
    k = 1 + list(WINDOWS).index(lead)
    beat = (t + 0.1 * k) % 0.8 - 0.4
    return k * 0.3 * np.exp(-((beat / 0.02) ** 2)) + 0.1 * np.sin(2 * np.pi * t / 0.8 + k) + 0.02 * k


def printed_page(fs: float = 100.0) -> list[m.PrintedLead]:
    """Truth of four leads on the page's time line."""
    return [
        m.PrintedLead(lead, wave(lead, t0 + np.arange(round((t1 - t0) * fs)) / fs), fs, t0)
        for lead, (t0, t1) in WINDOWS.items()
    ]


def reading(fs: float, delay: float = 0.0, gain: float = 1.0, error_mv: float = 0.0) -> dict[str, np.ndarray]:
    """A reading of that page, 37 ms longer at both ends of a window: no edge is a matter of rounding."""
    t = np.arange(round(10.2 * fs)) / fs
    out = {}
    for lead, (t0, t1) in WINDOWS.items():
        y = gain * wave(lead, t - delay) + error_mv * np.sin(1e4 * t**2 + t0)
        out[lead] = np.where((t >= t0 - 0.037) & (t < t1 + 0.037), y, np.nan)
    return out


def distorted(kind: str) -> tuple[dict[str, np.ndarray], float]:
    if kind == "noise":
        return reading(100, error_mv=0.1), 100
    if kind == "late":
        return reading(100, delay=0.06, error_mv=0.05), 100
    if kind == "gain":
        return reading(100, gain=0.8), 100
    if kind == "fast":
        return reading(500, delay=0.013, error_mv=0.05), 500
    if kind == "odd rate":
        return reading(257, error_mv=0.02), 257
    page = reading(100, error_mv=0.02)
    if kind == "offset":
        return {lead: y + 0.4 for lead, y in page.items()}, 100
    if kind == "gaps":
        for y in page.values():
            y[40:70], y[560:562], y[811], y[900:905] = np.nan, np.nan, np.nan, np.nan
    if kind == "missing":
        del page["V6"]
        page["V1"][:] = np.nan
    if kind == "own start":  # a column that holds only its 2.5 s, from row 0
        page = {lead: y[np.isfinite(y)] for lead, y in page.items()}
    return page, 100


# Pooled page dB of these readings as an independent scorer of the challenge's rule gives them.
REFERENCE_DB = {
    "noise": 6.820,
    "late": 12.695,
    "gain": 15.345,
    "fast": 11.716,
    "odd rate": 22.416,
    "offset": 20.800,
    "gaps": 16.887,
    "missing": 4.322,
    "own start": 20.800,
}


@pytest.mark.parametrize("kind", REFERENCE_DB)
def test_page_snr_agrees_with_an_independent_scorer(kind):
    page, fs = distorted(kind)
    assert m.score_page(printed_page(), page, fs).snr_db == pytest.approx(REFERENCE_DB[kind], abs=0.005)


def test_time_shift_is_found_and_bounded():
    page, fs = distorted("late")
    score = m.score_page(printed_page(), page, fs)
    assert [s.shift_s for s in score.leads] == pytest.approx([0.06] * 4)
    assert m.score_page(printed_page(), page, fs, max_shift_s=0.02).ratio == pytest.approx(0.79106, abs=1e-4)


def test_perfect_reading_reaches_the_ceiling_with_no_sample_lost_at_the_edges():
    printed = printed_page(500)
    page = {}
    for p in printed:
        page[p.lead] = np.full(5000, np.nan)
        page[p.lead][round(500 * p.t0) : round(500 * p.t1)] = p.signal
    score = m.score_page(printed, page, 500)
    assert score.snr_db == pytest.approx(90)
    assert all(s.coverage == 1 and s.shift_s == 0 and s.offset_mv == pytest.approx(0) for s in score.leads)


def test_lead_score_by_hand():
    # The reading is 0.3 mV high, which the vertical shift removes, and misses its second half, where all of
    # ref is noise: 8 of its 16 mV². Eight samples are the fewest that are placed at all.
    ref = np.tile([1.0, -1.0, -1.0, 1.0], 4)
    est = ref + 0.3
    est[8:] = np.nan
    score = m.score_lead(m.PrintedLead("I", ref, 100), est, 100, max_shift_s=0)
    assert (score.power, score.noise) == pytest.approx((16, 8))
    assert score.offset_mv == pytest.approx(-0.3)
    assert score.coverage == 0.5 and score.found
    assert score.snr_db == pytest.approx(3.0103, abs=1e-4)
    assert score.r == pytest.approx(1) and score.rmse_mv == pytest.approx(0, abs=1e-12)


def test_missing_lead_counts_as_a_line_at_the_truths_mean():
    printed = [m.PrintedLead("I", np.array([1.0, 3.0]), 100), m.PrintedLead("II", np.array([0.0, 2.0]), 100)]
    page = m.score_page(printed, {}, 500)
    assert page.read_nothing
    assert page.ratio == pytest.approx((1 + 9 + 4) / (2 + 2))


def test_flat_truth_has_no_snr_and_an_empty_page_is_refused():
    flat = m.score_lead(m.PrintedLead("I", np.zeros(100), 100), np.ones(100), 100)
    assert np.isnan(flat.snr_db) and np.isnan(flat.r)
    with pytest.raises(ValueError, match="no printed lead"):
        m.score_page([], {}, 500)


def test_single_gaps_are_bridged_and_longer_ones_keep_their_inside():
    y = np.arange(20.0)
    y[5], y[10:14] = np.nan, np.nan
    placed = place(y, 100, m.PrintedLead("I", np.zeros(20), 100))
    assert np.flatnonzero(np.isnan(placed)).tolist() == [11, 12]
    assert placed[5] == 5
    assert place(y[:8], 100, m.PrintedLead("I", np.zeros(20), 100)) is None  # 7 finite samples


def test_snr_by_hand():
    assert m.snr_db([3.0, 4.0], [3.0, 3.5]) == pytest.approx(20.0)  # 25 / 0.25
    assert m.snr_db([3.0, 4.0], [np.nan, 4.0]) == pytest.approx(10 * np.log10(25 / 9))
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        m.snr_db([1.0, 2.0], [1.0, 2.0, 3.0])


def test_r_and_rmse_over_shared_samples():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=50), rng.normal(size=50)
    b[::7] = np.nan
    keep = np.isfinite(b)
    assert m.pearson_r(a, b) == pytest.approx(np.corrcoef(a[keep], b[keep])[0, 1])
    assert m.rmse_mv([0.0, 0, 5], [3.0, 4, np.nan]) == pytest.approx(np.sqrt(12.5))
    assert np.isnan(m.pearson_r(a, np.full(50, 0.3)))


def test_cross_correlation_finds_a_delay():
    a = np.zeros(40)
    a[10:13] = [1, 3, 1]
    b = 2 * np.roll(a, 6) + 5
    assert m.max_cross_correlation(a, b) == pytest.approx(1, abs=0.01)
    x, y = a - a.mean(), b - b.mean()
    by_hand = max(x[k:] @ y[: 40 - k] if k >= 0 else x[:k] @ y[-k:] for k in range(-3, 4))
    assert m.max_cross_correlation(a, b, 3) == pytest.approx(by_hand / np.linalg.norm(x) / np.linalg.norm(y))
    assert np.isnan(m.max_cross_correlation(a, np.ones(40)))


def naive_dtw(a, b, band):
    cost = np.full((len(a) + 1, len(b) + 1), np.inf)
    cost[0, 0] = 0
    for i in range(len(a)):
        for j in range(len(b)):
            if abs(i - j) <= band:
                cost[i + 1, j + 1] = abs(a[i] - b[j]) + min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
    return cost[-1, -1]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 14), st.integers(1, 14), st.none() | st.integers(0, 15), st.integers(0, 10**6))
def test_dtw_equals_the_textbook_loops(n, m_, band, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(size=m_)
    width = 99 if band is None else max(band, abs(n - m_))
    assert m.dtw_distance(a, b, band) == pytest.approx(naive_dtw(a, b, width))


def test_dtw_by_hand():
    assert m.dtw_distance([1, 2, 3], [1, 1, 2, 3, 3]) == 0  # only the pace differs
    assert m.dtw_distance([0, 0, 1], [0, 0, 3], band=0) == 2
    with pytest.raises(ValueError, match="NaN"):
        m.dtw_distance([1, np.nan], [1, 2])


def test_summary_by_hand():
    out = m.summary([100, 10, 1, 1000], [False, False, True, False])
    assert out["n"] == 4 and out["failed"] == 0.25
    assert out["score"] == pytest.approx(10 * np.log10((100 + 10 + 1 + 384) / 4))
    assert (out["mean"], out["median"], out["p10"]) == pytest.approx((15, 15, 3))
    assert m.summary([100, 1000], cap=None)["score"] == pytest.approx(10 * np.log10(550))
    with pytest.raises(ValueError):
        m.summary([])


def direct_ssim(a, b, span):
    """Wang 2004 with plain loops over the windows."""
    d = np.arange(-5, 6)
    w = np.exp(-(d[:, None] ** 2 + d**2) / (2 * 1.5**2))
    w /= w.sum()
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    values = []
    for i in range(a.shape[0] - 10):
        for j in range(a.shape[1] - 10):
            x, y = a[i : i + 11, j : j + 11].astype(float), b[i : i + 11, j : j + 11].astype(float)
            mx, my = (w * x).sum(), (w * y).sum()
            vx, vy, cov = (
                (w * (x - mx) ** 2).sum(),
                (w * (y - my) ** 2).sum(),
                (w * (x - mx) * (y - my)).sum(),
            )
            values.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return np.mean(values)


def test_ssim_equals_the_direct_formula():
    rng = np.random.default_rng(3)
    a = rng.integers(0, 256, (13, 15), dtype=np.uint8)
    b = np.clip(a + rng.normal(0, 40, a.shape), 0, 255).astype(np.uint8)
    assert m.ssim(a, b) == pytest.approx(direct_ssim(a, b, 255), abs=1e-9)
    assert m.ssim(a / 255, b / 255) == pytest.approx(m.ssim(a, b))
    assert m.ssim(a, a) == pytest.approx(1)
    with pytest.raises(ValueError, match="11×11"):
        m.ssim(a[:10], b[:10])


def test_dice_and_iou_by_hand():
    a = np.array([[1, 1, 0], [0, 1, 0]])
    b = np.array([[1, 0, 0], [0, 255, 255]], np.uint8)
    assert m.dice(a, b) == pytest.approx(2 * 2 / 6)
    assert m.iou(a, b) == pytest.approx(2 / 4)
    assert m.dice(a * 0, b * 0) == m.iou(a * 0, b * 0) == 1
    with pytest.raises(ValueError, match="threshold"):
        m.iou(a * 0.4, b)
    with pytest.raises(ValueError, match="differ"):
        m.dice(a, b.T)
