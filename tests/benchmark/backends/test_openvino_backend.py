"""The backend of OpenVINO against PyTorch: its answers, their order, what it refuses, what it keeps."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from compiled_runs import run_compiled
from toy_models import make_toy_classifier
from warm_processes import get_warm_context

from imagenet_g.benchmark.backends import choosing, openvino_backend, openvino_model
from imagenet_g.benchmark.backends.backend import BackendRefusedError
from imagenet_g.benchmark.backends.kept_models import KeptModels
from imagenet_g.benchmark.backends.openvino_backend import OpenVINOBackend
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.feeding.normalising import normalise
from imagenet_g.benchmark.feeding.preparation import Normalisation
from imagenet_g.benchmark.models.classifiers import Classifier

# The library is imported by the package alone, which keeps it from reporting over the network how it is used.
pytestmark = pytest.mark.skipif(not choosing.is_installed(), reason="the extra openvino is not installed")

IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SETTINGS = InferenceSettings(device="cpu", dtype="float32", batch_size=4, workers=1, backend="openvino")


class Small(torch.nn.Module):
    """A convolution and a linear layer, with logits of a usual range."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv = torch.nn.Conv2d(3, 8, 3, stride=2)
        self.head = torch.nn.Linear(8, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(torch.relu(self.conv(images)).mean((2, 3)))
        return 20 * logits


class Branching(Small):
    """Another answer for bright images than for dark ones."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = super().forward(images)
        return logits if images.mean() < 100 else -logits


class InNumPy(Small):
    """Takes a value out of PyTorch and puts it back, which a tracer records as a constant."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images) + float(images.numpy().mean())


class OverTheBatch(Small):
    """An image's logits depend on its neighbours."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images - images.mean())


def make_classifier(module: torch.nn.Module) -> Classifier:
    """A classifier around a module."""
    return replace(make_toy_classifier()[0], module=module.eval())


def make_pixels(number: int) -> torch.Tensor:
    """Noise `(N, 16, 16, 3)` uint8."""
    generator = torch.Generator().manual_seed(number)
    return torch.randint(0, 256, (number, 16, 16, 3), generator=generator, dtype=torch.uint8)


def open_small(kept: KeptModels | None = None, module: torch.nn.Module | None = None) -> OpenVINOBackend:
    """The backend of a small model that takes pixels."""
    return OpenVINOBackend(make_classifier(module or Small()), SETTINGS, IMAGENET, kept)


@pytest.fixture(scope="module")
def small() -> OpenVINOBackend:
    """The backend of a small model, compiled and compared with PyTorch on its first four images."""
    backend = open_small()
    backend.forward(make_pixels(4))
    return backend


@pytest.fixture(scope="module")
def was_kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.Tensor]:
    """The folder in which a run has left its compiled model, and what it answered."""
    folder = tmp_path_factory.mktemp("kept")
    return folder, open_small(KeptModels(folder, "a")).forward(make_pixels(4))


def run_torch(pixels: torch.Tensor) -> torch.Tensor:
    """What PyTorch says."""
    with torch.inference_mode():
        logits: torch.Tensor = Small().eval()(normalise(pixels, IMAGENET))
    return logits


def forbid_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a model must have been kept."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(openvino_backend, "compile_module", refuse)


def test_pixels_have_the_answers_of_pytorch(small: OpenVINOBackend) -> None:
    """The normalisation is part of the compiled model."""
    assert torch.allclose(small.forward(make_pixels(4)), run_torch(make_pixels(4)), atol=1e-4, rtol=0)


def test_inputs_that_are_ready_have_the_answers_of_pytorch() -> None:
    """A transform that could not be split gives float32."""
    backend = OpenVINOBackend(make_classifier(Small()), SETTINGS, None)
    inputs = normalise(make_pixels(4), IMAGENET)
    assert torch.allclose(backend.forward(inputs), run_torch(make_pixels(4)), atol=1e-4, rtol=0)


def test_batches_in_flight_are_answered_each_with_its_own_whatever_the_order_of_asking(
    small: OpenVINOBackend,
) -> None:
    """More batches than requests, read from the last to the first."""
    batches = [make_pixels(number) for number in (4, 3, 4, 1, 2, 4, 4, 3, 1, 4)]
    pending = [small.submit(batch) for batch in batches]
    found = [one.result() for one in reversed(pending)][::-1]
    assert all(
        torch.allclose(logits, run_torch(batch), atol=1e-4, rtol=0)
        for logits, batch in zip(found, batches, strict=True)
    )


def test_batches_answered_at_a_time_have_the_bits_of_one_after_the_other(small: OpenVINOBackend) -> None:
    """More of them than requests."""
    batches = [make_pixels(number) for number in (4, 1, 2, 2, 4, 3, 1)]
    assert all(map(torch.equal, small.forward_each(batches), map(small.forward, batches)))


def test_a_batch_larger_than_the_compiled_one_is_answered_in_pieces(small: OpenVINOBackend) -> None:
    """Nine images by a model for four."""
    logits = small.forward(make_pixels(9))
    assert torch.allclose(logits, run_torch(make_pixels(9)), atol=1e-4, rtol=0)


def test_the_report_has_the_precision_and_the_measured_difference(small: OpenVINOBackend) -> None:
    """Four images of the first batch, compared with PyTorch."""
    check = small.report.check
    assert check is not None
    assert (small.report.precision, check.images, check.top1_equal) == ("float32", 4, 4)
    assert 0 <= check.max_difference < 1e-4


def test_a_model_that_would_be_computed_in_another_type_is_refused() -> None:
    """What the compiled model says of itself decides, and not what was asked for."""

    class InBfloat16:
        def get_property(self, name: str) -> object:
            return openvino_model.load_openvino().Type.bf16

    with pytest.raises(BackendRefusedError, match="compute in bf16 and not in float32"):
        openvino_model._require_float32(InBfloat16())


def test_a_compiled_model_says_that_it_computes_in_float32() -> None:
    """On CPUs that have bfloat16, OpenVINO takes that unless it is told."""
    shape = openvino_model.CompiledShape(batch=(1, 3, 16, 16), normalisation=None, num_streams=1)
    model = openvino_model.compile_module(Small().eval(), torch.rand(1, 3, 16, 16), shape)
    assert model.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"


@pytest.mark.parametrize("module", [Branching(), InNumPy()])
def test_a_model_whose_steps_depend_on_values_is_refused(module: torch.nn.Module) -> None:
    """A recording would hold one branch; the images of the first batch need not show it."""
    with pytest.raises(BackendRefusedError, match="cannot compile it"):
        open_small(module=module).forward(make_pixels(4))


def test_a_model_that_looks_at_the_whole_batch_is_refused() -> None:
    """An image alone is a batch of copies for the compiled model, and one image for PyTorch."""
    darker = torch.cat([make_pixels(3), make_pixels(1) // 8])
    with pytest.raises(BackendRefusedError, match="its logits differ"):
        open_small(module=OverTheBatch()).forward(darker.flip(0))


def test_a_compiled_model_with_other_answers_is_refused_and_not_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The compiler is given other weights than PyTorch has."""
    compile_module = openvino_model.compile_module

    def compile_another(module: torch.nn.Module, *others: object) -> object:
        another = Small().eval()
        another.head.weight.data += 0.01
        return compile_module(another, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(openvino_backend, "compile_module", compile_another)
    with pytest.raises(BackendRefusedError, match="its logits differ by up to"):
        open_small(KeptModels(tmp_path, "a")).forward(make_pixels(4))
    assert not list(tmp_path.iterdir())


def test_images_of_another_size_are_refused(small: OpenVINOBackend) -> None:
    """The model is compiled for one size, and PyTorch can run any."""
    with pytest.raises(BackendRefusedError, match="one size"):
        small.forward(make_pixels(4)[:, :8])


def test_an_error_inside_a_request_is_the_models_failure() -> None:
    """Said with the number of images, and not a traceback."""
    backend = open_small()
    backend.forward(make_pixels(4))

    class Broken:
        def wait(self) -> None:
            raise RuntimeError("Exception from infer_request.cpp")

    request = backend._requests[0]
    request._request = Broken()
    with pytest.raises(ModelError, match=r"failed on a batch of 2 images: Exception from"):
        request.read(2)


def test_a_kept_model_is_not_compiled_again_and_has_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, was_kept: tuple[Path, torch.Tensor]
) -> None:
    """The second run imports what the first one has left."""
    folder, first = was_kept
    forbid_compiling(monkeypatch)
    assert torch.equal(open_small(KeptModels(folder, "a")).forward(make_pixels(4)), first)


def test_a_model_that_is_open_needs_no_file_and_has_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, was_kept: tuple[Path, torch.Tensor], tmp_path: Path
) -> None:
    """The next split of a run takes it as it is, after the pass over the first one has ended."""
    folder, first = was_kept
    kept = KeptModels(shutil.copytree(folder, tmp_path / "kept"), "a")
    forbid_compiling(monkeypatch)
    backend = open_small(kept)
    backend.forward(make_pixels(4))
    backend.close()
    shutil.rmtree(kept.folder)
    assert torch.equal(open_small(kept).forward(make_pixels(4)), first)


