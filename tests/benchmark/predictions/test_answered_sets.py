"""Stored answers of models to a split and to its reference, found by the result's own entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from factories import make_evidence, make_meta, make_predictions
from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.classes import name_class_set
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.predictions.answered_sets import align_rows, drop_repeated, load_answered_sets
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.predictions.result_files import write_result
from imagenet_g.benchmark.splits.splits import make_split_class_set


def make_top_five(predicted: Sequence[int]) -> TopFive:
    """A single answer to each image, as among three classes."""
    indices = np.full((len(predicted), 5), -1, dtype=np.int16)
    indices[:, 0] = predicted
    return TopFive(indices, np.where(indices >= 0, 0.5, 0).astype(np.float32))


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result on one split and on one clean set."""
    for name, predicted in (("sd-l", [3, 4, 9]), ("real", [3, 3, 9])):
        predictions = make_predictions(predicted, [3, 4, 9], prefix=name)
        own = name_class_set(make_split_class_set(predictions.labels))
        predictions = replace(predictions, restricted={own: make_top_five(predicted)})
        write_predictions(tmp_path / f"{name}.parquet", predictions, make_meta(predictions, f"own/{name}"))
    request = RescoreRequest(
        files=(tmp_path / "sd-l.parquet", tmp_path / "real.parquet"),
        reference=tmp_path / "real.parquet",
        view=None,
        data={},
        skip_unreadable=False,
        out=tmp_path,
    )
    write_result(tmp_path, rescore(request))
    return tmp_path


def test_both_sides_are_those_of_the_files(result: Path) -> None:
    """By the names of the split and of the reference."""
    (found,) = load_answered_sets([result], "own/sd-l", "own/real")
    assert found.evidence.predictions.image_ids == ("sd-l-0", "sd-l-1", "sd-l-2")
    assert found.clean is not None
    assert found.clean.predictions.top5.indices[:, 0].tolist() == [3, 3, 9]


def test_a_reference_that_was_not_run_is_none(result: Path) -> None:
    """Whoever asks for gaps then says that there are no numbers."""
    assert [one.clean for one in load_answered_sets([result], "own/sd-l", "own/other")] == [None]
    assert [one.clean for one in load_answered_sets([result], "own/sd-l", None)] == [None]


def test_a_split_that_was_not_run_is_named(result: Path) -> None:
    """With what the result has."""
    with pytest.raises(UnknownNameError, match=r"own/sd-x.*own/sd-l"):
        load_answered_sets([result], "own/sd-x", None)


def test_answers_that_were_changed_are_refused(result: Path) -> None:
    """By the hash that the result carries."""
    predictions = make_predictions([3, 4, 4], [3, 4, 9], prefix="sd-l")
    write_predictions(result / "sd-l.parquet", predictions, make_meta(predictions, "own/sd-l"))
    with pytest.raises(DataError, match="sha256 differs"):
        load_answered_sets([result], "own/sd-l", None)


def test_rows_are_joined_by_identity() -> None:
    """In the first model's order; those that a model was not run on are left out."""
    first = make_evidence(make_predictions([3, 4, 9], [3, 4, 9]))
    other = replace(first, predictions=first.predictions.take(np.array([2, 0])))
    aligned = align_rows([first, other])
    assert [one.predictions.image_ids for one in aligned] == [("image-0", "image-2")] * 2
    assert [one.predictions.labels[:, 0].tolist() for one in aligned] == [[3, 9]] * 2


def test_models_without_a_common_image_are_refused() -> None:
    """There is nothing to compare."""
    first = make_evidence(make_predictions([3, 4], [3, 4]))
    sides = [replace(first, predictions=first.predictions.take(np.array([row]))) for row in (0, 1)]
    with pytest.raises(InputError, match="No image"):
        align_rows(sides)


def test_a_model_is_kept_once(result: Path) -> None:
    """The first that was given."""
    found = load_answered_sets([result, result], "own/sd-l", "own/real")
    assert drop_repeated(found) == (found[0],)
