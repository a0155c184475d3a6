"""Training data of classifiers: images of one or more splits, labelled by the outputs of a class set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from imagenet_g.baselines.classifiers.specs import TrainingDataSpec
from imagenet_g.benchmark.classes import ClassSet, load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.training.pictures import Pictures, load_pictures

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """Training images.

    Attributes:
        pixels: `(N, 3, S, S)` uint8.
        targets: `(N,)` int64, the output each should raise, in 0..K-1.
        wnids: The class of each of the K outputs.
        record: Which splits, with their content hashes.
    """

    pixels: torch.Tensor
    targets: torch.Tensor
    wnids: tuple[str, ...]
    record: dict[str, JsonValue]


def load_training_images(
    parts: Sequence[TrainingDataSpec],
    class_set: ClassSet,
    *,
    data: Mapping[str, Path],
    cache: Path | None,
    say: Callable[[str], None],
) -> TrainingImages:
    """Read the parts of a recipe's data and keep the images of its classes.

    Raises:
        DataError: A class has no image, or the parts differ in size.
        ImagenetGError: As `load_pictures`.
    """
    loaded = [load_pictures(part.ref, data, cache=cache, say=say, captioned=False) for part in parts]
    sides = {part.ref: pictures.pixels.shape[-1] for part, pictures in zip(parts, loaded, strict=True)}
    if len(set(sides.values())) > 1:
        shown = ", ".join(f"{ref} {side}" for ref, side in sides.items())
        # Refused and not resized: interpolating one part alone would make it blurrier than the other, and the
        # comparison of mixtures would measure that.
        raise DataError(f"Training images differ in size (pixels): {shown}. Use splits of one size.")
    return select_training_images(list(zip(parts, loaded, strict=True)), class_set)


def select_training_images(
    parts: Sequence[tuple[TrainingDataSpec, Pictures]], class_set: ClassSet
) -> TrainingImages:
    """The images of a class set's classes, from each part up to its limit for a class.

    Raises:
        DataError: A class has no image in any part.
    """
    # Output k is the k-th class of the set, in ascending order of ImageNet's indices; the exported class map
    # states the same order.
    output_by_index = {index: output for output, index in enumerate(class_set.indices)}
    pixels, targets, records = [], [], []
    for part, pictures in parts:
        rows = choose_rows(pictures.labels.tolist(), output_by_index, part.images_per_class)
        pixels.append(pictures.pixels[rows])
        targets.append(
            torch.tensor(
                [output_by_index[label] for label in pictures.labels[rows].tolist()], dtype=torch.long
            )
        )
        # The hash is of the whole split; the count states how much of it was used.
        records.append(pictures.record | {"images": len(rows)})
    together = torch.cat(targets)
    validate_classes(together, class_set, [part.ref for part, _ in parts])
    wnids = tuple(load_classes()[index].wnid for index in class_set.indices)
    return TrainingImages(torch.cat(pixels), together, wnids, _join_records(records))


def choose_rows(labels: Sequence[int], wanted: Mapping[int, int], limit: int | None) -> list[int]:
    """Rows of the wanted classes, the first `limit` of each; None for all.

    Args:
        labels: Class index of each row.
        wanted: Its keys are the classes.
        limit: Images of a class.

    Example:
        >>> choose_rows([7, 3, 7, 7, 5], {7: 0, 5: 1}, None)
        [0, 2, 3, 4]
        >>> choose_rows([7, 3, 7, 7, 5], {7: 0, 5: 1}, 1)
        [0, 4]
    """
    # The first rows and not random ones: a recipe then names the same images without a seed of its own.
    seen: dict[int, int] = {}
    rows = []
    for row, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        if label in wanted and (limit is None or seen[label] <= limit):
            rows.append(row)
    return rows


def validate_classes(targets: torch.Tensor, class_set: ClassSet, refs: Sequence[str]) -> None:
    """Check that every output has an image to learn from.

    Raises:
        DataError: Naming the data, how many classes are missing, and one of them.
    """
    present = set(targets.tolist())
    # Cross-entropy would only ever push such an output down: the model could not get one image of the class
    # right, and its accuracy would be low for a reason that no table shows.
    missing = [index for output, index in enumerate(class_set.indices) if output not in present]
    if missing:
        lacking = load_classes()[missing[0]]
        raise DataError(
            f"{', '.join(refs)}: no image of {len(missing)} of the {len(class_set.indices)} classes of "
            f"'{class_set.name}', such as {lacking.wnid} ({lacking.name}). Choose another class_set or data."
        )


def _join_records(records: Sequence[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    # The flat form is that of the training records of the shipped models.
    if len(records) == 1:
        return dict(records[0])
    return {"ref": " + ".join(str(record["ref"]) for record in records), "parts": list(records)}
