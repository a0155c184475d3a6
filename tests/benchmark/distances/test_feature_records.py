"""A CLIP that chose the images it measures is named as such."""

from __future__ import annotations

from typing import Literal

import pytest

from imagenet_g.benchmark.distances.feature_records import describe_clip_features
from imagenet_g.benchmark.distances.results import ClipUse
from imagenet_g.benchmark.records import ClipRecord, Preprocessing

REFS = {"split": "v9/sd-l:clip-filtered", "reference": "imagenet-val"}
CLIP = ClipRecord(
    requested="open_clip:a", spec="open_clip:a", weights_sha256="a" * 64, revision=None, num_parameters=1,
    num_dimensions=64,
    preprocessing=Preprocessing(
        input_size_px=(32, 32), interpolation="bicubic", crop_fraction=None, crop_mode=None, mean=None,
        std=None, description="Resize(32, bicubic)",
    ),
)  # fmt: skip


def make_use(spec: str | None, weights: str | None, role: Literal["filter", "recipe"] = "filter") -> ClipUse:
    """A use on the side of the split."""
    return ClipUse(part="split", role=role, spec=spec, weights_sha256=weights, detail="clip_score of 0.3")


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (make_use("open_clip:other-name", "a" * 64), "was filtered by open_clip:a"),
        (make_use("open_clip:a", None), "was filtered by open_clip:a"),
        (make_use("open_clip:a", None, role="recipe"), "was made to be far by open_clip:a"),
        (make_use(None, None), "it is open_clip:a is unknown"),
    ],
)
def test_a_clip_that_chose_the_images_is_named(use: ClipUse, said: str) -> None:
    """By its weights under any name, by its name where the weights are unknown."""
    (sentence,) = describe_clip_features(CLIP, (use,), REFS).influences or ()
    assert said in sentence
    assert "v9/sd-l:clip-filtered" in sentence


def test_another_clip_is_not() -> None:
    """Other weights under the same name are another CLIP."""
    record = describe_clip_features(CLIP, (make_use("open_clip:a", "b" * 64),), REFS)
    assert record.influences == ()
    assert (record.name, record.resizing, record.is_inception) == (
        "open_clip:a",
        "Resize(32, bicubic)",
        False,
    )
