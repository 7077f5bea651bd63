"""EDF+ for viewers of biosignals (EDFbrowser and its kin): one signal `ECG LEAD` a lead in µV, 16 bit.

EDF+ knows no value for "not there", and its discontinuous files (EDF+D) break all signals at once and are refused by
most readers. So the file is continuous (EDF+C): a sample that is not there has the digital value -32768, which is
the physical minimum (-16384 µV) and lies outside all samples, and an annotation `not there@@ECG V1` with its time
and duration names every gap. Signals are filled up in this way to whole data records; `end of recording` marks where.
Notes, quality and warnings are annotations at time 0; quality stands beside the lead as its transducer as well.
"""

from datetime import datetime
from fractions import Fraction

import numpy as np

from ecgseg.errors import RecordError
from ecgseg.output.about import digitized, gaps, notes, software
from ecgseg.output.int16 import MISSING, quantise
from ecgseg.output.optional import need
from ecgseg.recording import Recording

NOT_THERE = "not there"
END = "end of recording"
LONGEST_RECORD_S = 10  # a rate like 333.333 Hz has no whole number of samples in any record of sensible length


def write(recording: Recording, path, acquired: datetime | None = None) -> None:
    """Write a continuous EDF+ file; `acquired` is when the ECG was recorded, which paper often does not tell.

    Raises RecordError on a rate that EDF cannot hold or an empty recording, OutputError without edfio.
    """
    edfio = need("edfio", "edf")
    samples, per_record, record_s = _records(recording)
    step_uv, counts = quantise(recording.signal)
    padding = np.full((len(counts), samples - counts.shape[1]), MISSING, np.int16)
    signals = [
        edfio.EdfSignal.from_digital(
            row,
            per_record / record_s,
            label=f"ECG {lead}",
            transducer_type=_transducer(recording, lead),
            physical_dimension="uV",  # in mV the limits would not be exact in the header's eight characters
            physical_range=(MISSING * step_uv, 32767 * step_uv),
            digital_range=(MISSING, 32767),
        )
        for lead, row in zip(recording.leads, np.concatenate([counts, padding], axis=1), strict=True)
    ]
    file = edfio.Edf(
        signals,
        recording=edfio.Recording(
            startdate=acquired.date() if acquired else None, equipment_code=software(recording).replace(" ", "_")
        ),
        starttime=acquired.time().replace(microsecond=0) if acquired else None,
        data_record_duration=record_s,
        annotations=_annotations(recording, edfio.EdfAnnotation, samples > counts.shape[1]),
    )
    file.write(path)


def _records(recording: Recording) -> tuple[int, int, int]:
    """Return the samples a lead with padding, the samples in a data record, and the record's whole seconds."""
    rate = Fraction(recording.fs).limit_denominator(LONGEST_RECORD_S)
    n = recording.signal.shape[1]
    if abs(float(rate) - recording.fs) > 1e-9 * recording.fs or not n:
        raise RecordError(
            f"EDF+ cannot hold {n} samples at {recording.fs:g} Hz; "
            "give a rate of whole samples a second with digitize.fs=…, and at least one sample"
        )
    return -(-n // rate.numerator) * rate.numerator, rate.numerator, rate.denominator


def _transducer(recording: Recording, lead: str) -> str:
    quality = recording.quality.get(lead, np.nan)
    text = "paper, digitized" if digitized(recording) else ""
    return f"{text}, quality {quality:.2f}" if digitized(recording) and np.isfinite(quality) else text


def _annotations(recording: Recording, annotation, padded: bool) -> list:
    """Return the notes at time 0 and a line for each gap of each lead."""
    found = [annotation(0, None, _one_line(line)) for line in notes(recording)]
    for lead, samples in zip(recording.leads, recording.signal, strict=True):
        for first, end in gaps(samples):
            start, length = first / recording.fs, (end - first) / recording.fs
            found.append(annotation(round(start, 6), round(length, 6), f"{NOT_THERE}@@ECG {lead}"))
    if padded:
        found.append(annotation(round(recording.seconds, 6), None, END))
    return found


def _one_line(text: str) -> str:
    """Return the text without the control characters that end an annotation in EDF+."""
    return " ".join("".join(c if c >= " " else " " for c in text).split())
