"""What `imagenet-g splits` lists: every known split, what it holds and where it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imagenet_g.benchmark.catalogue.catalogue import find_local_copy, list_releases
from imagenet_g.benchmark.filters.kept import choose_store, list_kept_views
from imagenet_g.benchmark.hub.datasets import find_cached_files
from imagenet_g.benchmark.splits.manifests import Manifest, SplitRole, load_manifest
from imagenet_g.benchmark.splits.real_set_files import RealSet, find_real_set, load_real_sets
from imagenet_g.benchmark.splits.real_set_specs import RealSetSpec
from imagenet_g.benchmark.splits.registry import KnownVersion, format_superseded, load_versions

Status = Literal["embedded", "local", "hub cache", "hub", "hub, gated", "not on the hub", "not published"]
# ImageNet-C alone has 95 parts.
_MAX_LISTED_PARTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitListing:
    """One line of `imagenet-g splits`.

    Attributes:
        ref: The reference, or the pattern of references of a set with many parts.
        title: What it is.
        num_images: Images of a whole copy; None when unknown.
        num_classes: Classes it covers; None when unknown.
        status: Where it is.
        location: Path or Hub repository; None where there is neither.
        views: The release's own row filters, and those that kept scores allow.
        superseded: What should be used instead, in one sentence; None where nothing should.
        license: Under what terms, in the source's words; None when unknown.
    """

    ref: str
    title: str
    num_images: int | None
    num_classes: int | None
    status: Status
    location: str | None
    views: tuple[str, ...]
    license: str | None
    superseded: str | None = None

    @property
    def on_hand(self) -> bool:
        """Whether it can be opened without a network."""
        return self.status in ("embedded", "local", "hub cache")


def list_splits(
    data: Mapping[str, Path], sets: Mapping[str, RealSet] | None = None
) -> tuple[SplitListing, ...]:
    """Everything that is known: versions first, then real sets.

    Args:
        data: Local copies by name.
        sets: Known real sets by name; None for the shipped ones.

    Raises:
        DataError: A release given in `data` has no valid manifest.
    """
    listings: list[SplitListing] = []
    releases = list_releases(data)
    for version in dict.fromkeys((*load_versions(), *releases)):
        if (folder := releases.get(version)) is not None:
            listings += _list_release(load_manifest(folder), folder, embedded=version not in data)
        else:
            listings += _list_absent(load_versions()[version])
    for real_set in (load_real_sets() if sets is None else sets).values():
        listings += (_list_real_set(shown, data) for shown in _list_shown_parts(real_set))
    return tuple(listings)


_ROLE_TITLES: dict[SplitRole, str] = {"test": "", "train": " (training set)", "sealed": " (private sibling)"}


def _format_title(title: str, role: SplitRole) -> str:
    return title + _ROLE_TITLES[role]


def _list_release(manifest: Manifest, folder: Path, *, embedded: bool) -> list[SplitListing]:
    spec = load_versions().get(manifest.version)
    return [
        SplitListing(
            ref=f"{manifest.version}/{name}",
            title=_format_title(manifest.title, split.role),
            num_images=split.num_images,
            num_classes=len(split.class_indices),
            status="embedded" if embedded else "local",
            location=None if embedded else str(folder),
            views=_list_views(f"{manifest.version}/{name}", (*split.views, *split.audits)),
            license=manifest.license,
            superseded=None if spec is None else format_superseded(spec, name),
        )
        for name, split in manifest.splits.items()
    ]


def _list_absent(spec: KnownVersion) -> list[SplitListing]:
    published = spec.published
    return [
        SplitListing(
            ref=f"{spec.name}/{name}",
            title=spec.title,
            num_images=None,
            num_classes=None,
            status="not published" if published is None else "hub",
            location=None if published is None else f"{published.repo}@{published.tag}",
            views=(),
            license=None,
            superseded=format_superseded(spec, name),
        )
        for name in spec.splits
    ]


def _list_shown_parts(real_set: RealSet) -> list[RealSet]:
    """Each part of a set with few; the set itself, with placeholders, where there are many."""
    refs = list(real_set.spec.list_references())
    if len(refs) > _MAX_LISTED_PARTS:
        return [real_set]
    found = (find_real_set(ref, {real_set.spec.name: real_set}) for ref in refs)
    return [part for part in found if part is not None]


def _list_real_set(real_set: RealSet, data: Mapping[str, Path]) -> SplitListing:
    spec = real_set.spec
    path = find_local_copy(spec, data)
    status, location = _find_on_hub(spec) if path is None else ("local", str(path))
    return SplitListing(
        ref=spec.pattern,
        title=spec.title,
        num_images=spec.num_images,
        num_classes=len(real_set.classes.indices) if spec.every_class else None,
        status=status,
        location=location,
        views=_list_views(spec.name),
        license=spec.license,
    )


def _list_views(ref: str, own: Iterable[str] = ()) -> tuple[str, ...]:
    return tuple(sorted({*own, *list_kept_views(choose_store(), ref)}))


def _find_on_hub(spec: RealSetSpec) -> tuple[Status, str | None]:
    if spec.hub is None:
        return "not on the hub", None
    location = spec.hub.repo.replace("{", "<").replace("}", ">")
    if not spec.parts and find_cached_files(spec.hub.repo, spec.hub.files) is not None:
        return "hub cache", location
    return ("hub, gated" if spec.hub.gated else "hub"), location
