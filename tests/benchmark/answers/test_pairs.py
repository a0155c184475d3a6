"""Either label of classes of one name: the rule of `score --pairs`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest

from factories import make_meta, make_predictions
from imagenet_g.benchmark.answers.pairs import add_pairs, load_pairs
from imagenet_g.benchmark.classes import name_class_set
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions import rescoring
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.records import PublishedAccuracy
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.splits.splits import make_split_class_set

MISSILE, PROJECTILE, SUNGLASS, SUNGLASSES = 657, 744, 836, 837
LABELS = [MISSILE, PROJECTILE, SUNGLASS, SUNGLASSES, 3]
ANSWERS = [PROJECTILE, PROJECTILE, SUNGLASSES, MISSILE, 3]


def score(folder: Path, *, pairs: bool) -> Entry:
    """The entry of five stored predictions."""
    predictions = make_predictions(ANSWERS, LABELS)
    meta, own = make_meta(predictions, "v9/sd-l"), make_split_class_set(predictions.labels)
    stored = replace(predictions, restricted={name_class_set(own): predictions.top5})
    write_predictions(folder / "p.parquet", stored, meta)
    request = RescoreRequest(
        files=(folder / "p.parquet",), reference=None, view=None, data={}, skip_unreadable=False,
        out=folder, pairs=pairs,
    )  # fmt: skip
    return rescore(request).entries[0]


def test_the_pairs_are_the_names_that_open_clip_has_twice() -> None:
    """Against the library's own list."""
    names = [name.casefold() for name in open_clip.IMAGENET_CLASSNAMES]
    twice = {name for name in names if names.count(name) > 1}
    assert {names[group[0]] for group in load_pairs()} == twice
    assert load_pairs() == ((MISSILE, PROJECTILE), (SUNGLASS, SUNGLASSES))


def test_either_label_of_a_pair_is_right_only_by_the_rule(tmp_path: Path) -> None:
    """Two of five by the labels as they are; four with the rule, as a missile is no pair of sunglasses."""
    plain, paired = score(tmp_path, pairs=False), score(tmp_path, pairs=True)
    assert (plain.scores[0].metrics["top1"].right, paired.scores[0].metrics["top1"].right) == (2, 4)
    assert (plain.label_rule, paired.label_rule) == (None, "pairs")


def test_the_result_and_the_page_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the names and the wnids."""
    score(tmp_path, pairs=False)
    assert main(["score", str(tmp_path / "p.parquet"), "--pairs"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Scored with --pairs: either label is right for missile (n03773504 and n04008634)" in said


def test_no_published_accuracy_is_taken_off_a_score_by_the_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is with one label an image, so part of the gap would be the second label's."""
    known = PublishedAccuracy(set="imagenet-val", class_set="all", top1=0.9, n=50_000, source="a table")
    monkeypatch.setattr(rescoring, "load_published_accuracies", lambda spec: (known,))
    assert len(score(tmp_path, pairs=False).gaps) == 1
    assert score(tmp_path, pairs=True).gaps == ()


def test_labels_that_are_there_already_are_kept_once() -> None:
    """And the first stays first: an image is of its own class."""
    labels = np.array([[PROJECTILE, 5, -1], [SUNGLASS, SUNGLASSES, -1], [3, -1, -1]], dtype=np.int16)
    assert add_pairs(labels).tolist() == [[744, 5, 657], [836, 837, -1], [3, -1, -1]]


def test_labels_without_a_pair_are_as_they_were() -> None:
    """Byte by byte."""
    labels = np.array([[1, 2], [3, -1]], dtype=np.int16)
    assert np.array_equal(add_pairs(labels), labels)
