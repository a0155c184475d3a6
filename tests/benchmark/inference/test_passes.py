"""Running a model: order, resuming, running out of memory, what cannot be read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from toy_models import ColourModel, make_toy_classifier, make_toy_split

from imagenet_g.benchmark.backends.backend import Pending
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.backends.torch_backend import TorchBackend
from imagenet_g.benchmark.classes import make_class_set
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.feeding.batches import Batch
from imagenet_g.benchmark.feeding.threads import AHEAD
from imagenet_g.benchmark.inference import passes
from imagenet_g.benchmark.inference.part_store import PartStore
from imagenet_g.benchmark.inference.parts import NOT_FINITE, PartBuilder, make_predictions, use_one_thread
from imagenet_g.benchmark.inference.passes import run_inference
from imagenet_g.benchmark.inference.running_model import InferenceOutcome
from imagenet_g.benchmark.predictions.predictions import make_table
from imagenet_g.benchmark.splits.splits import Split

CLASSES = [(7 * row) % 500 for row in range(600)]


def run(
    split: Split,
    parts: Path,
    *,
    batch_size: int = 16,
    model: tuple[object, ColourModel] | None = None,
    rows: list[int] | None = None,
) -> InferenceOutcome:
    """Run the toy classifier over a split."""
    classifier = (model or make_toy_classifier())[0]
    return run_inference(
        classifier,  # type: ignore[arg-type]
        split,
        rows if rows is not None else range(len(split.rows)),
        class_sets={"few": make_class_set("few", [0, 7, 14])},
        settings=InferenceSettings(device="cpu", dtype="float32", batch_size=batch_size, workers=2),
        parts=PartStore(parts),
        on_progress=lambda done, total: None,
    )


def test_predictions_come_in_the_order_of_the_rows(tmp_path: Path) -> None:
    """Threads never mix up images."""
    predictions = run(make_toy_split(CLASSES), tmp_path).predictions
    assert predictions.top5.indices[:, 0].tolist() == CLASSES
    assert predictions.image_ids == tuple(f"image-{row}" for row in range(600))


def test_an_unreadable_image_is_unscored_and_named_and_the_rest_is_right(tmp_path: Path) -> None:
    """One broken file costs one row."""
    predictions = run(make_toy_split(CLASSES[:40], broken=(3, 39)), tmp_path).predictions
    assert np.flatnonzero(~predictions.scored).tolist() == [3, 39]
    assert predictions.errors[3]
    assert predictions.top5.indices[3].tolist() == [-1] * 5
    kept = np.flatnonzero(predictions.scored)
    assert predictions.top5.indices[kept, 0].tolist() == [CLASSES[row] for row in kept]


def test_the_first_batch_is_checked_before_the_second_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that `warm_up_seconds` holds all of the start, and the rate behind it nothing of the start."""
    calls: list[str] = []

    class Recorder(TorchBackend):
        depth = 3

        def submit(self, inputs: torch.Tensor) -> Pending:
            calls.append("batch")
            return super().submit(inputs)

        def forward_each(self, batches: Sequence[torch.Tensor]) -> list[torch.Tensor]:
            calls.append("check")
            return super().forward_each(batches)

    monkeypatch.setattr(
        passes,
        "open_backend",
        lambda classifier, settings, normalisation, kept: Recorder(classifier, settings, normalisation),
    )
    run(make_toy_split(CLASSES[:80]), tmp_path)
    assert calls == ["batch", "check", "batch", "batch", "batch", "batch"]


def test_restricted_outputs_are_kept_for_rows_of_the_class_set_only(tmp_path: Path) -> None:
    """Rows whose label is elsewhere have no restricted prediction."""
    predictions = run(make_toy_split([0, 7, 21]), tmp_path).predictions
    assert predictions.restricted["few"].indices[:, 0].tolist() == [0, 7, -1]


def test_running_out_of_memory_halves_the_batch_and_loses_nothing(tmp_path: Path) -> None:
    """The batch that failed is run again in halves, and the size that fits is reported."""
    model = make_toy_classifier()
    model[1].largest_batch = 5
    outcome = run(make_toy_split(CLASSES[:50]), tmp_path, model=model)
    assert outcome.predictions.top5.indices[:, 0].tolist() == CLASSES[:50]
    assert outcome.settings.batch_size == 4
    assert max(model[1].batch_sizes) == 4


