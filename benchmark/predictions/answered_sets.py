"""The stored answers of one model to a split and to its reference, both whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.catalogue.origins import restore_origin
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.predictions.class_counts import load_stored_evidence
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.result_files import find_result_folder, load_result
from imagenet_g.benchmark.records import is_same_model


@dataclass(frozen=True, slots=True)
class AnsweredSets:
    """One model.

    Attributes:
        evidence: Its answers to the whole split.
        clean: Its answers to the whole reference; None where it was not run on it.
    """

    evidence: Evidence
    clean: Evidence | None


def load_answered_sets(
    paths: Sequence[Path], split: str, reference: str | None, *, data: Mapping[str, Path] | None = None
) -> tuple[AnsweredSets, ...]:
    """The answers behind results; no image is read and no model is run.

    Args:
        paths: Results, or folders with one; one a model.
        split: Reference of a split without a view.
        reference: Reference of the clean set without a view; None for no clean set.
        data: Local copies of splits, which say how a release of an older result was made.

    Raises:
        DataError: A file is missing or damaged.
        UnknownNameError: A result has no answers to the split.
    """
    return tuple(_load(path, split, reference, data or {}) for path in paths)


def _load(path: Path, split: str, reference: str | None, data: Mapping[str, Path]) -> AnsweredSets:
    result, folder = load_result(path), find_result_folder(path)
    # Views share the predictions of their split.
    entries = {entry.split.base_ref: entry for entry in result.entries if entry.relabelled is None}
    if split not in entries:
        raise UnknownNameError("split", split, entries, where=f"of '{path}'")
    shifted = load_stored_evidence(entries[split], None, folder, data=data)
    shifted = replace(shifted, record=restore_origin(shifted.record, data))
    if reference is None or reference not in entries:
        return AnsweredSets(shifted, None)
    return AnsweredSets(shifted, load_stored_evidence(entries[reference], None, folder, data=data))


def drop_repeated(models: Sequence[AnsweredSets]) -> tuple[AnsweredSets, ...]:
    """Each model once, the first that was given: one that is named twice would count twice.

    Example:
        >>> drop_repeated(())
        ()
    """
    kept: list[AnsweredSets] = []
    for model in models:
        if not any(is_same_model(model.evidence.model, other.evidence.model) for other in kept):
            kept.append(model)
    return tuple(kept)


def align_rows(evidences: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The same images in the same order for all: those that every model was run on.

    Raises:
        DataError: Two are about different images.
        InputError: No image was run by all.
    """
    first = evidences[0]
    for other in evidences[1:]:
        if other.record.content_sha256 != first.record.content_sha256:
            raise DataError(
                f"'{other.model.spec}' was run on '{other.record.ref}' and '{first.model.spec}' on "
                f"'{first.record.ref}', or on other images of that name; compare on the same split."
            )
    shared = set(first.predictions.image_ids).intersection(
        *(one.predictions.image_ids for one in evidences[1:])
    )
    if not shared:
        raise InputError(f"No image of '{first.record.ref}' was run by all of the models.")
    order = [image_id for image_id in first.predictions.image_ids if image_id in shared]
    return tuple(_reorder(one, order) for one in evidences)


def _reorder(evidence: Evidence, order: Sequence[str]) -> Evidence:
    row_of = {image_id: row for row, image_id in enumerate(evidence.predictions.image_ids)}
    rows = np.array([row_of[image_id] for image_id in order], dtype=np.intp)
    return replace(evidence, predictions=evidence.predictions.take(rows))
