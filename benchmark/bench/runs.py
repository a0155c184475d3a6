"""One run of ours and one of timm's, each a process of its own, and their answers side by side."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.bench.nets import Net
from imagenet_g.benchmark.bench.photos import list_split_words
from imagenet_g.benchmark.bench.processes import EVALUATE, ProcessRun, run_measured
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.predictions.result_files import load_result

TIE = 1e-3
"""Logits that lie nearer than this are a tie: another order of summation decides it."""


@dataclass(frozen=True, slots=True)
class SpeedRun:
    """A run over a set of photos.

    Attributes:
        images_per_second: Of the loop over the images, behind the start of the model.
        with_start: The same, with the time in which the model is loaded, compiled and compared; None for
            timm's loop, which does not count it.
        process: What the whole process cost.
        best: `(N,)` the best class of each image, in the order of the photos.
        lead: `(N,)` by how much its logit leads the second; None where that is not kept.
        backend: What computed it.
    """

    images_per_second: float
    with_start: float | None
    process: ProcessRun
    best: npt.NDArray[np.int64]
    lead: npt.NDArray[np.float32] | None
    backend: str


def run_ours(
    models: Sequence[str],
    source: Path,
    home: Path,
    more: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> SpeedRun:
    """`imagenet-g evaluate` on photos, with everything that it keeps between runs but the answers.

    Args:
        models: The options that name the models.
        source: A folder of photos, or one of parquet.
        home: Where its cache and its results go.
        more: More options.
        environment: Variables to set.

    Returns:
        With the answers and the rate of the first model.
    """
    for kept in ("predictions", "parts"):
        shutil.rmtree(home / "cache" / kept, ignore_errors=True)
    shutil.rmtree(home / "out", ignore_errors=True)
    files = ["--reference", "published", "--out", str(home / "out"), "--cache", str(home / "cache")]
    process = run_measured([*EVALUATE, *models, *list_split_words(source), *files, *more], environment)
    path = sorted((home / "out").glob("*/result.json"))[0]
    entry = load_result(path).entries[0]
    predictions, _ = load_predictions(path.parent / entry.predictions.file)
    run = entry.predictions.run
    best = predictions.top5.indices[:, 0].astype(np.int64)
    rate = compute_rate_behind_start(run, len(best))
    return SpeedRun(rate, run.images_per_second, process, best, None, run.backend)


def compute_rate_behind_start(run: RunRecord, num_images: int) -> float:
    """Images a second behind the first batch, as timm's loop counts them: its model is warm before it begins.

    Args:
        run: The run; all of it, where nothing is left behind the first batch.
        num_images: Of the whole run.
    """
    warm_up, first = run.warm_up_seconds, run.batch_size
    if warm_up is None or num_images <= first or run.seconds <= warm_up:
        return run.images_per_second
    return (num_images - first) / (run.seconds - warm_up)


def run_timm(net: Net, weights: Path, photos: Path, home: Path, more: Sequence[str] = ()) -> SpeedRun:
    """The loop of timm's validation script on a folder of photos."""
    answers = home / "answers.npz"
    command = [sys.executable, "-m", "imagenet_g.benchmark.bench.timm_loop", "--model", net.name]
    command += ["--checkpoint", str(weights), "--data-dir", str(photos), "--answers", str(answers), *more]
    process = run_measured(command)
    printed = json.loads(process.output.splitlines()[-1])
    kept = np.load(answers)
    # timm sorts names as people do, a split as text: both end up in the order of the photos.
    order = np.argsort([name.replace("\\", "/") for name in kept["names"]])
    rate = printed["num_images"] / printed["seconds"]
    return SpeedRun(rate, None, process, kept["best"][order], kept["lead"][order], "timm")


def count_differences(ours: SpeedRun, theirs: SpeedRun) -> tuple[int, int]:
    """How many images have another best class, and how many of those are no ties.

    Args:
        ours: One run.
        theirs: Another on the same photos, with the leads of its answers.
    """
    differ = ours.best != theirs.best
    clear = np.ones_like(differ) if theirs.lead is None else theirs.lead >= TIE
    return int(differ.sum()), int((differ & clear).sum())


def name_model(net: Net, weights: Path) -> list[str]:
    """The options of `evaluate` for a network with weights in a file."""
    return ["--model", f"timm:{net.name}", "--checkpoint", str(weights)]
