"""From a folder of scans to a table of intervals: python examples/folder_to_table.py SCANS TABLE.csv

One row a record; most pages show one. A value that cannot be told is empty, and `missing` says why; a page that cannot
be read has the reason in `error`. Research tool, not a medical device: look at the overlays of pages whose numbers you
use.
"""

import sys

import pandas as pd

from ecgseg import Digitizer
from ecgseg.digitize.files.sources import pictures
from ecgseg.errors import EcgsegError
from ecgseg.measure import measure

VALUES = ("heart_rate", "p_duration", "pr", "qrs", "qt", "qtc_fridericia", "qrs_axis")
UNITS = {"1/min": "per_min"}


def row_of(recording) -> dict:
    """Return what is known of a page: how it was read, its intervals, and why those that are missing are."""
    found = measure(recording)
    about = recording.provenance
    row = {
        "layout": about["layout"]["name"],
        "speed_mm_s": about["speed_mm_s"],
        "gain_mm_mv": about["gain_mm_mv"],
        "lowest_quality": min(recording.quality.values()),
        "warnings": "; ".join(recording.warnings),
    }
    for key in VALUES:
        value = found.values[key]
        row[f"{key}_{UNITS.get(value.unit, value.unit)}"] = value.value
    row["findings"] = "; ".join(finding.name for finding in found.present())
    row["missing"] = "; ".join(f"{k}: {found.values[k].reason}" for k in VALUES if found.value(k) is None)
    return row


def table(inputs, digitizer) -> pd.DataFrame:
    """Return the table of all records on the pages of files, folders or patterns, in their order."""
    rows = []
    for page in pictures(inputs):
        try:
            for number, reading in enumerate(digitizer.read_all(page.load()), 1):
                rows.append({"page": page.name, "record": number} | row_of(reading.recording))
        except EcgsegError as error:
            rows.append({"page": page.name, "error": str(error)})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    pages = table([sys.argv[1]], Digitizer.from_pretrained())
    pages.to_csv(sys.argv[2], index=False)
    print(pages.to_string(max_colwidth=30))
