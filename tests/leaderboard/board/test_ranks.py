"""Rank ranges: what they compare, and whether they hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from submission_cases import ROOT

from imagenet_g.benchmark.statistics.paired import compare_pairs, compute_rank_ranges
from imagenet_g.leaderboard.board.answer_tables import compute_right, list_answering_models
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.board.rank_simulation import WORLDS, RankWorld, draw_answers, simulate_ranks
from imagenet_g.leaderboard.board.ranks import RankedAnswers, RankRange, rank_answers

CLASSES = np.repeat(np.arange(50), 20)
IDS = tuple(f"image-{number}" for number in range(len(CLASSES)))
SEED = 20261128


def make_answers(top1: float, seed: int, *, rows: slice = slice(None), outputs: int = 1000) -> RankedAnswers:
    """A model that is right by chance."""
    right = np.random.default_rng(seed).random(len(CLASSES)) < top1
    return RankedAnswers(image_ids=IDS[rows], classes=CLASSES[rows], right=right[rows], outputs=outputs)


def test_clearly_different_models_have_one_rank_each() -> None:
    """Best first, in whatever order they are given."""
    accuracies = {"worst": 0.3, "best": 0.9, "mid": 0.6}
    found = rank_answers({name: make_answers(top1, len(name)) for name, top1 in accuracies.items()})
    assert found == {"best": RankRange(1, 1), "mid": RankRange(2, 2), "worst": RankRange(3, 3)}


def test_the_same_answers_share_every_rank() -> None:
    """Of two rows of one model, neither is better."""
    same = make_answers(0.6, 1)
    found = rank_answers({"one": same, "copy": same, "worse": make_answers(0.2, 2)})
    assert found == {"one": RankRange(1, 2), "copy": RankRange(1, 2), "worse": RankRange(3, 3)}


def test_a_single_model_is_first() -> None:
    """Of one."""
    assert rank_answers({"only": make_answers(0.5, 1)}) == {"only": RankRange(1, 1)}


def test_no_model_has_no_rank() -> None:
    """An empty board is no error."""
    assert rank_answers({}) == {}


def test_the_order_of_a_file_changes_no_rank() -> None:
    """Images are matched by their id."""
    models = {
        name: make_answers(top1, seed) for seed, (name, top1) in enumerate({"a": 0.7, "b": 0.6}.items())
    }
    order = np.random.default_rng(SEED).permutation(len(IDS))
    one, ids = models["b"], tuple(np.array(IDS)[order].tolist())
    mixed = replace(one, image_ids=ids, classes=one.classes[order], right=one.right[order])
    assert rank_answers({**models, "b": mixed}) == rank_answers(models)


@pytest.mark.parametrize(
    "other",
    [make_answers(0.9, 9, rows=slice(0, 500)), make_answers(0.9, 9, outputs=104)],
    ids=["images", "classes"],
)
def test_a_model_of_other_images_or_classes_is_compared_with_nobody(other: RankedAnswers) -> None:
    """It stays out, and the ranks of the others are as without it."""
    models = {"a": make_answers(0.7, 1), "b": make_answers(0.3, 2)}
    assert rank_answers({"other": other, **models}) == rank_answers(models)


def test_of_two_groups_of_one_size_the_one_with_more_images_is_ranked() -> None:
    """Whichever was submitted first."""
    part, whole = make_answers(0.7, 1, rows=slice(0, 500)), make_answers(0.3, 2)
    assert set(rank_answers({"part": part, "whole": whole})) == {"whole"}
    assert set(rank_answers({"whole": whole, "part": part})) == {"whole"}


def test_verified_models_are_ranked_before_recomputed_ones() -> None:
    """However many answers those have right; within a level the better one is first."""
    accuracies = {"honest": 0.6, "labels as answers": 1.0, "weaker": 0.3, "plain": 0.5}
    answers = {name: make_answers(top1, len(name)) for name, top1 in accuracies.items()}
    found = rank_answers(answers, {"honest": 0, "weaker": 0, "labels as answers": 1, "plain": 1})
    assert found == {
        "honest": RankRange(1, 1),
        "weaker": RankRange(2, 2),
        "labels as answers": RankRange(3, 3),
        "plain": RankRange(4, 4),
    }


@pytest.mark.parametrize("split", ["mini/renditions", "mini/sd-l", "mini-v2/sd-i"])
def test_ranks_of_the_board_follow_from_its_answers(board: Board, split: str) -> None:
    """The stored answers, tested again."""
    answers = board.load_answers(split)
    assert answers is not None
    models = list_answering_models(answers)
    right = np.stack([compute_right(answers, model) for model in models])
    better = compare_pairs(right, [labels[0] for labels in answers["labels"]]).find_better()
    rows = board.scores[board.scores["split"] == split].set_index("model_id").loc[list(models)]
    best, worst = compute_rank_ranges(better)
    assert rows["rank_best"].tolist() == best.tolist()
    assert rows["rank_worst"].tolist() == worst.tolist()


def test_a_filtered_view_is_ranked_on_its_own_images(board: Board) -> None:
    """Every model of the whole split has a range there too."""
    rows = board.scores[board.scores["split"] == "mini-v2/sd-i:clip-filtered"]
    assert len(rows) == 3
    assert rows["rank_best"].notna().all()
    assert set(rows["unranked"]) == {""}


@pytest.mark.parametrize("own_sd", [0.5, 0.0], ids=["interaction", "none"])
@pytest.mark.parametrize(("num_classes", "images"), [(20, 10), (200, 5)])
def test_equal_models_are_rarely_separated(num_classes: int, images: int, own_sd: float) -> None:
    """On at most 6 % of boards; 400 boards know a share of 5 % to within 3.3 points (3 standard errors)."""
    world = RankWorld(num_classes=num_classes, images_per_class=images, own_sd=own_sd)
    assert simulate_ranks(world, num_boards=400, seed=SEED).separated <= 0.06


def test_true_ranks_of_unequal_models_lie_in_their_ranges() -> None:
    """On 95 % of boards, which separate something."""
    world = RankWorld(num_classes=200, images_per_class=5, ability_sd=0.5)
    found = simulate_ranks(world, num_boards=200, seed=SEED)
    assert found.held >= 0.95
    assert found.pairs > 0.3


def test_models_of_one_ability_are_equally_good_in_the_simulation() -> None:
    """And an ability of 1 is right on about 70 % of images."""
    world = RankWorld(num_classes=2000, images_per_class=5, num_models=4)
    classes = np.repeat(np.arange(2000), 5)
    right = draw_answers(world, np.zeros(4), classes, np.random.default_rng(SEED)).mean(axis=1)
    assert right == pytest.approx(0.68, abs=0.05)
    assert np.ptp(right) < 0.03


def test_the_readme_has_every_world_that_is_simulated() -> None:
    """And equal models are separated on at most 6 % of its boards, ranks held on at least 95 %."""
    text = (ROOT.parent / "leaderboard" / "README.md").read_text(encoding="utf-8")
    table = dict(line.strip("| ").split(" | ", 1) for line in text.splitlines() if line.startswith("| 20 "))
    assert list(table) == list(WORLDS)
    for name, cells in table.items():
        separated, held, *_ = map(float, cells.split(" | "))
        assert held >= 95
        assert separated <= 6 or WORLDS[name].ability_sd
