"""Every output format, read back by a reader that is not ours, to within its own resolution, gaps as it has them."""

import json
import os
from datetime import datetime

import numpy as np
import pytest

from ecgseg.errors import RecordError
from ecgseg.layout import LEADS
from ecgseg.output.about import NOTE, gaps
from ecgseg.output.files import OutputError, place
from ecgseg.output.formats import FORMATS, check_formats, output_paths, write_formats
from ecgseg.recording import Recording

ALL = list(FORMATS)


def recording(leads=LEADS, fs=500.0, n=5000, name="page_1", **more) -> Recording:
    """A 3x4 page with a hole in the rhythm strip, V6 unread, as a digitizer would return it."""
    rng = np.random.default_rng(3)
    signal = np.cumsum(rng.normal(0, 0.02, (len(leads), n)), axis=1)
    for i in range(len(leads)):
        if i != 1:
            start = (i // 3) * n // 4
            signal[i, :start] = signal[i, start + n // 4 :] = np.nan
    signal[min(1, len(leads) - 1), n // 5 : n // 4] = np.nan
    if len(leads) == 12:
        signal[11] = np.nan
    return Recording(
        name,
        signal,
        fs,
        leads=leads,
        confidence=np.where(np.isfinite(signal), 0.75, 0.0),
        windows={leads[0]: (0.0, 2.5)},
        quality={lead: 0.9 for lead in leads[:-1]} | {leads[-1]: np.nan},
        warnings=["V6: nothing found; \x14 look", "naïve – 2 µV"],
        provenance={
            "software": "ecgseg",
            "versions": {"ecgseg": "9.8.7"},
            "speed_mm_s": 25.0,
            "gain_mm_mv": 10.0,
            "scale": np.float32(8.5),
        },
        **more,
    )


def same(found: np.ndarray, expected: np.ndarray, within: float) -> None:
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=within)


def test_csv_by_pandas(tmp_path):
    import pandas as pd

    page = recording()
    (path,) = FORMATS["csv"].write(page, tmp_path / "page_1")
    table = pd.read_csv(path)
    assert list(table.columns) == ["time_s", *LEADS]
    np.testing.assert_allclose(np.diff(table["time_s"]), 0.002, atol=1e-9)
    same(table[list(LEADS)].to_numpy().T, page.signal, 0.501e-5)


def test_wfdb_by_wfdb(tmp_path):
    import wfdb

    page = recording()
    FORMATS["wfdb"].write(page, tmp_path / "page_1")
    record = wfdb.rdrecord(str(tmp_path / "page_1"))
    assert (record.fs, record.sig_name, record.units) == (500, list(LEADS), ["mV"] * 12)
    same(record.p_signal.T, page.signal, 0.2501e-3)
    assert NOTE in record.comments and "Software: ecgseg 9.8.7" in record.comments
    assert any(c.startswith("Quality 0 to 1: I 0.90, II 0.90") for c in record.comments)
    assert "Warning: naive - 2 uV" in record.comments  # readers drop what is not ASCII: µV would become V


def test_npz_by_numpy(tmp_path):
    page = recording()
    (path,) = FORMATS["npz"].write(page, tmp_path / "a.b")
    assert path.name == "a.b.npz"
    with np.load(path, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["signal"], page.signal)
        assert file["fs"] == 500 and tuple(file["leads"]) == LEADS
        about = json.loads(str(file["about"]))
    assert about["provenance"]["scale"] == 8.5 and about["quality"]["V6"] is None and about["unit"] == "mV"


def test_parquet_by_pandas_and_pyarrow(tmp_path):
    import pandas as pd
    import pyarrow.parquet as pq

    page = recording()
    (path,) = FORMATS["parquet"].write(page, tmp_path / "page_1")
    table = pd.read_parquet(path)
    np.testing.assert_array_equal(table[list(LEADS)].to_numpy().T, page.signal)
    np.testing.assert_array_equal(table["V1_confidence"], page.confidence[6])
    raw = pq.read_table(path)
    assert raw.column("V6").null_count == 5000  # null, not NaN: what query engines skip
    assert raw.schema.field("I").metadata == {b"unit": b"mV"}
    assert json.loads(raw.schema.metadata[b"ecgseg"])["warnings"][1] == "naïve – 2 µV"


@pytest.mark.parametrize(("fs", "n"), [(500.0, 5000), (500.0, 5185), (128.5, 1285), (1000.0, 700)])
def test_edf_by_pyedflib(fs, n, tmp_path):
    import pyedflib

    page = recording(fs=fs, n=n)
    (path,) = FORMATS["edf"].write(page, tmp_path / "page_1")
    with pyedflib.EdfReader(str(path)) as file:
        assert file.getSignalLabels() == [f"ECG {lead}" for lead in LEADS]
        assert file.getPhysicalDimension(0) == "uV" and file.getSampleFrequency(0) == pytest.approx(fs)
        assert (
            file.getTransducer(0) == "paper, digitized, quality 0.90" and file.getTransducer(11) == "paper, digitized"
        )
        assert file.getPhysicalMinimum(0) == -16384
        digital = np.stack([file.readSignal(i, digital=True) for i in range(12)])
        physical = np.stack([file.readSignal(i) for i in range(12)])
        onsets, durations, texts = file.readAnnotations()
        assert "9.8.7" in file.getEquipment()
    assert (digital[:, n:] == -32768).all() and digital.shape[1] - n < 2 * fs
    same(np.where(digital == -32768, np.nan, physical / 1000)[:, :n], page.signal, 0.2501e-3)
    assert NOTE in texts and "Warning: V6: nothing found; look" in texts and "Warning: naïve – 2 µV" in texts
    assert ("end of recording" in texts) == (digital.shape[1] > n)
    # The annotations alone give back where each lead has no signal.
    for i, lead in enumerate(LEADS):
        told = np.zeros(n, bool)
        for onset, duration, text in zip(onsets, durations, texts, strict=True):
            if text == f"not there@@ECG {lead}":
                first = round(onset * fs)
                told[first : first + round(float(duration) * fs)] = True
        np.testing.assert_array_equal(told, np.isnan(page.signal[i]))


def test_edf_is_plain_to_edfio_too_and_has_its_date(tmp_path):
    import edfio

    (path,) = FORMATS["edf"].write(recording(), tmp_path / "x", acquired=datetime(2021, 3, 4, 5, 6, 7))
    file = edfio.read_edf(path)
    assert file.reserved == "EDF+C" and str(file.startdatetime) == "2021-03-04 05:06:07"
    assert file.num_data_records == 10 and file.duration == 10
    with pytest.raises(RecordError, match="whole samples a second"):
        FORMATS["edf"].write(recording(fs=500 * np.pi), tmp_path / "pi")


def test_dicom_by_pydicom_beside_a_real_file(tmp_path):
    import pydicom
    from pydicom.data import get_testdata_file
    from pydicom.sr.codedict import codes

    page = recording()
    (path,) = FORMATS["dicom"].write(page, tmp_path / "page_1")
    ours, real = pydicom.dcmread(path), pydicom.dcmread(get_testdata_file("waveform_ecg.dcm"))
    assert ours.SOPClassUID == real.SOPClassUID == pydicom.uid.TwelveLeadECGWaveformStorage
    assert ours.file_meta.TransferSyntaxUID == real.file_meta.TransferSyntaxUID
    group, other = ours.WaveformSequence[0], real.WaveformSequence[0]
    # All that a real cart's file says of group and channel ours says too, but for the filters, which paper hides.
    filters = {"FilterLowFrequency", "FilterHighFrequency", "NotchFilterFrequency"}
    assert set(other.dir()) - set(group.dir()) == set()
    channels, others = group.ChannelDefinitionSequence, other.ChannelDefinitionSequence
    assert set(others[0].dir()) - set(channels[0].dir()) == filters
    for key in ("MultiplexGroupLabel", "WaveformBitsAllocated", "WaveformSampleInterpretation"):
        assert group[key].value == other[key].value and group[key].VR == other[key].VR
    ecg = codes.cid3001
    expected = [ecg.LeadI, ecg.LeadII, ecg.LeadIII, ecg.AvrAugmentedVoltageRight, ecg.AvlAugmentedVoltageLeft]
    expected += [ecg.AvfAugmentedVoltageFoot, *(getattr(ecg, f"LeadV{k}") for k in range(1, 7))]
    for channel, code in zip(channels, expected, strict=True):
        (source,) = channel.ChannelSourceSequence
        assert (source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning) == (
            code.value,
            code.scheme_designator,
            code.meaning,
        )
        assert channel.ChannelSensitivityUnitsSequence[0].CodeValue == "uV"
    # pydicom's own decoding, in µV; the padding value is to be left out.
    padding = int(np.frombuffer(group.WaveformPaddingValue, "<i2")[0])
    raw = np.frombuffer(group.WaveformData, "<i2").reshape(-1, 12)
    microvolts = np.where(raw == padding, np.nan, ours.waveform_array(0))
    same(microvolts.T / 1000, page.signal, 0.2501e-3)
    texts = [(list(a.ReferencedWaveformChannels), a.UnformattedTextValue) for a in ours.WaveformAnnotationSequence]
    assert (
        ([1, 0], NOTE) in texts
        and ([1, 1], "quality 0.90 of 1") in texts
        and ([1, 0], "Warning: naïve – 2 µV") in texts
    )
    assert any("AcquisitionDateTime" in t.replace(" ", "") for _, t in texts)
    assert json.loads(ours[0x0077, 0x1001].value)["provenance"]["scale"] == 8.5
    assert (ours.PatientName, ours.PatientID, ours.Modality, ours.SoftwareVersions) == ("", "", "ECG", "9.8.7")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leads": ("R1", "R2S1")}, "R1, R2S1 are not named.*digitize.layout"),
        ({"fs": 100.0}, "200 to 1000 Hz"),
        ({"n": 16385}, "1 to 16384"),
    ],
)
def test_what_dicom_may_not_hold_is_refused(changes, message, tmp_path):
    with pytest.raises(RecordError, match=message):
        FORMATS["dicom"].write(recording(**changes), tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [n for n, f in FORMATS.items() if f.reads])
