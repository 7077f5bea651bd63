"""Each output format read back by a reader that is not ours: prints the largest error and what became of gaps.

    python tests/roundtrip.py

Signals: the embedded records of the PTB database as a 3 x 4 page shows them (gaps between the strips, a hole in the
rhythm strip, V6 not there), and one that swings by 40 mV.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ecgseg.layout import LEADS
from ecgseg.output.formats import FORMATS
from ecgseg.ptb import load_records
from ecgseg.recording import Recording

OFF_STEPS = 0.9137  # PTB's own steps of 0.5 µV would come back exactly
Read = tuple[np.ndarray, float]  # (12, samples) in mV, NaN where the file says that nothing is there; samples a second


def by_pandas(stem: Path) -> Read:
    import pandas as pd

    table = pd.read_csv(f"{stem}.csv")
    return table[list(LEADS)].to_numpy().T, 1 / np.diff(table["time_s"]).mean()


def by_wfdb(stem: Path) -> Read:
    import wfdb

    record = wfdb.rdrecord(str(stem))
    assert record.sig_name == list(LEADS) and set(record.units) == {"mV"}
    return record.p_signal.T, record.fs


def by_hand(stem: Path) -> Read:
    """Read a WFDB record by the definition of its format 16, with no library."""
    first, *lines = [line for line in Path(f"{stem}.hea").read_text().splitlines() if line and line[0] != "#"]
    counts = np.fromfile(f"{stem}.dat", "<i2").reshape(-1, 12).T.astype(float)
    gains = np.array([float(line.split()[2].split("(")[0].split("/")[0]) for line in lines])
    return np.where(counts == -32768, np.nan, counts) / gains[:, None], float(first.split()[2])


def by_numpy(stem: Path) -> Read:
    with np.load(f"{stem}.npz", allow_pickle=False) as file:
        assert tuple(file["leads"]) == LEADS
        return file["signal"], float(file["fs"])


def by_pyarrow(stem: Path) -> Read:
    import pyarrow.parquet as pq

    table = pq.read_table(f"{stem}.parquet")
    signal = np.stack([table.column(lead).to_numpy() for lead in LEADS])
    assert sum(table.column(lead).null_count for lead in LEADS) == np.isnan(signal).sum()
    return signal, 1 / np.diff(table.column("time_s").to_numpy()).mean()


def by_pyedflib(stem: Path) -> Read:
    """Read EDF+ whose gaps are told by its annotations alone."""
    import pyedflib

    with pyedflib.EdfReader(f"{stem}.edf") as file:
        assert file.getSignalLabels() == [f"ECG {lead}" for lead in LEADS]
        fs = file.getSampleFrequency(0)
        signal = np.stack([file.readSignal(i) for i in range(12)]) / 1000
        ends = signal.shape[1]
        for onset, duration, text in zip(*file.readAnnotations(), strict=True):
            if text.startswith("not there@@ECG "):
                first = round(onset * fs)
                signal[LEADS.index(text.split()[-1]), first : first + round(float(duration) * fs)] = np.nan
            elif text == "end of recording":
                ends = round(onset * fs)
    return signal[:, :ends], fs


def by_edfio(stem: Path) -> Read:
    """Read EDF+ whose gaps are told by the value that stands for nothing."""
    import edfio

    file = edfio.read_edf(f"{stem}.edf")
    counts = np.stack([signal.digital for signal in file.signals])
    signal = np.where(counts == -32768, np.nan, np.stack([signal.data for signal in file.signals]) / 1000)
    ends = [a.onset for a in file.annotations if a.text == "end of recording"]
    fs = file.signals[0].sampling_frequency
    return signal[:, : round(ends[0] * fs) if ends else None], fs


def by_pydicom(stem: Path) -> Read:
    import pydicom

    data = pydicom.dcmread(f"{stem}.dcm")
    group = data.WaveformSequence[0]
    padding = int.from_bytes(group.WaveformPaddingValue, "little", signed=True)
    raw = np.frombuffer(group.WaveformData, "<i2").reshape(-1, 12)
    return np.where(raw == padding, np.nan, data.waveform_array(0)).T / 1000, float(group.SamplingFrequency)


READERS: dict[str, tuple[str, Callable[[Path], Read]]] = {
    "csv, pandas": ("csv", by_pandas),
    "wfdb, wfdb": ("wfdb", by_wfdb),
    "wfdb, the bytes by hand": ("wfdb", by_hand),
    "npz, numpy": ("npz", by_numpy),
    "parquet, pyarrow": ("parquet", by_pyarrow),
    "edf, pyedflib": ("edf", by_pyedflib),
    "edf, edfio": ("edf", by_edfio),
    "dicom, pydicom": ("dicom", by_pydicom),
}


def with_gaps(recording: Recording) -> Recording:
    """Return ten seconds as a 3 x 4 page shows them: II whole but for a hole, a quarter of each other lead, no V6."""
    n = round(10 * recording.fs)
    signal = np.full((12, n), np.nan, np.float32)
    for i, lead in enumerate(LEADS):
        first, end = (0, n) if lead == "II" else ((i // 3) * n // 4, (i // 3 + 1) * n // 4)
        signal[i, first:end] = OFF_STEPS * recording.lead(lead)[first:end]
    signal[1, n // 5 : n // 4] = signal[11] = np.nan
    return Recording("page", signal, recording.fs)


def tall() -> Recording:
    """Return ten seconds of every lead swinging by 40 mV, too much for steps of 0.5 µV in 16 bits."""
    wave = 20 * np.sin(np.arange(5000) / 40)
    return Recording("page", np.stack([wave * (1 - k / 50) for k in range(12)]), 500.0)


def errors(recording: Recording, folder: Path) -> dict[str, tuple[float, int, float]]:
    """Return for each reader the largest error in µV, samples that are there in one only, and the error of the rate."""
    stem = folder / "page"
    for name in FORMATS:
        FORMATS[name].write(recording, stem, overwrite=True)
    found = {}
    for name, (_, read) in READERS.items():
        signal, fs = read(stem)
        assert signal.shape == recording.signal.shape, name
        differ = np.isnan(signal) != np.isnan(recording.signal)
        apart = np.nanmax(np.abs(signal.astype(np.float64) - recording.signal))
        found[name] = 1000 * float(apart), int(differ.sum()), abs(fs / recording.fs - 1)
    return found


def main() -> None:
    records = [with_gaps(record) for record in load_records()]
    with tempfile.TemporaryDirectory() as folder:
        all_of = [errors(record, Path(folder)) for record in records]
        swings = errors(tall(), Path(folder))
    gaps = sum(int(np.isnan(record.signal).sum()) for record in records)
    print(f"{len(records)} records, {gaps} samples that are not there of {sum(r.signal.size for r in records)}\n")
    print("| format, reader | largest error | gap samples lost or made | error of the rate | largest error at ±20 mV |")
    print("|---|---|---|---|---|")
    for name in READERS:
        worst = [max(one[name][k] for one in all_of) for k in range(3)]
        print(f"| {name} | {worst[0]:.4f} µV | {worst[1]} | {worst[2]:.0e} | {swings[name][0]:.4f} µV |")


if __name__ == "__main__":
    main()
