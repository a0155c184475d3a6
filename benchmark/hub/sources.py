"""Where a release lies on the Hugging Face Hub, as written: `hub:ORG/NAME@REVISION`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import InputError

HUB_PREFIX = "hub:"
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SNAPSHOT = re.compile(r"datasets--([^/]+?)--([^/]+)/snapshots/([0-9a-f]{40})$")


@dataclass(frozen=True, slots=True)
class HubSource:
    """A dataset repository at a revision.

    Attributes:
        repo: "org/name".
        revision: Tag, branch or commit.

    Example:
        >>> HubSource("my-lab/g", "v1.0.0").is_pinned, HubSource("my-lab/g", "0123456789" * 4).is_pinned
        (False, True)
    """

    repo: str
    revision: str

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which never moves."""
        return _COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        return f"{HUB_PREFIX}{self.repo}@{self.revision}"


def make_hub_source(repo: str, revision: str) -> HubSource:
    """A source from its two parts, checked.

    Raises:
        InputError: Not the name of a repository, or no revision.
    """
    # The Hub's cache joins owner and name by '--' in the name of a folder, which is read back below.
    if not _REPO.fullmatch(repo) or "--" in repo or ".." in repo:
        raise InputError(f"Malformed repository '{repo}'. Use ORG/NAME, such as 'my-lab/imagenet-g'.")
    # Git allows no '..' in a name, and in the Hub's cache a revision is a path.
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise InputError(f"Malformed revision '{revision}'. Use a tag such as 'v1.0.0', or a commit.")
    return HubSource(repo, revision)


def parse_hub_source(text: str) -> HubSource:
    """Parse `hub:ORG/NAME@REVISION`.

    Raises:
        InputError: It has another form.

    Example:
        >>> parse_hub_source("hub:my-lab/imagenet-g@v1.0.0")
        HubSource(repo='my-lab/imagenet-g', revision='v1.0.0')
        >>> parse_hub_source("hub:my-lab/imagenet-g")
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.InputError: 'hub:my-lab/imagenet-g' names no revision. Use ...
    """
    repo, separator, revision = text.removeprefix(HUB_PREFIX).partition("@")
    if not separator:
        raise InputError(f"'{text}' names no revision. Use hub:ORG/NAME@TAG, such as 'hub:{repo}@v1.0.0'.")
    return make_hub_source(repo, revision)


def find_snapshot_source(folder: Path) -> HubSource | None:
    """The repository and commit a folder of the Hub's cache belongs to; None for any other folder.

    Example:
        >>> str(find_snapshot_source(Path("hub/datasets--my-lab--imagenet-g/snapshots/" + "a" * 40)))[:24]
        'hub:my-lab/imagenet-g@aa'
        >>> find_snapshot_source(Path("data/imagenet-g")) is None
        True
    """
    match = _SNAPSHOT.search(folder.as_posix())
    return None if match is None else HubSource(f"{match[1]}/{match[2]}", match[3])
