"""A classifier that reads its answer off the image, so that tests know what it must say."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from factories import make_model_record, make_split_record
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.models.classifiers import Classifier
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.splits.splits import Split, SplitRows, make_labels, make_split_class_set

Factory = Callable[[], tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]]


class ColourModel(torch.nn.Module):
    """Says class (red + green) mod 1000 of the first pixel; keeps the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_sizes: list[int] = []
        self.largest_batch = 10**9

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`: 8 for the class that is said, distance from it below."""
        if len(images) > self.largest_batch:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        self.batch_sizes.append(len(images))
        pixel = (images[:, :2, 0, 0] * 255).round().long().sum(1) % 1000
        return 8 - (torch.arange(1000)[None] - pixel[:, None]).abs().float()


def read_colours(image: Image.Image) -> torch.Tensor:
    """An image's own pixels; a function that worker processes can be sent."""
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)


def read_corner(image: Image.Image) -> torch.Tensor:
    """Its first 8 x 8 pixels: inputs of one size, from a module that is imported sooner than a library's."""
    return read_colours(image.crop((0, 0, 8, 8)))


def make_toy_classifier(record: ModelRecord | None = None) -> tuple[Classifier, ColourModel]:
    """A classifier around a ColourModel."""
    model = ColourModel().eval()
    return (
        Classifier(
            record=record or make_model_record("python:toy:make"),
            module=model,
            transform=read_colours,
            precropped_transform=read_colours,
            files=(),
        ),
        model,
    )


class ImagesInMemory:
    """Image files held in a list."""

    def __init__(self, images: list[bytes]) -> None:
        self.images = images
        self.num_read = 0

    def read_image(self, row: int) -> bytes:
        """Bytes of one file."""
        self.num_read += 1
        return self.images[row]

    def read_column(self, name: str) -> list[object]:
        """No such column exists."""
        raise KeyError(name)


def make_colour_png(class_index: int) -> bytes:
    """A 4 x 4 PNG that ColourModel takes for this class (0..510)."""
    red = min(class_index, 255)
    image = Image.new("RGB", (4, 4), (red, class_index - red, 0))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def make_toy_split(class_indices: list[int], *, broken: tuple[int, ...] = ()) -> Split:
    """One image a class index, labelled with it; rows in `broken` hold bytes that are no image."""
    images = [make_colour_png(index) for index in class_indices]
    for row in broken:
        images[row] = b"not an image"
    labels = make_labels([[index] for index in class_indices])
    class_set = make_split_class_set(labels)
    return Split(
        record=make_split_record("v9/toy", len(class_set.indices)),
        rows=SplitRows(
            image_ids=tuple(f"image-{row}" for row in range(len(images))),
            labels=labels,
            source_image_ids=(None,) * len(images),
        ),
        reader=ImagesInMemory(images),
        class_set=class_set,
        outputs="all",
    )


def make_colour_model() -> tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]:
    """A factory for `python:toy_models:make_colour_model`."""
    classifier, model = make_toy_classifier()
    # A weight, so that the model has something to hash.
    model.register_buffer("version", torch.tensor(1.0))
    return model, classifier.transform


def make_factory(make: Callable[[], torch.nn.Module]) -> Factory:
    """A factory, for a model spec, of a model that reads an image's own pixels."""

    def make_both() -> tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]:
        return make().eval(), make_toy_classifier()[0].transform

    return make_both


class SlowColourModel(ColourModel):
    """Takes its time, so that a test can kill it in the middle."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As ColourModel, at a tenth of a second a batch."""
        time.sleep(0.1)
        return super().forward(images)


def make_slow_model() -> tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]:
    """A factory for `python:toy_models:make_slow_model`."""
    _, transform = make_colour_model()
    slow = SlowColourModel().eval()
    slow.register_buffer("version", torch.tensor(1.0))
    return slow, transform


def make_failing_model() -> torch.nn.Module:
    """A factory that fails as third-party code does."""
    raise AttributeError("no such layer")


def write_toy_folder(folder: Path, class_indices: list[int]) -> Path:
    """A folder split of colour images, `<wnid>/<number>.png`."""
    for number, index in enumerate(class_indices):
        path = folder / load_classes()[index].wnid / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_colour_png(index))
    return folder
