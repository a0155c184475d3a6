"""The machine-recognised share against a direct count, and who may judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from judged_cases import FILTER_SPEC, drop_clean, make_case

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets
from imagenet_g.benchmark.recognition.measuring import measure_recognition
from imagenet_g.benchmark.recognition.records import NO_BOUND


def count_recognised(models: list[AnsweredSets], k: int) -> tuple[int, int]:
    """Images named by at least one model, and by all, by a loop over images."""
    some = every = 0
    for row, label in enumerate(models[0].evidence.predictions.labels[:, 0]):
        named = [label in one.evidence.predictions.top5.indices[row, :k] for one in models]
        some, every = some + any(named), every + all(named)
    return some, every


@pytest.mark.parametrize("k", [1, 5])
def test_the_share_is_that_of_a_direct_count(k: int) -> None:
    """At least one judge, and all judges; the filter is among neither."""
    models, _, _ = make_case(num_images=200)
    found = measure_recognition(models[1:], k=k, num_permutations=20)
    some, every = count_recognised(models[1:-1], k)
    assert (found.share.value * 200, found.by_all.value * 200) == pytest.approx((some, every))


def test_the_filter_may_not_judge() -> None:
    """It is left out by its weights, and said to be."""
    models, _, _ = make_case(num_images=100)
    found = measure_recognition(models, num_permutations=10)
    assert [one.spec for one in found.left_out] == [FILTER_SPEC]
    assert FILTER_SPEC not in [one.spec for one in found.judges]


def test_the_filter_alone_is_refused() -> None:
    """With the reason, and what to give instead."""
    models, _, _ = make_case(num_images=100)
    with pytest.raises(InputError, match=r"it is the filter.*another model"):
        measure_recognition(models[-1:])


def test_one_more_judge_never_recognises_less() -> None:
    """The share is that of a union; the level under shuffled labels rises with it."""
    models, _, _ = make_case(num_images=200)
    found = [measure_recognition(models[:size], num_permutations=50) for size in (1, 2, 3)]
    shares = [one.share.value for one in found]
    levels = [one.shuffled.value for one in found]
    assert shares == sorted(shares)
    assert levels == sorted(levels)
    assert all(share > one.shuffled.high for share, one in zip(shares, found, strict=True))


def test_a_judge_of_a_few_images_counts_on_those_that_all_were_run_on() -> None:
    """Rows are joined by identity, not by place."""
    models, _, _ = make_case(num_images=100)
    evidence = models[0].evidence
    part = replace(evidence, predictions=evidence.predictions.take(np.arange(59, -1, -1)))
    found = measure_recognition([AnsweredSets(part, None), models[1]], k=1, num_permutations=10)
    again = measure_recognition([models[1], AnsweredSets(part, None)], k=1, num_permutations=10)
    assert found.num_images == 60
    assert found.share == again.share


def test_judges_of_other_images_are_refused() -> None:
    """Of one name, but with other contents."""
    models, _, _ = make_case(num_images=40)
    other = models[1].evidence
    other = replace(other, record=other.record.model_copy(update={"content_sha256": "9" * 64}))
    with pytest.raises(DataError, match="other images of that name"):
        measure_recognition([models[0], AnsweredSets(other, None)])


def test_the_reference_is_measured_by_the_same_judges_or_not_at_all() -> None:
    """A judge that was not run on it would make the two shares unlike."""
    models, _, _ = make_case(num_images=60)
    whole = measure_recognition(models[:2], num_permutations=10)
    part = measure_recognition([models[0], drop_clean(models[1])], num_permutations=10)
    assert whole.reference is not None
    assert whole.reference.num_images == 60
    assert part.reference is None


def test_the_section_says_what_the_share_is_not() -> None:
    """Wherever the file goes."""
    models, _, _ = make_case(num_images=40)
    found = measure_recognition(models[:1], num_permutations=10)
    assert found.statement == NO_BOUND
    assert "no bound in either direction" in found.statement
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_a_split_of_shuffled_labels_has_no_more_than_its_level() -> None:
    """Whatever the judges know, nothing of it is about the labels any more."""
    models, _, _ = make_case(num_images=600)
    order = np.random.default_rng(2).permutation(600)
    shuffled = [
        AnsweredSets(
            replace(
                one.evidence,
                predictions=replace(one.evidence.predictions, labels=one.evidence.predictions.labels[order]),
            ),
            None,
        )
        for one in models[:3]
    ]
    found = measure_recognition(shuffled)
    assert found.shuffled.low <= found.share.value <= found.shuffled.high
    assert measure_recognition(models[:3]).share.value > 1.5 * found.share.value


def test_classes_add_up_to_the_share() -> None:
    """Each image counts for its own class."""
    models, _, _ = make_case(num_images=130)
    found = measure_recognition(models[:2], num_permutations=10)
    assert sum(one.n for one in found.classes) == found.num_images
    assert sum(one.recognised for one in found.classes) == pytest.approx(found.share.value * 130)
