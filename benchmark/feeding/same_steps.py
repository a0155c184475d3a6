"""Whether two transforms do the same to every image, as far as that can be read off them.

Two that are the same are run once; a wrong "yes" would give a model the inputs of another. So every class,
every attribute and every value counts, at any depth, and whatever cannot be read is equal to nothing but
itself.
"""

from __future__ import annotations

import copyreg
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from types import MethodType

import numpy as np
import torch

from imagenet_g.benchmark.feeding.preparation import Preparation

_MAX_DEPTH = 12
_PLAIN = (str, bytes, int, float, complex, bool, type(None))
_PICKLING = ("__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__")
_TORCH_VALUES = (torch.dtype, torch.device, np.dtype)


class _Itself:
    """Something that cannot be read: the same only where it is the very same object."""

    def __init__(self, part: object) -> None:
        # Held, so that no later object gets its address.
        self._part = part

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self._part is other._part

    def __hash__(self) -> int:
        return id(self._part)


def group_same(preparations: list[Preparation]) -> list[int]:
    """For each preparation the number of the first one that gives the same pixels or inputs.

    What is left to a batch is no part of that: each model's backend does it.

    Example:
        >>> group_same([Preparation(abs), Preparation(len), Preparation(abs)])
        [0, 1, 0]
    """
    described = [describe_steps(preparation.prepare) for preparation in preparations]
    return [described.index(one) for one in described]


def describe_steps(part: object, depth: int = _MAX_DEPTH) -> Hashable:
    """All that decides what a step does: equal for two steps only where they do the same.

    Args:
        part: A transform, one of its steps, or a value that a step holds.
        depth: How far what it holds is followed; anything deeper is equal to nothing but itself.

    Example:
        >>> describe_steps([1, "a"]) == describe_steps([1, "a"]), describe_steps(1) == describe_steps(1.0)
        (True, False)
        >>> describe_steps(object()) == describe_steps(object())
        False
    """
    kind = type(part)
    if kind in _PLAIN:
        # By what is printed: 0.0 and -0.0 are equal and do not do the same, and NaN is not equal to itself.
        return kind, repr(part)
    if depth == 0:
        return _Itself(part)
    if isinstance(part, list | tuple) and kind in (list, tuple):
        return kind, tuple(describe_steps(value, depth - 1) for value in part)
    if isinstance(part, set | frozenset) and kind in (set, frozenset):
        return kind, frozenset(describe_steps(value, depth - 1) for value in part)
    if isinstance(part, dict) and kind in (dict, OrderedDict):
        pairs = (describe_steps(pair, depth - 1) for pair in part.items())
        return kind, tuple(pairs)
    return _describe_object(part, depth)


def _describe_object(part: object, depth: int) -> Hashable:
    if isinstance(part, Enum):
        return type(part), part.name
    if isinstance(part, _TORCH_VALUES):
        return type(part), str(part)
    if isinstance(part, torch.Tensor):
        return _describe_tensor(part)
    if isinstance(part, MethodType):
        held: object = (part.__func__, part.__self__)
    elif type(part) is partial:
        held = (part.func, part.args, part.keywords)
    else:
        held = _read_state(part)
    return _Itself(part) if held is None else (type(part), describe_steps(held, depth - 1))


def _describe_tensor(part: torch.Tensor) -> Hashable:
    values = part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    # Another layout or device may take other kernels, which round otherwise.
    return type(part), str(part.dtype), str(part.device), tuple(part.shape), part.stride(), values


def _read_state(part: object) -> object:
    """All attributes; None where there may be more to an object than these."""
    kind = type(part)
    own = [name for name in _PICKLING if getattr(kind, name, None) is not getattr(object, name, None)]
    if own == ["__getstate__"] and kind.__getstate__ is getattr(torch.nn.Module, "__getstate__", None):
        return vars(part)
    if own == ["__getstate__"] and _has_generated_state(kind):
        values = {one.name: getattr(part, one.name) for one in fields(part)}  # type: ignore[arg-type]
        return values | getattr(part, "__dict__", {})
    # A bare `object()` is a mark, which only itself is.
    if own or kind is object:
        return None
    try:
        # Refused for what is made in C: its state is in no attribute.
        made = part.__reduce_ex__(2)
    except TypeError:
        return None
    plain = isinstance(made, tuple) and made[:2] == (copyreg.__newobj__, (kind,)) and not any(made[3:])  # type: ignore[attr-defined]
    # Without any state it is what its class makes it; an empty one must not pass for unreadable.
    return (made[2],) if plain else None


def _has_generated_state(kind: type) -> bool:
    """Whether the state of a class is read by what `dataclass(frozen=True, slots=True)` adds to it."""
    return is_dataclass(kind) and kind.__getstate__.__module__ == "dataclasses"
