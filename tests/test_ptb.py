"""PTB: the embedded excerpts, the split, a complete database's layout, damaged files, the command line."""

import json
import shutil

import numpy as np
import pytest
import wfdb
import yaml

from ecgseg import ptb
from ecgseg.errors import RecordError
from ecgseg.layout import LEADS
from ecgseg.paths import CONFIGS, DATA

FIFTEEN = ["i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6", "vx", "vy", "vz"]


@pytest.fixture(scope="module")
def records():
    return ptb.load_records()


@pytest.fixture
def full(tmp_path):
    """Write two patients as the complete database has them: 12 leads in .dat, 3 in .xyz, a diagnosis in one."""
    rng = np.random.default_rng(0)
    for patient, comments in ((1, ["age: 81", "Diagnose:", "Reason for admission: Hypertrophy"]), (285, [])):
        folder = tmp_path / f"patient{patient:03d}"
        folder.mkdir()
        name = f"s{patient:04d}_re"
        samples = rng.integers(-3000, 3000, (2000, 15)).astype("<i2")
        samples[:, 0] = np.arange(2000) - 1000
        (folder / f"{name}.dat").write_bytes(samples[:, :12].tobytes())
        (folder / f"{name}.xyz").write_bytes(samples[:, 12:].tobytes())
        sums = samples.astype(int).sum(axis=0).astype(np.int16)
        lines = [f"{name} 15 1000 2000"]
        for i, lead in enumerate(FIFTEEN):
            file = f"{name}.{'dat' if i < 12 else 'xyz'}"
            lines.append(f"{file} 16 2000 16 0 {samples[0, i]} {sums[i]} 0 {lead}")
        (folder / f"{name}.hea").write_text("\n".join([*lines, *(f"# {c}" for c in comments)]) + "\n")
    return tmp_path


def test_embedded_records_obey_einthoven_and_goldberger(records):
    assert len(records) == 52 and len({r.clinical["patient"] for r in records}) == 46
    for r in records:
        assert r.leads == LEADS and r.fs == 1000 and r.signal.shape[1] in (10_000, 60_000)
        one, two, three, avr, avl, avf = r.signal[:6]
        # 3 µV: six roundings to steps of 0.5 µV.
        for residual in (
            one + three - two,
            avr + (one + two) / 2,
            avl - (one - three) / 2,
            avf - (two + three) / 2,
        ):
            assert np.abs(residual).max() < 0.0035, r.name


def test_splits_are_disjoint_by_patient_and_cover_everything(records):
    patients = {}
    for split in ptb.SPLITS:
        patients[split] = {r.clinical["patient"] for r in ptb.load_records(split=split)}
    assert {s: len(p) for s, p in patients.items()} == {"train": 32, "val": 7, "test": 7}
    assert set.union(*patients.values()) == {r.clinical["patient"] for r in records}
    spec = yaml.safe_load((CONFIGS / "data" / "ptb_split.yaml").read_text())
    listed = [n for split in ptb.SPLITS for n in spec[split]]
    assert len(listed) == len(set(listed)) == 46
    with pytest.raises(ValueError, match="unknown split 'valid'"):
        ptb.load_records(split="valid")


def test_other_patients_are_split_by_hash_and_stay_where_they_are():
    assert [ptb.split_of(f"patient{n:03d}") for n in (1, 3, 4, 5)] == ["val", "train", "test", "val"]
    splits = [ptb.split_of(f"patient{n:03d}") for n in range(1, 295)]
    shares = {s: splits.count(s) / len(splits) for s in ptb.SPLITS}
    assert 0.62 < shares["train"] < 0.78 and shares["val"] > 0.1 and shares["test"] > 0.1


