"""`imagenet_g.load_split`: images for PyTorch and for `datasets`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from toy_models import read_colours, write_toy_folder

import imagenet_g as ig
from imagenet_g.benchmark.errors import InputError, UnknownNameError


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Four plain colours of three classes."""
    return f"folder:{write_toy_folder(tmp_path / 'toys', [1, 2, 3, 3])}"


def test_an_item_is_an_image_and_its_class(folder: str) -> None:
    """The colour of a toy image is its class."""
    split = ig.load_split(folder)
    image, label = split[1]
    assert isinstance(image, Image.Image)
    assert (len(split), label, np.asarray(image)[0, 0, :2].sum()) == (4, 2, 2)


def test_a_data_loader_batches_what_the_transform_makes(folder: str) -> None:
    """With worker processes, which are sent the split."""
    loader = DataLoader(ig.load_split(folder, transform=read_colours), batch_size=4)
    images, labels = next(iter(loader))
    assert images.dtype == torch.float32
    assert labels.tolist() == [1, 2, 3, 3]


def test_a_view_has_its_own_rows() -> None:
    """And the record that results have."""
    view = ig.load_split("mini/sd-l:clip-filtered")
    whole = ig.load_split("mini/sd-l")
    assert view.record.ref == "mini/sd-l:clip-filtered"
    assert set(view.image_ids) < set(whole.image_ids)
    assert len(view.read_column("prompt")) == len(view)


def test_datasets_has_the_same_rows_and_files(folder: str, tmp_path: Path) -> None:
    """Bytes are handed on as they are."""
    split = ig.load_split(folder)
    made = split.to_datasets(cache_dir=tmp_path / "hf")
    assert made["image_id"][:] == list(split.image_ids)
    assert made["label"][:] == [1, 2, 3, 3]
    assert made[2]["image"].tobytes() == split[2][0].tobytes()
    first = made.cast_column("image", made.features["image"].__class__(decode=False))[0]["image"]["bytes"]
    assert Image.open(io.BytesIO(first)).format == "PNG"


def test_an_unknown_split_has_the_message_of_the_command() -> None:
    """With what is near."""
    with pytest.raises(UnknownNameError, match="Unknown split 'mini/sd-k'"):
        ig.load_split("mini/sd-k")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"ref": 3}, "such as 'mini/sd-l', not 3"),
        ({"ref": "mini/sd-l", "transform": "x"}, "a function from a PIL image, not 'x'"),
        ({"ref": "mini/sd-l", "data": "mini=/data"}, "data takes a mapping"),
    ],
)
def test_a_mistake_of_the_call_is_an_input_error(call: dict[str, Any], message: str) -> None:
    """Before anything is opened."""
    with pytest.raises(InputError, match=message):
        ig.load_split(**call)


def test_a_slice_is_no_item(folder: str) -> None:
    """Items are taken one at a time, from the end as well."""
    split = ig.load_split(folder)
    assert split[-1][1] == 3
    with pytest.raises(TypeError, match="slice"):
        _ = split[0:2]  # type: ignore[index]
    with pytest.raises(IndexError):
        _ = split[4]
