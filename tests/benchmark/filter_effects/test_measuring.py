"""What a filter does to the same models: against direct counts, and where the answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_cases import COLUMN, FILTER_SPEC, ColumnReader, drop_clean, make_case, read_scores
from scipy.stats import kendalltau

from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.filter_effects.blind import measure_blind
from imagenet_g.benchmark.filter_effects.measuring import FilterSettings, measure_filter_effects
from imagenet_g.benchmark.filter_effects.records import FilterSection, FilterView, GapEstimate
from imagenet_g.benchmark.filter_effects.views import subtract_clean
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.splits.manifests import CombinedView, ThresholdView
from imagenet_g.benchmark.statistics.observations import Observation

QUICK = FilterSettings(num_blind=50)


def find_view(section: FilterSection, kind: str) -> FilterView:
    """The view of a kind."""
    return next(view for view in section.views if view.kind == kind)


def test_accuracies_of_the_filtered_view_are_those_of_a_loop() -> None:
    """Images with a score of at least the release's own threshold; the reference by the same rule."""
    models, split, reference = make_case()
    section = measure_filter_effects(models, split, reference, settings=QUICK)
    view = find_view(section, "filtered")
    for model, found in zip(models, view.models, strict=True):
        shares = []
        for evidence, one in ((model.evidence, split), (model.clean, reference)):
            assert evidence is not None
            rows = zip(
                read_scores(one),
                evidence.predictions.top5.indices[:, 0],
                evidence.predictions.labels[:, 0],
                strict=True,
            )
            right = [best == label for score, best, label in rows if score >= 0.5]
            shares.append(sum(right) / len(right))
        assert found.accuracy.value == pytest.approx(shares[0])
        assert found.gap is not None
        assert found.gap.value == pytest.approx(shares[0] - shares[1])
    assert view.reference_alike


def test_no_threshold_is_the_unfiltered_view() -> None:
    """The first point of the curve, and the first view, whatever the scores are."""
    models, split, reference = make_case(num_images=100)
    section = measure_filter_effects(models, split, reference, settings=QUICK)
    whole, first = find_view(section, "unfiltered"), section.curve[0]
    assert first.threshold is None
    assert first.num_images == whole.num_images == 100
    assert first.accuracies == pytest.approx([one.accuracy.value for one in whole.models])
    assert first.gaps == pytest.approx([one.gap.value for one in whole.models if one.gap])
    assert first.agreement.tau == whole.agreement.tau == 1.0
    assert all(one.moved == 0 for one in whole.models)
    assert whole.favour == 0.0


def test_the_release_s_own_threshold_is_a_point_of_the_curve_and_is_its_view() -> None:
    """Both are the same arithmetic."""
    models, split, reference = make_case()
    section = measure_filter_effects(models, split, reference, settings=QUICK)
    view = find_view(section, "filtered")
    point = next(one for one in section.curve if one.threshold == section.threshold == 0.5)
    assert point.num_images == view.num_images
    assert point.accuracies == pytest.approx([one.accuracy.value for one in view.models])
    assert [one.gap and one.gap.low for one in view.models] == pytest.approx(list(point.gap_lows))
    assert point.agreement.tau == view.agreement.tau


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), bound=st.floats(-2, 2))
def test_a_threshold_below_every_score_changes_nothing(seed: int, bound: float) -> None:
    """And one above keeps no image: then there is no such view."""
    models, split, _ = make_case(num_images=60, seed=seed)
    view = split.views["clip-filtered"].model_copy(update={"minimum": bound})
    section = measure_filter_effects(
        models, replace(split, views={"clip-filtered": view}), None, settings=FilterSettings(num_blind=2)
    )
    kept = sum(score >= bound for score in read_scores(split))
    filtered = [one for one in section.views if one.kind == "filtered"]
    assert [one.num_images for one in filtered] == ([kept] if kept else [])
    if kept == 60:
        assert [one.accuracy for one in filtered[0].models] == [
            one.accuracy for one in section.views[0].models
        ]


def test_tau_is_scipys_at_every_point() -> None:
    """Between the accuracies that the section itself states."""
    models, split, reference = make_case(seed=4)
    section = measure_filter_effects(models, split, reference, settings=QUICK)
    whole = section.curve[0].accuracies
    for point in section.curve:
        expected = kendalltau(whole, point.accuracies).statistic
        assert point.agreement.tau == pytest.approx(expected, nan_ok=True)


