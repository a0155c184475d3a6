"""How fast evaluation is, against the loop timm's validation runs: `make bench`.

Both run the same model on the same images in one process, one after the other and again, and the better of
each counts; what is reported is the ratio. Memory is measured on a folder of generated images, small and
large.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

NUM_SPEED_IMAGES = 192
NUM_ROUNDS = 2
# One of ResNet-50's size, and two larger ones.
FINGERPRINTED = ("resnet50", "vit_base_patch16_224", "convnext_large")
# A factor of ten: memory that grows with the number of images shows at once.
MEMORY_SIZES = (5_000, 50_000)


def main() -> int:
    """Run the named benchmarks and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", nargs="*", metavar="NAME", help="start, speed, fingerprint, memory (default: all)"
    )
    benches = {
        "start": bench_start,
        "speed": bench_speed,
        "fingerprint": bench_fingerprint,
        "memory": bench_memory,
    }
    for name in parser.parse_args().what or benches:
        benches[name]()
    return 0


def bench_speed() -> None:
    """Images a second of our runner and of timm's loop, same model, same images."""
    with tempfile.TemporaryDirectory() as name:
        folder = write_images(Path(name) / "images", NUM_SPEED_IMAGES, size=256)
        ours = min(_time(lambda: _run_ours(folder, Path(name))) for _ in range(NUM_ROUNDS))
        theirs = min(_time(lambda: _run_timm(folder)) for _ in range(NUM_ROUNDS))
    report(
        "speed",
        f"{NUM_SPEED_IMAGES / ours:.1f} images/s, timm's loop {NUM_SPEED_IMAGES / theirs:.1f}: "
        f"ratio {theirs / ours:.2f}",
    )


def bench_fingerprint() -> None:
    """Seconds that the fingerprint of a model costs when it is loaded, and their share of 1000 images."""
    with tempfile.TemporaryDirectory() as name:
        for model in FINGERPRINTED:
            cost, image = _measure_fingerprint(model, Path(name))
            share = f"{100 * cost / (1000 * image):.2f} % of a run of 1000 images"
            report("fingerprint", f"{model}: {cost:.2f} s, {share} at {1 / image:.1f} images/s")


def bench_start() -> None:
    """Seconds until `imagenet-g --help` has answered."""
    command = [sys.executable, "-m", "imagenet_g.benchmark.cli", "--help"]
    seconds = min(
        _time(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)) for _ in range(5)
    )
    report("start", f"--help in {seconds:.2f} s")


def bench_memory() -> None:
    """Peak memory of an evaluation of 5,000 and of 50,000 images, each in a separate process."""
    peaks = []
    for number in MEMORY_SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = write_images(Path(name) / "images", number, size=32)
            peaks.append(_measure_peak_memory(folder, Path(name)))
    listed = ", ".join(f"{n} images: {peak:.0f} MB" for n, peak in zip(MEMORY_SIZES, peaks, strict=True))
    report("memory", f"{listed}; ratio {peaks[1] / peaks[0]:.2f}")


def report(name: str, text: str) -> None:
    """Print one line of the report."""
    print(f"{name:12} {text}", flush=True)  # noqa: T201 - the report of the benchmark


def write_images(folder: Path, number: int, *, size: int) -> Path:
    """A folder of JPEGs by wnid, each of different noise."""
    import numpy as np
    from PIL import Image

    from imagenet_g.benchmark.classes import load_classes

    # Seeded, so that both loops decode the same bytes.
    rng = np.random.default_rng(0)
    for index in range(number):
        path = folder / load_classes()[index % 1000].wnid / f"{index}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = BytesIO()
        Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(buffer, "JPEG")
        path.write_bytes(buffer.getvalue())
    return folder


def _run_ours(folder: Path, home: Path) -> None:
    import uuid

    from imagenet_g.benchmark.backends.choosing import choose_batch_size
    from imagenet_g.benchmark.backends.settings import InferenceSettings
    from imagenet_g.benchmark.inference.part_store import PartStore
    from imagenet_g.benchmark.inference.passes import run_inference
    from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
    from imagenet_g.benchmark.naming.specs import parse_model_spec
    from imagenet_g.benchmark.splits.folders import load_folder

    spec = parse_model_spec("wheel:efficientnet-lite0")
    classifier = load_classifier(ModelRequest(requested=str(spec), spec=spec))
    split = load_folder(folder, cache=home / "cache")
    run_inference(
        classifier,
        split,
        range(len(split.rows)),
        class_sets={},
        settings=InferenceSettings(
            device="cpu", dtype="float32", batch_size=choose_batch_size("torch", "cpu"), workers=2
        ),
        parts=PartStore(home / uuid.uuid4().hex),
        on_progress=lambda done, total: None,
    )


def _measure_fingerprint(name: str, home: Path) -> tuple[float, float]:
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
    cost = min(
        _time(lambda: make_memo(classifier, request, choice="", device="cpu", dtype="float32"))
        for _ in range(NUM_ROUNDS + 1)
    )
    module = classifier.module.to(memory_format=torch.channels_last)
    images = torch.zeros(8, 3, *classifier.record.preprocessing.input_size_px)
    with torch.inference_mode():
        image = min(_time(lambda: module(images)) for _ in range(NUM_ROUNDS)) / len(images)
    return cost, image


def _run_timm(folder: Path) -> None:
    """As timm's validate.py at its defaults, as far as they decide the speed."""
    import timm
    import torch
    from timm.data.config import resolve_data_config
    from timm.data.dataset import ImageDataset
    from timm.data.loader import create_loader

    # Random weights: the time of a forward pass does not depend on them, and nothing must be downloaded.
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    config = resolve_data_config({}, model=model, use_test_size=True)
    loader = create_loader(
        ImageDataset(str(folder)),
        input_size=config["input_size"],
        # The default of timm's validate.py.
        batch_size=256,
        use_prefetcher=False,
        interpolation=config["interpolation"],
        mean=config["mean"],
        std=config["std"],
        num_workers=2,
        crop_pct=config["crop_pct"],
    )
    with torch.inference_mode():
        for images, _ in loader:
            model(images).topk(5)


def _measure_peak_memory(folder: Path, home: Path) -> float:
    """Peak resident memory in MB of `imagenet-g evaluate` with a model that costs next to nothing."""
    words = ["evaluate", "--model", "python:imagenet_g.benchmark.bench.cheap_model:make_cheap_model"]
    words += ["--split", f"folder:{folder}", "--out", str(home / "out"), "--cache", str(home / "cache")]
    # A new process each, because the peak of a process never falls.
    code = (
        "import sys; from imagenet_g.benchmark.cli import main; code = main(sys.argv[1:]); "
        "from imagenet_g.benchmark.environment import read_peak_mb; print('PEAK', read_peak_mb()); "
        "sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *words]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(printed.rpartition("PEAK ")[2])


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
