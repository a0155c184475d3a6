"""Seconds that the fingerprint of a model costs when it is loaded, and their share of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from imagenet_g.benchmark.bench.photos import make_home
from imagenet_g.benchmark.bench.report import Measurement, Report

# One of ResNet-50's size, and a larger one.
MODELS = ("resnet50", "vit_base_patch16_224")
_ROUNDS = 3


def bench_fingerprint(report: Report, *, models: Sequence[str] = MODELS) -> None:
    """The cost for each model beside that of 1000 images."""
    for model in models:
        with make_home() as name:
            cost, image = measure_fingerprint(model, Path(name))
        report.keep(Measurement("fingerprint", model, "imagenet-g", "s", 1, cost))
        share = f"{100 * cost / (1000 * image):.2f} % of a run of 1000 images"
        report.print("fingerprint", f"{model}: {cost:.2f} s, {share} at {1 / image:.1f} images/s")


def measure_fingerprint(name: str, home: Path) -> tuple[float, float]:
    """Seconds of the fingerprint, and seconds for each image of a run."""
    import timm
    import torch

    from imagenet_g.benchmark.evaluation.memos import make_memo
    from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    checkpoint = home / f"{name}.pth"
    torch.save(timm.create_model(name, pretrained=False).state_dict(), checkpoint)
    spec = parse_model_spec(f"timm:{name}")
    request = ModelRequest(requested=str(spec), spec=spec, checkpoint=checkpoint)
    classifier = load_classifier(request)
    # The least of several: whatever else the machine does only adds to a time.
    cost = min(
        _time(lambda: make_memo(classifier, request, choice="", device="cpu", dtype="float32"))
        for _ in range(_ROUNDS)
    )
    module = classifier.module.to(memory_format=torch.channels_last)
    images = torch.zeros(8, 3, *classifier.record.preprocessing.input_size_px)
    with torch.inference_mode():
        image = min(_time(lambda: module(images)) for _ in range(_ROUNDS)) / len(images)
    return cost, image


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
