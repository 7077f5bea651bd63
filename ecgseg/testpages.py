"""Pages with known truth: images of a folder, each with what is printed on it in mV."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from ecgseg.alignment import PrintedLead
from ecgseg.errors import EcgsegError
from ecgseg.layout import LEADS

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")


class TruthError(EcgsegError):
    """The truth to score against is missing or incomplete."""


@dataclass(frozen=True)
class KnownPage:
    """A page with its truth: `image` is a path or an (H, W, 3) uint8 RGB array; `variant` groups the table."""

    name: str
    variant: str
    image: object
    printed: tuple[PrintedLead, ...]


def printed_leads(recording) -> tuple[PrintedLead, ...]:
    """Return the truth of a recording that is NaN where nothing is printed: each lead's longest finite run."""
    truth = []
    for lead, y in zip(recording.leads, recording.signal, strict=True):
        runs = [r for (r,) in ndimage.find_objects(ndimage.label(np.isfinite(y))[0])]
        if runs:
            run = max(runs, key=lambda r: r.stop - r.start)
            truth.append(PrintedLead(lead, y[run].astype(float), recording.fs, run.start / recording.fs))
    return tuple(truth)


def read_truth(path: Path) -> tuple[str, tuple[PrintedLead, ...]]:
    """Read <image>.npz: fs in Hz, sig_<lead> (n,) in mV, seg_start and seg_end (12,) in s in the order of LEADS.

    Returns the page's variant ("" if the file names none) and its leads; raises TruthError naming what is missing.
    """
    with np.load(path) as file:
        data = dict(file)
    leads = [lead for lead in LEADS if f"sig_{lead}" in data]
    missing = {"fs", "seg_start", "seg_end"} - set(data)
    if missing or not leads:
        wanted = ", ".join(sorted(missing)) or "any sig_<lead>"
        raise TruthError(f"{path} lacks {wanted}; expected fs, seg_start, seg_end and sig_I … sig_V6")
    fs, printed = float(data["fs"]), []
    for lead in leads:
        y, k = data[f"sig_{lead}"].astype(float), LEADS.index(lead)
        t0, t1 = float(data["seg_start"][k]), float(data["seg_end"][k])
        if not np.isfinite(y).all() or abs(len(y) / fs - (t1 - t0)) > 2 / fs:
            raise TruthError(f"{path}: sig_{lead} has {len(y)} samples at {fs:g} Hz for {t0:g}–{t1:g} s, or NaN")
        printed.append(PrintedLead(lead, y, fs, t0))
    return str(data.get("variant", "")), tuple(printed)


def folder_pages(folder: Path) -> list[KnownPage]:
    """Return the pages of a folder, sorted; raises TruthError if there is no truth or an image is missing."""
    truths = sorted(Path(folder).glob("*.npz"))
    if not truths:
        raise TruthError(f"{folder}: no truth here; expected <image>.npz beside each image")
    pages = []
    for path in truths:
        image = next((p for s in IMAGE_SUFFIXES if (p := path.with_suffix(s)).is_file()), None)
        if image is None:
            raise TruthError(f"{path}: no image of that name; expected one of {', '.join(IMAGE_SUFFIXES)}")
        variant, printed = read_truth(path)
        pages.append(KnownPage(path.stem, variant or Path(folder).name, image, printed))
    return pages


def random_excerpt(recording, seconds: float, rng: np.random.Generator):
    """Return a random excerpt of a recording, `seconds` long or all there is."""
    n = round(seconds * recording.fs)
    start = int(rng.integers(max(0, recording.signal.shape[1] - n) + 1))
    return replace(recording, signal=recording.signal[:, start : start + n], confidence=None)
