"""Checkpoints of transformers with random weights, in folders that `transformers:local-dir:PATH` loads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor
from transformers.utils import logging

from imagenet_g.benchmark.classes import load_classes

SIZE_PX = 32


def list_usual_labels() -> list[str]:
    """As the usual checkpoints of ImageNet have them: all of WordNet's words, "crane" twice."""
    return [info.lemmas for info in load_classes()]


def build_tiny_vit(folder: Path, labels: Sequence[str] | None = None, *, seed: int = 0) -> Path:
    """A ViT of one layer and its image processor."""
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    names = list_usual_labels() if labels is None else labels
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        image_size=SIZE_PX, patch_size=8, id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": SIZE_PX, "width": SIZE_PX}).save_pretrained(folder)
    return folder


def change_json(path: Path, **changes: Any) -> None:
    """Replace keys of a JSON file; None takes a key away."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
