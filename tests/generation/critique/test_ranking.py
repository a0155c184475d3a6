"""The worst and best images by features."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from imagenet_g.generation.critique.materials import EmbeddedSide
from imagenet_g.generation.critique.ranking import (
    compute_class_cosines,
    compute_class_margins,
    rank_images,
)


def make_side(vectors: list[list[float]], labels: list[int]) -> EmbeddedSide:
    """A side of given features, at length 1."""
    return EmbeddedSide(
        rows=np.arange(len(labels)),
        labels=np.array(labels),
        vectors=np.array(vectors, dtype=np.float32),
        image_ids=tuple(f"image-{n}" for n in range(len(labels))),
    ).scale_to_length_1()


@pytest.fixture
def sides() -> tuple[EmbeddedSide, EmbeddedSide]:
    """Random features of three classes on both sides."""
    rng = np.random.default_rng(0)
    split = make_side(rng.normal(size=(9, 5)).tolist(), [0, 1, 2] * 3)
    return split, make_side(rng.normal(size=(12, 5)).tolist(), [0, 1, 2] * 4)


def test_cosines_are_those_of_scikit_learn(sides: tuple[EmbeddedSide, EmbeddedSide]) -> None:
    """To the mean of the class."""
    split, reference = sides
    means = np.stack([reference.vectors[reference.labels == c].mean(axis=0) for c in range(3)])
    expected = cosine_similarity(split.vectors, means)
    own = expected[np.arange(9), split.labels]
    assert compute_class_cosines(split, reference) == pytest.approx(own, abs=1e-6)
    expected[np.arange(9), split.labels] = -np.inf
    assert compute_class_margins(split, reference) == pytest.approx(own - expected.max(axis=1), abs=1e-6)


def test_a_class_with_too_few_reference_images_is_not_ranked(
    sides: tuple[EmbeddedSide, EmbeddedSide],
) -> None:
    """NaN, and in no list."""
    split, _ = sides
    reference = make_side([[1.0, 0, 0, 0, 0], [0.0, 1, 0, 0, 0]] + [[0.0, 0, 1, 0, 0]] * 3, [0, 0, 1, 1, 1])
    values = compute_class_cosines(split, reference)
    assert np.isnan(values[split.labels != 1]).all()
    assert np.isfinite(values[split.labels == 1]).all()
    assert np.isnan(compute_class_margins(split, reference)).all()
    shown = rank_images(split, values, measure="m", note="n")
    assert {one.wnid for one in (*shown.worst, *shown.best)} == {"n01443537"}


def test_the_worst_come_first_and_no_image_is_on_both_sides() -> None:
    """Ties in the order of the images."""
    split = make_side([[1.0, 0.0]] * 5, [0] * 5)
    found = rank_images(split, np.array([0.3, 0.1, 0.1, np.nan, 0.9]), measure="m", note="n", number=8)
    assert [one.image_id for one in found.worst] == ["image-1", "image-2"]
    assert [one.image_id for one in found.best] == ["image-4", "image-0"]
