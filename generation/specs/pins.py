"""Resolving branches and tags of a spec to commits, and writing the commits into its file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from imagenet_g.benchmark.errors import FetchError, InputError
from imagenet_g.benchmark.shipped_specs import parse_toml
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.specs.extending import EXTENDS
from imagenet_g.generation.specs.stages import Repository, needs_pin
from imagenet_g.generation.specs.version import (
    VersionSpec,
    find_version_spec,
    load_version_spec,
    parse_version_spec,
)

Resolver = Callable[[str, str], str]
"""From a repository and a revision to a commit of 40 hex digits."""
_TABLE = re.compile(r"^\s*\[", re.MULTILINE)


def pin_version_spec(name_or_path: str, *, resolve: Resolver | None = None) -> list[str]:
    """Write the commits of all unpinned revisions into a spec's file, comments and order kept.

    Args:
        name_or_path: A shipped version, or a TOML file.
        resolve: Finds the commit of a revision; default: on the Hugging Face Hub.

    Returns:
        A line for each repository, with the old and the new revision.

    Raises:
        FetchError: The Hub cannot be reached, or has no such repository or revision.
        InputError: A revision is not written as a plain string on its own line.
        StorageError: The file cannot be written.
    """
    spec, path = load_version_spec(name_or_path), find_version_spec(name_or_path)
    commits: dict[tuple[str, str], str] = {}
    lines = []
    for found in list_repositories(spec):
        if not needs_pin(found):
            lines.append(f"{found.repo}: pinned at {found.revision}")
            continue
        key = (found.repo, found.revision)
        commits[key] = commits.get(key) or (resolve or resolve_on_hub)(*key)
        lines.append(f"{found.repo}: {found.revision} is {commits[key]}")
    if commits:
        # The text is edited, because writing TOML from the parsed spec would lose comments and order.
        text = path.read_text(encoding="utf-8")
        for (repo, revision), commit in commits.items():
            replace = add_revision if is_extension(text) else replace_revision
            text = replace(text, repo, revision, commit)
        _validate_pinned(parse_version_spec(text, source=str(path)), path)
        write_text(path, text)
    return lines


def list_repositories(spec: VersionSpec) -> Iterator[Repository]:
    """Everything that a version's generators are loaded from, generator by generator."""
    for generator in spec.generators.values():
        yield from generator.all_repositories


def replace_revision(text: str, repo: str, revision: str, commit: str) -> str:
    r"""TOML text with the revision of a repository replaced, wherever a table names both.

    The old revision is kept as a comment.

    Example:
        >>> text = 'repo = "org/name"\nrevision = "main"'
        >>> print(replace_revision(text, "org/name", "main", "0" * 40))
        repo = "org/name"
        revision = "0000000000000000000000000000000000000000"  # main
    """
    # Table by table: several tables may have the same branch name, but only some of them this repository.
    starts = [0, *(match.start() for match in _TABLE.finditer(text)), len(text)]
    pieces = [text[a:b] for a, b in pairwise(starts)]
    named = re.compile(rf'^repo\s*=\s*"{re.escape(repo)}"', re.MULTILINE)
    old = re.compile(rf'^(revision\s*=\s*)"{re.escape(revision)}".*$', re.MULTILINE)
    return "".join(
        old.sub(rf'\g<1>"{commit}"  # {revision}', piece) if named.search(piece) else piece
        for piece in pieces
    )


def is_extension(text: str) -> bool:
    """Whether a spec takes its generators from a family, and keeps their commits in a table of its own."""
    return EXTENDS in parse_toml(text)


def add_revision(text: str, repo: str, revision: str, commit: str) -> str:
    r"""TOML text of a spec that extends another, with the commit of a repository in its [revisions].

    Example:
        >>> print(add_revision('extends = "v1"\n', "org/name", "main", "0" * 40), end="")
        extends = "v1"
        <BLANKLINE>
        [revisions]
        "org/name" = "0000000000000000000000000000000000000000"  # main
    """
    old = re.compile(rf'^"{re.escape(repo)}"\s*=.*\n?', re.MULTILINE)
    text = old.sub("", text.rstrip("\n") + "\n")
    header = re.compile(r"^\[revisions\]\s*\n", re.MULTILINE)
    if not header.search(text):
        text += "\n[revisions]\n"
    return header.sub(lambda found: f'{found.group()}"{repo}" = "{commit}"  # {revision}\n', text, count=1)


def resolve_on_hub(repo: str, revision: str) -> str:
    """The current commit of a branch or tag.

    Raises:
        FetchError: The Hub cannot be reached, or has no such repository or revision.
    """
    from huggingface_hub import HfApi

    try:
        commit = HfApi().model_info(repo, revision=revision, timeout=15).sha
    except Exception as error:
        # httpx and huggingface_hub errors alike; the user's next step is the same.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FetchError(
            f"The commit of '{repo}' at '{revision}' could not be found ({reason}). Check the network and "
            "the repository's name, or write the 40-digit commit into the spec by hand."
        ) from error
    if not commit:
        raise FetchError(f"The Hub gives no commit for '{repo}' at '{revision}'.")
    return commit


def _validate_pinned(spec: VersionSpec, path: Path) -> None:
    for found in list_repositories(spec):
        if needs_pin(found):
            raise InputError(
                f"The revision of '{found.repo}' in '{path}' could not be replaced: write 'repo' and "
                "'revision' on lines of their own in the generator's table."
            )
