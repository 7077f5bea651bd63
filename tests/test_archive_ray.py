"""The same archive on a local Ray cluster of two workers and on one machine: the same results. Skipped without Ray."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from archive_standin import OUTPUT, Standin, bad_file, inline, picture

from ecgseg.archive.run import run
from ecgseg.archive.sources import ArchiveError
from ecgseg.recording import read_csv

HERE = Path(__file__).resolve().parent


def index(out) -> dict[str, dict]:
    rows = pyarrow.parquet.read_table(out / "index.parquet").to_pylist()
    assert len({row["path"] for row in rows}) == len(rows)
    return {row["path"]: row for row in rows}


def test_without_ray_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ArchiveError, match=r"pip install 'ray\[data\]'"):
        run([picture(tmp_path / "a.png")], tmp_path / "out", {}, OUTPUT, {"engine": "ray"}, make=Standin)


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes of one core each, besides a head without any."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", f"{HERE.parent}{os.pathsep}{HERE}")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False)
    yield ray
    ray.shutdown()
    nodes.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("urls", [False, True])
def test_a_cluster_gives_what_one_machine_gives(tmp_path, cluster, monkeypatch, urls):
    for k in range(14):
        picture(tmp_path / "in" / f"p{k}.png", shade=15 * k)
    for kind in ("empty", "text", "truncated", "bomb"):
        bad_file(tmp_path / "in" / f"{kind}.png", kind)
    picture(tmp_path / "in" / "deadly.png")
    prefix = "file://" if urls else ""
    options = {"engine": "ray", "ray_lanes": 2, "ray_files": 4, "workers": 1}
    inputs, one, two = f"{prefix}{tmp_path}/in", tmp_path / "one", tmp_path / "two"
    assert run([inputs], f"{prefix}{two}", {}, OUTPUT, options, make=Standin) == 1
    found = index(two)
    (tmp_path / "in" / "deadly.png").unlink()  # without processes it would be deadly indeed
    inline(monkeypatch)
    assert run([inputs], one, {}, OUTPUT, {"workers": 1}, make=Standin) == 1
    expected = index(one)
    deadly = found.pop(f"{prefix}{tmp_path}/in/deadly.png")
    assert deadly["error_type"] == "ProcessDied"
    cost = ("seconds", "finished")
    assert {p: {k: v for k, v in row.items() if k not in cost} for p, row in found.items()} == {
        p: {k: v for k, v in row.items() if k not in cost} for p, row in expected.items()
    }
    for row in expected.values():
        if row["status"] == "ok":
            a, b = (read_csv(out / f"{row['name']}.csv").signal for out in (one, two))
            np.testing.assert_array_equal(a, b)
            assert (two / f"{row['name']}.dat").read_bytes() == (one / f"{row['name']}.dat").read_bytes()
    assert len(list(two.glob("*.json"))) == 14 and not list(two.glob(".ecgseg*"))
    # Resumed on the cluster: only the failed ones are tried, and nothing comes twice.
    assert run([inputs], f"{prefix}{two}", {}, OUTPUT, options, make=Standin, resume=True) == 1
    lines = [json.loads(x) for p in two.rglob("*.jsonl") for x in p.read_text().splitlines()]
    read = [e["path"] for e in lines if e["event"] == "page" and e["status"] == "ok"]
    assert len(read) == len(set(read)) == 14
