"""Views: which rows, which classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_sets import write_class_folders, write_release

from factories import make_evidence, make_predictions
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import CLASS_SET_NAMES, load_class_names, load_class_set, load_classes
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.predictions.evidence import select_view
from imagenet_g.benchmark.splits.folders import load_folder
from imagenet_g.benchmark.splits.manifests import ClassView, EqualsView, ThresholdView, ViewSpec
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view, list_views

R = load_class_set("imagenet-r").indices
VIEWS: dict[str, ViewSpec] = {
    "noto": EqualsView(column="hand", value="noto"),
    "nobody": EqualsView(column="hand", value="nobody"),
    "noto-r": EqualsView(column="hand", value="noto", class_set="imagenet-r"),
    "clip-filtered": ThresholdView(column="clip_score.b", minimum=0.5),
    "incomplete": ThresholdView(column="half_score", minimum=0.5),
    "words": ThresholdView(column="hand", minimum=0.5),
    "r-only": ClassView(class_set="imagenet-r"),
}


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """Six images: two classes of ImageNet-R, one that is not."""
    from datasets import Value

    inside, outside = R[:2], next(index for index in range(1000) if index not in R)
    folder = write_release(
        tmp_path_factory.mktemp("v9"),
        [inside[0], inside[1], outside] * 2,
        views=VIEWS,
        extra={"hand": Value("string"), "clip_score.b": Value("float32"), "half_score": Value("float32")},
        columns={
            "hand": ["noto", "noto", None, "fluent", "fluent", "noto"],
            "half_score": [1.0, None, 1.0, 1.0, 1.0, 1.0],
            "clip_score.b": [0.4, 0.5, 0.6, 0.1, 0.9, 0.3],
        },
    )
    return load_release_split(folder, "sd-l", cache=None)


def test_a_value_selects_its_rows(split: Split) -> None:
    """Null is no value."""
    rows, class_set, record = apply_view(split, "noto")
    assert rows.tolist() == [0, 1, 5]
    assert class_set.indices == split.class_set.indices
    assert (record.ref, record.view, record.num_classes) == ("v9/sd-l:noto", "noto", 3)


def test_a_value_within_a_class_set_selects_rows_of_both(split: Split) -> None:
    """The third noto image is of a class outside the set."""
    rows, class_set, record = apply_view(split, "noto-r")
    assert rows.tolist() == [0, 1]
    assert class_set.indices == R[:2]
    assert record.num_classes == 2


def test_a_value_within_a_class_set_is_scored_among_that_set(split: Split) -> None:
    """As a class view is: the model chooses among the classes of the set, on both axes."""
    predictions = make_predictions([0] * 6, [int(label) for label in split.rows.labels[:, 0]])
    predictions = replace(predictions, image_ids=tuple(split.rows.image_ids))
    evidence = select_view(make_evidence(predictions), split, "noto-r")
    assert evidence.output_set == load_class_set("imagenet-r")
    assert evidence.outputs == "split-classes"


def test_a_threshold_keeps_its_minimum(split: Split) -> None:
    """At least, not above."""
    assert apply_view(split, "clip-filtered")[0].tolist() == [1, 2, 4]


def test_a_class_set_selects_its_classes(split: Split) -> None:
    """Under the release's name and under the registered one."""
    for name in ("r-only", "imagenet-r"):
        rows, class_set, _ = apply_view(split, name)
        assert rows.tolist() == [0, 1, 3, 4]
        assert class_set.indices == R[:2]


def test_a_view_keeps_the_hashes(split: Split) -> None:
    """It filters rows and copies nothing."""
    record = apply_view(split, "noto")[2]
    assert record.manifest_sha256 == split.record.manifest_sha256
    assert record.content_sha256 == split.record.content_sha256
    assert split.record.view is None


@pytest.mark.parametrize("name", CLASS_SET_NAMES)
def test_every_class_set_is_a_view_of_any_split(tmp_path: Path, name: str) -> None:
    """Of a folder of all classes, whole: the set keeps its name."""
    split = load_folder(write_class_folders(tmp_path, [info.wnid for info in load_classes()]), cache=None)
    rows, class_set, _ = apply_view(split, name)
    assert class_set == load_class_set(name)
    assert rows.tolist() == list(class_set.indices)


def test_several_labels_count_within_the_set(tmp_path: Path) -> None:
    """An ObjectNet image is in a set when one of its labels is, and only that one counts."""
    wanted = load_class_set("imagenet-100").indices
    name, labels = next(
        (name, labels)
        for name, labels in load_class_names("objectnet").items()
        if 0 < len({*labels} & {*wanted}) < len(labels)
    )
    write_class_folders(tmp_path, [name.lower().replace(" ", "_")])
    split = load_split(parse_split_ref("objectnet"), data={"objectnet": tmp_path}, cache=None)
    rows, class_set, _ = apply_view(split, "imagenet-100")
    assert rows.tolist() == [0]
    assert class_set.indices == tuple(sorted({*labels} & {*wanted}))


def test_what_else_an_image_may_be_called_is_no_class_of_the_view(tmp_path: Path) -> None:
    """An image outside ImageNet-R stays outside, though an answer inside would be right."""
    from datasets import List, Value

    outside = next(index for index in range(1000) if index not in R)
    release = write_release(
        tmp_path,
        [outside, R[0]],
        views={"all-rows": ThresholdView(column="label", minimum=0)},
        extra={"also": List(Value("int16"))},
        columns={"also": [[R[1]], []]},
    )
    split = load_release_split(release, "sd-l", cache=None)
    rows, class_set, _ = apply_view(split, "imagenet-r")
    assert (rows.tolist(), class_set.indices) == ([1], (R[0],))
    assert apply_view(split, "all-rows")[1] == split.class_set
    assert split.rows.labels.tolist() == [[outside, R[1]], [R[0], -1]]


def test_an_unknown_view_lists_the_known(split: Split) -> None:
    """The split's own and the class sets."""
    with pytest.raises(UnknownNameError, match=r"Did you mean 'clip-filtered'.*noto.*imagenet-100"):
        apply_view(split, "clip-filter")


@pytest.mark.parametrize("name", ["nobody", "imagenet-a"])
def test_a_view_without_images_is_an_error(split: Split, name: str) -> None:
    """Not an accuracy of nothing."""
    with pytest.raises(InputError, match=f"View '{name}' of 'v9/sd-l' has no image"):
        apply_view(split, name)


def test_a_score_that_is_missing_is_an_error(split: Split) -> None:
    """Neither kept nor dropped by default."""
    with pytest.raises(DataError, match="'half_score' has 1 empty values"):
        apply_view(split, "incomplete")


def test_a_threshold_on_words_is_an_error(split: Split) -> None:
    """A view of another kind was meant."""
    with pytest.raises(DataError, match="needs numbers"):
        apply_view(split, "words")


def test_views_that_fit_are_listed(split: Split) -> None:
    """The split's own, then class sets that share a class with it."""
    names = list_views(split)
    assert names[: len(VIEWS)] == tuple(sorted(VIEWS))
    assert set(names[len(VIEWS) :]) == {
        name
        for name in CLASS_SET_NAMES
        if np.isin(load_class_set(name).indices, split.class_set.indices).any()
    }
