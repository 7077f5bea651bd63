import numpy as np
import torch

from ecgseg.digitize.trace.decode import read_columns
from ecgseg.nets.columns import row_columns, steadiest

H, N = 160, 64


def distribution(*peaks):
    """Logits (N, H) of peaks: (height px (N,) or one, share of each sub-column, width px)."""
    rows = np.arange(H)
    p = sum(
        np.broadcast_to(share, N)[:, None]
        * np.exp(-(((rows - np.broadcast_to(y, N)[:, None]) / width) ** 2) / 2)
        / (width * np.sqrt(2 * np.pi))
        for y, share, width in peaks
    )
    return np.log(p + 1e-9).astype(np.float32)


def both(line):
    """The heights that both runtimes read from logits (N, H)."""
    mask = np.full((H, N // 4), 3.0, np.float32)
    plain = row_columns(line, mask)
    onto = read_columns(torch.from_numpy(line.T[None, None].copy()), torch.from_numpy(mask[None]))
    for name in ("y", "mass", "spread", "ink", "joined"):
        np.testing.assert_allclose(getattr(plain, name), getattr(onto, name)[0].numpy(), atol=1e-4, rtol=1e-4)
    return plain.y


def test_a_wide_peak_of_more_mass_is_taken_before_a_higher_one():
    y = both(distribution((50.0, 0.6, 2.5), (100.0, 0.4, 0.5)))
    np.testing.assert_allclose(y, 50, atol=0.2)


def test_a_far_peak_of_a_few_columns_is_no_trace():
    away = np.where((np.arange(N) >= 30) & (np.arange(N) < 33), 0.55, 0.0)
    y = both(distribution((50.0 + np.linspace(0, 4, N), 1 - away, 1.0), (140.0, away, 1.0)))
    np.testing.assert_allclose(y, 50.0 + np.linspace(0, 4, N), atol=0.2)


def test_a_steep_flank_is_followed():
    y = np.interp(np.arange(N), [0, 20, 30, 40, N], [120, 120, 20, 120, 120])
    np.testing.assert_allclose(both(distribution((y, 1.0, 1.0))), y, atol=0.5)


def test_where_the_trace_goes_over_the_other_peaks_take_over():
    share = np.linspace(1.0, 0.0, N)
    y = both(distribution((50.0, share, 1.0), (110.0, 1 - share, 1.0)))
    assert (np.abs(np.diff(y)) > 30).sum() == 1
    assert y[0] < 52 and y[-1] > 108


def test_the_first_peak_is_chosen_where_it_is_plain_whatever_the_step():
    mass = np.array([[0.95, 0.05]] * 3)
    assert list(steadiest(np.array([[10.0, 100.0], [100.0, 10.0], [10.0, 100.0]]), mass)) == [0, 0, 0]
    unsure = np.array([[0.95, 0.05], [0.5, 0.4], [0.95, 0.05]])
    assert list(steadiest(np.array([[10.0, 100.0], [100.0, 10.0], [10.0, 100.0]]), unsure)) == [0, 1, 0]
