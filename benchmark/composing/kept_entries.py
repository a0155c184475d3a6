"""What an earlier run left in a result, and a run on other splits keeps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.predictions.rescoring import rescore_entry
from imagenet_g.benchmark.predictions.result_files import has_predictions, load_result
from imagenet_g.benchmark.records import ModelRecord, is_same_model
from imagenet_g.benchmark.results import STATISTICS_VERSION, Entry, Result


def list_kept_entries(
    folder: Path, record: ModelRecord, refs: Collection[str], *, data: Mapping[str, Path]
) -> tuple[tuple[Entry, ...], str]:
    """Entries of an earlier result of the same model on other splits, and a sentence on what is left out.

    Only whole entries with their predictions are kept; those of earlier statistics are scored again. The
    sentence is empty where nothing is lost.

    Args:
        folder: Of the result.
        record: The model that has just run.
        refs: Splits that have just run.
        data: Local copies of splits, needed for views by a column.
    """
    try:
        earlier = load_result(folder)
    except DataError:
        return (), ""
    others = tuple(
        entry
        for entry in earlier.entries
        # A partial entry is of a trial run, and one whose predictions have changed can no longer be checked.
        if entry.split.ref not in refs and not entry.partial and has_predictions(folder, entry)
    )
    names = ", ".join(entry.split.ref for entry in others)
    if not is_same_model(earlier.model, record):
        reason = f"'{folder}' held results on {names} of another model of this name; they are left out."
        # Numbers of two models under one name would be read as those of one.
        return (), f"{reason} Run these splits again." if others else ""
    if earlier.statistics == STATISTICS_VERSION or not others:
        return others, ""
    return _renew(earlier, others, folder, data)


def _renew(
    earlier: Result, others: tuple[Entry, ...], folder: Path, data: Mapping[str, Path]
) -> tuple[tuple[Entry, ...], str]:
    """Entries of earlier statistics by the rules of today; one result has numbers of one version."""
    renewed, said = [], []
    for entry in others:
        try:
            renewed.append(rescore_entry(entry, earlier, folder, data=data))
        except (DataError, InputError) as error:
            said.append(
                f"'{folder}' held a result on {entry.split.ref} of statistics {earlier.statistics}, which "
                f"is left out: {error} Run this split again."
            )
    if names := [entry.split.ref for entry in renewed]:
        said.append(
            f"Results on {', '.join(names)} in '{folder}' were scored again by statistics "
            f"{STATISTICS_VERSION}; add their effective robustness again by 'imagenet-g baselines apply'."
        )
    return tuple(renewed), " ".join(said)
