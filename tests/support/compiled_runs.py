"""A run of OpenVINO that ends itself on the way, as `kill -9` does."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from toy_models import make_toy_classifier, make_toy_split

from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.inference.part_store import PartStore
from imagenet_g.benchmark.inference.passes import run_inference

CLASSES = [(7 * row) % 500 for row in range(600)]


def run_compiled(folder: Path, *, kill: bool, num_computed: int) -> None:
    """Answer 600 images in parts of 256, in a process of its own.

    Args:
        folder: Of the parts.
        kill: Whether the process ends itself once the first part is written and 400 images are answered.
        num_computed: How many images must be computed by a run that comes to its end.
    """

    def stop(done: int, total: int) -> None:
        if kill and done >= 400:
            # It is written beside the model.
            while not list(folder.glob("*.parquet")):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)

    outcome = run_inference(
        make_toy_classifier()[0], make_toy_split(CLASSES), range(600),
        class_sets={}, parts=PartStore(folder), on_progress=stop,
        settings=InferenceSettings(
            device="cpu", dtype="float32", batch_size=16, workers=2, backend="openvino"
        ),
    )  # fmt: skip
    assert outcome.num_computed == num_computed
    assert outcome.predictions.top5.indices[:, 0].tolist() == CLASSES
