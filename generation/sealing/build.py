"""Building the private siblings of a release, and their commitments in its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.siblings.commitments import SiblingKey, load_key, make_key_file
from imagenet_g.benchmark.splits.manifests import SiblingRecord, load_manifest, write_manifest
from imagenet_g.generation.building.build import BuildListener, BuildRequest, run_build
from imagenet_g.generation.plans.plan import Plan
from imagenet_g.generation.plans.siblings import name_sibling
from imagenet_g.generation.rendering.tasks import Engine
from imagenet_g.generation.sealing.public_splits import (
    PublicSplit,
    list_siblings,
    load_public_split,
    replace_split,
    require_own,
)
from imagenet_g.generation.specs.version import VersionSpec
from imagenet_g.generation.verifying.contents import restore_split_spec
from imagenet_g.generation.verifying.regeneration import RegenerationSettings, make_split_version_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingRequest:
    """What to build.

    Attributes:
        release: The public release, whose manifest takes the commitments.
        splits: Names of its splits; none for every test set.
        key: File of the key; a new one is made where no file is.
        out: Folder of the sealed release.
        images_per_class: Twins of each class, chosen by the key; None for a twin of every image.
        settings: Where and with what to render.
        engine: Runs the tasks.
    """

    release: Path
    splits: tuple[str, ...]
    key: Path
    out: Path
    images_per_class: int | None
    settings: RegenerationSettings
    engine: Engine


def build_siblings(request: SealingRequest, listener: BuildListener) -> Iterator[tuple[str, SiblingRecord]]:
    """Build one sibling after another, and commit to each once it is whole.

    It is safe to interrupt, and to run again.

    Yields:
        Reference of the public split, and what its manifest now says.

    Raises:
        ImagenetGError: The message says what to do.
    """
    require_own(request.release)
    _refuse_places(request)
    manifest = load_manifest(request.release)
    names = request.splits or tuple(name for name, one in manifest.splits.items() if one.role == "test")
    # All before the first image, and before a key is made that would then belong to nothing.
    splits = [load_public_split(request.release, name) for name in names]
    key = _open_key(request.key, splits)
    plans = [_make_plan(public, key, request.images_per_class) for public in splits]
    for public, (plan, record) in zip(splits, plans, strict=True):
        _build(request, public, plan, listener)
        write_manifest(request.out, replace_split(load_manifest(request.out), public.name, sibling=record))
        # Read again: it may have taken days, and an audit may have been attached.
        current = load_manifest(request.release)
        write_manifest(request.release, replace_split(current, public.name, sibling=record))
        yield public.ref, record


def _refuse_places(request: SealingRequest) -> None:
    key, out, release = (path.resolve() for path in (request.key, request.out, request.release))
    for folder in (release, out):
        if key.is_relative_to(folder):
            raise InputError(f"The key must not lie inside '{folder}'; keep it away from all images.")
    if out.is_relative_to(release) or release.is_relative_to(out):
        raise InputError("The sealed and the public release must not lie inside one another.")


def _open_key(path: Path, splits: list[PublicSplit]) -> SiblingKey:
    if path.exists():
        return load_key(path)
    if committed := [public.ref for public in splits if list_siblings(public.manifest).get(public.name)]:
        raise InputError(f"'{committed[0]}' has a sibling already, and its key is not '{path}'.")
    return make_key_file(path)


def _make_plan(
    public: PublicSplit, key: SiblingKey, images_per_class: int | None
) -> tuple[Plan, SiblingRecord]:
    plan = public.make_twin_plan(key, images_per_class)
    record = public.make_record(key, plan, images_per_class)
    before = public.described.sibling
    if before is not None and before != record:
        what = "an opened sibling: the version has retired" if before.opened else "another sibling already"
        raise InputError(
            f"'{public.ref}' has {what}. One version has one sibling; give its key and "
            f"--images-per-class, or "
            "build a new version."
        )
    return plan, record


def _build(request: SealingRequest, public: PublicSplit, plan: Plan, listener: BuildListener) -> None:
    settings = request.settings
    run_build(
        BuildRequest(
            spec=_make_spec(public, settings),
            source=str(request.release),
            splits=(public.name,),
            out=request.out,
            engine=request.engine,
            device=settings.device,
            data=settings.data,
            cache=settings.cache,
            machine=settings.machine,
            # No filter is compared, so no scorer is needed; whoever wants scores has them after the opening.
            with_scores=False,
            plan=lambda job: plan,
        ),
        listener,
    )


def _make_spec(public: PublicSplit, settings: RegenerationSettings) -> VersionSpec:
    """The version that the public split was built from, as its manifest has it, under the sibling's name."""
    spec = make_split_version_spec(public.manifest, public.name, public.recipe, settings)
    planned = restore_split_spec(public.name, public.recipe.recipe)
    split = spec.splits[public.name].model_copy(
        # Past the check of a spec's roles: a sealed set is made here and nowhere else.
        update={"role": "sealed", "replicates": planned.replicates, "sweep": planned.sweep}
    )
    return spec.model_copy(
        update={"version": name_sibling(spec.version), "splits": {public.name: split},
                "rows_per_shard": public.recipe.recipe["rows_per_shard"]}
    )  # fmt: skip
