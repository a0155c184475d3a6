"""`imagenet-g baselines train` for a recipe of models, mixes and seeds."""

from __future__ import annotations

import tomllib
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from imagenet_g.baselines.recipes.specs import RecipeRun, RecipeSpec, list_recipes, list_runs, load_recipe
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.shipped_specs import parse_toml
from imagenet_g.benchmark.terminal.text import print_block, print_line


def is_recipe(name_or_path: str) -> bool:
    """Whether a name or file is a recipe with mixes, and no list of small classifiers of one data set."""
    if not name_or_path.endswith(".toml"):
        return name_or_path in list_recipes()
    try:
        return "mixes" in parse_toml(Path(name_or_path).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        # What is wrong with it is said by whatever reads it.
        return False


def run_recipe(arguments: Namespace) -> int:
    """Train the chosen runs of a recipe one after the other."""
    recipe = replace_sources(load_recipe(arguments.recipe), arguments.source)
    runs = list_runs(recipe, models=arguments.model, mixes=arguments.mix, seeds=arguments.seed)
    if arguments.dry_run:
        return print_plan(recipe, runs, arguments)
    if arguments.out is None:
        raise InputError("Name the folder of the models: --out DIR.")
    return train_runs(recipe, runs, arguments)


def train_runs(recipe: RecipeSpec, runs: Sequence[RecipeRun], arguments: Namespace) -> int:
    """Train runs, and print the folder of each."""
    import torch

    from imagenet_g.baselines.training.crew import join_processes
    from imagenet_g.baselines.training.run import RecipeContext, train_run
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.devices import choose_device
    from imagenet_g.benchmark.environment import choose_workers
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.storage import validate_writable
    from imagenet_g.benchmark.tracking.trackers import open_tracker

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = choose_device(arguments.device)
    tracker = None if arguments.track is None else open_tracker(arguments.track)
    validate_start(recipe, arguments.model)
    validate_writable(arguments.out)
    with join_processes(device) as processes:
        context = RecipeContext(
            out=arguments.out,
            data=parse_data_pairs(arguments.data),
            cache=choose_cache_folder(arguments.cache),
            cache_limit=None if arguments.cache_limit is None else int(arguments.cache_limit * 1e9),
            device=device,
            workers=arguments.workers or choose_workers(device, processes=processes.count),
            processes=processes,
            tracker=tracker,
            say=say if processes.index == 0 else ignore,
        )
        for run in runs:
            folder = train_run(context, run)
            if processes.index == 0:
                print_line(folder)
    return 0


def print_plan(recipe: RecipeSpec, runs: Sequence[RecipeRun], arguments: Namespace) -> int:
    """What the chosen runs would take; nothing is fetched or trained."""
    import torch

    from imagenet_g.baselines.training.measuring import measure_step
    from imagenet_g.baselines.training.planning import format_plan, plan_recipe_mix
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.classes import load_class_set, load_classes
    from imagenet_g.benchmark.devices import choose_device
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = choose_device(arguments.device)
    data, cache = parse_data_pairs(arguments.data), choose_cache_folder(arguments.cache)
    # One run of each mix and of each model says all that differs.
    by_mix = {run.mix.name: run for run in reversed(runs)}
    by_model = {run.model.name: run.model for run in reversed(runs)}
    plans = [plan_recipe_mix(run, data=data, cache=cache) for run in reversed(by_mix.values())]
    wnids = tuple(load_classes()[index].wnid for index in load_class_set(recipe.class_set).indices)
    costs = {
        name: measure_step(recipe, model, wnids, device=device) for name, model in reversed(by_model.items())
    }
    text = format_plan(recipe, plans, costs, num_runs=len(runs), gpus=arguments.gpus, device=device)
    print_block(text)
    return 0


def replace_sources(recipe: RecipeSpec, pairs: Sequence[str]) -> RecipeSpec:
    """The recipe with other splits for some of its sources.

    Raises:
        InputError: A pair is not NAME=REF.
        UnknownNameError: The recipe has no source of that name.
    """
    refs: dict[str, str] = {}
    for pair in pairs:
        name, separator, ref = pair.partition("=")
        if not (separator and name and ref):
            raise InputError(f"Malformed --source '{pair}'. Use NAME=REF, such as real=folder:PATH.")
        refs[name] = ref
    known = [source.name for source in recipe.sources]
    if strange := next((name for name in refs if name not in known), None):
        raise UnknownNameError("source", strange, known, where=f"of '{recipe.name}'")
    if copied := next((source for source in recipe.sources if source.copy_of and source.name in refs), None):
        raise InputError(
            f"'{copied.name}' has the images of '{copied.copy_of}'; name that one with --source."
        )
    sources = tuple(
        # A copy follows its original, or a model would learn from other images changed than as they are.
        source.model_copy(update={"ref": refs.get(source.copy_of or source.name, source.ref)})
        for source in recipe.sources
    )
    return recipe.model_copy(update={"sources": sources})


def validate_start(recipe: RecipeSpec, chosen: list[str]) -> None:
    """Build each model once, so that a misspelt architecture is refused before the data are read.

    Raises:
        ImagenetGError: As `start_model`.
    """
    from imagenet_g.baselines.training.starting import start_model
    from imagenet_g.benchmark.classes import load_class_set, load_classes

    wnids = [load_classes()[index].wnid for index in load_class_set(recipe.class_set).indices]
    for model in recipe.models:
        if not chosen or model.name in chosen:
            start_model(model, wnids, seed=0)


def say(text: str) -> None:
    """A line of progress on stderr."""
    # Not stdout, which holds the paths of the finished models and may be piped.
    print_line(text, error=True)


def ignore(text: str) -> None:
    """Nothing: the first process speaks for all."""
