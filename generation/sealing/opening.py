"""Whether a sibling is the one that was committed to, and its opening when the version retires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.siblings.commitments import SiblingKey, load_key
from imagenet_g.benchmark.splits.manifests import (
    Manifest,
    OpenedSibling,
    SiblingRecord,
    load_manifest,
    write_manifest,
)
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.plans.plan import Plan
from imagenet_g.generation.plans.siblings import name_sibling
from imagenet_g.generation.releases.card import format_card
from imagenet_g.generation.releases.check import check_hashes
from imagenet_g.generation.releases.recipe import list_split_files, parse_split_recipe
from imagenet_g.generation.sealing.public_splits import (
    PublicSplit,
    list_siblings,
    load_public_split,
    replace_split,
    require_own,
)


@dataclass(frozen=True, slots=True)
class CheckedSibling:
    """A sibling that is the one that was committed to.

    Attributes:
        public: The public split.
        record: What its manifest says of the sibling.
        key: The key.
        plan: The sibling's plan, made again from the key.
        num_files: Files of the sealed release that have the hashes of its manifest; None where none
            was given.
    """

    public: PublicSplit
    record: SiblingRecord
    key: SiblingKey
    plan: Plan
    num_files: int | None


def check_siblings(release: Path, *, key: Path | None, sealed: Path | None) -> Iterator[CheckedSibling]:
    """Check every sibling that a release names.

    Args:
        release: The public release.
        key: File of the key; None to take that of an opened sibling.
        sealed: The sealed or opened release, whose files are checked too; None for the plan alone.

    Raises:
        InputError: The release has no sibling, or one is sealed and no key was given.
        DataError: Key, plan or files are not those that were committed to.
    """
    manifest = load_manifest(release)
    records = list_siblings(manifest)
    if not records:
        raise InputError(
            f"'{release}' ({manifest.version}) names no sibling; 'imagenet-g sibling build {release}' "
            f"makes one."
        )
    given = None if key is None else load_key(key)
    for name, record in records.items():
        public = load_public_split(release, name)
        checked, plan = _check_plan(public, record, given)
        files = None if sealed is None else _check_sealed(public, record, plan, sealed)
        yield CheckedSibling(public, record, checked, plan, files)


def _check_plan(
    public: PublicSplit, record: SiblingRecord, given: SiblingKey | None
) -> tuple[SiblingKey, Plan]:
    if given is None and record.opened is None:
        raise InputError(f"The sibling of '{public.ref}' is sealed: only its key (--key FILE) can check it.")
    key = given or SiblingKey(record.opened.key if record.opened else "")
    plan = public.make_twin_plan(key, record.images_per_class)
    made = public.make_record(key, plan, record.images_per_class)
    if made != record.model_copy(update={"opened": None}):
        raise DataError(
            f"'{public.ref}': the key and the public plan do not give the commitment in the manifest. One "
            f"of the "
            "three is not what it was when the sibling was built."
        )
    if record.opened is not None and record.opened.plan_sha256 != plan.meta.plan_sha256:
        raise DataError(f"'{public.ref}': the opened plan is not that which the key gives.")
    return key, plan


def _check_sealed(public: PublicSplit, record: SiblingRecord, plan: Plan, sealed: Path) -> int:
    manifest = require_sibling_release(sealed, public, record)
    described = manifest.splits[public.name]
    recipe = parse_split_recipe(manifest, public.name)
    if recipe.plan_sha256 != plan.meta.plan_sha256:
        raise DataError(f"'{sealed}' was made by another plan than the one that '{public.ref}' committed to.")
    files = list_split_files(described)
    if problems := check_hashes(sealed, files):
        raise DataError(f"'{sealed}' is damaged: {problems[0]}")
    return len(files)


def require_sibling_release(sealed: Path, public: PublicSplit, record: SiblingRecord) -> Manifest:
    """The manifest of the sealed release of a public split.

    Raises:
        DataError: It is another release, or has another commitment.
    """
    manifest = load_manifest(sealed)
    described = manifest.splits.get(public.name)
    if manifest.version != name_sibling(public.manifest.version) or described is None:
        raise DataError(
            f"'{sealed}' ({manifest.version}) is not the sibling of '{public.ref}', which is "
            f"'{name_sibling(public.manifest.version)}/{public.name}'."
        )
    if described.sibling is None or described.sibling.commitment != record.commitment:
        raise DataError(f"'{sealed}' does not have the commitment of '{public.ref}': it is another sibling.")
    return manifest


def open_siblings(release: Path, *, key: Path, sealed: Path) -> list[CheckedSibling]:
    """Open all siblings of a release: the key goes into both manifests, and the sealed sets become test sets.

    Nothing is written before all of them were checked. A run that was interrupted is finished by another one.

    Raises:
        ImagenetGError: As `check_siblings`.
        StorageError: A manifest cannot be written.
    """
    require_own(release)
    found = list(check_siblings(release, key=key, sealed=sealed))
    public, private = load_manifest(release), load_manifest(sealed)
    for one in found:
        opened = OpenedSibling(key=one.key.secret, plan_sha256=one.plan.meta.plan_sha256)
        record = one.record.model_copy(update={"opened": opened})
        public = replace_split(public, one.public.name, sibling=record)
        private = replace_split(private, one.public.name, sibling=record, role="test")
    # The sealed one first: it must not be called sealed where its key is public.
    write_text(sealed / "README.md", format_card(private))
    write_manifest(sealed, private)
    write_manifest(release, public)
    return found