@pytest.mark.parametrize("leads", [LEADS, ("R1", "R2S1", "R2S2"), ("V1", "II", "R3")])
def test_read_back_by_ourselves(name, leads, tmp_path):
    page = recording(leads=leads)
    back = FORMATS[name].read(FORMATS[name].write(page, tmp_path / "page_1")[-1])
    assert (back.name, back.fs, set(back.leads) - set(LEADS)) == ("page_1", 500, set(leads) - set(LEADS))
    for lead in leads:
        same(back.lead(lead), page.lead(lead), 1.02 * (FORMATS[name].resolution_mv or 0))
    if name in ("npz", "parquet"):
        assert back.leads == leads and back.windows == page.windows and back.warnings == page.warnings
        np.testing.assert_array_equal(back.confidence, page.confidence)
        assert back.quality[leads[0]] == 0.9 and np.isnan(back.quality[leads[-1]])


def test_unnamed_leads_in_edf(tmp_path):
    import pyedflib

    FORMATS["edf"].write(recording(leads=("R1", "R2S1")), tmp_path / "x")
    with pyedflib.EdfReader(str(tmp_path / "x.edf")) as file:
        assert file.getSignalLabels() == ["ECG R1", "ECG R2S1"]


def test_lead_names_are_still_checked():
    for leads in (("R0",), ("S1",), ("R1S",), ("R1", "R1")):
        with pytest.raises(ValueError, match="leads are"):
            Recording("x", np.zeros((len(leads), 5)), 500.0, leads=leads)


