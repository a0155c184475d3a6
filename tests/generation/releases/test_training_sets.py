"""A release to train on: built, verified, published, loaded, trained from, and never measured on."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from build_specs import build, make_noise_spec
from datasets import load_dataset
from image_sets import write_release

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.manifests import format_manifest, load_manifest, write_manifest
from imagenet_g.benchmark.training.pictures import load_pictures
from imagenet_g.generation.plans.plan import load_plan_meta
from imagenet_g.generation.releases.check import check_release
from imagenet_g.generation.releases.eval_yaml import make_eval_table
from imagenet_g.generation.releases.tree import make_tree, write_tree

CONTENT: dict[str, object] = {
    "classes": "imagenet-100", "images_per_class": 1, "batch_size": 20, "rows_per_shard": 40,
    "options": {"size_px": 32}, "scorers": ["grey"], "scorer_tables": {"grey": {"kind": "pixels"}},
    "views": {"bright": {"kind": "threshold", "column": "darkest.grey", "minimum": 0.1}},
}  # fmt: skip
RECIPE = """
schema_version = 1
name = "few"
title = "A test"
license = "MIT"
class_set = "imagenet-100"
size_px = 32
flip = false
seed = 0
data = [{ ref = "tiny/sd-l" }]
schedule = { steps = 1, batch_size = 4, learning_rate = 1e-3, warmup_steps = 0, decay_share = 0.0, \
weight_decay = 0.0, average = 0.5, log_every = 1, save_every = 1 }
models = [{ name = "small", family = "efficientnet", architecture = "test_efficientnet" }]
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built release of 100 images in three shards, with a view, to train on."""
    out = tmp_path_factory.mktemp("training")
    build(make_noise_spec(role="train", **CONTENT), out)
    return out


def test_its_files_are_named_so_and_its_plan_is_that_of_a_test_set(release: Path, tmp_path: Path) -> None:
    """What images are for does not change them."""
    names = [file.path for file in load_manifest(release).splits["sd-l"].files]
    assert names == [f"data/sd-l/train-{number:05d}-of-00003.parquet" for number in range(3)]
    build(make_noise_spec(**CONTENT), tmp_path)
    plans = [load_plan_meta(folder / "plan" / "sd-l.parquet") for folder in (release, tmp_path)]
    assert plans[0] == plans[1]
    test = tmp_path / "data/sd-l/validation-00000-of-00003.parquet"
    assert pq.read_table(release / names[0]).equals(pq.read_table(test))
    assert '"role"' not in (tmp_path / "manifest.json").read_text()


def test_it_is_verified_inspected_drawn_and_compared(release: Path, tmp_path: Path) -> None:
    """As any release."""
    report = tmp_path / "report.json"
    assert main(["verify", str(release), "--json", str(report), "--expect", "R0", "--all"]) == 0
    image = pq.read_table(release / "data/sd-l/train-00001-of-00003.parquet")["image_id"][0].as_py()
    assert main(["inspect", image, "--release", str(release), "--save", str(tmp_path / "one.png")]) == 0
    assert main(["gallery", str(release), "--out", str(tmp_path / "sheet"), "--size", "16"]) == 0
    assert main(["diff", str(release), str(release)]) == 0
    filtered = ["filter", "tiny/sd-l", "--like", "tiny", "--data", f"tiny={release}"]
    assert main([*filtered, "--cache", str(tmp_path / "cache")]) == 0


def test_datasets_loads_its_published_tree(release: Path, tmp_path: Path) -> None:
    """The split is called "train", in views too."""
    tree = make_tree(check_release(release), repo="org/t", tag="v1.0.0")
    write_tree(tree, tmp_path / "tree")
    for config in ("sd-l", "sd-l--bright"):
        loaded = load_dataset(str(tmp_path / "tree"), config, cache_dir=str(tmp_path / "cache"))
        assert {name: rows.num_rows for name, rows in loaded.items()} == {"train": 100}


def test_classifiers_train_on_it(release: Path, tmp_path: Path) -> None:
    """A recipe names it as any split."""
    recipe = tmp_path / "few.toml"
    recipe.write_text(RECIPE)
    command = ["baselines", "train", str(recipe), "--out", str(tmp_path / "models"), "--device", "cpu"]
    assert main([*command, "--data", f"tiny={release}"]) == 0
    assert list((tmp_path / "models").rglob("model.safetensors"))


def test_its_prompts_are_captions_to_train_on(release: Path) -> None:
    """As 'imagenet-g train' reads them for a CLIP and a generator."""
    pictures = load_pictures("tiny/sd-l", {"tiny": release}, cache=None, say=print)
    assert (len(pictures), len(set(pictures.captions))) == (100, 100)


def test_its_tree_has_no_task_and_its_texts_say_what_it_is_for(release: Path) -> None:
    """A leaderboard of the Hub would rank models by how well they know it."""
    tree = {file.path: file.content for file in make_tree(check_release(release), repo="org/t", tag="v1.0.0")}
    assert "eval.yaml" not in tree
    card = bytes(tree["README.md"]).decode()
    assert 'load_dataset("org/t", "sd-l", split="train", revision="v1.0.0")' in card
    assert "made to train classifiers" in card
    assert "imagenet-g evaluate" not in card
    assert "benchmark" not in card.partition("---\n")[2].partition("---\n")[0]
    croissant = json.loads(bytes(tree["croissant.json"]))
    assert "data/sd-l/train-*.parquet" in [part.get("includes") for part in croissant["distribution"]]
    assert "split: train" in (release / "README.md").read_text()


def test_a_test_set_beside_it_keeps_its_task(tmp_path: Path) -> None:
    """Each split by its own role."""
    test = load_manifest(write_release(tmp_path / "test", [0], split="sd-l"))
    train = load_manifest(write_release(tmp_path / "train", [0], split="more", role="train"))
    both = test.model_copy(update={"splits": {**test.splits, **train.splits}})
    assert [task["config"] for task in make_eval_table(both)["tasks"]] == ["sd-l"]  # type: ignore[attr-defined]


def test_files_that_are_named_otherwise_than_the_role_are_not_published(tmp_path: Path) -> None:
    """`datasets` would find none."""
    folder = write_release(tmp_path, [0], role="train")
    manifest = load_manifest(folder)
    other = {name: split.model_copy(update={"role": "test"}) for name, split in manifest.splits.items()}
    write_manifest(folder, manifest.model_copy(update={"splits": other}))
    with pytest.raises(DataError, match=r"should begin with 'data/sd-l/validation-'"):
        check_release(folder)


def test_manifests_of_test_sets_are_written_as_before() -> None:
    """Byte for byte."""
    shipped = Path(__file__).parents[3] / "benchmark" / "data" / "mini-v2"
    text = (shipped / "manifest.json").read_text(encoding="utf-8")
    assert format_manifest(load_manifest(shipped)) == text
