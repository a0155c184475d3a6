"""Values in a model's repository on the Hub: checked against the data set and the predictions, then sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.hub.errors import require_account, translate_hub_errors
from imagenet_g.benchmark.hub.sources import HubSource, parse_hub_source
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.predictions.rescoring import rescore_entry
from imagenet_g.benchmark.predictions.result_files import RESULT_NAME, load_result
from imagenet_g.benchmark.publishing.eval_results import (
    EvalDataset,
    EvalSource,
    choose_task_score,
    find_obstacle,
    format_eval_result,
)
from imagenet_g.benchmark.publishing.eval_tasks import make_eval_path
from imagenet_g.benchmark.records import is_same_split
from imagenet_g.benchmark.redaction import has_token
from imagenet_g.benchmark.results import STATISTICS_VERSION, Entry, Result
from imagenet_g.benchmark.splits.hub_releases import HubRelease, open_hub_release
from imagenet_g.benchmark.splits.registry import load_versions

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ModelPage:
    """What goes into a model's repository.

    Attributes:
        texts: Files of the repository by path.
        skipped: One sentence for each entry that has no value there.
        notes: What else a reader must know.
    """

    texts: dict[str, str]
    skipped: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedValues:
    """Entries of a result whose values may stand on a model's page.

    Attributes:
        result: The result.
        entries: Each with the published data set that it belongs to.
        skipped: One sentence for each entry that has no value there.
        notes: What else a reader must know: data sets that were read from a copy of an earlier day.
    """

    result: Result
    entries: tuple[tuple[Entry, EvalDataset], ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...] = ()


def parse_datasets(pairs: list[str]) -> dict[str, HubSource]:
    """The data sets that `--dataset VERSION=ORG/NAME@REVISION` names, by version.

    Raises:
        InputError: A pair has another form, or a version comes twice.

    Example:
        >>> parse_datasets(["v1=my-lab/imagenet-g@v1.0.0"])
        {'v1': HubSource(repo='my-lab/imagenet-g', revision='v1.0.0')}
    """
    found: dict[str, HubSource] = {}
    for pair in pairs:
        version, separator, place = pair.partition("=")
        if not (version and separator and place):
            raise InputError(
                f"Malformed --dataset '{pair}'. Use VERSION=ORG/NAME@TAG, such as v1=my-lab/g@v1.0.0."
            )
        if version in found:
            raise InputError(f"--dataset names version '{version}' twice; each has one data set.")
        found[version] = parse_hub_source(place)
    return found


def find_result(found: Mapping[str, Path]) -> tuple[Result, Path]:
    """The only result among files, and its folder.

    Args:
        found: Files of results by path in a repository, see `hub_results.list_result_files`.

    Raises:
        InputError: There are several results.
        DataError: The result is malformed.
    """
    results = [path for name, path in found.items() if name.endswith(f"/{RESULT_NAME}")]
    if len(results) > 1:
        raise InputError(
            f"There are results of {len(results)} models, and a model's repository takes its own alone; "
            f"name one, such as '{results[0].parent}'."
        )
    return load_result(results[0]), results[0].parent


def check_values(result: Result, folder: Path, datasets: Mapping[str, HubSource]) -> CheckedValues:
    """Compare a result with its predictions and with the data sets on the Hub; nothing is sent.

    Each data set is read once, however many of its splits were scored.

    Args:
        result: The model's result.
        folder: Where it lies with its predictions.
        datasets: Data sets by version; of others the registry of versions decides.

    Raises:
        InputError: No entry has a value for the Hub.
        DataError: A data set has other images, or a number is not what the predictions give.
        FetchError: A data set cannot be read.
    """
    # Values of one task stand side by side, so that all must be computed in one way.
    if result.statistics != STATISTICS_VERSION:
        raise DataError(
            f"The result is of statistics {result.statistics}, and values are of statistics "
            f"{STATISTICS_VERSION}: bring it up by 'imagenet-g score --upgrade RESULT'."
        )
    opened: dict[HubSource, HubRelease] = {}
    checked: list[tuple[Entry, EvalDataset]] = []
    skipped: list[str] = []
    for entry in result.entries:
        place = _find_dataset(entry, datasets)
        obstacle = find_obstacle(entry) or (None if place else "is of a version that is not published")
        if obstacle is not None or place is None:
            skipped.append(f"{entry.split.ref} {obstacle}")
            continue
        _validate_numbers(entry, result, folder)
        if place not in opened:
            opened[place] = open_hub_release(place)
        _validate_images(entry, opened[place], place)
        checked.append((entry, EvalDataset(place.repo, opened[place].source.revision)))
    if not checked:
        raise InputError(
            f"No split of this result has a value for the Hub: {'; '.join(skipped)}. A published version is "
            "named by --dataset VERSION=ORG/NAME@TAG."
        )
    notes = tuple(f"'{place.repo}': {release.note}" for place, release in opened.items() if release.note)
    return CheckedValues(result, tuple(checked), tuple(skipped), notes)


def make_model_page(values: CheckedValues, source: EvalSource | None) -> ModelPage:
    """The files of a model's repository.

    Args:
        values: From `check_values`.
        source: What the values link to; None for the data set itself.

    Raises:
        DataError: A text would hold something that looks like an access token.
    """
    texts = {
        make_eval_path(entry.split.version or "", entry.split.name): format_eval_result(
            entry, values.result, dataset, source or _link_dataset(entry, dataset)
        )
        for entry, dataset in values.entries
    }
    # Notes hold names that a user typed, and these can be addresses with a token in them.
    if any(has_token(text) for text in texts.values()):
        raise DataError("A note would hold something that looks like an access token.")
    return ModelPage(texts, values.skipped, values.notes)


def _find_dataset(entry: Entry, datasets: Mapping[str, HubSource]) -> HubSource | None:
    version = entry.split.version or ""
    if version in datasets:
        return datasets[version]
    known = load_versions().get(version)
    return None if known is None or known.published is None else known.published.source


def _validate_numbers(entry: Entry, result: Result, folder: Path) -> None:
    """Values beside those of other models must be what the predictions give, of the right images."""
    fresh = rescore_entry(entry, result, folder, data={})
    facts = (entry.n, entry.limit, is_same_split(entry.split, fresh.split))
    if facts != (fresh.n, fresh.limit, True):
        raise DataError(f"The predictions of {entry.split.ref} are of other images than the result says.")
    stored, found = _list_numbers(entry), _list_numbers(fresh)
    for name in {**stored, **found}:
        if abs(stored.get(name, math.inf) - found.get(name, math.inf)) <= _ROUNDING:
            continue
        said, given = (
            f"{100 * numbers[name]:.2f}" if name in numbers else "none" for numbers in (stored, found)
        )
        raise DataError(
            f"The {name} of {entry.split.ref} is {said} in the result, and its predictions give {given}; "
            "'imagenet-g score' computes it again."
        )


def _list_numbers(entry: Entry) -> dict[str, float]:
    numbers = {"top-1": choose_task_score(entry).top1.value}
    if entry.gaps:
        numbers["AG"] = entry.gaps[0].value
    return numbers


def _validate_images(entry: Entry, release: HubRelease, place: HubSource) -> None:
    """The manifest must have the images that were scored."""
    manifest = release.manifest
    split = manifest.splits.get(entry.split.name) if manifest.version == entry.split.version else None
    if split is None:
        raise DataError(
            f"'{place.repo}' at {place.revision} is version '{manifest.version}' with "
            f"{', '.join(manifest.splits)}; {entry.split.ref} is not in it."
        )
    if hash_lines(file.sha256 for file in split.files) != entry.split.content_sha256:
        raise DataError(
            f"The result is of other images than {entry.split.ref} in '{place.repo}' at {place.revision}; "
            "name the revision that was scored, or evaluate again."
        )


def _link_dataset(entry: Entry, dataset: EvalDataset) -> EvalSource:
    url = f"https://huggingface.co/datasets/{dataset.repo}/tree/{dataset.commit}"
    return EvalSource(url, f"ImageNet-G {entry.split.version}")


def publish_model_page(page: ModelPage, repo: str, *, model: str, pull_request: bool) -> str:
    """Send the files in one commit, and return its address or that of the pull request.

    Raises:
        FetchError: No network, no such repository, no right to write, or the Hub refused.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    require_account()
    with translate_hub_errors(repo, None, "write", kind="model"):
        commit = HfApi().create_commit(
            repo,
            [CommitOperationAdd(path, text.encode()) for path, text in page.texts.items()],
            commit_message=f"ImageNet-G results of {model}",
            create_pr=pull_request,
        )
    return str(commit.pr_url or commit.commit_url)
