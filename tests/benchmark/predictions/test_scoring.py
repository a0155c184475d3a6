"""Scores, gaps and entries: the arithmetic behind every number in a result."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from factories import make_evidence, make_predictions
from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.classes import load_class_set, make_class_set, name_class_set
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.predictions.entries import choose_headline, choose_published, make_entry
from imagenet_g.benchmark.predictions.predictions import Predictions
from imagenet_g.benchmark.predictions.scoring import compute_score, select_outputs
from imagenet_g.benchmark.records import PublishedAccuracy
from imagenet_g.benchmark.statistics.gap_noise import compute_newcombe_interval
from imagenet_g.benchmark.statistics.observations import Observation

CLEAN = PublishedAccuracy(set="imagenet-val", class_set="all", top1=0.75, n=50_000, source="a table")


def add_restricted(predictions: Predictions, name: str, best: list[int]) -> Predictions:
    """The same predictions with outputs restricted to a class set."""
    restricted = make_predictions(best, [0] * len(best)).top5
    return Predictions(
        image_ids=predictions.image_ids,
        labels=predictions.labels,
        source_image_ids=predictions.source_image_ids,
        top5=predictions.top5,
        errors=predictions.errors,
        restricted={name: TopFive(restricted.indices, restricted.probabilities)},
    )


def test_an_unscored_image_counts_as_wrong() -> None:
    """Two of four right, one unreadable: 50 %, not 67 %."""
    score = compute_score(
        make_predictions([1, 2, 7, -1], [1, 2, 3, 4]), stored_as="all", outputs="all", num_outputs=1000
    )
    assert score.top1.value == 0.5


def test_skipping_unscored_images_leaves_them_out_of_the_score_but_not_of_the_count() -> None:
    """N stays, n_unscored says how many, the accuracy is over the rest."""
    entry = make_entry(
        make_evidence(make_predictions([1, 2, 7, -1], [1, 2, 3, 4])),
        reference=None,
        published=[CLEAN],
        skip_unscored=True,
    )
    assert (entry.n, entry.n_unscored, entry.unscored_count_as) == (4, 1, "left-out")
    assert entry.scores[0].top1.value == pytest.approx(2 / 3)


def test_the_reference_leaves_out_the_classes_that_lose_all_images() -> None:
    """On the three classes that are left the model is as good as on the clean images; class 4 is no drop."""
    clean = make_evidence(make_predictions([1, 2, 3, 9], [1, 2, 3, 4]), ref="imagenet-val")
    shifted = make_evidence(make_predictions([1, 2, 3, -1], [1, 2, 3, 4]))
    entry = make_entry(shifted, reference=clean, published=[], skip_unscored=True)
    (gap,) = entry.gaps
    assert (gap.reference.top1.value, gap.reference.n, gap.reference.same_classes) == (1, 3, True)
    assert any("No image of 1 of the 4 classes could be scored" in warning for warning in entry.warnings)


def test_classes_that_keep_an_image_stay() -> None:
    """Images left out narrow the classes only where none is left."""
    evidence = make_evidence(make_predictions([1, -1, 2, -1], [1, 1, [2, 3], 3]))
    assert evidence.without_unscored().class_set is evidence.class_set


def test_unscored_images_are_named_with_the_reason() -> None:
    """Nothing is dropped silently."""
    entry = make_entry(make_evidence(make_predictions([1, -1], [1, 2])), reference=None, published=[])
    assert [(image.image_id, image.reason) for image in entry.unscored] == [("image-1", "cannot be read")]
    assert any("1 of 2" in warning for warning in entry.warnings)


def test_no_image_at_all_is_refused() -> None:
    """There is no accuracy of nothing."""
    with pytest.raises(InputError, match="no image"):
        compute_score(make_predictions([], []), stored_as="all", outputs="all", num_outputs=1000)


def test_a_drop_gives_a_negative_gap() -> None:
    """AG = A(D') - A(D_test), the paper's sign."""
    predictions = make_predictions([1, 2, 7, 7], [1, 2, 3, 4])
    entry = make_entry(make_evidence(predictions), reference=None, published=[CLEAN])
    assert entry.gaps[0].value == pytest.approx(0.5 - 0.75)


@given(st.integers(0, 2**32 - 1))
def test_the_gap_of_a_set_to_itself_under_another_name_is_exactly_zero(seed: int) -> None:
    """With the same predictions on both axes, every resample has gap zero."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 20, 40)
    predictions = make_predictions(
        np.where(rng.random(40) < 0.5, labels, 500).tolist(), [int(label) for label in labels]
    )
    gap = make_entry(
        make_evidence(predictions), reference=make_evidence(predictions, ref="imagenet-val"), published=[]
    ).gaps[0]
    assert (gap.value, gap.low, gap.high) == (0, 0, 0)


def test_a_gap_between_the_same_images_is_called_one() -> None:
    """Such as a class view against its whole set: an interval without width must not pass for certainty."""
    whole = make_evidence(make_predictions([1, 7, 3], [1, 2, 3]), ref="imagenet-val")
    view = make_evidence(make_predictions([1, 7], [1, 2]))
    entry = make_entry(view, reference=whole, published=[])
    assert any("0 by construction" in warning for warning in entry.warnings)
    other = make_evidence(make_predictions([1, 7], [1, 2], prefix="other"))
    assert not any(
        "by construction" in line for line in make_entry(other, reference=whole, published=[]).warnings
    )


def test_a_measured_reference_is_restricted_to_the_classes_of_the_split() -> None:
    """The twin drops clean images of classes the split does not have."""
    split = make_predictions([1, 2], [1, 2])
    clean = make_predictions([1, 7, 3, 4], [1, 2, 3, 4], prefix="clean")
    gap = make_entry(
        make_evidence(split), reference=make_evidence(clean, ref="imagenet-val"), published=[]
    ).gaps[0]
    assert (gap.reference.n, gap.reference.top1.value, gap.reference.same_classes) == (2, 0.5, True)


def test_a_reference_that_misses_classes_of_the_split_is_flagged() -> None:
    """A clean set without one of the classes is not a same-class twin."""
    split = make_predictions([1, 2], [1, 2])
    name = name_class_set(make_class_set("split-classes", [1, 2]))
    clean = add_restricted(make_predictions([1], [1], prefix="clean"), name, [1])
    entry = make_entry(make_evidence(split), reference=make_evidence(clean, ref="imagenet-val"), published=[])
    assert not entry.gaps[0].reference.same_classes
    assert any("other classes" in warning for warning in entry.warnings)


def test_outputs_are_restricted_on_both_axes_for_a_set_over_few_classes() -> None:
    """On ImageNet-R's protocol the model chooses among the set's classes on both axes."""
    classes = make_class_set("split-classes", [1, 2])
    name = name_class_set(classes)
    split = add_restricted(make_predictions([900, 900], [1, 2]), name, [1, 1])
    clean = add_restricted(make_predictions([900, 900], [1, 2], prefix="clean"), name, [1, 2])
    gap = make_entry(
        make_evidence(split, class_set=classes, outputs="split-classes"),
        reference=make_evidence(clean, ref="imagenet-val"),
        published=[],
    ).gaps[0]
    assert gap.reference.outputs == "split-classes"
    assert (gap.reference.top1.value, gap.value) == (1.0, -0.5)


def test_a_published_same_class_figure_is_preferred_to_the_full_one() -> None:
    """For ImageNet-R the twin's published accuracy is used, not full val."""
    twin = CLEAN.model_copy(update={"class_set": "imagenet-r", "top1": 0.9})
    assert choose_published(load_class_set("imagenet-r"), [CLEAN, twin]) == twin


def test_a_published_figure_for_all_classes_is_compared_over_all_outputs() -> None:
    """Both axes use the same protocol even where no same-class figure exists, and the result says so."""
    classes = make_class_set("split-classes", [1, 2])
    split = add_restricted(make_predictions([1, 900], [1, 2]), name_class_set(classes), [1, 2])
    entry = make_entry(
        make_evidence(split, class_set=classes, outputs="split-classes"), reference=None, published=[CLEAN]
    )
    assert entry.gaps[0].reference.outputs == "all"
    assert not entry.gaps[0].reference.same_classes
    assert choose_headline(entry).top1.value == 0.5


def test_without_any_reference_there_is_no_gap() -> None:
    """Unknown stays unknown."""
    entry = make_entry(make_evidence(make_predictions([1], [1])), reference=None, published=[])
    assert entry.gaps == ()


def test_one_class_gives_a_gap_without_an_interval() -> None:
    """How classes differ cannot be learnt from one."""
    gap = make_entry(make_evidence(make_predictions([1, 7], [1, 1])), reference=None, published=[CLEAN]).gaps[
        0
    ]
    assert (gap.low, gap.high, gap.method) == (None, None, "none")


def test_the_clustered_interval_is_wider_than_wilson_when_classes_are_all_or_nothing() -> None:
    """A model that knows half the classes perfectly has few independent observations, not many."""
    labels = np.repeat(np.arange(40), 50)
    predictions = make_predictions(np.where(labels % 2, labels, 500).tolist(), [int(x) for x in labels])
    entry = make_entry(make_evidence(predictions), reference=None, published=[CLEAN])
    gap, top1 = entry.gaps[0], entry.scores[-1].top1
    assert gap.low is not None
    assert gap.high is not None
    assert top1.low is not None
    assert top1.high is not None
    assert gap.high - gap.low > 4 * (top1.high - top1.low)


def test_the_interval_is_the_same_for_the_same_seed() -> None:
    """A result can be recomputed to the last digit."""
    evidence = make_evidence(make_predictions([1, 2, 7, 7], [1, 2, 3, 4]))
    first, second = (make_entry(evidence, reference=None, published=[CLEAN]) for _ in "ab")
    assert first == second


def test_outputs_that_were_not_stored_are_not_made_up() -> None:
    """A class set the file does not hold is refused by name."""
    with pytest.raises(DataError, match="imagenet-r"):
        select_outputs(make_predictions([1], [1]), "imagenet-r")


def test_a_limited_run_says_that_it_cannot_be_submitted() -> None:
    """The mark travels with the entry."""
    entry = make_entry(make_evidence(make_predictions([1], [1]), limit=1), reference=None, published=[CLEAN])
    assert entry.partial
    assert any("not be submitted" in warning for warning in entry.warnings)


@pytest.mark.parametrize(("right", "base_right"), [(0, 40), (20, 40), (0, 0), (20, 50)])
def test_the_interval_of_all_or_nothing_equals_statsmodels_newcombe(right: int, base_right: int) -> None:
    """Where resampling sees no spread, the interval comes from the two Wilson intervals."""
    shifted, clean = Observation(top1=right / 20, n=20), Observation(top1=base_right / 50, n=50)
    ours = compute_newcombe_interval(shifted, clean)
    theirs = confint_proportions_2indep(right, 20, base_right, 50, method="newcomb", compare="diff")
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_a_model_that_is_always_wrong_has_no_narrow_gap() -> None:
    """20 images all wrong leave the accuracy anywhere up to 16 %, and the gap says so."""
    predictions = make_predictions([500] * 20, list(range(20)))
    gap = make_entry(make_evidence(predictions), reference=None, published=[CLEAN]).gaps[0]
    assert gap.low is not None
    assert gap.high is not None
    assert gap.high - gap.low > 0.15
