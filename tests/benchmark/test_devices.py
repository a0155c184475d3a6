"""Which device is taken, and which names are refused."""

from __future__ import annotations

import pytest
import torch

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.devices import choose_device, choose_devices
from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.generators.runtime import choose_generation_device


def pretend(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    """A machine with these accelerators."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2 if "cuda" in kinds else 0)
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


@pytest.mark.parametrize("name", ["cuda:2", "cuda:-1", "cuda:x", "cuda:", "cpu:0", "CUDA:0", "", "mps"])
def test_a_device_that_is_not_there_is_refused_with_all_that_are(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each GPU by its number; before any model is loaded."""
    pretend(monkeypatch, "cuda")
    with pytest.raises(InputError, match="Available: auto, cuda, cpu, cuda:0, cuda:1"):
        choose_device(name)


def test_several_devices_are_named_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process each; the processor several times divides its cores."""
    pretend(monkeypatch, "cuda")
    assert choose_devices("cuda:1, cuda,cpu,cpu") == ("cuda:1", "cuda:0", "cpu", "cpu")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cuda:0,cuda", "names 'cuda:0' twice"),
        ("cuda:0,cuda:9", "'cuda:9' is not available here. Available: auto, cuda, cpu, cuda:0, cuda:1"),
        ("auto,cpu", "name each device"),
        ("cpu,,cpu", "Device '' is not available"),
        (",".join(["cpu"] * 100), "names 100 devices"),
    ],
)
def test_a_mistaken_list_of_devices_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    """One message."""
    pretend(monkeypatch, "cuda")
    with pytest.raises(InputError, match=words):
        choose_devices(text)


def test_the_command_says_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2: a mistake of the user."""
    words = ["evaluate", "--model", "timm:packaged:mini-resnet-s", "--split", "mini/renditions"]
    assert main([*words, "--device", "tpu"]) == 2
    assert "Device 'tpu' is not available here" in capsys.readouterr().err
