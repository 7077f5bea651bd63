"""Whether the beats of a page whose speed nobody told are those of a heart at the speed that was taken."""

from ecgseg.recording import Recording

SLOW_BPM, WIDE_MS, LONG_MS = 55.0, 140.0, 560.0  # together: beats drawn at twice the speed that was taken
FAST_BPM, NARROW_MS, SHORT_MS = 100.0, 54.0, 260.0  # … at half of it
TRUST = 0.25  # of the leads' quality, if so


def other_pace(recording: Recording) -> float | None:
    """Return 2 or 0.5 where rate, QRS and QT together say that the paper ran at so many times the speed, None else.

    Of 95 recordings of patients (PTB-XL, Challenge 2021) none does; of the same drawn at twice the speed that was taken
    72 do, at half of it 27 (QRS of less than 40 ms are not measured).
    """
    from ecgseg.measure import measure

    try:
        values = measure(recording).values
    except Exception:  # the recording must not be lost to a bug in measuring; where its JSON is made the bug is told
        return None
    rate, qrs, qt = (values[key].value for key in ("heart_rate", "qrs", "qt"))
    if rate is None or qrs is None:
        return None
    if rate <= SLOW_BPM and qrs >= WIDE_MS and (qt is None or qt >= LONG_MS):
        return 2.0
    if rate >= FAST_BPM and qrs <= NARROW_MS and (qt is None or qt <= SHORT_MS):
        return 0.5
    return None
