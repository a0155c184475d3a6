"""A trained run as a folder that `timm:local-dir:PATH` loads, and others by timm itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from imagenet_g.baselines.classifiers.export import CARD, CONFIG, WEIGHTS
from imagenet_g.baselines.recipes.specs import RecipeRun, RecipeSpec
from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.models.packaged import CLASS_MAP_NAME
from imagenet_g.benchmark.storage import replace_file, write_text
from imagenet_g.benchmark.training.loop import Trained
from imagenet_g.benchmark.training.records import TrainingRecord, TrainingStageRecord, write_record

if TYPE_CHECKING:
    from pydantic import JsonValue

STAGE = "classifier"
_PACKAGES = ("imagenet-g", "numpy", "pillow", "safetensors", "timm", "torch")
# timm looks the stem and the head up under these keys when it changes input channels or outputs.
_KEPT = ("first_conv", "classifier")


def export_run(
    model: torch.nn.Module,
    run: RecipeRun,
    trained: Trained,
    wnids: Sequence[str],
    folder: Path,
    *,
    data: Mapping[str, JsonValue],
    recipe_sha256: str,
) -> None:
    """Write configuration, classes, weights, card and record; the record last.

    Args:
        model: On the CPU, with its final weights.
        run: Of a recipe.
        trained: How the training ended.
        wnids: The class of each output.
        folder: Is made where it does not exist.
        data: What it learnt from.
        recipe_sha256: Of all that decided the weights.

    Raises:
        StorageError: The folder cannot be written.
    """
    from safetensors.torch import save_file

    write_text(folder / CONFIG, json.dumps(make_config(model, run), indent=1) + "\n")
    write_text(folder / CLASS_MAP_NAME, "".join(f"{wnid}\n" for wnid in wnids))
    # Contiguous, because training in channels-last order leaves strided weights, which safetensors refuses.
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    with replace_file(folder / WEIGHTS) as temporary:
        save_file(weights, temporary)
    record = make_record(run, trained, data=data, recipe_sha256=recipe_sha256)
    write_text(folder / CARD, format_card(run, record))
    write_record(folder, record)


def make_config(model: torch.nn.Module, run: RecipeRun) -> dict[str, Any]:
    """The `config.json` of timm: how to make the model again, and how an image becomes its input."""
    own: dict[str, Any] = dict(model.pretrained_cfg)  # type: ignore[arg-type]
    recipe, evaluation = run.recipe, run.recipe.evaluation
    return {
        "architecture": run.model.architecture,
        "num_classes": model.num_classes,
        "num_features": model.num_features,
        "model_args": run.model.arguments,
        "pretrained_cfg": {
            **{name: own[name] for name in _KEPT if own.get(name) is not None},
            "num_classes": model.num_classes,
            "input_size": [3, evaluation.size_px, evaluation.size_px],
            # Where it is set, timm passes the input size to the constructor: a ViT's position embedding
            # would otherwise have the size of the architecture's own default.
            "fixed_input_size": bool(own.get("fixed_input_size", False)),
            "interpolation": evaluation.interpolation,
            "crop_pct": evaluation.crop_fraction,
            "crop_mode": "center",
            "mean": list(recipe.mean),
            "std": list(recipe.std),
        },
    }


def make_record(
    run: RecipeRun, trained: Trained, *, data: Mapping[str, JsonValue], recipe_sha256: str
) -> TrainingRecord:
    """The record of a trained run."""
    stage = TrainingStageRecord(
        stage=STAGE,
        steps=trained.steps,
        seconds=round(trained.seconds, 1),
        device=trained.device,
        seed=run.seed,
        recipe_sha256=recipe_sha256,
        data=dict(data),
        versions=list_versions(_PACKAGES),
    )
    name = f"{run.recipe.name}/{run.name}"
    return TrainingRecord(schema_version=1, name=name, license=run.recipe.license, stages=(stage,))


def list_generators(recipe: RecipeSpec, names: Sequence[str]) -> tuple[str, ...]:
    """What drew the images of some sources of a recipe, in order and once each."""
    found = (generator for name in names for generator in recipe.find_source(name).generators)
    return tuple(dict.fromkeys(found))


def format_card(run: RecipeRun, record: TrainingRecord) -> str:
    """The model's card, in Markdown."""
    recipe, (stage,) = run.recipe, record.stages
    generators = list_generators(recipe, run.mix.sources)
    drawn = ", ".join(generators) or "none of the images is generated"
    marks = [f"- `{place}`: {mark.used}; {mark.why}\n" for place, mark in recipe.not_printed.items()]
    notes = "\nNot printed in its source, and taken so:\n\n" + "".join(marks) if marks else ""
    start = f", fine-tuned from `{run.model.start}`" if run.model.start else ""
    return (
        "---\n"
        "library_name: timm\n"
        "pipeline_tag: image-classification\n"
        f"license_name: {record.license}\n"
        "---\n\n"
        f"# {record.name}\n\n"
        f"`{run.model.architecture}`{start}, for the classes of `{recipe.class_set}`. Recipe "
        f"`{recipe.name}`, {recipe.stated} ({recipe.source}). Mix: {run.mix.name}, from {stage.data['ref']}. "
        f"Generators: {drawn}. {stage.steps} steps of {recipe.batch_size} images, "
        f"{stage.seconds / 60:.1f} minutes on {stage.device}, seed {stage.seed}. `training.json` has the "
        f"details.\n{notes}"
    )
