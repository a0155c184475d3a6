"""A flag on a result: the model may have seen the images, or helped to choose them."""

from __future__ import annotations

from typing import Literal

from imagenet_g.benchmark.records import FileModel


class ContaminationFlag(FileModel):
    """A reason to think that the model has seen the split or images like it, or helped to choose them."""

    kind: Literal[
        "data-after-release",
        "same-generator",
        "kin-generator",
        "unknown-generator",
        "data-after-generator",
        "holds-source",
        "is-filter",
        "is-reward",
        "is-text-encoder",
        "is-image-encoder",
    ]
    reason: str
    known: bool = True
    """Whether it is a fact; false where what would decide it is not recorded."""
