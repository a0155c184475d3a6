"""What the sections are made of: the images on both sides, and their features, each computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from imagenet_g.benchmark.backends.choosing import choose_batch_size
from imagenet_g.benchmark.backends.settings import InferenceSettings, RunSettings
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.critiques.critique import FeaturesUsed
from imagenet_g.benchmark.devices import choose_device
from imagenet_g.benchmark.distances.embeddings import Embeddings, ImageEncoder, embed_rows
from imagenet_g.benchmark.distances.encoders import load_encoder
from imagenet_g.benchmark.distances.feature_records import describe_clip_features
from imagenet_g.benchmark.distances.sides import Side, choose_classes, open_side
from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.features.row_store import hash_vectors
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.quality.inception import InceptionEncoder
from imagenet_g.benchmark.quality.records import FeatureRecord
from imagenet_g.benchmark.splits.readable import require_readable
from imagenet_g.generation.critique.request import CritiqueRequest
from imagenet_g.generation.critique.section_store import SectionStore
from imagenet_g.generation.image_checks.images import CheckedImages

VectorArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbeddedSide:
    """Features of the images of one side that have some.

    Attributes:
        rows: `(M,)` rows of the split, ascending.
        labels: `(M,)` int64 class of each.
        vectors: `(M, D)` float32, as the model gave them.
        image_ids: M ids.
    """

    rows: npt.NDArray[np.intp]
    labels: npt.NDArray[np.int64]
    vectors: VectorArray
    image_ids: tuple[str, ...]

    def scale_to_length_1(self) -> EmbeddedSide:
        """The same with each vector at length 1; those of a CLIP are already."""
        return replace(self, vectors=scale_rows(self.vectors))


@dataclass(frozen=True, slots=True)
class EmbeddedPair:
    """Features of both sides by one model.

    Attributes:
        record: Which model, and how images were brought to its size.
        used: The same for `critique.json`, with the hashes of the features.
        split: The split.
        reference: The reference.
    """

    record: FeatureRecord
    used: FeaturesUsed
    split: EmbeddedSide
    reference: EmbeddedSide


@dataclass(frozen=True)
class Materials:
    """Both sides opened.

    Attributes:
        request: What was asked for.
        split: The images.
        reference: The real images.
        classes: Class indices that both have.
        listener: Receives progress.
        looked: Images that a check has looked at, by their set; several checks share them.
    """

    request: CritiqueRequest
    split: Side
    reference: Side
    classes: tuple[int, ...]
    listener: EvaluationListener
    looked: dict[str, CheckedImages] = field(default_factory=dict)

    @property
    def store(self) -> SectionStore:
        """Where measured sections are kept."""
        return SectionStore(self.request.cache / "critiques")

    @cached_property
    def pairs(self) -> tuple[EmbeddedPair, ...]:
        """Features of both sides, one for each model; computed when they are first needed."""
        return tuple(self._embed(spec) for spec in self.request.features)

    @cached_property
    def training(self) -> Side | None:
        """The images that the generator was trained on, where they are given."""
        ref, request = self.request.training, self.request
        if ref is None:
            return None
        return open_side("reference", ref, data=request.data, cache=request.cache, note=self.listener.say)

    @cached_property
    def encoder(self) -> ImageEncoder:
        """The first model; its features serve the checks of images too."""
        return load_encoder(self.request.features[0], cache=self.request.cache)

    def find_encoder(self, requested: str) -> ImageEncoder:
        """A model by its name; one that is not the first is loaded again."""
        if requested == self.request.features[0]:
            return self.encoder
        return load_encoder(requested, cache=self.request.cache)

    def embed_side(self, encoder: ImageEncoder, side: Side) -> Embeddings:
        """Features of one side; rows that are kept are not computed."""
        self.listener.start_split(encoder.record.spec, side.record.ref)
        return embed_rows(
            encoder,
            side.split,
            side.rows.tolist(),
            settings=choose_settings(self.request.settings),
            cache=self.request.cache,
            on_progress=self.listener.advance,
        )

    def describe(self) -> JsonValue:
        """What decides a section of both sides, beyond its options and features."""
        return [describe_side(self.split), describe_side(self.reference)]

    def _embed(self, spec: str) -> EmbeddedPair:
        encoder = self.find_encoder(spec)
        made = [self.embed_side(encoder, side) for side in (self.split, self.reference)]
        split, reference = (
            join_side(side, found) for side, found in zip((self.split, self.reference), made, strict=True)
        )
        return EmbeddedPair(
            record=_describe_features(encoder, self.split, self.reference),
            used=FeaturesUsed(
                spec=encoder.record.spec,
                weights_sha256=encoder.record.weights_sha256,
                num_dimensions=encoder.record.num_dimensions,
                values_split_sha256=hash_vectors(split.vectors),
                values_reference_sha256=hash_vectors(reference.vectors),
                num_unreadable_split=len(made[0].errors),
                num_unreadable_reference=len(made[1].errors),
            ),
            split=split,
            reference=reference,
        )


def open_materials(request: CritiqueRequest, listener: EvaluationListener) -> Materials:
    """Open both sides.

    Raises:
        InputError: They share no class or are the same images, or the split cannot be opened.
        DataError: No image of a side can be read, or a release is incomplete.
    """
    data, cache, say = request.data, request.cache, listener.say
    split = open_side("split", request.split, data=data, cache=cache, note=say)
    reference = open_side("reference", request.reference, data=data, cache=cache, note=say)
    if describe_side(split)[1:] == describe_side(reference)[1:]:
        raise InputError(
            f"--reference {reference.record.ref} has the images of {split.record.ref} itself; name real "
            "images of the same classes."
        )
    classes = choose_classes(split, reference, None)
    for side in (split, reference):
        require_readable(side.split, side.rows.tolist(), ref=side.record.ref)
    return Materials(request, split, reference, classes, listener)


def scale_rows(vectors: VectorArray) -> VectorArray:
    """`(M, D)` vectors at length 1, none of which is zero.

    Example:
        >>> scale_rows(np.array([[3.0, 4.0]], dtype=np.float32)).round(2).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float32)


