"""The two sums over all outputs: against scipy and scikit-learn, in the file, and from hostile files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from scipy.special import log_softmax
from sklearn.metrics import brier_score_loss, log_loss

from factories import make_meta, make_predictions
from imagenet_g.benchmark.answers.checks import check_top_five
from imagenet_g.benchmark.answers.softmax import compute_top_five
from imagenet_g.benchmark.answers.top_five import (
    LOG_COLUMN,
    SQUARES_COLUMN,
    OutputSums,
    TopFive,
    blank_rows,
    stack_top_five,
)
from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.predictions.predictions import (
    Predictions,
    load_predictions,
    make_table,
    validate_predictions,
    write_predictions,
)

N = 60


def draw(scale: float = 3.0, labels_each: int = 1) -> tuple[torch.Tensor, npt.NDArray[np.int16]]:
    """Logits of N images, and labels of which a third are the best class."""
    rng = np.random.default_rng(0)
    logits = torch.tensor(rng.normal(size=(N, 1000)) * scale, dtype=torch.float32)
    labels = np.stack([rng.choice(1000, labels_each, replace=False) for _ in range(N)]).astype(np.int16)
    labels[::3, 0] = logits.argmax(1).numpy()[::3]
    if labels_each > 1:
        labels[::2, 1:] = -1
    return logits, labels


def compute_sums(logits: torch.Tensor, labels: npt.NDArray[np.int16]) -> OutputSums:
    """Sums over all classes."""
    sums = compute_top_five(logits, labels=labels).sums
    assert sums is not None
    return sums


def test_they_give_log_loss_and_brier_score_of_scikit_learn() -> None:
    """Brier = S - 2 p + 1, and the mean of -log p."""
    logits, labels = draw()
    sums, probabilities = compute_sums(logits, labels), torch.softmax(logits.double(), 1).numpy()
    classes = range(1000)
    assert -sums.log_label.mean() == pytest.approx(log_loss(labels[:, 0], probabilities, labels=classes))
    brier = sums.squares - 2 * np.exp(sums.log_label) + 1
    assert brier.mean() == pytest.approx(
        brier_score_loss(labels[:, 0], probabilities, labels=classes, scale_by_half=False), abs=1e-6
    )


def test_classes_that_are_all_right_count_as_one_outcome() -> None:
    """As if their outputs were one column, whose probability is the sum of theirs."""
    logits, labels = draw(labels_each=3)
    sums, probabilities = compute_sums(logits, labels), torch.softmax(logits.double(), 1).numpy()
    for row in range(N):
        right = labels[row][labels[row] >= 0]
        p = probabilities[row, right].sum()
        others = (np.delete(probabilities[row], right) ** 2).sum()
        assert sums.log_label[row] == pytest.approx(np.log(p), rel=1e-5, abs=1e-6)
        assert sums.squares[row] == pytest.approx(others + p * p, rel=1e-5)


def test_a_label_given_twice_counts_once() -> None:
    """Or its probability would be doubled."""
    logits, labels = draw()
    twice = compute_sums(logits, np.repeat(labels, 2, axis=1))
    assert np.array_equal(twice.log_label, compute_sums(logits, labels).log_label)


def test_a_class_far_behind_keeps_its_log() -> None:
    """Its probability would be 0 in float32."""
    logits = torch.zeros(1, 1000)
    logits[0, 5] = 500.0
    sums = compute_sums(logits, np.array([[7]], dtype=np.int16))
    assert sums.log_label[0] == pytest.approx(log_softmax(logits.numpy()[0].astype(float))[7])


def test_within_a_class_set_they_are_over_its_classes() -> None:
    """Normalised over these alone."""
    logits, labels = draw()
    few = load_class_set("imagenet-r")
    labels[:, 0] = np.resize(few.indices, N)
    sums = compute_top_five(logits, few, labels=labels).sums
    expected = log_softmax(logits.numpy()[:, few.indices].astype(float), axis=1)
    assert sums is not None
    places = [few.indices.index(label) for label in labels[:, 0]]
    assert sums.log_label == pytest.approx(expected[np.arange(N), places], rel=1e-5)
    assert sums.squares == pytest.approx((np.exp(expected) ** 2).sum(axis=1), rel=1e-5)


def test_an_output_that_the_model_lacks_has_probability_0() -> None:
    """-inf, and no error: a mapped head has no output for some classes."""
    logits = torch.zeros(1, 1000)
    logits[0, 7] = -torch.inf
    sums = compute_sums(logits, np.array([[7]], dtype=np.int16))
    assert np.isneginf(sums.log_label[0])


def make_rows() -> tuple[Predictions, tuple[int, ...]]:
    """Honest predictions with an unreadable image and a class set."""
    logits, labels = draw()
    logits[4] = torch.nan
    few = load_class_set("imagenet-r")
    predictions = make_predictions([-1 if row == 4 else 1 for row in range(N)], labels[:, 0].tolist())
    inside = np.asarray(np.isin(labels, few.indices).any(axis=1))
    restricted = {"imagenet-r": blank_rows(compute_top_five(logits, few, labels=labels), inside)}
    top5 = compute_top_five(logits, labels=labels)
    return replace(predictions, top5=top5, restricted=restricted), few.indices


def test_they_pass_through_the_file(tmp_path: Path) -> None:
    """Null where there is no answer, float32 elsewhere."""
    predictions, _ = make_rows()
    write_predictions(tmp_path / "p.parquet", predictions, make_meta(predictions))
    again, _ = load_predictions(tmp_path / "p.parquet")
    table = pq.read_table(tmp_path / "p.parquet")
    assert table.schema.field(LOG_COLUMN).type == pa.float32()
    assert table[SQUARES_COLUMN].null_count == 1
    for before, after in (
        (predictions.top5, again.top5),
        (predictions.restricted["imagenet-r"], again.restricted["imagenet-r"]),
    ):
        assert before.sums is not None
        assert after.sums is not None
        assert np.array_equal(before.sums.log_label, after.sums.log_label, equal_nan=True)
        assert np.array_equal(before.sums.squares, after.sums.squares, equal_nan=True)


def test_a_file_without_them_loads() -> None:
    """As every file of the first releases."""
    predictions, _ = make_rows()
    old = replace(predictions, top5=replace(predictions.top5, sums=None), restricted={})
    assert LOG_COLUMN not in make_table(old).column_names
    validate_predictions(old, source="old")


def test_joined_to_rows_without_them_none_are_left() -> None:
    """Half a column would pass for a whole one."""
    predictions, _ = make_rows()
    joined = stack_top_five([predictions.top5, replace(predictions.top5, sums=None)])
    assert joined.sums is None


Spoil = Callable[[OutputSums, TopFive], None]


def set_log(value: float, row: int = 0) -> Spoil:
    """The label of row 0 is the best class, that of row 4 belongs to an unreadable image."""
    return lambda sums, top5: sums.log_label.__setitem__(row, value)


def set_squares(value: float) -> Spoil:
    """Row 1."""
    return lambda sums, top5: sums.squares.__setitem__(1, value)


def praise_unlikely(sums: OutputSums, top5: TopFive) -> None:
    """Row 1, whose label is not among the best five, is said to be as probable as the best of them."""
    sums.log_label[1] = np.log(top5.probabilities[1, 0])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (set_log(float("nan")), "an answer without them"),
        (set_log(-1.0, row=4), "without an answer"),
        (set_squares(float("nan")), "an answer without them"),
        (set_log(0.1), "above 1"),
        (set_squares(1.2), "outside of 1/1000 to 1"),
        (set_squares(0.0005), "outside of 1/1000 to 1"),
        (set_squares(-0.1), "outside of 1/1000 to 1"),
        (set_log(-0.0), "contradict its best five"),
        (set_log(-9.0), "contradict its best five"),
        (praise_unlikely, "contradict its best five"),
        (set_squares(0.999), "contradict its best five"),
        (set_squares(0.0011), "contradict its best five"),
    ],
)
def test_sums_that_no_outputs_have_are_refused(spoil: Spoil, message: str) -> None:
    """A file from a stranger: no honest run writes these."""
    logits, labels = draw()
    logits[4] = torch.nan
    top5 = compute_top_five(logits, labels=labels)
    assert top5.sums is not None
    check_top_five(top5, labels, source="honest")
    spoil(top5.sums, top5)
    with pytest.raises(DataError, match=message):
        check_top_five(top5, labels, source="spoiled")


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 20.0, 1e4])
@pytest.mark.parametrize("labels_each", [1, 3])
def test_no_honest_outputs_are_refused(scale: float, labels_each: int) -> None:
    """Flat, sharp and one-hot ones, with one label or three."""
    logits, labels = draw(scale, labels_each)
    few = load_class_set("imagenet-r")
    check_top_five(compute_top_five(logits, labels=labels), labels, source="all")
    inside = np.asarray(np.isin(labels, few.indices).any(axis=1))
    restricted = blank_rows(compute_top_five(logits, few, labels=labels), inside)
    check_top_five(restricted, labels, source="few", classes=few.indices)


@pytest.mark.parametrize(
    ("column", "kind", "error"),
    [(LOG_COLUMN, pa.int64(), "floating-point"), (SQUARES_COLUMN, None, SQUARES_COLUMN)],
)
def test_a_column_of_another_type_or_alone_is_refused(
    tmp_path: Path, column: str, kind: pa.DataType | None, error: str
) -> None:
    """One message that names it."""
    predictions, _ = make_rows()
    path = tmp_path / "p.parquet"
    write_predictions(path, predictions, make_meta(predictions))
    table = pq.read_table(path)
    place = table.column_names.index(column)
    if kind is None:
        table = table.remove_column(place)
    else:
        table = table.set_column(place, column, pa.array([0] * N, kind))
    pq.write_table(table, path)
    with pytest.raises(DataError, match=error):
        load_predictions(path)
