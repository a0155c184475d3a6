"""One rule for what wrappers put before the names of a network.

A first part that names share is taken away only if the names then fit the model, and never if they fit as
they are: `module.`, `model.`, `net.`, `_orig_mod.` and any other are one case. The part need not stand before
all names where the other entries are no part of the network (a loss, a metric, an averaged copy), or where
the rest fits without it (a head beside `backbone.`). Where two parts share out all names (`backbone.` and
`head.`), both may go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from imagenet_g.benchmark.checkpoints.contents import StateDict, is_averaged

BYSTANDERS = re.compile(
    r"(^|[._])(criterion|loss(es)?|metrics?|acc(uracy)?|top\d|top_?[k15]|f1|auroc|confmat|confusion(_matrix)?"
    r"|n_averaged|num_updates|initted)([._\d]|$)",
    re.IGNORECASE,
)
"""Entries of a training module beside its network: losses, metrics, counters of averaging. None is run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read the names of a state dict.

    Attributes:
        state: Tensors by the names so read.
        taken: What was taken away from the names; "" for nothing.
        second: What was taken away from the other names, where two parts share them out.
        partly: Whether some names went without it.
        averaged: First part of an averaged copy beside these tensors, "" for no such copy.
        bystanders: Names left out, which belong to no network.
    """

    state: StateDict
    taken: str = ""
    second: str = ""
    partly: bool = False
    averaged: str = ""
    bystanders: tuple[str, ...] = ()

    def describe(self) -> Iterator[str]:
        """Clauses for the user: what was taken away and left out."""
        if self.taken:
            also = f" and '{self.second}'" if self.second else ""
            yield f"'{self.taken}'{also} taken away from {'some of the' if self.partly else 'its'} names"
        if self.averaged:
            key = self.averaged.removesuffix(".")
            yield f"the averaged copy (EMA) beside it was not taken: --checkpoint-key {key}"
        if self.bystanders:
            more = ", ..." if len(self.bystanders) > 3 else ""
            yield (
                f"left out {len(self.bystanders)} that are no part of the network: "
                f"{', '.join(self.bystanders[:3])}{more}"
            )
        if any(name.endswith("n_averaged") for name in self.bystanders):
            yield "it is an averaged copy (torch.optim.swa_utils)"


def list_readings(state: StateDict) -> Iterator[Reading]:
    """Ways to read the names of a state dict, the plainest first: as they are, then with parts taken away.

    Example:
        >>> w = object()
        >>> [reading.taken for reading in list_readings({"module.net.b": w, "module.net.c": w})]
        ['', 'module.', 'module.net.']
        >>> [list(r.state) for r in list_readings({"model.a": w, "criterion.weight": w})][1]
        ['a']
        >>> [list(reading.state) for reading in list_readings({"module.w": w, "w": w})]  # never two of a name
        [['module.w', 'w']]
    """
    bases = [Reading(state=state), *_strip_shared(Reading(state=state))]
    yield from bases
    for base in bases:
        # Behind a shared part as well: an averaged network has its counter inside of its own wrapper.
        for reading in _list_partial_readings(base.state):
            averaged = reading.averaged and base.taken + reading.averaged
            second = reading.second and base.taken + reading.second
            yield replace(reading, taken=base.taken + reading.taken, second=second, averaged=averaged)


def _list_partial_readings(state: StateDict) -> Iterator[Reading]:
    """Readings that take something away from a part of the names."""
    firsts = [
        first for first in list_first_parts(state) if sum(n.startswith(first) for n in state) < len(state)
    ]
    # Plain copies before averaged ones.
    for first in sorted(firsts, key=is_averaged):
        group = _take_group(state, first)
        if group is not None:
            yield group
            yield from _strip_shared(group)
    for first in firsts:
        names = [name.removeprefix(first) for name in state]
        # Before most of the names: a wrapper. Before a few of them: other tensors.
        most = 2 * sum(name.startswith(first) for name in state) > len(state)
        if most and len(set(names)) == len(names):
            yield Reading(state=dict(zip(names, state.values(), strict=True)), taken=first, partly=True)
    yield from _split_in_two(state, firsts)


def _split_in_two(state: StateDict, firsts: list[str]) -> Iterator[Reading]:
    """The reading without `backbone.` and without `head.`, where every name has one of the two.

    Example:
        >>> w = object()
        >>> [list(r.state) for r in _split_in_two({"backbone.a": w, "head.fc": w}, ["backbone.", "head."])]
        [['a', 'fc']]
    """
    # Two copies of one network are a choice, and no network of two parts.
    if len(firsts) != 2 or any(is_averaged(first) for first in firsts) or not all("." in n for n in state):
        return
    names = [name.partition(".")[2] for name in state]
    if len(set(names)) == len(names):
        first, second = firsts
        yield Reading(state=dict(zip(names, state.values(), strict=True)), taken=first, second=second)


def list_first_parts(names: Iterable[str]) -> list[str]:
    """First parts of dotted names, with the dot, in order; names without a dot have none.

    Example:
        >>> list_first_parts(["net.conv.weight", "net.fc.bias", "criterion.weight", "step"])
        ['net.', 'criterion.']
    """
    return list(dict.fromkeys(name.partition(".")[0] + "." for name in names if "." in name))


def _strip_shared(reading: Reading) -> Iterator[Reading]:
    """Readings without the first part that all names share, again and again."""
    state, taken = reading.state, reading.taken
    while len(parts := {name.partition(".")[0] for name in state}) == 1 and all(
        "." in name for name in state
    ):
        part = f"{parts.pop()}."
        state = {name.removeprefix(part): value for name, value in state.items()}
        taken += part
        yield Reading(state=state, taken=taken, averaged=reading.averaged, bystanders=reading.bystanders)


def _take_group(state: StateDict, first: str) -> Reading | None:
    """The tensors under a first part, if all others are an averaged copy or no part of a network."""
    group = {name.removeprefix(first): value for name, value in state.items() if name.startswith(first)}
    rest = [name for name in state if not name.startswith(first)]
    copies = [name for name in rest if is_averaged(name.partition(".")[0]) and not BYSTANDERS.search(name)]
    bystanders = [name for name in rest if BYSTANDERS.search(name)]
    # An averaged network is a choice of its own; of the plain one it is the copy.
    if len(copies) + len(bystanders) < len(rest) and not is_averaged(first):
        return None
    if is_averaged(first) and len(bystanders) < len(rest):
        return None
    averaged = copies[0].partition(".")[0] + "." if copies else ""
    return Reading(state=group, taken=first, averaged=averaged, bystanders=tuple(bystanders))