def describe_side(side: Side) -> list[JsonValue]:
    """The images of a side: what they are called, their content, and which rows of it."""
    return [side.record.ref, side.record.content_sha256, hash_json(side.rows.tolist())]


def count_classes(side: Side) -> Mapping[int, int]:
    """Images by class index."""
    indices, counts = np.unique(side.labels, return_counts=True)
    return dict(zip(indices.tolist(), counts.tolist(), strict=True))


def list_missing(materials: Materials) -> tuple[str, ...]:
    """Classes of the split that the reference lacks."""
    missing = set(materials.split.labels.tolist()) - set(materials.classes)
    return tuple(load_classes()[index].wnid for index in sorted(missing))


def choose_settings(settings: RunSettings) -> InferenceSettings:
    """Where and how features are computed."""
    device = choose_device(settings.device)
    return InferenceSettings(
        device=device,
        dtype=settings.dtype,
        batch_size=settings.batch_size or choose_batch_size("torch", device),
        workers=settings.workers or choose_workers(),
    )


def join_side(side: Side, made: Embeddings) -> EmbeddedSide:
    """Features with the labels and ids of their images; those without features are left out."""
    label_of = dict(zip(side.rows.tolist(), side.labels.tolist(), strict=True))
    rows = made.rows.tolist()
    return EmbeddedSide(
        rows=made.rows,
        labels=np.array([label_of[row] for row in rows], dtype=np.int64),
        vectors=made.vectors,
        image_ids=tuple(side.split.rows.image_ids[row] for row in rows),
    )


def _describe_features(encoder: ImageEncoder, split: Side, reference: Side) -> FeatureRecord:
    if isinstance(encoder, InceptionEncoder):
        return encoder.describe()
    refs = {"split": split.record.ref, "reference": reference.record.ref}
    return describe_clip_features(encoder.record, (*split.clip_uses, *reference.clip_uses), refs)
