"""Flowers 102 and Cars 196, whose authors describe them in files of MATLAB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagenet_g.baselines.probing.layouts.listing import ListedImage, SetListing
from imagenet_g.baselines.probing.layouts.reading import refuse_outside
from imagenet_g.baselines.probing.specs import Part
from imagenet_g.benchmark.errors import InputError


def load_mat(path: Path) -> dict[str, Any]:
    """The variables of a .mat file.

    Raises:
        InputError: It is missing or no such file.
    """
    from scipy.io import loadmat

    try:
        return dict(loadmat(str(path)))
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # The reader raises errors of many kinds on bytes of any other format.
        raise InputError(f"'{path}' is no file of MATLAB that can be read: {error}.") from error


def read_flowers(root: Path) -> SetListing:
    """Flowers 102: the numbers of the images of each part in `setid.mat`, their classes in `imagelabels.mat`.

    Raises:
        InputError: A file is missing or has other variables, or a number has no class.
    """
    parts: dict[Part, str] = {"train": "trnid", "val": "valid", "test": "tstid"}
    ids, labels = load_mat(root / "setid.mat"), load_mat(root / "imagelabels.mat")
    try:
        classes = labels["labels"].ravel().tolist()
        # Numbers count from 1, as the names of the files do.
        return SetListing(
            tuple(
                ListedImage(f"jpg/image_{number:05d}.jpg", str(classes[number - 1]), part)
                for part, name in parts.items()
                for number in ids[name].ravel().tolist()
            )
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"setid.mat and imagelabels.mat in '{root}' do not have the form of Flowers 102: "
            f"{type(error).__name__} {error}."
        ) from error


def read_cars(root: Path) -> SetListing:
    """Cars 196: file, class and part of each image in `cars_annos.mat`.

    Raises:
        InputError: The file is missing or has other fields.
    """
    source = root / "cars_annos.mat"
    try:
        rows = load_mat(source)["annotations"].ravel()
        return SetListing(
            tuple(
                ListedImage(
                    refuse_outside(str(row["relative_im_path"].item()), source),
                    str(int(row["class"].item())),
                    "test" if int(row["test"].item()) else "train",
                )
                for row in rows
            )
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"'{source}' does not have the form of Cars 196: {type(error).__name__} {error}."
        ) from error
