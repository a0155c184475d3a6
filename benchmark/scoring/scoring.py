"""Options to a result: answers become predictions, labels are chosen, and every number follows."""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
from imagenet_g.benchmark.outside_answers.conversion import AnswerSource, convert_answers
from imagenet_g.benchmark.outside_answers.options import PUBLISHED
from imagenet_g.benchmark.outside_answers.tables import is_table
from imagenet_g.benchmark.predictions.rescoring import TWIN, Relabel, RescoreRequest, rescore
from imagenet_g.benchmark.relabels.label_files import load_real_labels
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.scoring.options import ScoreOptions


def score_files(options: ScoreOptions, folder: Path) -> Result:
    """A result from the files that the options name; no model is run, and no result is written.

    Args:
        options: What the user asks for.
        folder: Of the result. Answers become predictions below it, and paths are relative to it.

    Raises:
        DataError: A file is damaged, or files are of different models.
        FetchError: Labels must be fetched and cannot be.
        InputError: There is nothing to score, or the view leaves no row.
        StorageError: The folder cannot be written.
        UnknownNameError: There is no such view.
    """
    if not options.predictions:
        raise InputError("Name the predictions to score, or a result with --upgrade.")
    # Before answers are converted: labels that cannot be fetched must leave nothing half-written.
    labels = _load_relabel(options)
    files, reference = convert_files(options, folder)
    return rescore(
        RescoreRequest(
            files=files,
            reference=reference,
            reference_view=None if options.unfiltered_reference else TWIN,
            view=options.view,
            data=parse_data_pairs(options.data),
            skip_unreadable=options.skip_unreadable,
            out=folder,
            pairs=options.pairs,
            relabel=labels,
        )
    )


def _load_relabel(options: ScoreOptions) -> Relabel | None:
    """What gives predictions the ReaL labels that are asked for; None for the set's own."""
    if options.real_labels is None:
        return None
    return load_real_labels(options.real_labels, choose_cache_folder(options.cache)).relabel


def convert_files(options: ScoreOptions, folder: Path) -> tuple[tuple[Path, ...], Path | None]:
    """The predictions to score and those of the clean set, answers among them converted.

    Args:
        options: What the user asks for.
        folder: Of the result; answers become predictions below it.

    Raises:
        DataError: Answers are malformed, or about other images.
        StorageError: The folder cannot be written.
    """
    data, splits = parse_data_pairs(options.data), iter(options.split)

    def convert(path: Path, split: str) -> Path:
        answers = AnswerSource(
            path=path,
            split=split,
            name=options.name or "",
            questions=options.questions,
            unmatched_is_wrong=options.unmatched == "wrong",
        )
        return convert_answers(answers, folder, data=data, cache=choose_cache_folder(options.cache))

    # In the order of the files: each --split belongs to the next file of answers.
    files = tuple(convert(path, next(splits)) if is_table(path) else path for path in options.predictions)
    reference = None if options.reference == PUBLISHED else Path(options.reference)
    if reference is not None and is_table(reference):
        reference = convert(reference, options.reference_split)
    return files, reference