def test_memory_for_not_even_one_image_is_one_clear_error(tmp_path: Path) -> None:
    """There is an end to halving."""
    model = make_toy_classifier()
    model[1].largest_batch = 0
    with pytest.raises(ModelError, match="single image"):
        run(make_toy_split(CLASSES[:4]), tmp_path, model=model)


def test_an_output_that_is_not_finite_is_unscored(tmp_path: Path) -> None:
    """NaN is a fault of the model on that image, said as such, and not a class."""

    class Broken(ColourModel):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images) * torch.nan

    classifier, _ = make_toy_classifier()
    object.__setattr__(classifier, "module", Broken().eval())
    predictions = run(make_toy_split(CLASSES[:3]), tmp_path, model=(classifier, ColourModel())).predictions
    assert predictions.errors == (NOT_FINITE,) * 3


def test_an_interrupted_run_goes_on_where_it_stopped_and_ends_the_same(tmp_path: Path) -> None:
    """Kept parts are not computed again, and the end is what an uninterrupted run gives."""
    whole = run(make_toy_split(CLASSES), tmp_path / "whole").predictions

    class Interrupted(ColourModel):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if len(self.batch_sizes) == 20:
                raise KeyboardInterrupt
            return super().forward(images)

    classifier, _ = make_toy_classifier()
    object.__setattr__(classifier, "module", Interrupted().eval())
    with pytest.raises(KeyboardInterrupt):
        run(make_toy_split(CLASSES), tmp_path / "cut", model=(classifier, ColourModel()))
    split = make_toy_split(CLASSES)
    resumed = run(split, tmp_path / "cut")
    assert resumed.num_computed == 600 - 256
    assert split.reader.num_read == 600 - 256  # type: ignore[attr-defined]
    assert (resumed.predictions.top5.indices == whole.top5.indices).all()
    assert (resumed.predictions.top5.probabilities == whole.top5.probabilities).all()


def test_a_damaged_part_is_computed_again(tmp_path: Path) -> None:
    """Half a file from a full disk does no harm."""
    run(make_toy_split(CLASSES), tmp_path)
    second = sorted(tmp_path.glob("*.parquet"))[1]
    second.write_bytes(second.read_bytes()[:100])
    outcome = run(make_toy_split(CLASSES), tmp_path)
    assert outcome.num_computed == 600 - 256
    assert outcome.predictions.top5.indices[:, 0].tolist() == CLASSES


def test_memory_does_not_grow_with_what_is_queued(tmp_path: Path) -> None:
    """However many images a split has, only so many are read ahead."""
    split = make_toy_split(CLASSES)
    read_at_first_batch: list[int] = []

    class Watching(ColourModel):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            read_at_first_batch.append(split.reader.num_read)  # type: ignore[attr-defined]
            return super().forward(images)

    classifier, _ = make_toy_classifier()
    object.__setattr__(classifier, "module", Watching().eval())
    run(split, tmp_path, model=(classifier, ColourModel()))
    assert read_at_first_batch[0] <= AHEAD + 16


def test_a_part_is_the_same_on_one_thread_as_on_several() -> None:
    """Only the time differs, and the number of threads is what it was."""
    split = make_toy_split(CLASSES[:256])
    logits = torch.randn(256, 1000, generator=torch.Generator().manual_seed(0)) * 9
    sets = {"few": make_class_set("few", [0, 7, 14])}
    builder, threads = PartBuilder(split, sets), torch.get_num_threads()
    builder.add(Batch(tuple(range(256)), logits, (None,) * 256), logits)
    torch.set_num_threads(4)
    try:
        several = make_predictions(split, range(256), logits, [None] * 256, sets)
        assert make_table(builder.take()()) == make_table(several)
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(threads)


def test_parts_of_several_models_leave_the_number_of_threads_as_it_was() -> None:
    """Two are summed up at a time, and a thread that is started later has the number of before."""
    inside, threads = Event(), torch.get_num_threads()

    def sum_up() -> None:
        with use_one_thread():
            inside.set()
            time.sleep(0.05)

    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(sum_up)
            inside.wait()
            for future in (first, pool.submit(sum_up)):
                future.result()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(threads)
