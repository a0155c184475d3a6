"""What weights do not say, and what is assumed in its place: sentences for the user and the record.

A checkpoint is numbers. Which activation and which preprocessing they were trained with is nowhere in it, and
the wrong one costs some points without an error.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from imagenet_g.benchmark.records import Preprocessing

QUICK_SUFFIX = "-quickgelu"
PREPROCESS_KEYS = ("mean", "std", "interpolation", "resize_mode")
# Scalars that only OpenAI's own archives hold beside the weights; all of OpenAI's models use QuickGELU.
_OPENAI_KEYS = {"input_resolution", "context_length", "vocab_size"}


def format_preprocessing(preprocessing: Preprocessing) -> str:
    """Size, resizing, crop, mean and standard deviation in one clause.

    Example:
        >>> format_preprocessing(Preprocessing(input_size_px=(224, 224), interpolation="bicubic",
        ...     crop_fraction=0.875, crop_mode="center", mean=(0.5,) * 3, std=(0.5,) * 3, description=""))
        '224 x 224, bicubic, crop 0.875 (center), mean (0.5, 0.5, 0.5), std (0.5, 0.5, 0.5)'
    """
    height, width = preprocessing.input_size_px
    crop = (
        "unknown crop" if preprocessing.crop_fraction is None else f"crop {preprocessing.crop_fraction:.3g}"
    )
    return (
        f"{height} x {width}, {preprocessing.interpolation}, {crop} "
        f"({preprocessing.crop_mode or 'unknown'}), mean {_format_numbers(preprocessing.mean)}, "
        f"std {_format_numbers(preprocessing.std)}"
    )


def describe_own_weights(spec: str, preprocessing: Preprocessing, *, source: str) -> str:
    """For a classifier's own weights: whose preprocessing they run with.

    Args:
        spec: The model as named.
        preprocessing: What is assumed.
        source: The published weights it is the preprocessing of.
    """
    return (
        f"Own weights for '{spec}' are taken as made for the preprocessing of '{source}': "
        f"{format_preprocessing(preprocessing)}. If they were made for another, name published weights that "
        "have it."
    )


def describe_timm_config(config: Mapping[str, object], preprocessing: Preprocessing) -> str | None:
    """For a saved timm model: which parts of its preprocessing are assumed; None where all are stated.

    Args:
        config: The contents of `config.json`; the preprocessing may stand in `pretrained_cfg` or beside it.
        preprocessing: What is assumed.

    Example:
        >>> prep = Preprocessing(input_size_px=(32, 32), interpolation="bicubic", crop_fraction=0.9,
        ...     crop_mode="center", mean=None, std=None, description="")
        >>> describe_timm_config({"mean": 0, "std": 1, "interpolation": "bicubic"}, prep).partition(":")[0]
        "config.json has no 'crop_pct'"
    """
    nested = config.get("pretrained_cfg")
    given = {**config, **(nested if isinstance(nested, Mapping) else {})}
    missing = [key for key in ("mean", "std", "interpolation", "crop_pct") if given.get(key) is None]
    if not missing:
        return None
    names = ", ".join(f"'{key}'" for key in missing)
    return f"config.json has no {names}: assumed is {format_preprocessing(preprocessing)}. Add what differs."


def name_activation(*, quick: bool) -> str:
    """The name of a CLIP's activation.

    Example:
        >>> name_activation(quick=True)
        'QuickGELU'
    """
    return "QuickGELU" if quick else "GELU"


def describe_own_clip(
    architecture: str,
    tag: str,
    preprocessing: Preprocessing,
    *,
    quick: bool,
    shown: bool,
    known: Collection[str],
) -> str:
    """For own CLIP weights: the activation and the preprocessing they run with, and how to choose others.

    Args:
        architecture: As named, such as "ViT-B-32".
        tag: The published weights that were named with it; empty for none.
        preprocessing: What is assumed.
        quick: Whether the model runs with QuickGELU.
        shown: Whether the file itself shows it.
        known: open_clip's architectures.

    Example:
        >>> prep = Preprocessing(input_size_px=(224, 224), interpolation="bicubic", crop_fraction=1.0,
        ...     crop_mode="shortest", mean=None, std=None, description="")
        >>> text = describe_own_clip("ViT-B-32", "", prep, quick=False, shown=False,
        ...     known=["ViT-B-32", "ViT-B-32-quickgelu"])
        >>> text.partition(". ")[2].partition(" (")[0], text.partition("were), ")[2]
        ('If they were made with QuickGELU', "name 'open_clip:ViT-B-32-quickgelu'.")
    """
    activation = name_activation(quick=quick)
    said = f"the activation {activation}{', which the file shows,' if shown else ''}"
    like = f" as '{tag}' was" if tag else ""
    text = (
        f"Own weights for 'open_clip:{architecture}' are taken as made{like} with {said} and for the "
        f"preprocessing {format_preprocessing(preprocessing)}."
    )
    twin = find_twin(architecture, known)
    if tag or shown or twin is None:
        return text
    makers = "LAION's and DataComp's" if quick else "OpenAI's, DFN's and MetaCLIP's"
    other = name_activation(quick=not quick)
    return f"{text} If they were made with {other} (as {makers} were), name 'open_clip:{twin}'."


def find_twin(architecture: str, known: Collection[str]) -> str | None:
    """The same architecture with the other activation, where open_clip has it.

    Example:
        >>> find_twin("RN50-quickgelu", ["RN50", "RN50-quickgelu"]), find_twin("coca_ViT-B-32", ["RN50"])
        ('RN50', None)
    """
    if architecture.endswith(QUICK_SUFFIX):
        twin = architecture.removesuffix(QUICK_SUFFIX)
    else:
        twin = architecture + QUICK_SUFFIX
    return twin if twin in known else None


def describe_clip_config(
    config: Mapping[str, object], preprocessing: Preprocessing, *, quick: bool
) -> str | None:
    """For a saved CLIP: what its configuration leaves open and what is assumed; None where nothing is open.

    Args:
        config: The contents of `open_clip_config.json`.
        preprocessing: What is assumed.
        quick: Whether the model runs with QuickGELU.

    Example:
        >>> prep = Preprocessing(input_size_px=(32, 32), interpolation="bicubic", crop_fraction=1.0,
        ...     crop_mode="squash", mean=None, std=None, description="")
        >>> full = {"mean": 0, "std": 1, "interpolation": "bicubic", "resize_mode": "squash"}
        >>> config = {"model_cfg": {"quick_gelu": False}, "preprocess_cfg": full}
        >>> describe_clip_config(config, prep, quick=False) is None
        True
    """
    model, given = config.get("model_cfg"), config.get("preprocess_cfg")
    missing = [key for key in PREPROCESS_KEYS if not isinstance(given, Mapping) or key not in given]
    parts = []
    if not isinstance(model, Mapping) or "quick_gelu" not in model:
        parts.append(f"no 'quick_gelu': the activation {name_activation(quick=quick)} is assumed")
    if missing:
        names = ", ".join(f"'{key}'" for key in missing)
        parts.append(f"no {names} in 'preprocess_cfg': assumed is {format_preprocessing(preprocessing)}")
    return f"open_clip_config.json has {'; and '.join(parts)}. Add what differs." if parts else None


def shows_quick_gelu(names: Collection[str]) -> bool:
    """Whether the names in a checkpoint are those of OpenAI's own archives.

    Example:
        >>> shows_quick_gelu(["visual.proj", "input_resolution", "context_length", "vocab_size"])
        True
    """
    return set(names) >= _OPENAI_KEYS


def read_hidden_activation(folder: Path) -> bool | None:
    """Whether a transformers configuration in the folder says QuickGELU; None where there is no such file."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    towers = [config.get(key) for key in ("vision_config", "text_config")] if isinstance(config, dict) else []
    acts = {tower["hidden_act"] for tower in towers if isinstance(tower, dict) and "hidden_act" in tower}
    return None if len(acts) != 1 else acts == {"quick_gelu"}


def _format_numbers(numbers: tuple[float, ...] | None) -> str:
    return "unknown" if numbers is None else f"({', '.join(f'{number:.3g}' for number in numbers)})"
