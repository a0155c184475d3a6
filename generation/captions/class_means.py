"""Class means: the mean CLIP embedding of some images of each class, kept in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, InputError, describe_failure
from imagenet_g.benchmark.identity import hash_bytes, hash_json, make_seed
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.generation.captions.records import MeansRecord
from imagenet_g.generation.captions.reward import compute_class_mean
from imagenet_g.generation.captions.specs import MeansSpec

if TYPE_CHECKING:
    from imagenet_g.benchmark.models.clip_encoders import ClipEncoder

FILE_NAME = "means.safetensors"
MAX_IMAGES = 128
"""Images of a class that its mean is of, where the settings give no number (Ramos et al. 2023)."""


@dataclass(frozen=True)
class ClassMeans:
    """Means of some classes.

    Attributes:
        record: The images and settings they come from.
        class_indices: C class indices, ascending.
        means: `(C, D)` float32.
    """

    record: MeansRecord
    class_indices: tuple[int, ...]
    means: npt.NDArray[np.float32]

    def take(self, class_indices: Sequence[int]) -> npt.NDArray[np.float32]:
        """`(N, D)` means of N classes, repeats allowed.

        Raises:
            DataError: A class has no mean.
        """
        rows = {index: row for row, index in enumerate(self.class_indices)}
        for index in class_indices:
            if index not in rows:
                raise DataError(f"Class {load_classes()[index].wnid} has no mean in '{self.record.ref}'.")
        return self.means[[rows[index] for index in class_indices]]


def make_class_means(
    spec: MeansSpec,
    class_indices: Sequence[int],
    split: Split,
    clip: ClipEncoder,
    *,
    seed: int,
    device: str,
    cache: Path | None,
) -> ClassMeans:
    """Embed images of every class and average them.

    If a class has more images than needed, some are chosen with a seed. An image with several labels counts
    for its first label.

    Raises:
        InputError: A class has no image, or fewer than the settings ask for.
        DataError: An image cannot be read, or the model gives no finite embedding.
    """
    chosen = choose_rows(spec, class_indices, split, seed)
    vectors = _embed(split, [row for rows in chosen.values() for row in rows], clip, device, cache)
    # float32 is what the file keeps: a resumed run, which reads it, must reward captions like the first one.
    means = np.stack(
        [
            compute_class_mean([vectors[row] for row in chosen[index]], spec.normalization)
            for index in class_indices
        ]
    ).astype(np.float32)
    ref = spec.ref
    record = MeansRecord(
        # The path of a folder does not identify its images; the content hash does.
        ref=f"folder:{Path(ref).name}" if ref.startswith("folder:") else ref,
        content_sha256=split.record.content_sha256,
        images_per_class=spec.images_per_class or MAX_IMAGES,
        normalization=spec.normalization,
        sha256=hash_means(class_indices, means),
        clip_sha256=clip.identify(),
    )
    return ClassMeans(record, tuple(class_indices), means)


def write_class_means(path: Path, means: ClassMeans) -> None:
    """Keep means, so that a resumed run needs no images.

    Raises:
        StorageError: They cannot be written.
    """
    from safetensors.numpy import save_file

    tensors: dict[str, npt.NDArray[Any]] = {
        "means": means.means,
        "class_indices": np.asarray(means.class_indices, np.int64),
    }
    # The origin goes into the file's own metadata, so that the tensors cannot be separated from it.
    with replace_file(path) as temporary:
        save_file(tensors, temporary, metadata={"record": means.record.model_dump_json()})


def load_class_means(path: Path) -> ClassMeans:
    """Read means and check their hash.

    Raises:
        DataError: They are missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            record = MeansRecord.model_validate_json((file.metadata() or {}).get("record", ""))
            indices = tuple(int(index) for index in file.get_tensor("class_indices"))
            means = file.get_tensor("means")
    except (OSError, SafetensorError, ValidationError) as error:
        raise DataError(f"Class means '{path}' cannot be read: {describe_failure(error)}") from error
    if hash_means(indices, means) != record.sha256:
        raise DataError(f"Class means '{path}' were changed after they were made; delete the file.")
    return ClassMeans(record, indices, means)


