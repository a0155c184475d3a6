"""Which class each output of a classifier is, by the labels in its own configuration.

Checkpoints call a class by its wnid, by all of WordNet's words for it, by the first of them, or by the name
that CLIPs are given. Two classes are both called "crane", and labels may be in any order, so the labels are
read together: in the usual order where they can mean that, else by elimination.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.benchmark.answers.class_names import find_classes
from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes
from imagenet_g.benchmark.errors import ModelError, shorten
from imagenet_g.benchmark.models.class_maps import IGNORED, ClassMap

BACKGROUND = ("background", "__background__")
_HINT = (
    "Name the class of each output with --class-map FILE: one wnid a line, '-' for an output to leave out."
)


def match_labels(labels: Sequence[str], *, spec: str) -> ClassMap | None:
    """The class of each output.

    Args:
        labels: One for each output, in the order of the outputs.
        spec: What to call the model in messages.

    Returns:
        None for the 1000 classes in the order of their wnids.

    Raises:
        ModelError: A label names no class, two outputs are one class, or a class has no output.

    Example:
        >>> names = [info.lemmas for info in load_classes()]
        >>> match_labels(names, spec="a") is None
        True
        >>> match_labels(["background", *names], spec="a").wnids[:2]
        ('-', 'n01440764')
        >>> match_labels(names[::-1], spec="a")
        Traceback (most recent call last):
        ...
        imagenet_g.benchmark.errors.ModelError: Model 'a': its label 'crane' stands for 2 classes ...
    """
    used = [number for number, label in enumerate(labels) if label.casefold() not in BACKGROUND]
    _check_known(labels, used, spec)
    candidates = [find_classes(labels[number]) for number in used]
    found = _place_all(candidates)
    if found is None:
        # Only now: elimination cannot place two labels that both mean two classes, such as "crane" twice.
        found = _eliminate([labels[number] for number in used], candidates, spec)
    if len(used) == len(labels) and found == list(range(NUM_CLASSES)):
        return None
    wnids = [IGNORED] * len(labels)
    for number, index in zip(used, found, strict=True):
        wnids[number] = load_classes()[index].wnid
    return ClassMap(tuple(wnids))


def _check_known(labels: Sequence[str], used: Sequence[int], spec: str) -> None:
    unknown = [number for number in used if not find_classes(labels[number])]
    if unknown:
        first = unknown[0]
        raise ModelError(
            f"Model '{spec}': its label of output {first} is '{shorten(labels[first])}', which names none of "
            f"the {NUM_CLASSES} classes; of its {len(labels)} labels {len(unknown)} do not. {_HINT}"
        )
    if len(used) != NUM_CLASSES:
        raise ModelError(
            f"Model '{spec}' has labels for {len(used)} classes where {NUM_CLASSES} are needed. {_HINT}"
        )


def _place_all(candidates: Sequence[frozenset[int]]) -> list[int] | None:
    """The usual order, where every label can mean the class of its place."""
    usual = list(range(NUM_CLASSES))
    return usual if all(place in found for place, found in zip(usual, candidates, strict=True)) else None


def _eliminate(labels: Sequence[str], candidates: Sequence[frozenset[int]], spec: str) -> list[int]:
    """The class of each output in another order: labels of one meaning first, then what they leave."""
    left = {number: set(found) for number, found in enumerate(candidates)}
    placed: dict[int, int] = {}
    while left:
        sure = {number: min(found) for number, found in left.items() if len(found) == 1}
        taken = set(sure.values())
        # Two labels that are left with one class are wrong, whichever of them is taken.
        if len(taken) < len(sure):
            _refuse_twice(labels, sure, spec)
        if not sure:
            _refuse_ambiguous(labels, left, spec)
        placed |= sure
        left = {number: found - taken for number, found in left.items() if number not in sure}
        empty = next((number for number, found in left.items() if not found), None)
        if empty is not None:
            _refuse_twice(labels, {**placed, empty: min(candidates[empty])}, spec)
    return [placed[number] for number in range(len(labels))]


def _refuse_twice(labels: Sequence[str], placed: dict[int, int], spec: str) -> None:
    first: dict[int, int] = {}
    for number, index in sorted(placed.items()):
        if index in first:
            other, info = first[index], load_classes()[index]
            raise ModelError(
                f"Model '{spec}': its labels '{shorten(labels[other])}' (output {other}) and "
                f"'{shorten(labels[number])}' (output {number}) are one class, {info.wnid}, so that another "
                f"class has no output. {_HINT}"
            )
        first[index] = number


def _refuse_ambiguous(labels: Sequence[str], left: dict[int, set[int]], spec: str) -> None:
    number, found = next(iter(left.items()))
    wnids = ", ".join(load_classes()[index].wnid for index in sorted(found))
    raise ModelError(
        f"Model '{spec}': its label '{shorten(labels[number])}' stands for {len(found)} classes ({wnids}), "
        f"and its outputs are not in the usual order, which would say which. {_HINT}"
    )
