"""CSV: `time_s` and one column a lead in mV; an empty field is a sample that is not there.

The twelve standard leads always have their columns, in the usual order, so that all files fit together; unnamed
leads follow. CSV holds no metadata: those are in the JSON beside it.
"""

from io import StringIO
from pathlib import Path

import numpy as np

from ecgseg.errors import RecordError
from ecgseg.layout import LEADS
from ecgseg.recording import UNNAMED, Recording, standard_channels


def write(recording: Recording, path) -> None:
    """Write mV with five decimals (0.01 µV) and seconds with nine digits."""
    names = [lead for lead in LEADS if set(LEADS) & set(recording.leads)]
    names += [lead for lead in recording.leads if lead not in LEADS]
    columns = np.full((recording.signal.shape[1], len(names)), np.nan)
    for lead in recording.leads:
        columns[:, names.index(lead)] = recording.lead(lead)
    columns[~np.isfinite(columns)] = np.nan
    text = StringIO()
    times = np.arange(len(columns)) / recording.fs
    # 1e-5 mV is a fiftieth of PTB's own steps; nine digits of time give back fs exactly.
    np.savetxt(text, np.column_stack([times, columns]), fmt=["%.9g"] + ["%.5f"] * len(names), delimiter=",")
    body = text.getvalue().replace("nan", "")
    Path(path).write_text(",".join(("time_s", *names)) + "\n" + body, encoding="utf-8")


def read(path) -> Recording:
    """Read a CSV file as `write` writes it; raises RecordError saying what does not fit."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: cannot be read as CSV text ({error})") from error
    names = [name.strip() for name in lines[0].split(",")] if lines else []
    columns = standard_channels(names) | {n: i for i, n in enumerate(names) if UNNAMED.fullmatch(n)}
    if "time_s" not in names or not columns:
        raise RecordError(f"{path}: columns are {names}; expected time_s and leads out of {', '.join(LEADS)}")
    try:
        table = np.array([[float(v) if v.strip() else np.nan for v in line.split(",")] for line in lines[1:]])
    except ValueError as error:
        raise RecordError(f"{path}: {error}; expected {len(names)} numbers or blanks a line") from error
    if len(table) < 2 or table.shape[1] != len(names):
        raise RecordError(f"{path}: table is {table.shape}; expected two or more lines of {len(names)} fields")
    times = table[:, names.index("time_s")]
    step = (times[-1] - times[0]) / (len(times) - 1)
    if not (step > 0 and np.allclose(np.diff(times), step, rtol=0.01, atol=0)):
        raise RecordError(f"{path}: time_s is not evenly spaced; expected rising times one step apart")
    signal = table[:, list(columns.values())].T
    return Recording(path.stem, signal, fs=round(1 / step, 3), leads=tuple(columns))
