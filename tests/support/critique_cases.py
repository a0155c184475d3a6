"""Critiques of made-up features, computed by the functions that measure real ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from factories import make_split_record
from imagenet_g.benchmark.critiques.critique import SECTION_NAMES, Critique, FeaturesUsed
from imagenet_g.benchmark.critiques.traps import measure_traps
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.quality.distance_sections import measure_distances
from imagenet_g.benchmark.quality.diversity_sections import measure_diversity
from imagenet_g.benchmark.quality.records import FeatureRecord
from imagenet_g.benchmark.quality.samples import FeatureSet

SHA = "ab" * 32
RECORD = FeatureRecord(
    name="made-up", num_dimensions=4, weights_sha256=None, resizing="none", is_inception=False, influences=()
)
CLASSES = (0, 1, 2, 908)


def make_features(*, shift: float = 0.0, spread: float = 1.0, seed: int = 0, each: int = 12) -> FeatureSet:
    """Clouds around one point a class, the first coordinate moved by `shift`."""
    rng = np.random.default_rng(seed)
    places = np.random.default_rng(99).normal(size=(len(CLASSES), 4)) * 3
    vectors = np.concatenate([place + spread * rng.normal(size=(each, 4)) for place in places])
    vectors[:, 0] += shift
    labels = np.repeat(np.array(CLASSES), each)
    return FeatureSet(vectors.astype(np.float32), labels, [f"{seed}-{n}" for n in range(len(labels))])


def make_critique(*, shift: float = 3.0, ref: str = "v9/sd-l", **sections: Any) -> Critique:
    """A critique with distances, diversity and traps; other sections by name.

    Args:
        shift: How far the split's features are moved.
        ref: The split.
        sections: Sections to add or, by None, to leave out.
    """
    split, reference = make_features(shift=shift, seed=1), make_features(seed=2, each=24)
    made: dict[str, Any] = dict.fromkeys(SECTION_NAMES)
    made |= {
        "distances": (measure_distances(split, reference, RECORD),),
        "diversity": (measure_diversity(split, reference, RECORD),),
        "traps": measure_traps(dict.fromkeys(CLASSES, 12), {908: ["a wing"] * 12}),
    }
    made |= sections
    used = FeaturesUsed(
        spec="made-up",
        weights_sha256=SHA,
        num_dimensions=4,
        values_split_sha256=SHA,
        values_reference_sha256=SHA,
        num_unreadable_split=0,
        num_unreadable_reference=0,
    )
    return Critique.model_validate(
        {
            "split": make_split_record(ref, num_classes=4),
            "num_images": 48,
            "num_classes": 4,
            "reference": make_split_record("imagenet-val"),
            "num_reference_images": 96,
            "missing_wnids": (),
            "features": (used,),
            "inputs": (),
            "unmeasured": {name: "Not made." for name, part in made.items() if part is None},
            "extremes": (),
            "environment": make_environment(),
            **made,
        }
    )
