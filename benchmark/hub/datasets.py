"""Files of a dataset on the Hugging Face Hub, brought to local disk at one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import FetchError
from imagenet_g.benchmark.hub.errors import find_busy
from imagenet_g.benchmark.hub.patience import wait_when_asked
from imagenet_g.benchmark.terminal.text import print_message

TIMEOUT_S = 8.0
MAIN = "main"
"""The branch that is meant where none is named."""


@dataclass(frozen=True, slots=True)
class HubFiles:
    """Where fetched files lie.

    Attributes:
        folder: A snapshot folder with the repository's layout.
        commit: The commit it is of.
    """

    folder: Path
    commit: str

    def list_files(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Names of the files that match one of the patterns, sorted, relative to the folder."""
        return list_matching_files(self.folder, patterns)


def list_matching_files(folder: Path, patterns: Sequence[str]) -> tuple[str, ...]:
    """Names of the files under a folder that match one of the patterns, sorted, with forward slashes.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     folder = Path(name)
        ...     (folder / "data").mkdir()
        ...     for file in ("data/1.parquet", "data/0.parquet", "README.md"):
        ...         (folder / file).touch()
        ...     list_matching_files(folder, ["data/*.parquet"])
        ('data/0.parquet', 'data/1.parquet')
    """
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    # Forward slashes and sorted: names enter hashes, which must not depend on the system.
    return tuple(sorted(path.relative_to(folder).as_posix() for path in found))


def fetch_hub_files(
    repo: str, patterns: Sequence[str], *, gated: bool, hint: str, revision: str | None = None
) -> HubFiles:
    """Download matching files of a dataset, at the commit that its branch is at now.

    Without a network, what an earlier download left in the Hub's cache is taken. A tag or branch that stands
    for another commit than at the last time is said on standard error.

    Args:
        repo: "owner/name" of a dataset.
        patterns: File patterns such as "data/*.parquet".
        gated: Whether the owner requires terms to be accepted.
        hint: What to do when it cannot be fetched, a full sentence.
        revision: Branch, tag or commit; None for the main branch.

    Raises:
        FetchError: No network, no access, no such dataset, or the download broke off.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    commit, before = None, read_last_commit(repo, revision or MAIN)
    wait_when_asked()
    try:
        # The commit first: files that are fetched one after the other must be of one state of the branch.
        commit = HfApi().dataset_info(repo, revision=revision, timeout=TIMEOUT_S).sha
        folder = snapshot_download(
            repo, repo_type="dataset", revision=commit, allow_patterns=list(patterns), etag_timeout=TIMEOUT_S
        )
    # The Hub also answers "not found" for private datasets, to hide that they exist.
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise FetchError(_format_no_access(repo, gated=gated, hint=hint)) from error
    except Exception as error:
        # The Hub's client passes on whatever its own HTTP library raises, and that has changed before.
        # Only where not even the commit was learnt. A download that broke off half-way is no whole copy, and
        # the cache may hold some of its files.
        if commit is None and (cached := find_cached_files(repo, patterns, revision)) is not None:
            return cached
        if busy := find_busy(error, repo):
            raise FetchError(busy) from error
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise FetchError(f"Dataset '{repo}' could not be fetched from the Hub ({reason}). {hint}") from error
    _remember_commit(Path(folder), revision or MAIN, str(commit))
    say_if_moved(repo, revision or MAIN, before, str(commit))
    return HubFiles(Path(folder), str(commit))


def say_if_moved(repo: str, revision: str, before: str | None, now: str) -> None:
    """Say on standard error that a tag or branch stands for another commit than at the last time.

    Args:
        repo: "owner/name" of a dataset.
        revision: Tag or branch.
        before: The commit at the last time; None where there was none.
        now: The commit now.
    """
    if before not in (None, now):
        print_message(
            f"'{revision}' of '{repo}' has moved: it was commit {before} before and is {now} now. "
            "Their images may differ; name the commit to stay with one."
        )


def read_last_commit(repo: str, revision: str) -> str | None:
    """The commit that a tag or branch stood for when it was last fetched; None where it never was."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="dataset")
    try:
        return (folder / "refs" / revision).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _remember_commit(snapshot: Path, revision: str, commit: str) -> None:
    # The Hub's client does so itself only where it is asked for the tag; it is asked for the commit here. Its
    # own place, so that it finds the copy without a network.
    if revision == commit:
        return
    path = snapshot.parents[1] / "refs" / revision
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(commit, encoding="utf-8")


def find_cached_files(repo: str, patterns: Sequence[str], revision: str | None = None) -> HubFiles | None:
    """What an earlier download left in the Hub's cache, or None; nothing is fetched."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        folder = Path(
            snapshot_download(
                repo,
                repo_type="dataset",
                revision=revision,
                allow_patterns=list(patterns),
                local_files_only=True,
            )
        )
    except (OSError, ValueError, HfHubHTTPError):
        return None
    cached = HubFiles(folder, folder.name)
    # The client returns the folder of a commit even where it holds no file of these patterns.
    return cached if cached.list_files(patterns) else None


def _format_no_access(repo: str, *, gated: bool, hint: str) -> str:
    if gated:
        return (
            f"Dataset '{repo}' is gated: accept its terms on its page on the Hugging Face Hub, "
            f"sign in with 'hf auth login', and run this again. {hint}"
        )
    return f"Dataset '{repo}' does not exist, or you have no access to it. {hint}"
