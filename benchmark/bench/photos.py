"""Photos that every installation can make again: cut from the pictures that two Python libraries ship."""

from __future__ import annotations

import tempfile
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes
from imagenet_g.benchmark.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

SIZE_PX = (500, 375)
"""Width and height, those of most photos of ImageNet."""
PICTURES = (
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/rocket.jpg"),
)
SET_NAME = "bench-photos"
_QUALITY = 90
# Of a release: large enough to read ahead, small enough to be held by each reader.
_GROUP_ROWS = 100
_TABLE = f"""
[[set]]
name = "{SET_NAME}"
title = "Photos of the speed benchmark"
class_set = "all"
every_class = false
outputs = "all"
label = "index"
license = "those of scikit-learn and scikit-image"
source = "pictures that scikit-learn and scikit-image ship"
local_hint = "The benchmark writes it."

[set.hub]
repo = "nobody/{SET_NAME}"
format = "parquet"
files = ["*.parquet"]
label = "index"
image_column = "image"
label_column = "label"
gated = false
"""


def make_photo(number: int) -> bytes:
    """One photo as JPEG, 500 x 375; the same for the same number, whatever else is made.

    Raises:
        DataError: scikit-learn or scikit-image is not installed.
    """
    import numpy as np
    from PIL import Image

    picture = load_pictures()[number % len(PICTURES)]
    rng = np.random.default_rng(number)
    ratio = SIZE_PX[0] / SIZE_PX[1]
    width = int(min(picture.width, picture.height * ratio) * rng.uniform(0.6, 1.0))
    height = int(width / ratio)
    left, top = (int(rng.integers(0, room + 1)) for room in (picture.width - width, picture.height - height))
    cut = picture.crop((left, top, left + width, top + height))
    stream = BytesIO()
    cut.resize(SIZE_PX, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def write_photos(folder: Path, number: int) -> Path:
    """Photos in a folder by wnid: photo i in class i modulo 1000, in files that sort in their order."""
    classes = load_classes()
    for index in range(number):
        path = folder / classes[index % NUM_CLASSES].wnid / f"{index:05d}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_photo(index))
    return folder


def write_parquet(folder: Path, photos: Path, *, number: int | None = None) -> Path:
    """A parquet file of the photos of a folder, in the order of a split, and the table that describes it.

    Args:
        folder: Where `photos.parquet` and `sets.toml` are written.
        photos: Photos by wnid.
        number: How many rows; photos are repeated where there are fewer. None for each once.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wnids = {info.wnid: index for index, info in enumerate(load_classes())}
    files = sorted(photos.glob("*/*.jpeg"))
    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([("image", pa.binary()), ("label", pa.int64())])
    with pq.ParquetWriter(folder / "photos.parquet", schema) as writer:
        # JPEG is compressed already; a row group at a time, so that memory does not grow with the rows.
        waiting = islice(cycle(files), number or len(files))
        while group := list(islice(waiting, _GROUP_ROWS)):
            images = [path.read_bytes() for path in group]
            labels = [wnids[path.parent.name] for path in group]
            writer.write_table(pa.table({"image": images, "label": labels}, schema=schema))
    (folder / "sets.toml").write_text(_TABLE, encoding="utf-8")
    return folder


def list_split_words(source: Path) -> list[str]:
    """The options of `evaluate` for photos: a folder by wnid, or one that `write_parquet` filled."""
    if not (source / "sets.toml").is_file():
        return ["--split", f"folder:{source}"]
    return ["--sets", str(source / "sets.toml"), "--data", f"{SET_NAME}={source}", "--split", SET_NAME]


@cache
def load_pictures() -> tuple[Image.Image, ...]:
    """The pictures that photos are cut from, RGB.

    Raises:
        DataError: One is missing.
    """
    from PIL import Image

    return tuple(Image.open(_find_picture(*place)).convert("RGB") for place in PICTURES)


def _find_picture(package: str, name: str) -> Path:
    # Found without importing the package, and without its own loader, which may fetch.
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    path = Path(places[0], name) if places else None
    if path is None or not path.is_file():
        raise DataError(
            f"The benchmark cuts its photos from '{package}/{name}', which is not installed. Install it: "
            "pip install scikit-learn scikit-image"
        )
    return path


def make_home() -> tempfile.TemporaryDirectory[str]:
    """A folder for one benchmark, gone when it ends."""
    return tempfile.TemporaryDirectory(prefix="imagenet-g-bench-")
