"""The sections that rest on features alone: distances, diversity, styles."""

from __future__ import annotations

import numpy as np
from pydantic import JsonValue

from imagenet_g.benchmark.models.clip_encoders import ClipEncoder
from imagenet_g.benchmark.quality.distance_sections import measure_distances
from imagenet_g.benchmark.quality.diversity_sections import measure_diversity
from imagenet_g.benchmark.quality.records import DistanceSection, DiversitySection
from imagenet_g.benchmark.quality.samples import FeatureSet
from imagenet_g.benchmark.recognition.records import StyleSection
from imagenet_g.benchmark.recognition.styles import build_style_head, measure_style
from imagenet_g.generation.critique.materials import EmbeddedPair, EmbeddedSide, Materials

_CLIP = "open_clip:"
_QUALITY = ("imagenet_g.benchmark.quality", "imagenet_g.benchmark.statistics")
_RECOGNITION = ("imagenet_g.benchmark.recognition",)


def make_distances(materials: Materials) -> tuple[DistanceSection, ...]:
    """Distances for each features."""
    return tuple(_measure_distances(materials, pair) for pair in materials.pairs)


def make_diversity(materials: Materials) -> tuple[DiversitySection, ...]:
    """Diversity for each features."""
    return tuple(_measure_diversity(materials, pair) for pair in materials.pairs)


def make_style(materials: Materials) -> StyleSection | str:
    """Styles by the first CLIP among the features; the reason why where there is no CLIP."""
    named = zip(materials.request.features, materials.pairs, strict=True)
    requested, pair = next(((name, one) for name, one in named if name.startswith(_CLIP)), (None, None))
    if requested is None or pair is None:
        return "None of the --features is a CLIP with a text side, such as open_clip:ViT-B-32/openai."
    if not len(pair.split.rows):
        return "No image of the split has features."
    encoder = materials.find_encoder(requested)
    assert isinstance(encoder, ClipEncoder)
    head = build_style_head(encoder)
    styles: list[JsonValue] = [style.model_dump(mode="json") for style in head.styles]
    return materials.store.resume(
        StyleSection,
        [*_describe_pair(materials, pair), styles],
        _RECOGNITION,
        lambda: measure_style(
            pair.split.vectors,
            head,
            split=materials.split.record.ref,
            reference=(materials.reference.record.ref, pair.reference.vectors),
        ),
    )


def _measure_distances(materials: Materials, pair: EmbeddedPair) -> DistanceSection:
    protocol = materials.request.protocol

    def measure() -> DistanceSection:
        materials.listener.start_split(
            f"distances by {pair.record.name}", materials.split.record.ref, "classes"
        )
        return measure_distances(
            make_set(pair.split),
            make_set(pair.reference),
            pair.record,
            protocol=protocol,
            on_progress=materials.listener.advance,
        )

    return materials.store.resume(
        DistanceSection, [*_describe_pair(materials, pair), protocol], _QUALITY, measure
    )


def _measure_diversity(materials: Materials, pair: EmbeddedPair) -> DiversitySection:
    def measure() -> DiversitySection:
        materials.listener.start_split(
            f"diversity by {pair.record.name}", materials.split.record.ref, "classes"
        )
        return measure_diversity(
            make_set(pair.split),
            make_set(pair.reference),
            pair.record,
            on_progress=materials.listener.advance,
        )

    return materials.store.resume(DiversitySection, _describe_pair(materials, pair), _QUALITY, measure)


def make_set(side: EmbeddedSide) -> FeatureSet:
    """Features as the measures take them."""
    return FeatureSet(side.vectors, np.asarray(side.labels, dtype=np.int64), side.image_ids)


def _describe_pair(materials: Materials, pair: EmbeddedPair) -> list[JsonValue]:
    return [materials.describe(), pair.record.model_dump(mode="json"), pair.used.model_dump(mode="json")]
