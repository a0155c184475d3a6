"""Class names that say too little: those that two classes share, and those that also mean another thing.

`data/ambiguous_names.csv` lists the names that mean another thing as well, as a split's prompts may write
them, with a clearer one where there is one. It was read name by name by a person; it need not be complete.
Which classes share their prompts is computed and needs no list.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.records import FileModel
from imagenet_g.generation.prompts.mixing import list_parts
from imagenet_g.generation.prompts.recipes import ClassNames, load_patterns, make_class_name, make_words
from imagenet_g.generation.specs.inputs import AnyPromptSpec, CaptionPromptSpec, PromptSpec  # noqa: F401 (the examples)


class AmbiguousName(FileModel):
    """A class whose name in the prompts also means another thing, or another class."""

    wnid: str
    name: str
    """As the prompts say it."""
    other: str
    """The other meanings, separated by semicolons."""


class NameRow(AmbiguousName):
    """A row of the table."""

    clear: str
    """A name that says which is meant; empty where no words can, or where nobody has found any."""


@cache
def load_name_rows() -> tuple[NameRow, ...]:
    """The table, in the order of the wnids."""
    text = (files("imagenet_g.generation.data") / "ambiguous_names.csv").read_text(encoding="utf-8")
    return tuple(NameRow.model_validate(row) for row in csv.DictReader(text.splitlines()))


def find_twins(prompts: AnyPromptSpec | None) -> dict[int, tuple[int, ...]]:
    """For each class, the others that the same prompts ask for: an image may rightly be called any of them.

    Args:
        prompts: Of a split; None, where images are made from images alone, has no twins.

    Example:
        >>> find_twins(PromptSpec(recipe="openai-80", class_names="open_clip"))  # missile and sunglasses
        {657: (744,), 744: (657,), 836: (837,), 837: (836,)}
        >>> find_twins(PromptSpec(recipe="c-definition", class_names="open_clip"))  # definitions differ
        {}
    """
    return {} if prompts is None else dict(_group_twins(prompts))


# Asked for every shard of a release; the texts of a thousand classes are formatted once for each.
@lru_cache(maxsize=16)
def _group_twins(prompts: AnyPromptSpec) -> dict[int, tuple[int, ...]]:
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for info in load_classes():
        groups[_list_texts(prompts, info.index)].append(info.index)
    shared = {index: group for group in groups.values() if len(group) > 1 for index in group}
    return {index: tuple(other for other in shared[index] if other != index) for index in sorted(shared)}


def _list_texts(prompts: AnyPromptSpec, index: int) -> tuple[str, ...]:
    """What the prompts of a class can say, scenes aside."""
    info = load_classes()[index]
    if isinstance(prompts, CaptionPromptSpec):
        # A caption calls its class by that name and says nothing that would tell two of one name apart.
        return (info.name.casefold(),)
    texts = []
    for part in list_parts(prompts):
        words = make_words(part, info)
        words["c"] = words["c"].casefold()
        texts += [pattern.format(**words, b="") for pattern in load_patterns(part)]
    return tuple(texts)


def list_ambiguous(prompts: AnyPromptSpec | None, classes: Iterable[int]) -> tuple[AmbiguousName, ...]:
    """Classes of a split whose name in its prompts means another thing too.

    Args:
        prompts: Of the split.
        classes: Its class indices.

    Example:
        >>> spec = PromptSpec(recipe="openai-80", class_names="first-lemma")
        >>> [(one.name, one.other) for one in list_ambiguous(spec, [134])]
        [('crane', 'machine (n03126707)')]
    """
    if prompts is None:
        return ()
    kinds: set[ClassNames] = (
        {"open_clip"}
        if isinstance(prompts, CaptionPromptSpec)
        else {part.class_names for part in list_parts(prompts)}
    )
    said = {
        (load_classes()[index].wnid, make_class_name(load_classes()[index], kind))
        for index in classes
        for kind in kinds
    }
    return tuple(
        AmbiguousName(wnid=row.wnid, name=row.name, other=row.other)
        for row in load_name_rows()
        if (row.wnid, row.name) in said
    )


def name_twins(twins: Mapping[int, tuple[int, ...]], classes: Iterable[int]) -> dict[str, tuple[str, ...]]:
    """The twins of a split's classes by wnid, for its manifest.

    Example:
        >>> name_twins({657: (744,), 744: (657,)}, [1, 657])
        {'n03773504': ('n04008634',)}
    """
    info = load_classes()
    return {
        info[index].wnid: tuple(info[other].wnid for other in twins[index])
        for index in classes
        if index in twins
    }
