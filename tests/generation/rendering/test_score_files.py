"""Scores, views and what survives of a source, against the libraries themselves."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from build_specs import CLASSES, build, make_noise_spec, make_source_spec
from image_sets import write_class_folders
from PIL import Image
from tiny_clip import build_tiny_clip

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.benchmark.models.packaged import list_packaged_models
from imagenet_g.benchmark.splits.manifests import ThresholdView, load_manifest
from imagenet_g.generation.releases.recipe import compute_accuracy, parse_split_recipe
from imagenet_g.generation.rendering.score_files import (
    META_KEY,
    load_scorer_record,
    load_scores,
    make_score_path,
)
from imagenet_g.generation.rendering.scorer import score_images
from imagenet_g.generation.rendering.scorers import compare_labels, load_scorer
from imagenet_g.generation.rendering.tasks import BuildJob
from imagenet_g.generation.specs.version import ClipScorerSpec, VersionSpec

JUDGE = {"kind": "judge", "model": "python:toy_models:make_colour_model"}
Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP."""
    return build_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny-clip")


@pytest.fixture(scope="module")
def scorers(clip_folder: Path) -> dict[str, object]:
    """A CLIP scorer, and a judge that is not CLIP."""
    clip = {"kind": "clip", "model": f"open_clip:local-dir:{clip_folder}", "text": "a photo of a {c}"}
    return {"clip": clip, "judge": JUDGE}


