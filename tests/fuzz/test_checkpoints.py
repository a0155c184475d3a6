"""Checkpoint files: a network with the tensors of the file, or one clear message."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from door_weights import Saved, TinyNet, checkpoints, list_hostile_files, make_net
from doors import RULE, damage, doors, open_place
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.checkpoints.contents import load_checkpoint
from imagenet_g.benchmark.checkpoints.fitting import load_into

DOOR = "checkpoints"
NET = make_net(1)


@doors(100)
@given(saved=checkpoints(NET.state_dict()))
def test_a_network_has_the_tensors_of_its_file(saved: Saved) -> None:
    """Each of them, under any prefix and however deep, and the answers of the network that was saved."""
    net = make_net(2)
    with open_place() as place:
        path = place / f"weights{saved.suffix}"
        path.write_bytes(saved.data)
        if enter(net, path.as_posix()) is None:
            return
    assert saved.state is not None, "a file that is not this network's was taken"
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor.nan_to_num(), saved.state[name].to(tensor.dtype).nan_to_num()), name
    reference = make_net(3)
    reference.load_state_dict(saved.state)
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(4))
    assert torch.equal(net(images).nan_to_num(), reference(images).nan_to_num())


@doors(40)
@given(saved=checkpoints(NET.state_dict()))
def test_a_file_that_is_the_networks_own_is_taken(saved: Saved) -> None:
    """No message where nothing is missing, renamed or of another shape."""
    if saved.state is None:
        return
    with open_place() as place:
        path = place / f"weights{saved.suffix}"
        path.write_bytes(saved.data)
        assert enter(make_net(2), path.as_posix()) is not None


def enter(net: TinyNet, path: str) -> tuple[str, ...] | None:
    """Load a file into a network; what was said, or None where it was refused."""
    return RULE.enter(DOOR, lambda: load_into(net, load_checkpoint(Path(path))), names=[path])


@doors(80)
@given(saved=checkpoints(NET.state_dict()), data=st.data())
def test_a_damaged_file_gives_tensors_or_one_message(saved: Saved, data: st.DataObject) -> None:
    """Truncated, with flipped bits, with bytes put in or blanked."""
    content = data.draw(damage(saved.data))
    with open_place() as place:
        path = place / f"weights{data.draw(st.sampled_from([saved.suffix, '.safetensors', '.pth']))}"
        path.write_bytes(content)
        enter(make_net(2), path.as_posix())


@pytest.mark.parametrize("kind", list_hostile_files())
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
def test_a_hostile_file_is_refused(
    kind: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And runs nothing."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(list_hostile_files()[kind])
    assert enter(make_net(2), path.as_posix()) is None
    assert not (tmp_path / "pwned").exists()
