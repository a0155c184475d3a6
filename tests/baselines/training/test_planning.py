"""Plans before a run: images and steps of every shipped recipe, and what a step costs."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
from noisy_models import run_command
from recipe_cases import NUM_CLASSES, load_tiny, write_recipe

from imagenet_g.baselines.recipes.specs import list_recipes, list_runs, load_recipe
from imagenet_g.baselines.training.measuring import measure_step
from imagenet_g.baselines.training.planning import estimate_gpus, format_plan, plan_recipe_mix
from imagenet_g.benchmark.classes import load_class_set, load_classes
from imagenet_g.benchmark.splits.references import parse_split_ref


@pytest.mark.parametrize("name", list_recipes())
def test_a_shipped_recipe_can_be_planned_where_its_images_are_not(name: str) -> None:
    """Its architectures, splits and views exist, and each mix has images and steps."""
    recipe = load_recipe(name)
    for model in recipe.models:
        start = model.start or ""
        tag = start.removeprefix("tag:") if start.startswith("tag:") else None
        full = model.architecture if tag is None else f"{model.architecture}.{tag}"
        assert timm.is_model(model.architecture)
        assert tag is None or timm.get_pretrained_cfg(full, allow_unregistered=False)
    for source in recipe.sources:
        parse_split_ref(source.ref)
    for run in list_runs(recipe, models=[recipe.models[0].name], seeds=[recipe.seeds[0]]):
        plan = plan_recipe_mix(run, data={}, cache=None)
        assert plan.images is not None
        assert sum(plan.images.values()) >= len(load_class_set(recipe.class_set).indices)
        assert plan.steps >= 10


def test_what_a_paper_prints_is_in_its_recipe() -> None:
    """Batch, epochs, rate and decay of Bansal and Grover; what they do not print is marked."""
    for name, epochs in (("imagenet-g-1k", 40), ("imagenet-g-100", 88)):
        recipe = load_recipe(name)
        assert (recipe.epochs, recipe.batch_size) == (epochs, 512)
        assert (recipe.optimizer.name, recipe.optimizer.learning_rate) == ("sgd", 0.5)
        assert (recipe.optimizer.weight_decay, recipe.rate.name) == (5e-5, "cyclic")
        assert len(recipe.models) == 5
        assert {"label_smoothing", "optimizer.momentum", "resolution.size_px"} <= set(recipe.not_printed)
    six = load_recipe("six-prompts")
    assert {"optimizer.learning_rate", "optimizer.weight_decay"} <= set(six.not_printed)
    assert len(load_recipe("ood-8-shot").seeds) >= 5


def test_every_recipe_of_a_paper_has_a_twin_for_a_laptop() -> None:
    """Of a recipe for one model alone, the twin is that of the others."""
    names = set(list_recipes())
    large = {name for name in names if not name.endswith("-mini")}
    assert large, "the search itself found nothing"
    assert {name.removesuffix("-resnext101") + "-mini" for name in large} <= names


def test_the_operations_and_the_memory_of_a_step_are_those_of_its_layers(tmp_path: Path) -> None:
    """A convolution network's operations are counted forth and back; more views cost more."""
    recipe = load_tiny(tmp_path)
    wnids = tuple(load_classes()[index].wnid for index in load_class_set(recipe.class_set).indices)
    cost = measure_step(recipe, recipe.models[0], wnids, device="cpu")
    model = timm.create_model("test_convnext", num_classes=NUM_CLASSES)
    parameters = sum(value.numel() for value in model.parameters())
    assert cost.parameters == parameters
    # Weights twice, gradients and momentum, four bytes each.
    assert cost.state_bytes == pytest.approx(4 * 4 * parameters, rel=0.01)
    head = 3 * 2 * model.get_classifier().weight.numel()
    assert cost.operations > head
    assert cost.kept_bytes > 3 * 32 * 32 * 4
    assert cost.views == (32,)
    assert cost.seconds > 0


def test_twice_as_many_gpus_take_half_the_time(tmp_path: Path) -> None:
    """By the estimate, which says that it is one."""
    recipe = load_tiny(tmp_path)
    wnids = tuple(str(number) for number in range(NUM_CLASSES))
    cost = measure_step(recipe, recipe.models[0], wnids, device="cpu")
    four, eight = (estimate_gpus(cost, recipe, number, device="cpu") for number in (4, 8))
    assert {name: four[name] / eight[name] for name in four} == {"A100": 2.0, "H100": 2.0}


def test_a_dry_run_counts_the_images_that_are_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And trains nothing."""
    words = ["baselines", "train", str(write_recipe(tmp_path)), "--dry-run", "--device", "cpu"]
    assert run_command(*words, "--gpus", "2", "--cache", str(tmp_path / "cache")) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "half: real 45 + drawn 45 = 90 images (counted), 1 to 3 of a class; 16 steps of 6" in said
    assert "not printed: optimizer.learning_rate; used 0.02: a test" in said
    assert "2 x A100 under 1 min" in said
    assert not list(tmp_path.rglob("checkpoint*"))


@pytest.mark.parametrize(
    ("precision", "device", "warned"), [("fp16", "cpu", 1), ("fp32", "cpu", 0), ("fp16", "cuda", 0)]
)
def test_a_time_in_fp16_on_a_cpu_says_that_it_is_no_measure(
    precision: str, device: str, warned: int, tmp_path: Path
) -> None:
    """Years on a processor are a fact about fp16 there, and not about the recipe."""
    recipe = load_tiny(tmp_path).model_copy(update={"precision": precision})
    said = format_plan(recipe, [], {}, num_runs=1, gpus=1, device=device)
    assert said.count("Most CPUs compute fp16 far slower") == warned
