"""The sections that look at the images themselves, and that of the known traps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from pydantic import JsonValue

from imagenet_g.benchmark.catalogue.catalogue import find_release
from imagenet_g.benchmark.critiques.image_checks import (
    NearDuplicatesSection,
    SafetySection,
    VariationSection,
    WatermarkSection,
)
from imagenet_g.benchmark.critiques.traps import TrapSection, measure_traps
from imagenet_g.benchmark.distances.sides import Side, load_recipe, open_side
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.generation.critique.materials import Materials, count_classes, describe_side, scale_rows
from imagenet_g.generation.image_checks.duplicates import ComparedImages, measure_near_duplicates
from imagenet_g.generation.image_checks.images import CheckedImages, align_vectors, open_images
from imagenet_g.generation.image_checks.safety import measure_safety
from imagenet_g.generation.image_checks.variation import measure_variation
from imagenet_g.generation.image_checks.watermarks import find_decoder, measure_watermarks
from imagenet_g.generation.rendering.safety_scorer import find_safety_version

_CHECKS = tuple(f"imagenet_g.generation.{room}" for room in ("image_checks", "near_duplicates", "rendering"))
_PROMPT = "prompt"


def make_near_duplicates(materials: Materials) -> NearDuplicatesSection:
    """The search inside the split, against other splits of its release, the reference and a training set."""
    others, training = list_other_splits(materials), materials.training
    sheet = f"near-duplicates-{_name(materials)}.png"
    sides: list[Side] = [*others, *([] if training is None else [training])]

    def measure() -> NearDuplicatesSection:
        return measure_near_duplicates(
            look_at(materials, materials.split, materials.request.split),
            ComparedImages(
                splits=[look_at(materials, side, None) for side in others],
                reference=look_at(materials, materials.reference, materials.request.reference),
                training=[] if training is None else [look_at(materials, training, None)],
            ),
            sheet=materials.request.out / sheet,
        )

    return materials.store.resume(
        NearDuplicatesSection,
        [*_describe(materials), [describe_side(side) for side in sides], sheet],
        _CHECKS,
        measure,
        # Where the picture is gone the search runs again: a page would else have a gap.
        is_whole=lambda kept: kept.sheet is None or (materials.request.out / kept.sheet).is_file(),
    )


def make_safety(materials: Materials) -> SafetySection:
    """Verdicts on every image."""
    name = f"safety-{_name(materials)}.parquet"

    def measure() -> SafetySection:
        images = look_at(materials, materials.split, materials.request.split)
        materials.listener.start_split("safety", materials.split.record.ref)
        return measure_safety(
            images,
            cache=materials.request.cache,
            scores_path=materials.request.out / name,
            on_progress=materials.listener.advance,
        )

    return materials.store.resume(
        SafetySection,
        [*_describe(materials), find_safety_version(), name],
        _CHECKS,
        measure,
        is_whole=lambda kept: _has_scores(materials, kept),
    )


def make_variation(materials: Materials) -> VariationSection:
    """Shares of variation, tones and plain images."""
    return materials.store.resume(
        VariationSection,
        _describe(materials),
        _CHECKS,
        lambda: measure_variation(
            look_at(materials, materials.split, materials.request.split),
            look_at(materials, materials.reference, materials.request.reference),
        ),
    )


def make_watermarks(materials: Materials) -> WatermarkSection:
    """What the release says of marks, and what is found."""

    def measure() -> WatermarkSection:
        images = look_at(materials, materials.split, materials.request.split)
        materials.listener.start_split("watermarks", materials.split.record.ref)
        return measure_watermarks(images, on_progress=materials.listener.advance)

    return materials.store.resume(
        WatermarkSection, [*_describe(materials), find_decoder() is not None], _CHECKS, measure
    )


def make_traps(materials: Materials) -> TrapSection:
    """The known traps among the classes of the split."""
    return measure_traps(count_classes(materials.split), list_prompts(materials.split))


def list_prompts(side: Side) -> dict[int, list[str]] | None:
    """Prompts of the images by class index; None where the split has none."""
    try:
        column = side.split.reader.read_column(_PROMPT)
    # A folder or a real set has no such column.
    except DataError:
        return None
    found: dict[int, list[str]] = defaultdict(list)
    for row, label in zip(side.rows.tolist(), side.labels.tolist(), strict=True):
        if isinstance(prompt := column[row], str):
            found[label].append(prompt)
    return dict(found) or None


def list_other_splits(materials: Materials) -> list[Side]:
    """The other splits of the same release, opened; empty for a split of no release."""
    request = materials.request
    if request.split.kind != "version":
        return []
    folder = find_release(request.split, request.data, cache=request.cache)
    # The reference may be a split of the same release, and has a search of its own.
    own = {request.split.base, request.reference.base}
    refs = [
        replace(request.split, base=f"{request.split.version}/{name}", view=None)
        for name in load_manifest(folder).splits
    ]
    return [
        open_side("split", ref, data=request.data, cache=request.cache) for ref in refs if ref.base not in own
    ]


def look_at(materials: Materials, side: Side, ref: SplitRef | None) -> CheckedImages:
    """The images of a side with their looks and the features of the first model.

    Args:
        materials: What is measured.
        side: The images.
        ref: Where its recipe is found; None where no check needs it.
    """
    request, name = materials.request, side.record.ref
    if name in materials.looked:
        return materials.looked[name]
    made = materials.embed_side(materials.encoder, side)
    materials.listener.start_split("looks", name)
    materials.looked[name] = open_images(
        side.split,
        side.rows.tolist(),
        ref=side.record.ref,
        cache=request.cache,
        vectors=align_vectors(side.rows, made.rows, scale_rows(made.vectors)),
        features=materials.encoder.record.spec,
        recipe=None if ref is None else load_recipe(ref, data=request.data, cache=request.cache),
        on_progress=materials.listener.advance,
    )
    return materials.looked[name]


def _describe(materials: Materials) -> list[JsonValue]:
    encoder = materials.encoder
    return [materials.describe(), encoder.record.model_dump(mode="json"), encoder.architecture_sha256]


def _name(materials: Materials) -> str:
    """Short and of the images: two critiques into one folder do not share a file."""
    return hash_json(describe_side(materials.split))[:8]


def _has_scores(materials: Materials, kept: SafetySection) -> bool:
    name = None if kept.classifier is None else kept.classifier.scores_file
    return name is None or (materials.request.out / name).is_file()
