"""DICOM 12-lead ECG Waveform Storage (PS3.3 A.34.3), for archives and viewers: 16-bit samples, steps of 0.5 µV.

Channels carry the codes of CID 3001 (scheme MDC, ISO/IEEE 11073-10101). A sample that is not there has the Waveform
Padding Value -32768. Notes and warnings are annotations of the whole group, quality is one of each channel; a
private element (creator ECGSEG) holds the JSON of provenance. Patient fields are empty: names on the page are not read.
"""

from datetime import datetime

import numpy as np

from ecgseg.errors import RecordError
from ecgseg.output.about import about_json, digitized, notes, software
from ecgseg.output.int16 import MISSING, quantise
from ecgseg.output.optional import need
from ecgseg.recording import Recording

CODES = {  # CID 3001: code value and meaning
    "I": ("2:1", "Lead I"),
    "II": ("2:2", "Lead II"),
    "III": ("2:61", "Lead III"),
    "aVR": ("2:62", "aVR, augmented voltage, right"),
    "aVL": ("2:63", "aVL, augmented voltage, left"),
    "aVF": ("2:64", "aVF, augmented voltage, foot"),
    **{f"V{k}": (f"2:{k + 2}", f"Lead V{k}") for k in range(1, 7)},
}
RATES_HZ = (200, 1000)  # PS3.3 A.34.3.4: what a 12-lead object may hold
MAX_SAMPLES = 16384
MAX_TEXT = 1024  # characters in Unformatted Text Value
PRIVATE_GROUP, PRIVATE_CREATOR = 0x0077, "ECGSEG"


def write(recording: Recording, path, acquired: datetime | None = None) -> None:
    """Write one multiplex group with all leads; `acquired` is when the ECG was recorded.

    DICOM demands that time: where it is not given, the time of writing stands there and an annotation says so.
    Raises RecordError for unnamed leads and for a rate or length that the object may not hold, OutputError without
    pydicom.
    """
    _check(recording)
    pydicom = need("pydicom", "dicom")
    now = datetime.now()
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = pydicom.uid.TwelveLeadECGWaveformStorage
    data.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(prefix=None)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    _patient_and_study(data, recording, pydicom.uid.generate_uid, acquired, now)
    data.AcquisitionContextSequence = []
    step_uv, counts = quantise(recording.signal)
    data.WaveformSequence = [_group(pydicom.Dataset, recording, step_uv, counts)]
    data.WaveformAnnotationSequence = _annotations(pydicom.Dataset, recording, acquired)
    private = data.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    private.add_new(0x01, "UT", about_json(recording))
    data.save_as(path, enforce_file_format=True)


def _check(recording: Recording) -> None:
    unnamed = [lead for lead in recording.leads if lead not in CODES]
    if unnamed:
        raise RecordError(
            f"{recording.name}: a 12-lead DICOM file needs to know which lead is which, and {', '.join(unnamed)} are "
            "not named; give the layout with digitize.layout=…, or choose csv, wfdb, npz, parquet or edf"
        )
    n, (low, high) = recording.signal.shape[1], RATES_HZ
    if not 0 < n <= MAX_SAMPLES or not low <= recording.fs <= high:
        raise RecordError(
            f"{recording.name}: {n} samples at {recording.fs:g} Hz; a 12-lead DICOM file holds 1 to {MAX_SAMPLES} "
            f"samples at {low} to {high} Hz: give digitize.fs=…, or choose another format"
        )


def _patient_and_study(data, recording: Recording, new_uid, acquired: datetime | None, now: datetime) -> None:
    """Fill in the modules about patient, study, series, equipment and the waveform's identity."""
    data.PatientName = data.PatientID = data.PatientBirthDate = data.PatientSex = ""
    data.StudyInstanceUID, data.SeriesInstanceUID = new_uid(prefix=None), new_uid(prefix=None)
    data.StudyDate = acquired.strftime("%Y%m%d") if acquired else ""
    data.StudyTime = acquired.strftime("%H%M%S") if acquired else ""
    data.AccessionNumber = data.ReferringPhysicianName = data.StudyID = ""
    data.Modality = "ECG"
    data.SeriesNumber, data.InstanceNumber = 1, 1
    data.SeriesDescription = "ECG digitized from paper" if digitized(recording) else "ECG"
    data.Manufacturer, data.ManufacturerModelName = "ecgseg", "ecgseg"
    data.SoftwareVersions = software(recording).removeprefix("ecgseg ")
    data.InstanceCreationDate = data.ContentDate = now.strftime("%Y%m%d")
    data.InstanceCreationTime = data.ContentTime = now.strftime("%H%M%S")
    data.AcquisitionDateTime = (acquired or now).strftime("%Y%m%d%H%M%S")


def _group(dataset, recording: Recording, step_uv: float, counts: np.ndarray):
    """Return the item of the Waveform Sequence with channels and samples, which alternate sample by sample."""
    group = dataset()
    group.MultiplexGroupTimeOffset = "0"
    group.TriggerTimeOffset = "0"
    group.WaveformOriginality = "DERIVED" if digitized(recording) else "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = counts.shape
    group.SamplingFrequency = f"{recording.fs:.10g}"
    group.MultiplexGroupLabel = "RHYTHM"
    group.ChannelDefinitionSequence = [_channel(dataset, lead, k, step_uv) for k, lead in enumerate(recording.leads)]
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.add_new("WaveformPaddingValue", "OW", np.array([MISSING], "<i2").tobytes())
    group.add_new("WaveformData", "OW", np.ascontiguousarray(counts.T, dtype="<i2").tobytes())
    return group


def _channel(dataset, lead: str, k: int, step_uv: float):
    channel = dataset()
    channel.WaveformChannelNumber = k + 1
    channel.ChannelLabel = lead
    channel.ChannelSourceSequence = [_code(dataset, CODES[lead][0], "MDC", CODES[lead][1])]
    channel.ChannelSensitivity = f"{step_uv:g}"
    channel.ChannelSensitivityUnitsSequence = [_code(dataset, "uV", "UCUM", "microvolt")]
    channel.ChannelSensitivityCorrectionFactor = "1"
    channel.ChannelBaseline = "0"
    channel.ChannelSampleSkew = "0"
    channel.WaveformBitsStored = 16
    return channel


def _code(dataset, value: str, scheme: str, meaning: str):
    code = dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _annotations(dataset, recording: Recording, acquired: datetime | None) -> list:
    """Return the notes of the whole group (channel 0) and the quality of each channel."""
    texts = [(0, line) for line in notes(recording)]
    if acquired is None:
        texts.append((0, "When the ECG was recorded is not known; Acquisition DateTime is when this file was written."))
    for k, lead in enumerate(recording.leads):
        quality = recording.quality.get(lead, np.nan)
        if digitized(recording) and np.isfinite(quality):
            texts.append((k + 1, f"quality {quality:.2f} of 1"))
    items = []
    for channel, text in texts:
        item = dataset()
        item.ReferencedWaveformChannels = [1, channel]
        item.AnnotationGroupNumber = 0 if channel == 0 else 1
        item.UnformattedTextValue = text[:MAX_TEXT]
        items.append(item)
    return items