def test_swings_over_16_mv_take_coarser_steps_and_absurd_ones_are_refused(tmp_path):
    import pyedflib

    signal = np.tile(np.linspace(-40, 40, 500), (12, 1))
    FORMATS["edf"].write(Recording("big", signal, 500.0), tmp_path / "big")
    with pyedflib.EdfReader(str(tmp_path / "big.edf")) as file:
        np.testing.assert_allclose(file.readSignal(0) / 1000, signal[0], atol=1.01e-3)
    with pytest.raises(RecordError, match="check gain and scale"):
        FORMATS["edf"].write(Recording("huge", signal * 1000, 500.0), tmp_path / "huge")


def test_nothing_is_overwritten_unless_asked_for(tmp_path):
    page = recording()
    for path in output_paths(tmp_path / "page_1", ALL):
        path.write_text("mine")
        with pytest.raises(OutputError, match="exists; add --overwrite"):
            write_formats(page, tmp_path / "page_1", ALL)
        assert [p.name for p in tmp_path.iterdir()] == [path.name] and path.read_text() == "mine"
        path.unlink()
    written = write_formats(page, tmp_path / "sub" / "page_1", ALL)
    assert {p.suffix for p in written} == {".csv", ".dat", ".hea", ".npz", ".parquet", ".edf", ".dcm"}
    assert sorted(p.name for p in (tmp_path / "sub").iterdir()) == sorted(p.name for p in written)
    assert write_formats(page, tmp_path / "sub" / "page_1", ALL, overwrite=True) == written


