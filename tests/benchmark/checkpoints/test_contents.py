"""Which state dict of a file counts."""

import argparse
from pathlib import Path

import pytest
import torch

from imagenet_g.benchmark.checkpoints.contents import choose_weights, load_checkpoint
from imagenet_g.benchmark.errors import ModelError

STATE = {"conv.weight": torch.ones(2, 3), "fc.bias": torch.zeros(4)}
PLAIN, AVERAGED = {"w": torch.ones(1)}, {"w": torch.zeros(1)}


@pytest.mark.parametrize(
    "wrap", ["", "state_dict", "model", "state_dict_ema", "model_state_dict", "net", "weights_of_mine"]
)
def test_state_dicts_are_found_where_training_scripts_put_them(wrap: str, tmp_path: Path) -> None:
    """At the top or under a key, beside other things."""
    torch.save(
        {wrap: STATE, "epoch": 3, "args": argparse.Namespace(lr=0.1)} if wrap else STATE, tmp_path / "a.pth"
    )
    assert set(load_checkpoint(tmp_path / "a.pth").state) == set(STATE)


@pytest.mark.parametrize(
    ("plain", "averaged"),
    [
        ("state_dict", "state_dict_ema"),
        ("model", "model_ema"),
        ("state_dict", "ema_state_dict"),
        ("model", "ema"),
        ("student", "teacher"),
    ],
)
def test_plain_weights_come_before_averaged_ones_and_both_are_said(plain: str, averaged: str) -> None:
    """As timm's validate script does by default; the option for the other is given."""
    weights = choose_weights({averaged: AVERAGED, plain: PLAIN}, source="a.pth")
    assert weights.state["w"].item() == 1
    assert f"'{plain}'" in weights.notes[0] and f"--checkpoint-key {averaged}" in weights.notes[1]


def test_an_averaged_copy_in_a_callback_is_offered_by_its_path() -> None:
    """Where Lightning's callbacks keep theirs."""
    content = {"state_dict": PLAIN, "callbacks": {"EMA{'decay': 0.9}": {"ema_weights": AVERAGED}}}
    note = choose_weights(content, source="a.ckpt").notes[1]
    key = note.partition("--checkpoint-key ")[2]
    assert choose_weights(content, source="a.ckpt", key=key).state["w"].item() == 0


def test_a_file_with_only_an_averaged_copy_says_so() -> None:
    """It is taken, for there is nothing else."""
    weights = choose_weights({"state_dict_ema": AVERAGED, "epoch": 1}, source="a.pth")
    assert weights.notes == ("it holds only an averaged copy (EMA), under 'state_dict_ema'",)


def test_the_key_chooses_the_averaged_copy() -> None:
    """The choice is said as well."""
    content = {"state_dict": PLAIN, "state_dict_ema": AVERAGED}
    weights = choose_weights(content, source="a.pth", key="state_dict_ema")
    assert weights.state["w"].item() == 0 and "'state_dict_ema', as requested" in weights.notes[0]


def test_the_key_chooses_one_network_of_a_training_module() -> None:
    """By what stands before its names."""
    content = {"state_dict": {"net.w": torch.ones(1), "ema.w": torch.zeros(1)}}
    assert choose_weights(content, source="a.ckpt", key="ema").state == {"w": torch.zeros(1)}


def test_an_unknown_key_names_those_that_are_there() -> None:
    """One message with the next step."""
    with pytest.raises(ModelError, match=r"no weights under 'ema'\. State dicts in it: state_dict"):
        choose_weights({"state_dict": PLAIN}, source="a.pth", key="ema")


def test_two_unknown_state_dicts_are_not_guessed_between() -> None:
    """The option that chooses is named."""
    with pytest.raises(ModelError, match=r"holds several state dicts: first, second.*--checkpoint-key first"):
        choose_weights({"first": PLAIN, "second": AVERAGED}, source="a.pth")


def test_the_state_of_an_optimizer_is_no_network(tmp_path: Path) -> None:
    """Its moments are tensors too."""
    layer = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1)).sum().backward()
    optimizer.step()
    content = {
        "optimizer": optimizer.state_dict(),
        "net_weights": layer.state_dict(),
        "scaler": {"s": torch.ones(1)},
    }
    torch.save(content, tmp_path / "a.pth")
    weights = load_checkpoint(tmp_path / "a.pth")
    assert set(weights.state) == {"weight", "bias"} and weights.notes == ()


@pytest.mark.parametrize(
    "content", [{}, torch.ones(2), {"epoch": 3}, {"state_dict": {"w": torch.ones(1), "n": 1}}, {"model": {}}]
)
def test_a_file_without_a_state_dict_is_refused(content: object, tmp_path: Path) -> None:
    """Numbers and empty dicts are no weights."""
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ModelError, match="holds no state dict"):
        load_checkpoint(tmp_path / "a.pth")
