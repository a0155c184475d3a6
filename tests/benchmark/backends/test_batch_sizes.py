"""The batch size on CUDA: measured once, remembered, never outside its bounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy_models import make_toy_classifier

from imagenet_g.benchmark.backends import streamed_backend
from imagenet_g.benchmark.backends.choosing import probe_batch_size
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.models.classifiers import Classifier

SETTINGS = InferenceSettings(device="cpu", dtype="float32", batch_size=256, workers=1)


def find(folder: Path, *, dtype: str = "float32") -> int:
    """The size for the toy model."""
    settings = replace(SETTINGS, dtype=dtype)
    return streamed_backend.find_batch_size(make_toy_classifier()[0], settings, folder=folder, identity="a")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes that are measured; the rate doubles up to 256 and stays."""
    sizes: list[int] = []

    def measure(classifier: Classifier, settings: InferenceSettings) -> float:
        sizes.append(settings.batch_size)
        return float(min(settings.batch_size, 256))

    monkeypatch.setattr(streamed_backend, "measure_rate", measure)
    return sizes


def test_the_size_is_measured_once_and_remembered(tmp_path: Path, measured: list[int]) -> None:
    """The second run reads it."""
    assert (find(tmp_path), find(tmp_path)) == (256, 256)
    assert measured == [64, 128, 256, 512]


def test_another_type_is_measured_apart(tmp_path: Path, measured: list[int]) -> None:
    """bfloat16 takes half of the memory."""
    find(tmp_path)
    find(tmp_path, dtype="bfloat16")
    assert len(measured) == 8


@pytest.mark.parametrize("text", ["", "many", "0", "-64", "1000000"])
def test_a_damaged_memory_is_measured_again(tmp_path: Path, measured: list[int], text: str) -> None:
    """Anything but a size that could have been measured."""
    find(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(text)
    assert find(tmp_path) == 256


def test_memory_that_does_not_hold_the_first_size_leaves_it_to_be_halved() -> None:
    """As before there was a probe."""
    assert probe_batch_size(lambda size: None, start=64, most=2048) == 64


def test_no_size_is_larger_than_the_bound() -> None:
    """Even where the rate would still double."""
    assert probe_batch_size(float, start=64, most=512) == 512


def test_a_rate_is_measured_by_running_the_model() -> None:
    """On the CPU here; a model that fails has none."""

    class Failing(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("CUDA out of memory")

    classifier = make_toy_classifier()[0]
    settings = replace(SETTINGS, batch_size=1)
    rate = streamed_backend.measure_rate(classifier, settings)
    assert rate is not None
    assert rate > 0
    assert streamed_backend.measure_rate(replace(classifier, module=Failing()), settings) is None
