"""The files of a data set, in the form their authors give them, as names, classes and parts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from imagenet_g.baselines.probing.layouts.listing import (
    JoinedReader,
    ListedImage,
    MemoryReader,
    SetListing,
    hash_images,
)
from imagenet_g.baselines.probing.specs import (
    AnnotationLayout,
    CarsLayout,
    ClassFolderLayout,
    DigitsLayout,
    FlowersLayout,
    ListLayout,
    Part,
    SplitLayout,
    TarLayout,
)
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.hub.datasets import list_matching_files
from imagenet_g.benchmark.images.containers import load_found_samples
from imagenet_g.benchmark.images.found import ImageReader

MAX_LIST_BYTES = 512 << 20
"""The largest of the known lists, that of iNaturalist 2018, has some 200 MB."""


def read_text_file(path: Path) -> str:
    """A text of a set.

    Raises:
        InputError: It is missing, far too large, or not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise InputError(f"'{path}' has more than {MAX_LIST_BYTES >> 20} MB and is no list of this set.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is no text in UTF-8.") from error


def refuse_outside(name: str, source: Path) -> str:
    """The name of a file, if it lies below the folder of its set.

    Raises:
        InputError: It leads out of it.
    """
    path = PurePosixPath(name)
    # The list may come from anyone, and "../../secret.png" would be read and hashed.
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"'{source}' names '{name}', which lies outside the folder of the set.")
    return name


def read_lists(root: Path, layout: ListLayout) -> SetListing:
    """Images from text files.

    Raises:
        InputError: A file cannot be read, a line has another form, or no line is there.
    """
    images: list[ListedImage] = []
    for part, name in layout.parts.items():
        source = root / name
        for number, line in enumerate(read_text_file(source).splitlines(), start=1):
            # Some of these files begin with comments, and some end with an empty line.
            if not line.strip() or line.startswith("#"):
                continue
            match = re.fullmatch(layout.line, line.strip())
            if match is None:
                raise InputError(
                    f"Line {number} of '{source}' is '{line.strip()[:80]}'; it must match {layout.line}."
                )
            groups = match.groupdict()
            file = refuse_outside(layout.image.format(**groups), source)
            images.append(ListedImage(file, layout.label.format(**groups), part))
    return SetListing(tuple(images))


def read_annotations(root: Path, layout: AnnotationLayout) -> SetListing:
    """Images from JSON in the form of COCO, joined by the image's id.

    Raises:
        InputError: A file is no such JSON, or an image has no class or two.
    """
    images = []
    for part, name in layout.parts.items():
        source = root / name
        try:
            content = json.loads(read_text_file(source))
            files = {row["id"]: str(row["file_name"]) for row in content["images"]}
            classes = [(row["image_id"], str(int(row["category_id"]))) for row in content["annotations"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                f"'{source}' is no JSON with images (id, file_name) and annotations (image_id, "
                f"category_id): {type(error).__name__} {error}."
            ) from error
        # Joined by id: that both lists have one order is nowhere promised.
        if len(classes) != len(files) or {image for image, _ in classes} != set(files):
            raise InputError(
                f"'{source}' has {len(files)} images and {len(classes)} annotations: not one for each image."
            )
        images += [ListedImage(refuse_outside(files[image], source), label, part) for image, label in classes]
    return SetListing(tuple(images))


def read_tars(root: Path, layout: TarLayout) -> SetListing:
    """Images in webdataset tars.

    Raises:
        InputError: A part has no tar.
        DataError: A tar is damaged, or an image has no class.
    """
    images: list[ListedImage] = []
    readers: list[tuple[int, ImageReader]] = []
    # Part by part: in two parts samples may have the same key.
    for part, pattern in layout.parts.items():
        names = list_matching_files(root, [pattern])
        if not names:
            raise InputError(f"'{root}' has no file {pattern}.")
        found = load_found_samples(root, names, cache=None)
        readers.append((len(images), found.reader))
        images += [
            ListedImage(f"{part}/{name}", label, part)
            for name, (label, *_) in zip(found.image_ids, found.labels, strict=True)
        ]
    reader = JoinedReader(readers)
    return SetListing(tuple(images), reader, hash_images(reader, len(images)))


def read_class_folders(root: Path, layout: ClassFolderLayout) -> SetListing:
    """Folders of classes, divided by a seeded draw.

    Raises:
        InputError: A class has too few images.
    """
    images: list[ListedImage] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        taken = layout.test_per_class + layout.val_per_class
        if len(names) <= taken:
            raise InputError(
                f"'{folder}' has {len(names)} images; {taken} of each class are taken from what is learnt."
            )
        # A generator a class: another class that is missing would change no other.
        order = np.random.default_rng([layout.draw_seed, *folder.name.encode()]).permutation(len(names))
        sizes: dict[Part, int] = {"test": layout.test_per_class, "val": layout.val_per_class}
        sizes["train"] = len(names) - taken
        parts = [part for part, size in sizes.items() for _ in range(size)]
        placed = sorted(zip(order.tolist(), parts, strict=True))
        images += [ListedImage(f"{folder.name}/{names[row]}", folder.name, part) for row, part in placed]
    return SetListing(tuple(images))


def read_digits(layout: DigitsLayout) -> SetListing:
    """The 1797 digits of scikit-learn, 8 x 8 pixels, as PNG.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(
            "The digits come with scikit-learn. Install it: pip install 'imagenet-g[probe]'"
        ) from error

    found: Any = load_digits()
    data = [encode_digit(image) for image in found.images]
    reader = MemoryReader(data)
    images = tuple(
        ListedImage(f"digit-{row:04d}", str(label), "train" if row < layout.num_train else "test")
        for row, label in enumerate(found.target.tolist())
    )
    return SetListing(images, reader, hash_images(reader, len(images)))


def encode_digit(image: np.ndarray[Any, np.dtype[np.float64]]) -> bytes:
    """A PNG of `(8, 8)` values in 0..16, which are stretched over 0..255 and rounded."""
    import io

    from PIL import Image

    # PNG loses nothing, and its decoder is the one that every other set goes through.
    stream = io.BytesIO()
    Image.fromarray(np.round(image * 255 / 16).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def read_layout(root: Path, layout: Any) -> SetListing:  # noqa: ANN401
    """The images of a set in one of the known forms.

    Raises:
        InputError: The files do not have that form.
        DataError: A file is damaged.
    """
    from imagenet_g.baselines.probing.layouts.mat import read_cars, read_flowers
    from imagenet_g.baselines.probing.layouts.split import read_split

    readers: dict[type, Callable[..., SetListing]] = {
        ListLayout: read_lists,
        AnnotationLayout: read_annotations,
        TarLayout: read_tars,
        ClassFolderLayout: read_class_folders,
        FlowersLayout: lambda root, _: read_flowers(root),
        CarsLayout: lambda root, _: read_cars(root),
        DigitsLayout: lambda _, layout: read_digits(layout),
        SplitLayout: read_split,
    }
    return readers[type(layout)](root, layout)
