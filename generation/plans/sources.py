"""The real images that SD-I and SD-LI start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.splits.readable import load_image, require_readable
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.generation.specs.stages import TransformSpec

if TYPE_CHECKING:
    import torch
    from PIL import Image

# Source: openai/CLIP, clip.py, the Normalize of its transform.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Sources:
    """Source images by id, read one at a time.

    Attributes:
        split: The split they come from.
    """

    split: Split

    @cached_property
    def rows_by_id(self) -> dict[str, int]:
        """Row in the split, by image id."""
        return {image_id: row for row, image_id in enumerate(self.split.rows.image_ids)}

    def list_ids(self) -> dict[int, tuple[str, ...]]:
        """Sorted image ids by class index; an image with several labels counts for its first."""
        ids: dict[int, list[str]] = {}
        for image_id, label in zip(self.split.rows.image_ids, self.split.rows.labels[:, 0], strict=True):
            # A set may hold images of none of the 1000 classes.
            if label != NO_CLASS:
                ids.setdefault(int(label), []).append(image_id)
        # Sorted, because image i takes source i: the order of files on a disk must not decide.
        return {label: tuple(sorted(group)) for label, group in ids.items()}

    def load_image(self, image_id: str) -> Image.Image:
        """A source image, RGB.

        Raises:
            DataError: It is not in the split, or cannot be read.
        """
        if image_id not in self.rows_by_id:
            raise DataError(f"source image '{image_id}' is not in '{self.split.record.ref}'")
        try:
            return load_image(self.split, self.rows_by_id[image_id])
        except DataError as error:
            raise DataError(f"source image '{image_id}': {error}") from error


def load_sources(ref: str, *, data: Mapping[str, Path], cache: Path | None) -> Sources:
    """Open the split that sources come from.

    Args:
        ref: A split reference without a view.
        data: Local copies by name, as `--data` gives them.
        cache: Folder of cached file hashes.

    Raises:
        InputError: The reference has a view, or the split is not available.
        DataError: None of its images can be read.
        ImagenetGError: As opening the split does.
    """
    from imagenet_g.benchmark.catalogue.catalogue import load_split
    from imagenet_g.benchmark.splits.references import parse_split_ref

    parsed = parse_split_ref(ref)
    if parsed.view is not None:
        raise InputError(f"Sources come from whole splits; remove the view ':{parsed.view}' from '{ref}'.")
    split = load_split(parsed, data=data, cache=cache)
    # Before a generator runs: a row whose source cannot be read is recorded as failed, and all would be.
    require_readable(split, range(len(split.rows)), ref=ref)
    return Sources(split)


def transform_source(image: Image.Image, spec: TransformSpec) -> Image.Image | torch.Tensor:
    """A source image as the pipeline expects it.

    Returns:
        A PIL image for normalization "none", else a `(3, size, size)` float32 tensor.
    """
    if spec.normalization == "none":
        from PIL import Image

        filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR,
                   "lanczos": Image.Resampling.LANCZOS}  # fmt: skip
        return image.resize((spec.size_px, spec.size_px), resample=filters[spec.interpolation])
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as transforms

    # On a tensor, because the published SD-I recipe resizes without antialiasing, which Pillow cannot do.
    resized = transforms.resize(
        transforms.to_tensor(image),
        [spec.size_px, spec.size_px],
        interpolation=InterpolationMode(spec.interpolation),
        antialias=spec.antialias,
    )
    tensor: torch.Tensor = transforms.normalize(resized, list(CLIP_MEAN), list(CLIP_STD))
    return tensor
