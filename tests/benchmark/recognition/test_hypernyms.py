"""Errors inside a hypernym against a direct count."""

from __future__ import annotations

import numpy as np
import pytest
from judged_cases import make_case

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.recognition.hypernyms import find_near_classes, measure_fine_grained

WNIDS = [info.wnid for info in load_classes()[:20]]
PAIRS = {wnid: (f"group {number // 2}",) for number, wnid in enumerate(WNIDS)}


def test_inside_and_outside_are_those_of_a_loop() -> None:
    """Classes in pairs: 0 and 1, 2 and 3, and so on."""
    models, _, _ = make_case(num_images=400)
    answers = models[3].evidence.predictions
    inside = wrong = 0
    for label, row in zip(answers.labels[:, 0], answers.top5.indices, strict=True):
        wrong += row[0] != label
        inside += row[0] != label and row[0] // 2 == label // 2
    found = measure_fine_grained(models[3], PAIRS)
    assert found.num_hypernyms == 10
    assert found.split.num_wrong == wrong
    assert found.split.inside is not None
    assert found.split.inside.value * wrong == pytest.approx(inside)
    assert found.split.accuracy_within_hypernym.value * 400 == pytest.approx(400 - wrong + inside)


def test_wrong_answers_at_random_are_inside_as_often_as_by_chance() -> None:
    """One of the 19 other classes of the split is near; among all 1000 outputs, one of 999."""
    models, _, _ = make_case(num_images=4000)
    found = measure_fine_grained(models[3], PAIRS)
    assert found.split.by_chance == pytest.approx(1 / 999)
    assert found.split.inside is not None
    assert found.split.inside.low is not None
    assert found.split.inside.high is not None
    assert found.split.inside.low <= 1 / 19 <= found.split.inside.high


def test_classes_without_a_near_one_are_counted_apart() -> None:
    """They cannot be confused inside a hypernym, and would lower the share."""
    models, _, _ = make_case(num_images=400)
    found = measure_fine_grained(models[0], {WNIDS[0]: ["a"], WNIDS[1]: ["a"], WNIDS[2]: ["b"]})
    assert (found.split.num_images, found.split.num_other) == (40, 360)
    assert {pair.wnid for pair in found.pairs} <= {WNIDS[0], WNIDS[1]}


def test_a_class_of_two_hypernyms_is_near_the_classes_of_both() -> None:
    """Such as a ball that is equipment too."""
    near = find_near_classes({WNIDS[0]: ["a", "b"], WNIDS[1]: ["a"], WNIDS[2]: ["b"]}, range(1000)).near
    assert np.argwhere(near).tolist() == [[0, 1], [0, 2], [1, 0], [2, 0]]


def test_a_near_class_outside_the_outputs_does_not_count() -> None:
    """A judge cannot answer with it."""
    with pytest.raises(InputError, match="No two of the classes share a hypernym"):
        find_near_classes({WNIDS[0]: ["a"], WNIDS[1]: ["a"]}, [0, 2, 3])


def test_confusions_are_listed_by_their_number() -> None:
    """With the hypernym that both share."""
    models, _, _ = make_case(num_images=400)
    pairs = measure_fine_grained(models[3], PAIRS, num_pairs=5).pairs
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)
    assert all(PAIRS[pair.wnid] == PAIRS[pair.answered] == (pair.hypernym,) for pair in pairs)
    assert len(pairs) == 5
