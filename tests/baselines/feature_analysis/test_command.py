"""`imagenet-g features`, from images to files, under a tiny CLIP of open_clip's real class."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from image_sets import write_class_folders
from PIL import Image
from tiny_clip import build_tiny_clip

from imagenet_g.baselines.feature_analysis.measures import (
    compute_coding_length,
    compute_redundancy,
    normalise_rows,
)
from imagenet_g.baselines.feature_analysis.records import FeatureAnalysis, FeatureReport
from imagenet_g.baselines.feature_analysis.run import list_cautions
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.images.decoding import decode_image

WNIDS = [info.wnid for info in load_classes()[:3]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A CLIP with random weights."""
    return f"open_clip:local-dir:{build_tiny_clip(tmp_path_factory.mktemp('clips') / 'one')}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes with four images of noise each; one image of the last is no image."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for wnid in WNIDS:
        (root / wnid).mkdir()
        for number in range(4):
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / wnid / f"{number}.png")
    (root / WNIDS[2] / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


@pytest.fixture(scope="module")
def out(model: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one run wrote."""
    out = tmp_path_factory.mktemp("out")
    words = ["--model", model, "--split", f"folder:{folder}", "--device", "cpu", "--plots"]
    assert main(["features", *words, "--cache", str(out / "cache"), "--out", str(out / "new")]) == 0
    return out / "new"


def load_analysis(out: Path) -> FeatureAnalysis:
    """The only one of a report."""
    return FeatureReport.model_validate_json((out / "features.json").read_bytes()).analyses[0]


def test_the_measures_are_those_of_open_clip_s_own_features(out: Path, model: str, folder: Path) -> None:
    """As the model gives them, and at length 1."""
    clip, _, transform = open_clip.create_model_and_transforms(model.removeprefix("open_clip:"))
    paths = [path for path in sorted(folder.rglob("*.png")) if path.stat().st_size > 8]
    images = torch.stack([transform(decode_image(path.read_bytes())) for path in paths])
    with torch.no_grad():
        raw = clip.eval().encode_image(images, normalize=False).double().numpy()
    found = {(one.name, one.normalised): one.value for one in load_analysis(out).measures}
    for normalised, vectors in ((False, raw), (True, normalise_rows(raw))):
        assert found["redundancy", normalised] == pytest.approx(compute_redundancy(vectors), rel=1e-4)
        assert found["coding length", normalised] == pytest.approx(compute_coding_length(vectors), rel=1e-4)


def test_an_image_that_cannot_be_decoded_is_left_out_and_named(out: Path) -> None:
    """With its reason."""
    analysis = load_analysis(out)
    assert analysis.n == 11
    assert [image.image_id for image in analysis.unreadable] == [f"{WNIDS[2]}/3.png"]


def test_the_table_of_numbers_has_every_measure_and_class(out: Path) -> None:
    """Six of the set, two of each class, with eps^2 beside the coding lengths."""
    rows = list(csv.DictReader((out / "features.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 6 + 2 * len(WNIDS)
    assert {row["eps_squared"] for row in rows if row["measure"] == "coding length"} == {"0.5"}
    assert [row["wnid"] for row in rows if row["wnid"]] == [wnid for wnid in WNIDS for _ in range(2)]


def test_both_figures_are_pictures(out: Path) -> None:
    """Of the size of a page."""
    for name in ("features-as-given.png", "features-of-length-1.png"):
        with Image.open(out / name) as picture:
            assert picture.size[0] > 1000


def test_a_second_run_computes_no_feature(
    out: Path, model: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are in the cache, but for the image that has none; and the numbers are the same."""
    seen: list[int] = []
    from imagenet_g.benchmark.distances.encoders import RawEncoder

    original = RawEncoder.encode_tensors

    def count(self: RawEncoder, inputs: torch.Tensor) -> torch.Tensor:
        seen.append(len(inputs))
        return original(self, inputs)

    monkeypatch.setattr(RawEncoder, "encode_tensors", count)
    words = ["--model", model, "--split", f"folder:{folder}", "--device", "cpu"]
    assert main(["features", *words, "--cache", str(out.parent / "cache"), "--out", str(tmp_path)]) == 0
    assert sum(seen) == 0
    assert load_analysis(tmp_path).measures == load_analysis(out).measures


@pytest.mark.parametrize("eps", ["0", "-1", "nan"])
def test_a_precision_that_is_no_number_above_0_is_one_message(
    eps: str, folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit code 2, and nothing is written."""
    words = ["--model", "timm:test_resnet", "--split", f"folder:{folder}", f"--eps-squared={eps}"]
    assert main(["features", *words, "--out", str(tmp_path / "new")]) == 2
    assert "--eps-squared must be a number above 0" in capsys.readouterr().err
    assert not (tmp_path / "new" / "features.json").exists()


def test_classes_of_one_image_have_no_distance(
    model: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Which is said, in place of 0."""
    folder = write_class_folders(tmp_path / "set", WNIDS)
    words = ["--model", model, "--split", f"folder:{folder}", "--device", "cpu"]
    assert main(["features", *words, "--cache", str(tmp_path / "c"), "--out", str(tmp_path / "new")]) == 2
    assert "No class has two images" in capsys.readouterr().err


def test_splits_of_different_sizes_are_a_warning(out: Path) -> None:
    """Two of the measures depend on the number of images."""
    analysis = load_analysis(out)
    changed = FeatureAnalysis.model_validate(json.loads(analysis.model_dump_json()) | {"n": 9})
    assert any("different numbers of images" in text for text in list_cautions([analysis, changed]))
    assert not any("different numbers" in text for text in list_cautions([analysis, analysis]))