def validate_clip(means: ClassMeans, clip: ClipEncoder, *, name: str) -> None:
    """Check that a CLIP is the one that means were made by; cosines between two CLIPs mean nothing.

    Args:
        means: The means.
        clip: The CLIP to be used with them.
        name: The file, for the message.

    Raises:
        DataError: It is another CLIP, or its weights, settings or tokenizer have changed.
    """
    made_by = means.record.clip_sha256
    # Old files do not name their CLIP. The number of dimensions is all that can be compared then.
    if means.means.shape[1] != clip.record.num_dimensions:
        raise DataError(
            f"Class means '{name}' have {means.means.shape[1]} dimensions, {clip.record.spec} has "
            f"{clip.record.num_dimensions}: they were made by another CLIP."
        )
    if made_by not in (None, clip.identify()):
        raise DataError(
            f"Class means '{name}' were made by another CLIP than '{clip.record.spec}' is now: its weights, "
            "settings or tokenizer differ. Use the CLIP they were made by, or make them again."
        )


def hash_means(class_indices: Sequence[int], means: npt.NDArray[np.float32]) -> str:
    """The hash that a record of class means holds.

    Args:
        class_indices: K class indices.
        means: `(K, D)`, a row for each of them.
    """
    # Little-endian bytes, so that the hash is the same on every machine.
    return hash_json([list(class_indices), hash_bytes(np.ascontiguousarray(means, "<f4").tobytes())])


def choose_rows(
    spec: MeansSpec, class_indices: Sequence[int], split: Split, seed: int
) -> dict[int, list[int]]:
    """Rows of the images whose mean is taken, for each class, in the order of their ids.

    Raises:
        InputError: A class has no image, or fewer than the settings ask for.
    """
    labels = split.rows.labels[:, 0]
    chosen = {}
    for index in class_indices:
        # In the order of ids: the order in which a folder or a parquet file lists its images must not decide.
        rows = sorted(np.flatnonzero(labels == index).tolist(), key=lambda row: split.rows.image_ids[row])
        if not rows:
            info = load_classes()[index]
            raise InputError(
                f"Class {info.wnid} ({info.name}) has no image in '{spec.ref}'. Take the means from a split "
                "that covers every class (--means REF), or name fewer classes in the settings."
            )
        wanted = spec.images_per_class or MAX_IMAGES
        if spec.images_per_class and len(rows) < wanted:
            raise _make_too_few(spec.ref, index, found=len(rows), wanted=wanted)
        if len(rows) > wanted:
            # A seed for each class, so that the choice does not depend on which other classes a run has.
            rng = np.random.default_rng(make_seed("class-means", str(seed), str(index), 0))
            picked = rng.choice(len(rows), size=wanted, replace=False)
            # Back in the order of ids: the last bits of a mean depend on the order of its terms.
            rows = [rows[number] for number in sorted(picked.tolist())]
        chosen[index] = rows
    return chosen


def _make_too_few(ref: str, index: int, *, found: int, wanted: int) -> InputError:
    info = load_classes()[index]
    return InputError(
        f"The settings ask for class means of {wanted} images, and class {info.wnid} ({info.name}) has "
        f"{found} in '{ref}'. Take a split with more images (--means REF, such as folder:PATH of a training "
        f"set), or write images_per_class = {found} under [means] in the settings."
    )


def _embed(
    split: Split, rows: Sequence[int], clip: ClipEncoder, device: str, cache: Path | None
) -> dict[int, npt.NDArray[np.float32]]:
    from imagenet_g.benchmark.backends.settings import InferenceSettings
    from imagenet_g.benchmark.distances.embeddings import embed_rows

    # A fixed type and batch size: the last bits of an embedding depend on both, and the means are hashed.
    settings = InferenceSettings(device=device, dtype="float32", batch_size=32, workers=2)
    found = embed_rows(clip, split, rows, settings=settings, cache=cache)
    # Leaving the image out would give another mean under the same record.
    if found.errors:
        row, reason = next(iter(found.errors.items()))
        raise DataError(f"Image '{split.rows.image_ids[row]}' of '{split.record.ref}': {reason}.")
    return dict(zip(found.rows.tolist(), found.vectors, strict=True))
