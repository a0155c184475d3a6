"""Adopting a set of images: listed, classes read, every image decoded and hashed, then released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imagenet_g.benchmark.classes import NUM_CLASSES, load_class_set, load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.storage import write_text
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
from imagenet_g.generation.near_duplicates.pairs import NearDuplicate, find_near_duplicates
from imagenet_g.generation.near_duplicates.reference import ReferenceHashes
from imagenet_g.generation.near_duplicates.report import (
    NearDuplicateLine,
    NearDuplicatesRecord,
    format_lines,
)
from imagenet_g.generation.releases.adopted import AdoptedCounts, AdoptedRecipe, Provenance, SourceRecord

# A set with more classes than this, and not all of them, has most likely lost some on its way.
_NEARLY_ALL = 900
_MAX_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NearRequest:
    """How to look for near-duplicates.

    Attributes:
        max_distance: Bits in which two hashes may differ.
        load_reference: Gives the hashes of a split to compare with; None for no such split.
        drop: Leave near-duplicates out of the release.
    """

    max_distance: int
    load_reference: Callable[[], ReferenceHashes] | None
    drop: bool


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
        num_expected: Images of a whole copy; None where it is unknown. With fewer, the notice says so.
        leave_out_unreadable: Adopt the others where some images cannot be decoded.
        strength_file: Table of how strongly each image is shifted; None for what the source says, if it does.
        near: How to look for near-duplicates; None for not at all.
    """

    source_name: str
    open: Callable[[], OpenedSource]
    classes: Callable[[Listing], ReadClasses]
    release: ReleaseRequest
    provenance: Provenance
    expected: str | None = None
    num_expected: int | None = None
    leave_out_unreadable: bool = False
    strength_file: Path | None = None
    near: NearRequest | None = None


def run_adopt(request: AdoptRequest, say: Callable[[str], None], progress: ProgressCallback) -> AdoptedRecipe:
    """Adopt a set; nothing is written before every image was read.

    Raises:
        ImagenetGError: The source, its classes or its images do not fit; the folder is as it was before.
    """
    # First: a place that is taken must not come to light after hours of reading.
    validate_place(request.release)
    opened = request.open()
    listing = add_strengths(opened.listing, request.strength_file)
    classes = request.classes(listing)
    say(f"{len(listing):,} images in {len(classes.indices)} classes, named by {classes.kind}")
    if sentence := listing.left_out.format_counts():
        say(sentence)
    validate_coverage({labels[0] for labels in classes.indices.values()}, request.expected)
    read = read_images(listing, classes.indices, progress=progress, with_phash=request.near is not None)
    require_readable(listing, read.reasons, leave_out=request.leave_out_unreadable)
    kept, record, lines = _compare(request.near, listing, read.images)
    recipe = make_adopted_recipe(request, opened, classes, read, kept, record)
    release = replace(request.release, notice=_add_partial(request, len(read.images)))
    write_adopted(release, listing, kept, recipe)
    if lines:
        write_text(make_report_path(request.release), format_lines(lines))
    return recipe


def make_report_path(release: ReleaseRequest) -> Path:
    """Where near-duplicates are listed: beside the release's own files, and not published."""
    return release.out / "near-duplicates" / f"{release.split}.csv"


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
        raise InputError(
            f"{len(missing)} of the {len(wanted)} classes of '{name}' have no image: "
            f"{_name_classes(missing)}. If the set has no such class, add --expect found."
        )
    if extra := sorted(indices - wanted):
        raise InputError(f"{len(extra)} classes are not in '{name}': {_name_classes(extra)}.")


def make_adopted_recipe(
    request: AdoptRequest,
    opened: OpenedSource,
    classes: ReadClasses,
    read: ReadSource,
    kept: Sequence[ReadImage],
    near: NearDuplicatesRecord | None,
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
            classes=len({image.label for image in kept}),
            unreadable=len(read.reasons),
            dropped=len(read.images) - len(kept),
            flat=sum(image.is_flat for image in kept),
            copies=count_copies(kept),
            clashes=count_clashes(kept),
        ),
        left_out=listing.left_out.format_counts(),
        near_duplicates=near,
    )


def make_source_name(source: str) -> str:
    """The last part of a path, or the whole name of a repository.

    Example:
        >>> make_source_name("/data/sets/imagenet-d"), make_source_name("hub:org/set")
        ('imagenet-d', 'hub:org/set')
    """
    # Never the whole path: it would carry names of somebody's folders into a published record.
    return source if source.startswith("hub:") else Path(source).expanduser().resolve().name


def _compare(
    near: NearRequest | None, listing: Listing, images: tuple[ReadImage, ...]
) -> tuple[tuple[ReadImage, ...], NearDuplicatesRecord | None, list[NearDuplicateLine]]:
    """The images that are released, and what was found; flat images are released and not compared."""
    if near is None:
        return images, None, []
    reference = near.load_reference() if near.load_reference is not None else None
    compared = [image for image in images if not image.is_flat and image.phash is not None]
    hashes = [int(image.phash or 0) for image in compared]
    found = find_near_duplicates(hashes, reference.hashes if reference is not None else (), near.max_distance)
    lines = [_describe(one, listing, compared, reference) for one in found]
    record = NearDuplicatesRecord(
        max_distance=near.max_distance,
        within=sum(line.where == "within" for line in lines),
        other_class=sum(line.where == "within" and line.wnid != line.wnid_of_other for line in lines),
        reference=reference.ref if reference is not None else None,
        against=sum(line.where != "within" for line in lines),
        flat=len(images) - len(compared),
        dropped=near.drop,
    )
    dropped = {compared[one.row].row for one in found} if near.drop else set()
    kept = tuple(image for image in images if image.row not in dropped)
    if not kept:
        raise InputError("Every image is a near-duplicate of the reference; nothing would remain.")
    return kept, record, lines


def _describe(
    one: NearDuplicate, listing: Listing, compared: Sequence[ReadImage], reference: ReferenceHashes | None
) -> NearDuplicateLine:
    image = compared[one.row]
    name = listing.names[image.row]
    if one.of < len(compared) or reference is None:
        other = compared[one.of]
        return NearDuplicateLine(
            name, image.wnid, listing.names[other.row], other.wnid, "within", one.distance
        )
    row = one.of - len(compared)
    wnid = load_classes()[reference.labels[row]].wnid
    return NearDuplicateLine(name, image.wnid, reference.image_ids[row], wnid, reference.ref, one.distance)


def _add_partial(request: AdoptRequest, num_images: int) -> str | None:
    """The notice, and that a copy is not whole."""
    wanted, notice = request.num_expected, request.release.notice
    if wanted is None or wanted == num_images:
        return notice
    partial = f"{request.release.split}: not the whole set, {num_images:,} of {wanted:,} images."
    return f"{notice} {partial}" if notice else partial


def _name_classes(indices: list[int]) -> str:
    named = [f"{load_classes()[index].wnid} ({load_classes()[index].name})" for index in indices[:_MAX_NAMED]]
    return ", ".join(named) + (f" and {len(indices) - _MAX_NAMED} more" if len(indices) > _MAX_NAMED else "")
