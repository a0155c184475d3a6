"""`--compile`: the same answers, also with a head in float32, and a clear way back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from toy_models import make_toy_classifier

from imagenet_g.benchmark.backends import torch_compiling
from imagenet_g.benchmark.backends.backend import BackendRefusedError, open_backend
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.backends.torch_backend import TorchBackend
from imagenet_g.benchmark.models.classifiers import Classifier

SETTINGS = InferenceSettings(device="cpu", dtype="float32", batch_size=4, workers=1, compile=True)


def make_classifier() -> Classifier:
    """A linear model of small images."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 1000)
    )
    return replace(make_toy_classifier()[0], module=module.eval())


def make_images(number: int) -> torch.Tensor:
    """Noise `(N, 3, 8, 8)`."""
    return torch.randn(number, 3, 8, 8, generator=torch.Generator().manual_seed(number))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_compiled_model_has_the_answers_of_the_plain_one(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In low precision its logits are float32 as well: the head is compiled as it runs uncompiled."""
    # All of the compiler but the last step, which takes a minute with a C++ compiler.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    compiled = TorchBackend(make_classifier(), replace(SETTINGS, dtype=dtype), None)
    plain = TorchBackend(make_classifier(), replace(SETTINGS, dtype=dtype, compile=False), None)
    # A whole batch, the rest of a run, and more than a batch.
    for number in (4, 3, 9):
        found, expected = compiled.forward(make_images(number)), plain.forward(make_images(number))
        assert torch.allclose(found, expected, atol=1e-5 if dtype == "float32" else 2e-2, rtol=0)
    assert compiled.logits_dtype == "float32"


def test_a_compiler_that_fails_refuses_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a C++ compiler, for one; the run then goes on uncompiled."""

    def fail(*arguments: object, **settings: object) -> None:
        raise RuntimeError("no C++ compiler\nand a long trace")

    monkeypatch.setattr(torch, "compile", fail)
    with pytest.raises(BackendRefusedError, match=r"--compile fails \(RuntimeError: no C\+\+ compiler\)"):
        TorchBackend(make_classifier(), SETTINGS, None).submit(make_images(4))


def test_a_compiled_model_with_other_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first batch is computed by both."""
    monkeypatch.setattr(torch_compiling, "_compile", lambda module, batch: lambda images: -module(images))
    with pytest.raises(BackendRefusedError, match="--compile changes its logits"):
        TorchBackend(make_classifier(), SETTINGS, None).submit(make_images(4))


def test_a_compiled_run_has_another_backend_in_its_key() -> None:
    """Its bits may differ."""
    from imagenet_g.benchmark.backends.choosing import name_backend

    assert name_backend("torch", "cpu", compiled=True) == name_backend("torch", "cpu") + "/compiled"


@pytest.mark.gpu
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_on_cuda_batches_in_flight_are_answered_each_with_its_own(dtype: str, compiled: bool) -> None:
    """Streams, pinned memory and graphs, against the module on the CPU."""
    settings = replace(SETTINGS, device="cuda", dtype=dtype, compile=compiled)
    backend = open_backend(make_classifier(), settings, None)
    pending = [backend.submit(make_images(number)) for number in (4, 4, 3, 4, 1)]
    module = make_classifier().module
    for number, one in zip((4, 4, 3, 4, 1), pending, strict=True):
        with torch.inference_mode():
            expected = module(make_images(number))
        assert torch.allclose(one.result(), expected, atol=1e-4 if dtype == "float32" else 5e-2, rtol=0)


@pytest.mark.gpu
def test_on_cuda_running_out_of_memory_halves_the_batch() -> None:
    """A batch of a terabyte is answered in pieces."""
    settings = replace(SETTINGS, device="cuda", batch_size=64, compile=False)
    classifier = replace(make_classifier(), module=_Hungry())
    backend = open_backend(classifier, settings, None)
    assert backend.submit(make_images(64)).result().shape == (64, 1000)
    assert backend.settings.batch_size < 64


class _Hungry(torch.nn.Module):
    """Takes 8 GiB for each image after the first."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(3, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        torch.empty((len(images) - 1) * 2**33, dtype=torch.uint8, device=images.device)
        logits: torch.Tensor = self.head(images.mean((2, 3)))
        return logits
