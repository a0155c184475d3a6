"""Stored predictions and versions as frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from toy_models import make_colour_model, write_toy_folder

import imagenet_g as ig
from imagenet_g.benchmark.splits.registry import load_versions


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> ig.Results:
    """A model that reads its answer off the image, on four images."""
    folder = tmp_path_factory.mktemp("toys")
    made: tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]] = make_colour_model()
    split = f"folder:{write_toy_folder(folder / 'images', [1, 2, 3, 3])}"
    return ig.evaluate(
        made[0], transform=made[1], splits=split, reference="published", cache=folder, progress=False
    )


def test_predictions_have_a_row_an_image(toys: ig.Results) -> None:
    """With whether the best answer is right."""
    frame = ig.load_predictions(toys.folders[0] / toys[0].entries[0].predictions.file)
    assert [list(labels) for labels in frame["label"]] == [[1], [2], [3], [3]]
    assert frame["right"].all()
    assert frame.attrs["model"] == "python:live:ColourModel"


def test_score_gives_what_evaluate_gave(toys: ig.Results, tmp_path: Path) -> None:
    """From the predictions alone, and written as `imagenet-g score --out` does."""
    scored = ig.score(toys.folders[0] / toys[0].entries[0].predictions.file, out=tmp_path)
    assert scored[0].entries[0].scores == toys[0].entries[0].scores
    assert ig.Results.load(tmp_path)[0] == scored[0]


def test_versions_are_those_of_the_registry() -> None:
    """Oldest first."""
    frame = ig.versions()
    assert list(frame["version"]) == list(load_versions())
    assert bool(frame.set_index("version").loc["mini", "embedded"])
