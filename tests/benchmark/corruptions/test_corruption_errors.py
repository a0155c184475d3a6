"""Mean corruption error: AlexNet's constants, all parts or none, and images that go whole into a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_sets import make_image, write_class_folders
from result_cases import make_result

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.corruptions.corruption_errors import (
    compute_corruption_error,
    find_problems,
    load_corruption_baselines,
)
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.run_plans import list_parts
from imagenet_g.benchmark.models.timm_transforms import build_timm_precropped_transform
from imagenet_g.benchmark.reports.corruption_lines import list_corruption_lines
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.splits.references import parse_split_ref

BASELINE = load_corruption_baselines()["imagenet-c"]


def make_entry(part: str, error: float, **changes: Any) -> Entry:
    """A part of 50,000 images with an error."""
    (entry,) = make_result(split=part, top1=1 - error, clean=0.7, n=50_000, outputs="all").entries
    return entry.model_copy(update=changes)


def make_entries(errors: Mapping[str, float]) -> list[Entry]:
    """All 75 parts, each severity with its corruption's error."""
    return [make_entry(part, errors[part.split("/")[1]]) for part in BASELINE.list_parts()]


def test_the_constants_are_alexnets_of_fifteen_corruptions() -> None:
    """As their authors published them, and every part is one that the set has."""
    assert BASELINE.errors == {
        "gaussian_noise": 0.886428, "shot_noise": 0.894468, "impulse_noise": 0.92264, "defocus_blur": 0.81988,
        "glass_blur": 0.826268, "motion_blur": 0.785948, "zoom_blur": 0.79836, "snow": 0.866816,
        "frost": 0.826572, "fog": 0.819324, "brightness": 0.564592, "contrast": 0.853204,
        "elastic_transform": 0.646056, "pixelate": 0.71784, "jpeg_compression": 0.6065,
    }  # fmt: skip
    refs = [parse_split_ref(part) for part in BASELINE.list_parts()]
    assert {ref.kind for ref in refs} == {"real"}
    assert len({str(ref) for ref in refs}) == 75


def test_alexnet_itself_has_an_mce_of_one() -> None:
    """And each corruption too."""
    found = compute_corruption_error(make_entries(BASELINE.errors), BASELINE)
    # Accuracies of 50,000 images are multiples of 1 / 50,000.
    assert found.value == pytest.approx(1, abs=1e-4)
    assert all(value == pytest.approx(1, abs=1e-4) for value in found.by_corruption.values())


def test_it_is_the_mean_of_ratios_of_sums_over_severities() -> None:
    """Against numpy, for errors that differ by part; a ratio of means or a mean of ratios a part differs."""
    rng = np.random.default_rng(0)
    errors = rng.integers(1, 49_999, size=(15, 5)) / 50_000
    parts = list(BASELINE.list_parts())
    entries = [make_entry(part, error) for part, error in zip(parts, errors.ravel(), strict=True)]
    alexnet = np.array(list(BASELINE.errors.values()))
    found = compute_corruption_error(list(reversed(entries)), BASELINE)
    assert found.value == pytest.approx(float((errors.mean(axis=1) / alexnet).mean()))
    assert found.low < found.value < found.high


def test_errors_by_the_pair_rule_have_no_mean_relative_to_alexnet() -> None:
    """Its errors are with one label an image."""
    entries = [make_entry(part, 0.5, label_rule="pairs") for part in BASELINE.list_parts()]
    assert set(find_problems(entries, BASELINE).values()) == {"scored by other labels than AlexNet was"}


def test_without_a_part_there_is_no_mean_and_the_part_is_named() -> None:
    """Absent, cut short, with other images, with images that could not be read."""
    entries = make_entries(BASELINE.errors)
    assert find_problems(entries, BASELINE) == {}
    assert find_problems(entries[1:], BASELINE) == {"imagenet-c/gaussian_noise/1": "missing"}
    for change, reason in (
        ({"limit": 104, "n": 104}, "104 of 50000 images"),
        ({"n": 49_999}, "49999 of 50000 images"),
        ({"n_unscored": 2}, "2 images without a prediction"),
    ):
        worse = [entries[0].model_copy(update=change), *entries[1:]]
        assert find_problems(worse, BASELINE) == {"imagenet-c/gaussian_noise/1": reason}
        (line,) = list_corruption_lines(worse)
        assert line.startswith("imagenet-c: no mCE. It needs all of 75 parts, whole; 1 are not: ")
        assert f"gaussian_noise 1 ({reason})" in line


def test_a_view_of_a_part_is_not_the_part() -> None:
    """AlexNet's errors are over all 1000 classes."""
    entries = make_entries(BASELINE.errors)
    entries[0] = make_entry("imagenet-c/gaussian_noise/1:imagenet-100", 0.5)
    assert list(find_problems(entries, BASELINE)) == ["imagenet-c/gaussian_noise/1"]


def test_the_extra_corruptions_do_not_count() -> None:
    """The mean is over fifteen, however many were run."""
    entries = make_entries(BASELINE.errors)
    more = [*entries, make_entry("imagenet-c/saturate/1", 0.999)]
    assert compute_corruption_error(more, BASELINE) == compute_corruption_error(entries, BASELINE)


def test_a_report_prints_the_mean_with_its_corruptions() -> None:
    """One line, and none where a result has nothing to do with the set."""
    (line,) = list_corruption_lines(make_entries(BASELINE.errors))
    assert line.startswith("imagenet-c: mCE 100.0 (")
    assert line.count(" 100.0") == 16
    assert list(list_corruption_lines([make_entry("imagenet-r", 0.5)])) == []


def test_the_set_stands_for_its_parts_and_a_copy_without_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that is missing is named at once, before anything runs."""
    wnids = [info.wnid for info in load_classes()][:1]
    for part in BASELINE.list_parts():
        if part not in ("imagenet-c/fog/3", "imagenet-c/snow/5"):
            write_class_folders(tmp_path / part.partition("/")[2], wnids)
    with pytest.raises(
        InputError, match=r"has 73 of the 75 parts.*Missing: imagenet-c/snow/5, imagenet-c/fog/3\."
    ):
        list_parts("imagenet-c", {"imagenet-c": tmp_path})
    words = ["evaluate", "--model", "python:toy_models:make_colour_model", "--split", "imagenet-c"]
    assert main([*words, "--data", f"imagenet-c={tmp_path}", "--out", str(tmp_path / "out")]) == 2
    assert "Missing: imagenet-c/snow/5, imagenet-c/fog/3." in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("fraction", [0.875, 0.95, 1.0])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_a_precropped_image_of_the_input_size_is_only_normalised(
    mode: str, fraction: float, interpolation: str
) -> None:
    """Neither cropped nor resized at 224, whatever the model's own test crop is."""
    rng = np.random.default_rng(0)
    image = make_image(size=(224, 224))
    image.putdata([tuple(pixel) for pixel in rng.integers(0, 256, size=(224 * 224, 3)).tolist()])
    config = {
        "input_size": (3, 224, 224), "interpolation": interpolation, "crop_pct": fraction, "crop_mode": mode,
        "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4),
    }  # fmt: skip
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255
    expected = (pixels - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / torch.tensor([0.2, 0.3, 0.4])[
        :, None, None
    ]
    found = build_timm_precropped_transform(config)(image)
    assert torch.allclose(found, expected, atol=1e-6)
    assert math.prod(found.shape) == 3 * 224 * 224
