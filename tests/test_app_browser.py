"""The web page in a real browser, with the real networks: drop a scan, look, correct, take the CSV away."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCAN = ROOT / "ecgseg" / "examples" / "scan_90037.png"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRAWN = "[...document.querySelectorAll('#shown img')].every(i => i.complete && i.naturalWidth > 800)"
PATIENCE_S = 400  # a page takes 10 s on two idle cores, and minutes where much else runs on them

pytestmark = pytest.mark.slow


@pytest.fixture
def browser():
    pytest.importorskip("gradio", reason="the web page needs the extra app")
    api = pytest.importorskip("playwright.sync_api", reason="driving a browser needs playwright (group dev)")
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    with api.sync_playwright() as play:
        found = found or play.chromium.executable_path
        if not Path(found).exists():
            pytest.skip("there is no Chromium here; install one (apt-get install chromium)")
        with play.chromium.launch(executable_path=found, args=["--no-sandbox"]) as browser:
            yield browser


@pytest.fixture
def server(tmp_path):
    """Yield the address, the folder for temporary files and the log of a server that was started as a person would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log, temporary = tmp_path / "log", tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with log.open("w") as out:
        command = [sys.executable, "-m", "ecgseg.app", "--port", str(port), "digitize.device=cpu"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    url, end = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < end and process.poll() is None:
            try:
                urllib.request.urlopen(url, timeout=10).close()
                break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.5)
        assert process.poll() is None, log.read_text()
        yield url, temporary, log
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
    assert list(temporary.iterdir()) == []  # nothing of it is left


def test_from_a_dropped_scan_to_the_csv_of_the_command_line(browser, server, tmp_path):
    url, temporary, log = server
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_S * 1000)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.locator(".ecg-notice").wait_for(state="visible")

    page.set_input_files("#drop input[type=file]", SCAN)
    overlay = page.locator("#shown img").first
    overlay.wait_for(state="visible")
    page.wait_for_function(DRAWN)
    assert page.locator("#shown h2").inner_text().startswith("scan_90037")
    rows = page.locator("#shown .ecg-table tbody tr").all_inner_texts()
    assert any(row.startswith("heart rate") and "/min" in row for row in rows)
    assert "Heart rate" in page.locator(".ecg-report").inner_text()
    assert page.locator("#leads textarea").input_value() == "I aVR V1 V4\nII aVL V2 V5\nIII aVF V3 V6\nII"
    # The upload is gone already; Gradio leaves an empty file, which is swept up later.
    assert not [p for p in temporary.rglob("*") if p.is_file() and p.stat().st_size]

    with page.expect_download() as waiting:
        page.locator(".ecg-file", has_text="scan_90037.csv").click()
    waiting.value.save_as(tmp_path / "page.csv")
    command = [sys.executable, "infer.py", str(SCAN), "--out", str(tmp_path), "digitize.device=cpu"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE_S)
    assert (tmp_path / "page.csv").read_bytes() == (tmp_path / "scan_90037.csv").read_bytes()

    page.locator("#leads textarea").fill("I aVR V2 V4\nII aVL V1 x\nIII aVF V3 V6\nII")
    page.locator("#again").click()
    page.locator(".ecg-warnings li", has_text="leads named by hand").wait_for()
    assert "V5: left out" not in (said := page.locator(".ecg-warnings").inner_text()) and "V5 → left out" in said
    assert page.locator(".ecg-notice").is_visible() and page.evaluate("window.scrollY") >= 0

    page.set_input_files("#drop input[type=file]", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.locator(".ecg-error", has_text="a.png is a text file").wait_for()
    assert page.locator("#shown img").count() == 0

    assert asked and not [a for a in asked if not a.startswith((url, "data:", "blob:"))]
    page.close()
    assert "scan_90037" not in log.read_text() and "a.png" not in log.read_text()


def test_the_page_fits_a_phone_and_closing_it_forgets(browser, server):
    url, _, _ = server
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_default_timeout(PATIENCE_S * 1000)
    page.goto(url)
    page.locator("#example").click()
    page.locator("#shown img").first.wait_for(state="visible")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.mouse.wheel(0, 3000)
    assert page.locator(".ecg-notice").bounding_box()["y"] == 0  # visible wherever one has scrolled to
    link = url + page.locator(".ecg-file", has_text="scan_90037.csv").get_attribute("href")
    assert urllib.request.urlopen(link).read().startswith(b"time_s,I")
    page.close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(link).close()
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return
        time.sleep(1)
    raise AssertionError("the result was still there a minute after its page was closed")
