"""A recipe trains its stages in slices and resumes where it stopped."""

import pytest
import torch

from ecgseg.nets import recipe
from ecgseg.nets.weights import load_net
from ecgseg.overrides import UsageError

TINY = (
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
    "data.workers=0",
    "data.simulated=2",
    "data.val_crops=2",
    "data.steps_per_epoch=2",
)
STAGES = [
    recipe.Stage(
        "name", ("model=name", "data=names", "data.batch_size=4", "model.total_steps=4", "model.decay_steps=2")
    ),
    recipe.Stage("grid", ("model=grid", "data=grids", "data.batch_size=2", "data.side=64", "data.per_page=2",
                          "model.total_steps=2", "model.decay_steps=1")),
]  # fmt: skip


@pytest.mark.slow
def test_a_recipe_is_done_in_slices(tmp_path):
    """The first slice is stopped after two steps; the second ends it and trains the next stage."""
    assert not recipe.run(STAGES[:1], tmp_path, None, (*TINY, "trainer.max_steps=2"))
    assert not (tmp_path / "namenet.safetensors").exists()
    assert recipe.run(STAGES, tmp_path, 10, TINY)
    assert load_net(tmp_path / "namenet.safetensors", kind="name")[1]["info"]["steps"] == 4
    assert load_net(tmp_path / "gridnet.safetensors", kind="grid")[1]["info"]["steps"] == 2
    before = (tmp_path / "namenet.safetensors").stat().st_mtime_ns
    assert recipe.run(STAGES, tmp_path, 10, TINY)
    assert (tmp_path / "namenet.safetensors").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_slice_ends_within_an_epoch_and_the_next_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "LEAST_MINUTES", 0.0)
    long = (*TINY, "data.steps_per_epoch=1000", "model.total_steps=100000")
    reached = []
    for _ in range(2):
        assert not recipe.run(STAGES[:1], tmp_path, 0.05, long)
        checkpoint = torch.load(tmp_path / "name" / "last.ckpt", weights_only=True)
        reached.append(checkpoint["global_step"])
    assert 0 < reached[0] < reached[1]


def test_no_stage_begins_without_time(tmp_path):
    assert not recipe.run(STAGES, tmp_path, 0.1, TINY)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["gpu", "cpu"])
def test_shipped_recipes_name_options_that_exist(name):
    from hydra import compose, initialize_config_dir

    from ecgseg.nets.fit import check_config
    from ecgseg.paths import CONFIGS

    stages = recipe.load_recipe(name)
    assert {s.kind for s in stages} == {"strip", "page", "name", "grid"}
    for stage in stages:
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            cfg = compose("train", overrides=list(stage.overrides))
        check_config(cfg)
        assert cfg.model.task == stage.kind and cfg.model.decay_steps < cfg.model.total_steps


def test_an_unknown_recipe_names_the_choices(capsys):
    with pytest.raises(UsageError, match="cpu, gpu"):
        recipe.load_recipe("tpu")
    assert recipe.main(["tpu", "x"]) == 2
    assert "cpu, gpu" in capsys.readouterr().err
