"""Styles by a CLIP: on directions that are known, and on the packaged CLIP."""

from __future__ import annotations

import numpy as np
import pytest

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.models.clip_encoders import load_clip_encoder
from imagenet_g.benchmark.recognition.styles import (
    STYLE_PROMPTS,
    StyleHead,
    build_style_head,
    find_styles,
    measure_style,
)


@pytest.fixture(scope="module")
def head() -> StyleHead:
    """The styles by the CLIP that ships."""
    return build_style_head(load_clip_encoder("open_clip:packaged:mini-clip"))


def test_directions_are_open_clips_zero_shot_classifier(head: StyleHead) -> None:
    """Its own function on the same prompts."""
    import open_clip

    encoder = load_clip_encoder("open_clip:packaged:mini-clip")
    for row, texts in zip(head.directions, STYLE_PROMPTS.values(), strict=True):
        templates = [lambda _, text=text: text for text in texts]
        expected = open_clip.build_zero_shot_classifier(encoder.model, encoder.tokenizer, ["x"], templates)
        np.testing.assert_allclose(row, expected[:, 0].numpy(), atol=1e-5)


def test_images_on_a_direction_are_of_that_style(head: StyleHead) -> None:
    """Any number of each, in any order."""
    counts = {"photograph": 3, "drawing": 1, "painting": 0, "rendering": 4}
    rows = np.repeat(np.arange(4), list(counts.values()))
    found = measure_style(head.directions[rows], head, split="own/sd-l")
    assert {name: one.value * 8 for name, one in found.split.shares.items()} == counts
    assert [one.style for one in found.styles] == list(STYLE_PROMPTS)
    assert "seen on the reference" in found.statement


def test_the_style_is_that_of_the_greatest_cosine() -> None:
    """By a loop over images and styles."""
    rng = np.random.default_rng(0)
    images, styles = (rng.normal(size=(size, 6)).astype(np.float32) for size in (50, 4))
    styles /= np.linalg.norm(styles, axis=1, keepdims=True)
    expected = [
        max(range(4), key=lambda place: float(image @ styles[place]) / float(np.linalg.norm(image)))
        for image in images
    ]
    assert find_styles(images, styles).tolist() == expected


def test_embeddings_of_another_clip_are_refused(head: StyleHead) -> None:
    """By their dimensions, which is all that an array shows."""
    with pytest.raises(InputError, match="not of one CLIP"):
        measure_style(np.ones((2, 7), dtype=np.float32), head, split="own/sd-l")


def test_a_set_without_images_has_no_styles(head: StyleHead) -> None:
    """And no shares of 0."""
    with pytest.raises(InputError, match="no image"):
        measure_style(np.empty((0, head.directions.shape[1]), dtype=np.float32), head, split="own/sd-l")
