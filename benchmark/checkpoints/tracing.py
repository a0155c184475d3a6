"""Which tensors of a file reach the model through a library's conversion.

Conversions rename, split, join, reshape and drop; they are ordinary code, so what they do is measured. Every
tensor is filled with a number of its own, and the numbers are looked for in what comes out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

StateDict = dict[str, torch.Tensor]
Convert = Callable[[StateDict], StateDict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a conversion does with the tensors of a file.

    Attributes:
        unused: Names of which nothing comes out.
        resized: Names of which more or fewer values come out than go in.
        origins: Name in the file of what comes out from one tensor alone, by the name that comes out.
        by_order: Whether the order of the file decides what becomes what, and not the names.
    """

    unused: tuple[str, ...]
    resized: tuple[str, ...]
    origins: Mapping[str, str]
    by_order: bool


def trace_usage(state: StateDict, convert: Convert) -> Usage:
    """Measure what a conversion does with each tensor.

    Args:
        state: Tensors by name; their values do not matter.
        convert: From names, shapes and values of the file to those of the model.

    Example:
        >>> state = {"q": torch.zeros(2), "k": torch.zeros(2), "index": torch.zeros(3), "b": torch.zeros(1)}
        >>> usage = trace_usage(state, lambda s: {"qk": torch.cat([s["q"], s["k"]]), "bias": s["b"] * 2 + 1})
        >>> usage.unused, usage.resized, usage.origins
        (('index',), (), {})
    """
    codes = {name: number for number, name in enumerate(state, start=1)}
    names = {float(number): name for name, number in codes.items()}
    marked = {name: _fill_like(value, codes[name]) for name, value in state.items()}
    parts = _trace(marked, convert, names)
    counts = sum((Counter(found) for found in parts.values()), Counter[str]())
    # What was computed with has other values now; a change of the input shows in the output all the same.
    computed = [name for name in state if name not in counts and _has_effect(name, marked, convert)]
    return Usage(
        unused=tuple(name for name in state if name not in counts and name not in computed),
        resized=tuple(name for name in counts if counts[name] != state[name].numel()),
        origins={name: next(iter(found)) for name, found in parts.items() if len(found) == 1},
        by_order=_depends_on_order(marked, convert, names, parts),
    )


def _trace(marked: StateDict, convert: Convert, names: Mapping[float, str]) -> dict[str, dict[str, int]]:
    """How many values of each tensor are in each that comes out."""
    converted = convert(dict(marked)).items()
    return {
        name: {names[code]: count for code, count in _count_values(value) if code in names}
        for name, value in converted
    }


def _depends_on_order(
    marked: StateDict, convert: Convert, names: Mapping[float, str], parts: Mapping[str, Mapping[str, int]]
) -> bool:
    try:
        return _trace(dict(reversed(marked.items())), convert, names) != parts
    except Exception:  # whatever the library raises, it does not take the tensors in this order
        return True


def _fill_like(value: torch.Tensor, number: int) -> torch.Tensor:
    # One element seen as many: no memory. Float32 holds whole numbers to 2**24, bfloat16 only to 256.
    dtype = torch.float32 if value.is_floating_point() else torch.int64
    return torch.full((1,) * value.ndim, number, dtype=dtype).expand(value.shape)


def _count_values(value: torch.Tensor) -> list[tuple[float, int]]:
    if value.numel() and all(
        step == 0 or size == 1 for step, size in zip(value.stride(), value.shape, strict=True)
    ):
        return [(float(value.flatten()[0]), value.numel())]
    values, counts = torch.unique(value, return_counts=True)
    return [(float(v), int(n)) for v, n in zip(values.tolist(), counts.tolist(), strict=True)]


def _has_effect(name: str, marked: StateDict, convert: Convert) -> bool:
    """Whether another value of one tensor changes anything that comes out."""
    value = marked[name]
    other = _fill_like(value, -1) if not value.is_floating_point() else value * torch.nan
    before, after = convert(dict(marked)), convert({**marked, name: other})
    return before.keys() != after.keys() or any(
        not torch.equal(before[key].nan_to_num(-2.0), after[key].nan_to_num(-3.0)) for key in before
    )
