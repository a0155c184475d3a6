"""A baseline measured on a split without published figures.

`imagenet-g baselines run` evaluates the models of a set and puts their right answers by class into one file
that can be hashed, published and fitted again, without the predictions.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import DataError, InputError, format_problems
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.records import Count, FileModel, Outputs, Sha256
from imagenet_g.benchmark.robustness.own_line import NO_WEIGHTS
from imagenet_g.benchmark.robustness.points import BaselinePoints, ClassCounts, PointCounts, validate_names
from imagenet_g.benchmark.storage import write_text


class MeasuredRecord(FileModel):
    """One model of a measured baseline."""

    model: str
    family: str
    weights_sha256: Sha256
    reference_right: tuple[Count, ...]
    """Right answers on the clean images of each class, in the order of `class_indices`."""
    shifted_right: tuple[Count, ...]


class MeasuredBaseline(FileModel):
    """The file: models, and their right answers by class on a split and on its same-class clean twin."""

    schema_version: Literal[1] = 1
    id: str
    """Id of the baseline set the models come from."""
    set_sha256: Sha256
    target: str
    content_sha256: Sha256
    """Images and labels of the split; a result on other images is refused."""
    outputs: Outputs
    reference_set: str
    reference_manifest_sha256: Sha256 | None
    class_indices: tuple[Count, ...]
    reference_total: tuple[Count, ...]
    shifted_total: tuple[Count, ...]
    records: tuple[MeasuredRecord, ...]

    # Cached: it is written into every record of a placement, and the file holds a thousand classes a model.
    @cached_property
    def sha256(self) -> str:
        """Hash of everything in the file."""
        return hash_json(self.model_dump(mode="json"))


def write_measured_baseline(path: Path, measured: MeasuredBaseline) -> None:
    """Write the file in one step."""
    write_text(path, format_measured_baseline(measured))


def format_measured_baseline(measured: MeasuredBaseline) -> str:
    """The text of the file."""
    return measured.model_dump_json() + "\n"


def load_measured_baseline(path: Path) -> MeasuredBaseline:
    """Read and validate the file.

    Raises:
        DataError: It is missing or malformed.
        InputError: A model is in it twice.
    """
    try:
        measured = MeasuredBaseline.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"There is no measured baseline '{path}'.") from error
    except ValidationError as error:
        raise DataError(f"'{path}' is not a measured baseline:\n{format_problems(error)}") from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    validate_measured(measured)
    return measured


def validate_measured(measured: MeasuredBaseline) -> None:
    """Check what the counts must fulfil.

    Raises:
        DataError: Lengths differ, or more answers are right than there are images.
        InputError: A model is listed twice, be it under two names.
    """
    source = f"Baseline '{measured.id}'"
    validate_names(tuple(record.model for record in measured.records), source=source)
    # Copies of a model lie on one point, and would pass for models or families that agree.
    hashes = Counter(record.weights_sha256 for record in measured.records)
    twice = {weights for weights, number in hashes.items() if number > 1 and weights != NO_WEIGHTS}
    if names := [record.model for record in measured.records if record.weights_sha256 in twice]:
        raise InputError(f"{source} lists models with the same weights: {', '.join(names)}; keep one row.")
    length = len(measured.class_indices)
    if not length or max(measured.class_indices) >= NUM_CLASSES:
        raise DataError(f"Baseline '{measured.id}' names no classes, or classes outside 0..999.")
    for record in measured.records:
        for right, total in (
            (record.reference_right, measured.reference_total),
            (record.shifted_right, measured.shifted_total),
        ):
            if len(right) != length or len(total) != length:
                raise DataError(f"Baseline '{measured.id}': counts of '{record.model}' miss classes.")
            if any(k > n for k, n in zip(right, total, strict=True)):
                raise DataError(f"Baseline '{measured.id}': '{record.model}' has more right than images.")


def build_measured_points(measured: MeasuredBaseline) -> BaselinePoints:
    """Points with their class counts, on the 1000 classes.

    Raises:
        InputError: There is no image.
    """
    clean = _make_counts(measured, [record.reference_right for record in measured.records], clean=True)
    shifted = _make_counts(measured, [record.shifted_right for record in measured.records], clean=False)
    if not clean.total.sum() or not shifted.total.sum():
        raise InputError(f"Baseline '{measured.id}' on '{measured.target}' has no images.")
    return BaselinePoints(
        baseline=measured.id,
        baseline_sha256=measured.sha256,
        target=measured.target,
        axes=(f"{measured.reference_set}, same classes",),
        models=tuple(record.model for record in measured.records),
        families=tuple(record.family for record in measured.records),
        reference=clean.right.sum(axis=1, keepdims=True) / clean.total.sum(),
        shifted=shifted.right.sum(axis=1) / shifted.total.sum(),
        reference_n=(int(clean.total.sum()),),
        shifted_n=int(shifted.total.sum()),
        counts=PointCounts(reference=clean, shifted=shifted),
        weights=tuple(record.weights_sha256 for record in measured.records),
    )


def _make_counts(measured: MeasuredBaseline, rows: list[tuple[int, ...]], *, clean: bool) -> ClassCounts:
    total = np.zeros(NUM_CLASSES)
    total[list(measured.class_indices)] = measured.reference_total if clean else measured.shifted_total
    # Spread over all 1000 classes, so that they line up with those of any evaluated model.
    right = np.zeros((len(rows), NUM_CLASSES))
    right[:, list(measured.class_indices)] = np.array(rows, dtype=np.float64)
    return ClassCounts(right=right, total=total)
