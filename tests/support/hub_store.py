"""What the stand-in Hub keeps: repositories as commits, branches and tags, all in memory."""

from __future__ import annotations

import hashlib
import itertools
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Blob:
    """A file at a commit."""

    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        """Hash of the bytes, the oid of a large file."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def git_oid(self) -> str:
        """Git's own hash of the blob."""
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()

    @property
    def etag(self) -> str:
        """What the Hub calls the file's content."""
        return self.sha256 if self.lfs else self.git_oid


@dataclass(frozen=True)
class Commit:
    """A whole tree and where it came from."""

    oid: str
    parent: str | None
    message: str
    tree: dict[str, Blob]


@dataclass
class PullRequest:
    """What a pull request says beside its commits."""

    title: str
    author: str
    status: str = "open"


@dataclass
class Repo:
    """One dataset."""

    private: bool = False
    gated: str | bool = False
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)
    requests: dict[str, PullRequest] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.branches["main"] = self._add(None, "initial commit", {}).oid

    def resolve(self, revision: str) -> Commit | None:
        """The commit a branch, tag, pull request or oid stands for."""
        named = {**self.pulls, **self.tags, **self.branches}
        return self.commits.get(named.get(revision, revision))

    def commit(
        self, revision: str, message: str, tree: dict[str, Blob], *, parent: str | None, pull: bool = False
    ) -> Commit | None:
        """Put a tree on a branch or a new pull request; None where the branch has moved on."""
        with self._lock:
            head = self.branches[revision]
            if parent is not None and parent != head:
                return None
            made = self._add(head, message, tree)
            if pull:
                self.pulls[f"refs/pr/{len(self.pulls) + 1}"] = made.oid
            else:
                self.branches[revision] = made.oid
            return made

    def merge(self, number: int) -> None:
        """Put what a pull request changes on the main branch."""
        with self._lock:
            ours, theirs = self.commits[self.branches["main"]], self.commits[self.pulls[f"refs/pr/{number}"]]
            self.branches["main"] = self._add(ours.oid, "merged", {**ours.tree, **theirs.tree}).oid
            self.requests[f"refs/pr/{number}"].status = "merged"

    def change_pull(self, number: int, path: str, data: bytes) -> None:
        """Push one file to a pull request, as its author may."""
        with self._lock:
            before = self.commits[self.pulls[f"refs/pr/{number}"]]
            tree = {**before.tree, path: Blob(data, lfs=False)}
            self.pulls[f"refs/pr/{number}"] = self._add(before.oid, "changed", tree).oid

    def _add(self, parent: str | None, message: str, tree: dict[str, Blob]) -> Commit:
        oid = hashlib.sha1(f"{id(self)} {next(self._numbers)}".encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, message, dict(tree))
        return self.commits[oid]


@dataclass
class Account:
    """Who a token belongs to.

    Attributes:
        name: The user.
        organizations: Where repositories can be made and written, besides the user's own.
        accepted: Gated datasets whose terms were accepted.
    """

    name: str
    organizations: tuple[str, ...] = ()
    accepted: set[str] = field(default_factory=set)

    def can_write(self, repo_id: str) -> bool:
        """Whether commits to a repository are let in."""
        return repo_id.split("/")[0] in (self.name, *self.organizations)
