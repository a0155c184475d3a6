"""`eval.yaml` of a release: what the Hub's specification asks for, and the same tasks as values name."""

from __future__ import annotations

from pathlib import Path

import yaml  # type: ignore[import-untyped]
from image_sets import write_release

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.publishing.eval_tasks import make_task_id
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.releases.check import check_release
from imagenet_g.generation.releases.eval_yaml import format_eval_yaml
from imagenet_g.generation.releases.hub_card import CardSource, make_card_metadata

SHIPPED = Path(__file__).parents[3] / "benchmark" / "data"


def test_it_has_the_fields_of_the_specification() -> None:
    """Name, description, framework and tasks; of a task its id, config and split."""
    content = yaml.safe_load(format_eval_yaml(load_manifest(SHIPPED / "mini")))
    assert set(content) == {"name", "description", "evaluation_framework", "tasks"}
    assert all(set(task) == {"id", "config", "split"} for task in content["tasks"])
    assert all(isinstance(value, str) for task in content["tasks"] for value in task.values())
    assert content["evaluation_framework"] == "imagenet-g"
    assert "no measure of a model" in content["description"]


def test_there_is_one_task_a_split_named_by_its_version() -> None:
    """The next version in the same repository has tasks of its own."""
    names = [
        [task["id"] for task in yaml.safe_load(format_eval_yaml(load_manifest(SHIPPED / version)))["tasks"]]
        for version in ("mini", "mini-v2")
    ]
    assert names[1] == [make_task_id("mini-v2", name) for name in load_manifest(SHIPPED / "mini-v2").splits]
    assert not set(names[0]) & set(names[1])


def test_configs_and_splits_are_those_that_the_card_declares(tmp_path: Path) -> None:
    """The Hub runs a task on what the card names so."""
    release = check_release(write_release(tmp_path / "release", [3, 7]))
    card = make_card_metadata(CardSource(release=release, repo=None, tag=None))
    configs = card["configs"]
    assert isinstance(configs, list)
    declared = {
        (config["config_name"], files["split"]) for config in configs for files in config["data_files"]
    }
    tasks = yaml.safe_load(format_eval_yaml(release.manifest))["tasks"]
    assert {(task["config"], task["split"]) for task in tasks} <= declared


def test_it_can_be_left_out(tmp_path: Path) -> None:
    """For a Hub that refuses it."""
    release = str(write_release(tmp_path / "release", [3, 7]))
    for words, there in (([], True), (["--no-eval-yaml"], False)):
        place = tmp_path / f"tree-{there}"
        assert main(["publish", release, "--to", str(place), *words]) == 0
        assert (place / "eval.yaml").is_file() is there
