"""Predictions together with what they are predictions of, ready to be scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import CLASS_SET_NAMES, ClassSet, load_class_set, make_class_set
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.filters.kept import NoImages, attach_kept, choose_store, load_kept
from imagenet_g.benchmark.filters.quality import QualityFilter, make_quality_filter
from imagenet_g.benchmark.filters.twins import find_twin
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta, load_predictions
from imagenet_g.benchmark.records import ModelRecord, Outputs, SplitRecord
from imagenet_g.benchmark.results import PredictionsRecord
from imagenet_g.benchmark.splits.real_set_files import RealSet
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split, SplitRows
from imagenet_g.benchmark.splits.views import apply_view, find_view, find_view_class_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Predictions on one split or view, ready to be scored.

    Attributes:
        model: What predicted.
        record: The split, with its view.
        predictions: The rows of the view.
        class_set: Classes that have images; a measured reference is restricted to them.
        output_set: Classes the model chooses among when outputs are restricted: the registered set for a
            class view, the split's own classes otherwise.
        outputs: What the split is scored on when its reference covers the same classes.
        source: The predictions file and the run behind it.
        limit: As in `Entry.limit`.
        quality_filter: What the view keeps images by, such as a CLIP threshold; None where it keeps them all.
    """

    model: ModelRecord
    record: SplitRecord
    predictions: Predictions
    class_set: ClassSet
    output_set: ClassSet
    outputs: Outputs
    source: PredictionsRecord
    limit: int | None
    quality_filter: QualityFilter | None = None

    @classmethod
    def from_file(cls, path: Path, *, name: str | None = None, sha256: str | None = None) -> Self:
        """Evidence from a stored predictions file, on the whole split: no image and no model is needed.

        Args:
            path: The predictions.
            name: What the result calls the file, relative to itself; the file's own name by default.
            sha256: Hash that the file must have, where a result states one.

        Raises:
            DataError: The file is missing or damaged, or has another hash.
        """
        predictions, meta = load_predictions(path)
        found = hash_file(path)
        if sha256 not in (None, found):
            raise DataError(f"'{path}' is not the file the result was computed from: its sha256 differs.")
        class_set = make_class_set("split-classes", meta.classes.indices)
        return cls(
            model=meta.model,
            record=meta.split,
            predictions=predictions,
            class_set=class_set,
            output_set=class_set,
            outputs="all" if class_set.covers_all else meta.outputs,
            source=PredictionsRecord(file=name or path.name, sha256=found, run=meta.run),
            limit=meta.limit,
        )

    def without_unscored(self) -> Self:
        """The same, with images that have no prediction left out, and classes that lose all their images."""
        predictions = self.predictions.take(np.flatnonzero(self.predictions.scored))
        # A reference restricted to more classes than were scored would compare one set with another.
        lost = set(np.unique(self.predictions.labels)) - set(np.unique(predictions.labels))
        kept = [index for index in self.class_set.indices if index not in lost]
        class_set = self.class_set if not lost else make_class_set("split-classes", kept)
        return replace(self, predictions=predictions, class_set=class_set)

    def with_labels_in(self, class_set: ClassSet) -> Self:
        """The same, with only the images that may be called one of the classes; there may be none."""
        inside = np.isin(self.predictions.labels, class_set.indices).any(axis=1)
        return replace(self, predictions=self.predictions.take(np.flatnonzero(inside)))

    def is_nested(self, other: Evidence) -> bool:
        """Whether all images of one are among those of the other, as in two views of one split."""
        # The content is asked too: ids of a folder are paths, which another folder may have as well.
        if self.record.content_sha256 != other.record.content_sha256:
            return False
        ours, theirs = set(self.predictions.image_ids), set(other.predictions.image_ids)
        return ours <= theirs or theirs <= ours


def make_evidence(
    split: Split, predictions: Predictions, meta: PredictionsMeta, source: PredictionsRecord
) -> Evidence:
    """Evidence on a whole split."""
    return Evidence(
        model=meta.model,
        record=split.record,
        predictions=predictions,
        class_set=split.class_set,
        output_set=split.class_set,
        outputs="all" if split.class_set.covers_all else split.outputs,
        source=source,
        limit=meta.limit,
    )


def select_view(evidence: Evidence, split: Split, view: str) -> Evidence:
    """Evidence on one view of the split: its rows, its classes.

    Raises:
        UnknownNameError: The split has no such view.
        InputError: No image of the view was run.
    """
    rows, class_set, record = apply_view(split, view)
    chosen = {split.rows.image_ids[row] for row in rows}
    ids = evidence.predictions.image_ids
    kept = np.flatnonzero(np.fromiter((image_id in chosen for image_id in ids), np.bool_, len(ids)))
    if not len(kept):
        raise InputError(f"No image of '{record.ref}' was run; raise --limit or drop it.")
    spec = find_view(split, view)
    filtered = replace(
        evidence,
        record=record,
        predictions=evidence.predictions.take(kept),
        class_set=class_set,
        quality_filter=make_quality_filter(split, spec),
    )
    restricted_to = find_view_class_set(spec)
    return filtered if restricted_to is None else restrict_outputs(filtered, restricted_to)


