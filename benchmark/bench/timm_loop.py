"""The loop of timm's validation script, which its wheel does not hold: our own, after its validate.py.

`python -m imagenet_g.benchmark.bench.timm_loop --model NAME --checkpoint FILE --data-dir DIR`. Defaults are
those of the script that decide its speed: batches of 256, four workers, its loader with the prefetcher, one
warm-up batch before the clock, the loss and both accuracies of each batch read back. It prints JSON, and
keeps each image's answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from timm.data import create_dataset, create_loader, resolve_data_config
from timm.models import load_checkpoint
from timm.utils import AverageMeter, accuracy


@dataclass(frozen=True, slots=True)
class LoopResult:
    """What the loop gives.

    Attributes:
        num_images: How many images ran.
        seconds: Of the loop, with the start of its workers, without the warm-up.
        top1: In percent, as the script prints it.
    """

    num_images: int
    seconds: float
    top1: float


def main() -> int:
    """Run the loop and print its result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--answers", type=Path, help="where the answers are kept, as npz")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--channels-last", action="store_true")
    arguments = parser.parse_args()
    result = validate(arguments)
    print(json.dumps(asdict(result)))  # noqa: T201 - a document for the benchmark
    return 0


def validate(arguments: argparse.Namespace) -> LoopResult:
    """The script's `validate` on the CPU, as far as it decides speed and answers."""
    # The script's own seed; a validation draws nothing.
    torch.manual_seed(42)
    model = timm.create_model(arguments.model, pretrained=False)
    load_checkpoint(model, arguments.checkpoint)
    config = resolve_data_config({}, model=model, use_test_size=True)
    layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
    model = model.to(memory_format=layout).eval()
    dataset, loader = open_loader(arguments, config)
    with torch.inference_mode():
        model(torch.randn(arguments.batch_size, *config["input_size"]).contiguous(memory_format=layout))
        started = time.perf_counter()
        top1, outputs = run_loop(model, loader, layout)
        seconds = time.perf_counter() - started
    if arguments.answers is not None:
        keep_answers(arguments.answers, dataset.filenames(), torch.cat(outputs))
    return LoopResult(len(dataset), seconds, top1)


def open_loader(arguments: argparse.Namespace, config: dict[str, Any]) -> tuple[Any, Any]:
    """The script's data set and loader, with the prefetcher."""
    dataset = create_dataset(root=str(arguments.data_dir), name="", split="validation")
    loader = create_loader(
        dataset,
        input_size=config["input_size"],
        batch_size=arguments.batch_size,
        use_prefetcher=True,
        interpolation=config["interpolation"],
        mean=config["mean"],
        std=config["std"],
        num_workers=arguments.workers,
        crop_pct=config["crop_pct"],
        crop_mode=config["crop_mode"],
        device=torch.device("cpu"),
    )
    return dataset, loader


def run_loop(
    model: torch.nn.Module, loader: Iterable[tuple[torch.Tensor, torch.Tensor]], layout: torch.memory_format
) -> tuple[float, list[torch.Tensor]]:
    """Top-1 in percent, and the outputs of each batch."""
    criterion, losses, top1, top5 = torch.nn.CrossEntropyLoss(), *(AverageMeter() for _ in range(3))
    outputs = []
    for images, target in loader:
        output = model(images.contiguous(memory_format=layout))
        loss = criterion(output, target)
        first, fifth = accuracy(output, target, topk=(1, 5))
        losses.update(loss.item(), len(output))
        top1.update(first.item(), len(output))
        top5.update(fifth.item(), len(output))
        outputs.append(output)
    return float(top1.avg), outputs


def keep_answers(path: Path, names: list[str], outputs: torch.Tensor) -> None:
    """Names, best classes, and by how much each leads the second."""
    best = outputs.topk(2)
    lead = (best.values[:, 0] - best.values[:, 1]).numpy()
    np.savez(path, names=np.array(names), best=best.indices[:, 0].numpy(), lead=lead)


if __name__ == "__main__":
    sys.exit(main())
