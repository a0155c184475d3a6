"""Stored predictions of several models, aligned image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagenet_g.baselines.comparing.comparison import Answers
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.predictions.evidence import load_predicted_split
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta, load_predictions
from imagenet_g.benchmark.predictions.result_files import RESULT_NAME, find_result_folder, load_result
from imagenet_g.benchmark.predictions.scoring import name_own_outputs, select_outputs
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.robustness.points import validate_names
from imagenet_g.benchmark.splits.real_set_files import RealSet
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import compute_correct


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One model's stored predictions on one whole split."""

    name: str
    predictions: Predictions
    meta: PredictionsMeta


def load_runs(paths: Sequence[Path], split: str | None) -> tuple[StoredRun, ...]:
    """Stored predictions behind each path.

    Args:
        paths: Predictions files, result files, or folders with a result file; one for each model.
        split: Which split of the results to compare; None where they share exactly one.

    Raises:
        DataError: A file is missing or damaged, or two are about different images.
        InputError: It is not clear which split is meant, or fewer than two models were given.
    """
    if len(paths) < 2:
        raise InputError("A comparison needs at least two models: imagenet-g compare A B [C ...].")
    wanted = split or _find_common_split(paths)
    runs = tuple(_load_run(path, wanted) for path in paths)
    for run in runs[1:]:
        if run.meta.split.content_sha256 != runs[0].meta.split.content_sha256:
            raise DataError(
                f"'{run.name}' was run on '{run.meta.split.ref}' and '{runs[0].name}' on "
                f"'{runs[0].meta.split.ref}', or on other images of that name; compare on the same split."
            )
    return _name_apart(runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedAnswers:
    """Stored predictions, aligned.

    Attributes:
        runs: One a model.
        answers: On the images that all have.
        split: The images and their columns; None where nothing asked for them.
    """

    runs: tuple[StoredRun, ...]
    answers: Answers
    split: Split | None


def load_answers(
    paths: Sequence[Path],
    split: str | None,
    *,
    outputs: str | None,
    by: Sequence[str],
    data: Mapping[str, Path],
    sets: Mapping[str, RealSet],
    needs_images: bool = False,
) -> LoadedAnswers:
    """What is compared, from what a user names.

    Args:
        paths: As `load_runs`.
        split: As `load_runs`.
        outputs: "all", or a stored class set; None for the split's usual ones.
        by: Columns of the split to group by as well.
        data: Local copies by name.
        sets: Known real sets by name.
        needs_images: Whether the split is opened even where no column is asked for.

    Raises:
        DataError: A file is missing or damaged, two are about different images, or there is no such column.
        InputError: It is not clear which split is meant, or fewer than two models were given.
    """
    runs = load_runs(paths, split)
    # Predictions hold ids, labels and answers. Columns and pixels are in the split, which may be a download:
    # it is opened only for them.
    opened = load_predicted_split(runs[0].meta.split, data=data, sets=sets) if by or needs_images else None
    columns = {name: load_group_column(opened, name) for name in by} if opened is not None else {}
    answers = align_answers(runs, outputs=outputs or choose_outputs(runs), columns=columns)
    return LoadedAnswers(runs=runs, answers=answers, split=opened)


def _is_result(path: Path) -> bool:
    return path.is_dir() or path.suffix == ".json"


def _find_common_split(paths: Sequence[Path]) -> str | None:
    listed = [
        {entry.split.ref for entry in load_result(path).entries if entry.split.view is None}
        for path in paths
        if _is_result(path)
    ]
    if not listed:
        return None
    common = sorted(set.intersection(*listed))
    if len(common) == 1:
        return common[0]
    if not common:
        raise InputError("The results share no split, so they cannot be compared.")
    raise InputError(f"Name the split to compare on with --split; the results share: {', '.join(common)}.")


def _load_run(path: Path, split: str | None) -> StoredRun:
    if _is_result(path):
        folder = find_result_folder(path)
        result = load_result(path)
        path = folder / _find_file(result, split or "", folder / RESULT_NAME)
    predictions, meta = load_predictions(path)
    return StoredRun(name=meta.model.spec, predictions=predictions, meta=meta)


def _find_file(result: Result, split: str, path: Path) -> str:
    files = {entry.split.ref: entry.predictions.file for entry in result.entries if entry.split.view is None}
    if split not in files:
        raise UnknownNameError("split", split, files, where=f"of '{path}'")
    return files[split]


def _name_apart(runs: tuple[StoredRun, ...]) -> tuple[StoredRun, ...]:
    """Name two runs of one spec by their weights; refuse the same run given twice."""
    names = [run.name for run in runs]
    apart = tuple(
        replace(run, name=f"{run.name}@{run.meta.key[:8]}") if names.count(run.name) > 1 else run
        for run in runs
    )
    validate_names(tuple(run.name for run in apart), source="The comparison")
    return apart


def choose_outputs(runs: Sequence[StoredRun]) -> str:
    """The split's usual choice of outputs: all, or its own classes where it is defined over those."""
    meta = runs[0].meta
    usual = name_own_outputs(meta) if meta.outputs == "split-classes" else "all"
    return usual if all(usual == "all" or usual in run.predictions.restricted for run in runs) else "all"


def align_answers(
    runs: Sequence[StoredRun], *, outputs: str, columns: Mapping[str, Mapping[str, str]] | None = None
) -> Answers:
    """Answers on the images all models were run on, in the first model's order.

    An image a model could not score counts as wrong for it.

    Args:
        runs: Models' stored predictions.
        outputs: "all", or a stored class set.
        columns: Further groupings, each a mapping from image id to group.

    Raises:
        InputError: The models share no image.
        DataError: The outputs are not stored, or labels differ.
    """
    rows = [{image_id: row for row, image_id in enumerate(run.predictions.image_ids)} for run in runs]
    shared = [image_id for image_id in rows[0] if all(image_id in other for other in rows[1:])]
    if not shared:
        raise InputError("The models share no image, so there is nothing to compare.")
    taken = [
        run.predictions.take(np.array([row[image_id] for image_id in shared], dtype=np.intp))
        for run, row in zip(runs, rows, strict=True)
    ]
    labels = taken[0].labels
    for run, predictions in zip(runs, taken, strict=True):
        if not np.array_equal(predictions.labels, labels):
            raise DataError(f"'{run.name}' has other labels than '{runs[0].name}' for the same images.")
    indices = [select_outputs(predictions, outputs).indices for predictions in taken]
    return Answers(
        models=tuple(run.name for run in runs),
        image_ids=tuple(shared),
        labels=labels,
        predicted=np.stack([best[:, 0] for best in indices]),
        correct=np.stack([compute_correct(best, labels, k=1) for best in indices]),
        outputs=outputs,
        groups=_make_groups(taken[0], columns or {}),
    )


def _make_groups(
    predictions: Predictions, columns: Mapping[str, Mapping[str, str]]
) -> dict[str, npt.NDArray[np.str_]]:
    groups = {
        name: np.array([values.get(image_id, "") for image_id in predictions.image_ids])
        for name, values in columns.items()
    }
    sources = predictions.source_image_ids
    # Groups of one image each carry no more information than the images.
    if all(source is not None for source in sources) and len(set(sources)) < len(sources):
        groups["source"] = np.array([str(source) for source in sources])
    return groups


def load_group_column(split: Split, column: str) -> dict[str, str]:
    """A column of a release, such as "recipe", from image id to its value as text.

    Raises:
        DataError: The split has no such column.
    """
    values = split.reader.read_column(column)
    return {
        image_id: "unknown" if value is None else str(value)
        for image_id, value in zip(split.rows.image_ids, values, strict=True)
    }
