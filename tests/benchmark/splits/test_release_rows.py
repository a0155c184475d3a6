"""What a release's rows may be called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import List, Value
from image_sets import write_release

from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.releases import load_release_split


def write_release_with(folder: Path, also: list[list[int] | None]) -> Path:
    """A release of one image of class 1 for each value of the column `also`."""
    return write_release(
        folder, [1] * len(also), extra={"also": List(Value("int16"))}, columns={"also": also}
    )


def test_other_acceptable_labels_follow_the_images_own(tmp_path: Path) -> None:
    """`also` adds answers; repeating the label adds none."""
    split = load_release_split(write_release_with(tmp_path, [[5, 7], [], [1], None]), "sd-l", cache=None)
    assert split.rows.labels.tolist() == [[1, 5, 7], [1, -1, -1], [1, -1, -1], [1, -1, -1]]


def test_other_acceptable_labels_are_not_classes_of_the_split(tmp_path: Path) -> None:
    """The split is about the classes it has images of."""
    split = load_release_split(write_release_with(tmp_path, [[5]]), "sd-l", cache=None)
    assert split.class_set.indices == (1,)


def test_an_impossible_other_label_is_refused(tmp_path: Path) -> None:
    """1000 is no class."""
    with pytest.raises(DataError, match="also"):
        load_release_split(write_release_with(tmp_path, [[1000]]), "sd-l", cache=None)


def test_the_embedded_art_has_ambiguous_classes_marked() -> None:
    """A mushroom is an agaric too; every own label is among the 175 classes of the split."""
    from imagenet_g.benchmark.catalogue.catalogue import load_split
    from imagenet_g.benchmark.splits.references import parse_split_ref

    split = load_split(parse_split_ref("mini/renditions"), data={}, cache=None)
    own = split.rows.labels[:, 0]
    assert set(np.unique(own)) == set(split.class_set.indices)
    assert {947} == {int(x) for x in split.rows.labels[own == 992][:, 1]}
    assert set(split.class_set.indices) <= set(load_class_set("all").indices)
