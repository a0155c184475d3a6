"""Adopting a set of images: listed, classes read, every image decoded and hashed, then released."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.classes import NUM_CLASSES, load_class_set, load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.generation.adopting.classes import ReadClasses
from imagenet_g.generation.adopting.listing import Listing
from imagenet_g.generation.adopting.reading import (
    ReadImage,
    ReadSource,
    count_clashes,
    count_copies,
    read_images,
    require_readable,
)
from imagenet_g.generation.adopting.sources import OpenedSource
from imagenet_g.generation.adopting.strengths import add_strengths
from imagenet_g.generation.adopting.writing import (
    ReleaseRequest,
    hash_contents,
    validate_place,
    write_adopted,
)
from imagenet_g.generation.releases.adopted import AdoptedCounts, AdoptedRecipe, Provenance, SourceRecord

# A set with more classes than this, and not all of them, has most likely lost some on its way.
_NEARLY_ALL = 900
_MAX_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptRequest:
    """What to adopt, and as what.

    Attributes:
        source_name: What the source is called in records; no path of a machine.
        open: Lists the images; called after the place of the release was checked.
        classes: Gives the meaning of the words that name classes.
        release: What the release is called.
        provenance: Where the images are from.
        expected: Class set that the images must cover; "found" for whatever is there; None for whatever is
            there, unless nearly all classes are.
        leave_out_unreadable: Adopt the others where some images cannot be decoded.
        strength_file: Table of how strongly each image is shifted; None for what the source says, if it does.
    """

    source_name: str
    open: Callable[[], OpenedSource]
    classes: Callable[[Listing], ReadClasses]
    release: ReleaseRequest
    provenance: Provenance
    expected: str | None = None
    leave_out_unreadable: bool = False
    strength_file: Path | None = None


def run_adopt(request: AdoptRequest, say: Callable[[str], None], progress: ProgressCallback) -> AdoptedRecipe:
    """Adopt a set; nothing is written before every image was read.

    Raises:
        ImagenetGError: The source, its classes or its images do not fit; the folder is as it was before.
    """
    validate_place(request.release)
    opened = request.open()
    listing = add_strengths(opened.listing, request.strength_file)
    classes = request.classes(listing)
    say(f"{len(listing):,} images in {len(classes.indices)} classes, named by {classes.kind}")
    if sentence := listing.left_out.format_counts():
        say(sentence)
    validate_coverage({*classes.indices.values()}, request.expected)
    read = read_images(listing, classes.indices, progress=progress)
    require_readable(listing, read.reasons, leave_out=request.leave_out_unreadable)
    recipe = make_adopted_recipe(request, opened, classes, read, read.images)
    write_adopted(request.release, listing, read.images, recipe)
    return recipe


def validate_coverage(indices: set[int], expected: str | None) -> None:
    """Check that no class is missing.

    Raises:
        InputError: A class of the expected set is missing, or another one is there.
        UnknownNameError: There is no such class set.
    """
    if expected == "found" or (expected is None and not _NEARLY_ALL < len(indices) < NUM_CLASSES):
        return
    wanted = set(load_class_set(expected or "all").indices)
    name = expected or "all"
    if missing := sorted(wanted - indices):
        hint = " If the set has no such class, add --expect found." if expected is None else ""
        raise InputError(
            f"{len(missing)} of the {len(wanted)} classes of '{name}' have no image: "
            f"{_name_classes(missing)}.{hint}"
        )
    if extra := sorted(indices - wanted):
        raise InputError(f"{len(extra)} classes are not in '{name}': {_name_classes(extra)}.")


def make_adopted_recipe(
    request: AdoptRequest,
    opened: OpenedSource,
    classes: ReadClasses,
    read: ReadSource,
    kept: tuple[ReadImage, ...],
) -> AdoptedRecipe:
    """The record of an adopted split."""
    listing = opened.listing
    return AdoptedRecipe(
        recipe=request.provenance,
        source=SourceRecord(
            name=request.source_name,
            layout=listing.layout,
            classes=classes.kind,
            order=classes.order,
            revision=opened.revision,
            content_sha256=hash_contents(read.images),
        ),
        counts=AdoptedCounts(
            listed=len(listing),
            released=len(kept),
            unreadable=len(read.reasons),
            dropped=len(read.images) - len(kept),
            flat=sum(image.is_flat for image in kept),
            copies=count_copies(kept),
            clashes=count_clashes(kept),
        ),
        left_out=listing.left_out.format_counts(),
    )


def make_source_name(source: str) -> str:
    """The last part of a path, or the whole name of a repository.

    Example:
        >>> make_source_name("/data/sets/imagenet-d"), make_source_name("hub:org/set")
        ('imagenet-d', 'hub:org/set')
    """
    return source if source.startswith("hub:") else Path(source).expanduser().resolve().name


def _name_classes(indices: list[int]) -> str:
    named = [f"{load_classes()[index].wnid} ({load_classes()[index].name})" for index in indices[:_MAX_NAMED]]
    return ", ".join(named) + (f" and {len(indices) - _MAX_NAMED} more" if len(indices) > _MAX_NAMED else "")
