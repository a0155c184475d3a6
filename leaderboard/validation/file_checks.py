"""Predictions files of a submission: read safely, compared with the split and the result they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import DataError, UntrustedFileError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta, load_predictions
from imagenet_g.benchmark.records import ModelRecord, is_same_model
from imagenet_g.benchmark.redaction import has_token
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.benchmark.strengths.axis import Strengths
from imagenet_g.leaderboard.submissions.problems import Problem, error, warning
from imagenet_g.leaderboard.submissions.submission import SUFFIX, Submission
from imagenet_g.leaderboard.submissions.untrusted import validate_predictions_file

MAX_UNKNOWN_ROWS = 200_000
"""Rows read where the split, and with it the right number, is not available."""


def list_predictions(path: Path, submission: Submission) -> dict[str, Path]:
    """Predictions files that are there, by the name the submission gives; names that lead elsewhere are not.

    Only plain files inside the submission's own folder count, whatever path the submission names.
    """
    folder = path.parent / path.name.removesuffix(SUFFIX)
    # Listed from the folder and matched by name: a path of the submission is never opened, so "../" leads
    # nowhere.
    inside = (
        {}
        if folder.is_symlink()
        else {f"{folder.name}/{file.name}": file for file in folder.glob("*.parquet")}
    )
    named = {entry.predictions.file for entry in submission.result.entries}
    return {name: file for name, file in inside.items() if name in named and not file.is_symlink()}


def check_revision(entry: Entry, split: Split | str) -> Iterator[Problem]:
    """Whether the entry is about the images we have under that name."""
    ref = entry.split.ref
    if isinstance(split, str):
        yield warning("split-not-on-hand", ref, f"its images and labels could not be checked: {split}")
        return
    if entry.split.content_sha256 != split.record.content_sha256:
        yield error("other-revision", ref, "was run on other images or labels than this version's")
    if entry.split.view is None and entry.split.num_classes != split.record.num_classes:
        yield error(
            "contradiction", ref, f"{entry.split.num_classes} classes; it has {split.record.num_classes}"
        )


def check_file(path: Path, entry: Entry, submission: Submission, split: Split | str) -> Iterator[Problem]:
    """Whether a predictions file is whole, is the one the result names, and is of this model and split."""
    ref = entry.split.ref
    max_rows = MAX_UNKNOWN_ROWS if isinstance(split, str) else len(split.rows)
    try:
        # In this order: the footer is checked before the rows are read into memory.
        validate_predictions_file(path, max_rows=max_rows)
        predictions, meta = load_predictions(path)
    except (UntrustedFileError, DataError) as refused:
        yield error("bad-predictions", ref, str(refused))
        return
    texts = (meta.model_dump_json(), *predictions.image_ids, *predictions.errors)
    if any(map(has_token, filter(None, (*texts, *predictions.source_image_ids)))):
        # Alone: other findings quote the file.
        yield error("secret", ref, "the predictions hold what looks like an access token or a key; revoke it")
        return
    if hash_file(path) != entry.predictions.sha256:
        yield error("wrong-hash", ref, "the predictions are not the ones whose sha256 the result names")
    yield from check_meta(meta, entry, submission.result.model)
    if not isinstance(split, str):
        yield from check_rows(predictions, split, ref)
    yield from check_restricted(predictions, meta, ref)


def check_meta(meta: PredictionsMeta, entry: Entry, model: ModelRecord) -> Iterator[Problem]:
    """Whether the predictions are recorded as those of this model on this split."""
    ref = entry.split.ref
    if not is_same_model(meta.model, model):
        yield error("other-model", ref, f"the predictions are of '{meta.model.spec}' or of other settings")
    if meta.limit is not None:
        yield error("partial", ref, f"only {meta.limit} images were run; run without --limit")
    whole = entry.split.ref.removesuffix(f":{entry.split.view}") if entry.split.view else entry.split.ref
    if (meta.split.ref, meta.split.content_sha256) != (whole, entry.split.content_sha256):
        yield error(
            "other-split", ref, f"the predictions are on '{meta.split.ref}' or another revision of it"
        )
    if meta.run != entry.predictions.run:
        yield error(
            "contradiction", ref, "the run recorded with the predictions is not the one in the result"
        )


def check_rows(predictions: Predictions, split: Split, ref: str) -> Iterator[Problem]:
    """Every image of the split once, with the split's own labels."""
    wanted, given = set(split.rows.image_ids), set(predictions.image_ids)
    if missing := wanted - given:
        yield error("missing-image", ref, f"{len(missing)} images have no row, such as {min(missing)}")
    if foreign := given - wanted:
        yield error(
            "foreign-image", ref, f"{len(foreign)} rows are of no image of the split, such as {min(foreign)}"
        )
    if missing or foreign:
        return
    row_of = {image_id: row for row, image_id in enumerate(split.rows.image_ids)}
    order = np.array([row_of[image_id] for image_id in predictions.image_ids], dtype=np.intp)
    expected = [set(row) for row in split.rows.labels[order].tolist()]
    labels = [set(row) for row in predictions.labels.tolist()]
    # As sets: several labels may come in any order, except the first, which is the image's own class.
    wrong = sum(ours - {-1} != theirs - {-1} for ours, theirs in zip(expected, labels, strict=True))
    if wrong:
        yield error("wrong-label", ref, f"{wrong} images have other labels than the split")
    elif (split.rows.labels[order][:, 0] != predictions.labels[:, 0]).any():
        yield error("wrong-label", ref, "the first label of an image is not its own class")
    yield from check_strengths(predictions.strengths, split.rows.strengths, order, ref)


def check_strengths(
    given: Strengths | None, known: Strengths | None, order: npt.NDArray[np.intp], ref: str
) -> Iterator[Problem]:
    """Whether images are said to be shifted as strongly, and to be of the series, that the split says.

    Args:
        given: Of the predictions.
        known: Of the split.
        order: `(N,)` row of the split that each row of the predictions is of.
        ref: What the split is called.
    """
    expected = None if known is None else known.take(order)
    if (given is None) != (expected is None):
        states = (
            "no strengths, which the split has" if given is None else "strengths, which the split has not"
        )
        yield error("wrong-strength", ref, f"the predictions state {states}; evaluate again")
    elif given is not None and expected is not None:
        if wrong := int((given.values != expected.values).sum()):
            yield error("wrong-strength", ref, f"{wrong} images have other strengths than in the split")
        if given.series != expected.series:
            yield error("wrong-strength", ref, "the images are grouped into other series than in the split")


def check_restricted(predictions: Predictions, meta: PredictionsMeta, ref: str) -> Iterator[Problem]:
    """Whether answers among fewer classes follow from those among all.

    The best five of all classes, less those outside a class set, must lead the best five within it: both come
    from one row of logits. An answer that was edited in one place only breaks this.
    """
    for name, restricted in predictions.restricted.items():
        if name not in meta.class_sets:
            yield error("bad-predictions", ref, f"columns of the class set '{name}', which is not described")
            continue
        inside = set(meta.class_sets[name].indices)
        pairs = zip(predictions.top5.indices.tolist(), restricted.indices.tolist(), strict=True)
        broken = sum(_contradicts(best, within, inside) for best, within in pairs)
        if broken:
            yield error(
                "contradiction", ref, f"{broken} answers among '{name}' do not follow from those among all"
            )


def _contradicts(best: list[int], within: list[int], inside: set[int]) -> bool:
    if within[0] == NO_CLASS:
        return False
    leading = [index for index in best if index in inside]
    return set(within[: len(leading)]) != set(leading) or not set(within) <= inside | {NO_CLASS}
