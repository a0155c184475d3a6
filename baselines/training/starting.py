"""A model as a recipe starts it: with initial weights, or with those of an earlier training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import timm
import torch

from imagenet_g.baselines.classifiers.train import make_model
from imagenet_g.baselines.recipes.specs import ModelSpecOfRecipe
from imagenet_g.benchmark.checkpoints.contents import load_checkpoint
from imagenet_g.benchmark.checkpoints.fitting import load_into
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.hub.fetching import fetch
from imagenet_g.benchmark.models.packaged import CLASS_MAP_NAME, find_packaged_model
from imagenet_g.benchmark.models.timm_building import build_published, build_unloaded

_KINDS = ("tag", "packaged", "folder", "file")
_WEIGHTS = "model.safetensors"


def start_model(spec: ModelSpecOfRecipe, wnids: Sequence[str], *, seed: int) -> torch.nn.Module:
    """A model whose outputs are the given classes.

    Of weights to start from, the head keeps the outputs of these classes where it has all of them. Otherwise
    it is new.

    Args:
        spec: Of the recipe.
        wnids: The class of each output.
        seed: Of initial weights.

    Raises:
        UnknownNameError: timm has no such architecture.
        InputError: The architecture does not take these arguments, or the start has another form.
        ImagenetGError: The weights to start from cannot be fetched, read or fitted.
    """
    if spec.start is None:
        return make_model(spec, len(wnids), seed=seed)
    if not timm.is_model(spec.architecture):
        raise UnknownNameError("timm architecture", spec.architecture, timm.list_models())
    kind, _, place = spec.start.partition(":")
    if kind not in _KINDS or not place:
        raise InputError(
            f"'{spec.name}' starts from '{spec.start}'. Use tag:TAG, packaged:NAME, folder:PATH or file:PATH."
        )
    if spec.arguments and kind != "file":
        raise InputError(
            f"'{spec.name}' starts from '{spec.start}', which has its own arguments; take them out."
        )
    match kind:
        case "tag":
            module, classes = _load_tag(spec, place)
        case "file":
            module, classes = make_model(spec, len(wnids), seed=seed), tuple(wnids)
            load_into(module, load_checkpoint(Path(place).expanduser()))
        case "packaged":
            module, classes = _load_folder(spec, find_packaged_model(place, "timm"))
        case _:
            module, classes = _load_folder(spec, Path(place).expanduser())
    if classes != tuple(wnids):
        # timm draws the weights of a new head from torch's global generator; it takes none as an argument.
        torch.manual_seed(seed)
        change_head(module, classes, wnids)
    return module


def change_head(module: torch.nn.Module, classes: Sequence[str], wnids: Sequence[str]) -> None:
    """Give a model other outputs: its own where it has all of the classes, else new ones.

    Args:
        module: A model of timm.
        classes: Of its outputs; empty where they are unknown.
        wnids: Of the outputs that it is to have.
    """
    head = cast(Any, module).get_classifier()
    before = (head.weight, head.bias) if isinstance(head, torch.nn.Linear) else None
    cast(Any, module).reset_classifier(len(wnids))
    after = cast(Any, module).get_classifier()
    if before is None or not set(wnids) <= set(classes) or after.in_features != before[0].shape[1]:
        return
    # A few images a class do not teach a new head what the old one has learnt from a thousand.
    rows = [classes.index(wnid) for wnid in wnids]
    with torch.no_grad():
        after.weight.copy_(before[0][rows])
        if before[1] is not None and after.bias is not None:
            after.bias.copy_(before[1][rows])


def _load_tag(spec: ModelSpecOfRecipe, tag: str) -> tuple[torch.nn.Module, tuple[str, ...]]:
    name = f"{spec.architecture}.{tag}"
    if timm.get_pretrained_cfg(name, allow_unregistered=False) is None:
        known = [found.partition(".")[2] for found in timm.list_pretrained(f"{spec.architecture}.*")]
        raise UnknownNameError("pretrained tag", tag, known, where=f"of '{spec.architecture}'")
    with fetch(None):
        module = build_published(name)
    # Of timm's tags with 1000 outputs all are in the order of ImageNet-1k.
    number = cast(Any, module).num_classes
    return module, tuple(info.wnid for info in load_classes()) if number == len(load_classes()) else ()


def _load_folder(spec: ModelSpecOfRecipe, folder: Path) -> tuple[torch.nn.Module, tuple[str, ...]]:
    try:
        architecture = json.loads((folder / "config.json").read_bytes())["architecture"]
        classes = (folder / CLASS_MAP_NAME).read_text(encoding="utf-8").split()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"'{folder}' is no folder of a trained model, with config.json, {CLASS_MAP_NAME} and {_WEIGHTS}."
        ) from error
    if architecture != spec.architecture:
        raise InputError(f"'{spec.name}' is {spec.architecture}, and '{folder}' holds {architecture}.")
    module, convert = build_unloaded(f"local-dir:{folder}")
    load_into(module, load_checkpoint(folder / _WEIGHTS), convert=convert)
    return module, tuple(classes)
