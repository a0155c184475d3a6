"""The features of one model: where they are kept, which are there, and what follows from them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.backends.backend import BackendReport
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.environment import format_now
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.features.files import Features, FeaturesMeta, write_features
from imagenet_g.benchmark.features.keeping import FeatureParts, KeepingHead, load_complete, predict_rows
from imagenet_g.benchmark.features.row_store import KeptRows, hash_vectors
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.inference.running_model import InferenceOutcome, InferenceTask
from imagenet_g.benchmark.models.classifiers import Classifier, FeatureHead
from imagenet_g.benchmark.models.zero_shot import ImageTower, split_head
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.results import FeaturesRecord
from imagenet_g.benchmark.splits.splits import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFeatures:
    """Features of one CLIP in a cache.

    Attributes:
        cache: The cache's folder.
        record: The model.
        tower_sha256: Hash of its image side.
        dtype: In which it runs.
        precision: What that means for a key, as `evaluation.cache.name_precision`.
    """

    cache: Path
    record: ModelRecord
    tower_sha256: str
    dtype: str
    precision: str

    def make_key(self, backend: str, split: Split) -> str:
        """Cache key: a hash of all that decides a feature beyond rounding; no text has a part in it.

        Args:
            backend: What encodes, as in the key of predictions.
            split: The images.
        """
        return hash_json(
            {
                "weights": self.record.weights_sha256,
                "tower": self.tower_sha256,
                "preprocessing": self.record.preprocessing.model_dump(),
                "content": split.record.content_sha256,
                "border_px": split.border_px,
                "precropped": split.precropped,
                "dtype": self.precision,
                "backend": backend,
            }
        )

    def find(self, backend: str, split: Split, rows: Sequence[int]) -> KeptRows | None:
        """The features of rows; None unless all of them are kept."""
        return load_complete(self._find_folder(backend, split), rows)

    def has_some(self, backend: str, split: Split) -> bool:
        """Whether features of some rows are kept."""
        return any(self._find_folder(backend, split).glob("*.npz"))

    def prepare(self, task: InferenceTask, backend: str, split: Split, rows: Sequence[int]) -> InferenceTask:
        """The task of the same model with its features kept; it goes on where an earlier one stopped."""
        tower, head = _split(task.classifier)
        keeping = KeepingHead(head)
        parts = FeatureParts(
            self._find_folder(backend, split),
            split=split,
            rows=rows,
            head=keeping,
            class_sets=task.class_sets,
        )
        classifier = replace(task.classifier, module=tower, head=keeping)
        # The image side is another module than the whole, and is compiled as one of its own.
        identity = hash_json(["image side", self.record.weights_sha256, self.tower_sha256])
        kept = None if task.kept is None else replace(task.kept, identity=identity)
        return replace(task, classifier=classifier, parts=parts, kept=kept)

    def write(
        self,
        folder: Path,
        file: str,
        split: Split,
        rows: Sequence[int],
        *,
        backends: Sequence[str],
        limit: int | None,
    ) -> FeaturesRecord:
        """Write the features of rows beside a result.

        Args:
            folder: Of the result.
            file: Path relative to it.
            split: The images.
            rows: Which rows, all of them kept.
            backends: What may have encoded them; the first that has is taken.
            limit: As in the request; None for all rows.

        Raises:
            StorageError: The place cannot be written.
            ModelError: Features were removed from the cache meanwhile.
        """
        found = ((backend, self.find(backend, split, rows)) for backend in backends)
        backend, known = next(((name, kept) for name, kept in found if kept is not None), ("", None))
        if known is None:
            raise ModelError(
                f"The features on {split.record.ref} are no longer in '{self.cache}'. Run again."
            )
        features = self._make_features(backend, split, rows, known, limit=limit)
        write_features(folder / file, features)
        return FeaturesRecord(
            file=file,
            sha256=hash_file(folder / file),
            values_sha256=features.meta.values_sha256,
            num_dimensions=features.meta.num_dimensions,
        )

    def _make_features(
        self, backend: str, split: Split, rows: Sequence[int], known: KeptRows, *, limit: int | None
    ) -> Features:
        found = known.stack(rows)
        errors = tuple(known.errors.get(row) for row in rows)
        vectors = np.full((len(rows), found.shape[1]), np.nan, dtype=np.float32)
        vectors[[error is None for error in errors]] = found
        meta = FeaturesMeta(
            model=self.record,
            tower_sha256=self.tower_sha256,
            split=split.record,
            dtype=self.dtype,
            backend=backend,
            limit=limit,
            num_dimensions=found.shape[1],
            values_sha256=hash_vectors(found),
            key=self.make_key(backend, split),
        )
        return Features(
            image_ids=tuple(split.rows.image_ids[row] for row in rows),
            labels=split.rows.labels[np.asarray(rows, dtype=np.intp)],
            vectors=vectors,
            errors=errors,
            meta=meta,
        )

    def _find_folder(self, backend: str, split: Split) -> Path:
        return self.cache / "embeddings" / self.make_key(backend, split)


def make_outcome(
    classifier: Classifier,
    split: Split,
    rows: Sequence[int],
    known: KeptRows,
    class_sets: Mapping[str, ClassSet],
    *,
    settings: InferenceSettings,
) -> InferenceOutcome:
    """Predictions from kept features, as the outcome of a run that encoded no image.

    Args:
        classifier: The CLIP, with the head of its texts.
        split: The images.
        rows: Which rows, all of them known.
        known: Their features.
        class_sets: Class sets to store restricted outputs for, by stored name.
        settings: How the model would run.

    Raises:
        ModelError: The model is no CLIP.
    """
    started, started_utc = time.perf_counter(), format_now()
    predictions = predict_rows(_split(classifier)[1], split, rows, known, class_sets)
    return InferenceOutcome(
        predictions=predictions,
        settings=settings,
        seconds=time.perf_counter() - started,
        started_utc=started_utc,
        num_computed=0,
        shared_with=0,
        warm_up_seconds=None,
        logits_dtype="float32",
        batch_check=None,
        report=BackendReport(precision=settings.dtype),
    )


def _split(classifier: Classifier) -> tuple[ImageTower, FeatureHead]:
    sides = split_head(classifier.module)
    if sides is None:
        raise ModelError(f"'{classifier.record.requested}' is no CLIP: it has no features and no texts.")
    return sides
