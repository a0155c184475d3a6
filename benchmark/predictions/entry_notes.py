"""What a reader of an entry must know: each sentence follows from the predictions and the gap."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.filters.quality import explain_difference
from imagenet_g.benchmark.images.reasons import count_reasons, format_reasons
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.predictions import Predictions
from imagenet_g.benchmark.records import OUTSIDE
from imagenet_g.benchmark.results import Gap


def list_notes(
    evidence: Evidence, counted: Evidence, gap: Gap | None, reference: Evidence | None, *, statistics: int
) -> Iterator[str]:
    """Every sentence about one entry, in the order it is printed.

    Args:
        evidence: The split's predictions.
        counted: Those that count: all of them, or those with an answer.
        gap: The entry's gap.
        reference: The clean predictions the gap was to be measured from.
        statistics: Version of the rules.
    """
    if evidence.model.spec.startswith(OUTSIDE):
        yield from evidence.model.assumptions or ()
    yield from _list_warnings(evidence, gap)
    yield from _note_other_classes(evidence, gap, statistics)
    yield from _note_other_filter(evidence, gap, reference, statistics)
    yield from _note_lost_classes(evidence, counted)
    yield from _note_missing_twin(evidence, gap, reference)
    yield from _note_same_images(evidence, gap, reference)


def require_scored(ref: str, predictions: Predictions) -> None:
    """Check that some image has a prediction.

    Args:
        ref: What the images are called in the message.
        predictions: The answers to them.

    Raises:
        DataError: None has; it gives the commonest reason and its count.
    """
    if not predictions.scored.any():
        raise DataError(
            f"None of the {len(predictions)} images of '{ref}' could be scored. {_format_errors(predictions)}"
        )


def _format_errors(predictions: Predictions) -> str:
    return format_reasons(count_reasons(error for error in predictions.errors if error is not None))


def _note_missing_twin(evidence: Evidence, gap: Gap | None, reference: Evidence | None) -> list[str]:
    if gap is not None or reference is None:
        return []
    if reference.record.ref == evidence.record.ref:
        return [f"No gap: the reference '{reference.record.ref}' is the split itself."]
    twin = reference.with_labels_in(evidence.class_set).predictions
    if not len(twin):
        return [f"No gap: the reference '{reference.record.ref}' has no image of this split's classes."]
    return [
        f"No gap: none of the {len(twin)} images of this split's classes in the reference "
        f"'{reference.record.ref}' could be scored. {_format_errors(twin)}"
    ]


def _note_same_images(evidence: Evidence, gap: Gap | None, reference: Evidence | None) -> list[str]:
    if gap is None or reference is None:
        return []
    twin = reference.with_labels_in(evidence.class_set)
    same = set(twin.predictions.image_ids) == set(evidence.predictions.image_ids)
    if not same or twin.record.content_sha256 != evidence.record.content_sha256:
        return []
    return [
        f"The reference '{reference.record.ref}' has the same images of these classes as the split itself: "
        "the gap is 0 by construction and measures nothing."
    ]


def _note_lost_classes(evidence: Evidence, counted: Evidence) -> list[str]:
    lost = sorted(set(evidence.class_set.indices) - set(counted.class_set.indices))
    if not lost:
        return []
    wnids = ", ".join(load_classes()[index].wnid for index in lost[:3]) + (", ..." if len(lost) > 3 else "")
    return [
        f"No image of {len(lost)} of the {len(evidence.class_set.indices)} classes could be scored "
        f"({wnids}); every number is on the other classes."
    ]


def _list_warnings(evidence: Evidence, gap: Gap | None) -> list[str]:
    found = []
    missing = len(evidence.predictions) - int(evidence.predictions.scored.sum())
    if evidence.record.notice:
        found.append(evidence.record.notice)
    if evidence.limit is not None:
        found.append(f"Partial: only {evidence.limit} images were run. This result cannot be submitted.")
    if missing:
        found.append(f"{missing} of {len(evidence.predictions)} images could not be scored.")
    return found


def _note_other_classes(evidence: Evidence, gap: Gap | None, statistics: int) -> list[str]:
    if gap is None or gap.reference.same_classes:
        return []
    num_classes = len(evidence.class_set.indices)
    if statistics > 1 and gap.balanced is not None:
        return [
            f"The reference '{gap.reference.set}' has images of {gap.balanced.num_classes} of the split's "
            f"{num_classes} classes, so that AG compares other classes; the gap of an average class is over "
            "those that both have."
        ]
    return [
        f"The reference covers other classes ({gap.reference.set}) than the split "
        f"({num_classes}); run a real set with --reference for the same-class gap."
    ]


def _note_other_filter(
    evidence: Evidence, gap: Gap | None, reference: Evidence | None, statistics: int
) -> list[str]:
    if gap is None or gap.reference.filtered_alike:
        return []
    if statistics == 1:
        return ["The split is filtered by a score and the reference is not."]
    theirs = None if reference is None else reference.quality_filter
    published = gap.reference.kind == "published"
    return [explain_difference(evidence.quality_filter, theirs, gap.reference.set, published=published)]
