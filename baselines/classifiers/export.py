"""Trained classifiers as folders that `timm:local-dir:PATH` loads, and others by timm itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from imagenet_g.baselines.classifiers.specs import ClassifierRecipe, ClassifierSpec
from imagenet_g.benchmark.models.packaged import CLASS_MAP_NAME
from imagenet_g.benchmark.storage import replace_file, write_text
from imagenet_g.benchmark.training.records import TrainingRecord, TrainingStageRecord

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "README.md"
# timm looks the stem and the head up under these keys when it changes input channels or outputs.
_KEPT = ("first_conv", "classifier")


def export_classifier(
    model: torch.nn.Module,
    spec: ClassifierSpec,
    recipe: ClassifierRecipe,
    wnids: Sequence[str],
    folder: Path,
    *,
    mean: Sequence[float],
    std: Sequence[float],
) -> None:
    """Write configuration, weights in half precision, and the class of each output.

    Args:
        model: On the CPU.
        spec: Its architecture.
        recipe: Its recipe, for the size of the input.
        wnids: The class of each output.
        folder: Is made where it does not exist.
        mean: Of each channel, as the model was trained with.
        std: Likewise.

    Raises:
        StorageError: The folder cannot be written.
    """
    from safetensors.torch import save_file

    config = make_config(model, spec, size_px=recipe.choose_size(spec), mean=mean, std=std)
    write_text(folder / CONFIG, json.dumps(config, indent=1) + "\n")
    write_text(folder / CLASS_MAP_NAME, "".join(f"{wnid}\n" for wnid in wnids))
    # After the configuration: the weights are the largest file, and with them the folder can be loaded.
    with replace_file(folder / WEIGHTS) as temporary:
        save_file(halve_weights(model.state_dict()), temporary)


def halve_weights(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights in half precision; counters stay whole numbers.

    Example:
        >>> halved = halve_weights({"weight": torch.zeros(2), "num_batches_tracked": torch.tensor(3)})
        >>> {name: str(value.dtype) for name, value in halved.items()}
        {'weight': 'torch.float16', 'num_batches_tracked': 'torch.int64'}
    """
    # `contiguous` because training in channels-last order leaves strided weights, which safetensors refuses.
    return {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in weights.items()
    }


def make_config(
    model: torch.nn.Module,
    spec: ClassifierSpec,
    *,
    size_px: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> dict[str, Any]:
    """The `config.json` of timm: how to make the model again, and how an image becomes its input."""
    own: dict[str, Any] = dict(model.pretrained_cfg)  # type: ignore[arg-type]
    return {
        "architecture": spec.architecture,
        "num_classes": model.num_classes,
        "num_features": model.num_features,
        "model_args": spec.arguments,
        "pretrained_cfg": {
            **{name: own[name] for name in _KEPT if own.get(name) is not None},
            "num_classes": model.num_classes,
            "input_size": [3, size_px, size_px],
            # Where it is set, timm passes the input size to the constructor: a ViT's position embedding
            # would otherwise have the size of the architecture's own default.
            "fixed_input_size": bool(own.get("fixed_input_size", False)),
            # As in training, which resizes whole images. timm's default would crop to 0.875 of the side.
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": "center",
            "mean": list(mean),
            "std": list(std),
        },
    }


def format_card(record: TrainingRecord, spec: ClassifierSpec, recipe: ClassifierRecipe) -> str:
    """The model's card, in Markdown."""
    stage = record.stages[-1]
    schedule, side = recipe.choose_schedule(spec), recipe.choose_size(spec)
    arguments = f" with {json.dumps(spec.arguments)}" if spec.arguments else ""
    return (
        "---\n"
        "library_name: timm\n"
        "pipeline_tag: image-classification\n"
        f"license_name: {record.license}\n"
        "---\n\n"
        f"# {record.name}\n\n"
        f"`{spec.architecture}`{arguments} for the classes of `{recipe.class_set}`, at {side} "
        f"pixels. Trained on {stage.data['ref']} (content sha256 {_format_hash(stage)}): {stage.steps} steps "
        f"of {schedule.batch_size} images, {stage.seconds / 60:.1f} minutes on {stage.device}, seed "
        f"{stage.seed}. `training.json` has the details.\n\n"
        f"{recipe.title}: points for a baseline line, not classifiers to use. They are trained on composites "
        "of drawings only and do not classify photographs.\n"
    )


def _format_hash(stage: TrainingStageRecord) -> str:
    parts = stage.data.get("parts")
    records = parts if isinstance(parts, list) else [stage.data]
    return ", ".join(str(record["content_sha256"])[:12] for record in records if isinstance(record, dict))
