"""What the board's repository on the Hub holds, brought to this machine: bounded, hostile until validated.

submissions/<version>/<org>__<model>.json            and its review
submissions/<version>/<org>__<model>/<split>.parquet predictions
submissions/<version>/baselines/<name>.json
verdicts/<pull request>.json                         what validation found, written by maintainers
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.hub.datasets import TIMEOUT_S
from imagenet_g.benchmark.hub.errors import translate_hub_errors
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.leaderboard.submissions.untrusted import MAX_JSON_BYTES, MAX_PREDICTIONS_BYTES

FOLDER = "submissions"
VERDICTS = "verdicts"
PATTERNS = (f"{FOLDER}/*.json", f"{VERDICTS}/*.json")
"""What a submission is compared with by its hashes; answers of others are compared on the board."""
MAX_LISTED = 100_000
"""Files of the whole repository."""
MAX_FILES = 20_000
MAX_BYTES = 500_000_000
MAX_PROPOSED = 200
"""Files that one pull request may change."""
# No part begins with a dot or holds a backslash: a path stays in the folder that it is stored in.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*){1,3}")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of a repository at one commit.

    Attributes:
        path: In the repository.
        num_bytes: Its size.
        content: A hash of its content.
    """

    path: str
    num_bytes: int
    content: str


@dataclass(frozen=True, slots=True)
class BoardCopy:
    """Files of the board on this machine.

    Attributes:
        folder: With the layout of the repository.
        commit: The commit that they are of.
    """

    folder: Path
    commit: str

    @property
    def submissions(self) -> Path:
        """Folder of submissions and baselines; it may be missing."""
        return self.folder / FOLDER


def fetch_board(repo: str, *, cache: Path | None = None) -> BoardCopy:
    """Submissions, reviews, baselines and verdicts of a board as they are now; without predictions.

    What an earlier call brought here is not fetched again, also where that one broke off.

    Args:
        repo: Data set on the Hub.
        cache: Where copies are kept; None for the user's own cache folder.

    Raises:
        FetchError: No network, no access, or no such data set.
        DataError: It holds more than a board does.
        StorageError: The disk is full, or the cache cannot be written.
    """
    from platformdirs import user_cache_path

    folder = (cache or user_cache_path("imagenet-g")) / "boards" / make_slug(repo)
    with translate_hub_errors(repo, None):
        commit = find_commit(repo)
        listed = list_files(repo, commit)
    wanted = [file for file in listed if any(fnmatchcase(file.path, pattern) for pattern in PATTERNS)]
    validate_listed(wanted, repo, most=MAX_FILES, largest=MAX_JSON_BYTES)
    _download(repo, commit, PATTERNS if wanted else (), folder)
    _remove_others(folder, {file.path for file in wanted})
    return BoardCopy(folder, commit)


def fetch_proposed(repo: str, number: int, *, main: str, folder: Path) -> tuple[BoardCopy, tuple[str, ...]]:
    """The files that a pull request adds or changes, brought to an empty folder, and all paths it changes.

    Args:
        repo: Data set on the Hub.
        number: Of the pull request.
        main: The commit of the main branch that it is compared with.
        folder: Where to.

    Raises:
        FetchError: No network, no access, or no such data set.
        UnknownNameError: There is no such pull request.
        DataError: It changes more than a submission has, or a file has an odd name.
    """
    revision = f"refs/pr/{number}"
    with translate_hub_errors(repo, revision):
        commit = find_commit(repo, revision)
        before, after = list_files(repo, main), list_files(repo, commit)
    there = {(file.path, file.content) for file in before}
    changed = [file for file in after if (file.path, file.content) not in there]
    removed = {file.path for file in before} - {file.path for file in after}
    validate_listed(changed, repo, most=MAX_PROPOSED, largest=MAX_PREDICTIONS_BYTES)
    # By exact names: none of these characters means anything in a pattern.
    _download(repo, commit, [file.path for file in changed], folder)
    return BoardCopy(folder, commit), tuple(sorted({file.path for file in changed} | removed))


def find_commit(repo: str, revision: str | None = None) -> str:
    """The commit that a branch or a pull request is at."""
    from huggingface_hub import HfApi

    return str(HfApi().dataset_info(repo, revision=revision, timeout=TIMEOUT_S).sha)


def list_files(repo: str, commit: str) -> list[ListedFile]:
    """The files of a repository at a commit.

    Raises:
        DataError: There are more than `MAX_LISTED`.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    tree = HfApi().list_repo_tree(repo, recursive=True, revision=commit, repo_type="dataset")
    listed = list(islice(tree, MAX_LISTED + 1))
    if len(listed) > MAX_LISTED:
        raise DataError(f"'{repo}' has more than {MAX_LISTED:,} files; it is no board.")
    return [ListedFile(one.path, one.size, one.blob_id) for one in listed if isinstance(one, RepoFile)]


def validate_listed(files: Sequence[ListedFile], repo: str, *, most: int, largest: int) -> None:
    """Check names, number and sizes before a byte is fetched.

    Raises:
        DataError: One of these is more than a board has.

    Example:
        >>> validate_listed([ListedFile("a/../b.json", 1, "")], "lab/board", most=9, largest=9)
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.DataError: 'lab/board' has a file with an odd name, 'a/../b.json'. ...
    """
    if odd := [file.path for file in files if not _PLAIN.fullmatch(file.path)]:
        raise DataError(f"'{repo}' has a file with an odd name, {odd[0]!r}. Nothing was fetched.")
    if large := [file for file in files if file.num_bytes > largest]:
        raise DataError(
            f"'{large[0].path}' of '{repo}' has {large[0].num_bytes:,} bytes; at most {largest:,} are read."
        )
    total = sum(file.num_bytes for file in files)
    if len(files) > most or total > MAX_BYTES:
        raise DataError(
            f"'{repo}' has {len(files):,} files with {total:,} bytes to compare with; at most {most:,} with "
            f"{MAX_BYTES:,} are fetched."
        )


def _download(repo: str, commit: str, patterns: Iterable[str], folder: Path) -> None:
    from huggingface_hub import snapshot_download

    folder.mkdir(parents=True, exist_ok=True)
    if not (wanted := list(patterns)):
        return
    # Plain files and no links into the Hub's cache: readers of strangers' files refuse links.
    with translate_hub_errors(repo, None):
        snapshot_download(
            repo, repo_type="dataset", revision=commit, allow_patterns=wanted, local_dir=folder,
            etag_timeout=TIMEOUT_S,
        )  # fmt: skip


def _remove_others(folder: Path, wanted: set[str]) -> None:
    """Remove what an earlier commit had, so that no submission is compared with one that is gone."""
    for top in (FOLDER, VERDICTS):
        for path in sorted((folder / top).rglob("*")):
            if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
                path.unlink()
