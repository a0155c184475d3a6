"""A result from stored predictions or answers, and the registry of versions as a frame."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.api.arguments import (
    AnyPath,
    list_pairs,
    list_paths,
    list_words,
    make_optional_path,
)
from imagenet_g.benchmark.api.folders import ResultFolder
from imagenet_g.benchmark.api.results import Results
from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.environment import name_command
from imagenet_g.benchmark.outside_answers.options import PUBLISHED, REFERENCE_SPLIT
from imagenet_g.benchmark.predictions.result_files import write_result
from imagenet_g.benchmark.scoring.options import ScoreOptions
from imagenet_g.benchmark.scoring.scoring import score_files
from imagenet_g.benchmark.splits.registry import load_versions

if TYPE_CHECKING:
    import pandas as pd


def score(
    predictions: AnyPath | Sequence[AnyPath],
    *,
    reference: AnyPath = PUBLISHED,
    unfiltered_reference: bool = False,
    view: str | None = None,
    real_labels: AnyPath | None = None,
    splits: str | Sequence[str] = (),
    reference_split: str = REFERENCE_SPLIT,
    name: str | None = None,
    questions: AnyPath | None = None,
    unmatched: str = "refuse",
    data: Mapping[str, AnyPath] | None = None,
    skip_unreadable: bool = False,
    pairs: bool = False,
    out: AnyPath | None = None,
    cache: AnyPath | None = None,
) -> Results:
    """A result from stored predictions, or from answers of any system, as `imagenet-g score` computes it.

    No model is run. A file that ends in .csv, .tsv or .jsonl holds answers: `image_id,answer`, up to five
    classes an image and their probabilities where they are known.

    Args:
        predictions: One file, or several of one model, one a split.
        reference: The same model's predictions or answers on the clean set, or "published".
        unfiltered_reference: Compare a filtered view with all images of the clean set.
        view: Score only the rows of this view.
        real_labels: Score imagenet-val by ReaL labels: a real.json, or "fetch" for the authors'.
        splits: The split that each file of answers is about, in their order.
        reference_split: The clean set that answers given as `reference` are about.
        name: What to call the system that gave the answers.
        questions: The file that `imagenet-g export-mcq` wrote, where answers are letters of its options.
        unmatched: What to do with an answer that names no class: "refuse" or "wrong".
        data: Local copies by name, for answers and for views by a column.
        skip_unreadable: Leave unscored images out instead of counting them as wrong.
        pairs: Accept either label of classes of one name.
        out: Folder for `result.json`, and for answers as predictions; None to write no result.
        cache: Folder for what is kept between runs; None for the user's own cache folder.

    Raises:
        DataError: A file is damaged, or the files are of different models.
        InputError: Options contradict one another, or the view leaves no row.
        UnknownNameError: There is no such split or view.
    """
    options = ScoreOptions(
        predictions=list_paths(predictions, "predictions"),
        reference=str(reference),
        unfiltered_reference=unfiltered_reference,
        view=view,
        data=list_pairs(data),
        skip_unreadable=skip_unreadable,
        pairs=pairs,
        out=make_optional_path(out, "out"),
        split=list_words(splits, "splits"),
        reference_split=reference_split,
        name=name,
        questions=make_optional_path(questions, "questions"),
        unmatched=unmatched,
        real_labels=None if real_labels is None else str(real_labels),
        cache=make_optional_path(cache, "cache"),
    )
    folder = _choose_folder(options)
    with name_command(f"imagenet_g.score({[path.name for path in options.predictions]})"):
        result = score_files(options, folder.path)
    if options.out is not None:
        write_result(options.out, result)
    return Results([result], [folder.path], data=parse_data_pairs(options.data), kept=(folder,))


def _choose_folder(options: ScoreOptions) -> ResultFolder:
    """Where predictions lie: the user's folder, one of its own for answers, or that of stored predictions."""
    # Answers are converted to predictions first, and these need a place to lie.
    if options.out is not None or options.list_answers() or not options.predictions:
        return ResultFolder(options.out)
    common = Path(os.path.commonpath([path.absolute().parent for path in options.predictions]))
    # Predictions lie in a folder of that name beside their result.
    return ResultFolder(common.parent if common.name == "predictions" else common)


def versions() -> pd.DataFrame:
    """The versions that are known, oldest first, as `imagenet-g versions` lists them."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "version": spec.name,
                "title": spec.title,
                "splits": spec.splits,
                "default_splits": spec.default_splits or spec.list_current_splits(),
                "default_reference": spec.default_reference,
                "generators": spec.generators,
                "embedded": spec.embedded,
                "repo": spec.published and spec.published.repo,
                "tag": spec.published and spec.published.tag,
                "commit": spec.published and spec.published.commit,
                "released": spec.published and spec.published.released,
                "superseded_by": spec.superseded_by,
            }
            for spec in load_versions().values()
        ]
    )