def test_a_filter_favours_itself_and_moves_up() -> None:
    """It is right where it scores high: on what it keeps it gains, while the others stay as they are."""
    models, split, reference = make_case(num_images=2000)
    section = measure_filter_effects(models, split, reference, settings=QUICK)
    view = find_view(section, "filtered")
    assert view.favour is not None
    assert view.favour == pytest.approx(0.175, abs=0.04)
    assert section.models[-1].spec == FILTER_SPEC
    assert section.models[-1].kinship.relation == "is-filter"
    assert view.models[-1].moved > 0
    assert view.agreement_without_kin is not None
    assert view.agreement_without_kin.tau == 1.0
    assert view.agreement.tau is not None
    assert view.agreement.tau < 1.0
    assert view.agreement.blind_below == pytest.approx(1 / 51)


def test_a_filter_by_chance_is_a_blind_filter() -> None:
    """Scores that have nothing to do with the answers reorder models no more than fewer images do."""
    models, split, _ = make_case(num_images=300, skills=(0.55, 0.53, 0.51, 0.5, 0.49))
    shares = []
    for seed in range(30):
        scores = np.random.default_rng(seed).random(300).tolist()
        other = replace(split, reader=ColumnReader(clip_score=scores))
        section = measure_filter_effects(models, other, None, settings=QUICK)
        found = find_view(section, "filtered").agreement.blind_below
        assert found is not None
        shares.append(found)
    assert sum(share <= 0.1 for share in shares) <= 8


def test_blind_filters_keep_as_many_of_each_class() -> None:
    """A model that knows some classes alone has the same accuracy under every blind filter."""
    _, split, _ = make_case(num_images=200)
    classes = split.rows.labels[:, 0].astype(np.int64)
    correct = np.stack([classes < 10, classes % 2 == 0])
    weights = (np.random.default_rng(0).random((1, 200)) < 0.5).astype(float)
    found = measure_blind(correct, classes, weights, num_blind=20)
    np.testing.assert_allclose(found.blind, np.broadcast_to(found.seen, found.blind.shape))


def test_the_judged_view_keeps_what_a_judge_recognises_on_both_sets() -> None:
    """By the rule of the machine-recognised share; the judge is marked and left out of the comparison."""
    models, split, reference = make_case(num_images=300)
    judge = models[1].evidence.model.spec
    chosen = FilterSettings(judges=(judge,), k=1, num_blind=20)
    section = measure_filter_effects(models, split, reference, settings=chosen)
    view = find_view(section, "judged")
    assert view.models[1].accuracy.value == 1.0
    assert view.models[1].gap is not None
    assert view.models[1].gap.value == 0.0
    assert [model.is_judge for model in section.models] == [False, True, False, False, False]
    assert view.agreement_without_kin is not None
    assert judge in view.rule


def test_the_audited_view_weights_the_valid_images() -> None:
    """Others have no weight; the ranks of paired tests are not given."""
    models, split, reference = make_case(num_images=200)
    audited = dict.fromkeys(split.rows.image_ids[:60], 2.0)
    audited |= dict.fromkeys(split.rows.image_ids[60:70], 5.0)
    section = measure_filter_effects(models, split, reference, audited=audited, settings=QUICK)
    view = find_view(section, "audited")
    predictions = models[0].evidence.predictions
    right = predictions.top5.indices[:70, 0] == predictions.labels[:70, 0]
    weights = np.array([2.0] * 60 + [5.0] * 10)
    assert view.models[0].accuracy.value == pytest.approx((weights * right).sum() / weights.sum())
    assert view.num_images == 70
    assert view.models[0].best_rank is None
    assert not view.reference_alike


@pytest.mark.parametrize(("simulated", "word"), [(True, "SIMULATED"), (None, "people or simulated")])
def test_ratings_that_no_person_gave_are_called_so(simulated: bool | None, word: str) -> None:
    """In the rule of the view, which is shown with it; unknown is said to be so."""
    models, split, _ = make_case(num_images=40)
    audited = dict.fromkeys(split.rows.image_ids[:20], 2.0)
    view = find_view(
        measure_filter_effects(models, split, None, audited=audited, simulated=simulated, settings=QUICK),
        "audited",
    )
    assert word in view.rule
    assert view.simulated is simulated


