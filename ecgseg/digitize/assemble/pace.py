"""Whether the beats of a page whose speed nobody told are too slow and wide for the speed that was taken."""

from ecgseg.recording import Recording

SLOW_BPM, WIDE_MS, LONG_MS = 55.0, 140.0, 560.0  # together: beats drawn at twice the speed that was taken
TWICE = 2.0


def ran_faster(recording: Recording) -> bool:
    """Return whether rate, QRS and QT together say that the paper ran at twice the speed that was taken.

    Of 95 recordings of patients (PTB-XL, Challenge 2021) none does; of the same drawn at twice the speed 72 do. The
    beats of small children are as fast and narrow as those of adults at half the speed: that is not told.
    """
    from ecgseg.measure import measure

    try:
        values = measure(recording).values
    except Exception:  # the recording must not be lost to a bug in measuring; where its JSON is made the bug is told
        return False
    rate, qrs, qt = (values[key].value for key in ("heart_rate", "qrs", "qt"))
    if rate is None or qrs is None:
        return False
    return rate <= SLOW_BPM and qrs >= WIDE_MS and (qt is None or qt >= LONG_MS)
