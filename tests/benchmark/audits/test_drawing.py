"""The sample is stratified, seeded and blind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from audit_cases import make_population, make_sample

from imagenet_g.benchmark.audits.drawing import Population, draw_sample, draw_systematic
from imagenet_g.benchmark.audits.records import AuditItem, AuditSample
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError


def make_reference(sizes: Mapping[int, int], also: Mapping[int, int] | None = None) -> Population:
    """Real images."""
    return make_population(sizes, ref="imagenet-val", content="2", also=also)


def take(sample: AuditSample, role: str) -> list[AuditItem]:
    """The items of one role."""
    return [item for item in sample.items if item.role == role]


def test_each_class_gets_its_share_rounded_down_or_up() -> None:
    """Classes of 10, 20 and 30 images, 13 drawn."""
    sizes = {3: 10, 7: 20, 9: 30}
    for seed in range(20):
        sample = draw_sample(make_population(sizes), None, num_images=13, control_share=0, seed=seed)
        for index, size in sizes.items():
            drawn = sample.strata[load_classes()[index].wnid].drawn
            assert abs(drawn - 13 * size / 60) < 1


def test_every_image_is_drawn_with_the_same_chance() -> None:
    """Also where there are more classes than images drawn; chi-square by scipy."""
    from scipy.stats import chisquare

    classes = np.repeat(np.arange(7, dtype=np.int16), [1, 2, 3, 4, 5, 6, 7])
    rng = np.random.default_rng(0)
    counts = np.zeros(len(classes))
    for _ in range(4000):
        counts[draw_systematic(classes, 5, rng)] += 1
    assert chisquare(counts).pvalue > 0.001


def test_weights_add_up_to_the_images_of_the_split() -> None:
    """Each image drawn stands for as many others."""
    weights = [item.weight for item in take(make_sample(), "generated")]
    assert sum(weight or 0 for weight in weights) == pytest.approx(60)


def test_the_same_seed_draws_the_same_sample_and_another_one_does_not() -> None:
    """Order included."""
    assert make_sample(seed=4) == make_sample(seed=4)
    assert make_sample(seed=4).items != make_sample(seed=5).items


def test_controls_are_of_the_class_or_of_another_one() -> None:
    """As many of either kind as the share says."""
    sample = make_sample(12, 3)
    assert all(item.own_wnid == item.wnid for item in take(sample, "right control"))
    assert all(item.own_wnid != item.wnid for item in take(sample, "wrong control"))
    assert Counter(item.role for item in sample.items) == {
        "generated": 12, "right control": 3, "wrong control": 3,
    }  # fmt: skip


def test_a_wrong_control_is_never_asked_about_another_of_its_labels() -> None:
    """An image of class 3 may be called 7 as well."""
    split = make_population(dict.fromkeys((3, 7, 9), 20))
    reference = make_reference(dict.fromkeys((3, 7, 9), 50), {3: 7})
    wnids = [info.wnid for info in load_classes()]
    sample = draw_sample(split, reference, num_images=60, control_share=1.0, seed=0)
    asked = {(item.own_wnid, item.wnid) for item in take(sample, "wrong control")}
    assert (wnids[3], wnids[7]) not in asked
    assert (wnids[3], wnids[9]) in asked


def test_no_real_image_is_a_control_twice() -> None:
    """A rater would know it."""
    sample = make_sample(20, 20)
    controls = [item.image_id for item in sample.items if item.role != "generated"]
    assert len(set(controls)) == len(controls) == 40


def test_ids_and_order_do_not_show_the_role() -> None:
    """The ranks of the controls' ids and places are spread over the whole."""
    from scipy.stats import mannwhitneyu

    split = make_population(dict.fromkeys(range(50), 20))
    reference = make_reference(dict.fromkeys(range(50), 20))
    sample = draw_sample(split, reference, num_images=600, control_share=0.2, seed=0)
    ids = sorted(item.item for item in sample.items)
    places = list(range(len(ids)))
    for ranks in ([ids.index(item.item) for item in sample.items], places):
        drawn = [rank for rank, item in zip(ranks, sample.items, strict=True) if item.role == "generated"]
        others = sorted(set(places) - set(drawn))
        assert mannwhitneyu(np.array(drawn), np.array(others)).pvalue > 0.001


@pytest.mark.parametrize(
    ("num", "share", "message"),
    [
        (61, 0.1, "has 60 images"),
        (10, 1.5, "is no share"),
        (10, -0.1, "is no share"),
        (60, 0.9, "108 controls are wanted and 'imagenet-val' has 60"),
    ],
)
def test_what_cannot_be_drawn_is_refused(num: int, share: float, message: str) -> None:
    """With what can."""
    split = make_population(dict.fromkeys((3, 7, 9), 20))
    reference = make_reference(dict.fromkeys((3, 7, 9), 20))
    with pytest.raises(InputError, match=message):
        draw_sample(split, reference, num_images=num, control_share=share, seed=0)


def test_controls_from_the_split_itself_are_refused() -> None:
    """They are no real images."""
    split = make_population(dict.fromkeys((3, 7), 20))
    with pytest.raises(InputError, match="images of the split itself"):
        draw_sample(split, split, num_images=4, control_share=0.5, seed=0)


def test_a_split_of_one_class_cannot_have_wrong_controls() -> None:
    """There is no other class to ask about."""
    with pytest.raises(InputError, match="has one class"):
        draw_sample(
            make_reference({3: 9}), make_population({3: 9}),
            num_images=4, control_share=0.5, seed=0,
        )  # fmt: skip
