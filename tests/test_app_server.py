"""The web page's server without a browser: who may reach it, what it tells, what it keeps, what it logs."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from app_reading import FakeDigitizer
from PIL import Image

from ecgseg.app import desk as desk_module
from ecgseg.app.server import is_loopback

pytest.importorskip("gradio", reason="the web page needs the extra app")
from fastapi.testclient import TestClient

from ecgseg.app import __main__ as command
from ecgseg.app.folder import private_folder
from ecgseg.app.server import make_app

ROOT = Path(__file__).resolve().parent.parent
HERE = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with private_folder(tmp_path_factory.mktemp("app")) as folder:
        yield folder


@pytest.fixture(scope="module")
def client(folder):
    with TestClient(make_app(FakeDigitizer(), folder, max_bytes=100_000), base_url=HERE) as client:
        yield client


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    monkeypatch.setattr(desk_module, "Digitizer", FakeDigitizer)


@pytest.fixture
def hand():
    from ecgseg.app.desk import Desk
    from ecgseg.app.page import _Handlers
    from ecgseg.app.sessions import Sessions

    return _Handlers(Sessions(lambda: Desk(FakeDigitizer())))


def upload(folder: Path, colour="white", name="Mrs Secret Name.png") -> Path:
    path = folder / "up" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (80, 70), colour).save(path)
    return path


ME = SimpleNamespace(session_hash="me")


def test_the_page_asks_for_nothing_from_elsewhere(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy
    assert "not a medical device" in answer.text
    loaded = re.findall(r"(?:src|href)=[\"'](https?:)?//([^\"'/]+)", answer.text)
    assert not [host for _, host in loaded if not host.startswith("127.0.0.1")]
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert client.get("/config").json()["analytics_enabled"] is False
    assert client.get("/config").json()["run_history"] is False


def test_one_page_is_read_at_a_time():
    from ecgseg.app.page import build
    from ecgseg.app.sessions import Sessions

    events = [e for e in build(Sessions(lambda: None)).fns.values() if e.name != "closed"]
    assert len(events) == 6
    assert {(e.concurrency_id, e.concurrency_limit) for e in events} == {("digitizer", 1)}


def test_telemetry_is_off_before_the_libraries_are_there(monkeypatch):
    from ecgseg.app.quiet import SILENT, be_quiet

    for name in SILENT:
        monkeypatch.delenv(name, raising=False)
    be_quiet()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1" and os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    code = "import sys, ecgseg.app.__main__; sys.exit('onnxruntime' in sys.modules or 'gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0


def test_a_page_that_comes_under_another_name_is_refused(client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/", headers={"host": "localhost:7860"}).status_code == 200


def test_nothing_is_found_without_its_secret(client):
    answer = client.get("/results/guess/a.csv")
    assert answer.status_code == 404 and "Drop the picture anew" in answer.text


def test_uploads_over_the_limit_are_refused_and_leave_nothing(client, folder):
    small = client.post("/gradio_api/upload", files={"files": ("a.png", b"x" * 1000)})
    assert small.status_code == 200
    for path in small.json():
        assert Path(path).is_relative_to(folder)
        Path(path).unlink()
    large = client.post("/gradio_api/upload", files={"files": ("a.png", b"x" * 200_000)})
    assert large.status_code == 413
    assert not [p for p in folder.rglob("*") if p.is_file()]


def test_an_upload_is_read_shown_and_deleted(hand, tmp_path):
    path = upload(tmp_path)
    new = hand.uploaded(str(path), ["csv"], ME)
    assert new[0] is None and len(new) == 15  # the drop zone is free again, the form as at the start
    status, shown, _, links, leads, record = new[-6:]
    assert status == "" and not path.exists()
    assert "Mrs_Secret_Name.overlay.png" in shown and "Mrs_Secret_Name.csv" in links
    assert leads.splitlines()[0] == "I aVR V1 V4" and not record["visible"]
    token = hand.sessions.token("me")
    assert hand.sessions.file(token, "Mrs_Secret_Name.csv").startswith(b"time_s,I,II")
    assert "edf" not in links and "Mrs_Secret_Name.edf" in hand.formats(["edf"], ME)
    hand.closed(ME)
    assert hand.sessions.file(token, "Mrs_Secret_Name.csv") is None


def test_a_picture_with_two_records_lets_one_choose(hand, tmp_path):
    *_, record = hand.uploaded(str(upload(tmp_path, "lime")), ["csv"], ME)
    assert record["visible"] and record["choices"] == [1, 2] and record["value"] == 1
    names = hand.sessions.desk("me").result.leads
    asked = ("auto", "auto", "auto", "", names, "–", "", "network", ME)
    _, shown, _, links, leads, record = hand.chosen(1, 2, ["csv"], *asked)
    assert "Mrs_Secret_Name-2.overlay.png" in shown and "Mrs_Secret_Name-2.csv" in links and record["value"] == 2
    assert leads.splitlines()[0] == "I aVR V2 V4"  # not the names of the record before
    *_, record = hand.uploaded(str(upload(tmp_path)), ["csv"], ME)
    assert not record["visible"] and record["value"] == 1


def test_errors_are_told_as_text_and_the_last_result_stays(hand, tmp_path, capfd):
    hand.uploaded(str(upload(tmp_path)), ["csv"], ME)
    status, shown, *_ = hand.again(1, 1, ["csv"], "auto", "fast", "auto", "", "", "–", "", "network", ME)
    assert "speed is &#x27;fast&#x27;" in status and "Traceback" not in status
    assert "__type__" in str(shown)  # left as it is
    status, shown, *_ = hand.uploaded(str(upload(tmp_path, "red")), ["csv"], ME)[-6:]
    assert "no ECG was found here" in status and "Drop a picture" in shown
    assert capfd.readouterr() == ("", "")


def test_a_bug_is_told_and_recorded_without_names(hand, tmp_path, capfd):
    status = hand.uploaded(str(upload(tmp_path, "blue")), ["csv"], ME)[-6]
    assert "unexpected KeyError" in status and "Secret" not in status
    said = capfd.readouterr().err
    assert "unexpected KeyError at app_reading.py" in said and "Secret" not in said


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.5", False), ("a.b", False)],
)
def test_only_loopback_is_this_machine(host, local):
    assert is_loopback(host) == local


def test_another_host_warns_and_pictures_are_no_arguments(monkeypatch, capsys):
    served = []
    monkeypatch.setattr(command, "_digitizer", lambda options: FakeDigitizer())
    monkeypatch.setattr(command, "make_app", lambda *args: args)
    monkeypatch.setattr(command, "serve", lambda *args: served.append(args))
    monkeypatch.setattr(command.signal, "signal", lambda *args: None)
    assert command.main([]) == 0 and "warning" not in capsys.readouterr().err
    assert served[0][1:] == ("127.0.0.1", 7860)
    assert command.main(["--host", "0.0.0.0", "--port", "8000"]) == 0
    assert "no password and no encryption" in capsys.readouterr().err
    monkeypatch.undo()
    assert command.main(["scan.png"]) == 2
    assert "'scan.png' is no option" in capsys.readouterr().err


def test_without_gradio_the_command_says_what_to_install():
    code = "import sys; sys.modules['gradio'] = None\nfrom ecgseg.app import __main__ as m\n"
    code += "m._digitizer = lambda options: None\nsys.exit(m.main([]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "uv sync --extra app" in done.stderr
