"""Models of transformers: `transformers:org/name[@revision]`, `transformers:local-dir:PATH`.

A checkpoint's `config.json` says which kind it is: a classifier with a head of its own, a CLIP or SigLIP,
whose head is made from text, or a backbone, whose head is a file.
"""

from __future__ import annotations

from collections.abc import Mapping

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.transformers_models.image_classifiers import load_image_classifier
from imagenet_g.benchmark.transformers_models.linear_heads import BACKBONES, load_linear_probe
from imagenet_g.benchmark.transformers_models.sources import CheckpointFiles, find_checkpoint
from imagenet_g.benchmark.transformers_models.texts import REFUSED_KINDS, ZERO_SHOT_KINDS

_CLASSIFIERS = ("ForImageClassification", "ForImageClassificationWithTeacher")


def load_model(request: ModelRequest) -> Classifier:
    """Load a model with the image processor of its checkpoint.

    Raises:
        ImagenetGError: As `classifiers.load_classifier`.
    """
    spec = resolve_model_spec(request.spec).spec
    files = find_checkpoint(spec.name)
    # Before the refusal below: of a backbone alone --checkpoint is no second set of weights.
    if is_backbone(files.config) and request.checkpoint is not None:
        return load_linear_probe(request, files, spec=str(spec))
    if request.checkpoint is not None:
        raise InputError(
            f"'{request.requested}' brings its own weights; with models of transformers --checkpoint is the "
            "linear head of a DINOv2 or DINOv3 backbone."
        )
    if is_zero_shot(files.config):
        # Imports open_clip, for the names of the classes.
        from imagenet_g.benchmark.transformers_models.zero_shot import load_zero_shot

        return load_zero_shot(request, files, spec=str(spec))
    _check_kind(files, str(spec))
    _check_architecture(files, str(spec))
    return load_image_classifier(request, files, spec=str(spec))


def is_zero_shot(config: Mapping[str, object]) -> bool:
    """Whether a configuration is of a model whose head is made from text.

    Example:
        >>> is_zero_shot({"model_type": "siglip", "architectures": ["SiglipModel"]})
        True
        >>> is_zero_shot({"model_type": "siglip", "architectures": ["SiglipForImageClassification"]})
        False
    """
    return config.get("model_type") in ZERO_SHOT_KINDS and not _has_classifier(config)


def is_backbone(config: Mapping[str, object]) -> bool:
    """Whether a configuration is of a model that takes a linear head.

    Example:
        >>> is_backbone({"model_type": "dinov2", "architectures": ["Dinov2Model"]})
        True
        >>> is_backbone({"model_type": "dinov2", "architectures": ["Dinov2ForImageClassification"]})
        False
    """
    return config.get("model_type") in BACKBONES and not _has_classifier(config)


def _has_classifier(config: Mapping[str, object]) -> bool:
    return any(name.endswith(_CLASSIFIERS) for name in _list_architectures(config))


def _check_kind(files: CheckpointFiles, spec: str) -> None:
    """Refuse models that compare images with texts in other ways, with what to do instead."""
    reason = REFUSED_KINDS.get(str(files.config.get("model_type")))
    if reason is not None and not _has_classifier(files.config):
        raise ModelError(
            f"'{spec}' {reason}. It is not run here; zero-shot models of kind {', '.join(ZERO_SHOT_KINDS)} "
            "are, such as google/siglip2-base-patch16-224. Answers that it gives elsewhere can be scored: "
            "'imagenet-g score ANSWERS --split SPLIT --name NAME'."
        )


def _check_architecture(files: CheckpointFiles, spec: str) -> None:
    named = _list_architectures(files.config)
    if is_backbone(files.config):
        raise ModelError(
            f"'{spec}' is a backbone without a classifier. Give its linear head with --checkpoint FILE, or "
            "choose weights with a head for ImageNet's 1000 classes."
        )
    if named and not _has_classifier(files.config):
        raise ModelError(
            f"'{spec}' is a {', '.join(named)}, which has no classifier. Choose weights with a head for "
            f"ImageNet's 1000 classes, or a zero-shot model ({', '.join(ZERO_SHOT_KINDS)})."
        )


def _list_architectures(config: Mapping[str, object]) -> list[str]:
    named = config.get("architectures")
    return [str(name) for name in named] if isinstance(named, list) else []
