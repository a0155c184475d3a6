"""`imagenet-g baselines train`: classifiers by a recipe, and small ones for a line to be fitted through."""

from __future__ import annotations

from argparse import Namespace

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_block, print_line


def run_train(arguments: Namespace) -> int:
    """Train a recipe's models one after the other, or list the recipes."""
    from imagenet_g.baselines.classifiers.specs import list_recipes
    from imagenet_g.baselines.commands.train_recipe import is_recipe, run_recipe
    from imagenet_g.baselines.recipes import specs

    if arguments.recipe is None:
        print_block("\n".join((*list_recipes(), *specs.list_recipes())))
        return 0
    if is_recipe(arguments.recipe):
        return run_recipe(arguments)
    if arguments.dry_run or arguments.mix or arguments.seed or arguments.source:
        raise InputError(
            f"'{arguments.recipe}' has one data set and one seed; --dry-run, --mix, --seed and --source "
            "are for recipes with mixes."
        )
    return run_small(arguments)


def run_small(arguments: Namespace) -> int:
    """Train small classifiers for a line to be fitted through."""
    from imagenet_g.baselines.classifiers.specs import load_recipe

    recipe = load_recipe(arguments.recipe)
    if arguments.out is None:
        raise InputError("Name the folder of the models: --out DIR.")
    models = recipe.choose_models(arguments.model)

    import torch

    from imagenet_g.baselines.classifiers.data import load_training_images
    from imagenet_g.baselines.classifiers.train import ClassifierTraining, make_model, train_classifier
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.classes import load_class_set
    from imagenet_g.benchmark.devices import choose_device
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.storage import validate_writable

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = choose_device(arguments.device)
    class_set = load_class_set(recipe.class_set)
    for model in models:
        # Built only to be thrown away: a misspelt architecture is refused before the data are read.
        make_model(model, len(class_set.indices), seed=recipe.seed)
    validate_writable(arguments.out)
    images = load_training_images(
        recipe.data,
        class_set,
        data=parse_data_pairs(arguments.data),
        cache=choose_cache_folder(arguments.cache),
        say=say,
    )
    training = ClassifierTraining(recipe, images, arguments.out, device, say)
    for model in models:
        print_line(train_classifier(training, model))
    return 0


def say(text: str) -> None:
    """A line of progress on stderr."""
    # Not stdout, which holds the paths of the finished models and may be piped.
    print_line(text, error=True)
