"""Own weights are read without running code."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from imagenet_g.benchmark.checkpoints.reading import list_weight_files, load_content
from imagenet_g.benchmark.errors import DataError, UntrustedFileError

STATE = {"conv.weight": torch.ones(2, 3), "fc.bias": torch.zeros(4)}


class Malicious:
    """Makes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, (f"touch '{self.target}'",))


def test_safetensors_are_known_by_content(tmp_path: Path) -> None:
    """Whatever the file is called."""
    save_file(STATE, tmp_path / "weights.bin")
    content = load_content(tmp_path / "weights.bin")
    assert isinstance(content, dict) and set(content) == set(STATE)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_checkpoint_is_refused_and_nothing_runs(legacy: bool, tmp_path: Path) -> None:
    """Both formats of torch.save."""
    torch.save(
        {"w": torch.ones(1), "x": Malicious(tmp_path / "pwned")},
        tmp_path / "a.pth",
        _use_new_zipfile_serialization=not legacy,
    )
    with pytest.raises(UntrustedFileError, match="could run code"):
        load_content(tmp_path / "a.pth")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_plain_pickle_is_refused_and_nothing_runs(protocol: int, tmp_path: Path) -> None:
    """One that never saw torch.save."""
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Malicious(tmp_path / "pwned"), protocol))
    with pytest.raises(UntrustedFileError, match="could run code"):
        load_content(tmp_path / "a.pkl")
    assert not (tmp_path / "pwned").exists()


def test_a_malicious_pickle_called_safetensors_is_refused(tmp_path: Path) -> None:
    """The name of a file opens no door."""
    torch.save(Malicious(tmp_path / "pwned"), tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="not a whole safetensors file"):
        load_content(tmp_path / "a.safetensors")
    assert not (tmp_path / "pwned").exists()


def test_a_pickled_module_is_refused_by_name(tmp_path: Path) -> None:
    """The message says what was in the way."""
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pth")
    with pytest.raises(UntrustedFileError, match=r"torch\.nn\.modules\.linear\.Linear"):
        load_content(tmp_path / "a.pth")


@pytest.mark.parametrize("content", [b"", b"hello world", b"<!DOCTYPE html>" * 50, b"PK\x03\x04" + b"x" * 99])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_damaged_files_are_said_to_be(content: bytes, name: str, tmp_path: Path) -> None:
    """Noise is not called an attack."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="Checkpoint"):
        load_content(tmp_path / name)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_truncated_file_is_said_to_be_damaged(name: str, tmp_path: Path) -> None:
    """A download that stopped half-way."""
    path = tmp_path / name
    save_file(STATE, path) if name.endswith("safetensors") else torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"damaged|not a whole safetensors file"):
        load_content(path)


@pytest.mark.parametrize("path", ["missing.pth", "."])
def test_a_missing_file_is_said_to_be(path: str, tmp_path: Path) -> None:
    """A folder is no file either."""
    with pytest.raises(DataError, match="no checkpoint file"):
        load_content(tmp_path / path)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"", "Fetch it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"GGUF\x03\x00\x00\x00", "as safetensors"),
        (b"\x1f\x8b\x08\x00", "Unpack it"),
    ],
    ids=["empty", "pointer", "gguf", "gzip"],
)
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_file_of_another_kind_is_named_with_what_to_do(
    content: bytes, advice: str, name: str, tmp_path: Path
) -> None:
    """None of them is damaged, and its user can help it."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=advice):
        load_content(tmp_path / name)


def write_index(folder: Path, places: dict[str, object]) -> Path:
    """An index of weights in several files."""
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return path


def test_weights_in_several_files_are_read_together(tmp_path: Path) -> None:
    """Each tensor from the file that the index says, and all of these files are known."""
    save_file({"conv.weight": STATE["conv.weight"], "fc.bias": torch.ones(4)}, tmp_path / "a.safetensors")
    save_file({"fc.bias": STATE["fc.bias"]}, tmp_path / "b.safetensors")
    path = write_index(tmp_path, {"conv.weight": "a.safetensors", "fc.bias": "b.safetensors"})
    content = load_content(path)
    assert isinstance(content, dict) and set(content) == set(STATE)
    assert all(torch.equal(content[name], tensor) for name, tensor in STATE.items())
    assert [one.name for one in list_weight_files(path)] == [path.name, "a.safetensors", "b.safetensors"]
    assert list_weight_files(tmp_path / "a.safetensors") == (tmp_path / "a.safetensors",)


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ({"w": "../a.safetensors"}, "no file beside it"),
        ({"w": 7}, "no file beside it"),
        ({"w": "model.safetensors.index.json"}, "no file beside it"),
        ({"w": "absent.safetensors"}, "no checkpoint file"),
        ({"w": "a.safetensors"}, "lacks a tensor"),
        ({"w": "other.json"}, "is an index"),
        ({}, "without a 'weight_map'"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(places: dict[str, object], said: str, tmp_path: Path) -> None:
    """Nothing outside its folder is read, and an index ends somewhere."""
    save_file(STATE, tmp_path / "a.safetensors")
    write_index(tmp_path, {"w": "model.safetensors.index.json"}).rename(tmp_path / "other.json")
    with pytest.raises(DataError, match=said):
        load_content(write_index(tmp_path, places))


def test_a_pickle_that_ends_inside_a_global_is_refused(tmp_path: Path) -> None:
    """The list of what it would import cannot be made then, and the message does without."""
    torch.save({"w": torch.ones(64)}, tmp_path / "a.pth")
    data = (tmp_path / "a.pth").read_bytes()
    at = data.index(b"ctorch")
    (tmp_path / "a.pth").write_bytes(data[:at] + b"cuorch" + bytes(40) + data[at + 46 :])
    with pytest.raises((DataError, UntrustedFileError), match=r"a\.pth"):
        load_content(tmp_path / "a.pth")
