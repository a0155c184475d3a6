"""Own weights are read safely, and matched key by key."""

import argparse
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from imagenet_g.benchmark.errors import DataError, ModelError, UntrustedFileError
from imagenet_g.benchmark.models.checkpoints import find_mismatch, load_checkpoint, load_into, strip_prefixes

STATE = {"conv.weight": torch.ones(2, 3), "fc.bias": torch.zeros(4)}


class Malicious:
    """Makes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, (f"touch '{self.target}'",))


@pytest.mark.parametrize("wrap", ["", "state_dict", "model", "state_dict_ema"])
def test_state_dicts_are_found_where_training_scripts_put_them(wrap: str, tmp_path: Path) -> None:
    """At the top or under a usual key, beside other things."""
    torch.save(
        {wrap: STATE, "epoch": 3, "args": argparse.Namespace(lr=0.1)} if wrap else STATE, tmp_path / "a.pth"
    )
    assert set(load_checkpoint(tmp_path / "a.pth")) == set(STATE)


def test_plain_weights_come_before_averaged_ones(tmp_path: Path) -> None:
    """As timm's validate script does by default."""
    averaged = {"w": torch.zeros(1)}
    torch.save({"state_dict_ema": averaged, "state_dict": {"w": torch.ones(1)}}, tmp_path / "a.pth")
    assert load_checkpoint(tmp_path / "a.pth")["w"].item() == 1


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_wrapper_prefixes_are_stripped(prefix: str) -> None:
    """Data-parallel and compiled models, wrapped in either order."""
    assert set(strip_prefixes({prefix + name: value for name, value in STATE.items()})) == set(STATE)


def test_a_prefix_of_some_names_only_is_kept() -> None:
    """A model may have a part called module."""
    state = {"module.w": torch.ones(1), "w": torch.ones(1)}
    assert set(strip_prefixes(state)) == set(state)


def test_safetensors_are_known_by_content(tmp_path: Path) -> None:
    """Whatever the file is called."""
    save_file(STATE, tmp_path / "weights.bin")
    assert set(load_checkpoint(tmp_path / "weights.bin")) == set(STATE)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_checkpoint_is_refused_and_nothing_runs(legacy: bool, tmp_path: Path) -> None:
    """Both formats of torch.save."""
    torch.save(
        {"w": torch.ones(1), "x": Malicious(tmp_path / "pwned")},
        tmp_path / "a.pth",
        _use_new_zipfile_serialization=not legacy,
    )
    with pytest.raises(UntrustedFileError, match="could run code"):
        load_checkpoint(tmp_path / "a.pth")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_plain_pickle_is_refused_and_nothing_runs(protocol: int, tmp_path: Path) -> None:
    """One that never saw torch.save."""
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Malicious(tmp_path / "pwned"), protocol))
    with pytest.raises(UntrustedFileError, match="could run code"):
        load_checkpoint(tmp_path / "a.pkl")
    assert not (tmp_path / "pwned").exists()


def test_a_malicious_pickle_called_safetensors_is_refused(tmp_path: Path) -> None:
    """The name of a file opens no door."""
    torch.save(Malicious(tmp_path / "pwned"), tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="not a whole safetensors file"):
        load_checkpoint(tmp_path / "a.safetensors")
    assert not (tmp_path / "pwned").exists()


def test_a_pickled_module_is_refused_by_name(tmp_path: Path) -> None:
    """The message says what was in the way."""
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pth")
    with pytest.raises(UntrustedFileError, match=r"torch\.nn\.modules\.linear\.Linear"):
        load_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("content", [b"", b"hello world", b"<!DOCTYPE html>" * 50, b"PK\x03\x04" + b"x" * 99])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_damaged_files_are_said_to_be(content: bytes, name: str, tmp_path: Path) -> None:
    """Noise is not called an attack."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="Checkpoint"):
        load_checkpoint(tmp_path / name)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_truncated_file_is_said_to_be_damaged(name: str, tmp_path: Path) -> None:
    """A download that stopped half-way."""
    path = tmp_path / name
    save_file(STATE, path) if name.endswith("safetensors") else torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"damaged|not a whole safetensors file"):
        load_checkpoint(path)


@pytest.mark.parametrize("path", ["missing.pth", "."])
def test_a_missing_file_is_said_to_be(path: str, tmp_path: Path) -> None:
    """A folder is no file either."""
    with pytest.raises(DataError, match="no checkpoint file"):
        load_checkpoint(tmp_path / path)


@pytest.mark.parametrize(
    "content", [{}, torch.ones(2), {"epoch": 3}, {"state_dict": {"w": torch.ones(1), "n": 1}}]
)
def test_a_file_without_a_state_dict_is_refused(content: object, tmp_path: Path) -> None:
    """Numbers and empty dicts are no weights."""
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ModelError, match="holds no state dict"):
        load_checkpoint(tmp_path / "a.pth")


def make_module() -> torch.nn.Module:
    """Two layers with known names."""
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1000))


def test_the_first_mismatching_key_is_named_with_both_shapes() -> None:
    """In the model's own order."""
    state = make_module().state_dict()
    state["1.weight"], state["0.bias"] = torch.ones(7, 4), torch.ones(9)
    with pytest.raises(ModelError, match=r"'0\.bias' has shape \(9,\) in the file and \(4,\) in the model"):
        load_into(make_module(), state, source="f")


def test_a_head_of_another_size_points_to_the_class_map() -> None:
    """When all else fits."""
    state = {**make_module().state_dict(), "1.weight": torch.ones(10, 4), "1.bias": torch.ones(10)}
    mismatch = find_mismatch(make_module().state_dict(), state)
    assert mismatch is not None
    assert "10" in mismatch and "--class-map" in mismatch


def test_a_missing_key_is_named() -> None:
    """With the shape it should have."""
    state = make_module().state_dict()
    del state["0.bias"]
    with pytest.raises(ModelError, match=r"no '0\.bias', which has shape \(4,\)"):
        load_into(make_module(), state, source="f")


def test_an_extra_key_is_named() -> None:
    """Nothing in the file is dropped in silence."""
    with pytest.raises(ModelError, match=r"it has 'more' of shape \(1,\)"):
        load_into(make_module(), {**make_module().state_dict(), "more": torch.ones(1)}, source="f")


def test_conversion_is_tried_only_when_names_differ() -> None:
    """A wrong shape under right names is an error, not something to resize."""
    fitting = {name: torch.ones_like(value) for name, value in make_module().state_dict().items()}
    module = make_module()
    load_into(module, {"old": torch.ones(1)}, source="f", convert=lambda: fitting)
    assert find_mismatch(module.state_dict(), fitting) is None
    assert float(module.state_dict()["0.bias"].sum()) == 4
    with pytest.raises(ModelError, match=r"'0\.bias' has shape"):
        load_into(module, {**fitting, "0.bias": torch.ones(5)}, source="f", convert=lambda: fitting)