def test_complete_database_drops_frank_leads(full):
    (full / "patient285" / "s0285_re.xyz").unlink()  # not needed, so not missed
    first, second = ptb.load_records(full)
    assert first.leads == LEADS and first.signal.shape == (12, 2000)
    np.testing.assert_allclose(first.lead("I"), (np.arange(2000) - 1000) / 2000, atol=1e-6)
    assert first.clinical["diagnosis"] == "Hypertrophy" and first.clinical["age"] == 81
    assert second.clinical["diagnosis"] is None and second.clinical["fields"] == {}
    assert first.provenance == {"source": "patient001/s0001_re"}


@pytest.mark.parametrize("damage", ["short", "flipped", "gone", "no leads", "garbled header", "empty header"])
def test_damaged_record_is_reported_and_skipped(full, damage):
    header = full / "patient001" / "s0001_re.hea"
    data = header.with_suffix(".dat")
    content = bytearray(data.read_bytes())
    if damage == "short":
        data.write_bytes(content[:20_000])
    elif damage == "flipped":
        content[5000] ^= 0x10
        data.write_bytes(content)
    elif damage == "gone":
        data.unlink()
    elif damage == "no leads":
        header.write_text(header.read_text().replace(" v5\n", " v7\n"))
    else:
        header.write_text("" if damage == "empty header" else header.read_text().replace(" 16 2000", " sixteen"))
    said = []
    assert [r.name for r in ptb.load_records(full, report=said.append)] == ["s0285_re"]
    assert len(said) == 1 and "s0001_re" in said[0] and said[0].startswith("skipped: ")
    with pytest.warns(UserWarning, match="s0001_re"):
        ptb.load_records(full)


def test_folder_without_records_is_explained(tmp_path):
    with pytest.raises(RecordError, match="download"):
        ptb.load_records(tmp_path)
    with pytest.raises(RecordError, match="no WFDB headers"):
        ptb.load_folder(tmp_path)


def test_any_folder_of_wfdb_records(tmp_path):
    names = ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    deep = tmp_path / "records500" / "00000"
    deep.mkdir(parents=True)
    wfdb.wrsamp(
        "00001_hr", 500, ["mV"] * 12, names[::-1], p_signal=np.tile(np.arange(12.0)[::-1], (100, 1)),
        fmt=["16"] * 12, adc_gain=[1000] * 12, baseline=[0] * 12, write_dir=str(deep),
        comments=["Age: 66", "Sex: Male", "Dx: 164889003"],
    )  # fmt: skip
    (record,) = ptb.load_folder(tmp_path)
    assert record.leads == LEADS and record.signal[:, 0].round(3).tolist() == list(range(12))
    assert [record.clinical[k] for k in ("age", "sex", "diagnosis", "patient")] == [66, "male", "164889003", None]


def test_clinical_header_keeps_every_field():
    clinical = ptb.clinical_header(DATA / "ptbdb" / "patient002" / "s0015lre")
    assert (clinical["age"], clinical["sex"], clinical["diagnosis"]) == (58, "female", "Myocardial infarction")
    # The same words in two groups stay two fields.
    assert clinical["fields"]["Hemodynamics"]["Catheterization date"] == "16-Oct-90"
    assert clinical["fields"]["Therapy"]["Start lysis therapy (hh.mm)"] == "08:10"
    with pytest.raises(RecordError, match="not a readable"):
        ptb.clinical_header(DATA / "ptbdb" / "patient002" / "s9999")


def test_command_line(tmp_path, capsys, monkeypatch):
    root = tmp_path / "db"
    shutil.copytree(DATA / "ptbdb" / "patient200", root / "patient200")
    shutil.copytree(DATA / "ptbdb" / "patient203", root / "patient203")
    assert ptb.main(["list", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=2) == ["patient200/s0405_re", "train", "no diagnosis"] and len(lines) == 2
    assert ptb.main(["clinical", str(root), str(tmp_path / "out.json")]) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["patient203/s0424_re"]["diagnosis"] == "Bundle branch block"

    def no_network(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(wfdb, "dl_database", no_network)
    assert ptb.main(["download", str(tmp_path / "new")]) == 1
    assert "Check the network" in capsys.readouterr().err
