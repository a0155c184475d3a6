"""Results and their predictions in a dataset on the Hub, laid out as `evaluate` writes them.

    results/<model>/result.json
    results/<model>/predictions/<split>.parquet
    README.md                                    written once, when the repository is created

The layout is that of `evaluate --out`, so `score`, `show` and the leaderboard read a downloaded copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.hub.errors import require_account, translate_hub_errors
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.predictions.result_files import RESULT_NAME, has_predictions, load_result
from imagenet_g.benchmark.redaction import has_token

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

RESULTS_FOLDER = "results"
_CARD = """---
pretty_name: ImageNet-G results
tags: [imagenet, robustness, benchmark-results]
configs:
- config_name: predictions
  data_files: results/*/predictions/*.parquet
---
# ImageNet-G results

One folder a model: `result.json`, and the predictions every number in it was computed from.
"""


@dataclass(frozen=True, slots=True)
class PublishedResults:
    """Where results went.

    Attributes:
        commit: The commit that holds them.
        pull_request: Address of the pull request, or None where they went to the main branch.
        paths: Files in the repository.
    """

    commit: str
    pull_request: str | None
    paths: tuple[str, ...]


def list_result_files(folder: Path) -> dict[str, Path]:
    """Files of all results under a folder, by their path in the repository; every hash is checked.

    Raises:
        InputError: There is no result.
        DataError: A result is malformed, holds a token, or its predictions are missing or not its own.
    """
    found: dict[str, Path] = {}
    # A result may be named by its file, too.
    folder = folder.parent if folder.is_file() else folder
    for path in sorted(folder.rglob(RESULT_NAME)):
        result = load_result(path)
        # A result records the command that was typed, and a token may have been typed with it.
        if has_token(path.read_text(encoding="utf-8")):
            raise DataError(f"'{path}' holds something that looks like an access token; take it out.")
        place = f"{RESULTS_FOLDER}/{make_slug(result.model.spec)}"
        if f"{place}/{RESULT_NAME}" in found:
            raise DataError(
                f"'{folder}' holds two results of '{result.model.spec}'; publish them separately."
            )
        found[f"{place}/{RESULT_NAME}"] = path
        for entry in result.entries:
            source = path.parent / entry.predictions.file
            if not has_predictions(path.parent, entry):
                raise DataError(f"'{source}' is missing, or not what '{path}' was computed from.")
            found[f"{place}/{entry.predictions.file}"] = source
    if not found:
        raise InputError(f"There is no {RESULT_NAME} under '{folder}'; 'imagenet-g evaluate' writes one.")
    return found


def publish_results(found: Mapping[str, Path], repo: str, *, pull_request: bool) -> PublishedResults:
    """Send results in one commit.

    Args:
        found: Their files by path in the repository, see `list_result_files`.
        repo: Dataset on the Hub; created if it does not exist and no pull request is requested.
        pull_request: Propose them to another owner's repository instead of writing to it.

    Raises:
        FetchError: No network, no right to write, or the Hub refused.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    require_account()
    api = HfApi()
    with translate_hub_errors(repo, None, "write"):
        operations = [CommitOperationAdd(name, str(path)) for name, path in found.items()]
        # A proposal creates no repository, and must not overwrite another owner's card.
        if not pull_request:
            operations += _prepare_repo(api, repo)
        # One commit for all: a reader never sees a result without its predictions.
        commit = api.create_commit(
            repo, operations, repo_type="dataset", create_pr=pull_request, commit_message=_make_title(found)
        )
    return PublishedResults(str(commit.oid), commit.pr_url, tuple(found))


def _prepare_repo(api: HfApi, repo: str) -> list[CommitOperationAdd]:
    """Make the repository; its card, unless it has one."""
    from huggingface_hub import CommitOperationAdd

    api.create_repo(repo, repo_type="dataset", exist_ok=True)
    if api.file_exists(repo, "README.md", repo_type="dataset"):
        return []
    return [CommitOperationAdd("README.md", _CARD.encode())]


def _make_title(paths: Mapping[str, Path]) -> str:
    models = sorted({path.split("/")[1] for path in paths})
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    return f"Results of {', '.join(models[:3])}{more}"
