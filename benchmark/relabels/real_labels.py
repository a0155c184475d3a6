"""ReaL labels: what people saw in the images of ImageNet's validation set, none, one or several classes each.

Source: Beyer et al. 2020, "Are we done with ImageNet?" (arXiv 2006.07159); `real.json` of
github.com/google-research/reassessed-imagenet is a list of 50,000 lists of class indices, in the order of the
images' numbers. An image without a label is left out, and any of an image's labels is right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.classes import NUM_CLASSES, load_class_set
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.formats.relabels import RelabelRecord
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.predictions import Predictions

NAME = "ReaL"
SET = "imagenet-val"
NUM_IMAGES = 50_000
MAX_BYTES = 10_000_000
"""The authors' file has less than a megabyte."""
_NUMBER = re.compile(r"ILSVRC2012_val_(\d{8})(?!\d)")
Labels = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class RealLabels:
    """The labels, and where they are from.

    Attributes:
        labels: Class indices of each image, in the order of their numbers, 1 to 50,000.
        source: A URL, or the name of the user's file.
        sha256: Hash of the file's bytes.
    """

    labels: Labels
    source: str
    sha256: str

    def relabel(self, evidence: Evidence) -> tuple[Evidence, RelabelRecord]:
        """Predictions with these labels in place of the set's own, and the record of it.

        Raises:
            InputError: The predictions are of another set, or of images without their numbers.
        """
        if evidence.record.base_ref != SET:
            raise InputError(f"{NAME} labels are those of '{SET}', not of '{evidence.record.ref}'.")
        found = relabel_predictions(evidence.predictions, self.labels)
        if not len(found):
            raise InputError(f"No image that was run has a {NAME} label; raise --limit.")
        record = RelabelRecord(
            name=NAME,
            source=self.source,
            sha256=self.sha256,
            n_without=len(evidence.predictions) - len(found),
        )
        # The labels may name any class, whatever the set's own labels cover.
        every = load_class_set("all")
        return replace(evidence, predictions=found, class_set=every, output_set=every, outputs="all"), record


def read_real_labels(data: bytes, source: str) -> RealLabels:
    """Labels from the bytes of a file, which are not trusted.

    Args:
        data: The file.
        source: Where it is from, for the record.

    Raises:
        DataError: It is not the list that it must be.
    """
    if len(data) > MAX_BYTES:
        raise DataError(f"'{source}' has {len(data)} bytes; {NAME} labels have at most {MAX_BYTES}.")
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"'{source}' is not JSON, which {NAME} labels are: {error}") from error
    return RealLabels(validate_labels(parsed, source), source, hash_bytes(data))


def validate_labels(parsed: object, source: str) -> Labels:
    """The labels of a parsed file.

    Raises:
        DataError: It is no list of 50,000 lists of class indices, each index once in a list.

    Example:
        >>> validate_labels([[1], [0, 1000]], "x.json")
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.DataError: 'x.json' has 2 images; ReaL labels are a list of 50000.
    """
    if not isinstance(parsed, list):
        raise DataError(f"'{source}' is no list; {NAME} labels are a list of {NUM_IMAGES} lists.")
    if len(parsed) != NUM_IMAGES:
        raise DataError(f"'{source}' has {len(parsed)} images; {NAME} labels are a list of {NUM_IMAGES}.")
    for number, labels in enumerate(parsed, 1):
        if not _is_label_list(labels):
            raise DataError(
                f"'{source}' gives image {number} no list of class indices from 0 to {NUM_CLASSES - 1}, "
                "each once."
            )
    return tuple(tuple(labels) for labels in parsed)


def _is_label_list(labels: object) -> bool:
    # JSON has true and 3.0 too: Python takes both for numbers.
    return (
        isinstance(labels, list)
        and all(type(label) is int and 0 <= label < NUM_CLASSES for label in labels)
        and len(set(labels)) == len(labels)
    )


def relabel_predictions(predictions: Predictions, labels: Labels) -> Predictions:
    """The rows of images that have a label, with these labels.

    What was stored about the probability of the set's own label is dropped: the metrics that need it say that
    it is not stored.

    Raises:
        InputError: An image's name has no number.
    """
    found = [labels[read_number(image_id) - 1] for image_id in predictions.image_ids]
    rows = np.flatnonzero([bool(one) for one in found])
    kept = predictions.take(rows)
    return replace(
        kept,
        labels=pad_labels([found[row] for row in rows]),
        top5=_drop_sums(kept.top5),
        restricted={name: _drop_sums(top5) for name, top5 in kept.restricted.items()},
    )


def read_number(image_id: str) -> int:
    """The number of an image of the validation set, 1 to 50,000, from its file's name.

    Raises:
        InputError: The name has none.

    Example:
        >>> read_number("n01751748/ILSVRC2012_val_00000001.JPEG")
        1
    """
    match = _NUMBER.search(image_id)
    number = int(match.group(1)) if match else 0
    if not 1 <= number <= NUM_IMAGES:
        raise InputError(
            f"'{image_id}' does not say which image of '{SET}' it is; {NAME} labels go by the number in the "
            "original file names, ILSVRC2012_val_00000001 to ILSVRC2012_val_00050000. Evaluate on a copy "
            f"that has them: --data {SET}=PATH."
        )
    return number


def pad_labels(labels: Sequence[Sequence[int]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """`(N, L)` int16, padded with -1.

    Example:
        >>> pad_labels([(7,), (1, 2)]).tolist()
        [[7, -1], [1, 2]]
    """
    width = max((len(one) for one in labels), default=1)
    padded = np.full((len(labels), width), -1, dtype=np.int16)
    for row, one in enumerate(labels):
        padded[row, : len(one)] = one
    return padded


def _drop_sums(top5: TopFive) -> TopFive:
    return replace(top5, sums=None)
