"""Usual ranges of adults, each where it is published."""

from ecgseg.measure.model import Reference

ADULT = 18  # years; below, other ranges hold
_RATE = "2018 ACC/AHA/HRS guideline on bradycardia (low), AHA/ACC/HRS consensus (high)"
_PR = "2018 ACC/AHA/HRS guideline on bradycardia and conduction delay; Surawicz et al., Circulation 2009;119:e235"
_QRS = "Surawicz et al., AHA/ACCF/HRS recommendations part III, Circulation 2009;119:e235"
_QT = "Rautaharju et al., AHA/ACCF/HRS recommendations part IV, Circulation 2009;119:e241"
_SHORT_QT = "Zeppenfeld et al., 2022 ESC guidelines on ventricular arrhythmias (360 ms)"
_P = "Magnani et al., Heart Rhythm 2011 / IAB consensus, Bayés de Luna et al. 2012: P up to 120 ms"


def reference(key: str, sex: str | None) -> Reference | None:
    """Return the usual range of a measurement for an adult, None where there is none here.

    QTc: up to 450 ms in men and 460 in women; of unknown sex up to 460, the limit that flags fewer.
    """
    if key in ("qtc_fridericia", "qtc_bazett"):
        return Reference(360.0, 450.0 if sex == "male" else 460.0, f"{_QT}; low: {_SHORT_QT}")
    return {
        "heart_rate": Reference(50.0, 100.0, _RATE),
        "p_duration": Reference(None, 120.0, _P),
        "pr": Reference(120.0, 200.0, _PR),
        "qrs": Reference(None, 110.0, _QRS),
        "qrs_axis": Reference(-30.0, 90.0, _QRS),
    }.get(key)
