"""Labels and class sets of a split."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.splits.splits import SplitRows, make_labels, make_split_class_set

LABELS = st.lists(st.lists(st.integers(0, 999), min_size=1, max_size=4), min_size=1)


@given(ragged=LABELS)
def test_padding_loses_no_label(ragged: list[list[int]]) -> None:
    """And adds none but -1."""
    padded = make_labels(ragged)
    assert padded.dtype == np.int16
    assert [[int(index) for index in row if index != -1] for row in padded] == ragged


@given(ragged=LABELS)
def test_the_class_set_is_every_label(ragged: list[list[int]]) -> None:
    """Of every image, the second ones too."""
    assert make_split_class_set(make_labels(ragged)).indices == tuple(
        sorted({i for row in ragged for i in row})
    )


def test_a_thousand_classes_are_called_all() -> None:
    """So that nothing is restricted for nothing."""
    assert make_split_class_set(np.arange(1000, dtype=np.int16)[:, None]).name == "all"
    assert make_split_class_set(np.arange(999, dtype=np.int16)[:, None]).name == "split-classes"


def test_no_rows_have_a_shape_too() -> None:
    """An empty part of a run."""
    rows = SplitRows((), make_labels([]), ())
    assert (len(rows), rows.labels.shape) == (0, (0, 1))
