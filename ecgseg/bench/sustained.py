"""Pages per second from files on disk to files on disk, with decoding and writing in processes of their own."""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from ecgseg.digitize.batch import OUTPUT


def sustained(
    drawn: list[Path], pages: int, device: str, workers: int | None, helpers: int | None
) -> tuple[float, int]:
    """Digitize copies of drawn pages as an archive; return pages/s between its first and last file, and failures.

    `workers` processes digitize, `helpers` each decode and write (None: as the archive chooses); starting them is not
    counted.
    """
    from ecgseg.archive.run import run

    with tempfile.TemporaryDirectory() as folder:
        inputs, out = Path(folder, "in"), Path(folder, "out")
        inputs.mkdir()
        for k in range(pages):
            shutil.copy(drawn[k % len(drawn)], inputs / f"page{k:05d}.png")
        archive = {"engine": "local", "workers": workers, "readers": helpers, "writers": helpers}
        run([inputs], out, {"device": device}, OUTPUT, archive)
        done = sorted(file.stat().st_mtime for file in out.rglob("page*.json"))
    if len(done) < 2:
        return float("nan"), pages - len(done)
    return (len(done) - 1) / float(np.ptp(done)), pages - len(done)
