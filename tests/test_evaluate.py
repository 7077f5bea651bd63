import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from ecgseg.alignment import PrintedLead
from ecgseg.errors import GridError
from ecgseg.evaluation import folder as ev
from ecgseg.testpages import KnownPage, TruthError, folder_pages, printed_leads

FS = 100
WINDOWS = {"I": (0.0, 2.5), "II": (0.0, 10.0), "V1": (5.0, 7.5)}


@dataclass
class Read:
    """What the evaluation needs of a recording."""

    signal: np.ndarray
    fs: float = FS
    leads: tuple[str, ...] = tuple(WINDOWS)

    def write_csv(self, path):
        Path(path).write_text(f"{self.fs}\n{self.signal.shape}")


def wave(k: int, n: int = 1000) -> np.ndarray:
    t = np.arange(n) / FS
    return np.exp(-((((t + 0.1 * k) % 0.8 - 0.4) / 0.03) ** 2)) + 0.1 * np.sin(7 * t)


def truth() -> tuple[PrintedLead, ...]:
    return tuple(
        PrintedLead(lead, wave(k)[int(FS * t0) : int(FS * t1)], FS, t0)
        for k, (lead, (t0, t1)) in enumerate(WINDOWS.items())
    )


def digitize(image: float) -> Read:
    """A fake: the image is the error in mV of an otherwise perfect reading; below 0 it refuses, above 9 it breaks."""
    if image < 0:
        raise GridError("no grid found")
    if image > 9:
        raise ZeroDivisionError("a bug")
    error = image * (-1.0) ** np.arange(1000)
    return Read(np.stack([wave(k) + error for k in range(3)]) * (np.nan if image == 5 else 1))


def page(name: str, variant: str, image: float) -> KnownPage:
    return KnownPage(name, variant, image, truth())


PAGES = [page("a", "clean", 0.1), page("b", "clean", 0.01), page("c", "noisy", 0.1), page("d", "noisy", -1)]


def test_rows_hold_what_the_reading_deserves():
    good, refused = ev.evaluate_pages([PAGES[0], PAGES[3]], digitize)
    power = np.concatenate([p.signal for p in truth()])
    assert good["snr_db"] == pytest.approx(10 * np.log10((power**2).mean() / 0.01), abs=0.01)
    assert good["rmse_mv"] == pytest.approx(0.1, abs=1e-3)
    assert 0.9 < good["r"] < good["xcorr"] + 1e-6 < 1 and 0 < good["dtw_mv"] < 0.101
    assert (good["failed"], good["leads_found"], good["leads_good"], good["message"]) == (0, 1, 1, "")
    assert good["seconds"] >= 0 and np.isnan(good["snr_db_V6"]) and good["snr_db_I"] > 5
    assert (refused["failed"], refused["message"], refused["leads_found"]) == (1, "no grid found", 0)
    flat = sum(((p.signal - p.signal.mean()) ** 2).sum() for p in truth())
    assert refused["ratio"] == pytest.approx((power**2).sum() / flat)
    assert np.isnan(refused["r"]) and list(good) == list(refused)


def test_a_bug_or_an_empty_reading_is_a_failed_page_and_not_the_end(caplog):
    broken, empty, good = ev.evaluate_pages([page(str(e), "x", e) for e in (10, 5, 0.1)], digitize)
    assert broken["failed"] and broken["message"] == "ZeroDivisionError: a bug"
    assert "a bug" in caplog.text
    assert empty["failed"] and "no printed lead" in empty["message"]
    assert not good["failed"]


def test_summary_and_table():
    rows = ev.evaluate_pages(PAGES, digitize)
    clean, noisy, both = lines = ev.summarize(rows)
    db = [row["snr_db"] for row in rows]
    assert [line["variant"] for line in lines] == ["clean", "noisy", "all"]
    assert (clean["n"], clean["failed"], noisy["failed"], both["failed"]) == (2, 0, 0.5, 0.25)
    assert clean["mean"] == pytest.approx(np.mean(db[:2]))
    assert both["median"] == pytest.approx(np.median(db))
    assert both["score"] == pytest.approx(10 * np.log10(np.mean(np.minimum([r["ratio"] for r in rows], 384))))
    assert noisy["r"] == pytest.approx(rows[2]["r"])
    head, first, *_, last = ev.table(lines).splitlines()
    assert head.split()[:4] == ["variant", "n", "score", "mean"]
    assert first.split()[:2] == ["clean", "2"] and f"{clean['score']:.2f}" in first
    assert "25%" in last and len({len(row) for row in ev.table(lines).splitlines()}) == 1


