"""Made-up counts of a training set with ImageNet's total, and the devkit's file of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import savemat

from imagenet_g.benchmark.classes import load_classes

TOTAL = 1_281_167


def make_counts() -> dict[str, int]:
    """732 to 1300 images of each class, 1,281,167 in all; which class has how many is made up."""
    lacking = [568] * 33 + [1_000 * 1300 - TOTAL - 33 * 568]
    numbers = [1300 - less for less in [*lacking, *[0] * (1000 - len(lacking))]]
    return {info.wnid: number for info, number in zip(load_classes(), numbers, strict=True)}


def write_meta(path: Path, counts: dict[str, int], *, field: str = "num_train_images") -> Path:
    """A `meta.mat` laid out as the devkit's: an array of structures, with synsets above the classes."""
    rows = [*counts.items(), ("n00001740", 0), ("n02084071", 0)]
    table = np.empty(
        (len(rows), 1), dtype=[("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), (field, "O")]
    )
    for number, (wnid, images) in enumerate(rows):
        table[number, 0] = (float(number + 1), wnid, "a, b", float(images))
    savemat(path, {"synsets": table}, do_compression=True)
    return path


def write_counts_csv(path: Path, counts: dict[str, int]) -> Path:
    """The same as a CSV."""
    path.write_text("wnid,images\n" + "".join(f"{wnid},{n}\n" for wnid, n in counts.items()))
    return path
