"""Recipes: strict, and open about what a paper does not print."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from recipe_cases import load_tiny, write_recipe

from imagenet_g.baselines.recipes.rates import OptimizerSpec, RateSpec, find_share, make_optimizer
from imagenet_g.baselines.recipes.specs import list_runs, load_recipe
from imagenet_g.benchmark.errors import InputError, UnknownNameError


def test_what_is_not_printed_is_used_and_kept(tmp_path: Path) -> None:
    """The value in its place, and the reason by its place."""
    recipe = load_tiny(tmp_path)
    assert recipe.optimizer.learning_rate == 0.02
    assert {place: mark.why for place, mark in recipe.not_printed.items()} == {
        "optimizer.learning_rate": "a test"
    }


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('why = "a test" }', 'because = "a test" }', "must have the three keys"),
        ('printed = "not printed"', 'printed = "yes"', "must have the three keys"),
        ("average =", "averages =", "averages"),
        ("proportions = { real = 1.0 }", "proportions = { reel = 1.0 }", "names 'reel'"),
        ("real = 0.5, drawn", "real = 0.6, drawn", "sum to 1.1"),
        ("seeds = [0, 1]", "seeds = [1, 1]", "seeds lists '1' twice"),
        ('name = "flip"', 'name = "flop"', "Unknown augmentation 'flop'. Did you mean 'flip'"),
        ('name = "flip"', 'name = "flip", odds = 2', "odds"),
        ("steps = 16", "steps = 16\nepochs = 2", "exactly one of epochs and steps"),
        ("{ real = 1.0 } }", "{ real = 1.0 }, per_class = { real = 1 } }", "exactly one of proportions"),
    ],
)
def test_a_recipe_that_breaks_the_contract_is_one_message(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    """Each names the key."""
    path = write_recipe(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"tiny\.toml.*cannot be used") as caught:
        load_recipe(str(path))
    assert words in str(caught.value)


def test_runs_are_all_combinations_that_were_chosen(tmp_path: Path) -> None:
    """In the recipe's order."""
    recipe = load_tiny(tmp_path)
    assert [run.name for run in list_runs(recipe, mixes=["real"])] == [
        "small/real/seed-0", "small/real/seed-1",
    ]  # fmt: skip
    assert len(list_runs(recipe)) == 4
    with pytest.raises(UnknownNameError, match="seed '7' of 'tiny'"):
        list_runs(recipe, seeds=[7])


def test_the_cosine_is_that_of_pytorch() -> None:
    """Without a rise, step by step."""
    spec = RateSpec(name="cosine", floor=0.1)
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.1)
    for step in range(10):
        assert find_share(spec, step, 10) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()


def test_norms_and_biases_do_not_decay_unless_they_are_to() -> None:
    """One step of SGD without a gradient moves only what decays."""
    for decay_norms in (False, True):
        module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.LayerNorm(2))
        spec = OptimizerSpec(name="sgd", learning_rate=0.1, weight_decay=0.5, decay_norms=decay_norms)
        optimizer = make_optimizer(spec, module)
        before = {name: value.clone() for name, value in module.named_parameters()}
        for parameter in module.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        moved = {name for name, value in module.named_parameters() if not torch.equal(value, before[name])}
        # The bias of a norm is 0, which no decay moves.
        assert moved == ({"0.weight", "0.bias", "1.weight"} if decay_norms else {"0.weight"})
