"""What the docs say is true of the code: their Python runs, their paths, options and commands exist."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from app_reading import reading
from PIL import Image

from ecgseg.digitize.digitizer import Digitizer
from ecgseg.digitize.files.read import Picture, read_picture
from ecgseg.digitize.options import load_options
from ecgseg.errors import LayoutError
from ecgseg.paths import CONFIGS

ROOT = Path(__file__).resolve().parent.parent
NAMES = "quick-start web-page api choosing-options training adding-a-layout limits comparison formats safety"
PAGES = [ROOT / "docs" / f"{name}.md" for name in NAMES.split()]


class ReadsAlike(Digitizer):
    """A digitizer whose pictures all show the same page; one that is red shows none, one that is green two."""

    def read_all(self, image):
        picture = image if isinstance(image, Picture) else read_picture(image)
        if tuple(picture.pixels[0, 0]) == (255, 0, 0):
            raise LayoutError("no row of trace found on the page")
        return [reading() for _ in range(2 if tuple(picture.pixels[0, 0]) == (0, 255, 0) else 1)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the pictures that the examples name, and a digitizer without networks."""
    (tmp_path / "scans").mkdir()
    (tmp_path / "more").mkdir()
    for name, colour in (("scan.png", "white"), ("scans/a.png", "white"), ("scans/b.png", "red")):
        Image.new("RGB", (80, 70), colour).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    made = lambda **options: ReadsAlike(None, load_options(**options))  # noqa: E731
    monkeypatch.setattr(Digitizer, "from_pretrained", staticmethod(made))
    return tmp_path


def test_every_block_of_the_api_page_runs(here, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) > 8
    names = {}
    for k, block in enumerate(blocks):
        exec(compile(block, f"docs/api.md, block {k + 1}", "exec"), names)
    said = capsys.readouterr().out
    assert "no such file.png: no such file; check the path" in said
    assert "b no row of trace found on the page" in said and "I aVR V1 V4" in said
    assert (here / "out/scan.edf").stat().st_size > 1000 and (here / "scan.report.pdf").read_bytes()[:4] == b"%PDF"
    again, recording, corrected = names["again"], names["recording"], names["corrected"]
    np.testing.assert_array_equal(again.signal, recording.signal)
    np.testing.assert_array_equal(corrected.lead("V2")[2600:3700], recording.lead("V1")[2600:3700])
    assert not np.isfinite(corrected.lead("V6")).any()
    assert names["slow"].options.speed == 12.5 and names["slow_copy"].fs == 250
    assert names["page"].image.ndim == 3 and names["page"].printed.leads == recording.leads


def test_a_folder_becomes_a_table_of_intervals(here):
    spec = importlib.util.spec_from_file_location("folder_to_table", ROOT / "examples/folder_to_table.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    Image.new("RGB", (80, 70), "lime").save(here / "more" / "two.png")
    both = example.table([here / "more"], Digitizer.from_pretrained())
    assert list(both.page) == ["two", "two"] and list(both.record) == [1, 2]
    found = example.table([here / "scans"], Digitizer.from_pretrained())
    found.to_csv(here / "table.csv", index=False)
    rows = pd.read_csv(here / "table.csv").set_index("page")
    assert list(rows.index) == ["a", "b"]
    assert rows.loc["a", "layout"] == "3x4_1r" and 30 < rows.loc["a", "heart_rate_per_min"] < 200
    assert 60 < rows.loc["a", "qrs_ms"] < 200 and pd.isna(rows.loc["a", "error"])
    assert rows.loc["b", "error"].startswith("no row of trace") and pd.isna(rows.loc["b", "qrs_ms"])


def test_the_notebook_runs(here, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    cells = json.loads((ROOT / "examples/folder_to_table.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell.get("outputs") for cell in cells)  # no one's ECG is left in it
    names = {}
    for k, source in enumerate(code):
        source = source.replace('"../ecgseg/examples"', f'"{here / "scans"}"')
        exec(compile(source, f"folder_to_table.ipynb, code {k + 1}", "exec"), names)
    assert list(names["pages"].page) == ["a", "b"] and list(names["good"].page) == ["a"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    options = yaml.safe_load((CONFIGS / "digitize/default.yaml").read_text(encoding="utf-8"))
    assert set(re.findall(r"digitize\.([a-z_]+)=", text)) <= set(options)
    for path in re.findall(r"`((?:configs|docs|ecgseg|examples)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\((images/[^)]+)\)", text):
        assert (page.parent / path).stat().st_size < 300_000, path
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert importlib.util.find_spec(module) is not None, module


def test_the_layout_and_noise_files_that_the_docs_show_are_read():
    from ecgseg.layout import parse_layout
    from ecgseg.render.levels import parse_noise

    layout = parse_layout("4x3_2r", _shown("adding-a-layout", "rows:"))
    assert layout.n_rows == 6 and layout.rhythm_rows == 2 and [s.lead for s in layout.row(3)] == ["V4", "V5", "V6"]
    noise = parse_noise("our_scanner", _shown("training", "dpi:"))
    assert noise.dpi == (200, 200) and set(noise.capture) == {"grey", "blur", "gaussian_noise", "jpeg"}


def _shown(page: str, first: str) -> dict:
    """Return the YAML of the indented block that holds a line beginning with `first`."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^    .*\n)+", text, re.M)
    block = next(b for b in blocks if re.search(rf"^    {first}", b, re.M))
    return yaml.safe_load("\n".join(line[4:] for line in block.splitlines()))