def test_all_formats_or_none(tmp_path):
    with pytest.raises(RecordError, match="DICOM"):
        write_formats(recording(leads=("R1",)), tmp_path / "x", ["csv", "dicom"])
    assert not list(tmp_path.iterdir())


def test_a_failure_halfway_leaves_nothing_and_keeps_the_old(tmp_path):
    (tmp_path / "a").write_text("old")

    def fail(folder):
        (folder / "a").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place([tmp_path / "a"], fail, overwrite=True)
    assert (tmp_path / "a").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    def write(folder):
        (folder / "a").write_text("ours")
        (tmp_path / "a").write_text("theirs")

    with pytest.raises(OutputError, match="exists"):
        place([tmp_path / "a"], write)
    assert (tmp_path / "a").read_text() == "theirs" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_named(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="locked"):
        write_formats(recording(), tmp_path / "locked" / "x", ["csv"])


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="give another folder"):
        write_formats(recording(), tmp_path / "file" / "x", ["csv"])


def test_unknown_formats_and_missing_libraries_are_named(tmp_path, monkeypatch):
    with pytest.raises(OutputError, match="'xls'; the choices are csv, wfdb"):
        check_formats(["csv", "xls"])
    with pytest.raises(OutputError, match="give a list"):
        check_formats("csv")
    monkeypatch.setitem(__import__("sys").modules, "edfio", None)
    with pytest.raises(OutputError, match="pip install edfio"):
        write_formats(recording(), tmp_path / "x", ["edf"])


@pytest.mark.parametrize("name", ["npz", "parquet"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"\0" * 50, b"PAR1" + b"\0" * 50])
def test_damaged_files_are_refused(name, content, tmp_path):
    path = tmp_path / f"x.{name}"
    path.write_bytes(content)
    with pytest.raises(RecordError, match="damaged"):
        FORMATS[name].read(path)


def test_a_recording_that_was_not_digitized_gets_no_claims(tmp_path):
    import wfdb

    page = Recording("ptb", np.zeros((12, 500)), 500.0, clinical={"comments": ["age: 58"]})
    FORMATS["wfdb"].write(page, tmp_path / "ptb")
    assert wfdb.rdheader(str(tmp_path / "ptb")).comments == ["age: 58"]


def test_gaps():
    nan = np.nan
    assert gaps(np.array([nan, 1, nan, nan, 2])) == [(0, 1), (2, 4)]
    assert gaps(np.ones(3)) == [] and gaps(np.full(2, nan)) == [(0, 2)]


def test_the_config_names_formats_that_there_are():
    import yaml

    from ecgseg.paths import CONFIGS

    options = yaml.safe_load((CONFIGS / "output" / "default.yaml").read_text())
    assert check_formats(options["formats"]) == ["csv", "wfdb"]
