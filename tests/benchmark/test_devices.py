"""Which device is taken, and which names are refused."""

from __future__ import annotations

import pytest
import torch

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.devices import choose_device
from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.generators.runtime import choose_generation_device


def pretend(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    """A machine with these accelerators."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)


def test_an_unknown_device_is_refused_with_what_is_there() -> None:
    """The message lists what may be asked for."""
    with pytest.raises(InputError, match=r"Device 'tpu' is not available here. Available: auto, .*cpu"):
        choose_device("tpu")


@pytest.mark.parametrize(
    ("there", "chosen"), [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("cuda", "mps"), "cuda")]
)
def test_auto_takes_the_fastest_that_is_there(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], chosen: str
) -> None:
    """CUDA before MPS before the processor."""
    pretend(monkeypatch, *there)
    assert choose_device("auto") == chosen


def test_images_are_never_rendered_on_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes are promised on a processor and on CUDA only."""
    pretend(monkeypatch, "mps")
    assert choose_generation_device("auto") == "cpu"
    with pytest.raises(InputError, match="'mps'"):
        choose_generation_device("mps")


def test_one_gpu_of_several_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its number, as torch does."""
    pretend(monkeypatch, "cuda")
    assert choose_device("cuda:1") == "cuda:1"


def test_the_command_says_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2: a mistake of the user."""
    words = ["evaluate", "--model", "timm:packaged:mini-resnet-s", "--split", "mini/renditions"]
    assert main([*words, "--device", "tpu"]) == 2
    assert "Device 'tpu' is not available here" in capsys.readouterr().err
