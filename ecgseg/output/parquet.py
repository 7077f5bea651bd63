"""Parquet for tables: `time_s`, a float32 column in mV a lead, null where nothing is there, `LEAD_confidence` columns.

The file's metadata hold the unit and, under the key `ecgseg`, JSON: provenance, quality, windows, warnings.
"""

import json
from pathlib import Path

import numpy as np

from ecgseg.errors import RecordError
from ecgseg.output.about import about_json
from ecgseg.output.npz import from_arrays
from ecgseg.output.optional import need
from ecgseg.recording import Recording

KEY = b"ecgseg"
CONFIDENCE = "_confidence"


def write(recording: Recording, path) -> None:
    """Write everything the recording holds, exactly; raises OutputError if pyarrow is not installed."""
    pa = need("pyarrow", "parquet")
    parquet = need("pyarrow.parquet", "parquet")
    columns = {"time_s": pa.array(np.arange(recording.signal.shape[1]) / recording.fs)}
    fields = [pa.field("time_s", pa.float64(), metadata={"unit": "s"})]
    for i, lead in enumerate(recording.leads):
        columns[lead] = pa.array(recording.signal[i], mask=~np.isfinite(recording.signal[i]))
        fields.append(pa.field(lead, pa.float32(), metadata={"unit": "mV"}))
    if recording.confidence is not None:
        for i, lead in enumerate(recording.leads):
            columns[lead + CONFIDENCE] = pa.array(recording.confidence[i])
            fields.append(pa.field(lead + CONFIDENCE, pa.float32(), metadata={"unit": "1"}))
    schema = pa.schema(fields, metadata={KEY: about_json(recording)})
    parquet.write_table(pa.table(columns, schema=schema), path)


def read(path) -> Recording:
    """Read what `write` wrote; raises RecordError if it is damaged or something else."""
    pa = need("pyarrow", "parquet")
    parquet = need("pyarrow.parquet", "parquet")
    path = Path(path)
    try:
        table = parquet.ParquetFile(path).read()
        content = json.loads(table.schema.metadata[KEY])
        leads = tuple(content["leads"])
        rows = [_floats(table, lead) for lead in leads]
        sure = [_floats(table, n) for lead in leads if (n := lead + CONFIDENCE) in table.column_names]
        return from_arrays(content, np.stack(rows), content["fs_hz"], leads, np.stack(sure) if sure else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise RecordError(f"{path}: no recording in Parquet as ecgseg writes it, or damaged ({error})") from error


def _floats(table, name: str) -> np.ndarray:
    return table.column(name).to_numpy(zero_copy_only=False).astype(np.float32)
