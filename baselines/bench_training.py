"""How fast a recipe trains against timm's script: `python -m imagenet_g.baselines.bench_training`.

timm's train.py is not in its wheel. The peer here is its loop, written from timm's own parts as train.py puts
them together: `create_dataset`, `create_loader` with the prefetcher, `create_optimizer_v2` and
`create_scheduler_v2`. Both sides take the same images, network, batch, crops and flips, in turn, in one run.
train.py's colour jitter is off: it would make the peer slower.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from timm.data import create_dataset, create_loader
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2

from imagenet_g.baselines.recipes.specs import RecipeSpec, list_runs
from imagenet_g.baselines.training.run import (
    RecipeContext,
    list_inputs,
    make_steps,
    make_task,
    open_images,
    plan_run,
    prepare_run,
)
from imagenet_g.baselines.training.starting import start_model
from imagenet_g.benchmark.bench.photos import make_photo
from imagenet_g.benchmark.classes import load_class_set, load_classes
from imagenet_g.benchmark.environment import choose_workers, count_cores
from imagenet_g.benchmark.training.loop import TrainingHooks, run_course
from imagenet_g.benchmark.training.processes import OneProcess

CLASS_SET = "read-42"
RATE, DECAY, MOMENTUM = 0.01, 5e-5, 0.9
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class BenchCase:
    """What is timed.

    Attributes:
        title: What the line says.
        architecture: As timm calls it.
        size_px: Side of an input.
        batch_size: Images of a step.
        steps: Of each run.
        cache_px: Short side of cached images; None decodes each time.
        least: The ratio below which the line says so.
    """

    title: str
    architecture: str
    size_px: int
    batch_size: int
    steps: int
    cache_px: int | None
    least: float


CASES = (
    BenchCase("ResNet-50 at 224 px, decoded each time", "resnet50", 224, 8, 8, None, 1.0),
    BenchCase("the mini network at 64 px, cached", "test_efficientnet", 64, 64, 12, 96, 1.5),
)


def main(words: Sequence[str] | None = None) -> int:
    """Time each case in rounds and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="of both sides, in turn")
    parser.add_argument("--images", type=int, default=168, help="photos of 500 x 375 pixels")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="imagenet-g-") as place:
        root = Path(place)
        photos = write_photos(root / "photos", arguments.images)
        sys.stdout.write(f"{count_cores()} cores, load before: {os.getloadavg()[0]:.1f}\n")
        for number, case in enumerate(CASES):
            pairs = [
                (time_recipe(case, photos, root / f"{number}-{turn}"), time_peer(case, photos))
                for turn in range(arguments.rounds)
            ]
            sys.stdout.write(format_case(case, pairs))
            # A case takes minutes: its line is there before the next one ends.
            sys.stdout.flush()
        sys.stdout.write(f"load after: {os.getloadavg()[0]:.1f}\n")
    return 0


def format_case(case: BenchCase, pairs: Sequence[tuple[float, float]]) -> str:
    """One line: both speeds, the best of each side, and their ratio.

    Example:
        >>> case = BenchCase("a network", "resnet18", 64, 8, 2, None, 1.5)
        >>> print(format_case(case, [(30.0, 10.0), (20.0, 16.0)]), end="")
        a network: 30.0 images/s, timm's loop 16.0: 1.88 times as fast
        >>> "BELOW 1.5" in format_case(case, [(10.0, 10.0)])
        True
    """
    # The best of each: what else the machine does only ever takes time away.
    ours, peer = (max(speeds) for speeds in zip(*pairs, strict=True))
    verdict = "" if ours / peer >= case.least else f", BELOW {case.least:g}"
    speeds = f"{ours:.1f} images/s, timm's loop {peer:.1f}"
    return f"{case.title}: {speeds}: {ours / peer:.2f} times as fast{verdict}\n"


def write_photos(root: Path, number: int) -> Path:
    """A folder for each class with photos in turn."""
    indices = load_class_set(CLASS_SET).indices
    for photo in range(number):
        folder = root / load_classes()[indices[photo % len(indices)]].wnid
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{photo}.jpg").write_bytes(make_photo(photo))
    return root


def make_recipe(case: BenchCase, photos: Path) -> RecipeSpec:
    """The recipe of a case."""
    return RecipeSpec.model_validate({
        "schema_version": 1, "name": "bench", "title": "Bench", "source": "none", "stated": "own",
        "license": "none", "class_set": CLASS_SET, "seeds": [0], "steps": case.steps,
        "models": [{"name": "net", "family": "net", "architecture": case.architecture}],
        "sources": [{"name": "real", "ref": f"folder:{photos}"}],
        "mixes": [{"name": "real", "proportions": {"real": 1.0}}],
        "batch_size": case.batch_size, "cache_px": case.cache_px,
        "optimizer": {"name": "sgd", "learning_rate": RATE, "weight_decay": DECAY, "momentum": MOMENTUM},
        "rate": {"name": "cosine"}, "resolution": {"size_px": case.size_px},
        "augment": [{"name": "inception-crop"}, {"name": "flip"}],
        "evaluation": {"size_px": case.size_px}, "log_every": 10**9, "save_every": 10**9,
    })  # fmt: skip


def time_recipe(case: BenchCase, photos: Path, out: Path) -> float:
    """Images a second of a training by a recipe; filling the cache is not counted, its reading is."""
    (run,) = list_runs(make_recipe(case, photos))
    prepared = prepare_run(run, data={}, cache=out.parent)
    context = RecipeContext(
        out=out, data={}, cache=out.parent, cache_limit=None, device="cpu", workers=choose_workers(),
        processes=OneProcess(), say=lambda text: None,
    )  # fmt: skip
    model = start_model(run.model, prepared.wnids, seed=0)
    images = open_images(context, prepared)
    task = make_task(context, prepared, model, make_steps(prepared, images, context.processes, cache=None))
    hooks = TrainingHooks(say=context.say, begin=task.begin)
    with closing(task):
        trained = run_course(
            task, plan_run(prepared), out, seed=0, inputs=list_inputs(prepared, model), hooks=hooks
        )
    return case.steps * case.batch_size / trained.seconds


def time_peer(case: BenchCase, photos: Path) -> float:
    """Images a second of timm's loop, from the start of its workers to its last step."""
    torch.manual_seed(42)
    model = timm.create_model(case.architecture, num_classes=len(load_class_set(CLASS_SET).indices))
    optimizer = create_optimizer_v2(model, opt="sgd", lr=RATE, weight_decay=DECAY, momentum=MOMENTUM)
    scheduler, _ = create_scheduler_v2(
        optimizer, sched="cosine", num_epochs=1, updates_per_epoch=case.steps, step_on_epochs=False
    )
    loader = create_loader(
        create_dataset(root=str(photos), name="", split="train"),
        input_size=(3, case.size_px, case.size_px),
        batch_size=case.batch_size,
        is_training=True,
        use_prefetcher=True,
        hflip=0.5,
        color_jitter=0.0,
        interpolation="bilinear",
        mean=MEAN,
        std=STD,
        num_workers=choose_workers(),
        device=torch.device("cpu"),
    )
    criterion = torch.nn.CrossEntropyLoss()
    model.train()
    started, step = time.perf_counter(), 0
    while step < case.steps:
        for images, target in loader:
            loss = criterion(model(images), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            scheduler.step_update(num_updates=step)
            if step == case.steps:
                break
    return case.steps * case.batch_size / (time.perf_counter() - started)


if __name__ == "__main__":
    sys.exit(main())