def test_scores_of_another_scorer_do_not_filter_the_reference() -> None:
    """A threshold of one model says nothing of another's scores."""
    models, split, reference = make_case()
    other = reference.scorers["own"].model_copy(update={"weights_sha256": "e" * 64})
    section = measure_filter_effects(
        models, split, replace(reference, scorers={"own": other}), settings=QUICK
    )
    assert find_view(section, "filtered").reference_alike is False


def test_an_image_without_a_score_leaves_no_filtered_view() -> None:
    """Else it would drop out in silence."""
    models, split, _ = make_case(num_images=40)
    scores: list[float | None] = [*read_scores(split)[:-1], None]
    section = measure_filter_effects(
        models, replace(split, reader=ColumnReader(clip_score=scores)), None, settings=QUICK
    )
    assert [view.kind for view in section.views] == ["unfiltered"]
    assert section.curve == ()
    assert any("empty values" in line for line in section.missing)


def test_a_model_without_the_reference_leaves_no_gaps() -> None:
    """Gaps of some models alone could not be compared."""
    models, split, reference = make_case(num_images=40)
    section = measure_filter_effects([*models[:-1], drop_clean(models[-1])], split, reference, settings=QUICK)
    assert section.reference is None
    assert all(one.gap is None for view in section.views for one in view.models)


def test_missing_views_are_named_with_the_reason() -> None:
    """And none is left out without a word."""
    models, split, reference = make_case(num_images=40)
    section = measure_filter_effects(models, split, reference, settings=QUICK)
    assert section.missing == (
        "No judged view: no model was named as a judge.",
        "No audited view: there is no audit by people.",
    )


def test_the_filter_is_the_one_that_goes_by_the_class() -> None:
    """A view of safe images has a score too, and comes first by name; a combined one gives its score."""
    models, split, _ = make_case(num_images=40)
    safe = ThresholdView(column="safe_probability.nsfw", minimum=0.8)
    both = CombinedView(views=(safe, split.views["clip-filtered"]))
    other = replace(split, views={"a-safe": safe, "both": both})
    section = measure_filter_effects(models, other, None, settings=QUICK)
    assert (section.column, section.threshold) == (COLUMN, 0.5)


def test_the_filter_of_a_combined_view_does_not_depend_on_the_order_of_its_rules() -> None:
    """Named or not, and with the score of safety behind that of the class."""
    models, split, _ = make_case(num_images=40)
    safe = ThresholdView(column="safe_probability.nsfw", minimum=0.8)
    both = CombinedView(views=(split.views["clip-filtered"], safe))
    named = replace(QUICK, view="both")
    section = measure_filter_effects(models, replace(split, views={"both": both}), None, settings=named)
    assert (section.column, section.threshold) == (COLUMN, 0.5)


def test_a_model_that_is_given_twice_counts_once() -> None:
    """Named as a judge and among the results, it would tie with itself."""
    models, split, reference = make_case(num_images=40)
    once = measure_filter_effects(models, split, reference, settings=QUICK)
    assert measure_filter_effects([*models, *models[:2]], split, reference, settings=QUICK) == once


def test_the_section_is_read_back_as_it_was_written() -> None:
    """No number in it is infinite."""
    models, split, reference = make_case(num_images=40)
    section = measure_filter_effects(models, split, reference, settings=QUICK)
    assert FilterSection.model_validate_json(section.model_dump_json()) == section


def test_bad_inputs_are_refused_with_a_reason() -> None:
    """A judge that is no model, a view that is no filter, other images, no model at all."""
    models, split, reference = make_case(num_images=40)
    with pytest.raises(UnknownNameError, match="judge"):
        measure_filter_effects(models, split, reference, settings=FilterSettings(judges=("timm:nobody",)))
    with pytest.raises(UnknownNameError, match="view by a score"):
        measure_filter_effects(models, split, reference, settings=FilterSettings(view="imagenet-r"))
    with pytest.raises(DataError, match="other images"):
        measure_filter_effects(models, reference, None)
    with pytest.raises(InputError, match="no answers"):
        measure_filter_effects([], split, reference)


def test_a_gap_without_an_interval_of_its_parts_has_none() -> None:
    """Not one from 0."""
    unbounded = Estimate(value=0.5, low=None, high=None, method="none")
    clean = Observation(top1=0.75, n=4, right=np.array([3.0]), total=np.array([4.0]))
    assert subtract_clean(unbounded, clean) == GapEstimate(value=-0.25, low=None, high=None)