@pytest.mark.parametrize("spoil", [lambda data: data[:-9], lambda data: b"", lambda data: data[::-1]])
def test_a_damaged_kept_model_counts_as_absent(
    was_kept: tuple[Path, torch.Tensor], tmp_path: Path, spoil: object
) -> None:
    """Cut short, empty, or other bytes."""
    folder, first = was_kept
    kept = KeptModels(shutil.copytree(folder, tmp_path / "kept"), "a")
    (path,) = (tmp_path / "kept").iterdir()
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]
    assert torch.equal(open_small(kept).forward(make_pixels(4)), first)


def test_a_kept_model_with_other_answers_is_compiled_again(tmp_path: Path) -> None:
    """Kept under the identity of another one, as it should never be."""
    kept = KeptModels(tmp_path, "a")
    another = Small()
    another.head.weight.data += 0.01
    open_small(kept, another).forward(make_pixels(4))
    # From its file, and as it is open in this process.
    for found in (KeptModels(shutil.copytree(tmp_path, tmp_path.with_name("copy")), "a"), kept):
        logits = open_small(found).forward(make_pixels(4))
        assert torch.allclose(logits, run_torch(make_pixels(4)), atol=1e-4, rtol=0)


def test_a_kept_model_under_another_name_counts_as_absent(tmp_path: Path) -> None:
    """A user can rename a file."""
    kept = KeptModels(tmp_path, "a")
    kept.write("0" * 64, b"content")
    (tmp_path / f"{'0' * 64}.model").rename(tmp_path / f"{'1' * 64}.model")
    assert kept.load("1" * 64) is None


def test_killed_with_9_it_resumes_with_the_answers_of_an_undisturbed_run(tmp_path: Path) -> None:
    """The part that was finished stays, and the rest is computed."""

    def run(*, kill: bool, num_computed: int) -> int | None:
        options = {"kill": kill, "num_computed": num_computed}
        # Not forked off this one, whose compiler has threads.
        process = get_warm_context().Process(target=run_compiled, args=(tmp_path,), kwargs=options)
        process.start()
        process.join(200)
        return process.exitcode

    assert run(kill=True, num_computed=0) == -signal.SIGKILL
    assert run(kill=False, num_computed=344) == 0
