"""Top-k accuracy against scikit-learn, and what it promises about labels and missing predictions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from imagenet_g.benchmark.answers.softmax import compute_top_five
from imagenet_g.benchmark.classes import make_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import (
    compute_class_counts,
    compute_correct,
    compute_mean_per_class,
)

seeds = st.integers(0, 2**32 - 1)


def make_logits(seed: int, num_rows: int = 50) -> torch.Tensor:
    """Random logits `(N, 1000)`."""
    return torch.randn(num_rows, 1000, generator=torch.Generator().manual_seed(seed))


@given(seed=seeds, k=st.integers(1, 5))
def test_top_k_accuracy_equals_scikit_learn(seed: int, k: int) -> None:
    """Share of right answers agrees with an independent implementation."""
    logits = make_logits(seed)
    labels = np.random.default_rng(seed).integers(0, 1000, len(logits))
    labels[:10] = logits.argmax(1)[:10]
    ours = compute_correct(compute_top_five(logits).indices, labels[:, None].astype(np.int16), k=k).mean()
    theirs = top_k_accuracy_score(labels, logits.numpy(), k=k, labels=np.arange(1000))
    assert ours == pytest.approx(theirs)


@given(seed=seeds)
def test_top_five_orders_like_torch_topk(seed: int) -> None:
    """Without ties the order is torch's own."""
    logits = make_logits(seed)
    assert (compute_top_five(logits).indices == logits.topk(5).indices.numpy()).all()


def test_ties_go_to_the_lower_class_index() -> None:
    """Equal logits are ordered by class, whatever the device's top-k would do."""
    assert compute_top_five(torch.zeros(1, 1000)).indices.tolist() == [[0, 1, 2, 3, 4]]


def test_probabilities_are_the_softmax() -> None:
    """Stored probabilities are the softmax over all classes."""
    logits = make_logits(0)
    expected = torch.softmax(logits.double(), 1).topk(5).values.float().numpy()
    assert compute_top_five(logits).probabilities == pytest.approx(expected)


@given(seed=seeds)
def test_restricted_top_five_is_the_best_of_the_class_set(seed: int) -> None:
    """Restricting equals setting every other logit to minus infinity."""
    logits = make_logits(seed, 5)
    class_set = make_class_set("x", np.random.default_rng(seed).choice(1000, 20, replace=False).tolist())
    masked = torch.full_like(logits, -torch.inf)
    masked[:, list(class_set.indices)] = logits[:, list(class_set.indices)]
    ours, theirs = compute_top_five(logits, class_set), compute_top_five(masked)
    assert (ours.indices == theirs.indices).all()
    assert ours.probabilities == pytest.approx(theirs.probabilities)


def test_a_class_set_of_three_leaves_two_places_empty() -> None:
    """Fewer than five classes give fewer than five predictions."""
    top5 = compute_top_five(make_logits(0, 2), make_class_set("x", [3, 1, 2]))
    assert sorted(top5.indices[0, :3]) == [1, 2, 3]
    assert top5.indices[:, 3:].tolist() == [[-1, -1]] * 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_row_that_is_not_finite_gives_no_prediction(value: float) -> None:
    """NaN and +inf are never turned into a class."""
    logits = make_logits(0, 2)
    logits[1, 7] = value
    top5 = compute_top_five(logits)
    assert top5.indices[1].tolist() == [-1] * 5
    assert top5.indices[0, 0] == logits[0].argmax()


def test_an_image_with_two_labels_counts_once_in_the_top_five() -> None:
    """Both acceptable labels in the top-5 are one right answer, not two."""
    top = np.array([[4, 8, 1, 2, 3]], dtype=np.int16)
    labels = np.array([[8, 4]], dtype=np.int16)
    assert compute_correct(top, labels, k=5).sum() == 1


def test_no_prediction_is_wrong_even_against_padding() -> None:
    """-1 for "no prediction" never equals -1 for "no second label"."""
    top = np.full((1, 5), -1, dtype=np.int16)
    labels = np.array([[3, -1]], dtype=np.int16)
    assert not compute_correct(top, labels, k=5).any()


@pytest.mark.parametrize("k", [0, 6])
def test_k_outside_the_stored_predictions_is_refused(k: int) -> None:
    """Only one to five can be asked for."""
    with pytest.raises(InputError, match=r"1\.\.5"):
        compute_correct(np.zeros((1, 5), dtype=np.int16), np.zeros((1, 1), dtype=np.int16), k=k)


@given(seed=seeds)
def test_mean_per_class_equals_scikit_learn_balanced_accuracy(seed: int) -> None:
    """Mean per-class accuracy is the mean recall."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(7), rng.integers(0, 7, 60)])
    predicted = rng.integers(0, 7, len(labels))
    right, total = compute_class_counts(predicted == labels, labels, num_clusters=7)
    assert compute_mean_per_class(right, total) == pytest.approx(balanced_accuracy_score(labels, predicted))
