"""The card and the Croissant metadata of a published release."""

from __future__ import annotations

import json
from pathlib import Path

import mlcroissant
import numpy as np
import pyarrow.parquet as pq
import pytest
from build_specs import build, make_noise_spec
from huggingface_hub import DatasetCard
from image_sets import encode, make_rows
from PIL import Image

from imagenet_g.benchmark.splits.manifests import ClassView, EqualsView, ThresholdView
from imagenet_g.benchmark.splits.releases import make_release_features, write_shard
from imagenet_g.generation.releases.check import MAX_GROUP_BYTES, check_release
from imagenet_g.generation.releases.croissant import format_croissant
from imagenet_g.generation.releases.hub_card import CardSource, format_dataset_card, make_filters


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> CardSource:
    """A built release on its way to the Hub."""
    folder = tmp_path_factory.mktemp("release")
    build(make_noise_spec(notice="A test."), folder)
    return CardSource(release=check_release(folder), repo="org/name", tag="v1.0.0")


def test_the_card_is_valid_and_says_what_a_reader_needs(source: CardSource) -> None:
    """Configs, licence, sizes; how to load, made how, known flaws, safety, citation."""
    card = DatasetCard(format_dataset_card(source))
    data = card.data.to_dict()  # type: ignore[no-untyped-call]
    assert data["configs"][0]["config_name"] == "sd-l"
    assert (data["license"], data["size_categories"]) == ("cc0-1.0", ["n<1K"])
    for words in (
        'load_dataset("org/name", "sd-l", split="validation", revision="v1.0.0")',
        "> A test.", "samples.jpg", "images of a class: 4", "recipe.batch_size", "## Bias and safety",
        "@misc{imagenetg_tiny_v1_0_0", "imagenet-g evaluate",
    ):  # fmt: skip
        assert words in card.text


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
def test_mlcroissant_validates_the_metadata(source: CardSource, tmp_path: Path) -> None:
    """Without an error or a warning, and with every column."""
    path = tmp_path / "croissant.json"
    path.write_text(format_croissant(source))
    metadata = mlcroissant.Dataset(path).metadata
    assert (list(metadata.ctx.issues.errors), list(metadata.ctx.issues.warnings)) == ([], [])
    shard = next((source.release.folder / "data").rglob("*.parquet"))
    fields = [field.id.removeprefix("sd-l/") for field in metadata.record_sets[0].fields]
    assert fields == pq.read_schema(shard).names
    assert json.loads(path.read_text())["version"] == "1.0.0"


def test_views_become_filters_of_datasets() -> None:
    """Each kind."""
    assert make_filters(EqualsView(column="hand", value="noto")) == [["hand", "==", "noto"]]
    assert make_filters(ThresholdView(column="clip_score.b", minimum=0.3)) == [["clip_score.b", ">=", 0.3]]
    ((column, operator, indices),) = make_filters(ClassView(class_set="imagenet-r"))
    assert (column, operator, len(indices)) == ("label", "in", 200)  # type: ignore[arg-type]


def test_row_groups_of_512_pixel_images_fit_the_viewer(tmp_path: Path) -> None:
    """Even of noise in PNG, which nothing compresses."""
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    image = encode(Image.fromarray(pixels))
    rows = ({**row, "image": image} for row in make_rows([0] * 101))
    file = write_shard(tmp_path, "data/sd-l/a.parquet", rows, make_release_features())
    metadata = pq.ParquetFile(tmp_path / file.path).metadata
    sizes = [metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups)]
    assert 100 * len(image) < max(sizes) < MAX_GROUP_BYTES
    assert len(sizes) == 2