def select_twin(reference: Evidence, split: Split, like: Evidence) -> Evidence:
    """The clean predictions that a split's are compared with, where the user names no view.

    Args:
        reference: On the whole clean set, or on the view that the user named: that one stays.
        split: The clean set.
        like: On the split.

    Returns:
        The images that passed the split's filter; all of them where it has none, where the clean set has no
        such view, and where none of its images was run.
    """
    if reference.record.view is not None:
        return reference
    twin = find_twin(like.quality_filter, split)
    if twin is None:
        return reference
    try:
        return select_view(reference, split, twin)
    except InputError:
        return reference


def restrict_to_twin(reference: Evidence, like: Evidence, *, data: Mapping[str, Path]) -> Evidence:
    """As `select_twin`, on stored predictions.

    Args:
        reference: On the whole clean set, or on the view that the user named.
        like: On the split.
        data: Local copies of splits. Without one of the clean set, all of its images are taken.
    """
    if like.quality_filter is None or reference.record.view is not None:
        return reference
    try:
        split = open_predicted_split(reference, data=data)
    except (DataError, InputError):
        # Nothing is known of how its images score; the gap is marked.
        return reference
    return select_twin(reference, split, like)


def restrict_outputs(evidence: Evidence, class_set_name: str) -> Evidence:
    """The same evidence, scored among the classes of a registered set."""
    output_set = load_class_set(class_set_name)
    return replace(
        evidence, output_set=output_set, outputs="all" if output_set.covers_all else "split-classes"
    )


def restrict_to_view(evidence: Evidence, view: str | None, *, data: Mapping[str, Path]) -> Evidence:
    """The rows of one view of a stored split.

    Args:
        evidence: On the whole split.
        view: A registered class set, a view of the split, or None for all rows.
        data: Local copies of splits, needed for views by a column.

    Raises:
        DataError: The local copy of the split has other images or labels.
        InputError: No row is left, or there is no local copy.
        UnknownNameError: There is no such view.
    """
    if view is None:
        return evidence
    if view in CLASS_SET_NAMES:
        return restrict_to_classes(evidence, view)
    return select_view(evidence, open_predicted_split(evidence, data=data), view)


def open_predicted_split(evidence: Evidence, *, data: Mapping[str, Path]) -> Split:
    """The split behind stored predictions, with what its views filter by.

    A release has its columns beside its images. Those of a real set or a folder are kept apart, so that the
    predictions stand for the images.

    Raises:
        DataError: The local copy of the release has other images or labels.
        InputError: There is no copy of the release.
    """
    # A set of the user's own has no version, and could not even be parsed without its table.
    if evidence.record.version is not None and parse_split_ref(evidence.record.ref).kind == "version":
        return load_predicted_split(evidence.record, data=data)
    predictions = evidence.predictions
    rows = SplitRows(
        predictions.image_ids, predictions.labels, predictions.source_image_ids, predictions.strengths
    )
    split = Split(
        record=evidence.record,
        rows=rows,
        reader=NoImages(),
        class_set=evidence.class_set,
        outputs=evidence.outputs,
    )
    return attach_kept(split, load_kept(choose_store(), evidence.record.content_sha256))


def load_predicted_split(
    record: SplitRecord, *, data: Mapping[str, Path], sets: Mapping[str, RealSet] | None = None
) -> Split:
    """The local copy of the split that predictions were made on.

    Args:
        record: As the predictions record it.
        data: Local copies by name.
        sets: Known real sets by name; None for the shipped ones.

    Raises:
        DataError: The copy has other images or labels.
        InputError: There is no copy.
    """
    split = load_split(parse_split_ref(record.ref, sets), data=data, cache=None)
    if split.record.content_sha256 != record.content_sha256:
        raise DataError(
            f"The local copy of '{record.ref}' has other images or labels than the one these predictions "
            "were made on. Name that one by --data."
        )
    return split


def restrict_to_classes(evidence: Evidence, name: str) -> Evidence:
    """The rows whose label is in a registered class set; labels alone decide, so no image is needed.

    Raises:
        InputError: No row is left.
    """
    wanted = load_class_set(name)
    labels = evidence.predictions.labels
    # As views do: a release's image is of one class, first in its row; the others are answers only.
    own = labels if evidence.record.version is None else labels[:, :1]
    rows = np.flatnonzero(np.isin(own, wanted.indices).any(axis=1))
    shared = set(wanted.indices) & set(evidence.class_set.indices)
    if not len(rows) or not shared:
        raise InputError(f"'{evidence.record.ref}' has no image of the classes of '{name}'.")
    return restrict_outputs(
        replace(
            evidence,
            record=evidence.record.model_copy(
                update={"ref": f"{evidence.record.ref}:{name}", "view": name, "num_classes": len(shared)}
            ),
            predictions=evidence.predictions.take(rows),
            class_set=make_class_set("split-classes", shared),
        ),
        name,
    )
