"""One pass over the images of a source: every one decoded and hashed before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import DataError, shorten
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.identity import hash_bytes, make_adopted_id
from imagenet_g.benchmark.images.decoding import decode_image, hash_pixels
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.generation.adopting.listing import Listing
from imagenet_g.generation.near_duplicates.hashing import compute_phash
from imagenet_g.generation.near_duplicates.reference import FLAT_STD
from imagenet_g.generation.rendering.pixel_scorer import is_flat

_AHEAD = 256
_MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class ReadImage:
    """What is known of one image after the first pass.

    Attributes:
        row: Its row in the listing.
        labels: Class indices it may be called, its own first.
        pixel_sha256: Hash of the decoded pixels.
        file_sha256: Hash of the file's bytes.
        num_bytes: Size of the file.
        is_flat: Whether it is one colour, or nearly.
        phash: Perceptual hash; None where it was not asked for.
    """

    row: int
    labels: tuple[int, ...]
    pixel_sha256: str
    file_sha256: str
    num_bytes: int
    is_flat: bool
    phash: int | None = None

    @property
    def label(self) -> int:
        """The image's own class."""
        return self.labels[0]

    @property
    def wnid(self) -> str:
        """The wnid of its own class."""
        return load_classes()[self.label].wnid


@dataclass(frozen=True, slots=True)
class ReadSource:
    """The images of a source that can be decoded.

    Attributes:
        images: In order of class, then pixels, so that the order is the same from any container.
        reasons: For each row that cannot be decoded, why.
    """

    images: tuple[ReadImage, ...]
    reasons: Mapping[int, str]


def read_images(
    listing: Listing,
    indices: Mapping[str, tuple[int, ...]],
    *,
    progress: ProgressCallback,
    with_phash: bool = False,
) -> ReadSource:
    """Decode and hash every image of a listing.

    Args:
        listing: The images.
        indices: Class indices by word, the label first.
        progress: Called with the number of images read and of all.
        with_phash: Compute a perceptual hash as well.
    """
    images: list[ReadImage] = []
    reasons: dict[int, str] = {}
    labels = [indices[token] for token in listing.tokens]
    read = partial(_read_one, listing.read, labels, with_phash)
    with ThreadPoolExecutor(choose_workers()) as pool:
        for row, outcome in enumerate(map_ahead(pool, read, range(len(labels)), window=_AHEAD)):
            if isinstance(outcome, str):
                reasons[row] = outcome
            else:
                images.append(outcome)
            progress(row + 1, len(labels))
    images.sort(key=lambda one: (one.label, one.pixel_sha256, one.file_sha256, listing.names[one.row]))
    return ReadSource(tuple(images), reasons)


def require_readable(listing: Listing, reasons: Mapping[int, str], *, leave_out: bool) -> None:
    """Refuse images that cannot be decoded, unless they may be left out.

    Raises:
        DataError: There are some, or there is no other image.
    """
    if not reasons or (leave_out and len(reasons) < len(listing)):
        return
    shown = "; ".join(
        f"'{shorten(listing.names[row])}': {why}" for row, why in list(reasons.items())[:_MAX_NAMED]
    )
    more = f"; and {len(reasons) - _MAX_NAMED} more" if len(reasons) > _MAX_NAMED else ""
    advice = "" if leave_out else " Fetch them again, or add --leave-out-unreadable."
    raise DataError(
        f"{len(reasons)} of {len(listing)} images cannot be read: {shown}{more}. Nothing was written.{advice}"
    )


def identify(images: Sequence[ReadImage]) -> Iterator[tuple[ReadImage, str]]:
    """Each image with its id; copies within a class are numbered in the order given."""
    seen: Counter[tuple[str, int]] = Counter()
    for image in images:
        key = (image.pixel_sha256, image.label)
        yield image, make_adopted_id(image.pixel_sha256, image.wnid, seen[key])
        seen[key] += 1


def count_copies(images: Sequence[ReadImage]) -> int:
    """Images with the pixels of another one of their class, the first of each not counted."""
    return len(images) - len({(image.pixel_sha256, image.label) for image in images})


def count_clashes(images: Sequence[ReadImage]) -> int:
    """Images whose pixels are those of an image of another class."""
    classes: dict[str, set[int]] = {}
    for image in images:
        classes.setdefault(image.pixel_sha256, set()).add(image.label)
    return sum(len(classes[image.pixel_sha256]) > 1 for image in images)


def _read_one(
    read: Callable[[int], bytes], labels: Sequence[tuple[int, ...]], with_phash: bool, row: int
) -> ReadImage | str:
    try:
        data = read(row)
        image = decode_image(data)
    # No other error: a full disk must stop the run, and not count as a damaged image.
    except DataError as error:
        return str(error)
    return ReadImage(
        row=row,
        labels=labels[row],
        pixel_sha256=hash_pixels(image),
        file_sha256=hash_bytes(data),
        num_bytes=len(data),
        is_flat=is_flat(image, max_std=FLAT_STD),
        phash=compute_phash(image) if with_phash else None,
    )
