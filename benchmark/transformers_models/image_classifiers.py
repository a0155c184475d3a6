"""Classifiers of transformers with a head of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.models.class_maps import ClassMap
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.models.heads import make_classifier
from imagenet_g.benchmark.texts.own_texts import TEMPLATE_SETS
from imagenet_g.benchmark.transformers_models.building import (
    assemble_model,
    build_model,
    describe_settings,
    load_config,
)
from imagenet_g.benchmark.transformers_models.labels import match_labels
from imagenet_g.benchmark.transformers_models.processors import load_processor
from imagenet_g.benchmark.transformers_models.sources import CheckpointFiles


class LogitsOf(torch.nn.Module):
    """A classifier of transformers as a function from images to logits.

    Args:
        model: Its answer has `logits`.
        settings: Its configuration in words: not all of it shows in its layers.
    """

    def __init__(self, model: torch.nn.Module, settings: str) -> None:
        super().__init__()
        self.model = model
        self.settings = settings

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, K)` logits of `(N, 3, H, W)` inputs."""
        logits: torch.Tensor = self.model(pixel_values=images).logits
        return logits


def load_image_classifier(request: ModelRequest, files: CheckpointFiles, *, spec: str) -> Classifier:
    """A classifier with a head of its own.

    Raises:
        ModelError: Its labels are not the 1000 classes, or the weights do not fit.
    """
    from transformers import AutoModelForImageClassification

    class_map = None if request.class_map else read_labels(load_config(files, spec=spec), spec=spec)
    processor = load_processor(files, spec=spec)
    built = build_model(AutoModelForImageClassification, files, spec=spec)
    module = LogitsOf(built.model, describe_settings(built.model.config))
    loaded = assemble_model(files, built, module, processor, spec=spec)
    classifier = make_classifier(request, replace(loaded, class_map=class_map))
    if request.class_names is None and request.templates in TEMPLATE_SETS:
        return classifier
    note = f"'{spec}' has a head of trained classes: --templates and --class-names have no part in it."
    return replace(classifier, notes=(*classifier.notes, note))


def read_labels(config: Any, *, spec: str) -> ClassMap | None:  # noqa: ANN401
    """The class of each output by a configuration's labels; None for the usual order.

    Raises:
        ModelError: As `match_labels`, or the labels are not numbered as the outputs are.
    """
    labels: Mapping[int, str] = config.id2label or {}
    # A label too few would move the classes of all outputs behind it.
    if sorted(labels) != list(range(len(labels))):
        raise ModelError(
            f"Model '{spec}': 'id2label' of its config.json does not number its outputs 0, 1, 2, ... Name "
            "the class of each output with --class-map FILE."
        )
    return match_labels([str(labels[number]) for number in range(len(labels))], spec=spec)
