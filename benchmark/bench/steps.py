"""Where an image's time goes, step by step, on one core; the forward pass on all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imagenet_g.benchmark.bench.nets import LITE0, Net, write_weights
from imagenet_g.benchmark.bench.photos import list_split_words, make_home, write_parquet, write_photos
from imagenet_g.benchmark.bench.report import Measurement, Report, format_spread
from imagenet_g.benchmark.bench.runs import name_model, run_ours

if TYPE_CHECKING:
    from imagenet_g.benchmark.models.classifiers import Classifier
    from imagenet_g.benchmark.splits.splits import Split

STAGE = "steps"
_ROUNDS = 5
# Larger ones outgrow a processor's caches.
_BATCH = 8
T = TypeVar("T")


class Clock:
    """Times steps over many images, in ms an image.

    Args:
        report: Where measurements go.
        case: What the steps belong to.
        num_images: How many images each step handles.
    """

    def __init__(self, report: Report, case: str, num_images: int) -> None:
        self._report, self._case, self._num_images = report, case, num_images

    def time(self, step: str, work: Callable[[], T], rounds: int = _ROUNDS) -> T:
        """Run a step several times, print and keep its times, and return what it gives."""
        values = []
        for turn in range(1, rounds + 1):
            started = time.perf_counter()
            made = work()
            values.append(1000 * (time.perf_counter() - started) / self._num_images)
            self._report.keep(Measurement(STAGE, self._case, step, "ms", turn, values[-1]))
        self._report.print("", f"{step:44} {format_spread(values, 2)} ms")
        return made


def bench_steps(report: Report, *, net: Net = LITE0, num_photos: int = 64) -> None:
    """Time reading, decoding, resizing, normalising, the forward pass and the metrics."""
    case = f"{net.title}, {num_photos} photos"
    report.print(STAGE, f"{case}, ms an image")
    with make_home() as name:
        home = Path(name)
        photos, weights = write_photos(home / "photos", num_photos), write_weights(net, home)
        parquet = write_parquet(home / "parquet", photos)
        clock = Clock(report, case, num_photos)
        split = load_photos(photos, home)
        clock.time("read, parquet", lambda: _read(load_photos(parquet, home)))
        data = clock.time("read and check, folder", lambda: _read(split))
        _time_model(clock, _load_model(net, weights), split, data)
        run_ours(name_model(net, weights), photos, home)
        predictions = next((home / "out").glob("*/predictions/*.parquet"))
        clock.time("metrics", lambda: _score(predictions))


def load_photos(source: Path, home: Path) -> Split:
    """The split of a folder of photos, or of one of parquet."""
    from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.splits.references import parse_split_ref

    words = list_split_words(source)
    options = dict(zip(words[::2], words[1::2], strict=True))
    sets = load_sets([Path(options["--sets"])] if "--sets" in options else [])
    data = parse_data_pairs([options["--data"]] if "--data" in options else [], sets)
    return load_split(parse_split_ref(options["--split"], sets), data=data, cache=home / "cache")


def _time_model(clock: Clock, classifier: Classifier, split: Split, data: Sequence[bytes]) -> None:
    import torch

    from imagenet_g.benchmark.feeding.normalising import normalise
    from imagenet_g.benchmark.feeding.splitting import choose_preparation
    from imagenet_g.benchmark.images.decoding import decode_image

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    images = clock.time("decode", lambda: [decode_image(each) for each in data])
    preparation = choose_preparation(classifier, split)
    split_off = preparation.normalisation is not None
    step = "resize and crop" if split_off else "resize, crop and normalise"
    prepared = clock.time(step, lambda: [preparation.prepare(image) for image in images])
    pixels = torch.stack(prepared)
    inputs = clock.time("normalise, in batches", lambda: normalise(pixels, preparation.normalisation))
    torch.set_num_threads(threads)
    module = classifier.module.to(memory_format=torch.channels_last)
    inputs = inputs.to(memory_format=torch.channels_last)
    batches = [inputs[start : start + _BATCH] for start in range(0, len(inputs), _BATCH)]
    with torch.inference_mode():
        clock.time("forward, torch, all cores", lambda: [module(batch) for batch in batches])


def _load_model(net: Net, weights: Path) -> Classifier:
    from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    spec = parse_model_spec(f"timm:{net.name}")
    return load_classifier(ModelRequest(requested=str(spec), spec=spec, checkpoint=weights))


def _read(split: Split) -> list[bytes]:
    return [split.reader.read_image(row) for row in range(len(split.rows))]


def _score(path: Path) -> None:
    from imagenet_g.benchmark.predictions.entries import make_scores
    from imagenet_g.benchmark.predictions.evidence import Evidence

    make_scores(Evidence.from_file(path))
