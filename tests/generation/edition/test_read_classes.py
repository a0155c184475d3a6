"""Drawn classes chosen by what a classifier reads of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from imagenet_g.benchmark.classes import list_class_indices
from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.edition.read_classes import (
    CHOOSING_ART_SETS,
    LEARNT_ART_SETS,
    Views,
    draw_views,
    format_class_set,
    judge_views,
    list_candidates,
    rank_classes,
)
from imagenet_g.generation.specs.python import PythonSpec
from imagenet_g.generation.specs.version import load_version_spec

KOALA, LEMON = 105, 951


@dataclass
class Brightness:
    """A judge of two classes: the brighter an image, the surer of the second."""

    transform: Callable[[Image.Image], torch.Tensor] = lambda image: torch.tensor(
        np.asarray(image), dtype=torch.float32
    )

    def module(self, batch: torch.Tensor) -> torch.Tensor:
        light = batch.mean(dim=(1, 2, 3)) / 255
        return torch.stack([1 - light, light], dim=1).log()


def test_the_choice_and_the_report_share_no_art_set() -> None:
    """And a generator of the chosen classes learns from none that they were chosen on."""
    assert not set(CHOOSING_ART_SETS) & set(LEARNT_ART_SETS)
    for name in ("plain", "single"):
        generator = load_version_spec("mini-v3-train").generators[name]
        assert isinstance(generator, PythonSpec)
        assert set(generator.model_dump()["options"]["hands"]) <= set(LEARNT_ART_SETS)


def test_every_chosen_class_of_the_shipped_set_was_a_candidate() -> None:
    """Drawn in an art set of each kind."""
    chosen = set(list_class_indices("read-42"))
    assert len(chosen) == 42
    assert chosen <= set(list_candidates())


def test_views_are_of_the_asked_art_sets_and_decided_by_class_drawing_and_number() -> None:
    """Two of each drawing, the same when they are drawn again, and unlike each other."""
    first, again = (draw_views(["noto"], [KOALA, LEMON], views=2, size_px=32) for _ in range(2))
    assert first.labels.tolist() == [KOALA, KOALA, LEMON, LEMON]
    assert [image.tobytes() for image in first.images] == [image.tobytes() for image in again.images]
    assert len({image.tobytes() for image in first.images}) == 4


def test_a_judge_gives_probabilities_over_all_batches() -> None:
    """As many rows as images, in their order."""
    greys = [int(value) for value in np.linspace(30, 220, 70)]
    images = tuple(Image.new("RGB", (8, 8), (grey,) * 3) for grey in greys)
    found = judge_views(Brightness(), Views(images, np.zeros(70, np.int64)))  # type: ignore[arg-type]
    np.testing.assert_allclose(found[:, 1], np.array(greys) / 255, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_classes_are_ranked_by_the_mean_over_judges_and_views() -> None:
    """By hand: class 0 has (0.9 + 0.5 + 0.1 + 0.1) / 4, class 1 has (0.6 + 0.7) / 2."""
    judges = [np.array([[0.9, 0.1], [0.1, 0.9], [0.4, 0.6]]), np.array([[0.5, 0.5], [0.1, 0.9], [0.3, 0.7]])]
    assert rank_classes(judges, np.array([0, 0, 1])) == pytest.approx({1: 0.65, 0: 0.4})


def test_a_class_set_says_where_it_comes_from_and_has_the_best() -> None:
    """In the order of wnids, as every class set."""
    text = format_class_set({KOALA: 0.9, LEMON: 0.8, 0: 0.1}, 2, note="by hand")
    assert text == "# by hand\nn01882714\nn07749582\n"


def test_too_few_classes_are_refused() -> None:
    """With how many there are."""
    with pytest.raises(InputError, match="3 classes are asked for; 1"):
        format_class_set({KOALA: 0.9}, 3, note="by hand")
    with pytest.raises(InputError, match="at least one judge"):
        rank_classes([], np.array([0]))
