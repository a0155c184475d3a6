"""Checkpoint files as trainings, exports and attackers leave them."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from safetensors.torch import save

State = dict[str, torch.Tensor]
PREFIXES = (
    "",
    "",
    "module.",
    "model.",
    "net.",
    "_orig_mod.",
    "module._orig_mod.",
    "model.module.",
    "backbone.",
)
CHANGES = (
    "none",
    "none",
    "none",
    "drop",
    "rename",
    "extra",
    "shape",
    "scalar",
    "half",
    "double",
    "int",
    "nan",
    "inf",
)


class TinyNet(torch.nn.Module):
    """A network with each kind of entry: weights, buffers, a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 4, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(4)
        self.fc = torch.nn.Linear(4, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, 5)` logits."""
        logits: torch.Tensor = self.fc(self.bn1(self.conv1(images)).mean((2, 3)))
        return logits


def make_net(seed: int) -> TinyNet:
    """A network with weights of its own in every entry."""
    net = TinyNet().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
    return net


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint file.

    Attributes:
        data: Its bytes.
        suffix: The end of its name.
        state: What the network must hold once it is loaded; None where the file must be refused.
    """

    data: bytes
    suffix: str
    state: State | None


@st.composite
def changed(draw: st.DrawFn, state: State) -> tuple[State, State | None]:
    """A state dict after one change, and what a network must hold after it; None where it must be refused."""
    name = draw(st.sampled_from(sorted(state)))
    value = state[name]
    change = draw(st.sampled_from(CHANGES))
    others = {key: tensor for key, tensor in state.items() if key != name}
    match change:
        case "none":
            return state, state
        case "drop":
            return others, state if name.endswith("num_batches_tracked") else None
        case "rename":
            return {
                **others,
                draw(st.sampled_from(["w", f"{name}x", "", "fc", "\u706b", "module"])): value,
            }, None
        case "extra":
            return {
                **state,
                draw(st.sampled_from(["head.weight", "fc2.bias", "x", ""])): torch.rand(3, 2),
            }, None
        case "shape":
            return {**others, name: torch.rand(*value.shape, 2)}, None
        case "scalar":
            return {**others, name: torch.tensor(1.0)}, None if value.ndim else {
                **others,
                name: torch.tensor(1),
            }
        case "half" | "double":
            kind = torch.bfloat16 if change == "half" else torch.float64
            cast = {key: t.to(kind) if t.is_floating_point() else t for key, t in state.items()}
            return cast, cast
        case "int":
            return {**others, name: value.to(torch.int8)}, None if value.is_floating_point() else state
        case _:
            spoiled = value.clone().float() if value.is_floating_point() else value
            if value.is_floating_point():
                spoiled.view(-1)[0] = float(change)
            return {**others, name: spoiled}, {**others, name: spoiled}


@st.composite
def checkpoints(draw: st.DrawFn, state: State) -> Saved:
    """A file with the state dict, changed once, under prefixes, nested, in any format."""
    given, expected = draw(changed(state))
    prefix = draw(st.sampled_from(PREFIXES))
    named = {f"{prefix}{name}": value for name, value in given.items()}
    form = draw(st.sampled_from(["safetensors", "zip", "zip", "old"]))
    if form == "safetensors":
        return Saved(save({name or "_": value for name, value in named.items()}), ".safetensors", expected)
    content: object = nest(named, draw(st.sampled_from(NESTS)))
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=form == "zip")
    return Saved(buffer.getvalue(), draw(st.sampled_from([".pth", ".pt", ".bin", ".ckpt", ""])), expected)


NESTS = ("flat", "state_dict", "model", "lightning", "ema beside", "training")


def nest(state: State, how: str) -> object:
    """The content of a file that holds the state dict."""
    averaged = {name: value + 1 if value.is_floating_point() else value for name, value in state.items()}
    match how:
        case "state_dict" | "model":
            return {how: state}
        case "lightning":
            return {"epoch": 3, "pytorch-lightning_version": "2.0", "state_dict": state, "callbacks": {}}
        case "ema beside":
            return {"state_dict": state, "state_dict_ema": averaged}
        case "training":
            optimizer = {"state": {0: {"exp_avg": torch.rand(2)}}, "param_groups": [{"lr": 0.1}]}
            return {"model": state, "optimizer": optimizer, "epoch": 7, "best": 0.7}
        case _:
            return state


class Evil:
    """Runs code when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """What pickle would call."""
        return os.system, ("touch pwned",)


def list_hostile_files() -> Mapping[str, bytes]:
    """Files that must be refused, by what they are."""
    state = make_net(0).state_dict()
    return {
        "nothing": b"",
        "code": dump({"state_dict": Evil()}),
        "plain pickle of code": pickle.dumps(Evil()),
        "plain pickle of a list": pickle.dumps([1, 2]),
        "a whole network": dump(make_net(0)),
        "a list": dump([1, 2]),
        "a number": dump(7),
        "no tensor": dump({"fc.weight": 1.0}),
        "an empty dict": dump({}),
        "an empty state dict": dump({"state_dict": {}}),
        "deep": dump(make_deep(40, state)),
        "web page": b"<!DOCTYPE html><title>404</title>",
        "LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "no header": struct.pack("<Q", 0),
        "header of 2^60 bytes": struct.pack("<Q", 2**60) + b"{}",
        "header that is no JSON": struct.pack("<Q", 4) + b"{\x00\xff}",
        "header without tensors": struct.pack("<Q", 2) + b"{}",
        "header without an end": struct.pack("<Q", 100_000) + b"[" * 100_000,
        "tensor outside the file": make_header({"fc.weight": ["F32", [5, 4], [0, 80]]}),
        "tensor of a negative size": make_header({"fc.weight": ["F32", [-5, 4], [0, 80]]}),
        "tensor of 2^62 values": make_header({"fc.weight": ["F32", [2**31, 2**31], [0, 80]]}),
        "kind of number that is none": make_header({"fc.weight": ["F99", [5, 4], [0, 80]]}),
    }


def dump(content: object) -> bytes:
    """What `torch.save` writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def make_deep(depth: int, inner: object) -> object:
    """Dicts in dicts."""
    for _ in range(depth):
        inner = {"state_dict": inner}
    return inner


def make_header(tensors: Mapping[str, list[object]]) -> bytes:
    """A safetensors file that is a header alone."""
    entries = {
        name: {"dtype": kind, "shape": shape, "data_offsets": offsets}
        for name, (kind, shape, offsets) in tensors.items()
    }
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header
