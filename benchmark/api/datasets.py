"""`imagenet_g.load_split`: the images of a split, for PyTorch and for `datasets`."""

from __future__ import annotations

import io
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Dataset

from imagenet_g.benchmark.api.arguments import list_pairs, list_paths, make_optional_path
from imagenet_g.benchmark.catalogue.catalogue import load_split as open_split
from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError, shorten
from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.real_set_files import load_sets
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.benchmark.terminal.notebook import prepare_notebook

if TYPE_CHECKING:
    import datasets
    from PIL import Image


class SplitDataset(Dataset[tuple[Any, int]]):
    """Images of a split in its own order, each with its class.

    Item `i` is a pair: the RGB image, or what the transform makes of it, and the first of its acceptable
    classes, 0..999 in sorted wnid order.

    Attributes:
        record: Which images these are: reference, hashes, notice.
        image_ids: Their identities.
        labels: All acceptable classes of each; nearly always one.
        transform: From a PIL image to an item; None for the image.
        precropped: Whether images are at 224 x 224 already and must not be cropped again (ImageNet-C).
    """

    def __init__(
        self,
        split: Split,
        rows: Sequence[int],
        record: SplitRecord,
        transform: Callable[[Image.Image], object] | None = None,
    ) -> None:
        self._split = split
        self._rows = rows
        self.record = record
        self.transform = transform
        self.precropped = split.precropped
        self.image_ids = tuple(split.rows.image_ids[row] for row in rows)
        chosen = (split.rows.labels[row].tolist() for row in rows)
        self.labels = tuple(tuple(label for label in row if label != NO_CLASS) for row in chosen)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        """An image and its class.

        Raises:
            DataError: The image cannot be read.
            IndexError: There is no such item.
            TypeError: The number is no whole one.
        """
        # A slice is no item: `torch.utils.data.Subset` takes several.
        number = operator.index(number)
        image = load_image(self._split, self._rows[number])
        return (image if self.transform is None else self.transform(image)), self.labels[number][0]

    def __repr__(self) -> str:
        return f"<SplitDataset {self.record.ref}: {len(self)} images>"

    def read_column(self, name: str) -> list[object]:
        """A column of a release, such as "prompt", in the order of the images.

        Raises:
            DataError: There is no such column.
        """
        values = self._split.reader.read_column(name)
        return [values[row] for row in self._rows]

    def to_datasets(self, *, cache_dir: str | Path | None = None) -> datasets.Dataset:
        """The same rows as a `datasets.Dataset`: image, label (by wnid), labels, image_id.

        Args:
            cache_dir: Where `datasets` keeps the table that it makes; None for its own place.

        Raises:
            DataError: An image cannot be read.
        """
        prepare_notebook()
        import datasets

        wnids = [info.wnid for info in load_classes()]
        features = datasets.Features(
            {
                "image": datasets.Image(),
                "label": datasets.ClassLabel(names=wnids),
                "labels": datasets.List(datasets.ClassLabel(names=wnids)),
                "image_id": datasets.Value("string"),
            }
        )
        folder = None if cache_dir is None else str(cache_dir)
        return datasets.Dataset.from_generator(self._list_rows, features=features, cache_dir=folder)

    def _list_rows(self) -> Iterator[dict[str, object]]:
        for number, (image_id, labels) in enumerate(zip(self.image_ids, self.labels, strict=True)):
            image = {"bytes": self._read_bytes(self._rows[number]), "path": None}
            yield {"image": image, "label": labels[0], "labels": list(labels), "image_id": image_id}

    def _read_bytes(self, row: int) -> bytes:
        if not self._split.border_px:
            return self._split.reader.read_image(row)
        stream = io.BytesIO()
        # Without its border an image is another file.
        load_image(self._split, row).save(stream, format="PNG")
        return stream.getvalue()


def load_split(
    ref: str,
    *,
    transform: Callable[[Image.Image], object] | None = None,
    data: Mapping[str, str | Path] | None = None,
    sets: Sequence[str | Path] = (),
    cache: str | Path | None = None,
    stream: bool = False,
) -> SplitDataset:
    """The images of a split or of one of its views.

    Args:
        ref: Such as "mini/sd-l", "v1/sd-li:clip-filtered", "imagenet-r" or "folder:PATH".
        transform: From a PIL image to what an item holds; None for the image itself.
        data: Local copies by name, such as {"imagenet-val": "/data/val"}.
        sets: TOML files that describe real sets of your own.
        cache: Where file hashes and downloads are remembered; None for the usual place.
        stream: Read a release on the Hub as it is needed and keep no copy.

    Raises:
        UnknownNameError: There is no such version, split or view.
        InputError: It is not available here.
        DataError: Files are damaged.
        FetchError: It must come from the Hub and cannot.
    """
    if transform is not None and not callable(transform):
        raise InputError(f"transform takes a function from a PIL image, not {shorten(repr(transform))}.")
    if not isinstance(ref, str):
        raise InputError(f"ref takes the name of a split, such as 'mini/sd-l', not {shorten(repr(ref))}.")
    known = load_sets(list_paths(sets, "sets"))
    parsed = parse_split_ref(ref, known)
    folder = choose_cache_folder(make_optional_path(cache, "cache"))
    split = open_split(parsed, data=parse_data_pairs(list_pairs(data), known), cache=folder, stream=stream)
    if parsed.view is None:
        return SplitDataset(split, range(len(split.rows)), split.record, transform)
    rows, _, record = apply_view(split, parsed.view)
    return SplitDataset(split, [int(row) for row in np.asarray(rows)], record, transform)
