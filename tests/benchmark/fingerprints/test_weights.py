"""One hash for the same weights, another for any others."""

import io
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from imagenet_g.benchmark.checkpoints.contents import load_checkpoint
from imagenet_g.benchmark.fingerprints.weights import count_parameters, hash_state_dict


def make_state() -> dict[str, torch.Tensor]:
    """Tensors of several dtypes and shapes, a scalar and an empty one among them."""
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn(4, 3, 2, 2, generator=generator),
        "half": torch.randn(5, generator=generator).half(),
        "brain": torch.randn(2, 3, generator=generator).bfloat16(),
        "count": torch.tensor(7),
        "flag": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
    }


def test_safetensors_and_pickle_of_the_same_weights_hash_alike(tmp_path: Path) -> None:
    """The file format does not matter."""
    save_file(make_state(), tmp_path / "a.safetensors")
    torch.save(make_state(), tmp_path / "b.pth")
    hashes = {hash_state_dict(load_checkpoint(tmp_path / name).state) for name in ("a.safetensors", "b.pth")}
    assert hashes == {hash_state_dict(make_state())}


def test_the_order_of_entries_does_not_matter() -> None:
    """Names are hashed in sorted order."""
    assert hash_state_dict(dict(reversed(make_state().items()))) == hash_state_dict(make_state())


def test_memory_layout_does_not_matter() -> None:
    """A transposed view and its copy are the same weights."""
    matrix = torch.arange(6.0).reshape(2, 3)
    assert hash_state_dict({"w": matrix.T}) == hash_state_dict({"w": matrix.T.contiguous()})


@pytest.mark.parametrize("name", ["conv.weight", "half", "brain", "count"])
def test_one_changed_value_changes_the_hash(name: str) -> None:
    """In every dtype."""
    state = make_state()
    state[name] = state[name].clone()
    state[name].view(-1)[-1] += 1
    assert hash_state_dict(state) != hash_state_dict(make_state())


def test_the_hash_sees_names_dtypes_and_shapes() -> None:
    """The same bytes under another name, dtype or shape are other weights."""
    zeros = torch.zeros(4)
    variants = [
        {"a": zeros},
        {"b": zeros},
        {"a": zeros.int()},
        {"a": zeros.reshape(2, 2)},
        {"a": zeros[:2], "b": zeros[2:]},
    ]
    assert len({hash_state_dict(variant) for variant in variants}) == len(variants)


def test_the_hash_never_changes_between_versions() -> None:
    """A golden value: results in the wild carry it."""
    state = {"w": torch.tensor([1.0, -2.0]), "n": torch.tensor(3)}
    assert hash_state_dict(state) == "92cb0831d7e9fb20409c72322caddc63f7e770c9040d18279bfb97684a2439cc"


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5))
def test_saving_and_loading_keeps_the_hash(values: list[float]) -> None:
    """For any float32 values."""
    state = {"w": torch.tensor(values)}
    stream = io.BytesIO()
    torch.save(state, stream)
    stream.seek(0)
    assert hash_state_dict(torch.load(stream, weights_only=True)) == hash_state_dict(state)


def test_shared_parameters_count_once_and_buffers_not() -> None:
    """As libraries report model sizes."""
    layer = torch.nn.Linear(3, 3, bias=False)
    assert count_parameters(torch.nn.Sequential(layer, layer, torch.nn.BatchNorm1d(3))) == 9 + 6
