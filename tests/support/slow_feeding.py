"""A process that feeds images by worker processes, slowly and for ever, so that a test can end it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from toy_models import read_corner

from imagenet_g.benchmark.feeding.feeder import open_feeder
from imagenet_g.benchmark.feeding.preparation import Preparation
from imagenet_g.benchmark.splits.folders import load_folder


def feed_slowly(root: Path, said: Path) -> None:
    """Feed the images of a folder in a process group of its own; what is said goes into a file."""
    os.setsid()
    with said.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    split = load_folder(root, cache=None)
    number = len(split.rows.image_ids)
    # The paths of the images alone are more than the pipe that starts a process holds.
    split = replace(split, rows=replace(split.rows, image_ids=split.rows.image_ids * 1000))
    with open_feeder(split, Preparation(read_corner), workers=1, kind="processes") as feeder:
        for _ in feeder.feed(list(range(number)) * 1000, 1):
            # Past Python's streams, which a warm process has of its own.
            os.write(1, b"batch\n")
            time.sleep(1)
