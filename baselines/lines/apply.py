"""Effective robustness added to a result file, for `evaluate --baseline` and `baselines apply`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from imagenet_g.baselines.lines.baselines import load_any_baseline
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.predictions.class_counts import load_pair_counts
from imagenet_g.benchmark.predictions.result_files import find_result_folder, load_result, write_result
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.robustness.attach import Baseline, attach_effective_robustness

# The link of the field's own fits (Taori et al. 2020). The choice matters: at the top of the range a linear
# axis moves the effective robustness of a model by more than 12 points.
DEFAULT_LINKS = ("logit",)


def apply_baseline(
    path: Path,
    *,
    baseline: str,
    links: Sequence[str] = DEFAULT_LINKS,
    data: Mapping[str, Path],
    out: Path | None = None,
) -> Result:
    """Add effective robustness to a result file and write it.

    Args:
        path: `result.json` or its folder, with the predictions beside it.
        baseline: Id of a baseline set, or a file of one.
        links: Link functions to fit on.
        data: Local copies of splits, for views by a column.
        out: Folder for the new result; None to replace the old one.

    Raises:
        InputError: The baseline or a link is unknown, or the baseline does not fit the result.
        DataError: The result is missing or malformed.
    """
    folder = find_result_folder(path)
    enriched = enrich_result(
        load_result(path), folder, baseline=load_any_baseline(baseline), links=links, data=data
    )
    write_result(out or folder, enriched)
    return enriched


def enrich_result(
    result: Result, folder: Path, *, baseline: Baseline, links: Sequence[str], data: Mapping[str, Path]
) -> Result:
    """A result with effective robustness, by the stored predictions where they are there.

    Args:
        result: The result.
        folder: Where it lies, with its predictions.
        baseline: Whose line.
        links: Link functions to fit on.
        data: Local copies of splits, for views by a column.

    Raises:
        InputError: A link is unknown, or the baseline does not fit the result.
    """
    try:
        counts = load_pair_counts(result, folder, data=data)
    except DataError:
        # Without predictions the interval takes images as independent, and the entry carries a note of that.
        counts = {}
    return attach_effective_robustness(result, baseline, links, counts=counts)
