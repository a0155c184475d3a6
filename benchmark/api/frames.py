"""Stored predictions and the registry of versions as frames; a result from predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.api.arguments import AnyPath, list_pairs, list_paths, make_path
from imagenet_g.benchmark.api.results import Results
from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.environment import name_command
from imagenet_g.benchmark.predictions.predictions import load_predictions as read_predictions
from imagenet_g.benchmark.predictions.predictions import make_table
from imagenet_g.benchmark.predictions.rescoring import TWIN, RescoreRequest, rescore
from imagenet_g.benchmark.predictions.result_files import write_result
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.benchmark.statistics.accuracy import compute_correct

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = "published"


def load_predictions(path: AnyPath) -> pd.DataFrame:
    """Stored predictions, one row an image: the columns of the file, and `right`.

    Args:
        path: A file below `predictions/` of a result.

    Returns:
        `label` and `top5_index` are arrays of classes, 0..999; `top5_probability` has the best five of the
        softmax. `attrs` names the model and the split.

    Raises:
        DataError: It is missing, or no predictions file.
    """
    predictions, meta = read_predictions(make_path(path, "path"))
    frame: pd.DataFrame = make_table(predictions).to_pandas()
    frame["right"] = compute_correct(predictions.top5.indices, predictions.labels, k=1)
    frame.attrs = {"model": meta.model.spec, "split": meta.split.ref}
    return frame


def score(
    predictions: AnyPath | Sequence[AnyPath],
    *,
    reference: AnyPath = PUBLISHED,
    unfiltered_reference: bool = False,
    view: str | None = None,
    data: Mapping[str, AnyPath] | None = None,
    skip_unreadable: bool = False,
    pairs: bool = False,
    out: AnyPath | None = None,
) -> Results:
    """A result from stored predictions of one model, as `imagenet-g score` computes it: no model is run.

    Args:
        predictions: One file, or several, one a split.
        reference: The same model's predictions on the clean set, or "published".
        unfiltered_reference: Compare a filtered view with all images of the clean set.
        view: Score only the rows of this view.
        data: Local copies by name, for views by a column.
        skip_unreadable: Leave unscored images out instead of counting them as wrong.
        pairs: Accept either label of classes of one name.
        out: Folder for `result.json`; None to write none.

    Raises:
        DataError: A file is damaged, or the files are of different models.
        InputError: The view leaves no row.
        UnknownNameError: There is no such view.
    """
    given = list_paths(predictions, "predictions")
    copies = parse_data_pairs(list_pairs(data))
    folder = Path.cwd() if out is None else make_path(out, "out")
    request = RescoreRequest(
        files=tuple(given),
        reference=None if reference == PUBLISHED else make_path(reference, "reference"),
        reference_view=None if unfiltered_reference else TWIN,
        view=view,
        data=copies,
        skip_unreadable=skip_unreadable,
        out=folder,
        pairs=pairs,
    )
    with name_command(f"imagenet_g.score({[path.name for path in given]})"):
        result = rescore(request)
    if out is not None:
        write_result(folder, result)
    return Results([result], [folder], data=copies)


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
