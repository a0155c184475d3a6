"""Two models' answers: what is counted, and that honest kin are not accused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from kin_answers import draw_kin

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.leaderboard.validation.likeness.pairs import compute_likeness, find_elsewhere, match_fives
from imagenet_g.leaderboard.validation.likeness.stitching import MAX_SOURCES, MIN_GAIN, explain_rows
from imagenet_g.leaderboard.validation.likeness.verdicts import ROWS, WRONG, find_low, judge_pair, judge_rows


@pytest.mark.parametrize("shared", [0.5, 0.8, 0.9])
def test_of_25_honest_kin_no_pair_is_accused(shared: float) -> None:
    """300 pairs, of which the closest stays far from the thresholds."""
    answers, labels = draw_kin(25, shared=shared)
    pairs = [compute_likeness(one, other, labels) for one, other in combinations(answers, 2)]
    assert len(pairs) == 300
    assert [found for found in pairs if judge_pair(found, "A", "mini/real", kin=False)] == []
    assert max(found.same_five / found.num_images for found in pairs) < 0.1 * ROWS[0]
    assert max(found.same_wrong / found.both_wrong for found in pairs) < 0.8 * WRONG[0]


def test_of_25_honest_kin_none_is_stitched_of_others() -> None:
    """Three of 24 explain no more rows than chance gives."""
    answers, _ = draw_kin(25, shared=0.9)
    masks = [np.packbits(match_fives(answers[0], other)) for other in answers[1:]]
    explained = explain_rows(masks, 1000)
    assert judge_rows(explained.num_rows, 1000, ["A"], "mini/real", kin=False) is None


def test_counts_are_those_of_a_loop_over_images() -> None:
    """An independent count, image by image."""
    (ours, theirs), labels = draw_kin(2, shared=0.9, num_images=300)
    found = compute_likeness(ours, theirs, labels)
    first = five = wrong = same = 0
    for one, other, (label,) in zip(
        ours.indices.tolist(), theirs.indices.tolist(), labels.tolist(), strict=True
    ):
        first += one[0] == other[0]
        five += one == other
        wrong += label not in (one[0], other[0])
        same += label != one[0] == other[0]
    counted = (found.same_first, found.same_five, found.both_wrong, found.same_wrong)
    assert counted == (first, five, wrong, same)


def test_rows_under_other_images_are_found_whatever_their_order() -> None:
    """Against a set of rows; a probability beyond the bound is another row."""
    (ours,), _ = draw_kin(1, shared=0.5, num_images=200)
    order = np.random.default_rng(0).permutation(200)
    assert find_elsewhere(ours, ours.take(order)).all()
    other = TopFive(ours.indices, (ours.probabilities + 0.2).astype(np.float32))
    # Few classes in 5! orders: no two images have the same five here.
    assert len({tuple(row) for row in ours.indices.tolist()}) == 200
    assert not find_elsewhere(ours, other).any()


def test_a_system_that_names_one_class_is_no_copy_of_one_that_does_too() -> None:
    """Right on the same images is not the same five answers."""
    indices = np.full((1000, 5), -1, dtype=np.int16)
    indices[:, 0] = np.arange(1000)
    one = TopFive(indices, np.zeros((1000, 5), dtype=np.float32))
    found = compute_likeness(one, one, indices[:, :1])
    assert (found.same_first, found.same_five, found.elsewhere) == (1000, 0, 0)
    assert judge_pair(found, "A", "mini/real", kin=False) is None


def test_few_images_accuse_nobody() -> None:
    """Three of three are no evidence: the lower end of the interval counts."""
    assert find_low(3, 3) < 0.5 < find_low(30, 30)


def test_a_source_that_explains_a_few_rows_more_is_no_source() -> None:
    """It would be named beside the one that was copied; and no more than a few are named."""
    rng = np.random.default_rng(0)
    copied = np.ones(1000, dtype=bool)
    copied[: int(1000 * MIN_GAIN) - 1] = False
    assert explain_rows([np.packbits(~copied), np.packbits(copied)], 1000).sources == (1,)
    parts = rng.integers(10, size=1000)
    assert len(explain_rows([np.packbits(parts == n) for n in range(10)], 1000).sources) == MAX_SOURCES
