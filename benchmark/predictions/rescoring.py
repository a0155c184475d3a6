"""A result again from stored predictions: no model, no images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import CLASS_SET_NAMES, load_class_set, make_class_set
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.naming.published import load_published_accuracies
from imagenet_g.benchmark.predictions.entries import make_entry
from imagenet_g.benchmark.predictions.evidence import Evidence, restrict_outputs, select_view
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta, load_predictions
from imagenet_g.benchmark.records import ModelRecord, is_same_model
from imagenet_g.benchmark.results import PredictionsRecord, Result
from imagenet_g.benchmark.splits.references import parse_split_ref, validate_set_view


@dataclass(frozen=True, slots=True, kw_only=True)
class RescoreRequest:
    """Which stored predictions to score, and against what.

    Attributes:
        files: Predictions of one model, one file a split.
        reference: The same model's predictions on the clean set; None for a published accuracy.
        view: Rows to score; None for all.
        data: Local copies of splits, needed for views by a column.
        skip_unreadable: Leave unscored images out.
        out: Folder the result is for; paths in it are relative to this.
    """

    files: tuple[Path, ...]
    reference: Path | None
    view: str | None
    data: Mapping[str, Path]
    skip_unreadable: bool
    out: Path


def rescore(request: RescoreRequest) -> Result:
    """Compute a result from predictions files.

    Raises:
        DataError: A file is damaged, or the files are of different models.
        InputError: The view leaves no row.
        UnknownNameError: There is no such view.
    """
    loaded = [(path, *load_predictions(path)) for path in request.files]
    model = loaded[0][2].model
    reference = None
    if request.reference is not None:
        clean, clean_meta = load_predictions(request.reference)
        _validate_same_model(model, clean_meta, request.reference)
        reference = _make_evidence(request.reference, clean, clean_meta, request.out)
    entries = []
    for path, predictions, meta in loaded:
        _validate_same_model(model, meta, path)
        entries.append(
            make_entry(
                _restrict(_make_evidence(path, predictions, meta, request.out), request),
                reference=reference,
                published=load_published_accuracies(model.spec),
                skip_unscored=request.skip_unreadable,
            )
        )
    return Result(model=model, environment=make_environment(), entries=tuple(entries))


def _make_evidence(path: Path, predictions: Predictions, meta: PredictionsMeta, out: Path) -> Evidence:
    class_set = make_class_set("split-classes", meta.classes.indices)
    return Evidence(
        record=meta.split,
        predictions=predictions,
        class_set=class_set,
        output_set=class_set,
        outputs="all" if class_set.covers_all else meta.outputs,
        source=PredictionsRecord(
            file=Path(os.path.relpath(path, out)).as_posix(), sha256=hash_file(path), run=meta.run
        ),
        limit=meta.limit,
    )


def _restrict(evidence: Evidence, request: RescoreRequest) -> Evidence:
    view = request.view
    if view is None:
        return evidence
    if view in CLASS_SET_NAMES:
        return restrict_to_classes(evidence, view)
    ref = parse_split_ref(evidence.record.ref)
    if ref.kind != "version":
        validate_set_view(ref.base, view)
    split = load_split(ref, data=request.data, cache=None)
    if split.record.content_sha256 != evidence.record.content_sha256:
        raise DataError(f"The copy of '{ref}' on hand is not the one these predictions were made on.")
    return select_view(evidence, split, view)


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


def _validate_same_model(model: ModelRecord, meta: PredictionsMeta, path: Path) -> None:
    if not is_same_model(meta.model, model):
        raise DataError(
            f"'{path}' holds predictions of '{meta.model.spec}' with other weights or settings; "
            "a result is about one model, so score its files apart."
        )
