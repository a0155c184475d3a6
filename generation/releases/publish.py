"""Publishing a release on the Hub: one commit with everything, a check of the uploaded files, then the tag.

Large files are uploaded before the commit and stored by the Hub, so that an interrupted upload resumes. The
branch never shows a partial release. An existing tag is never moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from imagenet_g.benchmark.critiques.shipped import CRITIQUES
from imagenet_g.benchmark.errors import DataError, InputError, format_problems
from imagenet_g.benchmark.hub.errors import require_account, translate_hub_errors
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.lines.version_lines import LINES
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME
from imagenet_g.benchmark.splits.registry import Publication
from imagenet_g.benchmark.storage import validate_writable, write_text
from imagenet_g.generation.releases.check import CheckedRelease
from imagenet_g.generation.releases.tree import TreeFile

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

RECORD_NAME = "published.json"
# Files elsewhere, such as .gitattributes or a person's notes, are left alone.
_OWNED_FOLDERS = ("audits/", "critiques/", "data/", "plan/", "probe/", "lines/")
_INDICES = {kind.index_path: kind.name for kind in (LINES, CRITIQUES)}
_BRANCH = "main"


class PublicationsRecord(FileModel):
    """`published.json` beside a release: where it was published. It is not uploaded."""

    schema_version: Literal[1] = 1
    publications: tuple[Publication, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """What to publish, and where.

    Attributes:
        release: The checked release.
        tree: Its files, from `tree.make_tree`.
        repo: Dataset repository, created if it does not exist.
        tag: Name of the version on the Hub; must be new.
        private: Make the repository private.
        gated: Require readers to accept the terms first.
    """

    release: CheckedRelease
    tree: tuple[TreeFile, ...]
    repo: str
    tag: str
    private: bool
    gated: bool


def publish_release(request: PublishRequest, say: Callable[[str], None]) -> Publication:
    """Upload, compare the uploaded files, tag, and record the commit beside the release.

    Publishing the same release under the same tag again changes nothing and gives the same commit.

    Raises:
        InputError: The tag exists and is another release, or --private and the repository is public.
        FetchError: No network, no write permission, or a Hub error.
        DataError: An uploaded file differs from the release.
        StorageError: The record of the commit cannot be written.
    """
    from huggingface_hub import HfApi

    validate_writable(request.release.folder)
    require_account()
    api = HfApi()
    with translate_hub_errors(request.repo, None, "write"):
        _prepare_repo(api, request)
        commit = _find_published(api, request)
        if commit is None:
            commit = _upload(api, request, say)
            _compare(api, request, commit)
            api.create_tag(
                request.repo, tag=request.tag, revision=commit, repo_type="dataset",
                tag_message=f"ImageNet-G {request.release.manifest.version}",
            )  # fmt: skip
        else:
            say(f"{request.tag} of {request.repo} is this release already; nothing was uploaded")
        _validate_tag(api, request, commit)
    return _note_publication(request, commit)


def _prepare_repo(api: HfApi, request: PublishRequest) -> None:
    # None and not False, so that an organisation's default applies.
    api.create_repo(request.repo, repo_type="dataset", private=request.private or None, exist_ok=True)
    info = api.dataset_info(request.repo)
    if request.private and not info.private:
        raise InputError(
            f"'{request.repo}' exists and is public; omit --private, or make it private on its page."
        )
    if request.gated and not info.gated:
        api.update_repo_settings(request.repo, repo_type="dataset", gated="auto")


def _find_published(api: HfApi, request: PublishRequest) -> str | None:
    """The commit of the tag if it is this release; None if the tag does not exist."""
    from huggingface_hub import hf_hub_download

    # Asked before anything is sent: the Hub refuses a second tag of one name only at the end.
    tags = {tag.name for tag in api.list_repo_refs(request.repo, repo_type="dataset").tags}
    if request.tag not in tags:
        return None
    commit = str(api.dataset_info(request.repo, revision=request.tag).sha)
    paths = [entry.path for entry in _list_files(api, request.repo, commit)]
    if MANIFEST_NAME in paths:
        there = hf_hub_download(request.repo, MANIFEST_NAME, repo_type="dataset", revision=commit)
        # A manifest holds the hash of every file: equal manifests are equal releases.
        if hash_file(Path(there)) == hash_file(request.release.folder / MANIFEST_NAME):
            _validate_measured(request, commit, paths)
            return commit
    raise InputError(
        f"Tag '{request.tag}' of '{request.repo}' is another release (commit {commit}), and a published tag "
        "is never moved. Choose a new --tag."
    )


def _validate_measured(request: PublishRequest, commit: str, paths: Sequence[str]) -> None:
    """Refuse to pass over measured lines and critiques that a published tag does not have.

    Raises:
        InputError: The tag is this release without these.
    """
    from huggingface_hub import hf_hub_download

    for file in request.tree:
        what = _INDICES.get(file.path)
        if what is None or not isinstance(file.content, Path):
            continue
        # The index holds the hash of every line, or of every critique.
        if file.path in paths:
            there = hf_hub_download(request.repo, file.path, repo_type="dataset", revision=commit)
            if hash_file(Path(there)) == hash_file(file.content):
                continue
        raise InputError(
            f"Tag '{request.tag}' of '{request.repo}' is this release without the {what} that were measured "
            f"since, and a published tag is never moved. Choose a new --tag, such as {request.tag}-{what}; "
            "images that are there already are not uploaded again."
        )


def _upload(api: HfApi, request: PublishRequest, say: Callable[[str], None]) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    head = str(api.dataset_info(request.repo, revision=_BRANCH).sha)
    wanted = {file.path for file in request.tree}
    stale = [
        entry.path
        for entry in _list_files(api, request.repo, head)
        if entry.path.startswith(_OWNED_FOLDERS) and entry.path not in wanted
    ]
    say(
        f"uploading {len(request.tree)} files to {request.repo}; "
        "if it is interrupted, run the same command again"
    )
    # Not `upload_folder`, which makes several commits: between them the branch would hold half a release.
    # With a parent commit the Hub refuses if another commit came first.
    commit = api.create_commit(
        request.repo,
        [
            *(CommitOperationAdd(file.path, _open_content(file)) for file in request.tree),
            *(CommitOperationDelete(path) for path in stale),
        ],
        repo_type="dataset",
        revision=_BRANCH,
        parent_commit=head,
        commit_message=f"ImageNet-G {request.release.manifest.version}, {request.tag}",
    )
    return str(commit.oid)


def _open_content(file: TreeFile) -> str | bytes:
    return str(file.content) if isinstance(file.content, Path) else file.content


def _compare(api: HfApi, request: PublishRequest, commit: str) -> None:
    """Check on the Hub, before tagging, that every file has the hash of the manifest."""
    there = {entry.path: entry for entry in _list_files(api, request.repo, commit)}
    for file in request.release.files:
        entry = there.get(file.path)
        # The Hub gives a sha256 for large files only; of small ones the size is compared.
        large = entry.lfs if entry is not None else None
        if entry is None or entry.size != file.num_bytes or (large and large.sha256 != file.sha256):
            raise DataError(
                f"'{file.path}' in '{request.repo}' differs from the release after upload; no tag was made. "
                "Run the same command again."
            )
    if absent := [file.path for file in request.tree if file.path not in there]:
        raise DataError(
            f"'{absent[0]}' is missing in '{request.repo}' after the upload; no tag was made. Run it again."
        )


def _validate_tag(api: HfApi, request: PublishRequest, commit: str) -> None:
    # A tag can be moved by anyone who may write, so it is read back.
    if (found := str(api.dataset_info(request.repo, revision=request.tag).sha)) != commit:
        raise DataError(
            f"Tag '{request.tag}' of '{request.repo}' points at {found}, not at {commit}: "
            "it was created by someone else in the meantime. Choose a new --tag."
        )


def _list_files(api: HfApi, repo: str, commit: str) -> Sequence[RepoFile]:
    from huggingface_hub.hf_api import RepoFile

    entries = api.list_repo_tree(repo, repo_type="dataset", revision=commit, recursive=True)
    return [entry for entry in entries if isinstance(entry, RepoFile)]


def _note_publication(request: PublishRequest, commit: str) -> Publication:
    path = request.release.folder / RECORD_NAME
    known = load_publications(path)
    for publication in known:
        if (publication.repo, publication.tag, publication.commit) == (request.repo, request.tag, commit):
            return publication
    made = Publication(
        repo=request.repo,
        tag=request.tag,
        commit=commit,
        manifest_sha256=hash_file(request.release.folder / MANIFEST_NAME),
        released=datetime.now(UTC).date(),
    )
    record = PublicationsRecord(publications=(*known, made))
    write_text(path, record.model_dump_json(indent=2) + "\n")
    return made


def load_publications(path: Path) -> tuple[Publication, ...]:
    """Earlier publications of a release; empty if the file does not exist.

    Raises:
        DataError: The file is malformed.
    """
    try:
        return PublicationsRecord.model_validate_json(path.read_bytes()).publications
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        raise DataError(
            f"'{path}' is not a record of publications; remove it.\n{format_problems(error)}"
        ) from error
