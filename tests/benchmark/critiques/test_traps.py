"""The table of known traps, and which of them a split has."""

from __future__ import annotations

import pytest

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.critiques.traps import count_prompts_with, load_known_traps, measure_traps
from imagenet_g.generation.prompts.recipes import load_hypernyms

NAMED = {
    "papillon": "several meanings",
    "wing": "several meanings",
    "green mamba": "several meanings",
    "walking stick": "several meanings",
    "iron": "several meanings",
    "toy dog": "misleading hypernym",
    "shed": "misleading hypernym",
    "sarong": "nudity",
    "ski mask": "nudity",
    "fiddler crab": "fine-grained",
    "rock crab": "fine-grained",
}


def test_the_table_has_the_traps_of_the_papers() -> None:
    """Each with its source."""
    assert {trap.word: trap.kind for trap in load_known_traps()} == NAMED
    assert all("arXiv" in trap.source for trap in load_known_traps())


@pytest.mark.parametrize("trap", load_known_traps(), ids=lambda trap: trap.word)
def test_each_word_belongs_to_its_class(trap: object) -> None:
    """To a lemma of it, or to the hypernym that prompts name."""
    from imagenet_g.benchmark.critiques.traps import KnownTrap

    assert isinstance(trap, KnownTrap)
    info = load_classes()[load_index_by_wnid()[trap.wnid]]
    words = load_hypernyms()[trap.wnid] if trap.kind == "misleading hypernym" else info.lemmas
    assert trap.word in words


def test_a_trap_whose_class_has_no_image_is_left_out() -> None:
    """The split is judged, and not the table."""
    section = measure_traps({908: 3, 0: 5, 606: 0}, None)
    assert [(one.trap.word, one.num_images, one.num_prompts) for one in section.found] == [("wing", 3, None)]
    assert section.num_known == len(NAMED)


def test_images_without_prompts_are_not_prompts_without_the_word() -> None:
    """Unknown is null."""
    assert measure_traps({908: 3}, None).found[0].num_prompts is None
    assert measure_traps({908: 3}, {}).found[0].num_prompts == 0


def test_a_word_inside_another_does_not_count() -> None:
    """Of a wing, a swing and an Iron."""
    assert count_prompts_with("wing", ["a wing", "a swing", "wings", "WING."]) == 2
