"""An audit as a part of a release: its files beside the images, listed with their hashes in the manifest.

    <release>/audits/<split>/<view>/sample.json
    <release>/audits/<split>/<view>/<rater>.jsonl

The view is `audited`, of the images that the majority of raters calls valid ("cannot say" counts as not
valid), or `audited-simulated` where a program rated. No image changes, so the content of the split stays what
it was; the manifest changes, so that a published release needs a new tag.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.audits.files import (
    SAMPLE_NAME,
    LoadedSample,
    RaterAnswers,
    format_sample,
    load_all_ratings,
    load_sample,
    make_ratings_path,
    parse_ratings,
    read_sample,
)
from imagenet_g.benchmark.audits.verdicts import list_verdicts
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.hub.sources import find_snapshot_source
from imagenet_g.benchmark.identity import hash_bytes, hash_lines
from imagenet_g.benchmark.splits.manifests import (
    AuditFiles,
    FileRecord,
    Manifest,
    format_audit_view,
    load_manifest,
    write_manifest,
)
from imagenet_g.benchmark.storage import write_bytes

VALID, NOT_VALID = "valid", "not valid"


@dataclass(frozen=True, slots=True)
class _PlannedFile:
    record: FileRecord
    data: bytes


def attach_audit(release: Path, audit: Path) -> tuple[str, str]:
    """Copy an audit into a release and list it in the manifest; the same one again changes nothing.

    Args:
        release: Folder of the release, with its `manifest.json`.
        audit: Folder of the audit, with its sample and at least one rating.

    Returns:
        Reference of the split and name of the view.

    Raises:
        InputError: Nothing is rated, the audit is of other images, or the split has another audit of this
            kind.
        DataError: The release is incomplete.
        UntrustedFileError: A file of the audit is malformed.
        StorageError: The release cannot be written.
    """
    manifest, sample = load_manifest(release), load_sample(audit)
    # A rater who opened the page and left has a file without answers.
    raters = [rater for rater in load_all_ratings(audit, sample) if rater.answers]
    if not raters:
        raise InputError(f"'{audit}' has no ratings yet; collect them with 'imagenet-g audit serve {audit}'.")
    _validate_release(release, manifest, sample)
    name = sample.sample.split.name
    view = format_audit_view(simulated=raters[0].header.simulated)
    planned = list(_plan_files(audit, sample, raters, f"audits/{name}/{view}"))
    described = AuditFiles(
        simulated=raters[0].header.simulated,
        sample=planned[0].record,
        ratings=tuple(file.record for file in planned[1:]),
    )
    split = manifest.splits[name]
    if view in split.views:
        raise InputError(f"'{manifest.version}/{name}' has a view of its own called '{view}'.")
    if (before := split.audits.get(view)) is not None and before != described:
        raise InputError(
            f"'{manifest.version}/{name}' has another audit already, its view is ':{view}'. Remove that from "
            f"a copy of the release first ('imagenet-g audit detach'), or attach this one to another copy."
        )
    # The manifest last: a process killed in between leaves files that nothing lists.
    for file in planned:
        write_bytes(release / file.record.path, file.data)
    changed = split.model_copy(update={"audits": {**split.audits, view: described}})
    write_manifest(release, manifest.model_copy(update={"splits": {**manifest.splits, name: changed}}))
    return f"{manifest.version}/{name}", view


def detach_audit(release: Path, split: str, view: str) -> None:
    """Take an audit out of a release: out of its manifest, then its files.

    Raises:
        InputError: The split has no such audit.
        DataError: The release is incomplete.
        StorageError: The release cannot be written.
    """
    manifest = load_manifest(release)
    _validate_own(release)
    described = manifest.splits.get(split)
    if described is None or view not in described.audits:
        known = [
            f"{name}:{audit}" for name, found in manifest.splits.items() for audit in sorted(found.audits)
        ]
        raise InputError(
            f"'{release}' has no audit '{split}:{view}'; it has {', '.join(known) or 'no audit'}."
        )
    rest = {name: audit for name, audit in described.audits.items() if name != view}
    changed = described.model_copy(update={"audits": rest})
    write_manifest(release, manifest.model_copy(update={"splits": {**manifest.splits, split: changed}}))
    # The manifest first, for the same reason: it never lists files that are gone.
    shutil.rmtree(release / "audits" / split / view, ignore_errors=True)


def load_attached(release: Path, described: AuditFiles) -> tuple[LoadedSample, tuple[RaterAnswers, ...]]:
    """The sample and the ratings of an attached audit, every file checked against the manifest.

    Raises:
        DataError: A file is missing, damaged, or not what the manifest says.
        UntrustedFileError: A file is malformed.
    """
    sample = read_sample(_read_checked(release, described.sample), release / described.sample.path)
    raters = []
    for record in described.ratings:
        found = parse_ratings(_read_checked(release, record), release / record.path)
        # The header only claims to be of the sample: whoever wrote the file wrote the claim.
        odd = found.answers.keys() - sample.items.keys()
        if found.header.sample_sha256 != sample.sha256 or odd:
            raise DataError(f"'{record.path}' of '{release}' is not of the sample beside it.")
        if found.header.simulated != described.simulated:
            raise DataError(f"'{record.path}' of '{release}' is not as its manifest says: simulated or not.")
        raters.append(found)
    return sample, tuple(raters)


def list_audited(release: Path, described: AuditFiles, image_ids: Sequence[str]) -> list[str | None]:
    """For each image "valid" or "not valid" as the majority has it, None where it is not rated.

    Raises:
        DataError: As `load_attached`, or an image of the audit is not among these.
        UntrustedFileError: As `load_attached`.
    """
    sample, raters = load_attached(release, described)
    verdicts = {verdict.image_id: verdict.valid for verdict in list_verdicts(sample.sample, raters)}
    if odd := sorted(verdicts.keys() - set(image_ids)):
        raise DataError(f"The audit of '{release}' rates image '{odd[0]}', which the split does not have.")
    words = {True: VALID, False: NOT_VALID, None: None}
    return [words[verdicts.get(image_id)] for image_id in image_ids]


def _plan_files(
    audit: Path, sample: LoadedSample, raters: Sequence[RaterAnswers], folder: str
) -> Iterator[_PlannedFile]:
    text = (audit / SAMPLE_NAME).read_bytes()
    # The bytes that were hashed and checked, or none: the file may be written again meanwhile.
    if hash_bytes(text) != sample.sha256:
        text = format_sample(sample.sample).encode()
    yield _plan(f"{folder}/{SAMPLE_NAME}", text, len(sample.items))
    for rater in raters:
        data = make_ratings_path(audit, rater.header.rater).read_bytes()
        # Without what a killed process left behind the last newline.
        whole = data[: data.rfind(b"\n") + 1]
        yield _plan(f"{folder}/{rater.header.rater}.jsonl", whole, whole.count(b"\n") - 1)


def _plan(path: str, data: bytes, num_rows: int) -> _PlannedFile:
    record = FileRecord(path=path, sha256=hash_bytes(data), num_bytes=len(data), num_rows=num_rows)
    return _PlannedFile(record, data)


def _validate_release(release: Path, manifest: Manifest, sample: LoadedSample) -> None:
    _validate_own(release)
    drawn = sample.sample.split
    described = manifest.splits.get(drawn.name)
    if drawn.version != manifest.version or described is None:
        raise InputError(
            f"The audit is of '{drawn.ref}', which '{release}' ({manifest.version}) does not hold."
        )
    if drawn.view is not None:
        raise InputError(
            f"The audit is of the view '{drawn.ref}'; only an audit of a whole split can be attached."
        )
    if hash_lines(file.sha256 for file in described.files) != drawn.content_sha256:
        raise InputError(f"The audit is of other images than '{release}' has under '{drawn.ref}'.")


def _validate_own(release: Path) -> None:
    if find_snapshot_source(release) is not None:
        raise InputError(f"'{release}' is the Hub's copy of a published release; copy it to a folder first.")


def _read_checked(release: Path, record: FileRecord) -> bytes:
    try:
        data = (release / record.path).read_bytes()
    except OSError as error:
        raise DataError(
            f"'{record.path}' of '{release}' cannot be read: {error.strerror or error}."
        ) from error
    if hash_bytes(data) != record.sha256:
        raise DataError(f"'{record.path}' of '{release}' is damaged: its hash is not that of the manifest.")
    return data
