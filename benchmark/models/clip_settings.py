"""Of a CLIP: its preprocessing, and what its weights and its configuration leave open."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import torch
from open_clip.transform import PreprocessCfg
from open_clip.transformer import QuickGELU

from imagenet_g.benchmark.checkpoints.contents import StateDict
from imagenet_g.benchmark.hub.fetching import find_cached_files
from imagenet_g.benchmark.models.assumptions import (
    describe_clip_config,
    describe_own_clip,
    read_hidden_activation,
    shows_quick_gelu,
)
from imagenet_g.benchmark.naming.specs import ModelSpec
from imagenet_g.benchmark.records import Preprocessing

CONFIG_FILE = "open_clip_config.json"


def describe_preprocessing(preprocess: PreprocessCfg, transform: object) -> Preprocessing:
    """The record of open_clip's validation transform."""
    size = (
        preprocess.size if isinstance(preprocess.size, tuple | list) else (preprocess.size, preprocess.size)
    )
    return Preprocessing(
        input_size_px=(size[0], size[1]),
        interpolation=preprocess.interpolation,
        # open_clip resizes the shorter side to the input size itself, so the crop is as large as it can be.
        crop_fraction=1.0,
        crop_mode=preprocess.resize_mode,
        mean=tuple(preprocess.mean),
        std=tuple(preprocess.std),
        description=" ".join(str(transform).split()),
    )


def is_quick_gelu_shown(spec: ModelSpec, state: StateDict) -> bool:
    """Whether the files say QuickGELU where the configuration says nothing."""
    if spec.name.startswith("local-dir:"):
        folder = Path(spec.name.removeprefix("local-dir:"))
        config = json.loads((folder / CONFIG_FILE).read_bytes())
        # What the configuration says is no guess, whatever lies beside it.
        return "quick_gelu" not in config["model_cfg"] and read_hidden_activation(folder) is True
    return shows_quick_gelu(state)


def list_assumptions(
    spec: ModelSpec, model: torch.nn.Module, own: Path | None, shown: bool
) -> tuple[str, ...]:
    """What the weights of a CLIP do not say, in sentences.

    Args:
        spec: The model that was built.
        model: open_clip's model.
        own: The user's or the folder's file of weights; None for published ones.
        shown: Whether the files show QuickGELU.
    """
    preprocess = PreprocessCfg(**model.visual.preprocess_cfg)  # type: ignore[union-attr, arg-type]
    preprocessing = describe_preprocessing(preprocess, None)
    quick = any(isinstance(part, QuickGELU) for part in model.modules())
    path = _find_config(spec)
    if path is not None:
        said = describe_clip_config(json.loads(path.read_bytes()), preprocessing, quick=quick)
        return () if said is None else (said,)
    if own is None:
        return ()
    known = open_clip.list_models()
    said = describe_own_clip(
        spec.name, spec.weights or "", preprocessing, quick=quick, shown=shown, known=known
    )
    return (said,)


def _find_config(spec: ModelSpec) -> Path | None:
    if spec.name.startswith("local-dir:"):
        return Path(spec.name.removeprefix("local-dir:")) / CONFIG_FILE
    if spec.name.startswith("hf-hub:"):
        return next(iter(find_cached_files(spec.name.removeprefix("hf-hub:"), (CONFIG_FILE,))), None)
    return None