@pytest.fixture(scope="module")
def release(scorers: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise, scored by both, with a view by each at a score that splits the images."""
    out = tmp_path_factory.mktemp("scored")
    build(make_noise_spec(scorers=list(scorers), **{"scorer_tables": scorers}), out)
    middle = float(np.median(read_column(out, "clip_score.clip")))
    views = {"clip-filtered": {"kind": "threshold", "column": "clip_score.clip", "minimum": middle}}
    build(make_noise_spec(scorers=list(scorers), views=views, **{"scorer_tables": scorers}), out)
    return out


def spec_job(spec: VersionSpec, out: Path) -> BuildJob:
    """The job of the split of a version."""
    return BuildJob(spec=spec, out=out, split="sd-l")


def read_column(out: Path, name: str, split: str = "sd-l") -> list[float]:
    """A column over all files of a split."""
    files = sorted((out / "data" / split).glob("*.parquet"))
    return [value for file in files for value in pq.read_table(file, columns=[name])[name].to_pylist()]


def read_images(out: Path) -> list[Image.Image]:
    """All images of a split."""
    return [decode_image(image["bytes"]) for image in read_column(out, "image")]  # type: ignore[index]


def test_clip_scores_are_open_clips_cosines(release: Path, clip_folder: Path) -> None:
    """The library's own encoders on the image and on "a photo of a {class}"."""
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{clip_folder}")
    model.eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{clip_folder}")
    names = [load_classes()[int(label)].name for label in read_column(release, "label")]
    with torch.no_grad():
        images = torch.stack([transform(image) for image in read_images(release)])
        pictures = model.encode_image(images, normalize=True)
        texts = model.encode_text(tokenizer([f"a photo of a {name}" for name in names]), normalize=True)
    expected = (pictures * texts).sum(dim=1).numpy()
    np.testing.assert_allclose(read_column(release, "clip_score.clip"), expected, atol=2e-6)


def test_margin_and_rank_agree_with_a_plain_loop() -> None:
    """Rank counts the classes above the label; the margin is positive only at rank 0."""
    scores = torch.randn(50, 1000, generator=torch.Generator().manual_seed(0))
    labels = [n * 17 % 1000 for n in range(50)]
    columns = compare_labels(scores, labels, "x")
    for row, label in enumerate(labels):
        own, others = float(scores[row, label]), [float(s) for c, s in enumerate(scores[row]) if c != label]
        assert columns["label_rank.x"][row] == sum(other > own for other in others)
        assert columns["label_margin.x"][row] == pytest.approx(own - max(others), abs=1e-6)
        assert (columns["label_margin.x"][row] > 0) == (columns["label_rank.x"][row] == 0)


def test_the_card_shows_every_scorer_on_every_view(release: Path) -> None:
    """Top-1 is the share of rank 0 among the images of the view."""
    recipe = parse_split_recipe(load_manifest(release), "sd-l")
    cells = {(row.view, row.scorer): (row.n, row.top1) for row in recipe.accuracy}
    inside = np.array(read_column(release, "clip_score.clip")) >= np.median(
        read_column(release, "clip_score.clip")
    )
    for scorer in ("clip", "judge"):
        right = np.array(read_column(release, f"label_rank.{scorer}")) == 0
        assert cells["all", scorer][0] == 12
        assert cells["all", scorer][1] == pytest.approx(right.mean())
        assert cells["clip-filtered", scorer][0] == inside.sum()
        assert cells["clip-filtered", scorer][1] == pytest.approx(right[inside].mean())
    assert "| `:clip-filtered` | 6 |" in (release / "README.md").read_text()


def test_a_filter_by_one_model_is_visible_in_the_accuracy_of_another() -> None:
    """By construction: the filter keeps what its own model gets right, half of which the other does."""
    table = pa.table(
        {"label": [0] * 4, "label_margin.a": [1.0, 1.0, -1.0, -1.0], "label_rank.a": [0, 0, 3, 3],
         "label_rank.b": [0, 5, 0, 5]}
    )  # fmt: skip
    views = {"a-filtered": ThresholdView(column="label_margin.a", minimum=0.0)}
    cells = {(row.view, row.scorer): row.top1 for row in compute_accuracy(table, views, ("a", "b"))}
    assert cells == {("all", "a"): 0.5, ("all", "b"): 0.5, ("a-filtered", "a"): 1.0, ("a-filtered", "b"): 0.5}


def test_evaluate_scores_a_filtered_view(release: Path, tmp_path: Path) -> None:
    """By its reference."""
    words = [
        "--split",
        "tiny/sd-l:clip-filtered",
        "--data",
        f"tiny={release}",
        "--out",
        str(tmp_path / "out"),
    ]
    code = main(["evaluate", "--model", JUDGE["model"], *words, "--cache", str(tmp_path / "cache")])
    assert code == 0
    assert '"n": 6' in next((tmp_path / "out").glob("*/result.json")).read_text()


def test_another_text_scores_again_and_renders_nothing(scorers: dict[str, object], tmp_path: Path) -> None:
    """Scores are a second pass; the other scorer's files stay."""
    build(make_noise_spec(scorers=list(scorers), **{"scorer_tables": scorers}), tmp_path)
    before = read_column(tmp_path, "clip_score.clip")
    changed = {**scorers, "clip": {**scorers["clip"], "text": "a drawing of a {c}"}}  # type: ignore[dict-item]
    tasks = build(make_noise_spec(scorers=list(changed), **{"scorer_tables": changed}), tmp_path).tasks
    assert len(tasks) == 3
    assert all("kind='score'" in task and "scorers=('clip',)" in task for task in tasks)
    assert read_column(tmp_path, "clip_score.clip") != before


def edit_text_tower(folder: Path) -> None:
    """Another choice of the token that stands for a text; the weights stay as they are."""
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["pool_type"] = "first"
    (folder / "open_clip_config.json").write_text(json.dumps(config))


def exchange_weights(folder: Path) -> None:
    """Those of another CLIP, under one size and one modification time."""
    path = folder / "open_clip_model.safetensors"
    before = path.stat()
    other = build_tiny_clip(folder.parent / "other", seed=8) / path.name
    path.write_bytes(other.read_bytes())
    shutil.rmtree(other.parent)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[VersionSpec, Path, Path]:
    """Noise scored by a CLIP alone: its version, the folder of the CLIP and that of the release."""
    root = tmp_path_factory.mktemp("judged")
    clip = build_tiny_clip(root / "clip")
    tables = {"clip": {"kind": "clip", "model": f"open_clip:local-dir:{clip}", "text": "a photo of a {c}"}}
    spec = make_noise_spec(scorers=["clip"], scorer_tables=tables)
    build(spec, root / "out")
    return spec, clip, root / "out"


@pytest.fixture(scope="module")
def score_straight(
    judged: tuple[VersionSpec, Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Change], list[float]]:
    """Scores of one build under the CLIP as a change leaves it, from which the change is taken back."""

    @cache
    def score(change: Change) -> list[float]:
        spec, clip, _ = judged
        out = tmp_path_factory.mktemp("straight")
        with changed(clip, change):
            build(spec, out)
        return read_column(out, "clip_score.clip")

    return score


@contextmanager
def changed(clip: Path, change: Change) -> Iterator[None]:
    """Change a folder for a while; its files are then what they were, with their times."""
    kept = shutil.copytree(clip, clip.with_name("kept"))
    try:
        change(clip)
        yield
    finally:
        shutil.copytree(kept, clip, dirs_exist_ok=True)
        shutil.rmtree(kept)


@pytest.mark.parametrize("change", [edit_text_tower, exchange_weights])
@pytest.mark.parametrize("finished", [True, False])
def test_a_clip_that_was_exchanged_under_its_name_scores_again(
    judged: tuple[VersionSpec, Path, Path],
    score_straight: Callable[[Change], list[float]],
    tmp_path: Path,
    change: Change,
    finished: bool,
) -> None:
    """All shards, after the build's end and in its middle: a split has the scores of one model."""
    spec, clip, scored = judged
    before = read_column(scored, "clip_score.clip")
    out = shutil.copytree(scored, tmp_path / "out")
    if not finished:
        make_score_path(spec_job(spec, out), "clip", 1).unlink()
    with changed(clip, change):
        assert len(build(spec, out).tasks) == 3
    after = read_column(out, "clip_score.clip")
    assert not np.allclose(after, before)
    assert after == score_straight(change)


def test_shards_scored_by_two_models_are_not_released(release: Path, scorers: dict[str, object]) -> None:
    """Whichever way it came about, the record could name one only."""
    spec = make_noise_spec(scorers=list(scorers), scorer_tables=scorers)
    job = spec_job(spec, release)
    path = make_score_path(job, "clip", 1)
    table, meta = load_scores(job, "clip", 1) or (None, None)
    assert table is not None and meta is not None
    other = meta.model_copy(update={"scorer": {**meta.scorer, "weights_sha256": "0" * 64}})  # type: ignore[dict-item]
    kept = path.read_bytes()
    pq.write_table(table.replace_schema_metadata({META_KEY: other.model_dump_json().encode()}), path)
    try:
        with pytest.raises(DataError, match="scored by different models named 'clip'"):
            load_scorer_record(job, "clip", 3)
    finally:
        path.write_bytes(kept)


def test_scores_can_be_left_out_with_the_views_that_need_them(
    scorers: dict[str, object], tmp_path: Path
) -> None:
    """And come back without rendering."""
    views = {"clip-filtered": {"kind": "threshold", "column": "clip_score.clip", "minimum": 0.0}}
    spec = make_noise_spec(scorers=list(scorers), views=views, **{"scorer_tables": scorers})
    build(spec, tmp_path, with_scores=False)
    assert load_manifest(tmp_path).splits["sd-l"].views == {}
    assert all("kind='score'" in task for task in build(spec, tmp_path).tasks)
    assert list(load_manifest(tmp_path).splits["sd-l"].views) == ["clip-filtered"]


@pytest.mark.parametrize(("factory", "survives"), [("CopyingGenerator", True), ("NoiseGenerator", False)])
def test_what_survives_of_the_source_is_measured(
    scorers: dict[str, object], tmp_path: Path, factory: str, survives: bool
) -> None:
    """A copy has cosine 1 with its source; noise is as near to any other source."""
    folder = write_class_folders(tmp_path / "sources", CLASSES, per_class=4)
    tables = {"clip": scorers["clip"]}
    spec = make_source_spec(
        f"folder:{folder}", f"build_specs:{factory}", scorers=["clip"], scorer_tables=tables
    ).model_copy(update={"rows_per_shard": 12})
    build(spec, tmp_path / "out")
    found = parse_split_recipe(load_manifest(tmp_path / "out"), "sd-i").source_survival[0]
    own = read_column(tmp_path / "out", "source_similarity.clip", "sd-i")
    assert found.own_source == pytest.approx(np.mean(own))
    assert (found.own_source > 0.9999) == survives
    if not survives:
        assert abs(found.own_source - found.other_source) < 0.01
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"mean CLIP cosine {found.own_source:.3f} to its own source" in card


def test_a_clip_scorer_over_another_library_is_refused(tmp_path: Path) -> None:
    """With what it should be."""
    tables = {"clip": {"kind": "clip", "model": "timm:resnet18.tv_in1k"}}
    with pytest.raises(InputError, match=r"its model must be open_clip:"):
        build(make_noise_spec(scorers=["clip"], **{"scorer_tables": tables}), tmp_path)


def test_no_path_of_this_machine_is_in_the_release(release: Path, clip_folder: Path) -> None:
    """A local CLIP is named by its folder, and identified by the hash of its weights."""
    text = (release / "manifest.json").read_text()
    assert str(clip_folder.parent) not in text
    assert "local-dir:tiny-clip" in text


@pytest.mark.parametrize("name", list_packaged_models("open_clip"))
def test_a_clip_that_ships_can_score(name: str) -> None:
    """With its own tokenizer: open_clip's would number words that it does not have."""
    spec = ClipScorerSpec(kind="clip", model=f"open_clip:packaged:{name}", text="a photo of a {c}")
    columns = score_images(load_scorer("own", spec, "cpu"), [Image.new("RGB", (64, 64), "red")], [949])
    assert -1 <= columns["clip_score.own"][0] <= 1
