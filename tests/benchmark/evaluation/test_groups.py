"""Models of one command that do not fit into memory together."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import torch
from toy_models import write_toy_folder

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.evaluation import groups, loading
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier


def test_a_model_is_let_go_before_the_next_group_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise memory would hold two groups."""
    modules: list[weakref.ref[torch.nn.Module]] = []
    alive: list[int] = []

    def load(request: ModelRequest) -> Classifier:
        gc.collect()
        alive.append(sum(module() is not None for module in modules))
        classifier = load_classifier(request)
        modules.append(weakref.ref(classifier.module))
        return classifier

    monkeypatch.setattr(groups, "MAX_TOGETHER", 1)
    monkeypatch.setattr(loading, "load_classifier", load)
    split = f"folder:{write_toy_folder(tmp_path / 'images', [0, 20])}"
    models = [f"python:toy_models:make_{name}_model" for name in ("colour", "slow")]
    words = [word for model in models for word in ("--model", model)]
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", *words, "--split", split, *places]) == 0
    assert alive == [0, 0]
