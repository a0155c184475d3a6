"""The class means of a captions run: their images found and counted first, embedded once, then kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.errors import ImagenetGError, InputError
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.generation.captions.class_means import (
    FILE_NAME,
    ClassMeans,
    choose_rows,
    load_class_means,
    make_class_means,
    validate_clip,
    write_class_means,
)

if TYPE_CHECKING:
    from imagenet_g.benchmark.models.clip_encoders import ClipEncoder
    from imagenet_g.generation.caption_training.run import TrainRequest


def open_means_split(request: TrainRequest) -> Split | None:
    """The split of the images, with enough of them for every class; None where a run has its means already.

    Raises:
        InputError: The split is a view or not there, or a class has no image or fewer than the settings ask.
        ImagenetGError: As loading a split does.
    """
    spec = request.spec
    # A resumed run needs no images: they may be on another machine.
    if (request.out / FILE_NAME).exists():
        return None
    ref = parse_split_ref(spec.means.ref)
    if ref.view is not None:
        raise InputError(f"Class means come from whole splits; leave ':{ref.view}' off '{spec.means.ref}'.")
    try:
        split = load_split(ref, data=request.data, cache=request.cache)
    except ImagenetGError as error:
        # The settings name it, and whoever chose them may not have read that they need it.
        wanted = spec.means.images_per_class
        count = f"{wanted} images" if wanted else "images"
        raise InputError(
            f"The class means need {count} of each class from '{spec.means.ref}': {error} Name a split that "
            "is here: --means REF, such as folder:PATH of a training set."
        ) from error
    choose_rows(spec.means, spec.class_indices, split, spec.seed)
    return split


def load_means(request: TrainRequest, clip: ClipEncoder, split: Split | None) -> ClassMeans:
    """The means that a run keeps, or new ones, which it keeps from now on.

    Args:
        request: What is trained.
        clip: What embeds the images.
        split: Of `open_means_split`.

    Raises:
        DataError: Kept means are damaged or of another CLIP, or an image cannot be read.
        StorageError: They cannot be written.
    """
    path = request.out / FILE_NAME
    if split is None:
        kept = load_class_means(path)
        validate_clip(kept, clip, name=str(path))
        return kept
    means = make_means(request, clip, split)
    write_class_means(path, means)
    return means


def make_means(request: TrainRequest, clip: ClipEncoder, split: Split) -> ClassMeans:
    """New means, written nowhere.

    Raises:
        DataError: An image cannot be read, or the CLIP gives no finite embedding.
    """
    spec = request.spec
    request.note(f"class means of {len(spec.class_indices)} classes from {spec.means.ref}")
    return make_class_means(spec.means, spec.class_indices, split, clip, seed=spec.seed,
                            device=request.device, cache=request.cache)  # fmt: skip
