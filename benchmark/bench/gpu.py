"""On a GPU: `evaluate` from parquet against the bare compiled forward pass of the same network.

The forward pass alone is the most that any evaluation can reach: inputs that are on the device already, the
same batch again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.bench.nets import RESNET50, Net, write_weights
from imagenet_g.benchmark.bench.photos import make_home, write_parquet, write_photos
from imagenet_g.benchmark.bench.report import Measurement, Report, divide_by_turn, format_spread
from imagenet_g.benchmark.bench.runs import name_model, run_ours

if TYPE_CHECKING:
    import torch

STAGE = "gpu"
BARE, OURS = "bare compiled forward", "imagenet-g, parquet"
_SECONDS = 5.0


def bench_gpu(
    report: Report,
    *,
    net: Net = RESNET50,
    device: str = "cuda",
    batch_size: int = 256,
    num_images: int = 100_000,
    rounds: int = 3,
    seconds: float = _SECONDS,
) -> None:
    """Images a second of both, alternately, in bf16.

    Args:
        report: Where lines and measurements go.
        net: The network.
        device: As torch names it; "cpu" for a dry run.
        batch_size: Of the bare forward pass.
        num_images: Rows of the parquet file, of at most 2000 different photos.
        rounds: How often each runs.
        seconds: How long a bare forward pass is timed.
    """
    from imagenet_g.benchmark.devices import choose_device, format_device_name

    device = choose_device(device)
    rates: dict[str, list[float]] = {BARE: [], OURS: []}
    with make_home() as name:
        home = Path(name)
        photos, weights = write_photos(home / "photos", min(num_images, 2000)), write_weights(net, home)
        parquet = write_parquet(home / "parquet", photos, number=num_images)
        words = ["--device", device, "--dtype", "bfloat16", "--compile"]
        # Once for nothing: what is compiled, and the batch size that memory allows, are kept from then on.
        backend = run_ours(name_model(net, weights), parquet, home, words).backend
        for turn in range(1, rounds + 1):
            rates[BARE].append(measure_forward(net, weights, device, batch_size, seconds))
            rates[OURS].append(measure_steady(name_model(net, weights), parquet, home, words, num_images))
            for subject, values in rates.items():
                report.keep(Measurement(STAGE, net.title, subject, "images/s", turn, values[-1]))
    shares = [100 * share for share in divide_by_turn(rates[OURS], rates[BARE])]
    report.print(STAGE, f"{format_device_name(device)}, {net.title}, bf16, {num_images} images, {backend}")
    for subject, values in rates.items():
        report.print("", f"{subject:24} {format_spread(values)} images/s")
    report.print("", f"{format_spread(shares)} % of the bare forward pass")


def measure_steady(
    model: Sequence[str], parquet: Path, home: Path, words: Sequence[str], num_images: int
) -> float:
    """Images a second of `evaluate` behind its start: those of a whole process, less those of a short one.

    Compilation takes as long for few images as for many, and the forward pass beside it is timed without.
    What worker processes prepare meanwhile counts in both.
    """
    few = max(1, num_images // 10)
    part = run_ours(model, parquet, home, [*words, "--limit", str(few)]).process.seconds
    whole = run_ours(model, parquet, home, words).process.seconds
    return (num_images - few) / max(whole - part, 1e-9)


def measure_forward(net: Net, weights: Path, device: str, batch_size: int, seconds: float) -> float:
    """Images a second of the compiled network in bf16 on one batch that stays on the device."""
    import timm
    import torch
    from safetensors.torch import load_file

    model = timm.create_model(net.name, pretrained=False)
    model.load_state_dict(load_file(weights))
    layout, dtype = torch.channels_last, torch.bfloat16
    model = model.eval().to(device=device, dtype=dtype, memory_format=layout)
    size = timm.data.resolve_data_config({}, model=model, use_test_size=True)["input_size"]
    images = torch.rand(batch_size, *size).to(device=device, dtype=dtype, memory_format=layout)
    compiled: Callable[[torch.Tensor], torch.Tensor] = torch.compile(model, mode="reduce-overhead")
    with torch.inference_mode():
        # The first passes compile it and record its graph.
        for _ in range(3):
            compiled(images)
        _wait(device)
        number, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            compiled(images)
            number += 1
            # At most a few passes ahead of the device, so that the clock sees them.
            if number % 8 == 0:
                _wait(device)
        _wait(device)
        return number * batch_size / (time.perf_counter() - started)


def _wait(device: str | torch.device) -> None:
    import torch

    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
