"""Files of a dataset on the Hugging Face Hub, brought to local disk at one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import FetchError
from imagenet_g.benchmark.hub.errors import find_busy
from imagenet_g.benchmark.hub.patience import wait_when_asked

TIMEOUT_S = 8.0


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

    Without a network, what an earlier download left in the Hub's cache is taken.

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

    commit = None
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
    return HubFiles(Path(folder), str(commit))


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