def test_keep_sees_every_recording():
    seen = []
    ev.evaluate_pages(PAGES, digitize, keep=lambda page, recording: seen.append((page.name, recording.fs)))
    assert seen == [("a", FS), ("b", FS), ("c", FS)]


def test_printed_leads_take_the_finite_run():
    y = np.full((2, 1000), np.nan)
    y[0, 250:500], y[0, 600:610] = 1, 2
    (lead,) = printed_leads(Read(y, leads=("I", "II")))
    assert (lead.lead, lead.t0, lead.t1, lead.signal.sum()) == ("I", 2.5, 5.0, 250)


def write_truth(folder: Path, name: str, **changes) -> None:
    leads = {lead: (0.0, 0.0) for lead in ev.LEADS} | WINDOWS
    data = {f"sig_{p.lead}": p.signal for p in truth()} | {
        "fs": float(FS),
        "variant": "kit",
        "seg_start": np.array([a for a, _ in leads.values()]),
        "seg_end": np.array([b for _, b in leads.values()]),
    }
    np.savez(folder / f"{name}.npz", **{k: v for k, v in (data | changes).items() if v is not None})
    (folder / f"{name}.PNG").with_suffix(".png").touch()


def test_folder_is_read(tmp_path):
    write_truth(tmp_path, "p1")
    write_truth(tmp_path, "p0", variant=None)
    first, second = folder_pages(tmp_path)
    assert (first.name, first.variant, second.variant) == ("p0", tmp_path.name, "kit")
    assert second.image == tmp_path / "p1.png"
    assert [(p.lead, p.t0, p.t1) for p in second.printed] == [(k, *v) for k, v in WINDOWS.items()]
    assert np.array_equal(second.printed[2].signal, truth()[2].signal)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fs": None}, "lacks fs"),
        ({"fs": 50.0}, "sig_I has 250 samples"),
        ({"sig_I": None, "sig_II": None, "sig_V1": None}, "lacks any sig_"),
    ],
)
def test_bad_truth_is_refused(tmp_path, changes, message):
    write_truth(tmp_path, "p", **changes)
    with pytest.raises(TruthError, match=message):
        folder_pages(tmp_path)


def test_missing_truth_or_image_is_refused(tmp_path):
    with pytest.raises(TruthError, match="no truth"):
        folder_pages(tmp_path)
    write_truth(tmp_path, "p")
    (tmp_path / "p.png").unlink()
    with pytest.raises(TruthError, match="no image"):
        folder_pages(tmp_path)


def test_a_run_writes_its_files(tmp_path, capsys):
    for name in ("p0", "p1"):
        write_truth(tmp_path, name)
    cfg = OmegaConf.create({"folder": str(tmp_path), "method": "network", "max_shift_s": 0.2, "save_predictions": True})
    fake = {"p0": 0.1, "p1": -1}
    (line,) = ev.evaluate_folder(cfg, tmp_path, lambda image: digitize(fake[image.stem]))
    assert line["n"] == 2 and line["failed"] == 0.5
    with open(tmp_path / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["page"] for row in rows] == ["p0", "p1"] and rows[1]["r"] == ""
    assert float(rows[0]["snr_db"]) > 5
    assert (tmp_path / "summary.csv").read_text().startswith("variant,n,score,mean,median,p10,failed,r,rmse_mv,")
    assert (tmp_path / "snr.png").read_bytes()[1:4] == b"PNG"
    assert [p.name for p in (tmp_path / "predictions").iterdir()] == ["p0.csv"]
    out = capsys.readouterr().out
    assert "failed: p1: no grid found" in out and "kit" in out
