"""What is known to fit a GPU's memory, and that a dry run says so without changing a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imagenet_g.generation.costs.batches import describe_batch, find_memory_gb, list_batches
from imagenet_g.generation.costs.table import load_batch_sizes, load_gpu_speeds
from imagenet_g.generation.specs.stages import StageWork
from imagenet_g.generation.specs.version import load_version_spec

SD = StageWork(
    pipeline="StableDiffusionPipeline", repo="stable-diffusion-v1-5/stable-diffusion-v1-5", steps=50, bits=16,
    is_guided=True, size_px=(512, 512),
)  # fmt: skip


@pytest.mark.parametrize(
    ("batch_size", "memory_gb", "said"),
    [
        (8, None, "16 fit 16 GB (published"),
        (16, 24.0, "16 fit 16 GB (published"),
        (32, 24.0, "not tried: 16 fit"),
        (8, 8.0, "no row of the table says what memory they need on 8 GB"),
    ],
)
def test_the_smallest_memory_that_took_as_many_is_named(
    batch_size: int, memory_gb: float | None, said: str
) -> None:
    """And where none did, the largest batch that is known there."""
    text = describe_batch([SD], batch_size, memory_gb)
    assert text.startswith(f"{batch_size} images, part of the plan; ")
    assert said in text


def test_a_batch_of_two_pipelines_fits_where_both_fit() -> None:
    """One unknown pipeline is enough to say nothing."""
    assert "no row" in describe_batch([SD, replace(SD, pipeline="Unknown")], 8, None)
    assert "16 fit" in describe_batch([SD, replace(SD, pipeline="StableDiffusionImg2ImgPipeline")], 8, None)


def test_a_row_holds_for_its_own_size_and_precision_only() -> None:
    """Four times the pixels and twice the bytes are other needs."""
    assert list_batches(SD)
    assert not list_batches(replace(SD, size_px=(1024, 1024)))
    assert not list_batches(replace(SD, bits=32))


def test_every_gpu_of_the_table_has_a_known_memory() -> None:
    """Never more than that of the card a row was taken on."""
    for row in load_batch_sizes():
        memory = find_memory_gb(row.gpu)
        assert memory is not None
        assert memory <= row.memory_gb
    assert len({row.gpu for row in load_gpu_speeds()}) == len(load_gpu_speeds())


def test_every_split_of_the_first_version_has_a_batch_that_is_known_to_fit() -> None:
    """On 24 GB, the paper's own kind of card."""
    spec = load_version_spec("v1")
    for split in spec.splits.values():
        text = describe_batch(spec.generators[split.generator].list_work(), split.batch_size, 24.0)
        assert " fit " in text
        assert "not tried" not in text
